//! `Node` where things are not as they should be.

use std::{net::Ipv4Addr, os::fd::BorrowedFd, time::Duration};

use failover_examples::{AuthenticationSettings, Event, Node, RouterSettings, Settings};
use lab::{Lan, Namespace};
use vip_netlink::Netlink;
use vrrp_engine::{Preempt, State};
use vrrp_proto::{AdvertInterval, Priority, Version, Vrid};

const OWN: &str = "192.0.2.1/24";

fn settings(priority: u8, addresses: &[&str]) -> Settings {
    let addresses = addresses.iter().map(|&address| address.to_owned()).collect();
    Settings::new("eth0", [RouterSettings { vrid: 51, priority, addresses }])
}

fn host() -> (Lan, Namespace) {
    let (mut lan, host) = (Lan::new().unwrap(), Namespace::new().unwrap());
    lan.attach(&host, "host", Ipv4Addr::new(192, 0, 2, 1), 24).unwrap();
    (lan, host)
}

/// Tells whether a host has an address on its eth0.
pub(crate) fn holds(host: &Namespace, vip: &str) -> bool {
    let held = host.run(|| {
        let mut netlink = Netlink::open().unwrap();
        let interface = netlink.interface("eth0").unwrap();
        netlink.addresses(&interface).unwrap().iter().any(|own| own.address().to_string() == vip)
    });
    held.unwrap()
}

/// The sentence a node fails to open with.
fn refusal(host: &Namespace, settings: &Settings) -> String {
    host.run(|| Node::open(settings).unwrap_err().to_string()).unwrap()
}

pub(crate) fn an_owner_keeps_the_addresses_that_are_its_own() {
    let (_lan, host) = host();
    let settings = settings(255, &[OWN, "192.0.2.100/32"]);
    host.run(|| {
        let mut log = |event: Event| assert!(!matches!(event, Event::Problem(_)), "{event}");
        let mut node = Node::open(&settings).unwrap();
        node.start(&mut log).unwrap();
        assert!(node.states().all(|(_, state)| state == State::Master));
        assert!(holds(&host, OWN) && holds(&host, "192.0.2.100/32"));
        node.shutdown(&mut log);
    })
    .unwrap();
    assert!(holds(&host, OWN), "it was there before");
    assert!(!holds(&host, "192.0.2.100/32"), "it was not");
}

pub(crate) fn what_an_owner_left_when_it_crashed_is_not_its_own() {
    let (_lan, host) = host();
    let settings = settings(255, &[OWN, "192.0.2.100/32"]);
    host.run(|| {
        let mut log = |event: Event| assert!(!matches!(event, Event::Problem(_)), "{event}");
        Node::open(&settings).unwrap().start(&mut log).unwrap();
        assert!(holds(&host, "192.0.2.100/32"), "dropped, it leaves what it had");

        let mut successor = Node::open(&settings).unwrap();
        successor.start(&mut log).unwrap();
        successor.shutdown(&mut log);
    })
    .unwrap();
    assert!(holds(&host, OWN) && !holds(&host, "192.0.2.100/32"));
}

pub(crate) fn a_master_that_cannot_have_its_address_gives_up_its_office() {
    let (lan, host) = host();
    let settings = settings(100, &["192.0.2.100/32"]);
    let mut transitions = Vec::new();
    let error = host
        .run(|| {
            let mut log = |event: Event| {
                if let Event::Transition { transition, .. } = event {
                    transitions.push(transition.to);
                }
            };
            let mut node = Node::open(&settings).unwrap();
            node.start(&mut log).unwrap();
            // The LAN is torn down, and the interface goes with it.
            drop(lan);
            let error = loop {
                assert!(!node.wait(&[] as &[BorrowedFd<'_>]).unwrap());
                if let Err(error) = node.turn(&mut log) {
                    break error;
                }
            };
            assert!(node.states().all(|(_, state)| state == State::Initialize));
            error
        })
        .unwrap();
    assert!(error.to_string().starts_with("cannot add 192.0.2.100/32 to eth0: "), "{error}");
    assert_eq!(transitions, [State::Backup, State::Initialize], "nobody was told of a Master that never was");
}

pub(crate) fn what_cannot_be_is_refused_in_one_sentence() {
    let (_lan, host) = host();
    let with = |change: fn(&mut Settings)| {
        let mut settings = settings(100, &["192.0.2.100/32"]);
        change(&mut settings);
        settings
    };
    type Change = fn(&mut Settings);
    let cases: [(Change, &str); 11] = [
        (
            |settings| settings.interface = "eth9".to_owned(),
            "no interface named eth9 (`ip link` lists those there are)",
        ),
        (|settings| settings.routers[0].vrid = 0, "VRID 0 is out of range: 1 to 255"),
        (
            |settings| settings.interval = AdvertInterval::from_centis(25).unwrap(),
            "an advertisement interval of 250ms is out of range for version 2",
        ),
        (|settings| settings.version = Some(4), "VRRP version 4 is unknown: 2 or 3"),
        (
            |settings| settings.authentication = AuthenticationSettings::Password("123456789".to_owned()),
            "a password of 9 bytes is out of range: 1 to 8",
        ),
        (
            |settings| settings.group = Some(Ipv4Addr::new(10, 0, 0, 1).into()),
            "group 10.0.0.1 is not a multicast address",
        ),
        (|settings| settings.routers[0].priority = 0, "priority 0 is out of range: 1 to 254"),
        (
            |settings| settings.routers[0].addresses = vec![OWN.to_owned()],
            "eth0 has no address to advertise from",
        ),
        (
            |settings| settings.routers[0].addresses = vec!["fe80::100/64".to_owned()],
            "eth0 has no usable link-local address to advertise from",
        ),
        (|settings| settings.hop_limit = 64, "a TTL or hop limit of 64 is out of range"),
        (
            |settings| settings.routers.push(settings.routers[0].clone()),
            "virtual router 51 is already configured",
        ),
    ];
    for (change, words) in cases {
        let refusal = refusal(&host, &with(change));
        assert!(refusal.contains(words) && !refusal.contains('\n'), "{refusal}");
    }
}

pub(crate) fn what_is_left_out_has_its_default() {
    let text = r#"{
        "interface": "eth0",
        "preemption": { "delay": { "secs": 2, "nanos": 0 } },
        "peers": [{ "address": "192.0.2.2" }],
        "routers": [{ "vrid": 51, "priority": 100, "addresses": ["192.0.2.100/24"] }]
    }"#;
    let settings: Settings = serde_json::from_str(text).unwrap();
    let config = settings.config(&settings.routers[0], Ipv4Addr::new(192, 0, 2, 1)).unwrap();
    assert_eq!((config.version(), config.interval()), (Version::V2, AdvertInterval::DEFAULT));
    assert_eq!(config.preempt(), Preempt::Delay(Duration::from_secs(2)));
    assert_eq!((config.hop_limit(), config.peers()[0].hop_limits.clone()), (255, 255..=255));
}

pub(crate) fn a_priority_is_changed_while_it_runs() {
    let (_lan, host) = host();
    let settings = Settings { version: Some(3), ..settings(255, &[OWN]) };
    host.run(|| {
        let mut log = |event: Event| assert!(!matches!(event, Event::Problem(_)), "{event}");
        let mut node = Node::open(&settings).unwrap();
        node.start(&mut log).unwrap();
        let vrid = Vrid::new(51).unwrap();
        let mut change = |vrid, priority| {
            node.set_priority(vrid, Priority::new(priority), &mut log).map_err(|error| error.to_string())
        };
        assert!(
            change(Vrid::new(7).unwrap(), 100).unwrap_err().contains("virtual router 7 is not configured")
        );
        assert!(change(vrid, 0).unwrap_err().contains("priority 0 is out of range"));
        assert!(change(vrid, 100).unwrap_err().contains("255"), "its source is its virtual address");
        assert_eq!(change(vrid, 255), Ok(()));
        assert!(node.states().all(|(_, state)| state == State::Master));
    })
    .unwrap();
}
