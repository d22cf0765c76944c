//! A router of either kind, running.

use std::path::Path;

use lab::Namespace;

use crate::{
    combination::{Combination, Kind, Role, Side},
    keepalived::Keepalived,
    ours::Ours,
};

/// The number of the virtual router.
pub(crate) const VRID: u8 = 51;

/// What a router has said so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<String>,
    /// The states it has entered, in order: `Backup`, `Master` or `Fault`.
    pub(crate) states: Vec<String>,
}

/// A router. Dropped, it is killed.
pub(crate) enum Router {
    Ours(Ours),
    Keepalived(Keepalived),
}

impl Router {
    /// Starts it. keepalived takes a while to become Backup, which is waited for.
    pub(crate) fn start(
        kind: Kind,
        program: &Path,
        host: &Namespace,
        combination: Combination,
        side: Side,
        role: Role,
    ) -> Self {
        match kind {
            Kind::Ours => Self::Ours(Ours::start(host, combination, side, role)),
            Kind::Keepalived => Self::Keepalived(Keepalived::start(program, host, combination, side, role)),
        }
    }

    /// Ends it as a crash does, and returns what it has said.
    pub(crate) fn crash(mut self) -> Log {
        match &mut self {
            Self::Ours(ours) => ours.crash(),
            Self::Keepalived(keepalived) => keepalived.crash(),
        }
        self.log()
    }

    /// Ends it as SIGTERM does, and returns what it has said.
    pub(crate) fn stop(mut self) -> Log {
        match &mut self {
            Self::Ours(ours) => ours.stop(),
            Self::Keepalived(keepalived) => keepalived.stop(),
        }
        self.log()
    }

    /// Changes its priority while it runs.
    pub(crate) fn set_priority(&mut self, priority: u8) {
        match self {
            Self::Ours(ours) => ours.set_priority(priority),
            Self::Keepalived(keepalived) => keepalived.set_priority(priority),
        }
    }

    pub(crate) fn log(&self) -> Log {
        match self {
            Self::Ours(ours) => ours.log(),
            Self::Keepalived(keepalived) => keepalived.log(),
        }
    }
}
