//! What a Backup does: RFC 3768 §6.4.2, RFC 9568 §6.4.2.

use vrrp_proto::{AdvertInterval, Endpoints};

use super::{Listening, Phase, Told, VirtualRouter, master_interval_of, phase::Worse};
use crate::{Cause, Instant, Peer, Preempt, Reason, sync_group::Membership};

impl VirtualRouter {
    /// Returns whether it was a sign of life of a Master that this router is to follow.
    #[inline]
    pub(super) fn hear_as_backup(&mut self, now: Instant, from: &Endpoints, told: Told) -> bool {
        let Told { priority, interval } = told;
        let Phase::Backup(listening) = &mut self.phase else { return false };
        listening.repeat = None;
        // It hardly ever is another, and to write it costs more than to compare it.
        let is_same = |peer: &Peer| from.comes_from(&peer.source) && peer.priority == priority;
        if !listening.heard.as_ref().is_some_and(is_same) {
            listening.heard = Some(Peer { source: from.source(), priority });
        }
        let is_followed = !priority.is_release() && (priority >= self.priority || !self.preempts());
        if is_followed {
            self.follow(now, interval);
        } else if priority.is_release() {
            self.hear_release(now);
        } else {
            self.hear_worse(now, interval);
        }
        is_followed
    }

    fn hear_release(&mut self, now: Instant) {
        let skew = self.skew_time();
        if let Phase::Backup(listening) = &mut self.phase {
            listening.master_down_at = now + skew;
        }
    }

    /// Takes an advertisement for a sign of life of the Master.
    #[inline]
    fn follow(&mut self, now: Instant, interval: AdvertInterval) {
        let Phase::Backup(listening) = &mut self.phase else { return };
        listening.worse = None;
        listening.was_paused = false;
        listening.wants_office = false;
        if interval == listening.master_interval {
            listening.master_down_at = now + listening.master_down;
        } else {
            let heard = listening.heard;
            self.phase = Phase::Backup(self.listening(now, interval, heard));
        }
    }

    /// Hears a Master that this router is to preempt, now or later.
    fn hear_worse(&mut self, now: Instant, interval: AdvertInterval) {
        let Phase::Backup(listening) = self.phase else { return };
        let first = Worse { since: now, without_delay_at: listening.master_down_at, is_over: false };
        let mut worse = listening.worse.unwrap_or(first);
        let mut fed = self.listening(now, interval, listening.heard);
        fed.wants_office = listening.wants_office;
        match self.config.preempt() {
            // Its timer runs on: that is how a better Backup gets its turn.
            _ if self.priority.is_owner() => return,
            Preempt::Allow | Preempt::Forbid => return,
            Preempt::Delay(delay) if now >= worse.since + delay => {
                worse.is_over = true;
                fed.master_down_at = listening.master_down_at;
            }
            Preempt::Delay(_) => {}
            Preempt::HoldTime(delay) => {
                // Not before now, should the delay have become shorter.
                let preempt_at = worse.without_delay_at.max(worse.since + delay).max(now);
                worse.is_over = preempt_at <= fed.master_down_at;
                fed.master_down_at = fed.master_down_at.min(preempt_at);
            }
        }
        fed.worse = Some(worse);
        self.phase = Phase::Backup(fed);
    }

    /// The Master_Down_Timer has run out.
    pub(super) fn miss_master(&mut self, now: Instant, listening: Listening) {
        if self.listens_after_pause(now, listening) {
            return;
        }
        if self.membership != Membership::Alone {
            self.restart_timer(now);
            if let Phase::Backup(listening) = &mut self.phase {
                listening.wants_office = true;
            }
            return;
        }
        self.take_office(now, Cause::Timer(now - listening.master_down_at));
    }

    /// Starts the timer anew if it ran out so long ago that every other Backup's has run out too, for their advertisements may
    /// have been missed.
    ///
    /// Once it has listened after a pause, being late is no reason to listen again, for then a slow machine would never be
    /// Master; unless it was not run for as long as it was to listen.
    pub(super) fn listens_after_pause(&mut self, now: Instant, listening: Listening) -> bool {
        let lateness = now - listening.master_down_at;
        if lateness <= self.skew_range() {
            return false;
        }
        self.note_pause(lateness);
        let has_listened = listening.was_paused && lateness <= listening.master_down.into();
        if !self.steps_back() || has_listened {
            return false;
        }
        self.restart_timer(now);
        if let Phase::Backup(listening) = &mut self.phase {
            listening.was_paused = true;
            listening.wants_office = false;
        }
        true
    }

    /// Becomes Master, for what was heard last.
    pub(crate) fn take_office(&mut self, now: Instant, cause: Cause) {
        if let Phase::Backup(listening) = self.phase {
            self.become_master(now, self.takeover_reason(&listening), cause);
            self.announce_what_is_due(now);
        }
    }

    /// Whether its timer has run out, and only its sync group keeps it from becoming Master.
    pub(crate) const fn wants_office(&self) -> bool {
        matches!(self.phase, Phase::Backup(Listening { wants_office: true, .. }))
    }

    fn restart_timer(&mut self, now: Instant) {
        if let Phase::Backup(listening) = &mut self.phase {
            listening.master_down_at = now + listening.master_down;
            listening.repeat = None;
        }
    }

    /// Listens from now on to a Master that advertises so often.
    pub(super) fn listening(&self, now: Instant, interval: AdvertInterval, heard: Option<Peer>) -> Listening {
        let master_interval = master_interval_of(&self.config, interval);
        let master_down = self.master_down_of(master_interval);
        Listening {
            master_down_at: now + master_down,
            master_down: master_down.into(),
            master_interval,
            heard,
            worse: None,
            repeat: None,
            was_paused: false,
            wants_office: false,
        }
    }

    /// Whether it takes over from a live Master of lower priority.
    #[inline]
    fn preempts(&self) -> bool {
        self.config.preempt() != Preempt::Forbid || self.priority.is_owner()
    }

    fn takeover_reason(&self, listening: &Listening) -> Reason {
        let is_alive = listening.worse.is_none_or(|worse| worse.is_over);
        match listening.heard {
            None => Reason::NoMaster,
            Some(peer) if peer.priority.is_release() => Reason::MasterReleased(peer),
            Some(peer) if peer.priority < self.priority && self.preempts() && is_alive => {
                Reason::LowerPriorityMaster(peer)
            }
            Some(peer) => Reason::MasterSilent(peer),
        }
    }
}
