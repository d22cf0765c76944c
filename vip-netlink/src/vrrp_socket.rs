//! VRRP sockets: what they are opened for, and how messages go out. How they are set up and how packets come in differs
//! between the families.

mod control;
mod v4;
mod v6;

use std::{
    io::{self, IoSlice},
    net::{IpAddr, SocketAddrV4, SocketAddrV6},
    num::NonZeroU8,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, recv},
};
use socket2::{MsgHdr, SockAddr, Socket};

use crate::{
    error::{Cause, Error, Failure, Operation},
    link::{Interface, Name},
    packet::Packet,
};

/// A raw IP socket for VRRP on one interface, over IPv4 or IPv6 as its source says.
///
/// Packets leave through this interface from the source given, to whomever they are sent, with type of service or traffic
/// class 0xC0 (internetwork control) and hop limit 255. What is sent to a group does not come back to this host. Received is
/// what arrives on this interface as [`Reception`] says: no packet arrives at sockets of both kinds. The hop limit it came
/// with is for the caller to check. The payload is opaque here, its checksum not looked at.
///
/// The socket never blocks: wait on its file descriptor ([`AsFd`]) to become readable. Neither sending nor receiving
/// allocates. It survives the interface going down and up, but not its deletion.
#[derive(Debug)]
pub struct VrrpSocket {
    socket: Socket,
    source: IpAddr,
    /// The control message that names source and interface.
    control: Box<[u8]>,
    protocol: Protocol,
    index: u32,
    interface: Name,
}

/// What a [`VrrpSocket`] receives.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reception {
    /// Packets to this multicast group, which the socket joins, and no others.
    Group(IpAddr),
    /// Packets to the socket's own source address, from any peer, and no others.
    Unicast,
}

/// The IP protocol of a [`VrrpSocket`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// 112, VRRP (RFC 3768 §5.2.4): messages are sent and received behind an IP header of the kernel's.
    Vrrp,
    /// 51, the Authentication Header (RFC 2402), over IPv4 only. It covers the IP header, so whole datagrams are sent:
    /// IP header, Authentication Header, message. Received is every Authentication Header, what it protects is for the
    /// caller to check; [`Packet::datagram`] is what to check it against.
    Ah,
}

impl VrrpSocket {
    /// Opens a socket on `interface` to send from `source`. Needs `CAP_NET_RAW`.
    ///
    /// `source` should be the interface's own address, not a virtual one; over IPv6 its link-local address (RFC 9568
    /// §5.1.2.1), once that is usable ([`AssignedAddress::is_usable`](crate::AssignedAddress::is_usable)). Nothing that
    /// arrived before the socket was set up is received.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) when the group is not a multicast address or not of the source's
    /// family, when `source` is not an address of this host, and for [`Protocol::Ah`] over IPv6.
    pub fn open(
        interface: &Interface,
        source: IpAddr,
        reception: Reception,
        protocol: Protocol,
    ) -> Result<Self, Error> {
        let failed = |failure: Failure| Operation::OpenVrrp(interface.short_name()).failed(failure);
        let (socket, control) = match source {
            IpAddr::V4(source) => {
                let socket = v4::open(interface, source, reception, protocol).map_err(failed)?;
                (socket, control::from_v4(interface.index(), source))
            }
            IpAddr::V6(source) => {
                let socket = v6::open(interface, source, reception, protocol).map_err(failed)?;
                (socket, control::from_v6(interface.index(), source))
            }
        };
        let (index, interface) = (interface.index(), interface.short_name());
        Ok(Self { socket, source, control, protocol, index, interface })
    }

    /// Sets the hop limit of packets to a single host, 255 otherwise. What is sent to a group keeps 255, and
    /// what is sent as a whole datagram ([`Protocol::Ah`]) that of its own header.
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn set_unicast_hop_limit(&self, hop_limit: NonZeroU8) -> Result<(), Error> {
        let hop_limit = hop_limit.get().into();
        match self.source {
            IpAddr::V4(_) => self.socket.set_ttl_v4(hop_limit),
            IpAddr::V6(_) => self.socket.set_unicast_hops_v6(hop_limit),
        }
        .map_err(|error| Operation::SetHopLimit(self.interface).failed(error))
    }

    /// Sends one message to a group or a peer; the kernel puts the IP header before it. Needs no privilege beyond that of
    /// [`open`](Self::open).
    ///
    /// With [`Protocol::Ah`] the message is a whole IPv4 datagram, and goes out as it is, but that the kernel fills in total
    /// length and header checksum, and the identification where it is 0. `destination` is whom it is handed to: it should be
    /// that of its header.
    ///
    /// # Errors
    ///
    /// [`InterfaceDown`](crate::ErrorKind::InterfaceDown), also when the source address was removed, and over IPv4 when the
    /// interface was deleted: over IPv6 that is [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface); [`Busy`](crate::ErrorKind::Busy) when the send queue is full; [`TooLong`](crate::ErrorKind::TooLong);
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) for a destination that is not of the source's family;
    /// [`Malformed`](crate::ErrorKind::Malformed) for a datagram that does not begin with an IPv4 header.
    pub fn send(&self, destination: IpAddr, message: &[u8]) -> Result<(), Error> {
        self.transmit(destination, message).map_err(|failure| Operation::Send(self.interface).failed(failure))
    }

    fn transmit(&self, destination: IpAddr, message: &[u8]) -> Result<(), Failure> {
        expect_family(self.source, destination)?;
        match self.protocol {
            Protocol::Ah => drop(Packet::from_ipv4(message).ok_or(Cause::Malformed)?),
            Protocol::Vrrp => {}
        }
        let to = socket_address(destination, self.index);
        let buffers = [IoSlice::new(message)];
        let header = MsgHdr::new().with_addr(&to).with_buffers(&buffers).with_control(&self.control);
        loop {
            match self.socket.sendmsg(&header, 0) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Takes the next packet into `buffer`, which must hold the IP header too; `None` when there is none now. Needs no
    /// privilege beyond that of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// [`TooLong`](crate::ErrorKind::TooLong) for a packet longer than the buffer: it is gone, the next call takes the
    /// one after it.
    pub fn recv<'b>(&self, buffer: &'b mut [u8]) -> Result<Option<Packet<'b>>, Error> {
        match self.source {
            IpAddr::V4(_) => v4::receive(&self.socket, buffer),
            IpAddr::V6(_) => v6::receive(&self.socket, buffer),
        }
        .map_err(|failure| Operation::Receive(self.interface).failed(failure))
    }

    #[cfg(feature = "tokio")]
    pub(crate) fn interface(&self) -> Name {
        self.interface
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Protocol {
    fn number(self) -> socket2::Protocol {
        socket2::Protocol::from(match self {
            Self::Vrrp => 112,
            Self::Ah => 51,
        })
    }
}

fn expect_family(source: IpAddr, other: IpAddr) -> Result<(), Failure> {
    if source.is_ipv4() == other.is_ipv4() { Ok(()) } else { Err(Cause::OtherFamily(source, other).into()) }
}

/// The interface matters to link-local addresses only.
fn socket_address(ip: IpAddr, interface: u32) -> SockAddr {
    match ip {
        IpAddr::V4(ip) => SocketAddrV4::new(ip, 0).into(),
        IpAddr::V6(ip) => SocketAddrV6::new(ip, 0, 0, interface).into(),
    }
}

/// Binds to the source, saying so where it is the source that is wrong.
fn bind(socket: &Socket, source: IpAddr, interface: u32) -> Result<(), Failure> {
    match socket.bind(&socket_address(source, interface)) {
        Err(error) if error.raw_os_error() == Some(nix::libc::EADDRNOTAVAIL) => {
            Err(Cause::NotLocal(source).into())
        }
        result => Ok(result?),
    }
}

/// Throws away what arrived from other interfaces, or to other addresses, before the socket was bound to its own.
fn discard_early_packets(socket: &Socket) -> io::Result<()> {
    loop {
        match recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Type of service of routing protocols: precedence 6 (RFC 791 §3.1). IPv6's traffic class is the same byte.
const INTERNETWORK_CONTROL: u32 = 0xc0;
