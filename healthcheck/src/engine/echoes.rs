use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::{
        epoll::{EpollEvent, EpollFlags},
        socket::{MsgFlags, SockProtocol, SockType, SockaddrStorage, recvfrom, sendto, setsockopt, sockopt},
    },
};

use super::{CheckId, io_loop::Io, socket, token};
use crate::{Cause, Endpoint, Kind, Layer, Outcome, endpoint::Way};

/// The sockets that all pings share: one for each family, and one more for each way that packets are to leave by.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    sockets: Vec<EchoSocket>,
}

#[derive(Debug)]
struct EchoSocket {
    family: Family,
    way: Option<Way>,
    kind: SocketKind,
    socket: OwnedFd,
    /// Of requests sent over a raw socket; over a ping socket the kernel puts its own.
    identifier: u16,
    next_sequence: u16,
    /// Whose request has which sequence number.
    waiting: HashMap<u16, CheckId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    V4,
    V6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SocketKind {
    /// icmp(7): the kernel gives each its own replies.
    Ping,
    /// Every reply of the host comes to it.
    Raw,
}

/// A request that waits for its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    socket: usize,
    sequence: u16,
}

/// A reply to a request that waits.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) check: CheckId,
    pub(super) source: IpAddr,
    /// Where in the buffer its payload is.
    pub(super) payload: std::ops::Range<usize>,
}

impl Request {
    pub(super) fn index(self) -> usize {
        self.socket
    }
}

impl Echoes {
    /// Sends a request.
    pub(super) fn send(
        &mut self,
        io: &mut Io,
        endpoint: &Endpoint,
        check: CheckId,
        payload: &[u8],
    ) -> Result<Request, Outcome> {
        let index = self.find_or_open(io, endpoint)?;
        let Some(socket) = self.sockets.get_mut(index) else { return Err(exhausted()) };
        let sequence = socket.free_sequence().ok_or_else(exhausted)?;
        let length = socket.lay_out(sequence, payload, &mut io.buffer);
        let packet = io.buffer.get(..length).unwrap_or_default();
        // ICMP has no ports, and the kernel refuses some.
        let mut to = endpoint.address();
        to.set_port(0);
        let result = loop {
            match sendto(
                socket.socket.as_raw_fd(),
                packet,
                &SockaddrStorage::from(to),
                MsgFlags::MSG_NOSIGNAL,
            ) {
                Err(Errno::EINTR) => {}
                result => break result,
            }
        };
        match result {
            Ok(_) => {
                socket.waiting.insert(sequence, check);
                Ok(Request { socket: index, sequence })
            }
            Err(errno) => Err(self.not_sent(index, errno, to.ip())),
        }
    }

    /// Expects no reply any more.
    pub(super) fn forget(&mut self, request: Request) {
        if let Some(socket) = self.sockets.get_mut(request.socket) {
            socket.waiting.remove(&request.sequence);
        }
    }

    /// Receives the next packet of a socket: `None` when there are no more, `Some(None)` for one that nobody waits for.
    pub(super) fn receive(&mut self, index: usize, io: &mut Io) -> Option<Option<Reply>> {
        let socket = self.sockets.get(index)?;
        match recvfrom::<SockaddrStorage>(socket.socket.as_raw_fd(), &mut io.buffer) {
            Ok((length, source)) => {
                let source = source.as_ref().and_then(ip)?;
                Some(socket.read(io.buffer.get(..length)?, source))
            }
            Err(Errno::EAGAIN) => None,
            // An error that some earlier packet met; it is taken away by being told.
            Err(_) => Some(None),
        }
    }

    /// How many descriptors so many pings need: for both families, and for as many ways as are known.
    pub(super) fn descriptors(&self, members: u32) -> u64 {
        u64::from(members.min(2)).max(self.sockets.len() as u64)
    }

    fn find_or_open(&mut self, io: &Io, endpoint: &Endpoint) -> Result<usize, Outcome> {
        let family = Family::of(endpoint.address().ip());
        let is_ours = |socket: &EchoSocket| socket.family == family && socket.way.as_ref() == endpoint.way();
        if let Some(index) = self.sockets.iter().position(is_ours) {
            return Ok(index);
        }
        let index = self.sockets.len();
        let socket = EchoSocket::open(family, endpoint)?;
        let event = EpollEvent::new(EpollFlags::EPOLLIN, token::echo(index));
        io.epoll.add(&socket.socket, event).map_err(|errno| socket::local(errno, "cannot watch a socket"))?;
        self.sockets.push(socket);
        Ok(index)
    }

    fn not_sent(&mut self, index: usize, errno: Errno, to: IpAddr) -> Outcome {
        let cause = socket::cause_of_beginning(errno);
        if cause.layer != Layer::Local {
            return Outcome::failed(cause);
        }
        // Its interface may be gone, and another one have come by the same name: the next run opens anew. The last socket
        // only, for others are known by their place.
        let is_last = index + 1 == self.sockets.len();
        if is_last && self.sockets.last().is_some_and(|socket| socket.waiting.is_empty()) {
            self.sockets.pop();
        }
        socket::local(errno, format_args!("cannot ping {to}"))
    }
}

impl EchoSocket {
    fn open(family: Family, endpoint: &Endpoint) -> Result<Self, Outcome> {
        let to = endpoint.address().ip();
        let protocol = match family {
            Family::V4 => SockProtocol::Icmp,
            Family::V6 => SockProtocol::IcmpV6,
        };
        let open = |kind| socket::open(to, kind, Some(protocol), endpoint.way());
        let is_forbidden = |outcome: &Outcome| {
            [Errno::EACCES, Errno::EPERM].map(|errno| errno as i32).contains(&outcome.cause.code)
        };
        let (kind, socket) = match open(SockType::Datagram) {
            Ok(socket) => (SocketKind::Ping, socket),
            Err(first) if is_forbidden(&first) => match open(SockType::Raw) {
                Ok(socket) => (SocketKind::Raw, socket),
                Err(second) if is_forbidden(&second) => return Err(forbidden(first)),
                Err(second) => return Err(second),
            },
            Err(outcome) => return Err(outcome),
        };
        if kind == SocketKind::Raw {
            hear_replies_only(&socket, family);
        }
        // Those to a thousand requests that were sent at once. With what the system allows it is enough for some hundred.
        let _ = setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER)
            .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER));
        let identifier = std::process::id() as u16 ^ socket.as_raw_fd() as u16;
        let (way, waiting) = (endpoint.way().cloned(), HashMap::new());
        Ok(Self { family, way, kind, socket, identifier, next_sequence: 0, waiting })
    }

    /// The next sequence number that no request has which still waits: they come round after 65,536.
    fn free_sequence(&mut self) -> Option<u16> {
        if self.waiting.len() > usize::from(u16::MAX) {
            return None;
        }
        while self.waiting.contains_key(&self.next_sequence) {
            self.next_sequence = self.next_sequence.wrapping_add(1);
        }
        let sequence = self.next_sequence;
        self.next_sequence = sequence.wrapping_add(1);
        Some(sequence)
    }

    /// Lays out an echo request, and returns its length.
    ///
    /// ```text
    ///  0                   1                   2                   3
    /// |     type      |     code      |           checksum            |
    /// |          identifier           |        sequence number        |
    /// |  payload ...
    /// ```
    fn lay_out(&self, sequence: u16, payload: &[u8], buffer: &mut [u8]) -> usize {
        let kind = match self.family {
            Family::V4 => ECHO_REQUEST_V4,
            Family::V6 => ECHO_REQUEST_V6,
        };
        let ([i0, i1], [s0, s1]) = (self.identifier.to_be_bytes(), sequence.to_be_bytes());
        let header = [kind, 0, 0, 0, i0, i1, s0, s1];
        let length = HEADER_LEN + payload.len();
        let Some(packet) = buffer.get_mut(..length) else { return 0 };
        let (head, body) = packet.split_at_mut(HEADER_LEN);
        head.copy_from_slice(&header);
        body.copy_from_slice(payload);
        if self.family == Family::V4 && self.kind == SocketKind::Raw {
            // Elsewhere the kernel does it.
            let sum = checksum(packet).to_be_bytes();
            if let Some(field) = packet.get_mut(2..4) {
                field.copy_from_slice(&sum);
            }
        }
        length
    }

    /// Reads an echo reply, and finds whose it is.
    fn read(&self, packet: &[u8], source: IpAddr) -> Option<Reply> {
        let start = match (self.family, self.kind) {
            // A raw socket of IPv4 gives the IP header too.
            (Family::V4, SocketKind::Raw) => usize::from(packet.first()? & 0xf) * 4,
            _ => 0,
        };
        let expected = match self.family {
            Family::V4 => ECHO_REPLY_V4,
            Family::V6 => ECHO_REPLY_V6,
        };
        let [kind, code, _, _, i0, i1, s0, s1] = *packet.get(start..)?.first_chunk()?;
        let is_ours = self.kind == SocketKind::Ping || u16::from_be_bytes([i0, i1]) == self.identifier;
        if (kind, code) != (expected, 0) || !is_ours {
            return None;
        }
        let check = *self.waiting.get(&u16::from_be_bytes([s0, s1]))?;
        Some(Reply { check, source, payload: start + HEADER_LEN..packet.len() })
    }
}

impl Family {
    fn of(ip: IpAddr) -> Self {
        if ip.is_ipv4() { Self::V4 } else { Self::V6 }
    }
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|address| address.ip().into()))
}

fn forbidden(refusal: Outcome) -> Outcome {
    refusal.with_detail(
        "cannot open a socket for pings: add a group of this process to the sysctl net.ipv4.ping_group_range, or give it \
         CAP_NET_RAW",
    )
}

fn exhausted() -> Outcome {
    let cause = Cause::new(Layer::Local, Kind::Failed, Errno::EAGAIN as i32);
    Outcome::inconclusive(cause).with_detail("65,536 pings wait for their replies: lower the limit of echoes")
}

/// Has the kernel keep away whatever is no echo reply. If it does not, it costs a look at each packet.
fn hear_replies_only(socket: &OwnedFd, family: Family) {
    match family {
        Family::V4 => set_filter(socket, libc::SOL_RAW, ICMP_FILTER, [!(1 << ECHO_REPLY_V4)]),
        Family::V6 => {
            // struct icmp6_filter: a bit for each type, set for those that are blocked.
            let mut blocked = [u32::MAX; 8];
            if let Some(bits) = blocked.get_mut(usize::from(ECHO_REPLY_V6 / 32)) {
                *bits &= !(1 << (ECHO_REPLY_V6 % 32));
            }
            set_filter(socket, libc::SOL_ICMPV6, ICMP6_FILTER, blocked);
        }
    }
}

fn set_filter<const N: usize>(socket: &OwnedFd, level: i32, option: i32, filter: [u32; N]) {
    let length = size_of_val(&filter) as libc::socklen_t;
    // SAFETY: the kernel reads as many bytes of the array as it has.
    #[expect(unsafe_code, reason = "neither nix nor libc knows these options")]
    let _ =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const filter).cast(), length) };
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let rest = rest.first().map_or(0, |last| u32::from(*last) << 8);
    let mut sum = pairs.iter().map(|pair| u32::from(u16::from_be_bytes(*pair))).sum::<u32>() + rest;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The address to compare a reply's source with; of an address of several hosts, none.
pub(super) fn is_from(address: SocketAddr, source: IpAddr) -> bool {
    address.ip() == source
}

const RECEIVE_BUFFER: usize = 1 << 20;
/// linux/icmp.h, linux/icmpv6.h.
const ICMP_FILTER: i32 = 1;
const ICMP6_FILTER: i32 = 1;
const HEADER_LEN: usize = 8;
const ECHO_REPLY_V4: u8 = 0;
const ECHO_REQUEST_V4: u8 = 8;
const ECHO_REQUEST_V6: u8 = 128;
const ECHO_REPLY_V6: u8 = 129;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_of_a_packet_with_its_checksum_is_zero() {
        // RFC 1071 §3.
        assert_eq!(checksum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
        let odd = [8, 0, 0, 0, 1, 2, 3, 4, 5];
        let sum = checksum(&odd).to_be_bytes();
        assert_eq!(checksum(&[8, 0, sum[0], sum[1], 1, 2, 3, 4, 5]), 0);
    }
}
