use std::time::Duration;

use crate::{Class, Endpoint, Probe, Script};

/// Something to look at again and again: what an [`Engine`](super::Engine) is given.
#[derive(Debug)]
pub struct Check {
    pub(super) work: Work,
    pub(super) class: Option<Class>,
    pub(super) timeout: Duration,
}

#[derive(Debug)]
pub(super) enum Work {
    Probe { endpoint: Endpoint, probe: Box<dyn Probe> },
    Script(Box<Script>),
    Alarm,
}

impl Check {
    /// Asks a target over the network.
    #[must_use]
    pub fn new(endpoint: impl Into<Endpoint>, probe: impl Probe + 'static) -> Self {
        let class = probe.class();
        Self::of(Work::Probe { endpoint: endpoint.into(), probe: Box::new(probe) }, Some(class))
    }

    /// Runs a program.
    #[must_use]
    pub fn script(script: Script) -> Self {
        Self::of(Work::Script(Box::new(script)), Some(Class::Script))
    }

    /// Runs nothing: when it is due, that is [`Event::Due`](super::Event::Due). For what somebody else is to report, and for
    /// time that passes.
    #[must_use]
    pub fn alarm() -> Self {
        Self::of(Work::Alarm, None)
    }

    /// Sets how long a run may take from its start to its end, whatever it does and however often it receives something: 5 s if
    /// not set; at least 1 ms.
    #[must_use]
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.max(MIN_TIMEOUT), ..self }
    }

    fn of(work: Work, class: Option<Class>) -> Self {
        Self { work, class, timeout: Duration::from_secs(5) }
    }
}

/// A check of one [`Engine`](super::Engine), as long as it is not removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId {
    pub(super) index: u32,
    pub(super) generation: u32,
}

impl CheckId {
    /// Returns a number that no other check of the engine has now, below the highest number of checks it ever had: an index
    /// into a table of one's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.index as usize
    }
}

pub(super) const MIN_TIMEOUT: Duration = Duration::from_millis(1);
