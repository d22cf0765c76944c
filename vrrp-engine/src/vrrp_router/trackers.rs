//! Trackers: what virtual routers depend on, and who depends on it.

use alloc::vec::Vec;

use super::VrrpRouter;
use crate::{ConfigError, Effect, Fault, GroupId, Health, Instant, MemberWeights, RouterId, Tracker};

/// Names something that is tracked by virtual routers of a [`VrrpRouter`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TrackerId(usize);

/// Something that is tracked.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracked {
    health: Health,
    /// The places of the virtual routers that depend on it.
    users: Vec<usize>,
}

/// What something that is tracked does to one virtual router.
#[derive(Clone, Copy, Debug)]
pub(super) struct Use {
    id: TrackerId,
    tracker: Tracker,
    pub(super) whose: Whose,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    Own,
    Group,
}

impl VrrpRouter {
    /// Makes room for something to be tracked, of which nothing is known yet; [`track`](Self::track) says by whom,
    /// [`report`](Self::report) how it does.
    pub fn add_tracker(&mut self) -> TrackerId {
        self.trackers.push(Tracked::default());
        TrackerId(self.trackers.len() - 1)
    }

    /// Makes a virtual router depend on something; anew, if it does so already. Report how it does first: what is not known
    /// is a fault to [`Tracker::fault`], and ends a Master's office.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`], [`ConfigError::Foreign`].
    pub fn track(
        &mut self,
        now: Instant,
        router: RouterId,
        id: TrackerId,
        tracker: Tracker,
    ) -> Result<(), ConfigError> {
        let now = self.timeline.advance(now);
        let place = self.place(router)?;
        self.add_use(now, place, Use { id, tracker, whose: Whose::Own })
    }

    /// Makes all members of a sync group depend on something.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Foreign`].
    pub fn track_group(
        &mut self,
        now: Instant,
        group: GroupId,
        id: TrackerId,
        tracker: Tracker,
    ) -> Result<(), ConfigError> {
        let now = self.timeline.advance(now);
        for place in self.group_members(group)? {
            self.add_use(now, place, Use { id, tracker, whose: Whose::Group })?;
        }
        Ok(())
    }

    /// Makes a virtual router no longer depend on something by itself; what its sync group depends on stays.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`].
    pub fn untrack(&mut self, now: Instant, router: RouterId, id: TrackerId) -> Result<(), ConfigError> {
        let now = self.timeline.advance(now);
        let place = self.place(router)?;
        if let Some(member) = self.member_at(place) {
            member.uses.retain(|one| one.id != id || one.whose == Whose::Group);
        }
        self.apply_uses(now, place);
        Ok(())
    }

    /// Says how something that is tracked does. Those that depend on it change their priority or go to state Fault, or come
    /// back from it, at once.
    pub fn report(&mut self, now: Instant, id: TrackerId, health: Health) {
        let now = self.timeline.advance(now);
        let Some(tracked) = self.trackers.get_mut(id.0) else { return };
        if tracked.health == health {
            return;
        }
        tracked.health = health;
        let mut number = 0;
        while let Some(&place) = self.trackers.get(id.0).and_then(|tracked| tracked.users.get(number)) {
            self.apply_uses(now, place);
            number += 1;
        }
    }

    /// Returns how something that is tracked does, as it was last reported.
    pub fn health(&self, id: TrackerId) -> Option<Health> {
        self.trackers.get(id.0).map(|tracked| tracked.health)
    }

    pub(super) fn forget_uses(&mut self, place: usize) {
        for tracked in &mut self.trackers {
            tracked.users.retain(|user| *user != place);
        }
    }

    /// Applies what a virtual router depends on, as it is now.
    pub(super) fn apply_uses(&mut self, now: Instant, place: usize) {
        let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) else { return };
        let group = member.group.and_then(|group| self.groups.get(group));
        let ignores_own = group.is_some_and(|group| group.member_weights == MemberWeights::Ignore);
        let (mut weights, mut is_fault) = (0i32, false);
        for Use { id, tracker, whose } in &member.uses {
            let health = self.trackers.get(id.0).map_or(Health::Unknown, |tracked| tracked.health);
            match tracker.effect(health) {
                Effect::Fault => is_fault = true,
                Effect::Weight(_) if ignores_own && *whose == Whose::Own => {}
                Effect::Weight(weight) => weights = weights.saturating_add(weight),
            }
        }
        self.paced(place, |router| {
            router.set_weights(now, weights);
            match (router.faults().contains(Fault::Tracker), is_fault) {
                (false, true) => router.raise(now, Fault::Tracker),
                (true, false) => router.clear(now, Fault::Tracker),
                (false, false) | (true, true) => {}
            }
        });
        self.settle(now, place);
    }

    fn add_use(&mut self, now: Instant, place: usize, new: Use) -> Result<(), ConfigError> {
        let tracked = self.trackers.get_mut(new.id.0).ok_or(ConfigError::Foreign)?;
        if !tracked.users.contains(&place) {
            tracked.users.push(place);
        }
        if let Some(member) = self.member_at(place) {
            member.uses.retain(|one| (one.id, one.whose) != (new.id, new.whose));
            member.uses.push(new);
        }
        self.apply_uses(now, place);
        Ok(())
    }
}
