//! Every way to speak and to hold, with keepalived on the other side, both ways round.

use std::{net::Ipv4Addr, thread, time::Duration};

use lab::{Lan, Namespace};

use crate::{
    director::{Director, Kind},
    host::{Host, until},
};

pub(crate) fn every_way_to_speak_is_keepalived_s_too() {
    if lab::need("keepalived").is_none() {
        return;
    }
    let ways = [
        ("AH", V4, " authentication {\n auth_type AH\n auth_pass s3cr3t\n }"),
        ("v3", V4, " version 3\n advert_int 0.5"),
        ("unicast", V4, " version 3\n unicast_src_ip SELF\n unicast_peer {\n OTHER\n }"),
        ("IPv6", V6, " version 3\n advert_int 0.5"),
        ("virtual MAC", V4, " use_vmac"),
    ];
    thread::scope(|scope| {
        for (name, addresses, settings) in ways {
            for better in [Kind::Ours, Kind::Keepalived] {
                let name = format!("{name}, {better:?} is the better");
                thread::Builder::new()
                    .name(name)
                    .spawn_scoped(scope, move || speak(better, addresses, settings))
                    .unwrap();
            }
        }
    });
}

const V4: &[&str] = &["192.0.2.100/24"];
const V6: &[&str] = &["fe80::100/64", "2001:db8::100/64"];

/// The better takes the addresses, gives them up when it is killed, and takes them back.
fn speak(better: Kind, addresses: &[&str], settings: &str) {
    let worse = if better == Kind::Ours { Kind::Keepalived } else { Kind::Ours };
    let mut lan = Lan::new().unwrap();
    let hosts = ["one", "two"].map(|_| Namespace::new().unwrap());
    for (number, (host, name)) in (1_u8..).zip(hosts.iter().zip(["one", "two"])) {
        lan.attach(host, name, Ipv4Addr::new(192, 0, 2, number), 24).unwrap();
        host.enable_ipv6("eth0").unwrap();
    }
    let config = |number: usize, priority: u8| {
        let listed: String = addresses.iter().map(|address| format!(" {address}\n")).collect();
        let settings = settings.replace("SELF", SELF[number]).replace("OTHER", SELF[1 - number]);
        format!(
            "vrrp_instance V {{\n interface eth0\n virtual_router_id 7\n priority {priority}\n{settings}\n virtual_ipaddress {{\n{listed} }}\n\
             virtual_routes {{\n 198.51.100.0/24 dev eth0 no_track\n }}\n virtual_rules {{\n from 203.0.113.0/24 table 77 priority 500 no_track\n }}\n}}\n"
        )
    };
    let host = |number: usize| Host {
        name: ["one", "two"][number],
        namespace: hosts[number].try_clone().unwrap(),
        address: Ipv4Addr::new(192, 0, 2, number as u8 + 1),
    };
    let (first, second) = (host(0), host(1));
    let plain = |address: &str| address.split('/').next().unwrap().to_owned();
    let holds = |host: &Host| {
        let all = host.must("ip", &["-oneline", "address"]);
        let routes = host.must("ip", &["route"]);
        let rules = host.must("ip", &["rule"]);
        let has_all = addresses.iter().all(|address| all.contains(&format!("{}/", plain(address))));
        let has_none = !addresses.iter().any(|address| all.contains(&format!("{}/", plain(address))));
        let has_rest = routes.contains("198.51.100.0/24") && rules.contains("203.0.113.0/24");
        (has_all && has_rest, has_none)
    };

    let _two = Director::start(&second, worse, &config(1, 100));
    until("the worse alone has them", LIMIT, || holds(&second).0);
    let mut one = Director::start(&first, better, &config(0, 150));
    until("the better has them, and the worse has none", LIMIT, || holds(&first).0 && holds(&second).1);
    one.crash();
    first.must("ip", &["link", "set", "eth0", "down"]);
    until("the worse has them", LIMIT, || holds(&second).0);
    first.must("ip", &["link", "set", "eth0", "up"]);
    lan.settle("one").unwrap();
    let mut one = Director::start(&first, better, &config(0, 150));
    until("the better has them again", LIMIT, || holds(&first).0 && holds(&second).1);
    one.stop();
    until("the worse has them after all, and the better none", LIMIT, || holds(&second).0 && holds(&first).1);
}

const SELF: [&str; 2] = ["192.0.2.1", "192.0.2.2"];
const LIMIT: Duration = Duration::from_secs(60);
