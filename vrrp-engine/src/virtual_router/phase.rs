use vrrp_proto::AdvertInterval;

use super::repeat::Repeat;
use crate::{Instant, Peer, State, announcements::Announcing, time::Nanos};

/// A state and its deadlines.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Phase {
    /// Started, but still to wait, where there is a moment.
    Initialize {
        start_at: Option<Instant>,
    },
    Fault,
    Backup(Listening),
    Master(Reigning),
}

impl Phase {
    #[inline]
    pub(crate) const fn state(&self) -> State {
        match self {
            Self::Initialize { .. } => State::Initialize,
            Self::Fault => State::Fault,
            Self::Backup(_) => State::Backup,
            Self::Master(_) => State::Master,
        }
    }

    /// Returns when there is something to do.
    #[inline]
    pub(crate) fn due_at(&self) -> Option<Instant> {
        match self {
            Self::Initialize { start_at } => *start_at,
            Self::Fault => None,
            Self::Backup(listening) => Some(listening.master_down_at),
            Self::Master(Reigning { advertise_at, announcing, .. }) => {
                Some(announcing.due_at().map_or(*advertise_at, |announce_at| announce_at.min(*advertise_at)))
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Listening {
    pub(crate) master_down_at: Instant,
    /// The Master_Down_Interval.
    pub(crate) master_down: Nanos,
    /// The Master_Adver_Interval of version 3, which it is computed from; in version 2, our own.
    pub(crate) master_interval: AdvertInterval,
    /// The last advertisement taken since this state was entered, or the one that it was entered for.
    pub(crate) heard: Option<Peer>,
    /// Of a Master that is worse, where preemption has a delay.
    pub(crate) worse: Option<Worse>,
    /// The last packet, if it was followed and nothing has happened since.
    pub(crate) repeat: Option<Repeat>,
    /// The timer was started anew after a pause, and has not run out since.
    pub(crate) was_paused: bool,
    /// The timer of a member of a sync group has run out, and the others' have not.
    pub(crate) wants_office: bool,
}

/// A Master that is to be preempted after a delay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worse {
    pub(crate) since: Instant,
    /// When the RFCs' machine would have preempted it.
    pub(crate) without_delay_at: Instant,
    /// Whether the delay decides when the timer runs out, and not the Master's silence.
    pub(crate) is_over: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Reigning {
    pub(crate) advertise_at: Instant,
    /// When it last did.
    pub(crate) advertised_at: Instant,
    pub(crate) announcing: Announcing,
    /// Where this is not the leader of its sync group, and another Master is better.
    pub(crate) contest: Option<Contest>,
}

/// A better Master that has not yet made this one give way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Contest {
    pub(crate) since: Instant,
    pub(crate) heard_at: Instant,
}
