//! VRRP sockets: what they are opened for, how messages go out and packets come in. How they are set up and what a packet
//! says of itself differs between the families.

mod batch;
mod control;
mod filter;
mod many;
mod v4;
mod v6;

use std::{
    io::{self, IoSlice, IoSliceMut},
    net::{IpAddr, SocketAddrV4, SocketAddrV6},
    num::NonZeroU8,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
};

use etherparse::Ipv4HeaderSlice;
use nix::{
    errno::Errno,
    libc,
    sys::socket::{MsgFlags, recv},
};
use socket2::{MsgHdr, SockAddr, Socket};

pub use self::batch::ReceiveBatch;
use self::{
    control::Told,
    filter::Layout,
    many::{BATCH, Envelope},
};
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
/// One socket serves as many virtual routers as there are on the interface. Every packet wakes it, those for the virtual
/// routers of others too, until it is told which ones matter ([`receive_only`](Self::receive_only)).
///
/// The socket never blocks: wait on its file descriptor ([`AsFd`]) to become readable. Neither sending nor receiving
/// allocates. It survives the interface going down and up; when the interface was deleted and is back,
/// [`rejoin`](Self::rejoin).
#[derive(Debug)]
pub struct VrrpSocket {
    socket: Socket,
    source: IpAddr,
    /// The control message that names source and interface.
    control: Box<[u8]>,
    reception: Reception,
    protocol: Protocol,
    /// Where it is, and where it was before: the same, unless it has moved.
    places: [Place; 2],
    index: u32,
    interface: Name,
}

/// Where what a socket receives must have arrived.
///
/// The kernel sees to it, but not at once: it looks up who receives a packet before it hands the packet over, and a socket
/// that is opened in between is not on its interface yet. Such a packet may come up at any time after that, so there is no
/// moment to throw them all away.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
struct Place {
    interface: u32,
    destination: IpAddr,
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
        let socket = match source {
            IpAddr::V4(_) => v4::socket(protocol),
            IpAddr::V6(_) => v6::socket(protocol),
        };
        let socket = socket.map_err(failed)?;
        place(&socket, interface, source, reception, None).map_err(failed)?;
        discard_early_packets(&socket).map_err(|error| failed(error.into()))?;
        let control = control::naming(interface.index(), source);
        let places = [Place::of(interface, source, reception); 2];
        let (index, interface) = (interface.index(), interface.short_name());
        Ok(Self { socket, source, control, reception, protocol, places, index, interface })
    }

    /// Puts the socket on an interface again, after the one it was on was deleted: on that which has come in its place, to
    /// send from `source`, which may be another one now. Needs `CAP_NET_RAW`.
    ///
    /// It stays the same socket, with its file descriptor, group, filter and hop limit: what waits on it goes on waiting,
    /// and what has arrived since it was put there stays to be received ([`Packet::interface`] tells where). Where the
    /// interface is still there nothing changes, but that packets to the group may be lost for a moment.
    ///
    /// # Errors
    ///
    /// Those of [`open`](Self::open). The socket may then be on neither interface; the call can be repeated, such as when
    /// the source address is there and usable.
    pub fn rejoin(&mut self, interface: &Interface, source: IpAddr) -> Result<(), Error> {
        let failed = |failure: Failure| Operation::Rejoin(interface.short_name()).failed(failure);
        expect_family(self.source, source).map_err(failed)?;
        place(&self.socket, interface, source, self.reception, Some(self.index)).map_err(failed)?;
        self.control = control::naming(interface.index(), source);
        self.places = [Place::of(interface, source, self.reception), self.places[0]];
        (self.source, self.index, self.interface) = (source, interface.index(), interface.short_name());
        Ok(())
    }

    /// Has the kernel let in nothing but what is for these virtual routers, by the second byte of the message (RFC 3768
    /// §5.1), behind the Authentication Header if that is the socket's protocol.
    ///
    /// What is for others wakes nobody then, and is counted nowhere. Everything else that is wrong with a packet is still
    /// the caller's to see, its version and length too: one that ends before the number may be anybody's, and is let in.
    /// Kept out is an Authentication Header that protects another protocol than 112.
    ///
    /// A later call replaces the numbers in one step, between two packets; what has arrived already is not looked at again.
    /// It takes as long to find one number as two hundred. Needs no privilege beyond that of [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// The kernel is out of memory.
    pub fn receive_only(&self, vrids: impl IntoIterator<Item = u8>) -> Result<(), Error> {
        let layout = match (self.source, self.protocol) {
            (IpAddr::V4(_), Protocol::Vrrp) => Layout::Ipv4,
            (IpAddr::V4(_), Protocol::Ah) => Layout::Ipv4Ah,
            (IpAddr::V6(_), _) => Layout::Ipv6,
        };
        filter::attach(&self.socket, layout, vrids)
            .map_err(|failure| Operation::SetFilter(self.interface).failed(failure))
    }

    /// Undoes [`receive_only`](Self::receive_only): everything is let in, as after [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn receive_all(&self) -> Result<(), Error> {
        match self.socket.detach_filter() {
            // There was none.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(()),
            result => result.map_err(|error| Operation::SetFilter(self.interface).failed(error)),
        }
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
    /// interface was deleted: over IPv6 that is [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Busy`](crate::ErrorKind::Busy) when the send queue is full; [`TooLong`](crate::ErrorKind::TooLong);
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) for a destination that is not of the source's family;
    /// [`Malformed`](crate::ErrorKind::Malformed) for a datagram that does not begin with an IPv4 header.
    pub fn send(&self, destination: IpAddr, message: &[u8]) -> Result<(), Error> {
        self.transmit(destination, message).map_err(|failure| Operation::Send(self.interface).failed(failure))
    }

    fn transmit(&self, destination: IpAddr, message: &[u8]) -> Result<(), Failure> {
        self.expect_sendable(destination, message)?;
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

    /// Sends many messages, each as [`send`](Self::send) does, in their order, with a system call for every 32; returns how
    /// many went.
    ///
    /// Of each that did not go, `failed` is told its place in `messages` and the error, which is one of `send`'s. The
    /// others go all the same.
    pub fn send_batch(&self, messages: &[(IpAddr, &[u8])], mut failed: impl FnMut(usize, Error)) -> usize {
        let (mut sent, mut next) = (0, 0);
        while let Some(waiting) = messages.get(next..).filter(|waiting| !waiting.is_empty()) {
            match self.transmit_first(waiting) {
                Ok(count) => {
                    sent += count;
                    next += count;
                }
                Err(failure) => {
                    failed(next, Operation::Send(self.interface).failed(failure));
                    next += 1;
                }
            }
        }
        sent
    }

    /// Sends as many of the messages as go at once, at least one. The error is that of the first.
    fn transmit_first(&self, messages: &[(IpAddr, &[u8])]) -> Result<usize, Failure> {
        let sendable =
            |(destination, message): &&(IpAddr, &[u8])| self.expect_sendable(*destination, message).is_ok();
        let count = messages.iter().take(BATCH).take_while(sendable).count();
        if let (0, Some((destination, message))) = (count, messages.first()) {
            self.expect_sendable(*destination, message)?;
        }
        let first = messages
            .iter()
            .take(count)
            .map(|(destination, message)| (socket_address(*destination, self.index), IoSlice::new(message)));
        Ok(many::send(self.socket.as_fd(), &self.control, first)?)
    }

    fn expect_sendable(&self, destination: IpAddr, message: &[u8]) -> Result<(), Failure> {
        expect_family(self.source, destination)?;
        match self.protocol {
            Protocol::Ah if Ipv4HeaderSlice::from_slice(message).is_err() => Err(Cause::Malformed.into()),
            Protocol::Ah | Protocol::Vrrp => Ok(()),
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
        let failed = |failure: Failure| Operation::Receive(self.interface).failed(failure);
        let mut envelopes = [Envelope::EMPTY];
        loop {
            let received = many::receive(self.socket.as_fd(), [IoSliceMut::new(buffer)], &mut envelopes);
            let received = received.map_err(|errno| failed(errno.into()))?;
            let Some(envelope) = envelopes.iter().take(received).next() else { return Ok(None) };
            let told = Told::read(envelope.control());
            if is_stray(self.places, &told, buffer) {
                continue;
            }
            return read(self.source, told, envelope, buffer).map(Some).map_err(failed);
        }
    }

    /// Takes as many packets as there are and as there is room for in `batch`, with one system call: none when there are
    /// none now. Where it [was filled](ReceiveBatch::was_filled), there may be more. Needs no privilege beyond that of
    /// [`open`](Self::open).
    ///
    /// # Errors
    ///
    /// Those of [`recv`](Self::recv); that a packet is longer than its buffer is said in its place, and costs the others
    /// nothing.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let socket: vip_netlink::VrrpSocket = todo!();
    /// let mut batch = vip_netlink::ReceiveBatch::new(2048);
    /// for packet in socket.recv_batch(&mut batch)? {
    ///     match packet {
    ///         Ok(packet) => println!("{} bytes from {}", packet.bytes.len(), packet.source),
    ///         Err(error) => eprintln!("{error}"),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn recv_batch<'b>(
        &self,
        batch: &'b mut ReceiveBatch,
    ) -> Result<impl Iterator<Item = Result<Packet<'b>, Error>> + use<'b>, Error> {
        let (source, places, interface) = (self.source, self.places, self.interface);
        let failed = move |failure: Failure| Operation::Receive(interface).failed(failure);
        let received = batch.fill(self.socket.as_fd()).map_err(|errno| failed(errno.into()))?;
        Ok(received.filter_map(move |(envelope, buffer)| {
            let told = Told::read(envelope.control());
            (!is_stray(places, &told, buffer)).then(|| read(source, told, envelope, buffer).map_err(failed))
        }))
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

/// Puts the socket on an interface; where it was on one, `left` is that one's index.
fn place(
    socket: &Socket,
    interface: &Interface,
    source: IpAddr,
    reception: Reception,
    left: Option<u32>,
) -> Result<(), Failure> {
    match source {
        IpAddr::V4(source) => v4::place(socket, interface, source, reception, left),
        IpAddr::V6(source) => v6::place(socket, interface, source, reception, left),
    }
}

impl Place {
    fn of(interface: &Interface, source: IpAddr, reception: Reception) -> Self {
        let destination = match reception {
            Reception::Group(group) => group,
            Reception::Unicast => source,
        };
        Self { interface: interface.index(), destination }
    }
}

/// Tells whether a packet has surely arrived at none of these places: [`Place`] says how that comes about.
fn is_stray(places: [Place; 2], told: &Told, buffer: &[u8]) -> bool {
    let Some(interface) = told.interface else { return false };
    let destination = match places[0].destination {
        IpAddr::V4(_) => v4::destination(buffer).map(IpAddr::from),
        IpAddr::V6(_) => told.destination.map(IpAddr::from),
    };
    destination.is_some_and(|destination| !places.contains(&Place { interface, destination }))
}

/// Reads what came into a buffer of a socket with this source.
fn read<'b>(
    source: IpAddr,
    told: Told,
    envelope: &Envelope,
    buffer: &'b [u8],
) -> Result<Packet<'b>, Failure> {
    let (length, room) = (envelope.length, buffer.len());
    let bytes = buffer.get(..length).ok_or(Cause::TooLong { length, room })?;
    let packet = match source {
        IpAddr::V4(_) => v4::read(told, bytes),
        IpAddr::V6(_) => v6::read(told, envelope.source_v6(), bytes),
    };
    packet.ok_or_else(|| Cause::Malformed.into())
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

/// Has the socket send through an interface, and receive from it alone: that with the index, whatever its name is by now.
fn bind_to_interface(socket: &Socket, interface: &Interface) -> io::Result<()> {
    let index = interface.index().cast_signed();
    let length = size_of::<i32>() as libc::socklen_t;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_BINDTOIFINDEX);
    // SAFETY: the kernel reads as many bytes of the index as it has.
    #[expect(unsafe_code, reason = "neither nix nor socket2 knows the option on Linux")]
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const index).cast(), length) };
    Errno::result(result)?;
    // The kernel takes any index, and says only when asked that there is no such interface.
    socket.device().map(drop)
}

/// Binds to the source, saying so where it is the source that is wrong.
fn bind(socket: &Socket, source: IpAddr, interface: u32) -> Result<(), Failure> {
    match socket.bind(&socket_address(source, interface)) {
        Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {
            Err(Cause::NotLocal(source).into())
        }
        result => Ok(result?),
    }
}

/// Throws away what has come from other interfaces, or to other addresses, before the socket was bound to its own: none of
/// it is to take the room of what comes now.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_packet_is_one_that_has_arrived_elsewhere() {
        let [group, ours, others] = [[224, 0, 0, 18], [10, 0, 0, 1], [10, 0, 0, 9]].map(IpAddr::from);
        let joined = Place { interface: 7, destination: group };
        let unicast = |interface| Place { interface, destination: ours };
        for (places, interface, destination, expected) in [
            ([joined; 2], 7, group, false),
            ([joined; 2], 8, group, true),
            ([joined; 2], 7, ours, true),
            ([unicast(7); 2], 7, ours, false),
            ([unicast(7); 2], 7, others, true),
            // What it was on before it was moved counts, with what it was bound to there.
            ([unicast(9), unicast(7)], 7, ours, false),
            ([unicast(9), joined], 7, ours, true),
        ] {
            let told = Told { interface: Some(interface), ..Told::default() };
            assert_eq!(is_stray(places, &told, &datagram_to(destination)), expected, "{places:?}");
        }
    }

    #[test]
    fn what_does_not_say_where_it_arrived_is_left_to_be_called_malformed() {
        let place = Place { interface: 7, destination: [224, 0, 0, 18].into() };
        let told = Told { interface: Some(8), ..Told::default() };

        assert!(!is_stray([place; 2], &told, &[0x45; 19]));
        assert!(!is_stray([place; 2], &Told::default(), &datagram_to([10, 0, 0, 1].into())));
    }

    fn datagram_to(destination: IpAddr) -> [u8; 20] {
        let IpAddr::V4(destination) = destination else { panic!("{destination} is not of IPv4") };
        let mut datagram = [0x45; 20];
        datagram[16..].copy_from_slice(&destination.octets());
        datagram
    }
}
