//! Announcements: which frames, from where, and when they fail.

mod arp;
mod batch;
mod neighbour;
mod paced;
mod pacing;
mod schedule;

use std::{
    io,
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd},
};

use etherparse::EtherType;
use nix::libc;
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

pub use arp::ArpForm;
pub use batch::BatchError;
pub use paced::PacedAnnouncer;
pub use pacing::Pacing;

use crate::{
    error::{Cause, Error, Operation},
    link::{Interface, Ipv6Role, Name},
};
use batch::{Batch, Stopped};

/// Tells the neighbours on an Ethernet that an address is now to be found at this interface.
///
/// For IPv4 the frame is a gratuitous ARP, the announcement of RFC 5227 §2.3: a broadcast request whose sender and target
/// are both the address, its target hardware address zero; or a reply ([`ArpForm`]). For IPv6 it is an unsolicited neighbour
/// advertisement (RFC 4861 §7.2.6, RFC 9568 §6.4.1): from the address itself to all nodes, hop limit 255, Override set,
/// Solicited clear, with the hardware address. A switch learns the port from either, and hosts that know the address replace
/// what they knew. The socket only sends and never blocks. Sending allocates nothing.
///
/// When to send how many is up to the caller; [`PacedAnnouncer`] knows.
#[derive(Debug)]
pub struct Announcer {
    socket: Socket,
    targets: Targets,
    request: arp::Template,
    reply: arp::Template,
    neighbour: neighbour::Template,
    arp_form: ArpForm,
    hardware_address: [u8; 6],
    interface: Name,
}

impl Announcer {
    /// Opens a packet socket to send on `interface`, from the MAC address it had when it was looked up, and as what it was
    /// then to its IPv6 neighbours ([`Interface::ipv6_role`]). Needs `CAP_NET_RAW`.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); [`Unsuitable`](crate::ErrorKind::Unsuitable) for an interface
    /// that does not resolve addresses over Ethernet, such as loopback.
    pub fn open(interface: &Interface) -> Result<Self, Error> {
        let operation = || Operation::OpenAnnouncer(interface.short_name());
        let hardware_address = interface
            .hardware_address()
            .filter(|_| interface.supports_arp())
            .ok_or_else(|| operation().failed(Cause::NoArp))?;
        // Protocol 0: the kernel hands such a socket no frames, so that no queue fills unread.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)
            .map_err(|error| operation().failed(error))?;
        Ok(Self {
            socket,
            targets: Targets::new(interface.index()),
            request: arp::Template::request(hardware_address),
            reply: arp::Template::reply(hardware_address),
            neighbour: neighbour::Template::new(hardware_address, interface.ipv6_role()),
            arp_form: ArpForm::default(),
            hardware_address,
            interface: interface.short_name(),
        })
    }

    /// Announces IPv4 addresses by this kind of ARP packet (default [`ArpForm::Request`]).
    #[must_use]
    pub fn with_arp_form(self, arp_form: ArpForm) -> Self {
        Self { arp_form, ..self }
    }

    /// Announces IPv6 addresses as those of a router or of a host, whatever the interface says.
    ///
    /// Neighbours that use an address as their router stop doing so when a host announces it (RFC 4861 §7.2.5).
    #[must_use]
    pub fn with_ipv6_role(self, ipv6_role: Ipv6Role) -> Self {
        Self { neighbour: neighbour::Template::new(self.hardware_address, ipv6_role), ..self }
    }

    /// Sends one announcement. Needs no privilege beyond that of [`open`](Self::open).
    ///
    /// Announcements get lost like any frame, and some hosts ignore one that follows another change within a second:
    /// send a few, some of them more than a second apart. Where the interface is up but has no carrier
    /// ([`Interface::is_running`]), the kernel drops the frame and says nothing: announce once more when it has.
    ///
    /// # Errors
    ///
    /// [`InterfaceDown`](crate::ErrorKind::InterfaceDown), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface) when it
    /// was deleted, [`Busy`](crate::ErrorKind::Busy) when its queue is full.
    pub fn announce(&self, ip: IpAddr) -> Result<(), Error> {
        let mut frames = self.frames(ip).into_iter().flatten();
        frames
            .try_for_each(|frame| self.transmit(&frame))
            .map_err(|error| Operation::Announce(ip, self.interface).failed(error))
    }

    /// Sends an announcement of each address, in the order given, some dozens with each system call, and returns of how many.
    /// Needs no privilege beyond that of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Those of [`announce`](Self::announce), with the number of addresses that were announced before.
    pub fn announce_all(&self, ips: impl IntoIterator<Item = IpAddr>) -> Result<usize, BatchError> {
        let mut ips = ips.into_iter();
        let mut sent = 0;
        loop {
            let mut batch = Batch::new();
            ips.by_ref().take(Batch::ADDRESSES).for_each(|ip| batch.push(ip, self.frames(ip)));
            match batch.send(self.socket.as_fd(), &self.targets) {
                Ok(0) => return Ok(sent),
                Ok(count) => sent += count,
                Err(Stopped { ip, before, error }) => {
                    let error = Operation::Announce(ip, self.interface).failed(error);
                    return Err(BatchError::new(sent + before, error));
                }
            }
        }
    }

    /// Lays out what announces an address.
    fn frames(&self, ip: IpAddr) -> [Option<Frame>; 2] {
        match ip {
            IpAddr::V4(ip) => {
                let request = || Some(Frame::Arp(self.request.of(ip)));
                let reply = || Some(Frame::Arp(self.reply.of(ip)));
                match self.arp_form {
                    ArpForm::Request => [request(), None],
                    ArpForm::Reply => [reply(), None],
                    ArpForm::Both => [request(), reply()],
                }
            }
            IpAddr::V6(ip) => [Some(Frame::Neighbour(self.neighbour.of(ip))), None],
        }
    }

    fn transmit(&self, frame: &Frame) -> io::Result<()> {
        loop {
            match self.socket.send_to(frame.bytes(), self.targets.of(frame)) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl AsFd for Announcer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// An announcement as it goes over the wire.
#[derive(Copy, Clone, Debug)]
enum Frame {
    Arp([u8; arp::FRAME_LEN]),
    Neighbour([u8; neighbour::FRAME_LEN]),
}

impl Frame {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Arp(bytes) => bytes,
            Self::Neighbour(bytes) => bytes,
        }
    }
}

/// Where frames are sent: through which interface and to whom.
#[derive(Debug)]
struct Targets {
    arp: SockAddr,
    neighbour: SockAddr,
}

impl Targets {
    fn new(interface: u32) -> Self {
        Self {
            arp: link_address(interface, EtherType::ARP, arp::DESTINATION),
            neighbour: link_address(interface, EtherType::IPV6, neighbour::DESTINATION),
        }
    }

    fn of(&self, frame: &Frame) -> &SockAddr {
        match frame {
            Frame::Arp(_) => &self.arp,
            Frame::Neighbour(_) => &self.neighbour,
        }
    }
}

/// Builds the address of packet(7) to send to.
fn link_address(interface: u32, ether_type: EtherType, destination: [u8; 6]) -> SockAddr {
    let [b0, b1, b2, b3, b4, b5] = destination;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: ether_type.0.to_be(),
        sll_ifindex: interface.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [b0, b1, b2, b3, b4, b5, 0, 0],
    };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a sockaddr_ll is plain data and fits into the storage, which the length given covers.
    #[expect(unsafe_code, reason = "neither socket2 nor nix builds a sockaddr_ll")]
    unsafe {
        *storage.view_as() = address;
        SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    }
}
