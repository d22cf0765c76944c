use core::{fmt, time::Duration};

use vrrp_proto::{Addresses, Advertisement, Checksum, EncodeError, Endpoints, Priority};
#[cfg(feature = "auth")]
use vrrp_proto::{AhKey, PreparedAh};

use crate::{Accept, Transition, announcements::Piece};

/// What the caller must do next.
///
/// Each order is idempotent: done twice, or done when nothing had changed, it does no harm. `Display` makes a line for a log
/// of it.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_enums, reason = "a caller that ignores an order is not a router")]
pub enum Output<'a> {
    /// Send this.
    Advertise(Advertise<'a>),
    /// Take these addresses off the interface; those that are not on it are no error.
    ///
    /// It comes at start as well: a predecessor that crashed may have left them. An owner (priority 255) is told so when
    /// it is shut down; if its addresses are the host's own, it is for the caller to leave them there.
    Release(Addresses<'a>),
    /// Put these addresses on the interface.
    Acquire(Acquire<'a>),
    /// Tell the neighbours where these addresses are.
    Announce(Announce<'a>),
    /// The state has changed: for logs, scripts and whatever follows the Master.
    Transition(Transition),
    /// This router was not run for so long past its deadline that another may have taken over in the meantime. What it did about
    /// that is in [`OnPause`](crate::OnPause); this is for the log.
    Overdue(Duration),
}

impl fmt::Display for Output<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Advertise(Advertise { advertisement, endpoints, .. }) => {
                write!(f, "advertise priority {} to {}", advertisement.priority(), endpoints.destination())
            }
            Self::Release(addresses) => write!(f, "release {}", Listed(*addresses)),
            Self::Acquire(acquire) => write!(f, "acquire {}", Listed(acquire.addresses)),
            Self::Announce(announce) => {
                write!(f, "announce {} {} times", Listed(announce.addresses), announce.times)
            }
            Self::Transition(transition) => transition.fmt(f),
            Self::Overdue(lateness) => write!(f, "not run for {lateness:?} past the deadline"),
        }
    }
}

/// An advertisement, and where it goes. To several peers, there is one for each.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Advertise<'a> {
    /// What is to be said.
    pub advertisement: Advertisement<'a>,
    /// The address it is sent from, and the group or the peer it is sent to.
    pub endpoints: Endpoints,
    /// The TTL or hop limit it is sent with.
    pub hop_limit: u8,
    /// What its checksum is to cover.
    pub checksum: Checksum,
    #[cfg(feature = "auth")]
    pub(crate) ah_key: Option<&'a AhKey>,
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

    /// Writes the whole datagram of one that has an Authentication Header, from the IP header on, to the start of `buffer`, to
    /// be sent through a raw socket with `IP_HDRINCL`; returns its length. `None` where there is no such header.
    ///
    /// Receivers want each sequence number to be greater than the one before: start with the seconds since 1970, which are
    /// believed at once after a restart, and add one each time.
    ///
    /// # Errors
    ///
    /// [`EncodeError::BufferTooSmall`]; [`Advertisement::MAX_LEN`] and 44 bytes are always enough.
    #[cfg(feature = "auth")]
    #[cfg_attr(docsrs, doc(cfg(feature = "auth")))]
    pub fn seal(&self, sequence: u32, buffer: &mut [u8]) -> Option<Result<usize, EncodeError>> {
        let key = self.ah_key?;
        let prepared = PreparedAh::new(&self.advertisement, &self.endpoints, self.hop_limit, buffer);
        Some(prepared.map(|mut prepared| prepared.seal(key, sequence).len()))
    }
}

/// Addresses to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Acquire<'a> {
    /// All virtual addresses, those that are held already too.
    pub addresses: Addresses<'a>,
    /// Whether packets to them are to be accepted, or only passed on.
    pub accept: Accept,
}

/// Addresses to announce: with a gratuitous ARP or an unsolicited neighbour advertisement each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Announce<'a> {
    /// The addresses whose turn it is.
    pub addresses: Addresses<'a>,
    /// How often each is to be announced now, 1 or more: once through the list, then again.
    pub times: u8,
}

/// The orders that wait to be polled: at most one of each kind, the newest.
///
/// So it needs no queue, cannot overflow, and a caller that polls late is told what holds now, not what held once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// With which priority, and to how many destinations it has gone already.
    advertise: Option<(Priority, usize)>,
    /// Addresses that are no longer configured are to be let go.
    pub(crate) release_former: bool,
    pub(crate) holding: Option<Holding>,
    pub(crate) announce: Option<Piece>,
    pub(crate) overdue: Option<Duration>,
    transition: Option<Transition>,
}

impl Pending {
    #[inline]
    pub(crate) const fn has_advertisement(&self) -> bool {
        self.advertise.is_some()
    }

    /// Whether there is something else than an advertisement.
    #[inline]
    pub(crate) const fn has_more(&self) -> bool {
        self.holding.is_some()
            || self.announce.is_some()
            || self.transition.is_some()
            || self.overdue.is_some()
            || self.release_former
    }

    /// Orders an advertisement, to all destinations.
    pub(crate) const fn advertise(&mut self, priority: Priority) {
        self.advertise = Some((priority, 0));
    }

    /// Sends what is being sent to several destinations to all of them again: they may be others now.
    pub(crate) const fn begin_again(&mut self) {
        if let Some((_, number)) = &mut self.advertise {
            *number = 0;
        }
    }

    /// Takes an order back that claims the office. One that gives it up still goes out.
    pub(crate) fn claim_nothing(&mut self) {
        self.advertise = self.advertise.filter(|(priority, _)| priority.is_release());
    }

    /// Returns the advertisement's priority and the number of its next destination.
    pub(crate) const fn advertisement(&self) -> Option<(Priority, usize)> {
        self.advertise
    }

    /// Goes on to the destination after that, or is done with the advertisement.
    pub(crate) const fn next_destination(&mut self, next: Option<(Priority, usize)>) {
        self.advertise = next;
    }

    /// Adds to what is to be announced.
    pub(crate) fn announce(&mut self, piece: Piece) {
        self.announce = Some(match self.announce.take() {
            Some(unseen) => unseen.and(&piece),
            None => piece,
        });
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

/// The first of the addresses, and how many more there are.
struct Listed<'a>(Addresses<'a>);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut addresses = self.0.iter();
        match (addresses.next(), addresses.len()) {
            (None, _) => f.write_str("nothing"),
            (Some(first), 0) => first.fmt(f),
            (Some(first), more) => write!(f, "{first} and {more} more"),
        }
    }
}
