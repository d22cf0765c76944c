//! The engine, as the simulation sees it. No other file here names it: if its interface changes, this file does.

use std::{
    fmt::{self, Write},
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
    time::Duration,
};

use vrrp_engine::{Config, Discard, Instant, Output, RouterId, VrrpRouter};
pub(crate) use vrrp_engine::{Farewell, Preempt, Reason, Reassert};
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Counter, Endpoints, Packet, Priority,
    Vrid,
};
pub(crate) use vrrp_proto::{Family, Version};

use super::model::State;

/// A moment, or a time, in nanoseconds.
pub(crate) type Nanos = u64;

/// As many virtual routers has a host at most.
pub(crate) const MAX_ROLES: usize = 3;

/// What one host is to be in one virtual router.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) vrid: u8,
    pub(crate) version: Version,
    pub(crate) family: Family,
    pub(crate) priority: u8,
    pub(crate) centis: u16,
    pub(crate) preempt: Preempt,
    pub(crate) farewell: Farewell,
    pub(crate) reassert: Reassert,
}

impl Role {
    /// VRID 51 of IPv4, with that version's defaults, once a second.
    pub(crate) const fn plain(version: Version, priority: u8, preempt: Preempt) -> Self {
        let reassert = match version {
            Version::V2 => Reassert::Stay,
            Version::V3 => Reassert::Advertise,
        };
        let (family, farewell) = (Family::V4, Farewell::Send);
        Self { vrid: 51, version, family, priority, centis: 100, preempt, farewell, reassert }
    }

    pub(crate) const fn interval(&self) -> Nanos {
        self.centis as Nanos * 10_000_000
    }
}

/// A host: the last byte of its addresses, and its place in each of the LAN's virtual routers, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spec {
    pub(crate) last: u8,
    pub(crate) roles: [Option<Role>; MAX_ROLES],
}

impl Spec {
    pub(crate) fn source(&self, family: Family) -> IpAddr {
        match family {
            Family::V4 => Ipv4Addr::new(192, 0, 2, self.last).into(),
            Family::V6 => Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, self.last.into()).into(),
        }
    }

    /// Its places, and which of the virtual routers they are in.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (usize, Role)> + use<> {
        self.roles.into_iter().enumerate().filter_map(|(index, role)| Some((index, role?)))
    }
}

/// A packet as it is on the wire: what its IP header says, and the message.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Datagram {
    pub(crate) source: IpAddr,
    pub(crate) group: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) bytes: Arc<[u8]>,
}

/// An order of the engine's.
#[derive(Clone, Debug)]
pub(crate) enum Did {
    Advertise(u8, Datagram),
    Acquire,
    Release,
    Announce,
    Transition(State, State, Reason),
}

/// What can be seen of the engine from outside, but for its counters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sight {
    pub(crate) deadline: Option<Nanos>,
    roles: [Option<(State, Option<Nanos>, Option<vrrp_engine::Peer>, AdvertInterval)>; MAX_ROLES],
}

/// Why a packet was not taken: the counter, and the virtual router that it belongs to, if any.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Refusal {
    pub(crate) role: Option<usize>,
    pub(crate) counter: &'static str,
}

/// A counter of a virtual router, or of the host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    pub(crate) role: Option<usize>,
    pub(crate) name: &'static str,
    pub(crate) value: u64,
    /// Whether it is one of those of which every packet is in exactly one.
    pub(crate) is_a_packets_end: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Host {
    router: VrrpRouter,
    ids: [Option<RouterId>; MAX_ROLES],
}

impl Host {
    pub(crate) fn new(spec: &Spec) -> Self {
        let mut router = VrrpRouter::new();
        let ids = spec.roles.map(|role| Some(router.add(INTERFACE, config(spec, &role?)).unwrap()));
        Self { router, ids }
    }

    pub(crate) fn start(&mut self, now: Nanos) {
        self.router.start(instant(now));
    }

    pub(crate) fn shutdown(&mut self, now: Nanos) {
        self.router.shutdown(instant(now));
    }

    pub(crate) fn timeout(&mut self, now: Nanos) {
        self.router.handle_timeout(instant(now));
    }

    /// Hands in a packet, and returns which of the virtual routers took it.
    pub(crate) fn hear(&mut self, now: Nanos, datagram: &Datagram) -> Result<usize, Refusal> {
        let endpoints = Endpoints::new(datagram.source, datagram.group).unwrap();
        let packet = Packet::new(endpoints, datagram.hop_limit, &datagram.bytes);
        let taken = self.router.handle_packet(instant(now), INTERFACE, &packet);
        taken.map(|id| self.role(id).unwrap()).map_err(|discard| {
            let (is_stray, counter) = counter_of(&discard);
            let role = || {
                let vrid = Vrid::new(*datagram.bytes.get(1)?).ok()?;
                let family = endpoints.family();
                self.ids.iter().position(|id| id.is_some_and(|id| id.vrid == vrid && id.family == family))
            };
            Refusal { role: if is_stray { None } else { role() }, counter }
        })
    }

    pub(crate) fn poll(&mut self) -> Option<(usize, Did)> {
        let ids = self.ids;
        let (id, output) = self.router.poll_output()?;
        let did = match output {
            Output::Advertise(advertise) => {
                let mut buffer = [0; Advertisement::MAX_LEN];
                let bytes = (*advertise.encode(&mut buffer).unwrap()).into();
                let (source, group) = (advertise.endpoints.source(), advertise.endpoints.destination());
                let datagram = Datagram { source, group, hop_limit: 255, bytes };
                Did::Advertise(advertise.advertisement.priority().get(), datagram)
            }
            Output::Acquire(_) => Did::Acquire,
            Output::Release(_) => Did::Release,
            Output::Announce(_) => Did::Announce,
            Output::Transition(change) => {
                Did::Transition(state(change.from), state(change.to), change.reason)
            }
        };
        Some((ids.iter().position(|known| *known == Some(id)).unwrap(), did))
    }

    pub(crate) fn deadline(&self) -> Option<Nanos> {
        self.router.poll_timeout().map(nanos)
    }

    pub(crate) fn state(&self, role: usize) -> State {
        state(self.router.get(self.ids[role].unwrap()).unwrap().state())
    }

    pub(crate) fn role_deadline(&self, role: usize) -> Option<Nanos> {
        self.router.get(self.ids[role].unwrap()).unwrap().poll_timeout().map(nanos)
    }

    pub(crate) fn sight(&self) -> Sight {
        let roles = self.ids.map(|id| {
            let router = self.router.get(id?).unwrap();
            let deadline = router.poll_timeout().map(nanos);
            Some((state(router.state()), deadline, router.master(), router.master_interval()))
        });
        Sight { deadline: self.deadline(), roles }
    }

    pub(crate) fn counters(&self) -> Vec<Count> {
        let mut counts = Vec::new();
        let mut count = |role, is_a_packets_end, list: &[(&'static str, u64)]| {
            counts.extend(list.iter().map(|&(name, value)| Count { role, name, value, is_a_packets_end }));
        };
        let stray = self.router.stats();
        count(None, false, &[("received", stray.received)]);
        count(
            None,
            true,
            &[
                ("ip_ttl_errors", stray.ip_ttl_errors),
                ("packet_length_errors", stray.packet_length_errors),
                ("version_errors", stray.version_errors),
                ("invalid_type_pkts_rcvd", stray.invalid_type_pkts_rcvd),
                ("address_count_errors", stray.address_count_errors),
                ("checksum_errors", stray.checksum_errors),
                ("vrid_errors", stray.vrid_errors),
                ("invalid_auth_type", stray.invalid_auth_type),
                ("zero_interval_errors", stray.zero_interval_errors),
                ("other_parse_errors", stray.other_parse_errors),
            ],
        );
        for (role, id) in self.ids.iter().enumerate() {
            let Some(id) = id else { continue };
            let stats = self.router.get(*id).unwrap().stats();
            count(
                Some(role),
                false,
                &[
                    ("master_transitions", stats.master_transitions),
                    ("advertisement_sent", stats.advertisement_sent),
                    ("priority_zero_pkts_rcvd", stats.priority_zero_pkts_rcvd),
                    ("priority_zero_pkts_sent", stats.priority_zero_pkts_sent),
                    ("address_list_errors", stats.address_list_errors),
                    ("interval_mismatches", stats.interval_mismatches),
                    ("owner_ignored", stats.owner_ignored),
                ],
            );
            count(
                Some(role),
                true,
                &[
                    ("advertisement_rcvd", stats.advertisement_rcvd),
                    ("destination_errors", stats.destination_errors),
                    ("not_running", stats.not_running),
                    ("auth_type_mismatches", stats.auth_type_mismatches),
                    ("auth_failures", stats.auth_failures),
                    ("interval_errors", stats.interval_errors),
                    ("own_address", stats.own_address),
                    ("version_errors", stats.version_errors),
                    ("packet_length_errors", stats.packet_length_errors),
                    ("other_errors", stats.other_errors),
                ],
            );
        }
        counts
    }

    /// Returns all that the engine remembers, except its counters: a hash of everything that is not a moment, and the moments.
    ///
    /// `Debug` shows every field; so a field that is added to the engine is not forgotten here.
    pub(crate) fn memory(&self) -> (u64, Vec<Nanos>) {
        let mut memory = Memory::default();
        write!(memory, "{:?}", self.router).unwrap();
        let mut hasher = DefaultHasher::new();
        memory.text.hash(&mut hasher);
        (hasher.finish(), memory.moments)
    }

    fn role(&self, id: RouterId) -> Option<usize> {
        self.ids.iter().position(|known| *known == Some(id))
    }
}

/// Writes an advertisement that a peer of that role might send, or might not: `change` says what is wrong with it.
pub(crate) fn advertisement(source: IpAddr, role: &Role, change: Option<Oddity>) -> Datagram {
    let mut role = *role;
    let mut authentication = Authentication::None;
    let addresses = Vips::of(&role);
    match change {
        None => {}
        Some(Oddity::Interval) => role.centis = if role.centis > 100 { role.centis - 100 } else { 200 },
        Some(Oddity::Password) => {
            authentication = Authentication::SimpleText(vrrp_proto::Password::new("s3cr3t").unwrap());
        }
        Some(Oddity::Version) => {
            role.version = if role.version == Version::V2 { Version::V3 } else { Version::V2 };
            role.centis = 100;
        }
    }
    let (vrid, priority) = (Vrid::new(role.vrid).unwrap(), Priority::new(role.priority));
    let interval = interval(&role);
    let advertisement = match role.version {
        Version::V2 => Advertisement::v2(vrid, priority, interval, addresses.list(), authentication),
        Version::V3 => Advertisement::v3(vrid, priority, interval, addresses.list()),
    };
    let endpoints = Endpoints::multicast(source);
    let mut buffer = [0; Advertisement::MAX_LEN];
    let bytes = advertisement.unwrap();
    let bytes = (*bytes.encode(&endpoints, Checksum::PseudoHeader, &mut buffer).unwrap()).into();
    Datagram { source, group: endpoints.destination(), hop_limit: 255, bytes }
}

/// What is well formed and yet refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Oddity {
    /// Another interval, in version 2.
    Interval,
    /// A password, in version 2, where none is configured.
    Password,
    /// The other version of the protocol.
    Version,
}

/// The virtual addresses of a virtual router.
struct Vips {
    family: Family,
    v4: [[u8; 4]; 2],
    v6: [[u8; 16]; 2],
}

impl Vips {
    fn of(role: &Role) -> Self {
        let v6 = [0xfe80, 0x2001].map(|net| Ipv6Addr::new(net, 0, 0, 0, 0, 0, 1, role.vrid.into()).octets());
        Self { family: role.family, v4: [[198, 51, 100, role.vrid], [203, 0, 113, role.vrid]], v6 }
    }

    fn list(&self) -> Addresses<'_> {
        match self.family {
            Family::V4 => Addresses::V4(&self.v4),
            Family::V6 => Addresses::V6(&self.v6),
        }
    }
}

fn config(spec: &Spec, role: &Role) -> Config {
    let vips = Vips::of(role);
    Config::builder(Vrid::new(role.vrid).unwrap(), spec.source(role.family), vips.list().iter())
        .version(role.version)
        .priority(Priority::new(role.priority))
        .interval(interval(role))
        .preempt(role.preempt)
        .farewell(role.farewell)
        .reassert(role.reassert)
        .build()
        .unwrap()
}

fn interval(role: &Role) -> AdvertInterval {
    match role.version {
        Version::V2 => AdvertInterval::from_secs((role.centis / 100) as u8),
        Version::V3 => AdvertInterval::from_centis(role.centis),
    }
    .unwrap()
}

const fn state(state: vrrp_engine::State) -> State {
    match state {
        vrrp_engine::State::Initialize => State::Initialize,
        vrrp_engine::State::Backup => State::Backup,
        vrrp_engine::State::Master => State::Master,
    }
}

/// Tells which counter a discard belongs to, and whether it is the host's (true) or the virtual router's.
#[expect(clippy::wildcard_enum_match_arm, reason = "the rest has counters of its own by these names")]
fn counter_of(discard: &Discard) -> (bool, &'static str) {
    let Some(counter) = discard.counter() else { return (false, "not_running") };
    let is_stray = matches!(discard, Discard::Malformed(_) | Discard::UnknownVrid(_));
    let name = match (is_stray, counter) {
        (true, Counter::HopLimit) => "ip_ttl_errors",
        (_, Counter::PacketLength) => "packet_length_errors",
        (_, Counter::Version) => "version_errors",
        (true, Counter::InvalidType) => "invalid_type_pkts_rcvd",
        (true, Counter::AddressCount) => "address_count_errors",
        (true, Counter::Checksum) => "checksum_errors",
        (true, Counter::Vrid) => "vrid_errors",
        (true, Counter::InvalidAuthType) => "invalid_auth_type",
        (true, Counter::ZeroInterval) => "zero_interval_errors",
        (false, Counter::Destination) => "destination_errors",
        (false, Counter::AuthTypeMismatch) => "auth_type_mismatches",
        (false, Counter::AuthFailure) => "auth_failures",
        (false, Counter::Interval) => "interval_errors",
        (false, Counter::OwnAddress) => "own_address",
        (true, _) => "other_parse_errors",
        (false, _) => "other_errors",
    };
    (is_stray, name)
}

const fn instant(nanos: Nanos) -> Instant {
    Instant::from_epoch(Duration::from_nanos(nanos))
}

const fn nanos(instant: Instant) -> Nanos {
    instant.since_epoch().as_nanos() as Nanos
}

/// Takes what `Debug` writes, piece by piece, sets moments apart and leaves counters out.
#[derive(Default)]
struct Memory {
    text: String,
    moments: Vec<Nanos>,
    place: Place,
}

#[derive(Default)]
enum Place {
    #[default]
    Elsewhere,
    Instant(String),
    Stats,
}

impl Write for Memory {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        match &mut self.place {
            Place::Elsewhere if piece == "Instant" => self.place = Place::Instant(String::new()),
            Place::Elsewhere if piece == "Stats" || piece == "RouterStats" => self.place = Place::Stats,
            Place::Elsewhere => self.text.push_str(piece),
            Place::Instant(duration) if piece == ")" => {
                self.moments.push(read_duration(duration.trim_start_matches('(')));
                self.place = Place::Elsewhere;
            }
            Place::Instant(duration) => duration.push_str(piece),
            Place::Stats if piece.ends_with('}') => self.place = Place::Elsewhere,
            Place::Stats => {}
        }
        Ok(())
    }
}

/// Reads what `Debug` has written of a `Duration`.
fn read_duration(text: &str) -> Nanos {
    let (number, unit) =
        text.split_at(text.find(|sign: char| !sign.is_ascii_digit() && sign != '.').unwrap());
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let digits = match unit {
        "s" => 9,
        "ms" => 6,
        "µs" => 3,
        _ => 0,
    };
    format!("{whole}{part:0<digits$}").parse().unwrap()
}

const INTERFACE: u32 = 1;

#[test]
fn what_debug_writes_of_a_duration_is_read() {
    for nanos in [0, 1, 999, 1_000, 1_500, 78_125, 1_000_000, 609_375_000, 3_609_375_000, 40_790_039_062] {
        assert_eq!(read_duration(&format!("{:?}", Duration::from_nanos(nanos))), nanos);
    }
}

#[test]
fn memory_has_the_moments_and_not_the_counters() {
    let roles = [Some(Role::plain(Version::V2, 100, Preempt::Allow)), None, None];
    let mut host = Host::new(&Spec { last: 1, roles });
    host.start(SEC);
    while host.poll().is_some() {}
    let before = host.memory();
    assert!(before.1.contains(&(SEC + 3_609_375_000)), "{before:?}");
    let empty = Datagram {
        source: Ipv4Addr::new(192, 0, 2, 2).into(),
        group: Ipv4Addr::new(224, 0, 0, 18).into(),
        hop_limit: 255,
        bytes: Arc::from([]),
    };
    host.hear(2 * SEC, &empty).unwrap_err();
    assert_eq!(host.memory(), before);
    host.timeout(5 * SEC);
    assert_ne!(host.memory().0, before.0);
}

const SEC: Nanos = 1_000_000_000;
