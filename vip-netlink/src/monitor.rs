//! What others do to interfaces and addresses, told as it happens.

mod event;
mod follower;
mod ours;
mod picture;
mod socket;
#[cfg(test)]
mod tests;

use std::os::fd::{AsFd, BorrowedFd};

pub use self::{
    event::{Event, EventKind, Lost, Origin},
    picture::Picture,
};
pub(crate) use self::{follower::Follower, ours::Monitors};
use self::{
    ours::Ours,
    socket::{Arrival, EventSocket},
};
use crate::{
    error::{Error, Failure, Operation},
    netlink::Netlink,
};
use kernel_netlink::Message;

/// Watches the interfaces and addresses of a network namespace, whoever changes them.
///
/// It keeps a [`Picture`] of them and tells how that changes. The socket never blocks: wait on its file descriptor
/// ([`AsFd`]) to become readable, then take events until there are none. When the kernel has more to tell than the socket
/// holds, everything is listed anew and compared: nothing that is so in the end stays untold, and [`EventKind::Resynced`]
/// says that something in between did.
///
/// ```no_run
/// use std::os::fd::AsFd;
///
/// use vip_netlink::{Address, EventKind, Monitor, Netlink, Origin};
///
/// # fn wait_until_readable(_: std::os::fd::BorrowedFd<'_>) {}
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut netlink = Netlink::open()?;
/// let mut monitor = Monitor::open()?;
/// monitor.recognize(&mut netlink)?;
/// let eth0 = monitor.picture().interface_named("eth0").copied().ok_or("there is no eth0")?;
/// let vip: Address = "192.0.2.10/32".parse()?;
/// netlink.add(&eth0, vip)?;
/// loop {
///     while let Some(event) = monitor.next_event()? {
///         match event.kind {
///             EventKind::AddressRemoved(gone) if gone.address() == vip && event.origin != Origin::Us => {
///                 netlink.add(&eth0, vip)?;
///             }
///             EventKind::InterfaceUnusable(interface) => println!("{} cannot be used", interface.name()),
///             _ => {}
///         }
///     }
///     wait_until_readable(monitor.as_fd());
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct Monitor {
    socket: EventSocket,
    requests: Netlink,
    follower: Follower,
    ours: Ours,
    lost: Option<Lost>,
}

impl Monitor {
    /// Starts to watch the network namespace of the calling thread. Needs no privilege; with `CAP_NET_ADMIN` in the
    /// initial user namespace its receive buffer holds some 10,000 events, otherwise as many as `net.core.rmem_max` allows.
    ///
    /// What is there now is in the [`picture`](Self::picture), and no event.
    ///
    /// # Errors
    ///
    /// The process or the system is out of file descriptors or memory;
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging), after some attempts, while others change something all the time.
    pub fn open() -> Result<Self, Error> {
        Self::with_receive_buffer(RECEIVE_BUFFER)
    }

    /// Does the same with a receive buffer of another size, in bytes: an event takes some 800 of the kernel's memory, and
    /// the kernel doubles the number for that.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub fn with_receive_buffer(bytes: usize) -> Result<Self, Error> {
        let socket = EventSocket::open(bytes).map_err(|error| Operation::OpenMonitor.failed(error))?;
        Self::over(socket, Netlink::open()?)
    }

    /// The socket is in its groups by now, so that whatever changes while the lists are read is an event afterwards.
    fn over(socket: EventSocket, mut requests: Netlink) -> Result<Self, Error> {
        let interfaces = requests.interfaces()?;
        let addresses = requests.list_all().map_err(|failure| Operation::ListAllAddresses.failed(failure))?;
        let follower = Follower::start(&interfaces, &addresses);
        Ok(Self { socket, requests, follower, ours: Ours::default(), lost: None })
    }

    /// Counts what is done through a handle as done by us, until the handle is dropped.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn recognize(&mut self, handle: &mut Netlink) -> Result<(), Error> {
        let port = handle.port().map_err(|error| Operation::Watch.failed(error))?;
        self.ours.admit(port, handle.monitors());
        Ok(())
    }

    /// Returns the interfaces and addresses there are.
    pub fn picture(&self) -> &Picture {
        self.follower.picture()
    }

    /// Returns the size of the receive buffer, in bytes as the kernel counts them.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn receive_buffer(&self) -> Result<usize, Error> {
        self.socket.receive_buffer().map_err(|error| Operation::Watch.failed(error))
    }

    /// Returns the next event; `None` when there is none now. Needs no privilege.
    ///
    /// Call it until it returns `None` before waiting: there may be events while the file descriptor is not readable.
    /// What changes nothing in the picture is no event: the kernel repeats itself a lot. After a loss the call takes as long as
    /// listing everything, several times while others change something: milliseconds for a thousand addresses, and no
    /// longer than about a second for each list that the kernel does not give.
    ///
    /// # Errors
    ///
    /// Events were lost and the lists could not be read:
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging) while others change something all the time, or one of those of
    /// [`open`](Self::open). [`is_stale`](Self::is_stale) is true then, and each call tries again: call it after a moment,
    /// readable or not.
    pub fn next_event(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.follower.poll_event() {
                return Ok(Some(event));
            }
            if let Some(lost) = self.lost {
                self.resync(lost)?;
            } else if self.receive()? == Reading::Done {
                return Ok(None);
            }
        }
    }

    /// Tells whether events were lost and the picture is not yet what is.
    pub fn is_stale(&self) -> bool {
        self.lost.is_some()
    }

    fn receive(&mut self) -> Result<Reading, Error> {
        let arrival = self.socket.receive().map_err(|failure| Operation::Watch.failed(failure))?;
        let ours = &self.ours;
        match arrival {
            Arrival::Datagram(bytes) => {
                let who = |message: &Message<'_>, kind: &EventKind| ours.origin(message.port(), kind);
                if self.follower.handle_datagram(bytes, who).is_err() {
                    self.lost = Some(Lost::Malformed);
                }
            }
            Arrival::Oversized => self.lost = Some(Lost::Malformed),
            Arrival::Overflow => self.lost = Some(Lost::Overflow),
            Arrival::Nothing => {
                ours.settle();
                return Ok(Reading::Done);
            }
        }
        Ok(Reading::GoesOn)
    }

    /// Lists everything anew. Should the buffer overflow again meanwhile, the next call finds out.
    fn resync(&mut self, lost: Lost) -> Result<(), Error> {
        let failed = |failure: Failure| Operation::Watch.failed(failure);
        self.socket.discard_backlog().map_err(failed)?;
        self.ours.forget();
        let interfaces = self.requests.interfaces()?;
        let addresses =
            self.requests.list_all().map_err(|failure| Operation::ListAllAddresses.failed(failure))?;
        self.follower.handle_lists(&interfaces, &addresses, lost);
        self.lost = None;
        Ok(())
    }
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Reading {
    GoesOn,
    Done,
}

/// In bytes, as asked for; the kernel grants twice as many.
const RECEIVE_BUFFER: usize = 4 << 20;
