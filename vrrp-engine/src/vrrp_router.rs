use alloc::{collections::VecDeque, vec::Vec};
use vrrp_proto::{Counter, Family, Packet, Vrid};

use crate::{
    Config, ConfigError, Discard, Instant, Output, RouterStats, VirtualRouter, deadlines::DeadlineQueue,
};

/// A VRRP router (RFC 3768 §1.4): the virtual routers of one host, on however many interfaces.
///
/// It takes packets as the network brings them, makes the receive checks in their order, and finds the virtual router
/// each is for; it keeps the earliest of all deadlines at hand. Drive it as you would one [`VirtualRouter`].
///
/// Memory is taken when a virtual router is added; after that, nothing allocates.
#[derive(Clone, Debug, Default)]
pub struct VrrpRouter {
    /// Where in `members` each virtual router is, sorted.
    directory: Vec<(RouterId, usize)>,
    members: Vec<Member>,
    deadlines: DeadlineQueue,
    /// The members that have output, each once.
    ready: VecDeque<usize>,
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
        let id = RouterId { interface, family: config.endpoints().family(), vrid: config.vrid() };
        let Err(place) = self.find(id) else {
            return Err(ConfigError::DuplicateVrid { vrid: id.vrid, interface });
        };
        let index = self.deadlines.add();
        self.directory.insert(place, (id, index));
        self.members.push(Member { id, router: VirtualRouter::new(config), is_ready: false });
        self.ready.reserve(self.members.len() - self.ready.len());
        Ok(id)
    }

    /// Starts all that are not started.
    pub fn start(&mut self, now: Instant) {
        self.each(|router| router.start(now));
    }

    /// Shuts all down: the Masters among them tell their Backups and let go of their addresses.
    ///
    /// Poll and carry out the output before you end the process.
    pub fn shutdown(&mut self, now: Instant) {
        self.each(|router| router.shutdown(now));
    }

    /// Takes a packet of IP protocol 112 that came in on an interface, and returns the virtual router that took it.
    ///
    /// # Errors
    ///
    /// The first receive check that it fails, as a [`Discard`]; it is counted, and no deadline has moved.
    pub fn handle_packet(
        &mut self,
        now: Instant,
        interface: u32,
        packet: &Packet<'_>,
    ) -> Result<RouterId, Discard> {
        self.stats.received += 1;
        let decoded = packet.decode().inspect_err(|error| self.stats.count(error.counter()))?;
        let id =
            RouterId { interface, family: packet.endpoints().family(), vrid: decoded.advertisement.vrid() };
        let Some((index, member)) = self.member(id) else {
            let discard = Discard::UnknownVrid(id.vrid);
            self.stats.count(Counter::Vrid);
            return Err(discard);
        };
        member.router.handle_packet(now, &decoded)?;
        self.note(index);
        Ok(id)
    }

    /// Does what has become due. Called early, late or again, it does no harm.
    ///
    /// When both packets and a timeout wait, hand in the packets first: see [`VirtualRouter::handle_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        // Each has one deadline due at the most; the count is for the end of time, where deadlines do not move any more.
        for _ in 0..self.members.len() {
            let Some((_, index)) = self.deadlines.earliest().filter(|(deadline, _)| *deadline <= now) else {
                break;
            };
            if let Some(member) = self.members.get_mut(index) {
                member.router.handle_timeout(now);
            }
            self.note(index);
        }
    }

    /// Returns the next order and the virtual router it is from; `None` when there are no more.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<(RouterId, Output<'_>)> {
        let index = loop {
            let index = *self.ready.front()?;
            if self.members.get(index).is_some_and(|member| member.router.has_output()) {
                break index;
            }
            self.ready.pop_front();
            if let Some(member) = self.members.get_mut(index) {
                member.is_ready = false;
            }
        };
        let member = self.members.get_mut(index)?;
        member.router.poll_output().map(|output| (member.id, output))
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due, if at all. Any other call may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.earliest().map(|(deadline, _)| deadline)
    }

    /// Returns a virtual router, to read its state, configuration and counters.
    pub fn get(&self, id: RouterId) -> Option<&VirtualRouter> {
        let index = self.find(id).ok().and_then(|place| self.directory.get(place))?.1;
        self.members.get(index).map(|member| &member.router)
    }

    /// Returns all virtual routers, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (RouterId, &VirtualRouter)> {
        self.members.iter().map(|member| (member.id, &member.router))
    }

    /// Returns the counters of what belongs to no virtual router.
    pub const fn stats(&self) -> RouterStats {
        self.stats
    }

    fn member(&mut self, id: RouterId) -> Option<(usize, &mut Member)> {
        let &(_, index) = self.directory.get(self.find(id).ok()?)?;
        Some((index, self.members.get_mut(index)?))
    }

    fn find(&self, id: RouterId) -> Result<usize, usize> {
        self.directory.binary_search_by_key(&id, |(id, _)| *id)
    }

    fn each(&mut self, act: impl Fn(&mut VirtualRouter)) {
        for index in 0..self.members.len() {
            if let Some(member) = self.members.get_mut(index) {
                act(&mut member.router);
            }
            self.note(index);
        }
    }

    /// Notes what a call has changed in a member: its deadline, and whether it has output.
    fn note(&mut self, index: usize) {
        let Some(member) = self.members.get_mut(index) else {
            return;
        };
        self.deadlines.set(index, member.router.poll_timeout());
        if member.router.has_output() && !member.is_ready {
            member.is_ready = true;
            self.ready.push_back(index);
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

#[derive(Clone, Debug)]
struct Member {
    id: RouterId,
    router: VirtualRouter,
    is_ready: bool,
}
