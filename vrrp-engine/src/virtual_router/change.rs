//! What changes while it runs: its configuration, its priority, what it needs and what is taken from it.

use core::net::IpAddr;

use vrrp_proto::Version;

use super::{List, Phase, VirtualRouter, phase::Worse};
use crate::{
    Cause, Config, ConfigError, Fault, Instant, OnAddressLoss, Reason, output::Holding,
    sync_group::Membership, timers::skew_time, tracking::effective_priority,
};

impl VirtualRouter {
    /// Takes a new configuration while it runs, and stays in its state: a Master stays Master. It advertises at once what
    /// has changed, lets go of the addresses that are gone, and acquires and announces those that are new.
    ///
    /// Everything may change but the number and the address family. What the others must know too, such as version 2's
    /// interval, is for the operator to change there as well. For one value, start from
    /// [`Config::to_builder`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::Identity`] if it is of another virtual router; nothing has changed then.
    pub fn reconfigure(&mut self, now: Instant, config: Config) -> Result<(), ConfigError> {
        if (config.vrid(), config.family()) != (self.config.vrid(), self.config.family()) {
            return Err(ConfigError::Identity);
        }
        let now = self.wake(now);
        let had = self.config.addresses();
        let (is_other_list, has) = (!had.same_set(&config.addresses()), config.addresses());
        if is_other_list {
            // Those that were released may be another virtual router's by now.
            let is_pending = self.pending.release_former;
            let unreleased = self.former.as_addresses().iter().filter(|_| is_pending);
            let gone = unreleased.chain(had.iter()).filter(|address| !has.iter().any(|one| one == *address));
            self.former = List::new(config.family(), gone);
            let was_started = self.last.is_some();
            self.pending.release_former = was_started && !self.former.as_addresses().is_empty();
        }
        let former = core::mem::replace(&mut self.config, config);
        self.pending.begin_again();
        self.change_timers(now, &former);
        if let Phase::Master(reigning) = &mut self.phase {
            let plan = self.config.announcements();
            if is_other_list {
                reigning.announcing.begin_again(plan, now);
                self.pending.announce = None;
            } else if plan != former.announcements() {
                reigning.announcing.change_plan(plan, now);
            }
            self.pending.holding = Some(Holding::Acquire);
            self.advertise_now(now);
            self.announce_what_is_due(now);
        }
        Ok(())
    }

    /// Says that something that this virtual router needs is missing: it goes to state Fault, and a Master gives up its office.
    pub fn raise(&mut self, now: Instant, fault: Fault) {
        let now = self.wake(now);
        self.faults = self.faults.with(fault);
        match self.phase {
            Phase::Backup(_) | Phase::Master(_) => {
                self.enter(now, Phase::Fault, Reason::Fault(fault), Cause::Caller);
            }
            Phase::Initialize { .. } | Phase::Fault => {}
        }
    }

    /// Says that it is there again: if nothing else is missing, the virtual router begins anew, as Backup unless it owns the
    /// addresses.
    pub fn clear(&mut self, now: Instant, fault: Fault) {
        let now = self.timeline.advance(now);
        self.faults = self.faults.without(fault);
        match self.phase {
            Phase::Fault if self.faults.is_empty() => {
                self.begin(now, Reason::Recovered(fault), Cause::Caller);
                self.announce_what_is_due(now);
            }
            Phase::Initialize { .. } | Phase::Fault | Phase::Backup(_) | Phase::Master(_) => {}
        }
    }

    /// Sets what the weights of all that it tracks add up to. The priority changes at once, within 1 and 254; a Backup's timer
    /// with it, and a Master advertises it.
    ///
    /// [`VrrpRouter`](crate::VrrpRouter) does this for its trackers.
    pub fn set_weights(&mut self, now: Instant, weights: i32) {
        let now = self.wake(now);
        self.weights = weights;
        let was = self.priority;
        self.change_priority(now);
        if self.priority != was {
            self.advertise_now(now);
        }
    }

    /// Says that somebody else has taken a virtual address off the interface while this router was Master; of any other
    /// state, or any other address, nothing is made. What becomes of it is in [`OnAddressLoss`].
    pub fn handle_lost_address(&mut self, now: Instant, address: IpAddr) {
        let now = self.wake(now);
        if !self.config.addresses().iter().any(|one| one == address) {
            return;
        }
        let Phase::Master(reigning) = &mut self.phase else { return };
        self.stats.addresses_lost += 1;
        match self.config.on_address_loss() {
            OnAddressLoss::Restore => {
                self.pending.holding = Some(Holding::Acquire);
                reigning.announcing.begin_again(self.config.announcements(), now);
                self.announce_what_is_due(now);
            }
            OnAddressLoss::StepBack => {
                let mut listening = self.listening(now, self.config.interval(), None);
                listening.master_down_at = now + self.skew_time();
                self.enter(now, Phase::Backup(listening), Reason::AddressLost(address), Cause::Caller);
            }
        }
    }

    /// Makes it a member of a sync group, or none of any.
    pub(crate) const fn join(&mut self, membership: Membership) {
        self.membership = membership;
    }

    /// Makes the timers of a Backup what a new configuration asks for.
    fn change_timers(&mut self, now: Instant, former: &Config) {
        let timing = |config: &Config| {
            (config.version(), config.interval(), config.down_multiplier(), config.preempt())
        };
        if timing(former) == timing(&self.config) {
            return self.change_priority(now);
        }
        self.priority = effective_priority(self.config.priority(), self.weights);
        let Phase::Backup(listening) = self.phase else { return };
        // In version 3, what was learned stays so; in version 2, there is nothing to learn.
        let has_learned = former.version() == Version::V3 && listening.heard.is_some();
        let theirs = if has_learned { listening.master_interval } else { self.config.interval() };
        let mut anew = self.listening(now, theirs, listening.heard);
        if listening.heard.is_some_and(|peer| peer.priority.is_release()) {
            let skew = skew_time(self.config.version(), self.priority, anew.master_interval);
            anew.master_down_at = listening.master_down_at.min(now + skew).max(now);
        }
        // The time since which a worse Master was heard counts for a delay that is another now, from its next advertisement on.
        anew.worse = listening.worse.map(|worse| Worse { is_over: false, ..worse });
        self.phase = Phase::Backup(anew);
    }

    /// Makes the priority and a Backup's timer what the configuration and the weights ask for: it ends when it would have
    /// ended, had it been so from its beginning.
    fn change_priority(&mut self, now: Instant) {
        let before = self.skew_time();
        self.priority = effective_priority(self.config.priority(), self.weights);
        let after = self.skew_time();
        let Phase::Backup(listening) = self.phase else { return };
        let master_down = self.master_down_of(listening.master_interval).into();
        if let Phase::Backup(listening) = &mut self.phase {
            let moved = (listening.master_down_at + after) - (Instant::EPOCH + before);
            listening.master_down_at = Instant::from_epoch(moved).max(now);
            listening.master_down = master_down;
            listening.repeat = None;
        }
    }
}
