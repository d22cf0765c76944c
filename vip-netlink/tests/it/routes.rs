//! Routes come, are followed, and go.

use std::{
    io::ErrorKind as IoErrorKind,
    net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket},
    process::Command,
};

use lab::Lan;
use serde_json::Value;
use vip_netlink::{
    Batch, Change, ErrorKind, Metric, Netlink, NextHop, Owner, Prefix, Route, RouteBuilder, RouteKind,
    RoutePreference, Table,
};

use crate::support::{Host, PATIENCE, address, eventually, link_local};

pub(crate) fn what_is_added_is_listed_until_removed() {
    let (_lan, mut host) = lone_host();
    let routes = all_kinds(&host);

    let added = routes.each(|route| host.netlink.add_route(route).unwrap());
    let again = routes.each(|route| host.netlink.add_route(route).unwrap());
    let listed = host.netlink.routes().unwrap();
    let removed = routes.each(|route| host.netlink.remove_route(route).unwrap());
    let left = host.netlink.routes().unwrap();
    let gone = routes.each(|route| host.netlink.remove_route(route).unwrap());

    assert_eq!(added, vec![Change::Made; routes.len()]);
    assert_eq!(again, vec![Change::AlreadySo; routes.len()]);
    assert_eq!(sorted(&listed), sorted(&routes));
    assert!(routes.iter().all(|route| listed.contains(route)), "{listed:#?}");
    assert_eq!(removed, vec![Change::Made; routes.len()]);
    assert_eq!(left, []);
    assert_eq!(gone, vec![Change::AlreadySo; routes.len()]);
}

pub(crate) fn what_is_added_is_what_iproute2_shows() {
    let Some(ip_program) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    for route in all_kinds(&host) {
        host.netlink.add_route(&route).unwrap();
    }

    let shown = show(&host, &["-4", "route", "show", "table", "all", "proto", "91"]);
    let find = |dst: &str| shown.iter().find(|one| one["dst"] == dst).unwrap().clone();
    let source = find("192.0.2.0/24");
    assert_eq!((&source["gateway"], &source["prefsrc"]), (&"10.0.0.2".into(), &"10.0.0.1".into()));
    assert_eq!((&source["metric"], &source["scope"]), (&7.into(), &"global".into()));
    assert_eq!(source["metrics"][0], serde_json::json!({ "mtu": 1400, "advmss": 1360, "initcwnd": 20 }));
    let text =
        host.namespace.run(|| Command::new(ip_program).args(["route", "show", "192.0.2.0/24"]).output());
    assert!(String::from_utf8_lossy(&text.unwrap().unwrap().stdout).contains("mtu lock 1400"));
    assert_eq!(
        (&find("default")["table"], &find("default")["gateway"]),
        (&"1000".into(), &"10.0.0.3".into())
    );
    assert_eq!(find("198.51.100.0/24")["scope"], "link");
    assert_eq!(find("198.51.101.0/24")["flags"][0], "onlink");
    assert_eq!(find("198.51.102.7")["tos"], "0x10");
    assert_eq!(find("198.51.103.0/24")["via"], serde_json::json!({ "family": "inet6", "host": "fe80::9" }));
    assert_eq!(
        (&find("198.51.110.0/24")["type"], &find("198.51.110.0/24")["table"]),
        (&"local".into(), &"local".into())
    );
    for (dst, kind) in [
        ("198.51.111.0/24", "blackhole"),
        ("198.51.112.0/24", "unreachable"),
        ("198.51.113.0/24", "prohibit"),
    ] {
        assert_eq!(find(dst)["type"], kind);
    }
    let hops = find("203.0.113.0/24")["nexthops"].clone();
    let hops: Vec<_> = hops.as_array().unwrap().iter().map(|hop| (&hop["gateway"], &hop["weight"])).collect();
    assert_eq!(hops, [(&"10.0.0.2".into(), &1.into()), (&"10.0.0.3".into(), &256.into())]);

    let shown = show(&host, &["-6", "route", "show", "table", "all", "proto", "91"]);
    let find = |dst: &str| shown.iter().find(|one| one["dst"] == dst).unwrap().clone();
    let source = find("2001:db8:1::/48");
    assert_eq!((&source["gateway"], &source["prefsrc"]), (&"2001:db8::2".into(), &"2001:db8::1".into()));
    assert_eq!((&source["metric"], &source["pref"]), (&1024.into(), &"high".into()));
    assert_eq!(find("2001:db8:4::/48")["nexthops"].as_array().unwrap().len(), 2);
    assert_eq!(find("2001:db8:5::/48")["type"], "blackhole");
}

pub(crate) fn a_route_of_ours_takes_the_place_of_ours() {
    let (_lan, mut host) = lone_host();
    let eth0 = host.eth0;
    for (prefix, gateways) in
        [("192.0.2.0/24", ["10.0.0.2", "10.0.0.3"]), ("2001:db8:1::/48", ["2001:db8::2", "2001:db8::3"])]
    {
        let [first, second] = gateways.map(|gateway| to(prefix).gateway(ip(gateway)).build().unwrap());
        let both = to(prefix).next_hops(gateways.map(|gateway| NextHop::via(ip(gateway)).interface(&eth0)));
        let all =
            [first.clone(), second, both.build().unwrap(), to(prefix).interface(&eth0).build().unwrap()];
        let blackhole = to(prefix).kind(RouteKind::Blackhole).build().unwrap();

        for route in [&all[..], &[blackhole, first]].concat() {
            assert_eq!(host.netlink.add_route(&route).unwrap(), Change::Made, "{route}");

            let listed = host.netlink.routes().unwrap();
            assert!(matches!(&listed[..], [one] if route.is_met_by(one)), "{route}: {listed:?}");
            assert_eq!(host.netlink.add_route(&route).unwrap(), Change::AlreadySo, "{route}");
        }
        host.netlink.flush().unwrap();
        host.netlink.add(&eth0, address("2001:db8::1/64")).unwrap();
    }
}

pub(crate) fn what_is_not_ours_is_left_and_named() {
    let (_lan, mut host) = lone_host();
    let mut other = host.open_as(200);
    for (prefix, theirs, ours) in
        [("192.0.2.0/24", "10.0.0.2", "10.0.0.3"), ("2001:db8:1::/48", "2001:db8::2", "2001:db8::3")]
    {
        let [theirs, ours] = [theirs, ours].map(|gateway| to(prefix).gateway(ip(gateway)).build().unwrap());
        other.add_route(&theirs).unwrap();

        let error = host.netlink.add_route(&ours).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Taken);
        let via = theirs.to_string();
        let expected = format!(
            "cannot add the route {ours}: there is {via} dev if{} in its place, of protocol 200, \
            not ours (remove that, or choose another metric or table)",
            host.eth0.index()
        );
        assert_eq!(error.to_string(), expected);
        assert_eq!(host.netlink.add_route(&theirs).unwrap(), Change::AlreadySo);
        assert_eq!(host.netlink.remove_route(&theirs).unwrap(), Change::AlreadySo);
        assert_eq!(host.netlink.remove_route(&ours).unwrap(), Change::AlreadySo);
        let beside = to(prefix).gateway(ours.next_hops()[0].gateway().unwrap()).metric(5).build().unwrap();
        assert_eq!(host.netlink.add_route(&beside).unwrap(), Change::Made);
        assert_eq!(host.netlink.remove_route(&beside).unwrap(), Change::Made);
        assert!(matches!(&other.routes().unwrap()[..], [one] if theirs.is_met_by(one)));
        assert_eq!(other.remove_route(&theirs).unwrap(), Change::Made);
    }
}

pub(crate) fn just_the_route_that_is_named_goes() {
    let (_lan, mut host) = lone_host();
    let via = |gateway| to("192.0.2.0/24").gateway([10, 0, 0, gateway]);
    let [plain, behind] = [via(2), via(2).metric(5)].map(|route| route.build().unwrap());
    let of_another_tos = via(2).tos(16).build().unwrap();
    for route in [&plain, &behind, &of_another_tos] {
        host.netlink.add_route(route).unwrap();
    }

    // The kernel takes a metric of 0 for any.
    assert_eq!(host.netlink.remove_route(&plain).unwrap(), Change::Made);
    assert_eq!(host.netlink.remove_route(&plain).unwrap(), Change::AlreadySo);
    assert_eq!(host.netlink.remove_route(&via(3).metric(5).build().unwrap()).unwrap(), Change::AlreadySo);

    let left = host.netlink.routes().unwrap();
    assert_eq!(left.len(), 2);
    assert!(
        left.iter().any(|one| behind.is_met_by(one)) && left.iter().any(|one| of_another_tos.is_met_by(one))
    );
}

pub(crate) fn a_next_hop_that_another_appended_stays() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    let ours = to("2001:db8:1::/48").gateway(ip("2001:db8::2")).build().unwrap();
    let ways: [fn(&mut Netlink, &Route); 2] = [
        |netlink, _| netlink.flush().unwrap(),
        |netlink, ours| assert_eq!(netlink.remove_route(ours).unwrap(), Change::Made),
    ];
    for remove in ways {
        host.netlink.add(&host.eth0, address("2001:db8::1/64")).unwrap();
        host.netlink.add_route(&ours).unwrap();
        run_ip(&host, "-6 route append 2001:db8:1::/48 via 2001:db8::3 proto 200");

        remove(&mut host.netlink, &ours);

        let left = show(&host, &["-6", "route", "show", "2001:db8:1::/48"]);
        assert_eq!((left.len(), &left[0]["gateway"]), (1, &"2001:db8::3".into()), "{left:?}");
        run_ip(&host, "-6 route del 2001:db8:1::/48 via 2001:db8::3 proto 200");
    }
}

pub(crate) fn five_hundred_routes_are_one_batch() {
    let (_lan, mut host) = lone_host();
    let (mut additions, mut removals) = (Batch::new(), Batch::new());
    let table = Table::new(500).unwrap();
    for number in 0..500_u16 {
        let [high, low] = number.to_be_bytes();
        let prefix = Prefix::from(IpAddr::from([198, 18, high, low]));
        let route = Route::to(prefix).gateway([10, 0, 0, 2]).table(table).build().unwrap();
        additions.add_route(&route);
        removals.remove_route(&route);
    }
    let wrong = to("192.0.2.0/24").gateway([10, 9, 9, 9]).build().unwrap();
    additions.add_route(&wrong);

    let added = host.netlink.carry_out(&additions);
    let again = host.netlink.carry_out(&additions);
    let listed = host.netlink.routes().unwrap().len();
    let removed = host.netlink.carry_out(&removals);

    let made = |results: &[Result<Change, _>], change| {
        results.iter().filter(|result| matches!(result, Ok(one) if *one == change)).count()
    };
    assert_eq!((made(&added, Change::Made), made(&again, Change::AlreadySo), listed), (500, 500, 500));
    assert_eq!(added[500].as_ref().unwrap_err().kind(), ErrorKind::NoWayToGateway);
    assert_eq!((made(&removed, Change::Made), removed.len()), (500, 500));
    assert_eq!(host.netlink.routes().unwrap(), []);
}

pub(crate) fn a_batch_takes_over_and_gives_back_in_its_order() {
    let (_lan, mut host) = lone_host();
    let vip = address("192.0.2.10/32");
    let route = Route::to(Prefix::ALL_IPV4).gateway([10, 0, 0, 2]).source(vip.ip()).build().unwrap();
    let (mut take, mut give) = (Batch::new(), Batch::new());
    take.add(&host.eth0, vip).add_route(&route);
    give.remove_route(&route).remove(&host.eth0, vip);
    let (mut wrong, mut back_and_forth) = (Batch::new(), Batch::new());
    wrong.add_route(&route).add(&host.eth0, vip);
    back_and_forth.add_route(&route).remove_route(&route).add_route(&route);

    let results = [wrong, give.clone(), take, back_and_forth, give].map(|batch| {
        let results = host.netlink.carry_out(&batch).into_iter();
        results.map(|result| result.map_err(|error| error.kind())).collect::<Vec<_>>()
    });

    let (made, so) = (Ok(Change::Made), Ok(Change::AlreadySo));
    assert_eq!(results[0], [Err(ErrorKind::Unsuitable), made]);
    assert_eq!(results[1], [so, made]);
    assert_eq!(results[2], [made; 2]);
    assert_eq!(results[3], [so, made, made]);
    assert_eq!(results[4], [made; 2]);
}

pub(crate) fn what_a_predecessor_left_is_adopted_or_removed() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    run_ip(&host, "route add 192.0.2.0/24 via 10.0.0.2 metric 9");
    run_ip(&host, "-6 route add 2001:db8:9::/48 via 2001:db8::2 proto 200");
    run_ip(&host, "rule add priority 400 from 192.0.2.10 lookup 100");
    let foreign = everything(&host);
    host.netlink.add(&host.eth0, address("192.0.2.10/32")).unwrap();
    let routes = all_kinds(&host);
    for route in &routes {
        host.netlink.add_route(route).unwrap();
    }
    // What this crate does not know how to make is removed nevertheless.
    run_ip(&host, "route add 192.0.2.128/25 via 10.0.0.2 proto 91 realm 5");
    run_ip(&host, "rule add priority 400 from 192.0.2.10 lookup 100 proto 91");
    run_ip(&host, "-6 rule add priority 400 lookup 100 suppress_ifgroup 5 proto 91");
    let mut successor = host.open_as(91);

    let kept = successor.adopt_routes(|left| routes[..2].iter().any(|route| route.is_met_by(left))).unwrap();
    let listed = successor.routes().unwrap();
    successor.flush().unwrap();

    assert_eq!((sorted(&kept), sorted(&listed)), (sorted(&routes[..2]), sorted(&routes[..2])));
    // The host's own IPv6 address has the mark as well: it is put there by this crate.
    host.netlink.add(&host.eth0, address("2001:db8::1/64")).unwrap();
    // The kernel adds the route to the address itself a moment later.
    eventually("all that is foreign is there, and no more", || everything(&host) == foreign);
}

pub(crate) fn what_the_kernel_refuses_is_explained() {
    let (mut lan, mut host) = lone_host();
    let mut errors = Vec::new();
    let mut refuse = |host: &mut Host, route: RouteBuilder| {
        let error = host.netlink.add_route(&route.build().unwrap()).unwrap_err();
        errors.push((error.kind(), error.raw_os_error(), error.to_string()));
    };
    let [v4, v6] = ["192.0.2.0/24", "2001:db8:1::/48"].map(to);
    let gateway = v4.clone().gateway([10, 0, 0, 2]);
    refuse(&mut host, v4.clone().gateway([10, 9, 9, 9]));
    refuse(&mut host, gateway.clone().source([10, 0, 0, 99]));
    refuse(&mut host, v6.clone().gateway(ip("2001:db8:99::1")));
    refuse(&mut host, v6.clone().gateway(ip("2001:db8::2")).source(ip("2001:db8::99")));
    let gone = host.eth0;
    host.namespace.link_down("eth0").unwrap();
    refuse(&mut host, v4.clone().interface(&gone));
    refuse(&mut host, gateway);
    refuse(&mut host, v6.clone().interface(&gone));
    host.namespace.link_up("eth0").unwrap();
    host.namespace.run(|| std::fs::write("/proc/sys/net/ipv6/conf/eth0/disable_ipv6", "1")).unwrap().unwrap();
    refuse(&mut host, v6.clone().interface(&gone));
    host.replace_interface(&mut lan, 1);
    refuse(&mut host, v4.interface(&gone));
    refuse(&mut host, v6.interface(&gone));

    use ErrorKind::{InterfaceDown, NoSuchInterface, NoWayToGateway, Unsuitable};
    let kinds: Vec<_> = errors.iter().map(|(kind, ..)| *kind).collect();
    assert_eq!(
        kinds,
        [
            NoWayToGateway,
            Unsuitable,
            NoWayToGateway,
            Unsuitable,
            InterfaceDown,
            NoWayToGateway,
            InterfaceDown,
            Unsuitable,
            NoSuchInterface,
            NoSuchInterface
        ]
    );
    // The kernel's own words differ from one version to the next.
    for (index, hint) in [
        (0, "is the gateway in a subnet of an interface that is up?"),
        (1, "is the source an address of this host?"),
        (2, "is the gateway in a subnet of an interface that is up?"),
        (3, "is the source an address of this host?"),
        (4, "is the interface up?"),
        (7, "is the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 set?"),
    ] {
        assert!(errors[index].2.contains(hint), "{}", errors[index].2);
    }
    assert!(
        errors[0].2.starts_with("cannot add the route 192.0.2.0/24 via 10.9.9.9: network is unreachable (")
    );
}

pub(crate) fn what_goes_with_its_address_or_interface_can_be_added_again() {
    let (_lan, mut host) = lone_host();
    let [vip, vip_v6] = ["192.0.2.10/32", "2001:db8::10"].map(address);
    let of_vip = to("198.51.100.0/24").gateway([10, 0, 0, 2]).source(vip.ip()).build().unwrap();
    let of_vip_v6 = to("2001:db8:1::/48").gateway(ip("2001:db8::2")).source(vip_v6.ip()).build().unwrap();
    for (vip, route) in [(vip, &of_vip), (vip_v6, &of_vip_v6)] {
        host.netlink.add(&host.eth0, vip).unwrap();
        host.netlink.add_route(route).unwrap();
    }

    host.netlink.remove(&host.eth0, vip).unwrap();
    host.netlink.remove(&host.eth0, vip_v6).unwrap();

    let left = host.netlink.routes().unwrap();
    assert!(
        matches!(&left[..], [one] if one.source().is_none() && one.destination() == of_vip_v6.destination())
    );
    for (vip, route) in [(vip, &of_vip), (vip_v6, &of_vip_v6)] {
        host.netlink.add(&host.eth0, vip).unwrap();
        assert_eq!(host.netlink.add_route(route).unwrap(), Change::Made, "{route}");
    }

    host.namespace.link_down("eth0").unwrap();
    assert_eq!(host.netlink.routes().unwrap(), []);
    host.namespace.link_up("eth0").unwrap();
    assert_eq!(host.netlink.add_route(&of_vip).unwrap(), Change::Made);
}

pub(crate) fn packets_fare_as_the_kind_of_the_route_says() {
    let (_lan, mut host) = lone_host();
    host.netlink.add(&host.eth0, address("192.0.2.10")).unwrap();
    let kind = |kind| to(TARGET).kind(kind);
    let connect = |host: &Host| {
        let socket = host.namespace.run(|| UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
        socket.connect((TARGET, 4000)).map(|()| socket.local_addr().unwrap().ip())
    };

    for (route, expected) in [
        (kind(RouteKind::Blackhole), Err(IoErrorKind::InvalidInput)),
        (kind(RouteKind::Unreachable), Err(IoErrorKind::HostUnreachable)),
        (kind(RouteKind::Prohibit), Err(IoErrorKind::PermissionDenied)),
        (kind(RouteKind::Throw), Err(IoErrorKind::NetworkUnreachable)),
        (to(TARGET).gateway([10, 0, 0, 2]), Ok(ip("10.0.0.1"))),
        (to(TARGET).gateway([10, 0, 0, 2]).source([192, 0, 2, 10]), Ok(ip("192.0.2.10"))),
    ] {
        let route = route.build().unwrap();
        host.netlink.add_route(&route).unwrap();

        assert_eq!(connect(&host).map_err(|error| error.kind()), expected, "{route}");
    }
}

pub(crate) fn an_ipv6_neighbour_takes_ipv4_packets_on() {
    let (_lan, [mut host, _near, far]) = three_hosts();
    let eth0 = host.eth0;
    host.netlink.add(&eth0, address("192.0.2.10")).unwrap();
    let route = to(TARGET).gateway(link_local(3)).interface(&eth0).source([192, 0, 2, 10]).build().unwrap();
    host.netlink.add_route(&route).unwrap();
    let at_far = far.listen(TARGET);

    host.send("0.0.0.0", TARGET, b"over IPv6's neighbour");

    assert_eq!(receive(&at_far), (ip("192.0.2.10"), b"over IPv6's neighbour".to_vec()));
}

pub(crate) fn several_next_hops_share_the_destinations() {
    let (_lan, [mut host, near, far]) = three_hosts();
    let eth0 = host.eth0;
    let targets = (0..64_u8).map(|last| Ipv4Addr::new(198, 51, 100, last));
    for gateway in [&near, &far] {
        let mut netlink = gateway.namespace.run(Netlink::open).unwrap().unwrap();
        let lo = netlink.interface("lo").unwrap();
        let here = to("198.51.100.0/24").kind(RouteKind::Local).interface(&lo);
        netlink.add_route(&here.build().unwrap()).unwrap();
    }
    let [to_near, to_far] = [2, 3].map(|last| NextHop::via([10, 0, 0, last]).interface(&eth0));
    let route = to("198.51.100.0/24").next_hops([to_near, to_far.weighing(3)]).build().unwrap();
    host.netlink.add_route(&route).unwrap();
    let (at_near_all, at_far_all) = (near.listen("0.0.0.0"), far.listen("0.0.0.0"));
    for target in targets {
        host.send("0.0.0.0", &target.to_string(), b"shared out");
    }
    let mut counts = [0; 2];
    at_near_all.set_nonblocking(true).unwrap();
    at_far_all.set_nonblocking(true).unwrap();
    eventually("all 64 have arrived", || {
        for (socket, count) in [&at_near_all, &at_far_all].into_iter().zip(&mut counts) {
            while socket.recv(&mut [0; 64]).is_ok() {
                *count += 1;
            }
        }
        counts.iter().sum::<i32>() == 64
    });
    assert!(counts[0] > 0 && counts[1] > counts[0], "{counts:?}");
}

/// A host with 10.0.0.1/24 and 2001:db8::1/64.
pub(crate) fn lone_host() -> (Lan, Host) {
    let mut lan = Lan::new().unwrap();
    let host = Host::with_ipv6(&mut lan, 1);
    (lan, host)
}

/// A host and two gateways, .1 to .3, each of which has the targets and finds the way back to the virtual addresses.
pub(crate) fn three_hosts() -> (Lan, [Host; 3]) {
    let mut lan = Lan::new().unwrap();
    let mut hosts = [1, 2, 3].map(|number| Host::with_ipv6(&mut lan, number));
    for gateway in &mut hosts[1..] {
        let lo = gateway.netlink.interface("lo").unwrap();
        gateway.namespace.enable_ipv6("lo").unwrap();
        for target in [TARGET, TARGET_V6] {
            gateway.netlink.add(&lo, address(target)).unwrap();
        }
        for (vip, host) in [("192.0.2.10", "10.0.0.1"), ("2001:db8:10::10", "2001:db8::1")] {
            gateway.netlink.add_route(&to(vip).gateway(ip(host)).build().unwrap()).unwrap();
        }
    }
    (lan, hosts)
}

impl Host {
    pub(crate) fn open_as(&self, owner: u8) -> Netlink {
        let owner = Owner::new(owner).unwrap();
        self.namespace.run(Netlink::open).unwrap().unwrap().with_owner(owner)
    }

    pub(crate) fn listen(&self, ip: &str) -> UdpSocket {
        let socket = self.namespace.run(|| UdpSocket::bind((ip, 4000))).unwrap().unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    pub(crate) fn send(&self, from: &str, to: &str, message: &[u8]) {
        let socket = self.namespace.run(|| UdpSocket::bind((from, 0))).unwrap().unwrap();
        socket.send_to(message, (to, 4000)).unwrap();
    }
}

pub(crate) fn receive(socket: &UdpSocket) -> (IpAddr, Vec<u8>) {
    let mut buffer = [0; 256];
    let (length, source): (usize, SocketAddr) = socket.recv_from(&mut buffer).unwrap();
    (source.ip(), buffer[..length].to_vec())
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub(crate) fn to(prefix: &str) -> RouteBuilder {
    Route::to(prefix.parse().unwrap())
}

pub(crate) fn run_ip(host: &Host, words: &str) {
    let mut command = Command::new(lab::need("ip").unwrap());
    command.args(words.split(' '));
    assert!(host.namespace.run(|| command.status()).unwrap().unwrap().success(), "ip {words}");
}

pub(crate) fn show(host: &Host, words: &[&str]) -> Vec<Value> {
    let ip = lab::need("ip").unwrap();
    let output = host.namespace.run(|| Command::new(ip).args(["-json", "-details"]).args(words).output());
    serde_json::from_slice(&output.unwrap().unwrap().stdout).unwrap()
}

/// All addresses, routes and rules of a host, but for what ages.
fn everything(host: &Host) -> Vec<String> {
    let mut all = Vec::new();
    for words in [
        &["-4", "route", "show", "table", "all"][..],
        &["-6", "route", "show", "table", "all"],
        &["-4", "rule"],
        &["-6", "rule"],
    ] {
        all.extend(show(host, words).iter().map(Value::to_string));
    }
    all.sort();
    all
}

/// A route of each kind and with each part.
fn all_kinds(host: &Host) -> Vec<Route> {
    let eth0 = &host.eth0;
    let via = |last: u8| NextHop::via([10, 0, 0, last]).interface(eth0);
    let via_v6 = |gateway: &str| NextHop::via(ip(gateway)).interface(eth0);
    let kind = |prefix: &str, kind| to(prefix).kind(kind);
    [
        to("192.0.2.0/24")
            .gateway([10, 0, 0, 2])
            .interface(eth0)
            .source([10, 0, 0, 1])
            .metric(7)
            .value(Metric::Mtu, 1400)
            .lock(Metric::Mtu)
            .value(Metric::AdvertisedMss, 1360)
            .value(Metric::InitialWindow, 20),
        Route::to(Prefix::ALL_IPV4).next_hops([via(3)]).table(Table::new(1000).unwrap()),
        to("198.51.100.0/24").interface(eth0),
        to("198.51.101.0/24").gateway([172, 16, 0, 1]).interface(eth0).onlink(),
        to("198.51.102.7").next_hops([via(2)]).tos(16),
        to("198.51.103.0/24").next_hops([via_v6("fe80::9")]),
        kind("198.51.110.0/24", RouteKind::Local).interface(eth0),
        kind("198.51.111.0/24", RouteKind::Blackhole),
        kind("198.51.112.0/24", RouteKind::Unreachable),
        kind("198.51.113.0/24", RouteKind::Prohibit),
        kind("198.51.114.0/24", RouteKind::Throw).table(Table::new(70_000).unwrap()),
        to("203.0.113.0/24").next_hops([via(2), via(3).weighing(256)]),
        to("2001:db8:1::/48")
            .gateway(ip("2001:db8::2"))
            .interface(eth0)
            .source(ip("2001:db8::1"))
            .preference(RoutePreference::High),
        Route::to(Prefix::ALL_IPV6).next_hops([via_v6("fe80::2")]).table(Table::new(1000).unwrap()),
        to("2001:db8:2::/48").interface(eth0).metric(5),
        to("2001:db8:3::/48").gateway(ip("2001:db8:99::1")).interface(eth0).onlink(),
        to("2001:db8:4::/48").next_hops([via_v6("2001:db8::2"), via_v6("2001:db8::3").weighing(4)]),
        kind("2001:db8:5::/48", RouteKind::Blackhole),
        kind("2001:db8:6::/48", RouteKind::Unreachable).value(Metric::Mtu, 1400),
        kind("2001:db8:7::/48", RouteKind::Prohibit),
        kind("2001:db8:8::/48", RouteKind::Throw).table(Table::new(70_000).unwrap()),
    ]
    .map(|route| route.build().unwrap())
    .to_vec()
}

trait Each {
    fn each<T>(&self, f: impl FnMut(&Route) -> T) -> Vec<T>;
}

impl Each for Vec<Route> {
    fn each<T>(&self, f: impl FnMut(&Route) -> T) -> Vec<T> {
        self.iter().map(f).collect()
    }
}

fn sorted(routes: &[Route]) -> Vec<String> {
    let mut texts: Vec<_> = routes.iter().map(Route::to_string).collect();
    texts.sort();
    texts
}

pub(crate) const TARGET: &str = "203.0.113.1";
pub(crate) const TARGET_V6: &str = "2001:db8:113::1";
