use alloc::{collections::VecDeque, vec::Vec};
use core::net::Ipv4Addr;

use vrrp_proto::{Advertisement, HOP_LIMIT, Vrid};

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
    /// [`ConfigError::DuplicateVrid`] if the interface has a virtual router of that number.
    pub fn add(&mut self, interface: u32, config: Config) -> Result<RouterId, ConfigError> {
        let id = RouterId { interface, vrid: config.vrid() };
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

    /// Takes a packet of IP protocol 112, and returns the virtual router that took it.
    ///
    /// # Errors
    ///
    /// The first receive check that it fails, as a [`Discard`]; it is counted, and no deadline has moved.
    pub fn handle_packet(&mut self, now: Instant, packet: Received<'_>) -> Result<RouterId, Discard> {
        self.stats.received += 1;
        let (index, advertisement) =
            self.demultiplex(packet).inspect_err(|discard| self.stats.count(*discard))?;
        let Some(member) = self.members.get_mut(index) else {
            return Err(Discard::UnknownVrid(advertisement.vrid()));
        };
        let id = member.id;
        if packet.destination != member.router.config().group() {
            let discard = Discard::Destination(packet.destination);
            member.router.count_discard(discard);
            return Err(discard);
        }
        member.router.handle_advertisement(now, packet.source, &advertisement)?;
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

    /// Makes the checks that need no configuration but the VRID, and finds the member that the packet is for.
    fn demultiplex<'p>(&self, packet: Received<'p>) -> Result<(usize, Advertisement<'p>), Discard> {
        if packet.hop_limit != HOP_LIMIT {
            return Err(Discard::HopLimit(packet.hop_limit));
        }
        let advertisement = Advertisement::decode(packet.bytes)?;
        let id = RouterId { interface: packet.interface, vrid: advertisement.vrid() };
        let place = self.find(id).map_err(|_| Discard::UnknownVrid(id.vrid))?;
        let &(_, index) = self.directory.get(place).ok_or(Discard::UnknownVrid(id.vrid))?;
        Ok((index, advertisement))
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

/// Names a virtual router of this host: its number, and the index of the interface it is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct RouterId {
    /// The interface's index, as the caller gave it.
    pub interface: u32,
    /// The virtual router's number.
    pub vrid: Vrid,
}

/// A packet of IP protocol 112 as it came: the message, and what the IP header and the socket say of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct Received<'a> {
    /// The index of the interface it came in on.
    pub interface: u32,
    /// The IP source address.
    pub source: Ipv4Addr,
    /// The IP destination address.
    pub destination: Ipv4Addr,
    /// The IP TTL.
    pub hop_limit: u8,
    /// What follows the IP header.
    pub bytes: &'a [u8],
}

#[derive(Clone, Debug)]
struct Member {
    id: RouterId,
    router: VirtualRouter,
    is_ready: bool,
}
