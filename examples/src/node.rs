use std::{
    error::Error,
    fmt, io,
    net::{IpAddr, Ipv4Addr},
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use serde::{Deserialize, Serialize};
use vip_netlink::{
    Address, AddressError, Announcer, AssignedAddress, Change, ErrorKind, Interface, Netlink, Protocol,
    Reception, VrrpSocket,
};
use vrrp_engine::{
    Advertise, Announce, Clock, Config, Discard, Instant, Output, Preempt, RouterId, State, Transition,
    VrrpRouter,
};
use vrrp_proto::{
    AdvertInterval, Advertisement, Authentication, Endpoints, Packet, Password, Priority, Version, Vrid,
};

use crate::Alarm;

/// What a [`Node`] is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct Settings {
    /// The interface the virtual routers are on, by name.
    pub interface: String,
    /// The multicast group they advertise to.
    pub group: Ipv4Addr,
    /// The version of VRRP they speak, 2 or 3.
    pub version: u8,
    /// Their advertisement interval, in milliseconds where it is JSON.
    pub interval: AdvertInterval,
    /// Whether they preempt a Master of lower priority.
    pub preempt: bool,
    /// The password of simple text authentication, 1 to 8 bytes.
    pub password: Option<String>,
    /// The virtual routers.
    pub routers: Vec<RouterSettings>,
}

impl Settings {
    /// Returns what the engine is told of one of the virtual routers, if it advertises from `source`.
    ///
    /// # Errors
    ///
    /// A value out of range, in one sentence.
    pub fn config(
        &self,
        router: &RouterSettings,
        source: impl Into<IpAddr>,
    ) -> Result<Config, Box<dyn Error>> {
        let authentication = match &self.password {
            Some(password) => Authentication::SimpleText(Password::new(password)?),
            None => Authentication::None,
        };
        let addresses = router.parse_addresses()?;
        let config = Config::builder(Vrid::new(router.vrid)?, source, addresses.iter().map(Address::ip))
            .priority(Priority::new(router.priority))
            .version(parse_version(self.version)?)
            .interval(self.interval)
            .preempt(if self.preempt { Preempt::Allow } else { Preempt::Forbid })
            .authentication(authentication)
            .group(self.group)
            .build()?;
        Ok(config)
    }
}

fn parse_version(version: u8) -> Result<Version, String> {
    match version {
        2 => Ok(Version::V2),
        3 => Ok(Version::V3),
        other => Err(format!("VRRP version {other} is unknown: 2 or 3")),
    }
}

/// One virtual router of a [`Node`].
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct RouterSettings {
    /// Its number, 1 to 255.
    pub vrid: u8,
    /// This node's priority, 1 to 255.
    pub priority: u8,
    /// Its addresses, each with its prefix length: `192.0.2.100/24`.
    pub addresses: Vec<String>,
}

impl RouterSettings {
    fn parse_addresses(&self) -> Result<Vec<Address>, AddressError> {
        self.addresses.iter().map(|text| text.parse()).collect()
    }
}

/// A host that takes part in virtual routers: the crates of the family, joined for one interface.
///
/// It owns no thread and never blocks but in [`wait`](Self::wait): start it, then wait and take a [`turn`](Self::turn),
/// for ever. Dropped without [`shutdown`](Self::shutdown) it leaves its addresses where they are, as a crash does.
#[derive(Debug)]
pub struct Node {
    clock: Clock,
    alarm: Alarm,
    router: VrrpRouter,
    hands: Hands,
    buffer: Box<[u8; LONGEST_PACKET]>,
}

impl Node {
    /// Opens the sockets and configures the virtual routers.
    ///
    /// Advertisements are sent from the interface's first address that does not float: a predecessor that crashed may have
    /// left those. The owner (priority 255) keeps, for good, the virtual addresses that it has now: they are its own.
    ///
    /// # Errors
    ///
    /// A value out of range; no such interface, or one without an address; no `CAP_NET_RAW`. Each is one sentence.
    pub fn open(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let mut netlink = Netlink::open()?;
        let interface = netlink.interface(&settings.interface)?;
        let present: Vec<_> = netlink
            .addresses(&interface)?
            .iter()
            .map(AssignedAddress::address)
            .filter(|address| address.ip().is_ipv4())
            .collect();
        let virtual_addresses: Vec<_> = settings
            .routers
            .iter()
            .map(|router| VirtualAddresses::of(router, &present))
            .collect::<Result<_, _>>()?;
        let is_floating = |address: &&Address| {
            virtual_addresses
                .iter()
                .any(|of| !of.are_own(**address) && of.list.iter().any(|vip| vip.ip() == address.ip()))
        };
        let source = present
            .iter()
            .find(|address| !is_floating(address))
            .map(Address::ip)
            .ok_or_else(|| format!("{} has no address to advertise from: add one", settings.interface))?;

        let mut router = VrrpRouter::new();
        for one in &settings.routers {
            router.add(interface.index(), settings.config(one, source)?)?;
        }
        let hands = Hands {
            socket: VrrpSocket::open(
                &interface,
                source,
                Reception::Group(settings.group.into()),
                Protocol::Vrrp,
            )?,
            announcer: Announcer::open(&interface)?,
            netlink,
            interface,
            virtual_addresses,
        };
        Ok(Self {
            clock: Clock::new(),
            alarm: Alarm::new()?,
            router,
            hands,
            buffer: Box::new([0; LONGEST_PACKET]),
        })
    }

    /// Starts the virtual routers.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn start(&mut self, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        let now = self.clock.now();
        self.router.start(now);
        self.carry_out(now, log)
    }

    /// Shuts the virtual routers down: Backups are told, addresses given up.
    pub fn shutdown(&mut self, log: &mut dyn FnMut(Event)) {
        let now = self.clock.now();
        self.router.shutdown(now);
        self.carry_out(now, log).unwrap_or_else(|error| log(Event::Problem(error)));
    }

    /// Waits for a packet, for the next deadline, or for one of `others` to have something to read or to be closed;
    /// returns whether it was one of these.
    ///
    /// # Errors
    ///
    /// The kernel refused to wait.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>]) -> io::Result<bool> {
        self.alarm.set(self.router.poll_timeout().map(|deadline| deadline - self.clock.now()))?;
        let own = [self.hands.socket.as_fd(), self.alarm.as_fd()];
        let all = own.iter().chain(others);
        let mut fds: Vec<_> = all.map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(fds.iter().skip(own.len()).any(|fd| fd.any().unwrap_or(true)))
    }

    /// Does what there is to do: packets, deadlines, and what follows from them.
    ///
    /// # Errors
    ///
    /// An address could not be put on the interface, or there is no privilege to take one off (`CAP_NET_ADMIN`). A Master
    /// without its address would keep the others from serving it, so all virtual routers have been shut down. Any other
    /// trouble is logged, and passes or is somebody else's.
    pub fn turn(&mut self, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        // Packets before deadlines: an advertisement that has waited proves that its sender lives. But so many at the
        // most, for a flood of them must not keep a Master from advertising.
        for _ in 0..MOST_PACKETS_IN_A_TURN {
            let packet = match self.hands.socket.recv(self.buffer.as_mut_slice()) {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(error) => {
                    log(Event::Problem(error));
                    break;
                }
            };
            let source = packet.source;
            let Some(endpoints) = Endpoints::new(source, packet.destination) else { continue };
            let received = Packet::new(endpoints, packet.hop_limit, packet.bytes);
            let now = self.clock.now();
            if let Err(discard) = self.router.handle_packet(now, self.hands.interface.index(), &received) {
                log(Event::Discarded { source, discard });
            }
            self.carry_out(now, log)?;
        }
        let now = self.clock.now();
        self.router.handle_timeout(now);
        self.carry_out(now, log)
    }

    /// Returns the state of each virtual router.
    pub fn states(&self) -> impl Iterator<Item = (RouterId, State)> {
        self.router.iter().map(|(id, router)| (id, router.state()))
    }

    /// Carries out what follows from what the router was told at a moment.
    fn carry_out(&mut self, told: Instant, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        let mut outcome = Ok(());
        while let Some((id, output)) = self.router.poll_output() {
            let done = match output {
                Output::Advertise(advertise) => {
                    self.hands.advertise(&advertise).or_else(|error| pass(error, log))
                }
                Output::Announce(announce) => {
                    self.hands.announce(&announce).or_else(|error| pass(error, log))
                }
                Output::Acquire(_) => self.hands.acquire(id.vrid),
                Output::Release(_) => self.hands.release(id.vrid, log),
                Output::Transition(transition) => {
                    let age = self.clock.now() - told;
                    log(Event::Transition { vrid: id.vrid, transition, age });
                    Ok(())
                }
                Output::Overdue(lateness) => {
                    log(Event::Overdue { vrid: id.vrid, lateness });
                    Ok(())
                }
            };
            match done {
                Ok(()) => {}
                Err(error) if outcome.is_ok() => {
                    outcome = Err(error);
                    self.router.shutdown(told);
                }
                Err(error) => log(Event::Problem(error)),
            }
        }
        outcome
    }
}

/// What a [`Node`] tells its caller while it goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A virtual router has changed its state.
    Transition {
        /// Which one.
        vrid: Vrid,
        /// From what to what, and why.
        transition: Transition,
        /// How long ago: the orders that come with it are carried out first.
        age: Duration,
    },
    /// This process was not run for so long past a deadline that another may have taken over.
    Overdue {
        /// Which virtual router's.
        vrid: Vrid,
        /// How long.
        lateness: Duration,
    },
    /// An address was taken off the interface.
    Released(Address),
    /// A packet was discarded.
    Discarded {
        /// Where it came from.
        source: IpAddr,
        /// Why.
        discard: Discard,
    },
    /// The kernel refused something; the node goes on.
    Problem(vip_netlink::Error),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition { vrid, transition, .. } => write!(f, "virtual router {vrid}: {transition}"),
            Self::Overdue { vrid, lateness } => {
                write!(f, "virtual router {vrid}: not run for {lateness:.1?} past its deadline")
            }
            Self::Released(address) => write!(f, "{address} released"),
            Self::Discarded { source, discard } => write!(f, "packet from {source} discarded: {discard}"),
            Self::Problem(error) => error.fmt(f),
        }
    }
}

/// What carries the engine's orders out.
#[derive(Debug)]
struct Hands {
    interface: Interface,
    netlink: Netlink,
    announcer: Announcer,
    socket: VrrpSocket,
    virtual_addresses: Vec<VirtualAddresses>,
}

impl Hands {
    fn advertise(&self, advertise: &Advertise<'_>) -> Result<(), vip_netlink::Error> {
        let mut buffer = [0; Advertisement::MAX_LEN];
        // The buffer takes the longest there is.
        let Ok(message) = advertise.encode(&mut buffer) else {
            return Ok(());
        };
        self.socket.send(advertise.endpoints.destination(), message)
    }

    fn acquire(&mut self, vrid: Vrid) -> Result<(), vip_netlink::Error> {
        for address in of(&self.virtual_addresses, vrid).flat_map(|addresses| &addresses.list) {
            match self.netlink.add(&self.interface, *address)? {
                Change::Made | Change::AlreadySo => {}
            }
        }
        Ok(())
    }

    fn release(&mut self, vrid: Vrid, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        for addresses in of(&self.virtual_addresses, vrid) {
            for address in addresses.list.iter().copied().filter(|address| !addresses.are_own(*address)) {
                match self.netlink.remove(&self.interface, address) {
                    Ok(Change::Made) => log(Event::Released(address)),
                    Ok(Change::AlreadySo) => {}
                    Err(error) if error.kind() == ErrorKind::NotPermitted => return Err(error),
                    Err(error) => log(Event::Problem(error)),
                }
            }
        }
        Ok(())
    }

    fn announce(&self, announce: &Announce<'_>) -> Result<(), vip_netlink::Error> {
        for _ in 0..announce.times {
            announce.addresses.iter().try_for_each(|address| self.announcer.announce(address))?;
        }
        Ok(())
    }
}

/// The addresses of one virtual router.
#[derive(Debug)]
struct VirtualAddresses {
    vrid: Vrid,
    list: Vec<Address>,
    /// Those that are the host's own: an owner's that it had before.
    own: Vec<Address>,
}

impl VirtualAddresses {
    fn of(settings: &RouterSettings, present: &[Address]) -> Result<Self, Box<dyn Error>> {
        let vrid = Vrid::new(settings.vrid)?;
        let list = settings.parse_addresses()?;
        let is_owner = Priority::new(settings.priority).is_owner();
        let own = list.iter().copied().filter(|address| is_owner && present.contains(address)).collect();
        Ok(Self { vrid, list, own })
    }

    fn are_own(&self, address: Address) -> bool {
        self.own.contains(&address)
    }
}

fn of(all: &[VirtualAddresses], vrid: Vrid) -> impl Iterator<Item = &VirtualAddresses> {
    all.iter().filter(move |addresses| addresses.vrid == vrid)
}

/// An interface that is down comes up again, a full queue drains: no reason to stop.
fn pass(error: vip_netlink::Error, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
    log(Event::Problem(error));
    Ok(())
}

/// No IPv4 packet is longer, whatever fragments it came in.
const LONGEST_PACKET: usize = 65535;

/// More than a socket's buffer holds of the shortest packets.
const MOST_PACKETS_IN_A_TURN: u32 = 1024;
