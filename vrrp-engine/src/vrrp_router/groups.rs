//! Sync groups: what one member does, and what the others do then.

use alloc::vec::Vec;
use core::{net::IpAddr, time::Duration};

use super::VrrpRouter;
use crate::{
    Cause, ConfigError, Fault, GroupId, Instant, MemberWeights, Reason, RouterId, State,
    sync_group::{Group, Membership},
};

impl VrrpRouter {
    /// Makes virtual routers Master together or not at all: keepalived's sync group.
    ///
    /// One that would become Master waits until all others would too. Where one gives way, all do; where one is in state Fault,
    /// all are.
    ///
    /// Where two routers' groups contend, each with the better claim to one member, keepalived's give way to each other, and
    /// again and again. Here one member decides, the leader: that with the lowest VRID, IPv4 before IPv6, and of those the one
    /// with the lowest address, which all routers agree on. A better claim to another member counts only where it stays for an advertisement interval and a
    /// Skew_Time more: where the leader's router cannot hear this one.
    ///
    /// One that is not Master when it joins, or is started, among others that are counts as one that gives way: all begin anew.
    ///
    /// # Errors
    ///
    /// [`ConfigError::EmptySyncGroup`], [`ConfigError::UnknownRouter`], [`ConfigError::InSyncGroup`]; nothing has changed then.
    pub fn add_group(
        &mut self,
        now: Instant,
        members: impl IntoIterator<Item = RouterId>,
        member_weights: MemberWeights,
    ) -> Result<GroupId, ConfigError> {
        let now = self.timeline.advance(now);
        let mut ids: Vec<RouterId> = members.into_iter().collect();
        ids.sort_by_cached_key(|id| (id.vrid, id.family, self.first_address(*id)));
        let mut places = Vec::with_capacity(ids.len());
        for id in ids {
            let (place, RouterId { vrid, interface, .. }) = (self.place(id)?, id);
            let is_taken = self.member_at(place).is_some_and(|member| member.group.is_some());
            if is_taken || places.contains(&place) {
                return Err(ConfigError::InSyncGroup { vrid, interface });
            }
            places.push(place);
        }
        if places.is_empty() {
            return Err(ConfigError::EmptySyncGroup);
        }
        let number = match self.groups.iter().position(|group| group.members.is_empty()) {
            Some(free) => free,
            None => {
                self.groups.push(Group { members: Vec::new(), member_weights });
                self.groups.len() - 1
            }
        };
        for place in &places {
            if let Some(member) = self.member_at(*place) {
                member.group = Some(number);
            }
        }
        if let Some(group) = self.groups.get_mut(number) {
            *group = Group { members: places.clone(), member_weights };
        }
        self.name_leader(number);
        for place in places {
            self.apply_uses(now, place);
        }
        Ok(GroupId(number))
    }

    /// Takes a sync group apart: its members go on alone, and without what the group depended on. What it is named by may be
    /// another group's afterwards, as it may be when all its members were removed.
    ///
    /// # Errors
    ///
    /// [`ConfigError::Foreign`].
    pub fn remove_group(&mut self, now: Instant, group: GroupId) -> Result<(), ConfigError> {
        let now = self.timeline.advance(now);
        for place in self.group_members(group)? {
            self.leave_group(now, place);
            if let Some(member) = self.member_at(place) {
                member.uses.retain(|one| one.whose != super::trackers::Whose::Group);
            }
            self.apply_uses(now, place);
            self.note(place);
        }
        Ok(())
    }

    /// Returns how many members a sync group has now: those that were removed have left it.
    pub fn group_len(&self, group: GroupId) -> usize {
        self.groups.get(group.0).map_or(0, |group| group.members.len())
    }

    /// Returns the lowest of a virtual router's addresses, which all its routers have.
    fn first_address(&self, id: RouterId) -> Option<IpAddr> {
        self.get(id).and_then(|router| router.config().addresses().iter().min())
    }

    /// Returns the places of a group's members.
    pub(super) fn group_members(&self, group: GroupId) -> Result<Vec<usize>, ConfigError> {
        self.groups.get(group.0).map(|group| group.members.clone()).ok_or(ConfigError::Foreign)
    }

    /// Takes a member out of its group, if it is in one.
    pub(super) fn leave_group(&mut self, now: Instant, place: usize) {
        let Some(member) = self.member_at(place) else { return };
        member.router.join(Membership::Alone);
        let Some(number) = member.group.take() else { return };
        member.router.clear(now, Fault::SyncGroup);
        if let Some(group) = self.groups.get_mut(number) {
            group.members.retain(|one| *one != place);
        }
        self.name_leader(number);
        if let Some(other) = self.groups.get(number).and_then(|group| group.members.first().copied()) {
            self.settle(now, other);
        }
    }

    fn name_leader(&mut self, number: usize) {
        let Some(group) = self.groups.get(number) else { return };
        for (rank, place) in group.members.iter().enumerate() {
            let membership = if rank == 0 { Membership::Leader } else { Membership::Follower };
            if let Some(member) = self.members.get_mut(*place).and_then(Option::as_mut) {
                member.router.join(membership);
            }
        }
    }

    /// Lets the others of its group follow a member to which something has happened.
    #[inline]
    pub(super) fn settle(&mut self, now: Instant, place: usize) {
        let member = self.members.get(place).and_then(Option::as_ref);
        if let Some(number) = member.and_then(|member| member.group) {
            self.settle_group(now, number, place);
        }
    }

    fn settle_group(&mut self, now: Instant, number: usize, moved: usize) {
        let Some(group) = self.groups.get_mut(number) else { return };
        // Taken out while its members change.
        let places = core::mem::take(&mut group.members);
        self.share_faults(now, &places);
        self.share_fall(now, &places);
        self.share_rise(now, &places, moved);
        if let Some(group) = self.groups.get_mut(number) {
            group.members = places;
        }
    }

    /// Where one has a fault, all have.
    fn share_faults(&mut self, now: Instant, places: &[usize]) {
        let has_own = |router: &Self, place: &usize| {
            let member = router.members.get(*place).and_then(Option::as_ref);
            member.is_some_and(|member| !member.router.faults().without(Fault::SyncGroup).is_empty())
        };
        // Before anybody recovers of his own: a member that is about to must find that another has a fault.
        let faulty = places.iter().filter(|place| has_own(self, place)).count();
        for place in places {
            let others = faulty - usize::from(has_own(self, place));
            let Some(member) = self.member_at(*place) else { continue };
            match (member.router.faults().contains(Fault::SyncGroup), others > 0) {
                (false, true) => self.paced(*place, |router| router.raise(now, Fault::SyncGroup)),
                (true, false) => self.paced(*place, |router| router.clear(now, Fault::SyncGroup)),
                (false, false) | (true, true) => None,
            };
        }
    }

    /// All become Master together; so where some are and some are Backup, these have given way.
    fn share_fall(&mut self, now: Instant, places: &[usize]) {
        let Some(fallen) = self.first_in(State::Backup, places) else { return };
        if self.first_in(State::Master, places).is_none() {
            return;
        }
        let Some(Some(member)) = self.members.get(fallen) else { return };
        let (id, manner) = (member.id, member.router.last_fall());
        for place in places {
            if self.member_at(*place).is_some_and(|member| member.router.state() == State::Master) {
                self.paced(*place, |router| router.follow_down(now, Reason::SyncGroup(id), manner));
            }
        }
    }

    /// The one that moved last has its own cause, the others follow it.
    fn share_rise(&mut self, now: Instant, places: &[usize], moved: usize) {
        let wants = |router: &Self, place: &usize| {
            router.members.get(*place).and_then(Option::as_ref).is_some_and(|one| one.router.wants_office())
        };
        if !places.iter().all(|place| wants(self, place)) {
            return;
        }
        for place in places {
            let cause = if *place == moved { Cause::Timer(Duration::ZERO) } else { Cause::SyncGroup };
            self.paced(*place, |router| router.take_office(now, cause));
        }
    }

    fn first_in(&self, state: State, places: &[usize]) -> Option<usize> {
        let is_in = |place: &&usize| {
            let member = self.members.get(**place).and_then(Option::as_ref);
            member.is_some_and(|member| member.router.state() == state)
        };
        places.iter().find(is_in).copied()
    }
}
