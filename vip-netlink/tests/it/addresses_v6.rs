//! IPv6 addresses: usable at once, no source for others, and what the kernel says of those that are not.

use std::{
    fs,
    net::{Ipv6Addr, UdpSocket},
    process::Command,
};

use lab::Lan;
use vip_netlink::{
    Address, AddressState, AssignedAddress, Batch, Change, ErrorKind, Netlink, Owner, VirtualAddress,
};

use crate::{
    addresses::expect_not_torn,
    support::{Host, address, eventually, link_local},
};

pub(crate) fn what_is_added_is_listed_until_removed() {
    let (_lan, mut host) = lone_host();

    for vip in ["2001:db8::10/128", "2001:db8:1::10/64", "fe80::10/128", "fe80::11/64"] {
        let before = host.addresses();
        let added = [(); 2].map(|()| host.netlink.add(&host.eth0, address(vip)).unwrap());
        let with = host.addresses();
        let removed = [(); 2].map(|()| host.netlink.remove(&host.eth0, address(vip)).unwrap());

        assert_eq!(added, [Change::Made, Change::AlreadySo]);
        assert!(with.contains(&vip.to_owned()), "{vip}: {with:?}");
        assert_eq!(removed, [Change::Made, Change::AlreadySo]);
        assert_eq!(host.addresses(), before);
    }
}

pub(crate) fn both_families_are_listed_that_of_version_4_first() {
    let (_lan, mut host) = lone_host();

    assert_eq!(host.addresses(), ["10.0.0.1/24", "2001:db8::1/64", "fe80::ff:fe00:1/64"]);
}

pub(crate) fn a_floating_address_is_usable_at_once() {
    let (_lan, mut host) = lone_host();
    detect_duplicates(&host);

    host.netlink.add(&host.eth0, address("2001:db8::10/128")).unwrap();
    host.netlink.add(&host.eth0, address("2001:db8::11/64")).unwrap();

    for (ip, state) in [("2001:db8::10", AddressState::Deprecated), ("2001:db8::11", AddressState::Preferred)]
    {
        assert_eq!(find(&mut host, ip).state(), state);
        host.namespace.run(|| UdpSocket::bind((ip, 0))).unwrap().unwrap();
    }
}

pub(crate) fn a_floating_host_address_is_not_chosen_as_a_source() {
    let (mut lan, mut host) = lone_host();
    let peer = Host::with_ipv6(&mut lan, 2);
    // Of all, the one most like the destination: the kernel would choose it.
    host.netlink.add(&host.eth0, address("2001:db8::3/128")).unwrap();

    let socket = host.namespace.run(|| UdpSocket::bind("[::]:0")).unwrap().unwrap();
    socket.connect("[2001:db8::2]:9").unwrap();

    assert_eq!(socket.local_addr().unwrap().ip(), address("2001:db8::1").ip());
    drop(peer);
}

pub(crate) fn the_link_local_address_is_found_and_a_tentative_one_told_apart() {
    let (_lan, mut host) = lone_host();
    let Some(ip) = lab::need("ip") else { return };
    detect_duplicates(&host);

    let add = || Command::new(&ip).args(["address", "add", "fe80::99/64", "dev", "eth0"]).status();
    assert!(host.namespace.run(add).unwrap().unwrap().success());

    let assigned = find(&mut host, "fe80::99");
    assert_eq!(assigned.state(), AddressState::Tentative);
    assert!(assigned.address().is_link_local() && !assigned.is_usable());
    let usable = host.netlink.addresses(&host.eth0).unwrap();
    let mut usable = usable.iter().filter(|own| own.address().is_link_local() && own.is_usable());
    assert_eq!(usable.next().unwrap().ip(), link_local(1));
    assert_eq!(usable.next(), None);
    eventually("the detection is over", || find(&mut host, "fe80::99").is_usable());
}

pub(crate) fn adding_a_tentative_address_makes_it_usable() {
    let (_lan, mut host) = lone_host();
    let Some(ip) = lab::need("ip") else { return };
    detect_duplicates(&host);
    let add = || Command::new(&ip).args(["address", "add", "2001:db8::10/64", "dev", "eth0"]).status();
    assert!(host.namespace.run(add).unwrap().unwrap().success());
    assert_eq!(find(&mut host, "2001:db8::10").state(), AddressState::Tentative);

    assert_eq!(host.netlink.add(&host.eth0, address("2001:db8::10/64")).unwrap(), Change::Made);

    assert_eq!(find(&mut host, "2001:db8::10").state(), AddressState::Preferred);
}

pub(crate) fn adding_a_duplicate_address_makes_it_usable() {
    let (mut lan, mut host) = lone_host();
    let Some(ip) = lab::need("ip") else { return };
    let mut owner = Host::with_ipv6(&mut lan, 2);
    owner.netlink.add(&owner.eth0, address("2001:db8::10/64")).unwrap();
    detect_duplicates(&host);
    let add = || Command::new(&ip).args(["address", "add", "2001:db8::10/64", "dev", "eth0"]).status();
    assert!(host.namespace.run(add).unwrap().unwrap().success());
    eventually("it is found to be a duplicate", || {
        find(&mut host, "2001:db8::10").state() == AddressState::Duplicate
    });

    assert_eq!(host.netlink.add(&host.eth0, address("2001:db8::10/64")).unwrap(), Change::Made);

    assert_eq!(find(&mut host, "2001:db8::10").state(), AddressState::Preferred);
}

pub(crate) fn another_prefix_length_is_an_error_that_says_which() {
    let (_lan, mut host) = lone_host();

    let error = host.netlink.add(&host.eth0, address("2001:db8::1/128")).unwrap_err();
    let removed = host.netlink.remove(&host.eth0, address("2001:db8::1/128")).unwrap();

    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    assert_eq!(
        error.to_string(),
        "cannot add 2001:db8::1/128 to eth0: it is there as 2001:db8::1/64 (remove that first)"
    );
    assert_eq!(removed, Change::AlreadySo);
    assert!(host.addresses().contains(&"2001:db8::1/64".to_owned()));
}

pub(crate) fn a_batch_looks_after_those_that_were_there() {
    use Change::{AlreadySo, Made};

    let (_lan, mut host) = lone_host();
    let Some(ip) = lab::need("ip") else { return };
    detect_duplicates(&host);
    for words in ["2001:db8::10/64", "2001:db8::11/64"] {
        let add = || Command::new(&ip).args(["address", "add", words, "dev", "eth0"]).status();
        assert!(host.namespace.run(add).unwrap().unwrap().success());
    }
    let mut batch = Batch::new();
    for vip in ["2001:db8::10/64", "2001:db8::11/128", "2001:db8::12", "2001:db8::1/64"] {
        batch.add(&host.eth0, address(vip));
    }
    batch.add(&host.eth0, VirtualAddress::from(address("2001:db8::13/64")).detect_duplicates());

    let results = host.netlink.carry_out(&batch);

    let results = results.into_iter().map(|result| result.map_err(|error| error.kind()));
    let unsuitable = Err(ErrorKind::Unsuitable);
    assert_eq!(results.collect::<Vec<_>>(), [Ok(Made), unsuitable, Ok(Made), Ok(AlreadySo), Ok(Made)]);
    assert_eq!(find(&mut host, "2001:db8::10").state(), AddressState::Preferred);
    assert_eq!(find(&mut host, "2001:db8::11").state(), AddressState::Tentative);
    assert_eq!(find(&mut host, "2001:db8::13").state(), AddressState::Tentative);
}

pub(crate) fn a_batch_is_carried_out_in_its_order() {
    let (_lan, mut host) = lone_host();
    let vip = address("2001:db8::10/128");
    host.netlink.add(&host.eth0, vip).unwrap();
    let mut batch = Batch::new();
    batch.add(&host.eth0, vip).remove(&host.eth0, vip);

    let results: Vec<_> = host.netlink.carry_out(&batch).into_iter().map(Result::unwrap).collect();

    assert_eq!(results, [Change::AlreadySo, Change::Made]);
    assert!(host.netlink.addresses(&host.eth0).unwrap().iter().all(|left| left.address() != vip));
}

pub(crate) fn what_a_predecessor_left_is_removed() {
    let (_lan, mut host) = lone_host();
    for vip in ["2001:db8::10", "2001:db8::11/64"] {
        host.netlink.add(&host.eth0, address(vip)).unwrap();
    }
    let other = Owner::new(200).unwrap();
    let mut of_another = host.namespace.run(Netlink::open).unwrap().unwrap().with_owner(other);
    of_another.add(&host.eth0, address("2001:db8::12")).unwrap();
    let mut successor = host.namespace.run(Netlink::open).unwrap().unwrap();

    successor.flush().unwrap();

    let mut left = host.addresses();
    left.sort();
    assert_eq!(left, ["10.0.0.1/24", "2001:db8::12/128", "fe80::ff:fe00:1/64"]);
}

pub(crate) fn where_ipv6_is_disabled_the_error_says_so() {
    let (_lan, mut host) = lone_host();
    let disabled = host.namespace.run(|| fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1"));
    disabled.unwrap().unwrap();

    let error = host.netlink.add(&host.eth0, address("2001:db8::10")).unwrap_err();
    let removed = host.netlink.remove(&host.eth0, address("2001:db8::10")).unwrap();

    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    assert!(error.to_string().contains("disable_ipv6 set?"), "{error}");
    assert_eq!(removed, Change::AlreadySo);
}

pub(crate) fn a_list_read_while_others_change_addresses_is_not_torn() {
    for _ in 0..3 {
        let (_lan, host) = lone_host();
        let all: Vec<_> =
            (0..1000).map(|n| Address::new(Ipv6Addr::from((0xfd << 120) + n), 128).unwrap()).collect();
        expect_not_torn(host, &all[..500], &all[500..]);
    }
}

pub(crate) fn what_is_added_is_what_iproute2_shows() {
    let Some(ip) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();

    host.netlink.add(&host.eth0, address("2001:db8::10/128")).unwrap();
    host.netlink.add(&host.eth0, address("2001:db8:1::10/64")).unwrap();

    let show = || Command::new(&ip).args(["-json", "-6", "address", "show", "dev", "eth0"]).output();
    let output = host.namespace.run(show).unwrap().unwrap();
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let told = |local: &str| {
        let mut entries = shown[0]["addr_info"].as_array().unwrap().iter();
        entries.find(|entry| entry["local"] == local).unwrap()
    };
    for (local, prefix_len, preferred) in [("2001:db8::10", 128, 0), ("2001:db8:1::10", 64, u32::MAX)] {
        let entry = told(local);
        assert_eq!((&entry["prefixlen"], &entry["scope"]), (&prefix_len.into(), &"global".into()));
        assert_eq!(entry["nodad"], true, "{entry}");
        assert_eq!(entry["valid_life_time"], u32::MAX, "for ever: {entry}");
        assert_eq!(entry["preferred_life_time"], preferred, "{entry}");
    }
}

fn lone_host() -> (Lan, Host) {
    let mut lan = Lan::new().unwrap();
    let host = Host::with_ipv6(&mut lan, 1);
    (lan, host)
}

/// Has the kernel look for duplicates of addresses that are added without `IFA_F_NODAD` from now on.
fn detect_duplicates(host: &Host) {
    let setting = "/proc/sys/net/ipv6/conf/eth0/accept_dad";
    host.namespace.run(|| fs::write(setting, "1")).unwrap().unwrap();
}

fn find(host: &mut Host, ip: &str) -> AssignedAddress {
    let all = host.netlink.addresses(&host.eth0).unwrap();
    let found = all.iter().find(|assigned| assigned.ip() == address(ip).ip());
    *found.unwrap_or_else(|| panic!("{ip} is not there: {all:?}"))
}
