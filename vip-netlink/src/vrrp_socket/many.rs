//! The system calls that take and send several packets at once: recvmmsg(2), sendmmsg(2).

use std::{
    array,
    io::{IoSlice, IoSliceMut},
    iter, mem,
    net::Ipv6Addr,
    os::fd::{AsRawFd, BorrowedFd},
    ptr,
};

use nix::{errno::Errno, libc};
use socket2::SockAddr;

/// What comes beside a packet.
pub(super) struct Envelope {
    /// The length of the packet, also where that is more than fitted.
    pub(super) length: usize,
    /// Filled over IPv6 only, up to its address: IPv4's is shorter.
    source: libc::sockaddr_in6,
    control: Control,
    control_len: usize,
}

impl Envelope {
    pub(super) const EMPTY: Self = Self {
        length: 0,
        source: libc::sockaddr_in6 {
            sin6_family: 0,
            sin6_port: 0,
            sin6_flowinfo: 0,
            sin6_addr: libc::in6_addr { s6_addr: [0; 16] },
            sin6_scope_id: 0,
        },
        control: Control([0; CONTROL_LEN]),
        control_len: 0,
    };

    /// Returns the sender, `None` where it is not of IPv6.
    pub(super) fn source_v6(&self) -> Option<Ipv6Addr> {
        let is_v6 = i32::from(self.source.sin6_family) == libc::AF_INET6;
        is_v6.then(|| self.source.sin6_addr.s6_addr.into())
    }

    /// Returns the control messages.
    pub(super) fn control(&self) -> &[u8] {
        self.control.0.get(..self.control_len).unwrap_or_default()
    }
}

/// Takes what packets there are, up to N, each into a buffer and an envelope; returns how many. Never waits.
#[expect(unsafe_code, reason = "nix's recvmmsg forgets how much room there is for control messages")]
pub(super) fn receive<const N: usize>(
    socket: BorrowedFd<'_>,
    mut buffers: [IoSliceMut<'_>; N],
    envelopes: &mut [Envelope; N],
) -> nix::Result<usize> {
    // SAFETY: a header of zeros is valid, it points to nothing.
    let mut headers: [libc::mmsghdr; N] = unsafe { mem::zeroed() };
    for ((header, buffer), envelope) in iter::zip(&mut headers, &mut buffers).zip(&mut *envelopes) {
        let header = &mut header.msg_hdr;
        header.msg_name = ptr::from_mut(&mut envelope.source).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in6>() as _;
        header.msg_iov = ptr::from_mut(buffer).cast();
        header.msg_iovlen = 1;
        header.msg_control = ptr::from_mut(&mut envelope.control).cast();
        header.msg_controllen = CONTROL_LEN as _;
    }
    // With MSG_TRUNC the length is the packet's, even where that is more than fits.
    let flags = libc::MSG_DONTWAIT | libc::MSG_TRUNC;
    let received = loop {
        // SAFETY: there are N headers; each points to an address, a struct iovec (IoSliceMut is one, io::IoSliceMut) and
        // room for control messages of the length it says, which are borrowed mutably, and outlive the call.
        let result = unsafe {
            libc::recvmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), N as _, flags as _, ptr::null_mut())
        };
        match Errno::result(result) {
            Ok(received) => break usize::try_from(received).unwrap_or_default(),
            Err(Errno::EAGAIN) => return Ok(0),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    };
    for (header, envelope) in iter::zip(&headers, envelopes).take(received) {
        envelope.length = header.msg_len as usize;
        envelope.control_len = header.msg_hdr.msg_controllen as _;
    }
    Ok(received)
}

/// Sends the first few messages, all with the same control message; returns how many, at least one. The error is that of
/// the first.
#[expect(unsafe_code, reason = "nix's sendmmsg needs headers that are allocated, and not Send")]
pub(super) fn send<'m>(
    socket: BorrowedFd<'_>,
    control: &[u8],
    messages: impl IntoIterator<Item = (SockAddr, IoSlice<'m>)>,
) -> nix::Result<usize> {
    let mut messages = messages.into_iter();
    let messages: [_; BATCH] = array::from_fn(|_| messages.next());
    // SAFETY: a header of zeros is valid, it points to nothing.
    let mut headers: [libc::mmsghdr; BATCH] = unsafe { mem::zeroed() };
    let mut count = 0;
    for (header, (to, message)) in iter::zip(&mut headers, messages.iter().flatten()) {
        let header = &mut header.msg_hdr;
        // sendmmsg reads only, though its struct is the one to receive with.
        header.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_namelen = to.len();
        header.msg_iov = ptr::from_ref(message).cast_mut().cast();
        header.msg_iovlen = 1;
        header.msg_control = control.as_ptr().cast_mut().cast();
        header.msg_controllen = control.len() as _;
        count += 1;
    }
    loop {
        // SAFETY: of the headers, `count` are filled in; each points to an address, a struct iovec (IoSlice is one,
        // io::IoSlice) and a control message of the length it says, which are borrowed, and outlive the call.
        let result = unsafe {
            libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, libc::MSG_DONTWAIT as _)
        };
        match Errno::result(result) {
            Ok(sent) => return Ok(usize::try_from(sent).unwrap_or_default()),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// How many packets one system call takes or sends. What the call itself costs, divided by so many, is not felt.
pub(super) const BATCH: usize = 32;

/// Room for control messages, aligned as `struct cmsghdr` is.
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);

/// More than `CMSG_SPACE` of a struct in6_pktinfo, an int and a struct timespec: 40, 24 and 32 bytes.
const CONTROL_LEN: usize = 128;
