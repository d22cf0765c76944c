//! What a director is told by signals: SIGTERM and SIGINT to end, SIGHUP to read its configuration again, SIGCHLD that a child has
//! ended.
//!
//! By handlers that write to a socket, and not by a `signalfd`: that wants the signals blocked, and a blocked signal stays so
//! in all that notification scripts start, which then could not be told to end.

use std::{
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
};

use nix::libc::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{backend::SignalDelivery, exfiltrator::SignalOnly};

/// What has come in, and what has not been heeded of it yet.
#[derive(Debug)]
pub(crate) struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    wants_end: bool,
    wants_reload: bool,
}

impl Signals {
    /// Listens from now on. Before, they end the process.
    pub(crate) fn listen() -> io::Result<Self> {
        let (read, write) = UnixStream::pair()?;
        let delivery =
            SignalDelivery::with_pipe(read, write, SignalOnly, [SIGTERM, SIGINT, SIGHUP, SIGCHLD])?;
        Ok(Self { delivery, wants_end: false, wants_reload: false })
    }

    /// Takes note of those that have come.
    pub(crate) fn read(&mut self) {
        for signal in self.delivery.pending() {
            match signal {
                SIGTERM | SIGINT => self.wants_end = true,
                SIGHUP => self.wants_reload = true,
                // SIGCHLD has done what it is for: it has woken us.
                _ => {}
            }
        }
    }

    /// Whether it is told to end, since this was asked last.
    pub(crate) fn take_end(&mut self) -> bool {
        std::mem::take(&mut self.wants_end)
    }

    /// Whether it is told to read its configuration again, since this was asked last.
    pub(crate) fn take_reload(&mut self) -> bool {
        std::mem::take(&mut self.wants_reload)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.delivery.get_read().as_fd()
    }
}
