use super::Mode;
use crate::{Admin, Health};

/// Everything there is to know of a [`Pool`](super::Pool), but for its targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolSnapshot {
    /// By which rules it goes.
    pub mode: Mode,
    /// Whether it has its quorum.
    pub has_quorum: bool,
    /// The weight that is up.
    pub weight: u64,
    /// The weight below which the quorum is lost, or with which it is gained.
    pub needed: u64,
    /// How many targets it has.
    pub targets: u32,
    /// How many of these are up.
    pub up: u32,
    /// How many of these are not known yet: keepalived's *checkers not run*.
    pub unknown: u32,
    /// The counters.
    pub stats: PoolStats,
}

/// Everything there is to know of a target in a [`Pool`](super::Pool).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TargetSnapshot<K> {
    /// Which.
    pub key: K,
    /// Whether it is fit to serve, the operator's order included.
    pub health: Health,
    /// The operator's order.
    pub admin: Admin,
    /// How much it is to get when it serves.
    pub weight: u32,
    /// What the balancer was last told: its weight there, or that it is not there.
    pub entry: Option<u32>,
}

/// What a [`Pool`](super::Pool) has done since it was made. Never reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Orders to add.
    pub added: u64,
    /// Orders to change a weight.
    pub reweighed: u64,
    /// Orders to remove.
    pub removed: u64,
    /// Times the quorum was gained.
    pub quorum_gains: u64,
    /// Times the quorum was lost.
    pub quorum_losses: u64,
    /// Times the fallback was put in.
    pub fallbacks: u64,
    /// Times all targets were taken for up.
    pub panics: u64,
}
