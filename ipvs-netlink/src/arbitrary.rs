//! Any service, destination and table, for property tests.

use std::{
    net::{Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{select, subsequence},
};

use crate::{
    Checksum, Destination, Family, Forwarding, Granularity, Persistence, Protocol, Scheduler, Service,
    ServiceFlags, ServiceId, Table, Tunnel, VirtualServer,
};

/// Out of few, so that two tables have much in common.
pub(crate) fn service_ids() -> impl Strategy<Value = ServiceId> {
    let protocols = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Sctp]);
    let addresses = select(vec!["192.0.2.1", "192.0.2.2", "2001:db8::1", "64:ff9b::192.0.2.1"]);
    let ports = select(vec![0, 53, 80]);
    prop_oneof![
        (protocols, addresses, ports).prop_map(|(protocol, ip, port)| {
            ServiceId::new(protocol, SocketAddr::new(ip.parse().unwrap(), port)).unwrap()
        }),
        (select(vec![1, u32::MAX]), select(vec![Family::V4, Family::V6]))
            .prop_map(|(mark, family)| ServiceId::firewall_mark(mark, family).unwrap()),
    ]
}

pub(crate) fn services(id: ServiceId) -> impl Strategy<Value = Service> {
    let schedulers =
        select(vec![Scheduler::RR, Scheduler::WLC, Scheduler::SH, Scheduler::MH, Scheduler::NONE]);
    let every_port = id.address().is_some_and(|address| address.port() == 0);
    let persistence = (option::of(1..=2_678_400_u32), 0..=32_u8);
    let persistence = persistence.prop_map(move |(timeout, prefix)| {
        let timeout = timeout.or(every_port.then_some(300))?;
        let granularity = match id.family() {
            Family::V4 => Granularity::netmask(Ipv4Addr::from_bits(
                u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or_default(),
            )),
            Family::V6 => Granularity::prefix(prefix * 3 + 1),
        };
        let persistence = Persistence::new(Duration::from_secs(timeout.into())).unwrap();
        Some(persistence.granularity(granularity.unwrap()))
    });
    let engine = option::of(Just("sip"));
    let may_be_one_packet = matches!(id.protocol(), None | Some(Protocol::Udp));
    let flags = (0..0x10_u32).prop_map(move |bits| {
        let bits = bits << 2;
        ServiceFlags::from_bits(if may_be_one_packet { bits } else { bits & !0x4 }).unwrap()
    });
    (schedulers, persistence, engine, flags).prop_map(move |(scheduler, persistence, engine, flags)| {
        let mut builder = Service::builder(id).scheduler(scheduler).flags(flags);
        if let Some(persistence) = persistence {
            builder = builder.persistence(persistence);
        }
        if let Some(engine) = engine {
            builder = builder.persistence_engine(engine);
        }
        builder.build().unwrap()
    })
}

pub(crate) fn destinations(id: ServiceId) -> impl Strategy<Value = Destination> {
    let addresses = select(vec!["10.0.0.1", "10.0.0.2", "10.0.0.3", "2001:db8::a", "2001:db8::b"]);
    let weights = prop_oneof![0..3_u32, Just(i32::MAX as u32)];
    let destination = (addresses, 0..3_u16, forwardings(), weights, 0..4_u32, 0..4_u32);
    destination.prop_map(move |(ip, port, forwarding, weight, upper, lower)| {
        let address = SocketAddr::new(ip.parse().unwrap(), port);
        let is_tunnel = matches!(forwarding, Forwarding::Tunnel(_));
        let forwarding = if address.is_ipv4() == (id.family() == Family::V4) || is_tunnel {
            forwarding
        } else {
            Forwarding::Tunnel(Tunnel::IPIP)
        };
        let destination = Destination::builder(address).forwarding(forwarding).weight(weight);
        let destination = destination.upper_threshold(upper).lower_threshold(lower.min(upper));
        destination.build().unwrap().of_service(&id).unwrap()
    })
}

fn forwardings() -> impl Strategy<Value = Forwarding> {
    let checksums = select(vec![Checksum::None, Checksum::Tunnel, Checksum::Remote]);
    let tunnels = prop_oneof![
        Just(Tunnel::IPIP),
        (1_u16.., checksums)
            .prop_map(|(port, checksum)| Tunnel::gue(NonZeroU16::new(port).unwrap(), checksum)),
        select(vec![Checksum::None, Checksum::Tunnel]).prop_map(Tunnel::gre),
    ];
    prop_oneof![
        Just(Forwarding::DirectRouting),
        Just(Forwarding::Masquerade),
        Just(Forwarding::Local),
        Just(Forwarding::Bypass),
        tunnels.prop_map(Forwarding::Tunnel),
    ]
}

fn servers() -> impl Strategy<Value = VirtualServer> {
    service_ids().prop_flat_map(|id| {
        (services(id), vec(destinations(id), 0..6)).prop_map(|(service, mut destinations)| {
            destinations.sort_by_key(Destination::address);
            destinations.dedup_by_key(|one| one.address());
            VirtualServer::new(service, destinations).unwrap()
        })
    })
}

pub(crate) fn tables() -> impl Strategy<Value = Table> {
    vec(servers(), 0..8).prop_map(|mut servers| {
        servers.sort_by_key(|one| one.service().id());
        servers.dedup_by_key(|one| one.service().id());
        Table::new(servers).unwrap()
    })
}

/// A table and another that has some of the same services, as they are or changed.
pub(crate) fn pairs_of_tables() -> impl Strategy<Value = (Table, Table)> {
    (tables(), tables()).prop_flat_map(|(one, other)| {
        let count = one.servers().len();
        (subsequence(one.servers().to_vec(), 0..=count), Just(one.clone()), Just(other)).prop_map(
            |(shared, one, other)| {
                let mut servers = shared;
                servers.extend(other.servers().to_vec());
                servers.sort_by_key(|one| one.service().id());
                servers.dedup_by_key(|one| one.service().id());
                (one, Table::new(servers).unwrap())
            },
        )
    })
}
