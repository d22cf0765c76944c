use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::Duration,
};

use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    sys::socket::{
        ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns,
    },
    time::{ClockId, clock_gettime},
};
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

/// A look at one port of a [`Lan`](crate::Lan): all frames in both directions, with the kernel's time stamps.
///
/// It never blocks: wait on its file descriptor to become readable.
#[derive(Debug)]
pub struct Capture {
    socket: Socket,
    control: Vec<u8>,
}

impl Capture {
    /// Opens a packet socket on an interface of the calling thread's namespace.
    pub(crate) fn open(interface: i32) -> io::Result<Self> {
        // Protocol 0 receives nothing, so that nothing comes from other interfaces before `bind` names this one.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)?;
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
        setsockopt(&socket, ReceiveTimestampns, &true)?;
        socket.bind(&all_frames_of(interface))?;
        Ok(Self { socket, control: cmsg_space!(libc::timespec) })
    }

    /// Takes the next frame into `buffer`; `None` when there is none now.
    ///
    /// # Errors
    ///
    /// [`InvalidData`](io::ErrorKind::InvalidData) for a frame longer than the buffer, which is gone then; `ENETDOWN`
    /// once when the port went down.
    pub fn next<'b>(&mut self, buffer: &'b mut [u8]) -> io::Result<Option<Frame<'b>>> {
        let (length, stamp, outgoing) = loop {
            let mut space = [IoSliceMut::new(buffer)];
            let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
            match recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut space, Some(&mut self.control), flags) {
                Ok(message) => {
                    let stamp = message.cmsgs()?.find_map(|control| {
                        if let ControlMessageOwned::ScmTimestampns(stamp) = control {
                            Some(stamp.into())
                        } else {
                            None
                        }
                    });
                    let kind = message.address.map(|sender| sender.pkttype());
                    break (message.bytes, stamp, kind == Some(libc::PACKET_OUTGOING));
                }
                Err(Errno::EAGAIN) => return Ok(None),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        };
        let room = buffer.len();
        let too_long = || format!("a frame of {length} bytes does not fit into a buffer of {room}");
        let bytes =
            buffer.get(..length).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, too_long()))?;

        let (now, monotonic_now) = both_clocks()?;
        let realtime = stamp.unwrap_or(now);
        let monotonic = monotonic_now.saturating_sub(now.saturating_sub(realtime));
        Ok(Some(Frame { bytes, realtime, monotonic, outgoing }))
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Reads `CLOCK_REALTIME` and `CLOCK_MONOTONIC` at the same moment: again where something came in between.
fn both_clocks() -> io::Result<(Duration, Duration)> {
    let read = |clock| Ok::<_, Errno>(Duration::from(clock_gettime(clock)?));
    let mut before = read(ClockId::CLOCK_MONOTONIC)?;
    for _ in 0..CLOCK_READINGS {
        let now = read(ClockId::CLOCK_REALTIME)?;
        let after = read(ClockId::CLOCK_MONOTONIC)?;
        if after - before < SAME_MOMENT {
            return Ok((now, before));
        }
        before = after;
    }
    Ok((read(ClockId::CLOCK_REALTIME)?, before))
}

/// One captured frame.
#[derive(Copy, Clone, Debug)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// From the Ethernet header on, without the frame check sequence.
    pub bytes: &'a [u8],
    /// When the kernel saw it, since the Unix epoch: what a pcap file wants.
    pub realtime: Duration,
    /// The same instant on `CLOCK_MONOTONIC`, which is the clock of [`std::time::Instant`].
    pub monotonic: Duration,
    /// Whether the port sent it to the host; otherwise the host sent it.
    pub outgoing: bool,
}

/// Returns the address of packet(7) that a packet socket is bound to, to see all frames of an interface, given by its index.
#[must_use]
pub fn all_frames_of(interface: i32) -> SockAddr {
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (libc::ETH_P_ALL as u16).to_be(),
        sll_ifindex: interface,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a sockaddr_ll is plain data and fits into the storage, which the length given covers.
    #[expect(unsafe_code, reason = "neither socket2 nor nix builds a sockaddr_ll")]
    unsafe {
        *storage.view_as() = address;
        SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    }
}

/// Two clocks read one after the other take less than a microsecond, unless the thread loses its CPU in between.
const SAME_MOMENT: Duration = Duration::from_micros(20);
const CLOCK_READINGS: u32 = 100;

const RECEIVE_BUFFER: usize = 4 << 20;
