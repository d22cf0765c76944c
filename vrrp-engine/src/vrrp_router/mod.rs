mod directory;
mod groups;
mod trackers;

use alloc::{collections::VecDeque, vec::Vec};
use core::net::IpAddr;

use vrrp_proto::{Counter, Family, Notes, Packet, ParseError, Vrid};

pub use self::trackers::TrackerId;
use self::{
    directory::Directory,
    trackers::{Tracked, Use},
};
use crate::{
    Config, ConfigError, Discard, Fault, Instant, Output, RouterStats, Snapshot, VirtualRouter,
    deadlines::DeadlineQueue, sync_group::Group, time::Timeline,
};

/// A VRRP router (RFC 3768 §1.4): the virtual routers of one host, on however many interfaces.
///
/// It takes packets as the network brings them, makes the receive checks in their order, and finds the virtual router
/// each is for; it keeps the earliest of all deadlines at hand. Drive it as you would one [`VirtualRouter`].
///
/// Memory is taken when something is configured; after that, nothing allocates.
#[derive(Clone, Debug, Default)]
pub struct VrrpRouter {
    directory: Directory,
    /// Places of those that were removed are used again.
    members: Vec<Option<Member>>,
    deadlines: DeadlineQueue,
    /// The members that have an advertisement to send, each once, and those that have other output.
    to_advertise: VecDeque<usize>,
    to_order: VecDeque<usize>,
    groups: Vec<Group>,
    trackers: Vec<Tracked>,
    timeline: Timeline,
    stats: RouterStats,
}

impl VrrpRouter {
    /// Makes a router without virtual routers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a virtual router on an interface, which the caller names by its index; it is not started yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError::DuplicateVrid`] if the interface has a virtual router of that number and family.
    pub fn add(&mut self, interface: u32, config: Config) -> Result<RouterId, ConfigError> {
        let id = RouterId { interface, family: config.family(), vrid: config.vrid() };
        if self.directory.find(id).is_some() {
            return Err(ConfigError::DuplicateVrid { vrid: id.vrid, interface });
        }
        let member = Member {
            id,
            router: VirtualRouter::new(config),
            uses: Vec::new(),
            group: None,
            in_to_advertise: false,
            in_to_order: false,
            is_leaving: false,
        };
        let place = match self.members.iter().position(Option::is_none) {
            Some(place) => place,
            None => {
                self.members.push(None);
                self.deadlines.add()
            }
        };
        if let Some(slot) = self.members.get_mut(place) {
            *slot = Some(member);
        }
        self.directory.insert(id, place);
        for queue in [&mut self.to_advertise, &mut self.to_order] {
            queue.reserve(self.members.len() - queue.len());
        }
        Ok(id)
    }

    /// Removes a virtual router: it is shut down, and gone when its output has been polled. Another of its number may be added
    /// at once.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`].
    pub fn remove(&mut self, now: Instant, id: RouterId) -> Result<(), ConfigError> {
        let now = self.timeline.advance(now);
        let place = self.place(id)?;
        // First: out of its group, it might begin anew.
        if let Some(member) = self.member_at(place) {
            member.router.shutdown(now);
            member.is_leaving = true;
        }
        self.leave_group(now, place);
        self.forget_uses(place);
        self.directory.remove(id);
        self.note(place);
        self.bury(place);
        Ok(())
    }

    /// Starts one that is not started.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`].
    pub fn start_one(&mut self, now: Instant, id: RouterId) -> Result<(), ConfigError> {
        self.act(now, id, |router, now| router.start(now))
    }

    /// Shuts one down.
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`].
    pub fn shutdown_one(&mut self, now: Instant, id: RouterId) -> Result<(), ConfigError> {
        self.act(now, id, |router, now| router.shutdown(now))
    }

    /// Starts all that are not started.
    pub fn start(&mut self, now: Instant) {
        self.each(now, |router, now| router.start(now));
    }

    /// Shuts all down: the Masters among them tell their Backups and let go of their addresses.
    ///
    /// Poll and carry out the output before you end the process.
    pub fn shutdown(&mut self, now: Instant) {
        self.each(now, |router, now| router.shutdown(now));
    }

    /// Gives a virtual router a new configuration: see [`VirtualRouter::reconfigure`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`], [`ConfigError::Identity`]; nothing has changed then.
    pub fn reconfigure(&mut self, now: Instant, id: RouterId, config: Config) -> Result<(), ConfigError> {
        self.act(now, id, |router, now| router.reconfigure(now, config))?
    }

    /// Says that something a virtual router needs is missing: see [`VirtualRouter::raise`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`].
    pub fn raise(&mut self, now: Instant, id: RouterId, fault: Fault) -> Result<(), ConfigError> {
        self.act(now, id, |router, now| router.raise(now, fault))
    }

    /// Says that it is there again: see [`VirtualRouter::clear`].
    ///
    /// # Errors
    ///
    /// [`ConfigError::UnknownRouter`].
    pub fn clear(&mut self, now: Instant, id: RouterId, fault: Fault) -> Result<(), ConfigError> {
        self.act(now, id, |router, now| router.clear(now, fault))
    }

    /// Says that an interface is down or up: its virtual routers have, or have no longer, the fault
    /// [`InterfaceDown`](Fault::InterfaceDown).
    pub fn handle_link(&mut self, now: Instant, interface: u32, link: Link) {
        self.each_where(
            now,
            |id| id.interface == interface,
            |router, now| match link {
                Link::Down => router.raise(now, Fault::InterfaceDown),
                Link::Up => router.clear(now, Fault::InterfaceDown),
            },
        );
    }

    /// Says that somebody else has taken an address off an interface: see [`VirtualRouter::handle_lost_address`].
    pub fn handle_lost_address(&mut self, now: Instant, interface: u32, address: IpAddr) {
        self.each_where(
            now,
            |id| id.interface == interface,
            |router, now| router.handle_lost_address(now, address),
        );
    }

    /// Takes a packet of IP protocol 112 that came in on an interface, and returns the virtual router that took it.
    ///
    /// # Errors
    ///
    /// The first receive check that it fails, as a [`Discard`]; it is counted, and no deadline has moved.
    #[inline]
    pub fn handle_packet(
        &mut self,
        now: Instant,
        interface: u32,
        packet: &Packet<'_>,
    ) -> Result<Taken, Discard> {
        self.stats.received += 1;
        match self.handle_repeated(now, interface, packet) {
            Some(router) => Ok(Taken { router, notes: Notes::default() }),
            None => self.handle_new(now, interface, packet),
        }
    }

    /// Takes a packet if its virtual router has just taken the same.
    #[inline]
    fn handle_repeated(&mut self, now: Instant, interface: u32, packet: &Packet<'_>) -> Option<RouterId> {
        let vrid = Vrid::new(*packet.message().get(1)?).ok()?;
        let router = RouterId { interface, family: packet.endpoints().family(), vrid };
        let place = self.directory.find_near(router)?;
        let member = self.members.get_mut(place)?.as_mut()?;
        let mut timeline = self.timeline;
        let deadline = member.router.handle_repeated(timeline.advance(now), packet)?;
        self.timeline = timeline;
        self.deadlines.hasten(place, Some(deadline));
        Some(router)
    }

    fn handle_new(&mut self, now: Instant, interface: u32, packet: &Packet<'_>) -> Result<Taken, Discard> {
        // Looked at where it is: to move it would cost as much as to read it.
        let decoded = packet.decode();
        let decoded = match &decoded {
            Ok(decoded) => decoded,
            Err(error) => return Err(self.discard_malformed(interface, packet, *error)),
        };
        let (family, vrid) = (packet.endpoints().family(), decoded.advertisement.vrid());
        let router = RouterId { interface, family, vrid };
        let Some(place) = self.directory.find(router) else {
            self.stats.count(Counter::Vrid);
            return Err(Discard::UnknownVrid(vrid));
        };
        let now = self.timeline.advance(now);
        let taken = self.paced(place, |router| router.handle_packet(now, decoded));
        self.settle(now, place);
        let notes = taken.unwrap_or(Err(Discard::UnknownVrid(vrid)))?;
        Ok(Taken { router, notes })
    }

    /// Does what has become due. Called early, late or again, it does no harm.
    ///
    /// When both packets and a timeout wait, hand in the packets first: see [`VirtualRouter::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.timeline.advance(now);
        // At one moment a virtual router may have an advertisement, the end of a burst, a refresh and an announcement due, and
        // after each it is due later; the count is for the end of time, where deadlines do not move any more.
        for _ in 0..self.members.len().saturating_mul(4) {
            let Some((_, place)) = self.earliest().filter(|(deadline, _)| *deadline <= now) else { break };
            self.paced(place, |router| router.handle_timeout(now));
            self.settle(now, place);
        }
    }

    /// Returns the next order and the virtual router it is from; `None` when there are no more.
    ///
    /// Advertisements come first, whichever virtual router's. So who has much to carry out may call
    /// [`handle_timeout`](Self::handle_timeout) in between, and no advertisement waits for addresses and announcements.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<(RouterId, Output<'_>)> {
        if let Some(place) = self.next_to_advertise().or_else(|| self.next_to_order()) {
            let member = self.members.get_mut(place).and_then(Option::as_mut)?;
            return member.router.poll_output().map(|output| (member.id, output));
        }
        None
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due, if at all. Any other call may change it, and it may be
    /// now.
    ///
    /// Ask once before you wait, and not after each packet: it is here that deadlines are put in order.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        self.earliest().map(|(deadline, _)| self.timeline.to_caller(deadline))
    }

    /// Returns a virtual router, to read its state, configuration and counters. For its deadline and a snapshot, ask this router:
    /// its virtual routers are on a clock that is never set back.
    pub fn get(&self, id: RouterId) -> Option<&VirtualRouter> {
        let member = self.members.get(self.directory.find(id)?)?.as_ref()?;
        Some(&member.router)
    }

    /// Returns all virtual routers, those that are being removed excepted.
    pub fn iter(&self) -> impl Iterator<Item = (RouterId, &VirtualRouter)> {
        let members = self.members.iter().flatten().filter(|member| !member.is_leaving);
        members.map(|member| (member.id, &member.router))
    }

    /// Returns all that there is to know of each virtual router at a moment.
    pub fn snapshots(&self, now: Instant) -> impl Iterator<Item = (RouterId, Snapshot<'_>)> {
        let now = self.timeline.peek(now);
        self.iter().map(move |(id, router)| (id, router.snapshot(now)))
    }

    /// Returns the counters of what belongs to no virtual router.
    pub const fn stats(&self) -> RouterStats {
        self.stats
    }

    /// Counts a packet that could not be read: where it names a virtual router and the fault is that router's by RFC 8347, there.
    #[cold]
    fn discard_malformed(&mut self, interface: u32, packet: &Packet<'_>, error: ParseError) -> Discard {
        let counter = error.counter();
        let family = packet.endpoints().family();
        let is_routers = matches!(
            counter,
            Counter::HopLimit
                | Counter::Version
                | Counter::Checksum
                | Counter::Vrid
                | Counter::IpHeader
                | Counter::Protocol
        );
        let vrid = packet.message().get(1).and_then(|vrid| Vrid::new(*vrid).ok());
        let place = vrid.and_then(|vrid| self.directory.find(RouterId { interface, family, vrid }));
        match place.and_then(|place| self.member_at(place)) {
            Some(member) if !is_routers => member.router.stats_mut().count_in(counter),
            Some(_) | None => self.stats.count(counter),
        }
        Discard::Malformed(error)
    }

    /// Returns the earliest deadline and whose it is, once those in front of it that have moved are put where they belong.
    fn earliest(&mut self) -> Option<(Instant, usize)> {
        loop {
            let (queued, place) = self.deadlines.earliest()?;
            let member = self.members.get(place).and_then(Option::as_ref);
            match member.and_then(|member| member.router.poll_timeout()) {
                Some(deadline) if deadline == queued => return Some((deadline, place)),
                moved => self.deadlines.set(place, moved),
            }
        }
    }

    fn place(&self, id: RouterId) -> Result<usize, ConfigError> {
        let RouterId { interface, vrid, .. } = id;
        self.directory.find(id).ok_or(ConfigError::UnknownRouter { vrid, interface })
    }

    fn member_at(&mut self, place: usize) -> Option<&mut Member> {
        self.members.get_mut(place).and_then(Option::as_mut)
    }

    fn act<T>(
        &mut self,
        now: Instant,
        id: RouterId,
        act: impl FnOnce(&mut VirtualRouter, Instant) -> T,
    ) -> Result<T, ConfigError> {
        let now = self.timeline.advance(now);
        let place = self.place(id)?;
        let RouterId { interface, vrid, .. } = id;
        let result = self.paced(place, |router| act(router, now));
        self.settle(now, place);
        result.ok_or(ConfigError::UnknownRouter { vrid, interface })
    }

    fn each(&mut self, now: Instant, act: impl Fn(&mut VirtualRouter, Instant)) {
        self.each_where(now, |_| true, act);
    }

    /// Does something to some, and lets their groups follow when it is done to all of them.
    fn each_where(
        &mut self,
        now: Instant,
        which: impl Fn(RouterId) -> bool,
        act: impl Fn(&mut VirtualRouter, Instant),
    ) {
        let now = self.timeline.advance(now);
        for place in 0..self.members.len() {
            if self.member_at(place).is_some_and(|member| !member.is_leaving && which(member.id)) {
                self.paced(place, |router| act(router, now));
            }
        }
        for place in 0..self.members.len() {
            self.settle(now, place);
        }
    }

    /// Does something to a member at the pace of its interface, and notes what it has changed.
    fn paced<T>(&mut self, place: usize, act: impl FnOnce(&mut VirtualRouter) -> T) -> Option<T> {
        let member = self.members.get_mut(place).and_then(Option::as_mut)?;
        let pace = self.directory.pace(member.id);
        let result = match pace {
            Some(pace) => {
                *member.router.pace_mut() = *pace;
                let result = act(&mut member.router);
                *pace = *member.router.pace_mut();
                result
            }
            // It is being removed.
            None => act(&mut member.router),
        };
        self.note(place);
        Some(result)
    }

    /// Notes what a call has changed in a member: its deadline, and whether it has output.
    #[inline]
    fn note(&mut self, place: usize) {
        let Some(member) = self.members.get_mut(place).and_then(Option::as_mut) else {
            return;
        };
        self.deadlines.hasten(place, member.router.poll_timeout());
        if member.router.has_advertisement() && !member.in_to_advertise {
            member.in_to_advertise = true;
            self.to_advertise.push_back(place);
        }
        if member.router.has_more_output() && !member.in_to_order {
            member.in_to_order = true;
            self.to_order.push_back(place);
        }
    }

    /// Returns the next member that has an advertisement, once those that have none any more are taken off the queue.
    fn next_to_advertise(&mut self) -> Option<usize> {
        loop {
            let place = *self.to_advertise.front()?;
            if let Some(member) = self.member_at(place) {
                if member.router.has_advertisement() {
                    return Some(place);
                }
                member.in_to_advertise = false;
            }
            self.to_advertise.pop_front();
            self.bury(place);
        }
    }

    fn next_to_order(&mut self) -> Option<usize> {
        loop {
            let place = *self.to_order.front()?;
            if let Some(member) = self.member_at(place) {
                if member.router.has_more_output() {
                    return Some(place);
                }
                member.in_to_order = false;
            }
            self.to_order.pop_front();
            self.bury(place);
        }
    }

    /// Frees the place of a member that was removed, once all its output is out.
    fn bury(&mut self, place: usize) {
        let Some(slot) = self.members.get_mut(place) else { return };
        if slot
            .as_ref()
            .is_some_and(|member| member.is_leaving && !member.in_to_advertise && !member.in_to_order)
        {
            *slot = None;
        }
    }
}

/// Names a virtual router of this host: its number, its family, and the index of the interface it is on (RFC 9568 §5.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct RouterId {
    /// The interface's index, as the caller gave it.
    pub interface: u32,
    /// IPv4 or IPv6: one number may stand for a virtual router of each.
    pub family: Family,
    /// The virtual router's number.
    pub vrid: Vrid,
}

/// A packet that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Taken {
    /// The virtual router it was for.
    pub router: RouterId,
    /// What was unexpected in it, which hints at a misconfiguration; counted too.
    pub notes: Notes,
}

/// Whether an interface works: administratively up, and with a carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it works or it does not")]
pub enum Link {
    /// It does.
    Up,
    /// It does not, or there is none any more.
    Down,
}

#[derive(Clone, Debug)]
struct Member {
    router: VirtualRouter,
    id: RouterId,
    group: Option<usize>,
    in_to_advertise: bool,
    in_to_order: bool,
    /// Removed, and gone when its output has been polled.
    is_leaving: bool,
    /// What it tracks.
    uses: Vec<Use>,
}
