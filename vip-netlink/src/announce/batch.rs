//! Many frames in one system call.

use std::{
    error, fmt, io,
    mem::zeroed,
    net::IpAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use nix::libc;
use socket2::SockAddr;

use super::{Frame, Targets};
use crate::error::{Error, ErrorKind};

/// Why [`Announcer::announce_all`](crate::Announcer::announce_all) stopped, and how far it had come.
///
/// What keeps one announcement from going out would keep the next ones too: a full queue, an interface that is down.
#[derive(Debug)]
pub struct BatchError {
    sent: usize,
    error: Error,
}

impl BatchError {
    pub(super) fn new(sent: usize, error: Error) -> Self {
        Self { sent, error }
    }

    /// Returns how many addresses were announced: the first so many. The one after them failed, and those behind it were
    /// not tried.
    pub fn sent(&self) -> usize {
        self.sent
    }

    /// Returns the class of the failure, to decide on.
    pub fn kind(&self) -> ErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; announced before it: {}", self.error, self.sent)
    }
}

impl error::Error for BatchError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.error.source()
    }
}

/// That of the address that failed.
impl From<BatchError> for Error {
    fn from(batch: BatchError) -> Self {
        batch.error
    }
}

/// The frames of some addresses, to be sent together.
#[derive(Debug)]
pub(super) struct Batch {
    entries: [Option<Entry>; FRAMES],
    len: usize,
    addresses: usize,
}

#[derive(Copy, Clone, Debug)]
struct Entry {
    frame: Frame,
    ip: IpAddr,
    /// How many addresses come before this one.
    before: usize,
}

/// A frame that could not be sent.
#[derive(Debug)]
pub(super) struct Stopped {
    pub(super) ip: IpAddr,
    /// How many addresses come before this one: all their frames were sent.
    pub(super) before: usize,
    pub(super) error: io::Error,
}

impl Batch {
    /// How many addresses it holds.
    pub(super) const ADDRESSES: usize = FRAMES / 2;

    pub(super) const fn new() -> Self {
        Self { entries: [None; FRAMES], len: 0, addresses: 0 }
    }

    /// Takes the frames of one more address, of [`ADDRESSES`](Self::ADDRESSES) at the most.
    pub(super) fn push(&mut self, ip: IpAddr, frames: [Option<Frame>; 2]) {
        let free = self.entries.iter_mut().skip(self.len);
        for (place, frame) in free.zip(frames.into_iter().flatten()) {
            *place = Some(Entry { frame, ip, before: self.addresses });
            self.len += 1;
        }
        self.addresses += 1;
    }

    /// Sends them all, and returns of how many addresses they were.
    pub(super) fn send(&self, socket: BorrowedFd<'_>, targets: &Targets) -> Result<usize, Stopped> {
        let mut done = 0;
        while let Some(Some(first)) = self.entries.get(done) {
            let rest = self.entries.iter().skip(done).flatten();
            match send_frames(socket, rest.map(|entry| (targets.of(&entry.frame), entry.frame.bytes()))) {
                Ok(taken) => done += taken,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Stopped { ip: first.ip, before: first.before, error }),
            }
        }
        Ok(self.addresses)
    }
}

/// Sends frames in their order, in one system call, and returns how many the kernel took: when one but the first fails, those
/// before it.
#[expect(unsafe_code, reason = "nix's sendmmsg takes its headers from the heap")]
fn send_frames<'a>(
    socket: BorrowedFd<'_>,
    frames: impl Iterator<Item = (&'a SockAddr, &'a [u8])>,
) -> io::Result<usize> {
    // SAFETY: they are plain data, for which all zeros is a value.
    let (mut buffers, mut headers): ([libc::iovec; FRAMES], [libc::mmsghdr; FRAMES]) = unsafe { zeroed() };
    let mut count = 0;
    for (((to, bytes), buffer), header) in frames.zip(&mut buffers).zip(&mut headers) {
        *buffer = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
        header.msg_hdr.msg_name = to.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = to.len();
        header.msg_hdr.msg_iov = buffer;
        header.msg_hdr.msg_iovlen = 1;
        count += 1;
    }
    // SAFETY: the first `count` headers are filled in. What they point to lives as long as this call, is as long as they say,
    // and is only read.
    let taken = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    usize::try_from(taken).map_err(|_| io::Error::last_os_error())
}

/// Of one batch: an address has two at the most.
const FRAMES: usize = 64;
