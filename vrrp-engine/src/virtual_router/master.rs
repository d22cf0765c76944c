//! What a Master does: RFC 3768 §6.4.3, RFC 9568 §6.4.3.

use core::time::Duration;

use vrrp_proto::{AdvertInterval, Priority};

use super::{Phase, Reigning, VirtualRouter, outranks, phase::Contest};
use crate::{
    Cause, Instant, Peer, Reason, Reassert, Transition, sync_group::Membership, timers::master_down_interval,
};

impl VirtualRouter {
    pub(super) fn hear_as_master(
        &mut self,
        now: Instant,
        reigning: Reigning,
        peer: Peer,
        interval: AdvertInterval,
    ) {
        if outranks(peer, self.priority, self.config.source()) {
            return self.hear_better(now, reigning, peer, interval);
        }
        if peer.priority.is_release() {
            self.advertise_now(now);
        } else if self.config.reassert() == Reassert::Advertise {
            // The beat stays as it is.
            self.pending.advertise(self.priority);
        }
        let spacing = self.config.interval().as_duration();
        if let Phase::Master(reigning) = &mut self.phase {
            // Somebody else has claimed the addresses, and neighbours may have believed it.
            reigning.announcing.heard_worse(now, spacing);
        }
        self.announce_what_is_due(now);
    }

    fn hear_better(&mut self, now: Instant, reigning: Reigning, peer: Peer, interval: AdvertInterval) {
        if self.membership == Membership::Follower && !self.has_lost(now, &reigning) {
            return;
        }
        let backup = Phase::Backup(self.listening(now, interval, Some(peer)));
        self.enter(now, backup, Reason::BetterMaster(peer), Cause::Packet(peer));
    }

    /// Whether a better Master has been there for longer than the leaders of two sync groups need to agree.
    ///
    /// Two groups in which each has the better claim to one member would make each other give way for ever. So the leader
    /// decides: where it wins, the other group gives way soon. Where that does not happen, it cannot be heard there, and
    /// the better claim stands.
    fn has_lost(&mut self, now: Instant, reigning: &Reigning) -> bool {
        let patience = self.config.interval().as_duration() + self.skew_range();
        let is_same = |contest: &Contest| now - contest.heard_at <= self.master_down_interval();
        let since = reigning.contest.filter(is_same).map_or(now, |contest| contest.since);
        if let Phase::Master(reigning) = &mut self.phase {
            reigning.contest = Some(Contest { since, heard_at: now });
        }
        now - since >= patience
    }

    /// Returns how late its advertisement is, if it is so late that another may have taken over.
    #[inline]
    pub(super) fn overdue(&self, now: Instant, reigning: &Reigning) -> Option<Duration> {
        if now <= reigning.advertise_at {
            return None;
        }
        let (config, best) = (&self.config, Priority::new(254));
        let patience =
            master_down_interval(config.version(), best, config.interval(), config.down_multiplier());
        (now - reigning.advertised_at >= patience).then(|| now - reigning.advertise_at)
    }

    pub(super) fn do_masters_duties(&mut self, now: Instant, reigning: Reigning) {
        let Reigning { advertise_at, .. } = reigning;
        if now < advertise_at {
            return;
        }
        self.pending.advertise(self.priority);
        let interval = self.config.interval().as_duration();
        if let Phase::Master(reigning) = &mut self.phase {
            reigning.advertise_at = next_beat(advertise_at, interval, now);
            reigning.advertised_at = now;
        }
    }

    /// Advertises out of turn, and begins a new beat.
    pub(super) fn advertise_now(&mut self, now: Instant) {
        let interval = self.config.interval().as_duration();
        if let Phase::Master(reigning) = &mut self.phase {
            reigning.advertise_at = now + interval;
            reigning.advertised_at = now;
            self.pending.advertise(self.priority);
        }
    }

    pub(super) fn announce_what_is_due(&mut self, now: Instant) {
        let Phase::Master(reigning) = &mut self.phase else { return };
        let announcing = &mut reigning.announcing;
        if announcing.due_at().is_none_or(|due| due > now) {
            return;
        }
        let count = self.config.addresses().len();
        let plan = self.config.announcements();
        if let Some(piece) = announcing.handle_timeout(plan, count, &mut self.pace, now) {
            self.pending.announce(piece);
        }
    }

    /// Gives way because another member of its sync group has, in that manner.
    pub(crate) fn follow_down(&mut self, now: Instant, reason: Reason, manner: Fall) {
        let mut listening = self.listening(now, self.config.interval(), None);
        if manner == Fall::Resigning {
            listening.master_down_at = now + self.skew_time();
        }
        self.enter(now, Phase::Backup(listening), reason, Cause::SyncGroup);
        if manner == Fall::Resigning {
            self.pending.advertise(Priority::RELEASE);
        }
    }

    /// Returns how it became Backup.
    pub(crate) const fn last_fall(&self) -> Fall {
        match self.last {
            Some((_, Transition { reason: Reason::AddressLost(_), .. })) => Fall::Resigning,
            Some(_) | None => Fall::Silent,
        }
    }
}

/// How a Master becomes Backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fall {
    /// Another has a better claim, or may have taken over.
    Silent,
    /// It gives up its office, with priority 0.
    Resigning,
}

/// Returns the next beat of a rhythm that does not drift with the lateness of `now`, unless a whole beat was missed.
fn next_beat(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}
