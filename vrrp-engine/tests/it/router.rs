//! `VrrpRouter`: many virtual routers on many interfaces.

use std::{net::Ipv4Addr, time::Duration};

use vrrp_engine::{Config, ConfigError, Instant, Output, State, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, Packet, Priority, Vrid};

use super::{OURS, SEC, at};

fn config(vrid: u8, priority: u8) -> Config {
    let vip = Ipv4Addr::new(10, 0, 0, vrid);
    Config::builder(Vrid::new(vrid).unwrap(), OURS, [vip]).priority(Priority::new(priority)).build().unwrap()
}

#[test]
fn a_vrid_is_taken_once_on_each_interface() {
    let mut router = VrrpRouter::new();
    router.add(1, config(51, 100)).unwrap();
    router.add(2, config(51, 100)).unwrap();
    let error = router.add(1, config(51, 200)).unwrap_err();
    assert_eq!(error, ConfigError::DuplicateVrid { vrid: Vrid::new(51).unwrap(), interface: 1 });
    assert_eq!(error.to_string(), "virtual router 51 is already configured on interface 1");
}

#[test]
fn a_packet_reaches_the_virtual_router_of_its_interface_and_number_and_no_other() {
    let mut router = VrrpRouter::new();
    let ids: Vec<_> = [(1, 51), (1, 52), (2, 51)]
        .map(|(interface, vrid)| router.add(interface, config(vrid, 100)).unwrap())
        .into();
    router.start(Instant::EPOCH);
    let mut buffer = [0; Advertisement::MAX_LEN];
    let mut peer = VrrpRouter::new();
    peer.add(1, config(51, 255)).unwrap();
    peer.start(Instant::EPOCH);
    let Some((_, Output::Advertise(advertise))) = peer.poll_output() else { panic!("an owner advertises") };
    let endpoints = Endpoints::multicast([192, 0, 2, 11].into());
    let bytes = advertise.encode(&mut buffer).unwrap();

    let taken = router.handle_packet(at(SEC), 2, &Packet::new(endpoints, 255, bytes)).unwrap();

    assert_eq!(taken.router, ids[2]);
    assert!(!taken.notes.other_addresses);

    let heard: Vec<_> = router.iter().map(|(id, router)| (id, router.master().is_some())).collect();
    assert_eq!(heard, [(ids[0], false), (ids[1], false), (ids[2], true)]);
    let mut elsewhere = VrrpRouter::new();
    let missing = elsewhere.add(3, config(51, 100)).unwrap();
    assert!(router.get(missing).is_none() && router.get(ids[1]).is_some());
}

#[test]
fn each_fires_at_its_own_time_and_the_earliest_is_known() {
    let mut router = VrrpRouter::new();
    let mut expected = Vec::new();
    for interface in 0..5 {
        for vrid in 1..=200u8 {
            let priority = vrid.wrapping_mul(37) % 254 + 1;
            let config = config(vrid, priority);
            expected.push(config.master_down_interval());
            router.add(interface, config).unwrap();
        }
    }
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    expected.sort();

    let mut fired = Vec::new();
    while fired.len() < 1000 {
        let now = router.poll_timeout().unwrap();
        router.handle_timeout(now);
        while let Some((_, output)) = router.poll_output() {
            if let Output::Transition(transition) = output {
                assert_eq!(transition.to, State::Master);
                fired.push(now.since_epoch());
            }
        }
    }
    assert_eq!(fired, expected);
}

#[test]
fn shutdown_reaches_all_and_leaves_no_deadline() {
    let mut router = VrrpRouter::new();
    router.add(1, config(51, 255)).unwrap();
    router.add(1, config(52, 100)).unwrap();
    router.start(Instant::EPOCH);
    while router.poll_output().is_some() {}
    router.shutdown(at(SEC));
    let mut released = Vec::new();
    while let Some((id, output)) = router.poll_output() {
        if let Output::Advertise(advertise) = output {
            assert_eq!(advertise.advertisement.priority(), Priority::RELEASE);
            released.push(id.vrid.get());
        }
    }
    assert_eq!(released, [51], "only a Master has something to give up");
    assert_eq!(router.poll_timeout(), None);
    router.handle_timeout(at(SEC) + Duration::from_secs(99));
    assert!(router.poll_output().is_none());
}
