//! The table: whose it is, how long it is there, and what it takes.

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::Path,
    process::{self, Command, Output, Stdio},
};

use lab::Namespace;
use nix::libc;
use vip_netlink::{AcceptFilter, Change, ErrorKind};

use super::{
    HOLD, VIP_V4, VIP_V6, add, open,
    traffic::{Udp, packets},
};
use crate::{
    privileges::drop_capabilities,
    support::{eventually, two_hosts, two_hosts_with_ipv6},
};

pub(crate) fn blocking_and_unblocking_twice_is_already_so() {
    let (_lan, host, _) = two_hosts();
    let mut filter = open(&host);
    let vips = [VIP_V4.into(), VIP_V6.into()];

    assert_eq!(filter.unblock(&host.eth0, &vips).unwrap(), Change::AlreadySo);
    assert_eq!(filter.block(&host.eth0, &[vips[0], vips[0]]).unwrap(), Change::Made);
    assert_eq!(filter.block(&host.eth0, &vips).unwrap(), Change::Made);
    assert_eq!(filter.block(&host.eth0, &vips).unwrap(), Change::AlreadySo);
    assert_eq!(filter.blocked().collect::<Vec<_>>(), vips);
    assert_eq!(filter.block_only(vips.map(|vip| (&host.eth0, vip))).unwrap(), Change::AlreadySo);
    assert_eq!(filter.unblock(&host.eth0, &vips).unwrap(), Change::Made);
    assert_eq!(filter.unblock(&host.eth0, &vips).unwrap(), Change::AlreadySo);
    assert_eq!(filter.blocked().count(), 0);
}

pub(crate) fn an_address_that_no_host_has_is_refused() {
    let (_lan, host, _) = two_hosts();
    let mut filter = open(&host);

    for ip in ["224.0.0.18", "ff02::12", "0.0.0.0", "::", "255.255.255.255"] {
        let error = filter.block(&host.eth0, &[VIP_V4.into(), ip.parse().unwrap()]).unwrap_err();

        let table = filter.table();
        assert_eq!(
            error.to_string(),
            format!(
                "cannot change what the nftables table {table} drops: {ip} cannot be the address of a host"
            )
        );
        assert_eq!(error.kind(), ErrorKind::Unsuitable);
    }
    assert_eq!(filter.blocked().count(), 0);
}

pub(crate) fn two_filters_are_apart() {
    let (_lan, mut host, neighbour) = two_hosts_with_ipv6();
    let (mut one, mut other) = (open(&host), open(&host));
    one.block(&host.eth0, &[VIP_V4.into()]).unwrap();
    other.block(&host.eth0, &[VIP_V6.into()]).unwrap();
    for vip in [VIP_V4.into(), VIP_V6.into()] {
        add(&mut host, vip);
    }
    let (server, client) = (Udp::server(&host.namespace), Udp::client(&neighbour.namespace));

    drop(one);

    client.send("dropped", VIP_V6.into());
    eventually("the other goes on", || packets(&mut other) == 1);
    client.send("let through", VIP_V4.into());
    assert_eq!(server.receive(), "let through");
}

pub(crate) fn a_killed_process_leaves_nothing_behind() {
    let (_lan, mut host, neighbour) = two_hosts();
    let (server, client) = (Udp::server(&host.namespace), Udp::client(&neighbour.namespace));
    add(&mut host, VIP_V4.into());
    for ip in [VIP_V4.into(), host.ip.into()] {
        // From then on the neighbour knows where to send, and does it in order.
        client.send("before", ip);
        assert_eq!(server.receive(), "before");
    }
    let mut child = {
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(HOLD, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        host.namespace.run(|| command.spawn()).unwrap().unwrap()
    };
    let mut table = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut table).unwrap();
    let nft = lab::need("nft");
    let ruleset = || nft.as_ref().map(|nft| ruleset(nft, &host.namespace));
    if let Some(ruleset) = ruleset() {
        assert!(ruleset.contains(table.trim()), "{ruleset}");
    }
    client.send("dropped", VIP_V4.into());
    client.send("to the host", host.ip.into());
    assert_eq!(server.receive(), "to the host");

    child.kill().unwrap();
    child.wait().unwrap();

    if let Some(ruleset) = ruleset() {
        assert_eq!(ruleset, "");
    }
    client.send("to the address", VIP_V4.into());
    assert_eq!(server.receive(), "to the address");
}

pub(crate) fn the_ruleset_of_others_is_left_alone_and_ours_is_by_them() {
    let Some(nft) = lab::need("nft") else { return };
    let (_lan, mut host, neighbour) = two_hosts();
    let theirs = "
        table inet vip_netlink {
            set ipv4 { type ipv4_addr; elements = { 10.0.0.1 }; }
            chain input {
                type filter hook input priority 200; policy accept;
                ip daddr 10.0.0.1 udp dport 9 counter drop
            }
        }
        table ip filter {
            chain input { type filter hook input priority 0; policy drop; }
        }";
    run_script(&nft, &host.namespace, theirs);
    let before = ruleset(&nft, &host.namespace);

    let mut filter = open(&host);
    filter.block(&host.eth0, &[VIP_V4.into()]).unwrap();
    add(&mut host, VIP_V4.into());
    let ours = format!("table inet {}", filter.table());
    for change in
        [format!("delete {ours}"), format!("add element inet {} ipv4 {{ 10.0.0.1 }}", filter.table())]
    {
        let output = nft_output(&nft, &host.namespace, &change);
        assert!(String::from_utf8_lossy(&output.stderr).contains("Operation not permitted"), "{output:?}");
    }
    let both = ruleset(&nft, &host.namespace);
    for line in [
        ours.as_str(),
        "flags owner",
        "type filter hook input priority 101; policy accept;",
        r#"ip daddr @ipv4 counter name "ipv4" drop"#,
        "icmpv6 type nd-neighbor-solicit return",
        "icmpv6 type nd-neighbor-advert return",
        r#"ip6 daddr @ipv6 counter name "ipv6" drop"#,
        r#"ip6 daddr . iif @ipv6_link_local counter name "ipv6" drop"#,
    ] {
        assert!(both.contains(line), "{both}");
    }
    let name = filter.table().to_owned();
    drop(filter);
    assert_eq!(ruleset(&nft, &host.namespace), before);

    // The same with nothing else, after all else is flushed.
    let mut filter = open(&host);
    filter.block(&host.eth0, &[VIP_V4.into()]).unwrap();
    run_script(&nft, &host.namespace, "flush ruleset");
    assert!(ruleset(&nft, &host.namespace).starts_with("table inet vip_netlink_"));
    let client = Udp::client(&neighbour.namespace);
    client.send("to the address", VIP_V4.into());
    eventually("it is dropped", || packets(&mut filter) == 1);
    drop(filter);

    // Where somebody has the name already. The first socket of a namespace has the process's number.
    assert_eq!(name, format!("vip_netlink_{}", process::id()));
    run_script(&nft, &host.namespace, &format!("table inet {name} {{ }}"));
    let error = host.namespace.run(AcceptFilter::open).unwrap().unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    let text = format!("cannot create the nftables table {name}: file exists");
    assert!(error.to_string().starts_with(&text), "{error}");
    assert_eq!(ruleset(&nft, &host.namespace), format!("table inet {name} {{\n}}\n"));
}

pub(crate) fn a_thousand_addresses_are_blocked_and_replaced() {
    let (_lan, host, _) = two_hosts();
    let mut filter = open(&host);
    let thousand = |subnet: u8| -> Vec<IpAddr> {
        let v4 = (0..1000_u16).map(|n| Ipv4Addr::new(10, subnet, (n >> 8) as u8, n as u8).into());
        let v6 = (0..1000).map(|n| Ipv6Addr::new(0x2001, 0xdb8, subnet.into(), 0, 0, 0, 0, n).into());
        v4.chain(v6).collect()
    };

    filter.block(&host.eth0, &thousand(1)).unwrap();
    assert_holds(&filter, &host.namespace, &thousand(1));
    filter.block_only(thousand(2).into_iter().map(|ip| (&host.eth0, ip))).unwrap();
    assert_holds(&filter, &host.namespace, &thousand(2));
}

pub(crate) fn more_addresses_than_a_send_buffer_takes_are_blocked() {
    let (_lan, host, _) = two_hosts();
    let mut filter = open(&host);
    let first = u32::from(Ipv4Addr::new(10, 0, 0, 0));
    let many: Vec<IpAddr> = (first..first + 20_000).map(|ip| Ipv4Addr::from(ip).into()).collect();

    assert_eq!(filter.block(&host.eth0, &many).unwrap(), Change::Made);
    assert_holds(&filter, &host.namespace, &many);
}

pub(crate) fn without_privilege_it_says_what_it_needs() {
    let (_lan, host, _) = two_hosts();
    let mut filter = open(&host);
    let table = filter.table().to_owned();
    let why = "operation not permitted (needs CAP_NET_ADMIN)";

    let errors = without_capabilities(&host.namespace, || {
        [
            filter.block(&host.eth0, &[VIP_V4.into()]).unwrap_err(),
            filter.dropped().unwrap_err(),
            AcceptFilter::open().unwrap_err(),
        ]
    });

    for error in &errors {
        assert_eq!(error.kind(), ErrorKind::NotPermitted);
        assert_eq!(error.raw_os_error(), Some(libc::EPERM));
    }
    let [block, dropped, open] = errors.map(|error| error.to_string());
    assert_eq!(block, format!("cannot change what the nftables table {table} drops: {why}"));
    assert_eq!(dropped, format!("cannot read the counters of the nftables table {table}: {why}"));
    assert!(
        open.starts_with("cannot create the nftables table vip_netlink_") && open.ends_with(why),
        "{open}"
    );
}

pub(crate) fn after_a_failure_the_next_change_makes_up_for_it() {
    let (_lan, host, _) = two_hosts();
    let mut filter = open(&host);
    let [first, second, third] = [VIP_V4.into(), VIP_V6.into(), IpAddr::from([10, 0, 0, 10])];
    filter.block(&host.eth0, &[first, second]).unwrap();

    without_capabilities(&host.namespace, || filter.block(&host.eth0, &[third]).unwrap_err());
    assert_eq!(filter.blocked().collect::<Vec<_>>(), [first, second]);
    assert_holds(&filter, &host.namespace, &[first, second]);
    without_capabilities(&host.namespace, || filter.unblock(&host.eth0, &[first]).unwrap_err());

    // Nothing new, but now it is certain.
    assert_eq!(filter.block(&host.eth0, &[second]).unwrap(), Change::Made);
    assert_holds(&filter, &host.namespace, &[first, second]);
    without_capabilities(&host.namespace, || filter.unblock(&host.eth0, &[first]).unwrap_err());
    assert_eq!(filter.block_only([(&host.eth0, third), (&host.eth0, second)]).unwrap(), Change::Made);
    assert_holds(&filter, &host.namespace, &[third, second]);
}

fn without_capabilities<T: Send>(host: &Namespace, f: impl FnOnce() -> T + Send) -> T {
    let run = || {
        drop_capabilities();
        f()
    };
    host.run(run).unwrap()
}

/// Asserts that the filter blocks these addresses, as it says itself and, if it is there, as the program nft sees it.
#[track_caller]
fn assert_holds(filter: &AcceptFilter, host: &Namespace, addresses: &[IpAddr]) {
    let mut expected = addresses.to_vec();
    expected.sort();
    assert_eq!(filter.blocked().collect::<Vec<_>>(), expected);
    let Some(nft) = lab::need("nft") else { return };
    let list = |set: &str| {
        let list = format!("list set inet {} {set}", filter.table());
        let output = host.run(|| Command::new(&nft).args(["-j", &list]).output()).unwrap().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let elements = json["nftables"][1]["set"]["elem"].as_array().cloned().unwrap_or_default();
        elements
            .into_iter()
            .map(|element| element.as_str().unwrap().parse().unwrap())
            .collect::<Vec<IpAddr>>()
    };
    let mut held = [list("ipv4"), list("ipv6")].concat();
    held.sort();
    assert!(held == expected, "{} instead of {}", held.len(), expected.len());
}

fn ruleset(nft: &Path, host: &Namespace) -> String {
    let output = host.run(|| Command::new(nft).args(["list", "ruleset"]).output()).unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn run_script(nft: &Path, host: &Namespace, script: &str) {
    let output = nft_output(nft, host, script);
    assert!(output.status.success(), "{output:?}");
}

fn nft_output(nft: &Path, host: &Namespace, script: &str) -> Output {
    let mut command = Command::new(nft);
    command.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = host.run(|| command.spawn()).unwrap().unwrap();
    child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}
