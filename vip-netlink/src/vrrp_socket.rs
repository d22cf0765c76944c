use std::{
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use etherparse::Ipv4HeaderSlice;
use nix::{
    errno::Errno,
    libc,
    sys::socket::{MsgFlags, recv},
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockAddr, Socket, Type};

use crate::{
    error::{Cause, Error, Failure, Operation},
    link::{Interface, Name},
};

/// A raw IPv4 socket for IP protocol 112 (VRRP) on one interface and one multicast group.
///
/// Packets leave with TTL 255, type of service 0xC0 (internetwork control), from the source given, and do not come back
/// to this host. Received is what arrives on this interface for this group, for an address of this host or for all hosts;
/// which of them, and the TTL, is for the caller to check. The payload is opaque here.
///
/// The socket never blocks: wait on its file descriptor ([`AsFd`]) to become readable. Neither sending nor receiving
/// allocates. It survives the interface going down and up, but not its deletion.
#[derive(Debug)]
pub struct VrrpSocket {
    socket: Socket,
    group: SockAddr,
    interface: Name,
}

impl VrrpSocket {
    /// Opens a socket on `interface`, sending from `source`, joined to `group`. Needs `CAP_NET_RAW`.
    ///
    /// `source` should be the interface's own address, not a virtual one.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) when `group` is not a multicast address, or `source` not one of this
    /// host's.
    pub fn open(interface: &Interface, source: Ipv4Addr, group: Ipv4Addr) -> Result<Self, Error> {
        let operation = || Operation::OpenVrrp(interface.short_name());
        if !group.is_multicast() {
            return Err(operation().failed(Cause::NotMulticast(group)));
        }
        let socket = open_socket(interface, source, group).map_err(|error| operation().failed(error))?;
        Ok(Self { socket, group: SocketAddrV4::new(group, 0).into(), interface: interface.short_name() })
    }

    /// Sends one message to the group; the kernel puts the IP header before it. Needs no privilege beyond that of
    /// [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// [`InterfaceDown`](crate::ErrorKind::InterfaceDown), also when the interface was deleted or the source address
    /// removed; [`Busy`](crate::ErrorKind::Busy) when the send queue is full.
    pub fn send(&self, message: &[u8]) -> Result<(), Error> {
        loop {
            match self.socket.send_to(message, &self.group) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Operation::Send(self.interface).failed(error)),
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
        self.receive(buffer).map_err(|failure| Operation::Receive(self.interface).failed(failure))
    }

    fn receive<'b>(&self, buffer: &'b mut [u8]) -> Result<Option<Packet<'b>>, Failure> {
        loop {
            // With MSG_TRUNC the result is the datagram's length, even where that is more than fits.
            match recv(self.socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
                Ok(length) => {
                    let room = buffer.len();
                    let datagram = buffer.get(..length).ok_or(Cause::TooLong { length, room })?;
                    return Packet::parse(datagram).map(Some).ok_or_else(|| Cause::Malformed.into());
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A received packet: what its IP header says, and what follows it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Packet<'a> {
    /// The sender's address.
    pub source: Ipv4Addr,
    /// The group, or the address of this host it was sent to.
    pub destination: Ipv4Addr,
    /// The time to live as it arrived: 255 proves that no router passed it on.
    pub ttl: u8,
    /// What follows the IP header and its options.
    pub bytes: &'a [u8],
}

impl<'a> Packet<'a> {
    pub(crate) fn parse(datagram: &'a [u8]) -> Option<Self> {
        let header = Ipv4HeaderSlice::from_slice(datagram).ok()?;
        Some(Self {
            source: header.source().into(),
            destination: header.destination().into(),
            ttl: header.ttl(),
            bytes: datagram.get(header.slice().len()..)?,
        })
    }
}

fn open_socket(interface: &Interface, source: Ipv4Addr, group: Ipv4Addr) -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(Protocol::from(VRRP)))?;
    socket.bind_device(Some(interface.name().as_bytes()))?;
    expect_local(source)?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_ttl_v4(255)?;
    socket.set_tos_v4(INTERNETWORK_CONTROL)?;
    set_multicast_source(&socket, interface.index(), source)?;
    socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface.index()))?;
    discard_early_packets(&socket)?;
    Ok(socket)
}

/// Asks whether an interface of this host has the address: naming source and interface together checks only the latter.
fn expect_local(source: Ipv4Addr) -> Result<(), Failure> {
    let question = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    match question.set_multicast_if_v4(&source) {
        Ok(()) if source.is_unspecified() => Err(Cause::NotLocal(source).into()),
        Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {
            Err(Cause::NotLocal(source).into())
        }
        result => Ok(result?),
    }
}

/// Fixes interface and source address of multicast packets (`IP_MULTICAST_IF`, ip(7)).
fn set_multicast_source(socket: &Socket, interface: u32, source: Ipv4Addr) -> io::Result<()> {
    let request = libc::ip_mreqn {
        imr_multiaddr: libc::in_addr { s_addr: 0 },
        imr_address: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
        imr_ifindex: interface.cast_signed(),
    };
    // SAFETY: the option reads a struct ip_mreqn, which is what pointer and length describe.
    #[expect(unsafe_code, reason = "socket2 sets the interface or the address, not both")]
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::IPPROTO_IP,
            libc::IP_MULTICAST_IF,
            (&raw const request).cast(),
            size_of_val(&request) as libc::socklen_t,
        )
    };
    Errno::result(result).map(drop).map_err(Into::into)
}

/// Throws away what arrived from other interfaces before the socket was bound to its own.
fn discard_early_packets(socket: &Socket) -> io::Result<()> {
    loop {
        match recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return Ok(()),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The IP protocol number of VRRP (RFC 3768 §5.2.4).
const VRRP: i32 = 112;
/// Type of service of routing protocols: precedence 6 (RFC 791 §3.1).
const INTERNETWORK_CONTROL: u32 = 0xc0;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn a_bad_ip_header_is_no_packet() {
        let short = [0x45; 19];
        let version_6 = [0x65; 40];
        let header_of_four_words = [0x44; 40];
        let header_longer_than_the_packet = [0x4f; 40];

        let bad: [&[u8]; 5] =
            [&[], &short, &version_6, &header_of_four_words, &header_longer_than_the_packet];
        for datagram in bad {
            assert_eq!(Packet::parse(datagram), None, "{datagram:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in vec(any::<u8>(), 0..100)) {
            let _ = Packet::parse(&bytes);
        }

        #[test]
        fn the_payload_begins_after_the_header(words in 5_u8..=15, options in any::<[u8; 40]>(), payload: Vec<u8>) {
            let header_len = usize::from(words) * 4;
            let mut datagram = vec![0x40 | words, 0, 0, 0, 0, 0, 0, 0, 255, 112, 0, 0, 10, 0, 0, 1, 224, 0, 0, 18];
            datagram.extend(&options[..header_len - 20]);
            datagram.extend(&payload);

            let packet = Packet::parse(&datagram).unwrap();

            let [source, destination] = [[10, 0, 0, 1], [224, 0, 0, 18]].map(Ipv4Addr::from);
            prop_assert_eq!(packet, Packet { source, destination, ttl: 255, bytes: &payload });
        }
    }
}
