//! What of virtual MACs shows on the wire: what is meant, and nothing else.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr, SocketAddrV6},
    os::fd::AsFd,
    time::Instant,
};

use lab::Capture;
use socket2::{Domain, Protocol, Socket, Type};
use vip_netlink::{Announcer, Interface, Reception, VirtualMac, VrrpSocket};

use crate::{
    support::{
        GROUP, Host, PATIENCE, address, capture, eventually, link_local, receive, texts, two_hosts,
        two_hosts_with_ipv6, wait_readable,
    },
    virtual_mac::{ask, ip, ipv4, json, set_ipv4, virtual_mac},
};

pub(crate) fn each_address_is_answered_for_by_its_own_interface() {
    let Some(_) = lab::need("ip") else { return };
    // `rp_filter` for all interfaces: of no effect, strict, loose.
    for rp_filter in [0, 1, 2] {
        let (lan, host, client) = two_hosts();
        let mut capture = lan.capture("host1").unwrap();
        host.inside(|netlink| {
            set_ipv4("all", "rp_filter", rp_filter);
            set_ipv4("default", "arp_filter", 1);
            set_ipv4("default", "rp_filter", rp_filter);
            for number in [51, 52] {
                let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(number)).unwrap();
                netlink.bring_up(&vmac).unwrap();
                netlink.add(&vmac, address(&format!("10.0.0.{number}/32"))).unwrap();
            }
            assert_eq!(ipv4("all", "rp_filter"), rp_filter);
        });

        for at in ["10.0.0.51", "10.0.0.1", "10.0.0.52"] {
            // Not only the first question needs an answer, and the host has to ask where to send it.
            host.inside(|_| ip("neighbour flush all"));
            client.inside(|_| ip("neighbour flush all"));
            assert_eq!(ask(&client, &host, at), at, "{rp_filter}");
        }

        let claims = arp_claims(&mut capture);
        let expected = [([10, 0, 0, 1], OWN), ([10, 0, 0, 51], V4_51), ([10, 0, 0, 52], V4_52)];
        let expected = expected.map(|(ip, mac)| (Ipv4Addr::from(ip), BTreeSet::from([mac])));
        assert_eq!(claims, BTreeMap::from(expected), "{rp_filter}");
    }
}

pub(crate) fn a_virtual_address_of_another_subnet_is_answered_for() {
    let Some(_) = lab::need("ip") else { return };
    let (lan, host, mut client) = two_hosts();
    client.netlink.add(&client.eth0, address("192.0.2.2/24")).unwrap();
    let mut capture = lan.capture("host1").unwrap();
    host.inside(|netlink| {
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, address("192.0.2.51/24")).unwrap();
    });

    assert_eq!(ask(&client, &host, "192.0.2.51"), "192.0.2.51");
    assert_eq!(ask(&client, &host, "10.0.0.1"), "10.0.0.1");

    let claims = arp_claims(&mut capture);
    let expected = [([10, 0, 0, 1], OWN), ([192, 0, 2, 51], V4_51)];
    assert_eq!(claims, BTreeMap::from(expected.map(|(ip, mac)| (Ipv4Addr::from(ip), BTreeSet::from([mac])))));
}

pub(crate) fn the_address_of_a_parent_stays_reachable_where_the_client_is_behind_the_virtual_mac() {
    let (_lan, host, mut client) = two_hosts();
    client.netlink.remove(&client.eth0, address("10.0.0.2/24")).unwrap();
    client.netlink.add(&client.eth0, address("192.0.2.2/24")).unwrap();
    client.inside(|_| ip("route add 10.0.0.1 dev eth0"));
    host.inside(|netlink| {
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, address("192.0.2.51/24")).unwrap();
    });

    assert_eq!(ask(&client, &host, "10.0.0.1"), "10.0.0.1");
}

pub(crate) fn the_kernel_sends_nothing_of_its_own() {
    let Some(_) = lab::need("ip") else { return };
    let (lan, host, router) = two_hosts_with_ipv6();
    let mut capture = lan.capture("host1").unwrap();
    let (v4, v6) = host.inside(|netlink| {
        let both = [virtual_mac(51), VirtualMac::ipv6(51).unwrap()];
        let [v4, v6] = both.map(|one| netlink.create_virtual_mac(&host.eth0, one).unwrap());
        [v4, v6].iter().for_each(|vmac| netlink.bring_up(vmac).unwrap());
        // One that nobody takes care of: what it does, the others do not.
        ip("link add link eth0 name control address 02:00:00:00:00:63 type macvlan mode private");
        ip("link set dev control up");
        (v4, v6)
    });
    let mut sent = Sent::default();
    sent.until(&mut capture, |sent| sent.has(CONTROL, MLD_REPORT) && sent.has(CONTROL, ROUTER_SOLICITATION));

    advertise_router(&router);
    host.inside(|netlink| {
        let control = netlink.interface("control").unwrap();
        eventually("the router's prefix is taken", || {
            texts(&netlink.addresses(&control).unwrap()).iter().any(|one| one.starts_with("2001:db8:1:"))
        });
        for vmac in [&v4, &v6] {
            assert_eq!(texts(&netlink.addresses(vmac).unwrap()), [""; 0]);
        }
    });
    sent.until(&mut capture, |sent| sent.has(CONTROL, NEIGHBOUR_SOLICITATION));
    assert_eq!(sent.by(V4_51), [0_u8; 0]);
    assert_eq!(sent.by(V6_51), [0_u8; 0]);
}

pub(crate) fn on_a_router_nothing_is_sent_over_ipv6_for_a_virtual_mac_of_ipv4() {
    let Some(_) = lab::need("ip") else { return };
    let (lan, host, _client) = two_hosts_with_ipv6();
    let mut capture = lan.capture("host1").unwrap();
    host.inside(|netlink| {
        std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, address("10.0.0.100/32")).unwrap();
        ip("link add link eth0 name control address 02:00:00:00:00:63 type macvlan mode private");
        ip("link set dev control addrgenmode none");
        ip("link set dev control up");
    });

    let mut sent = Sent::default();
    sent.until(&mut capture, |sent| sent.has(CONTROL, MLD_REPORT));

    assert_eq!(sent.by(V4_51), [0_u8; 0]);
}

pub(crate) fn an_ipv6_address_comes_and_goes_without_a_trace() {
    let Some(_) = lab::need("ip") else { return };
    let (lan, host, client) = two_hosts_with_ipv6();
    let [global, link_local_vip] = ["2001:db8::100/128", "fe80::100/64"].map(address);
    let (vmac, announcer) = host.inside(|netlink| {
        let vmac = netlink.create_virtual_mac(&host.eth0, VirtualMac::ipv6(51).unwrap()).unwrap();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, link_local_vip).unwrap();
        netlink.add(&vmac, global).unwrap();
        (vmac, Announcer::open(&vmac).unwrap())
    });
    announcer.announce(global.ip()).unwrap();

    assert_eq!(ask(&client, &host, "2001:db8::100"), "2001:db8::100");
    assert_eq!(ask(&client, &host, "2001:db8::1"), "2001:db8::1");
    let neighbours = client.inside(|_| json("-6 -json neighbour show dev eth0"));
    let at = |ip: &str| {
        let mut all = neighbours.as_array().unwrap().iter();
        all.find(|one| one["dst"] == ip).map(|one| one["lladdr"].clone())
    };
    assert_eq!(at("2001:db8::100"), Some("00:00:5e:00:02:33".into()));
    assert_eq!(at("2001:db8::1"), Some("02:00:00:00:00:01".into()));

    let mut capture = lan.capture("host1").unwrap();
    host.inside(|netlink| {
        assert_eq!(texts(&netlink.addresses(&vmac).unwrap()), ["2001:db8::100/128", "fe80::100/64"]);
        netlink.take_down(&vmac).unwrap();
    });
    // What it sent while it was up is as it should be.
    while capture.next(&mut [0; 2048]).unwrap().is_some() {}
    host.inside(|netlink| {
        for vip in [global, link_local_vip] {
            netlink.remove(&vmac, vip).unwrap();
        }
        // One whose address goes while it is up: the kernel tells the routers that it leaves a group.
        ip("link add link eth0 name control address 02:00:00:00:00:63 type macvlan mode private");
        ip("link set dev control addrgenmode none");
        ip("link set dev control up");
        ip("address add 2001:db8::99/128 dev control nodad");
    });
    let mut sent = Sent::default();
    sent.until(&mut capture, |sent| sent.has(CONTROL, MLD_REPORT));
    let joined = sent.by(CONTROL).len();
    host.inside(|_| ip("address del 2001:db8::99/128 dev control"));
    sent.until(&mut capture, |sent| sent.by(CONTROL).len() > joined);
    assert_eq!(sent.by(V6_51), [0_u8; 0]);
}

pub(crate) fn a_vrrp_socket_on_it_sends_from_the_virtual_mac() {
    let (lan, host, client) = two_hosts();
    let mut frames = lan.capture("host1").unwrap();
    let (receiver, own) = (client.vrrp(), host.vrrp());
    let sender = host.inside(|netlink| {
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&vmac).unwrap();
        // It joins no group there, which the kernel would tell the routers from the virtual MAC.
        let protocol = vip_netlink::Protocol::Vrrp;
        VrrpSocket::open(&vmac, host.ip.into(), Reception::Unicast, protocol).unwrap()
    });

    sender.send(GROUP, b"from the virtual MAC").unwrap();

    assert_eq!(receive(&receiver).source, host.ip);
    let frame = capture(&mut frames, |frame| frame.bytes[23] == 112);
    assert_eq!(frame[6..12], V4_51);
    client.vrrp().send(GROUP, b"the next").unwrap();
    assert_eq!(receive(&own).source, client.ip);
}

/// Which hardware addresses a host claimed, in ARP requests or replies, to have for which IP.
fn arp_claims(capture: &mut Capture) -> BTreeMap<Ipv4Addr, BTreeSet<[u8; 6]>> {
    let mut claims: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    let mut buffer = [0; 2048];
    while let Some(frame) = capture.next(&mut buffer).unwrap() {
        if !frame.outgoing && frame.bytes[12..14] == [8, 6] {
            let mac: [u8; 6] = frame.bytes[22..28].try_into().unwrap();
            let ip: [u8; 4] = frame.bytes[28..32].try_into().unwrap();
            assert_eq!(frame.bytes[6..12], mac, "the frame comes from whom it speaks of");
            claims.entry(Ipv4Addr::from(ip)).or_default().insert(mac);
        }
    }
    claims
}

/// What a host sent: source, and the type of ICMPv6 or, for all else, 0.
#[derive(Default)]
struct Sent(Vec<([u8; 6], u8)>);

impl Sent {
    #[track_caller]
    fn until(&mut self, capture: &mut Capture, enough: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        let mut buffer = [0; 2048];
        while !enough(self) {
            assert!(wait_readable(capture.as_fd(), deadline), "not seen in {PATIENCE:?}");
            while let Some(frame) = capture.next(&mut buffer).unwrap() {
                if !frame.outgoing {
                    self.0.push((frame.bytes[6..12].try_into().unwrap(), icmpv6_type(frame.bytes)));
                }
            }
        }
    }

    fn has(&self, source: [u8; 6], kind: u8) -> bool {
        self.0.contains(&(source, kind))
    }

    fn by(&self, source: [u8; 6]) -> Vec<u8> {
        self.0.iter().filter(|(mac, _)| *mac == source).map(|(_, kind)| *kind).collect()
    }
}

fn icmpv6_type(frame: &[u8]) -> u8 {
    let is_ipv6 = frame[12..14] == [0x86, 0xdd];
    match frame.get(20) {
        Some(58) if is_ipv6 => frame[54],
        // Hop-by-hop options of eight bytes, as MLD has them.
        Some(0) if is_ipv6 && frame[54] == 58 => frame[62],
        _ => 0,
    }
}

/// Sends a router advertisement with the prefix 2001:db8:1::/64 to all nodes (RFC 4861 §4.2).
fn advertise_router(router: &Host) {
    let eth0: &Interface = &router.eth0;
    let socket = router.namespace.run(|| Socket::new(Domain::IPV6, Type::RAW, Some(Protocol::ICMPV6)));
    let socket = socket.unwrap().unwrap();
    socket.set_multicast_hops_v6(255).unwrap();
    let std::net::IpAddr::V6(source) = link_local(2) else { unreachable!("it is of IPv6") };
    socket.bind(&SocketAddrV6::new(source, 0, 0, eth0.index()).into()).unwrap();
    let lifetimes = [3600_u32.to_be_bytes(), 1800_u32.to_be_bytes()].concat();
    let prefix = Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0).octets();
    let advertisement = [
        &[134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0][..],
        &[3, 4, 64, 0xc0],
        &lifetimes,
        &[0; 4],
        &prefix,
    ]
    .concat();
    let all_nodes = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
    socket.send_to(&advertisement, &SocketAddrV6::new(all_nodes, 0, 0, eth0.index()).into()).unwrap();
}

const OWN: [u8; 6] = [2, 0, 0, 0, 0, 1];
const CONTROL: [u8; 6] = [2, 0, 0, 0, 0, 0x63];
const V4_51: [u8; 6] = [0, 0, 0x5e, 0, 1, 51];
const V4_52: [u8; 6] = [0, 0, 0x5e, 0, 1, 52];
const V6_51: [u8; 6] = [0, 0, 0x5e, 0, 2, 51];
/// RFC 4861 §4, RFC 3810 §5.
const ROUTER_SOLICITATION: u8 = 133;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const MLD_REPORT: u8 = 143;
