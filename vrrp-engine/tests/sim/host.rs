//! The engine, as the simulation sees it. No other file here names it: if its interface changes, this file does.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::Duration,
};

use vrrp_engine::{Config, Discard, Instant, Output, Peer, RouterId, VrrpRouter};
pub(crate) use vrrp_engine::{Farewell, OnPause, Preempt, Reason, Reassert};
use vrrp_proto::{AdvertInterval, Advertisement, Counter, Endpoints, Packet, Priority, Vrid};

use super::{
    memory::Memory,
    model::State,
    packet::{self, Datagram, Vips},
    spec::{MAX_ROLES, Nanos, Role, Spec},
};

/// An order of the engine's.
#[derive(Clone, Debug)]
pub(crate) enum Did {
    Advertise(u8, Datagram),
    Acquire,
    Release,
    Announce,
    Transition(State, State, Reason),
    /// It was paused for too long.
    Overdue,
}

/// What can be seen of the engine from outside, but for its counters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sight {
    pub(crate) deadline: Option<Nanos>,
    roles: [Option<RoleSight>; MAX_ROLES],
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct RoleSight {
    state: State,
    deadline: Option<Nanos>,
    master: Option<Peer>,
    master_interval: AdvertInterval,
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
    /// The router's, asked for after every call.
    deadline: Option<Nanos>,
}

impl Host {
    pub(crate) fn new(spec: &Spec) -> Self {
        let mut router = VrrpRouter::new();
        let ids = spec.roles.map(|role| Some(router.add(INTERFACE, config(spec, &role?)).unwrap()));
        Self { router, ids, deadline: None }
    }

    pub(crate) fn start(&mut self, now: Nanos) {
        self.router.start(instant(now));
        self.ask_deadline();
    }

    pub(crate) fn shutdown(&mut self, now: Nanos) {
        self.router.shutdown(instant(now));
        self.ask_deadline();
    }

    pub(crate) fn timeout(&mut self, now: Nanos) {
        self.router.handle_timeout(instant(now));
        self.ask_deadline();
    }

    /// Tells whether any virtual router, asked by itself, does something before it is due.
    ///
    /// The router asks only those that are.
    pub(crate) fn is_anyone_early(&self, now: Nanos) -> bool {
        let mut not_due = self.router.iter().filter(|(_, router)| router.poll_timeout() > Some(instant(now)));
        not_due.any(|(_, router)| {
            let (mut asked, deadline) = (router.clone(), router.poll_timeout());
            asked.handle_timeout(instant(now));
            asked.poll_output().is_some()
                || (asked.state(), asked.poll_timeout()) != (router.state(), deadline)
        })
    }

    /// Hands in a packet, and returns which of the virtual routers took it.
    pub(crate) fn hear(&mut self, now: Nanos, datagram: &Datagram) -> Result<usize, Refusal> {
        let endpoints = Endpoints::new(datagram.source, datagram.group).unwrap();
        let packet = Packet::new(endpoints, datagram.hop_limit, &datagram.bytes);
        let taken = self.router.handle_packet(instant(now), INTERFACE, &packet);
        self.ask_deadline();
        taken.map(|taken| self.role(taken.router).unwrap()).map_err(|discard| {
            let (is_stray, counter) = counter_of(&discard);
            let role = || {
                let vrid = Vrid::new(*datagram.bytes.get(1)?).ok()?;
                let family = endpoints.family();
                self.ids.iter().position(|id| id.is_some_and(|id| id.vrid == vrid && id.family == family))
            };
            // What cannot be read counts for the virtual router that it names, if there is one.
            match (if is_stray { None } else { role() }, counter) {
                (
                    None,
                    "vrid_errors"
                    | "ip_ttl_errors"
                    | "version_errors"
                    | "checksum_errors"
                    | "packet_length_errors",
                ) => Refusal { role: None, counter },
                (None, _) => Refusal { role: None, counter: "other_parse_errors" },
                (role, counter) => Refusal { role, counter },
            }
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
            Output::Overdue(_) => Did::Overdue,
        };
        Some((ids.iter().position(|known| *known == Some(id)).unwrap(), did))
    }

    pub(crate) const fn deadline(&self) -> Option<Nanos> {
        self.deadline
    }

    /// Asks the router for its deadline, which must be the earliest of its virtual routers'.
    fn ask_deadline(&mut self) {
        let earliest = self.router.iter().filter_map(|(_, router)| router.poll_timeout()).min();
        let deadline = self.router.poll_timeout();
        assert_eq!(deadline, earliest, "the router's deadline is not its virtual routers' earliest");
        self.deadline = deadline.map(nanos);
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
            Some(RoleSight {
                state: state(router.state()),
                deadline: router.poll_timeout().map(nanos),
                master: router.master(),
                master_interval: router.master_interval(),
            })
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
                ("checksum_errors", stray.checksum_errors),
                ("vrid_errors", stray.vrid_errors),
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
                    ("not_link_local", stats.not_link_local),
                    ("pauses", stats.pauses),
                    ("addresses_lost", stats.addresses_lost),
                ],
            );
            count(
                Some(role),
                true,
                &[
                    ("advertisement_rcvd", stats.advertisement_rcvd),
                    ("invalid_type_pkts_rcvd", stats.invalid_type_pkts_rcvd),
                    ("invalid_auth_type", stats.invalid_auth_type),
                    ("address_count_errors", stats.address_count_errors),
                    ("zero_interval_errors", stats.zero_interval_errors),
                    ("checksum_errors", stats.checksum_errors),
                    ("ip_ttl_errors", stats.ip_ttl_errors),
                    ("source_errors", stats.source_errors),
                    ("address_list_discards", stats.address_list_discards),
                    ("owner_ignored", stats.owner_ignored),
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
    pub(crate) fn memory(&self) -> (u64, Vec<Nanos>) {
        let Memory { text, moments, .. } = Memory::of(&self.router);
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        (hasher.finish(), moments)
    }

    fn role(&self, id: RouterId) -> Option<usize> {
        self.ids.iter().position(|known| *known == Some(id))
    }
}

fn config(spec: &Spec, role: &Role) -> Config {
    let vips = Vips::of(role);
    Config::builder(Vrid::new(role.vrid).unwrap(), spec.source(role.family), vips.list().iter())
        .version(role.version)
        .priority(Priority::new(role.priority))
        .interval(packet::interval(role))
        .preempt(role.preempt)
        .farewell(role.farewell)
        .reassert(role.reassert)
        .on_pause(role.on_pause)
        .build()
        .unwrap()
}

const fn state(state: vrrp_engine::State) -> State {
    match state {
        // Nothing here reports a fault.
        vrrp_engine::State::Initialize | vrrp_engine::State::Fault => State::Initialize,
        vrrp_engine::State::Backup => State::Backup,
        vrrp_engine::State::Master => State::Master,
    }
}

/// Tells which counter a discard belongs to, and whether it is the host's (true) or that of the virtual router it names.
fn counter_of(discard: &Discard) -> (bool, &'static str) {
    let Some(counter) = discard.counter() else { return (false, "not_running") };
    let is_stray = matches!(
        (discard, counter),
        (Discard::UnknownVrid(_), _)
            | (
                Discard::Malformed(_),
                Counter::HopLimit | Counter::Version | Counter::Checksum | Counter::Vrid | Counter::IpHeader
            )
    );
    let name = match counter {
        Counter::HopLimit => "ip_ttl_errors",
        Counter::PacketLength => "packet_length_errors",
        Counter::Version => "version_errors",
        Counter::InvalidType => "invalid_type_pkts_rcvd",
        Counter::AddressCount => "address_count_errors",
        Counter::Checksum => "checksum_errors",
        Counter::Vrid => "vrid_errors",
        Counter::InvalidAuthType => "invalid_auth_type",
        Counter::ZeroInterval => "zero_interval_errors",
        Counter::Destination => "destination_errors",
        Counter::AuthTypeMismatch => "auth_type_mismatches",
        Counter::AuthFailure => "auth_failures",
        Counter::Interval => "interval_errors",
        Counter::OwnAddress => "own_address",
        Counter::Source => "source_errors",
        Counter::Owner => "owner_ignored",
        Counter::AddressList => "address_list_discards",
        Counter::IpHeader | Counter::Protocol | Counter::NotLinkLocal | _ => "other_errors",
    };
    (is_stray, name)
}

const fn instant(nanos: Nanos) -> Instant {
    Instant::from_epoch(Duration::from_nanos(nanos))
}

const fn nanos(instant: Instant) -> Nanos {
    instant.since_epoch().as_nanos() as Nanos
}

const INTERFACE: u32 = 1;

#[test]
fn memory_has_the_moments_and_not_the_counters() {
    let roles = [Some(Role::plain(vrrp_proto::Version::V2, 100, Preempt::Allow)), None, None];
    let mut host = Host::new(&Spec { last: 1, roles });
    host.start(SEC);
    while host.poll().is_some() {}
    let before = host.memory();
    assert!(before.1.contains(&(SEC + 3_609_375_000)), "{before:?}");
    let empty = Datagram {
        source: [192, 0, 2, 2].into(),
        group: [224, 0, 0, 18].into(),
        hop_limit: 255,
        bytes: [].into(),
    };
    host.hear(2 * SEC, &empty).unwrap_err();
    assert_eq!(host.memory(), before);
    host.timeout(5 * SEC);
    assert_ne!(host.memory().0, before.0);
}

const SEC: Nanos = 1_000_000_000;
