//! The socket that requests go through, and how their answers come back.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{MsgFlags, NetlinkAddr, connect, getsockname, recv, send},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{Failure, Malformed, Message, Messages, NLM_F_ACK, NLM_F_DUMP, Payload, Reply, Writer};

/// A socket for requests to one part of the kernel.
#[derive(Debug)]
pub struct RequestSocket {
    pub(crate) socket: OwnedFd,
    pub(crate) sequence: u32,
    pub(crate) writer: Writer,
    pub(crate) buffer: Vec<u8>,
}

impl RequestSocket {
    /// Opens a socket for one of netlink's protocols (`NETLINK_ROUTE`, `NETLINK_NETFILTER`).
    pub fn open(protocol: i32) -> io::Result<Self> {
        let socket = open(protocol)?;
        for (option, value) in
            [(libc::NETLINK_EXT_ACK, 1), (libc::NETLINK_CAP_ACK, 1), (NETLINK_GET_STRICT_CHK, 1)]
        {
            set_option(&socket, libc::SOL_NETLINK, option, value).or_else(accept_an_old_kernel)?;
        }
        make_room(&socket)?;
        // A connected netlink socket takes messages from its peer alone: here from the kernel, not from other processes.
        connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        Ok(Self::over(socket))
    }

    /// Sends requests through a socket that is open already.
    pub fn over(socket: OwnedFd) -> Self {
        Self { socket, sequence: 0, writer: Writer::default(), buffer: vec![0; BUFFER_LEN] }
    }

    /// Returns the socket's own address, which events caused by its requests carry.
    pub fn port(&self) -> io::Result<u32> {
        Ok(getsockname::<NetlinkAddr>(self.socket.as_raw_fd())?.pid())
    }

    /// Sends a request and hands each object of the answer to `on_data`, until the kernel says that this was all.
    pub fn request(
        &mut self,
        write: impl FnOnce(Envelope<'_>),
        mut on_data: impl FnMut(u16, &[u8]) -> Result<(), Malformed>,
    ) -> Result<(), Failure> {
        self.ask(NLM_F_ACK, write, &mut on_data).map(drop)
    }

    /// Asks for a whole list, and again when the kernel says that it changed while it was read. `read` takes from each
    /// object what it wants of it.
    pub fn dump<T>(
        &mut self,
        write: impl Fn(Envelope<'_>),
        read: impl Fn(u16, &[u8]) -> Result<Option<T>, Malformed>,
    ) -> Result<Vec<T>, Failure> {
        for _ in 0..DUMP_ATTEMPTS {
            let mut list = Vec::new();
            let dump = self.ask(NLM_F_DUMP, &write, &mut |kind, payload| {
                list.extend(read(kind, payload)?);
                Ok(())
            })?;
            match dump {
                Dump::Interrupted => {}
                Dump::Consistent => return Ok(list),
            }
        }
        Err(Failure::KeptChanging)
    }

    /// Sends many requests, a hundred in a system call, and returns how each of them ended, in their order.
    ///
    /// Only the last of a hundred asks for an acknowledgement. The kernel carries them out in order and answers to those
    /// that fail in any case, so that whatever it is silent about has succeeded by then.
    pub fn batch(
        &mut self,
        count: usize,
        mut write: impl FnMut(usize, Envelope<'_>),
    ) -> Vec<Result<(), Failure>> {
        let mut results = Vec::with_capacity(count);
        while results.len() < count {
            let (start, first) = (results.len(), self.sequence.wrapping_add(1));
            self.writer.clear();
            while results.len() < count.min(start + AT_ONCE) && self.writer.bytes().len() < ENOUGH {
                self.sequence = self.sequence.wrapping_add(1);
                write(results.len(), Envelope::new(&mut self.writer, 0, self.sequence));
                results.push(Ok(()));
            }
            self.writer.acknowledge_last();
            self.exchange(first, results.get_mut(start..).unwrap_or_default());
        }
        results
    }

    /// Sends what is written, and notes which of the requests fail. Those whose fate nobody can know fail too.
    fn exchange(&mut self, first: u32, results: &mut [Result<(), Failure>]) {
        let outcome = retry(|| send(self.socket.as_raw_fd(), self.writer.bytes(), MsgFlags::empty()))
            .map_err(Failure::from)
            .and_then(|_| self.note_failures(first, results));
        if let Err(failure) = outcome {
            for unknown in results.iter_mut().filter(|result| result.is_ok()) {
                *unknown = Err(failure.clone());
            }
        }
    }

    fn note_failures(&mut self, first: u32, results: &mut [Result<(), Failure>]) -> Result<(), Failure> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            let datagram = receive(self.socket.as_fd(), &mut self.buffer, deadline)?;
            for message in Messages::new(datagram) {
                let message = message?;
                let index = message.sequence().wrapping_sub(first) as usize;
                let is_last = index.checked_add(1) == Some(results.len());
                let Some(result) = results.get_mut(index) else { continue };
                let Reply::End(outcome) = message.read()? else { continue };
                *result = outcome.into_result();
                if is_last {
                    return Ok(());
                }
            }
        }
    }

    fn ask(
        &mut self,
        flags: u16,
        write: impl FnOnce(Envelope<'_>),
        on_data: OnData<'_>,
    ) -> Result<Dump, Failure> {
        let deadline = Instant::now() + TIMEOUT;
        self.sequence = self.sequence.wrapping_add(1);
        self.writer.clear();
        write(Envelope::new(&mut self.writer, flags, self.sequence));
        retry(|| send(self.socket.as_raw_fd(), self.writer.bytes(), MsgFlags::empty()))?;
        let (mut dump, mut understood) = (Dump::Consistent, Ok(()));
        loop {
            let datagram = receive(self.socket.as_fd(), &mut self.buffer, deadline)?;
            for message in Messages::new(datagram) {
                let message = message?;
                // Any other is the late answer to a request that timed out.
                if message.sequence() == self.sequence {
                    dump = dump.and(&message);
                    match message.read()? {
                        // Read to its end in any case: while a list is under way, the kernel refuses the next (`EBUSY`).
                        Reply::Data { kind, payload } if understood.is_ok() => {
                            understood = on_data(kind, payload);
                        }
                        Reply::End(outcome) => {
                            outcome.into_result()?;
                            return Ok(understood.map(|()| dump)?);
                        }
                        Reply::Data { .. } | Reply::Nothing => {}
                    }
                }
            }
        }
    }
}

impl AsFd for RequestSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// A request that has its number and flags, and lacks the rest.
#[derive(Debug)]
pub struct Envelope<'w> {
    writer: &'w mut Writer,
    flags: u16,
    sequence: u32,
}

impl<'w> Envelope<'w> {
    /// Numbers a request.
    pub fn new(writer: &'w mut Writer, flags: u16, sequence: u32) -> Self {
        Self { writer, flags, sequence }
    }

    /// Writes it: its kind, more flags, and what `payload` writes.
    pub fn message(self, kind: u16, flags: u16, payload: impl FnOnce(&mut Payload<'_>)) {
        self.writer.message(kind, self.flags | flags, self.sequence, payload);
    }
}

/// Takes the kind and payload of an object.
type OnData<'d> = &'d mut dyn FnMut(u16, &[u8]) -> Result<(), Malformed>;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Dump {
    Consistent,
    Interrupted,
}

impl Dump {
    fn and(self, message: &Message<'_>) -> Self {
        if message.is_dump_interrupted() { Self::Interrupted } else { self }
    }
}

/// Opens a netlink socket that does not block and closes on `exec`.
pub fn open(protocol: i32) -> io::Result<OwnedFd> {
    let kind = Type::RAW.nonblocking().cloexec();
    Ok(Socket::new(Domain::from(libc::AF_NETLINK), kind, Some(Protocol::from(protocol)))?.into())
}

/// Has a batch and its answers fit into the socket's buffers, whatever the system gives by default.
fn make_room(socket: &OwnedFd) -> io::Result<()> {
    let room = [
        (libc::SO_SNDBUF, libc::SO_SNDBUFFORCE, SEND_ROOM),
        (libc::SO_RCVBUF, libc::SO_RCVBUFFORCE, RECEIVE_ROOM),
    ];
    for (option, beyond_limits, bytes) in room {
        // Without CAP_NET_ADMIN up to the system's limit, which is enough unless somebody has lowered that too.
        set_option(socket, libc::SOL_SOCKET, beyond_limits, bytes)
            .or_else(|_| set_option(socket, libc::SOL_SOCKET, option, bytes))?;
    }
    Ok(())
}

/// Sets a socket option that holds an int.
fn set_option(socket: &impl AsFd, level: i32, option: i32, value: i32) -> io::Result<()> {
    let length = size_of::<i32>() as libc::socklen_t;
    // SAFETY: the kernel reads as many bytes of the int as it has.
    #[expect(unsafe_code, reason = "neither nix nor socket2 knows the options of netlink")]
    let result = unsafe {
        libc::setsockopt(socket.as_fd().as_raw_fd(), level, option, (&raw const value).cast(), length)
    };
    Errno::result(result).map(drop).map_err(Into::into)
}

/// Options that only bring more detail or less data; without them the answers are read just the same.
fn accept_an_old_kernel(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::ENOPROTOOPT) { Ok(()) } else { Err(error) }
}

pub(crate) fn receive<'b>(
    socket: BorrowedFd<'_>,
    buffer: &'b mut [u8],
    deadline: Instant,
) -> Result<&'b [u8], Failure> {
    loop {
        // With MSG_TRUNC the result is the datagram's length, even where that is more than fits.
        match retry(|| recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC)) {
            Ok(length) => {
                let room = buffer.len();
                return buffer.get(..length).ok_or(Failure::TooLong { length, room });
            }
            Err(Errno::EAGAIN) => wait(socket, deadline)?,
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn wait(socket: BorrowedFd<'_>, deadline: Instant) -> Result<(), Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Failure::TimedOut);
    }
    let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(socket, PollFlags::POLLIN)], timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Makes a system call until no signal interrupts it.
pub(crate) fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

/// How long to wait for an answer. The kernel answers while it takes the request, or not at all.
pub const TIMEOUT: Duration = Duration::from_secs(1);
const DUMP_ATTEMPTS: u32 = 8;
/// More than any datagram of the kernel's (`NLMSG_GOODSIZE`, and 32 KiB in dumps).
pub const BUFFER_LEN: usize = 64 * 1024;
/// Requests in one system call: if all of them fail, their answers fit into the receive buffer.
pub const AT_ONCE: usize = 100;
/// Bytes after which no more requests are put into a system call: far less than a send buffer takes.
const ENOUGH: usize = 32 * 1024;
/// For one such system call, with what the kernel counts for itself.
const SEND_ROOM: i32 = 128 * 1024;
/// For the answers to it, if all of the requests fail and come back whole.
const RECEIVE_ROOM: i32 = 512 * 1024;
/// linux/netlink.h.
const NETLINK_GET_STRICT_CHK: i32 = 12;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use lab::written::{message_bytes, ne32};
    use nix::sys::socket::{getsockopt, sockopt};

    use super::*;

    #[test]
    fn a_batch_and_its_answers_have_room_whatever_the_default() {
        let socket = RequestSocket::open(libc::NETLINK_ROUTE).unwrap();
        let sent = getsockopt(&socket.socket, sockopt::SndBuf).unwrap();
        let received = getsockopt(&socket.socket, sockopt::RcvBuf).unwrap();
        // What the kernel tells is twice what counts; an ordinary user may get less than was asked for.
        assert!(sent >= 2 * ENOUGH, "{sent}");
        assert!(received >= AT_ONCE * 2048, "{received}");
    }

    #[test]
    fn a_list_that_is_not_understood_is_read_to_its_end() {
        let (socket, kernel) = UnixDatagram::pair().unwrap();
        for sequence in [1, 2] {
            kernel.send(&message_bytes(28, 2, sequence, b"what")).unwrap();
            kernel.send(&message_bytes(NLMSG_DONE, 2, sequence, &ne32(0))).unwrap();
        }
        let mut socket = RequestSocket::over(socket.into());
        let ask = |envelope: Envelope<'_>| envelope.message(28, 0, |_| ());

        let failed = socket.dump(ask, |_, _| Err::<Option<()>, _>(Malformed));
        assert_eq!(failed, Err(Failure::Malformed));
        // Nothing of it is left before what answers the next.
        let mut first = [0; 64];
        recv(socket.as_fd().as_raw_fd(), &mut first, MsgFlags::MSG_PEEK).unwrap();
        assert_eq!(Messages::new(&first[..20]).next().unwrap().unwrap().sequence(), 2);

        assert_eq!(socket.dump(ask, |kind, _| Ok(Some(kind))), Ok(vec![28]));
    }

    const NLMSG_DONE: u16 = 3;
}
