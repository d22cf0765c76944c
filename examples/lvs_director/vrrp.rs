//! Who has the addresses: the engine, the sockets, and what its orders come to on this host.

mod belongings;
mod channel;
mod groups;
mod instance;
mod links;
mod reload;
mod tracking;

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    net::IpAddr,
    ops::Range,
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use failover_examples::{
    keepalived_conf::model::{Config, Globals},
    read_packet,
};
use vip_netlink::{AcceptFilter, Announcer, Monitor, Netlink, ReceiveBatch};
use vrrp_engine::{Advertise, Clock, Output, RouterId, Snapshot, State, Transition, VrrpRouter};
use vrrp_proto::{Advertisement, PreparedAh};

use self::{channel::Channel, groups::Group, links::Links, tracking::Trackers};
pub(crate) use self::{instance::Instance, tracking::Tracked};
use crate::{
    log,
    outbox::{Subject, VrrpNews, Word},
    poll::{Poll, Token},
};

/// All instances of this host.
#[derive(Debug)]
pub(crate) struct Vrrp {
    poll: Rc<Poll>,
    clock: Clock,
    router: VrrpRouter,
    globals: Globals,
    netlink: Netlink,
    monitor: Monitor,
    filter: Option<AcceptFilter>,
    /// By number, which is the engine's number of the interface: two channels on one interface do not hear each other.
    channels: Vec<Option<Channel>>,
    instances: Vec<Instance>,
    /// Whose orders an identifier's are.
    places: HashMap<RouterId, usize>,
    groups: Vec<Group>,
    links: Links,
    trackers: Trackers,
    announcers: BTreeMap<u32, Announcer>,
    received: ReceiveBatch,
    outgoing: Outgoing,
    news: Vec<VrrpNews>,
    /// Something tracked has been reported, or another configuration is in force.
    may_have_other_priorities: bool,
    /// Addresses, routes and rules are looked after at this time, should nobody have said that one is gone.
    look_after_at: Instant,
    scratch: Vec<u8>,
}

/// Advertisements that are to go at once.
#[derive(Debug, Default)]
struct Outgoing {
    bytes: Vec<u8>,
    /// For which instance, to whom, and where in the bytes.
    messages: Vec<(usize, IpAddr, Range<usize>)>,
    /// What was last said of one that did not go.
    refused: Option<String>,
}

impl Vrrp {
    /// Opens what it needs. There are no instances yet: [`configure`](Self::configure) brings them.
    pub(crate) fn open(poll: &Rc<Poll>, config: &Config) -> Result<Self, Box<dyn std::error::Error>> {
        let mut netlink = Netlink::open()?;
        let mut monitor = Monitor::open()?;
        monitor.recognize(&mut netlink)?;
        poll.add(&monitor, Token::Monitor)?;
        let is_shy = config.instances.iter().any(|instance| !instance.accept);
        let now = Instant::now();
        Ok(Self {
            poll: Rc::clone(poll),
            clock: Clock::new(),
            router: VrrpRouter::new(),
            globals: config.globals.clone(),
            netlink,
            monitor,
            filter: if is_shy { Some(AcceptFilter::open()?) } else { None },
            channels: Vec::new(),
            instances: Vec::new(),
            places: HashMap::new(),
            groups: Vec::new(),
            links: Links::default(),
            trackers: Trackers::default(),
            announcers: BTreeMap::new(),
            received: ReceiveBatch::new(LONGEST_PACKET),
            outgoing: Outgoing::default(),
            news: Vec::new(),
            may_have_other_priorities: true,
            look_after_at: now + LOOK_AFTER,
            scratch: vec![0; Advertisement::MAX_LEN + PreparedAh::<&mut [u8]>::OVERHEAD],
        })
    }

    /// Takes what has come in at a channel: so much at the most, for a flood must not keep a Master from advertising.
    pub(crate) fn receive(&mut self, number: u32) {
        self.receive_from(number, None);
        for place in 0..self.instances.len() {
            let instance = self.instances.get(place);
            if instance.is_some_and(|it| it.id.interface == number && it.vmac_socket.is_some()) {
                self.receive_from(number, Some(place));
            }
        }
    }

    /// Takes what has come to a channel itself, or to an instance's virtual MAC.
    fn receive_from(&mut self, number: u32, vmac: Option<usize>) {
        for _ in 0..MOST_BATCHES {
            let may_be_more = self.receive_batch(number, vmac);
            self.carry_out();
            if !may_be_more {
                break;
            }
        }
    }

    /// Returns whether there may be more.
    fn receive_batch(&mut self, number: u32, vmac: Option<usize>) -> bool {
        let Some(channel) = self.channels.get_mut(number as usize).and_then(Option::as_mut) else {
            return false;
        };
        let socket = match vmac {
            None => channel.socket.as_ref(),
            Some(place) => self.instances.get(place).and_then(|instance| instance.vmac_socket.as_ref()),
        };
        let Some(socket) = socket else { return false };
        let packets = match socket.recv_batch(&mut self.received) {
            Ok(packets) => packets,
            Err(error) => {
                log::warn(&channel.key.interface, error);
                return false;
            }
        };
        let now = self.clock.now();
        let mut heard = Vec::new();
        for packet in packets {
            let Ok(packet) = packet else { continue };
            let Some(Ok(read)) = read_packet(&packet) else { continue };
            let Ok(taken) = self.router.handle_packet(now, number, &read) else { continue };
            if let Some(datagram) = packet.datagram {
                channel.sequence.heard(datagram);
            }
            // Most packets are a Master's that repeats itself, and nobody here asks for more.
            let Some(instance) = self.places.get(&taken.router).and_then(|place| self.instances.get(*place))
            else {
                continue;
            };
            let gave_up = read.message().get(2) == Some(&0);
            if !gave_up && (instance.has_left_behind || instance.state == State::Master) {
                heard.push(taken.router);
            }
        }
        for id in heard {
            self.hear_master(id);
        }
        self.received.was_filled()
    }

    /// Somebody else is Master, or says so.
    fn hear_master(&mut self, id: RouterId) {
        let is_master = self.router.get(id).is_some_and(|router| router.state() == State::Master);
        let Some(place) = self.places.get(&id).copied() else { return };
        if is_master {
            self.tell(place, Word::MasterRxLowerPri);
        } else {
            self.drop_what_was_left(place);
        }
    }

    /// Does what is due, and what follows from all that has happened.
    pub(crate) fn turn(&mut self, now: Instant) {
        self.router.handle_timeout(self.clock.now());
        self.carry_out();
        if self.links.poll_timeout().is_some_and(|at| at <= now) {
            self.settle_links(now);
        }
        if now >= self.look_after_at {
            self.look_after_at = now + LOOK_AFTER;
            self.look_after(now);
        }
        if mem::take(&mut self.may_have_other_priorities) {
            self.note_priorities();
        }
        self.carry_out();
    }

    /// Returns when [`turn`](Self::turn) is due.
    pub(crate) fn poll_timeout(&mut self, now: Instant) -> Option<Instant> {
        let engine = self.router.poll_timeout().map(|deadline| now + (deadline - self.clock.now()));
        [engine, self.links.poll_timeout(), Some(self.look_after_at)].into_iter().flatten().min()
    }

    /// Returns what there is to tell, oldest first.
    pub(crate) fn take_news(&mut self) -> Vec<VrrpNews> {
        mem::take(&mut self.news)
    }

    /// Carries out all orders of the engine's. Advertisements come first, and go before anything slow is done.
    fn carry_out(&mut self) {
        while let Some((id, output)) = self.router.poll_output() {
            let Some(place) = self.places.get(&id).copied() else { continue };
            let order = match output {
                Output::Advertise(advertise) => {
                    let Some(instance) = self.instances.get(place) else { continue };
                    let channel =
                        self.channels.get_mut(instance.id.interface as usize).and_then(Option::as_mut);
                    if let Some(channel) = channel {
                        self.outgoing.add(place, &advertise, channel, &mut self.scratch);
                    }
                    continue;
                }
                Output::Acquire(_) => Order::Acquire,
                Output::Release(_) => Order::Release,
                Output::Announce(announce) => {
                    Order::Announce(announce.addresses.iter().collect(), announce.times)
                }
                Output::Transition(transition) => Order::Tell(transition),
                Output::Overdue(lateness) => {
                    let name = self.instances.get(place).map_or("vrrp", |instance| &instance.model.name);
                    log::warn(name, format_args!("not run for {lateness:.1?} past its deadline"));
                    continue;
                }
            };
            self.send();
            self.carry_out_one(place, order);
            // What took long must not keep other instances' advertisements.
            self.router.handle_timeout(self.clock.now());
        }
        self.send();
    }

    fn carry_out_one(&mut self, place: usize, order: Order) {
        match order {
            Order::Acquire => self.acquire(place),
            Order::Release => self.release(place),
            Order::Announce(addresses, times) => self.announce(place, &addresses, times),
            Order::Tell(transition) => self.tell_transition(place, transition),
        }
    }

    /// Sends what is to go: for each channel in a row, many with one system call.
    fn send(&mut self) {
        let Outgoing { bytes, messages, refused: said } = &mut self.outgoing;
        let mut rest = &messages[..];
        while let Some((place, ..)) = rest.first() {
            let Some(instance) = self.instances.get(*place) else { break };
            let (number, vmac) = (instance.id.interface, instance.vmac_socket.as_ref());
            let is_same = |(other, ..): &&(usize, _, _)| {
                self.instances.get(*other).is_some_and(|other| {
                    other.id.interface == number && vmac.is_none() && other.vmac_socket.is_none()
                })
            };
            let count = rest.iter().take_while(is_same).count().max(1);
            let (now, later) = rest.split_at(count.min(rest.len()));
            rest = later;
            let channel = self.channels.get(number as usize).and_then(Option::as_ref);
            let socket = vmac.or_else(|| channel.and_then(|channel| channel.socket.as_ref()));
            let Some(socket) = socket else { continue };
            let batch: Vec<_> =
                now.iter().filter_map(|(_, to, range)| Some((*to, bytes.get(range.clone())?))).collect();
            let name = &instance.model.name;
            let mut refused = None;
            socket.send_batch(&batch, |_, error| refused = Some(error.to_string()));
            // Said once, and not once a second.
            if refused.is_some() && refused != *said {
                log::warn(name, refused.as_deref().unwrap_or_default());
            }
            *said = refused;
        }
        bytes.clear();
        messages.clear();
    }

    /// Notes a change of state, and says it to whom it concerns.
    fn tell_transition(&mut self, place: usize, transition: Transition) {
        let Some(instance) = self.instances.get_mut(place) else { return };
        instance.state = transition.to;
        instance.since = SystemTime::now();
        let name = instance.model.name.clone();
        log::info(&name, format_args!("{transition:#}"));
        let word = match transition.to {
            State::Master => Word::Master,
            State::Backup => Word::Backup,
            State::Fault => Word::Fault,
            State::Initialize => Word::Stop,
        };
        match transition.to {
            State::Master => self.raise_vmac(place),
            State::Backup | State::Fault | State::Initialize => self.lower_vmac(place),
        }
        if transition.to == State::Fault || transition.to == State::Initialize {
            self.drop_what_was_left(place);
        }
        self.tell(place, word);
        self.tell_group_of(&name);
    }

    /// Says something of an instance to whom it concerns.
    fn tell(&mut self, place: usize, word: Word) {
        let Some(instance) = self.instances.get(place) else { return };
        let priority = self.router.get(instance.id).map_or(0, |router| router.priority().get());
        self.news.push(VrrpNews {
            subject: Subject::Instance,
            name: instance.model.name.clone(),
            word,
            priority,
            notify: instance.model.notify.clone(),
            mails: instance.model.mail,
        });
    }

    /// Notes who has another priority, and tells those who asked for it.
    fn note_priorities(&mut self) {
        for place in 0..self.instances.len() {
            let Some(instance) = self.instances.get_mut(place) else { continue };
            let Some(priority) = self.router.get(instance.id).map(|router| router.priority().get()) else {
                continue;
            };
            if mem::replace(&mut instance.priority, priority) == priority {
                continue;
            }
            log::info(&instance.model.name, format_args!("priority {priority}"));
            let word = match instance.state {
                State::Master => Word::MasterPriority,
                State::Backup => Word::BackupPriority,
                State::Initialize | State::Fault => continue,
            };
            if instance.model.notify.priority_changes {
                self.tell(place, word);
            }
        }
    }

    /// Gives up all there is, in order.
    pub(crate) fn shutdown(&mut self) {
        self.router.shutdown(self.clock.now());
        self.carry_out();
        for place in 0..self.instances.len() {
            self.drop_what_was_left(place);
            self.remove_vmac(place);
        }
    }

    pub(crate) fn netlink(&mut self) -> (&mut Netlink, &vip_netlink::Picture) {
        (&mut self.netlink, self.monitor.picture())
    }

    pub(crate) fn instances(&self) -> &[Instance] {
        &self.instances
    }

    pub(crate) fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Returns what the engine knows of each instance.
    pub(crate) fn snapshots(&self) -> impl Iterator<Item = (&Instance, Snapshot<'_>)> {
        let find = |(id, snapshot)| Some((self.instances.get(*self.places.get(&id)?)?, snapshot));
        self.router.snapshots(self.clock.now()).filter_map(find)
    }

    pub(crate) fn stats(&self) -> vrrp_engine::RouterStats {
        self.router.stats()
    }

    /// Returns the source an instance advertises from.
    pub(crate) fn source_of(&self, instance: &Instance) -> Option<IpAddr> {
        self.channels.get(instance.id.interface as usize)?.as_ref()?.source
    }

    /// Whether this host has an address now.
    pub(crate) fn has_address(&self, ip: IpAddr) -> bool {
        self.monitor.picture().addresses().any(|address| address.ip() == ip)
    }

    /// Says how all instances are, as if each had just become so.
    pub(crate) fn states(&self) -> impl Iterator<Item = VrrpNews> {
        self.instances.iter().map(|instance| VrrpNews {
            subject: Subject::Instance,
            name: instance.model.name.clone(),
            word: match instance.state {
                State::Master => Word::Master,
                State::Backup => Word::Backup,
                State::Fault => Word::Fault,
                State::Initialize => Word::Stop,
            },
            priority: instance.priority,
            notify: instance.model.notify.clone(),
            mails: false,
        })
    }

    /// Registers what is to be waited for, after the channels have changed.
    fn find_channel(&mut self, key: &channel::Key) -> u32 {
        let is_it = |channel: &Option<Channel>| channel.as_ref().is_some_and(|channel| channel.key == *key);
        let place = self.channels.iter().position(is_it).unwrap_or_else(|| {
            let free = self.channels.iter().position(Option::is_none).unwrap_or(self.channels.len());
            if free == self.channels.len() {
                self.channels.push(None);
            }
            if let Some(slot) = self.channels.get_mut(free) {
                *slot = Some(Channel::new(key.clone()));
            }
            free
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}

/// An order, without what it borrows from the engine.
enum Order {
    Acquire,
    Release,
    Announce(Vec<IpAddr>, u8),
    Tell(Transition),
}

impl Outgoing {
    fn add(&mut self, place: usize, advertise: &Advertise<'_>, channel: &mut Channel, scratch: &mut [u8]) {
        let encoded = match advertise.advertisement.authentication() {
            vrrp_proto::Authentication::Header => {
                advertise.seal(channel.sequence.advance(), scratch).and_then(Result::ok)
            }
            vrrp_proto::Authentication::None | vrrp_proto::Authentication::SimpleText(_) => {
                advertise.encode(scratch).ok().map(|message| message.len())
            }
        };
        // The buffer takes the longest there is.
        let Some(message) = encoded.and_then(|len| scratch.get(..len)) else { return };
        let start = self.bytes.len();
        self.bytes.extend_from_slice(message);
        self.messages.push((place, advertise.endpoints.destination(), start..self.bytes.len()));
    }
}

/// More than an advertisement of 255 addresses of either family has.
const LONGEST_PACKET: usize = 4200;
const MOST_BATCHES: usize = 32;
const LOOK_AFTER: Duration = Duration::from_secs(5);
