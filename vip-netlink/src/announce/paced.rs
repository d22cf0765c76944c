//! A sender that announces addresses again and again, at the caller's pace.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use super::{Announcer, Pacing, schedule::Schedule};
use crate::error::{Error, ErrorKind};

/// Announces the addresses of one interface: in bursts, again after a delay, and not too fast ([`Pacing`]).
///
/// It has no thread and reads no clock. Say what is to be announced; then call [`handle_timeout`](Self::handle_timeout)
/// whenever [`poll_timeout`](Self::poll_timeout) says:
///
/// ```no_run
/// # use std::{net::IpAddr, time::Instant};
/// # use vip_netlink::{Announcer, Error, Interface, PacedAnnouncer, Pacing};
/// # fn wait_until(_: Option<Instant>) {}
/// # fn run(eth0: &Interface, vips: Vec<IpAddr>) -> Result<(), Error> {
/// let mut announcer = PacedAnnouncer::new(Announcer::open(eth0)?, Pacing::default());
/// announcer.announce(Instant::now(), vips);
/// loop {
///     wait_until(announcer.poll_timeout()); // Or for something else. A moment in the past: do not wait.
///     // What else there is to do comes first: one call takes no longer than `Pacing::per_pass` says.
///     if let Err(error) = announcer.handle_timeout(Instant::now()) {
///         eprintln!("{error}"); // Nothing is lost: it is tried again.
///     }
/// }
/// # }
/// ```
///
/// An address that is announced for the first time comes before all repetitions; apart from that, everyone has their turn
/// before anyone has another. An address costs memory until it is withdrawn, and time only when it is its turn.
///
/// What fails is neither lost nor skipped: everything waits, 10 ms where the queue was full
/// ([`Busy`](ErrorKind::Busy)) and 1 s otherwise, then goes on where it stopped. So an interface that was taken down has its
/// addresses announced within a second of coming up. That the carrier was lost is no failure, and the frames are gone: call
/// [`announce_again`](Self::announce_again) when it is back ([`InterfaceUsable`](crate::EventKind::InterfaceUsable)).
#[derive(Debug)]
pub struct PacedAnnouncer {
    announcer: Announcer,
    schedule: Schedule,
}

impl PacedAnnouncer {
    /// Takes an announcer to send with. There should be one for an interface, for that is what the pace is of.
    pub fn new(announcer: Announcer, pacing: Pacing) -> Self {
        Self { announcer, schedule: Schedule::new(pacing) }
    }

    /// Begins to announce addresses; for one that is announced already, begins anew. The first announcements are due at
    /// once, also after a failure.
    pub fn announce(&mut self, now: Instant, ips: impl IntoIterator<Item = IpAddr>) {
        ips.into_iter().for_each(|ip| self.schedule.begin(now, ip));
    }

    /// Begins anew with all addresses: as after the interface was down or had no carrier, which makes switches forget.
    pub fn announce_again(&mut self, now: Instant) {
        self.schedule.begin_again(now);
    }

    /// Stops announcing addresses: none of them is sent any more. Those that are not announced are ignored.
    pub fn withdraw(&mut self, ips: impl IntoIterator<Item = IpAddr>) {
        ips.into_iter().for_each(|ip| self.schedule.withdraw(ip));
    }

    /// Sends with another announcer from now on: as after the interface was deleted and made anew.
    pub fn replace_announcer(&mut self, announcer: Announcer) {
        self.announcer = announcer;
    }

    /// Sends what is due, as far as [`Pacing::per_pass`] lets it. Early, late and repeated calls are harmless.
    ///
    /// # Errors
    ///
    /// Those of [`Announcer::announce`]: the one that everything waits for now.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), Error> {
        let mut room = self.schedule.pacing().most_per_pass();
        loop {
            match self.announcer.announce_all(self.schedule.due(now).take(room)) {
                Ok(0) => return Ok(()),
                Ok(sent) => {
                    self.schedule.handle_sent(now, sent);
                    room = room.saturating_sub(sent);
                }
                Err(error) => {
                    self.schedule.handle_sent(now, error.sent());
                    self.schedule.hold(now + pause_after(error.kind()));
                    return Err(error.into());
                }
            }
        }
    }

    /// Returns when to call [`handle_timeout`](Self::handle_timeout) next: in the past, if now. `None` if nothing is due
    /// until more is announced.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.schedule.poll_timeout()
    }
}

fn pause_after(failure: ErrorKind) -> Duration {
    if failure == ErrorKind::Busy { Duration::from_millis(10) } else { Duration::from_secs(1) }
}
