//! What there is to wait for, each under a name.

use std::{io, os::fd::AsFd};

use nix::{
    errno::Errno,
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};

/// Who has something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Signals,
    Alarm,
    /// What others do to interfaces and addresses.
    Monitor,
    /// Advertisements, at the socket of this number.
    Channel(u32),
    /// Tracked scripts.
    Scripts,
    /// Checks of real servers.
    Checks,
    /// Files whose number counts.
    Files,
    StatusListener,
    MetricsListener,
    /// Who asks for status or metrics.
    Client(u32),
}

/// An epoll: descriptors leave it when they are closed.
#[derive(Debug)]
pub(crate) struct Poll(Epoll);

impl Poll {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    pub(crate) fn add(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        self.add_for(fd, token, EpollFlags::EPOLLIN)
    }

    /// Waits for a client that is to take more.
    pub(crate) fn add_writable(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        self.add_for(fd, token, EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT)
    }

    fn add_for(&self, fd: impl AsFd, token: Token, flags: EpollFlags) -> io::Result<()> {
        let mut event = EpollEvent::new(flags, token.number());
        match self.0.add(&fd, event) {
            Err(Errno::EEXIST) => Ok(self.0.modify(&fd, &mut event)?),
            result => Ok(result?),
        }
    }

    /// Waits until somebody has something to do; `ready` is who.
    pub(crate) fn wait(&self, ready: &mut Vec<Token>) -> io::Result<()> {
        ready.clear();
        let mut events = [EpollEvent::empty(); AT_ONCE];
        match self.0.wait(&mut events, EpollTimeout::NONE) {
            Ok(count) => {
                ready.extend(events.iter().take(count).filter_map(|event| Token::of(event.data())));
                Ok(())
            }
            Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Token {
    fn number(self) -> u64 {
        let (kind, which) = match self {
            Self::Signals => (0, 0),
            Self::Alarm => (1, 0),
            Self::Monitor => (2, 0),
            Self::Channel(number) => (3, number),
            Self::Scripts => (4, 0),
            Self::Checks => (5, 0),
            Self::Files => (6, 0),
            Self::StatusListener => (7, 0),
            Self::MetricsListener => (8, 0),
            Self::Client(number) => (9, number),
        };
        kind << 32 | u64::from(which)
    }

    fn of(number: u64) -> Option<Self> {
        let which = u32::try_from(number & u64::from(u32::MAX)).ok()?;
        Some(match number >> 32 {
            0 => Self::Signals,
            1 => Self::Alarm,
            2 => Self::Monitor,
            3 => Self::Channel(which),
            4 => Self::Scripts,
            5 => Self::Checks,
            6 => Self::Files,
            7 => Self::StatusListener,
            8 => Self::MetricsListener,
            9 => Self::Client(which),
            _ => return None,
        })
    }
}

const AT_ONCE: usize = 64;
