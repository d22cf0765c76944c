use std::fmt;

use crate::Health;

/// What a balancer is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "an order that is overlooked leaves a balancer wrong")]
pub enum Action<K> {
    /// Put in what is not there.
    Add {
        /// Which.
        key: K,
        /// Its weight, which may be 0.
        weight: u32,
    },
    /// Change the weight of what is there.
    SetWeight {
        /// Which.
        key: K,
        /// Its weight. 0: it keeps its connections, and gets no new ones.
        weight: u32,
    },
    /// Take out what is there.
    Remove {
        /// Which.
        key: K,
    },
}

impl<K: Copy> Action<K> {
    /// What leads from the one entry to the other.
    pub(super) fn between(key: K, is: Option<u32>, wanted: Option<u32>) -> Option<Self> {
        match (is, wanted) {
            (None, None) => None,
            (None, Some(weight)) => Some(Self::Add { key, weight }),
            (Some(_), None) => Some(Self::Remove { key }),
            (Some(is), Some(weight)) => (is != weight).then_some(Self::SetWeight { key, weight }),
        }
    }

    /// First what is put in, then what changes, then what is taken out: so that there is always somebody.
    pub(super) fn rank(&self) -> (u8, K) {
        match *self {
            Self::Add { key, .. } => (0, key),
            Self::SetWeight { key, .. } => (1, key),
            Self::Remove { key } => (2, key),
        }
    }
}

impl<K: fmt::Display> fmt::Display for Action<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add { key, weight } => write!(f, "add {key} with weight {weight}"),
            Self::SetWeight { key, weight } => write!(f, "set {key} to weight {weight}"),
            Self::Remove { key } => write!(f, "remove {key}"),
        }
    }
}

/// What a [`Pool`](super::Pool) has to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolEvent<K> {
    /// A target's health is another.
    Target {
        /// Which.
        key: K,
        /// What it was.
        from: Health,
        /// What it is.
        to: Health,
    },
    /// The quorum has been gained; or it is there at the first look.
    QuorumGained {
        /// The weight that is up.
        weight: u64,
        /// What was needed.
        needed: u64,
    },
    /// The quorum has been lost; or it is not there at the first look.
    QuorumLost {
        /// The weight that is up.
        weight: u64,
        /// What was needed.
        needed: u64,
    },
    /// The pool goes by other rules.
    Mode {
        /// Those before.
        from: Mode,
        /// Those now.
        to: Mode,
    },
}

/// By which rules a [`Pool`](super::Pool) goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new mode must not go unnoticed in a match")]
pub enum Mode {
    /// Those that are up serve.
    #[default]
    Normal,
    /// There is no quorum: the fallback serves, alone.
    Fallback,
    /// Too many are down to be true: all serve.
    Panic,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Normal => "normal",
            Self::Fallback => "fallback",
            Self::Panic => "panic",
        })
    }
}

impl<K: fmt::Display> fmt::Display for PoolEvent<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Target { key, from, to } => write!(f, "{key}: {from} -> {to}"),
            Self::QuorumGained { weight, needed } => write!(f, "quorum gained: {weight} of {needed}"),
            Self::QuorumLost { weight, needed } => write!(f, "quorum lost: {weight} of {needed}"),
            Self::Mode { from, to } => write!(f, "{from} -> {to}"),
        }
    }
}
