use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// A deadline to poll for, met within microseconds (`timerfd_create(2)`).
///
/// The timeout of `poll` or `epoll_wait` would be simpler, and late: the kernel takes the liberty of a thousandth of it,
/// which is 3.6 ms of a Master_Down_Interval.
#[derive(Debug)]
pub struct Alarm(TimerFd);

impl Alarm {
    /// Makes one that is not set.
    ///
    /// # Errors
    ///
    /// File descriptors are used up.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK;
        Ok(Self(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?))
    }

    /// Sets it to become readable so long from now, or never; what was set before is forgotten.
    ///
    /// # Errors
    ///
    /// None that a valid descriptor has.
    pub fn set(&self, from_now: Option<Duration>) -> io::Result<()> {
        match from_now {
            // To the kernel, zero is never.
            Some(wait) => {
                let wait = wait.max(Duration::from_nanos(1));
                self.0.set(Expiration::OneShot(wait.into()), TimerSetTimeFlags::empty())?;
            }
            None => self.0.unset()?,
        }
        Ok(())
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
