//! Announcements: which frames, from where, and when they fail.

mod arp;
mod neighbour;

use std::{
    io,
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd},
};

use etherparse::EtherType;
use nix::libc;
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

use crate::{
    error::{Cause, Error, Operation},
    link::{Interface, Ipv6Role, Name},
};

/// Tells the neighbours on an Ethernet that an address is now to be found at this interface.
///
/// For IPv4 the frame is a gratuitous ARP, the announcement of RFC 5227 §2.3: a broadcast request whose sender and target
/// are both the address, its target hardware address zero. For IPv6 it is an unsolicited neighbour advertisement (RFC 4861
/// §7.2.6, RFC 9568 §6.4.1): from the address itself to all nodes, hop limit 255, Override set, Solicited clear, with the
/// hardware address. A switch learns the port from either, and hosts that know the address replace what they knew. The
/// socket only sends and never blocks.
#[derive(Debug)]
pub struct Announcer {
    socket: Socket,
    arp: SockAddr,
    neighbour: SockAddr,
    hardware_address: [u8; 6],
    ipv6_role: Ipv6Role,
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
            arp: link_address(interface.index(), EtherType::ARP, arp::DESTINATION),
            neighbour: link_address(interface.index(), EtherType::IPV6, neighbour::DESTINATION),
            hardware_address,
            ipv6_role: interface.ipv6_role(),
            interface: interface.short_name(),
        })
    }

    /// Announces IPv6 addresses as those of a router or of a host, whatever the interface says.
    ///
    /// Neighbours that use an address as their router stop doing so when a host announces it (RFC 4861 §7.2.5).
    #[must_use]
    pub fn with_ipv6_role(self, ipv6_role: Ipv6Role) -> Self {
        Self { ipv6_role, ..self }
    }

    /// Sends one announcement. Needs no privilege beyond that of [`open`](Self::open).
    ///
    /// Announcements get lost like any frame, and some hosts ignore one that follows another change within a second:
    /// send a few, some of them more than a second apart.
    ///
    /// # Errors
    ///
    /// [`InterfaceDown`](crate::ErrorKind::InterfaceDown), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface) when it
    /// was deleted, [`Busy`](crate::ErrorKind::Busy) when its queue is full.
    pub fn announce(&self, ip: IpAddr) -> Result<(), Error> {
        match ip {
            IpAddr::V4(ip) => self.transmit(&arp::announcement(self.hardware_address, ip), &self.arp),
            IpAddr::V6(ip) => {
                let frame = neighbour::advertisement(self.hardware_address, ip, self.ipv6_role);
                self.transmit(&frame, &self.neighbour)
            }
        }
        .map_err(|error| Operation::Announce(ip, self.interface).failed(error))
    }

    fn transmit(&self, frame: &[u8], to: &SockAddr) -> io::Result<()> {
        loop {
            match self.socket.send_to(frame, to) {
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
