//! Another configuration: what it changes, and what it leaves.

use std::{fmt::Write, fs, time::Duration};

use lab::Stalls;

use crate::{
    director::{Director, Kind},
    host::{Host, until},
    play::has_stood_still,
    site::Site,
};

pub(crate) fn one_weight_changed_among_thousands_is_one_write() {
    let mut lan = lab::Lan::new().unwrap();
    let host = Host::new(&mut lan, "director", [172, 18, 10, 11]);
    let director = Director::start(&host, Kind::Ours, &many(500, 10, 1));
    director.until_ready();
    let before = director.status();
    assert_eq!(host.must("ipvsadm", &["-Sn"]).lines().count(), 500 * 11);

    director.reload(&many(500, 10, 7));

    until("it is read", PATIENCE, || director.status()["reloads"]["taken"] == 1);
    let after = director.status();
    let writes = |status: &serde_json::Value| status["ipvs_writes"].as_u64().unwrap();
    assert_eq!(writes(&after) - writes(&before), 1);
    let heavy = host.must("ipvsadm", &["-Sn"]);
    let heavy: Vec<_> = heavy.lines().filter(|line| line.ends_with("-w 7")).collect();
    assert_eq!(heavy, ["-a -t 10.1.1.243:80 -r 10.2.0.5:80 -g -w 7"]);

    // One with an error is refused whole, and the old one stays.
    director.reload(&many(3, 1, 1).replace("lb_kind DR", "lb_kind SIDEWAYS"));
    until("it is refused", PATIENCE, || director.status()["reloads"]["refused"] == 1);
    assert_eq!(host.must("ipvsadm", &["-Sn"]).lines().count(), 500 * 11);
    assert_eq!(director.status()["ipvs_writes"], after["ipvs_writes"]);
}

/// Virtual servers, each with real servers; one of all of them has this weight.
fn many(virtual_servers: u32, real_servers: u32, weight: u32) -> String {
    let mut text = String::new();
    for number in 0..virtual_servers {
        let (high, low) = (number / 256, number % 256);
        let _ = writeln!(
            text,
            "virtual_server 10.1.{high}.{low} 80 {{\n  lb_algo wrr\n  lb_kind DR\n  protocol TCP\n  persistence_timeout 0"
        );
        for real in 0..real_servers {
            let weight = if (number, real) == (virtual_servers - 1, 5) { weight } else { 1 };
            let _ = writeln!(text, "  real_server 10.2.0.{real} 80 {{\n    weight {weight}\n  }}");
        }
        text.push_str("}\n");
    }
    text
}

pub(crate) fn a_thousand_reloads_cost_nothing_that_stays() {
    let site = Site::new();
    let configs = [site.config(1), changed(&site.config(1))];
    let director = Director::start(&site.node_1, Kind::Ours, &configs[0]);
    director.until_ready();
    let reload = |count: u64| {
        for _ in 0..count {
            let taken = director.status()["reloads"]["taken"].as_u64().unwrap();
            director.reload(&configs[(taken as usize + 1) % 2]);
            until("it is read", PATIENCE, || director.status()["reloads"]["taken"] == taken + 1);
        }
    };

    reload(RELOADS / 5);
    let before = (memory(&director), descriptors(&director));
    let elections = elections(&director);
    let stalls = Stalls::watch().unwrap();
    reload(RELOADS - RELOADS / 5);

    // Those of checks that run come and go.
    until("it has no more descriptors than before", PATIENCE, || descriptors(&director) <= before.1);
    let grown = memory(&director).saturating_sub(before.0);
    assert!(grown <= 512, "{grown} kB more than after the first fifth");
    let is_as_before = self::elections(&director) == elections;
    assert!(is_as_before || has_stood_still(&stalls), "somebody was elected anew: {}", director.log());
}

/// The same with another weight, one real server and one address more, another script and another priority.
fn changed(text: &str) -> String {
    text.replacen("weight 1", "weight 3", 1)
        .replacen("172.18.50.50/16 dev eth0\n", "172.18.50.50/16 dev eth0\n 172.18.50.52/16 dev eth0\n", 1)
        .replacen("priority 98", "priority 97", 1)
        .replacen("vrrp_instance myroute1 {", "vrrp_script yes {\n script /bin/true\n}\nvrrp_instance myroute1 {\n track_script {\n yes weight 2\n }\n", 1)
        .replacen("real_server 172.18.200.100 80 {", "real_server 172.18.200.101 80 {\n TCP_CHECK {\n }\n }\n real_server 172.18.200.100 80 {", 1)
}

fn elections(director: &Director) -> u64 {
    let status = director.status();
    let instances = status["instances"].as_array().unwrap();
    instances.iter().map(|one| one["statistics"]["master-transitions"].as_u64().unwrap()).sum()
}

/// What the process holds of memory of its own, in kB.
fn memory(director: &Director) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", director.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn descriptors(director: &Director) -> usize {
    fs::read_dir(format!("/proc/{}/fd", director.pid())).unwrap().count()
}

const RELOADS: u64 = 1000;
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn what_a_configuration_no_longer_has_goes_whoever_put_it_there() {
    let (_lan, host) = Host::alone();
    let holds = |wanted: &[&str]| {
        let held = host.inet();
        wanted.iter().all(|vip| held.iter().any(|line| line.starts_with(&format!("inet {vip}/"))))
            && held.len() == wanted.len() + 1
    };
    let before = instance("one", 51, 150, "", &["192.0.2.100", "192.0.2.101"]);
    let mut killed = Director::start(&host, Kind::Ours, &before);
    until("it has both", PATIENCE, || holds(&["192.0.2.100", "192.0.2.101"]));
    killed.crash();
    let director = Director::start(&host, Kind::Ours, &before);
    director.until_ready();

    // It is Backup still, and the addresses are its predecessor's.
    director.reload(&instance("one", 51, 150, "", &["192.0.2.102"]));
    until("it has what it is to have", PATIENCE, || holds(&["192.0.2.102"]));

    let vmac = |name: &str, vip: &str| instance(name, 52, 255, "use_vmac", &[vip]);
    director.reload(&vmac("one", "192.0.2.102"));
    until("the virtual MAC has it", PATIENCE, || holds(&[]) && has_vmac(&host, "192.0.2.102"));
    director.reload(&vmac("other", "192.0.2.103"));
    until("another instance has the virtual MAC", PATIENCE, || has_vmac(&host, "192.0.2.103"));
    assert!(!director.log().contains("steps back"), "{}", director.log());
}

fn has_vmac(host: &Host, vip: &str) -> bool {
    let output = host.output("ip", &["-4", "address", "show", "vrrp.52"]);
    String::from_utf8_lossy(&output.stdout).contains(&format!("inet {vip}/"))
}

fn instance(name: &str, vrid: u8, priority: u8, more: &str, vips: &[&str]) -> String {
    format!(
        "vrrp_instance {name} {{
             interface eth0
             virtual_router_id {vrid}
             priority {priority}
             {more}
             virtual_ipaddress {{
                 {}
             }}
         }}",
        vips.join("\n")
    )
}
