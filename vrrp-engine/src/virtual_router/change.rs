//! What changes while it runs: its configuration, its priority, what it needs and what is taken from it.

use core::net::IpAddr;

use super::{List, Phase, VirtualRouter, master_interval_of};
use crate::{
    Cause, Config, ConfigError, Fault, Instant, OnAddressLoss, Reason, output::Holding,
    sync_group::Membership, tracking::effective_priority,
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
        let now = self.timeline.advance(now);
        let had = self.config.addresses();
        let (is_other_list, has) = (!had.same_set(&config.addresses()), config.addresses());
        if is_other_list {
            // Those that were released may be another virtual router's by now.
            let is_pending = self.pending.release_former;
            let unreleased = self.former.as_addresses().iter().filter(|_| is_pending);
            let gone = unreleased.chain(had.iter()).filter(|address| !has.iter().any(|one| one == *address));
            self.former = List::new(config.family(), gone);
            self.pending.release_former = !self.former.as_addresses().is_empty();
        }
        self.config = config;
        self.change_priority(now);
        if let Phase::Master(reigning) = &mut self.phase {
            if is_other_list {
                reigning.announcing.begin_again(self.config.announcements(), now);
                self.pending.announce = None;
            }
            self.pending.holding = Some(Holding::Acquire);
            self.advertise_now(now);
            self.announce_what_is_due(now);
        }
        Ok(())
    }

    /// Says that something that this virtual router needs is missing: it goes to state Fault, and a Master gives up its office.
    pub fn raise(&mut self, now: Instant, fault: Fault) {
        let now = self.timeline.advance(now);
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
        let now = self.timeline.advance(now);
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
        let now = self.timeline.advance(now);
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

    /// Makes the priority and what depends on it what the configuration and the weights ask for.
    ///
    /// A Backup's timer ends when it would have ended, had it been so from its beginning.
    fn change_priority(&mut self, now: Instant) {
        self.priority = effective_priority(self.config.priority(), self.weights);
        let Phase::Backup(listening) = self.phase else { return };
        let theirs = listening.heard.map_or(self.config.interval(), |_| listening.master_interval);
        let master_interval = master_interval_of(&self.config, theirs);
        let master_down = self.master_down_of(master_interval).into();
        if let Phase::Backup(listening) = &mut self.phase {
            let moved = listening.master_down_at + master_down;
            let since_epoch = moved - (Instant::EPOCH + listening.master_down);
            listening.master_down_at = Instant::from_epoch(since_epoch).max(now);
            listening.master_down = master_down;
            listening.master_interval = master_interval;
            listening.repeat = None;
        }
    }
}
