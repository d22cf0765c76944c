use crate::{address::AssignedAddress, link::Interface};

/// Something that changed, and by whom.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Event {
    /// What changed.
    pub kind: EventKind,
    /// Who changed it, as far as that is known.
    pub origin: Origin,
}

/// What changed.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// An interface was created, or came from another namespace. It is not usable until an event says so.
    InterfaceAdded(Interface),
    /// An interface is another than before in what [`Interface`] tells, its name among it.
    InterfaceChanged {
        /// As it was.
        before: Interface,
        /// As it is.
        now: Interface,
    },
    /// An interface was deleted, or moved to another namespace: as it was last. Its addresses were removed before.
    ///
    /// One of the same name that comes later has another index, and sockets do not find it by themselves.
    InterfaceRemoved(Interface),
    /// Packets pass from now on: it is up and running, and so is the interface it rests on, if any.
    InterfaceUsable(Interface),
    /// Packets do not pass any longer. An interface that is removed is not told to be unusable before.
    InterfaceUnusable(Interface),
    /// An address was added.
    AddressAdded(AssignedAddress),
    /// An address is another than before in what [`AssignedAddress`] tells: duplicate address detection has ended, or its
    /// preferred lifetime.
    AddressChanged {
        /// As it was.
        before: AssignedAddress,
        /// As it is.
        now: AssignedAddress,
    },
    /// An address was removed: as it was last.
    AddressRemoved(AssignedAddress),
    /// Events were lost, and the differences are told now: what stands before this was found by comparing, as far as its
    /// origin is [`Origin::Unknown`]. What came and went meanwhile is not told.
    Resynced(Lost),
}

impl EventKind {
    /// Returns the interface that changed: as it is now, or was last.
    pub fn interface(&self) -> Option<&Interface> {
        match self {
            Self::InterfaceAdded(interface)
            | Self::InterfaceChanged { now: interface, .. }
            | Self::InterfaceRemoved(interface)
            | Self::InterfaceUsable(interface)
            | Self::InterfaceUnusable(interface) => Some(interface),
            Self::AddressAdded(_)
            | Self::AddressChanged { .. }
            | Self::AddressRemoved(_)
            | Self::Resynced(_) => None,
        }
    }

    /// Returns the address that changed: as it is now, or was last.
    pub fn address(&self) -> Option<&AssignedAddress> {
        match self {
            Self::AddressAdded(address)
            | Self::AddressChanged { now: address, .. }
            | Self::AddressRemoved(address) => Some(address),
            Self::InterfaceAdded(_)
            | Self::InterfaceChanged { .. }
            | Self::InterfaceRemoved(_)
            | Self::InterfaceUsable(_)
            | Self::InterfaceUnusable(_)
            | Self::Resynced(_) => None,
        }
    }
}

/// Why events were lost.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lost {
    /// There were more than the receive buffer holds (`ENOBUFS`).
    Overflow,
    /// What arrived could not be understood.
    Malformed,
}

/// Who changed something.
///
/// The kernel names the author of a change of an IPv4 address. Of an IPv6 address it does not, so handles of ours note what
/// they add and remove. Nothing is known of the author of a change of an interface.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth answer")]
pub enum Origin {
    /// A handle that the monitor was told of ([`Monitor::recognize`](crate::Monitor::recognize)).
    Us,
    /// Anybody else.
    Others,
    /// Not said: found by comparing, a consequence of another change, or a kind of change whose author is not named.
    Unknown,
}
