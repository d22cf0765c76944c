use core::{fmt, net::IpAddr};

use vrrp_proto::{Addresses, Advertisement, Checksum, EncodeError, Endpoints, Priority};

/// What the caller must do next.
///
/// Each order is idempotent: done twice, or done when nothing had changed, it does no harm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a caller that ignores an order is not a router")]
pub enum Output<'a> {
    /// Send this, with TTL or hop limit 255.
    Advertise(Advertise<'a>),
    /// Put these addresses on the interface.
    Acquire(Addresses<'a>),
    /// Take these addresses off the interface; those that are not on it are no error.
    ///
    /// It comes at start as well: a predecessor that crashed may have left them. An owner (priority 255) is told so when
    /// it is shut down; if its addresses are the host's own, it is for the caller to leave them there.
    Release(Addresses<'a>),
    /// Tell the neighbours that these addresses are here: a gratuitous ARP or an unsolicited neighbour advertisement each.
    Announce(Addresses<'a>),
    /// The state has changed: for logs, scripts and whatever follows the Master.
    Transition(Transition),
}

/// An advertisement, and where it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Advertise<'a> {
    /// What is to be said.
    pub advertisement: Advertisement<'a>,
    /// The address it is sent from, and the group it is sent to.
    pub endpoints: Endpoints,
    /// What its checksum is to cover.
    pub checksum: Checksum,
}

impl Advertise<'_> {
    /// Writes the message, what follows the IP header, to the start of `buffer`.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`]; [`Advertisement::MAX_LEN`] bytes are always enough.
    pub fn encode<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b mut [u8], EncodeError> {
        self.advertisement.encode(&self.endpoints, self.checksum, buffer)
    }
}

/// A change of state, with its reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transition {
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// Why.
    pub reason: Reason,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.reason)
    }
}

/// The states of a virtual router (RFC 3768 §6.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "a new state must not go unnoticed in a match")]
pub enum State {
    /// Not started, or shut down: it neither sends nor listens.
    Initialize,
    /// It watches the Master, ready to take over.
    Backup,
    /// It holds the addresses and advertises. RFC 9568 says Active.
    Master,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialize => "Initialize",
            Self::Backup => "Backup",
            Self::Master => "Master",
        })
    }
}

/// Why a state was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The operator started it.
    Startup,
    /// The operator shut it down.
    Shutdown,
    /// No Master was heard at all for the Master_Down_Interval.
    NoMaster,
    /// The Master fell silent: nothing more from it for the Master_Down_Interval.
    MasterSilent(Peer),
    /// The Master gave up its office with priority 0, and nobody better took over within the Skew_Time.
    MasterReleased(Peer),
    /// There is a Master of lower priority, and this router preempts it.
    LowerPriorityMaster(Peer),
    /// Another Master has a higher priority, or the same priority and a higher address.
    BetterMaster(Peer),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup => f.write_str("started"),
            Self::Shutdown => f.write_str("shut down"),
            Self::NoMaster => f.write_str("no Master was heard"),
            Self::MasterSilent(peer) => write!(f, "Master {peer} fell silent"),
            Self::MasterReleased(peer) => write!(f, "Master {} gave up its office", peer.source),
            Self::LowerPriorityMaster(peer) => write!(f, "Master {peer} has a lower priority"),
            Self::BetterMaster(peer) => write!(f, "Master {peer} is better"),
        }
    }
}

/// Another router of the group, as its last advertisement showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Peer {
    /// The address it sends from.
    pub source: IpAddr,
    /// The priority it claims.
    pub priority: Priority,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (priority {})", self.source, self.priority)
    }
}

/// The orders that wait to be polled: at most one of each kind, the newest.
///
/// So it needs no queue, cannot overflow, and a caller that polls late is told what holds now, not what held once.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pending {
    pub(crate) advertise: Option<Priority>,
    pub(crate) holding: Option<Holding>,
    pub(crate) announce: bool,
    transition: Option<Transition>,
}

impl Pending {
    pub(crate) const fn is_empty(&self) -> bool {
        self.advertise.is_none() && self.holding.is_none() && !self.announce && self.transition.is_none()
    }

    /// Adds a transition to one that nobody has seen yet: they become one, and none if it leads back.
    pub(crate) fn transition(&mut self, new: Transition) {
        let from = self.transition.map_or(new.from, |unseen| unseen.from);
        self.transition = (from != new.to).then_some(Transition { from, ..new });
    }

    pub(crate) const fn take_transition(&mut self) -> Option<Transition> {
        self.transition.take()
    }
}

/// What the interface shall hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holding {
    Acquire,
    Release,
}
