use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    time::TimeSpec,
    timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags},
};

/// What all runs share: the event loop, its timer, a buffer to receive into, and randomness.
#[derive(Debug)]
pub(super) struct Io {
    pub(super) epoll: Epoll,
    timer: TimerFd,
    pub(super) buffer: Box<[u8]>,
    secret: RandomState,
    drawn: u64,
}

impl Io {
    pub(super) fn new() -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        // Edge-triggered, it never needs to be read.
        epoll.add(&timer, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 0))?;
        let buffer = vec![0; BUFFER_LEN].into();
        Ok(Self { epoll, timer, buffer, secret: RandomState::new(), drawn: 0 })
    }

    /// Sets the timer to a moment of `CLOCK_MONOTONIC`, which may have passed.
    pub(super) fn set_timer(&self, at: Duration) {
        // To the kernel, zero is never. It has no other reason to fail than a wrong time, which this is not.
        let at = TimeSpec::from(at.max(Duration::from_nanos(1)));
        let _ = self.timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME);
    }

    /// Takes what is ready, after at most so long.
    pub(super) fn ready(&self, events: &mut [EpollEvent], timeout: EpollTimeout) -> nix::Result<usize> {
        self.epoll.wait(events, timeout)
    }

    /// Draws a number that strangers cannot guess.
    pub(super) fn random(&mut self) -> u64 {
        self.drawn += 1;
        self.secret.hash_one(self.drawn)
    }
}

/// The largest datagram.
const BUFFER_LEN: usize = 65_536;
