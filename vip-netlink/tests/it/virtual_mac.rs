//! Interfaces with a virtual router's hardware address: how they are made, what of them shows on the wire, how they go.

use std::{fs, net::UdpSocket, process::Command, sync::Barrier, thread, time::Duration};

use lab::Lan;
use vip_netlink::{Change, ErrorKind, Interface, Netlink, VirtualMac};

use crate::support::{Host, PATIENCE, address, eventually, texts, two_hosts};

pub(crate) fn it_is_what_iproute2_shows_until_removed() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();

    let (vmac, removed) = host.inside(|netlink| {
        ip("link set dev eth0 group 7");
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();

        let shown = &json("-details -json link show dev vrrp.51")[0];
        assert_eq!(shown["link"], "eth0");
        assert_eq!(shown["address"], "00:00:5e:00:01:33");
        assert_eq!(shown["group"], "7");
        assert_eq!(shown["ifalias"], mark(&host.eth0, " arp_ignore=0 arp_announce=0"));
        assert_eq!(shown["linkinfo"]["info_kind"], "macvlan");
        assert_eq!(shown["linkinfo"]["info_data"]["mode"], "private");
        assert_eq!(shown["inet6_addr_gen_mode"], "none");
        assert!(!shown["flags"].as_array().unwrap().contains(&"UP".into()));
        for (setting, value) in
            [("arp_ignore", 1), ("arp_filter", 0), ("rp_filter", 0), ("promote_secondaries", 1)]
        {
            assert_eq!(ipv4("vrrp.51", setting), value, "{setting}");
        }
        assert_eq!(ipv6("vrrp.51", "disable_ipv6"), 1);
        assert_eq!((ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce")), (1, 2));

        netlink.bring_up(&vmac).unwrap();
        netlink.bring_up(&vmac).unwrap();
        assert!(netlink.interface("vrrp.51").unwrap().is_up());
        netlink.take_down(&vmac).unwrap();
        assert!(!netlink.interface("vrrp.51").unwrap().is_up());
        let removed = [(); 2].map(|()| netlink.remove_virtual_mac(&vmac).unwrap());
        assert_eq!(netlink.interface("vrrp.51").unwrap_err().kind(), ErrorKind::NoSuchInterface);
        assert_eq!((ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce")), (0, 0));
        (vmac, removed)
    });

    assert_eq!(
        (vmac.name(), vmac.kind(), vmac.parent()),
        ("vrrp.51", Some("macvlan"), Some(host.eth0.index()))
    );
    assert_eq!(vmac.hardware_address(), Some([0, 0, 0x5e, 0, 1, 51]));
    assert_eq!(removed, [Change::Made, Change::AlreadySo]);
}

pub(crate) fn what_is_there_is_taken_over_and_put_right() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();

    host.inside(|netlink| {
        let made = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&made).unwrap();
        netlink.add(&made, address("10.0.0.100/32")).unwrap();
        ip("link set dev vrrp.51 type macvlan mode bridge");
        ip("link set dev vrrp.51 addrgenmode eui64 mtu 1400");
        for setting in ["arp_ignore", "promote_secondaries"] {
            set_ipv4("vrrp.51", setting, 0);
        }
        for (interface, setting) in
            [("vrrp.51", "rp_filter"), ("vrrp.51", "arp_filter"), ("eth0", "arp_announce")]
        {
            set_ipv4(interface, setting, 1);
        }

        let again = Netlink::open().unwrap().create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();

        assert_eq!(again.index(), made.index());
        assert!(again.is_up());
        assert_eq!(again.mtu(), 1500);
        let shown = &json("-details -json link show dev vrrp.51")[0];
        assert_eq!(shown["linkinfo"]["info_data"]["mode"], "private");
        assert_eq!(shown["inet6_addr_gen_mode"], "none");
        for setting in ["arp_ignore", "promote_secondaries"] {
            assert_eq!(ipv4("vrrp.51", setting), 1, "{setting}");
        }
        assert_eq!((ipv4("vrrp.51", "rp_filter"), ipv4("vrrp.51", "arp_filter")), (0, 0));
        assert_eq!(ipv4("eth0", "arp_announce"), 2);
        assert_eq!(texts(&netlink.addresses(&again).unwrap()), ["10.0.0.100/32"]);

        let renamed = virtual_mac(51).named("vip51").unwrap();
        netlink.take_down(&made).unwrap();
        assert_eq!(netlink.create_virtual_mac(&host.eth0, renamed).unwrap().name(), "vip51");
        netlink.remove_virtual_mac(&made).unwrap();
        assert_eq!((ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce")), (0, 0));
    });
}

pub(crate) fn what_was_left_half_made_is_completed() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    host.enable_ipv6(1);

    host.inside(|netlink| {
        for (virtual_mac, setting, half_made) in
            [(virtual_mac(51), "disable_ipv6", 0), (VirtualMac::ipv6(52).unwrap(), "accept_ra", 1)]
        {
            let made = netlink.create_virtual_mac(&host.eth0, virtual_mac).unwrap();
            let whole = ipv6(made.name(), setting);
            set_ipv6(made.name(), setting, half_made);
            ip(&format!("link set dev {} name vip-0123456789a", made.name()));

            let completed = netlink.create_virtual_mac(&host.eth0, virtual_mac).unwrap();

            assert_eq!(completed, made);
            assert_ne!(whole, half_made);
            assert_eq!(ipv6(made.name(), setting), whole, "{setting}");
        }
    });
}

pub(crate) fn the_last_of_a_parent_sets_it_back() {
    let (_lan, host) = lone_host();

    for order in [[51, 52], [52, 51]] {
        for before in [(0, 0), (3, 1), (2, 2)] {
            host.inside(|netlink| {
                set_ipv4("eth0", "arp_ignore", before.0);
                set_ipv4("eth0", "arp_announce", before.1);
                let both = order.map(|n| netlink.create_virtual_mac(&host.eth0, virtual_mac(n)).unwrap());
                let set = || (ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce"));
                let under = if before.0 == 2 { (2, 2) } else { (1, 2) };
                assert_eq!(set(), under);

                netlink.remove_virtual_mac(&both[0]).unwrap();
                assert_eq!(set(), under);
                netlink.remove_virtual_mac(&netlink_interface("vrrp.51", "vrrp.52")).unwrap();
                assert_eq!(set(), before);
            });
        }
    }
}

pub(crate) fn two_that_remove_the_last_ones_at_once_set_the_parent_back() {
    let (_lan, host) = lone_host();
    let open = || host.inside(|_| Netlink::open().unwrap());
    let mut both = [(open(), 51), (open().with_owner(OTHER), 52)];

    for _ in 0..100 {
        for (netlink, number) in both.iter_mut() {
            netlink.create_virtual_mac(&host.eth0, virtual_mac(*number)).unwrap();
        }
        let start = Barrier::new(2);
        thread::scope(|scope| {
            for (netlink, _) in both.iter_mut() {
                scope.spawn(|| {
                    start.wait();
                    netlink.flush().unwrap();
                });
            }
        });
        assert_eq!(host.inside(|_| (ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce"))), (0, 0));
    }
}

pub(crate) fn what_somebody_set_meanwhile_stays() {
    let (_lan, host) = lone_host();

    host.inside(|netlink| {
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        set_ipv4("eth0", "arp_ignore", 2);

        netlink.remove_virtual_mac(&vmac).unwrap();

        assert_eq!((ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce")), (2, 0));
    });
}

pub(crate) fn two_of_one_number_over_one_parent_are_refused() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    let mut second = Lan::new().unwrap();
    second.attach(&host.namespace, "second", [10, 0, 1, 1].into(), 24).unwrap();
    let eth1 = host.netlink.interface("eth1").unwrap();
    let other_name = virtual_mac(51).named("vip51").unwrap();

    host.inside(|netlink| {
        ip("link add link eth0 name foreign address 00:00:5e:00:01:33 type macvlan mode bridge");
        let before = everything();

        let error = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap_err();

        assert_eq!(
            error.to_string(),
            "cannot create 00:00:5e:00:01:33 over eth0: foreign has the hardware address already \
             (are there two virtual routers of one number?)"
        );
        assert_eq!(error.kind(), ErrorKind::Taken);
        assert_eq!(everything(), before);

        netlink.create_virtual_mac(&eth1, virtual_mac(51)).unwrap();
        let error = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot create 00:00:5e:00:01:33 over eth0: there is another interface vrrp.51, which has another parent"
        );

        ip("link del dev foreign");
        let vmac = netlink.create_virtual_mac(&host.eth0, other_name).unwrap();
        ip("link add link eth0 name foreign address 00:00:5e:00:01:33 type macvlan mode bridge");
        ip("link set dev foreign up");
        let error = netlink.bring_up(&vmac).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot bring vip51 up: foreign has the hardware address already \
             (are there two virtual routers of one number?)"
        );
        assert_eq!(error.kind(), ErrorKind::Taken);
    });
}

pub(crate) fn a_name_that_is_taken_is_an_error_that_says_by_what() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();
    let mut of_another = host.namespace.run(Netlink::open).unwrap().unwrap().with_owner(OTHER);

    host.inside(|netlink| {
        let mut refused = |what: &str| {
            let before = everything();
            let error = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("cannot create 00:00:5e:00:01:33 over eth0: there is another interface vrrp.51, which {what}")
            );
            assert_eq!(error.kind(), ErrorKind::Taken);
            assert_eq!(everything(), before);
        };

        ip("link add name vrrp.51 type bridge");
        refused("is no macvlan");
        ip("link del dev vrrp.51");
        ip("link add link eth0 name vrrp.51 address 00:00:5e:00:01:34 type macvlan mode private");
        refused("has 00:00:5e:00:01:34");
        ip("link set dev vrrp.51 address 00:00:5e:00:01:33");
        refused("bears no mark of ours");
        ip("link del dev vrrp.51");
        let theirs = of_another.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        refused("bears another owner's mark");

        let error = netlink.remove_virtual_mac(&theirs).unwrap_err();
        assert_eq!(error.to_string(), "cannot remove the virtual MAC vrrp.51: it bears no mark of ours");
        assert_eq!(error.kind(), ErrorKind::Unsuitable);
        let error = netlink.remove_virtual_mac(&host.eth0).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsuitable);
    });
}

pub(crate) fn what_fails_half_way_leaves_nothing_behind() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();

    host.inside(|netlink| {
        // Another name of eth0 is found to be taken at the last step only.
        ip("link property add dev eth0 altname vrrp.51");
        let before = everything();
        let error = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Taken, "{error}");
        assert_eq!(error.raw_os_error(), Some(nix::libc::EEXIST));
        assert_eq!(everything(), before);
    });

    // From a thread in another namespace, IPv6 cannot be enabled where it is disabled.
    let before = host.inside(|_| everything());
    let error = host.netlink.create_virtual_mac(&host.eth0, VirtualMac::ipv6(51).unwrap()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot create 00:00:5e:00:02:33 over eth0: IPv6 is disabled there \
         (is the sysctl net.ipv6.conf.default.disable_ipv6 set?)"
    );
    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    assert_eq!(host.inside(|_| everything()), before);
}

pub(crate) fn a_parent_that_cannot_be_one_is_refused() {
    let Some(_) = lab::need("ip") else { return };
    let (mut lan, host) = lone_host();

    host.inside(|netlink| {
        let refused = |netlink: &mut Netlink, parent: &Interface, kind, why: &str| {
            let before = everything();
            let error = netlink.create_virtual_mac(parent, virtual_mac(51)).unwrap_err();
            let text = format!("cannot create 00:00:5e:00:01:33 over {}: {why}", parent.name());
            assert_eq!(error.to_string(), text);
            assert_eq!(error.kind(), kind, "{text}");
            assert_eq!(everything(), before, "{text}");
        };
        let lo = netlink.interface("lo").unwrap();
        let why = "neighbours are not found by ARP over Ethernet there";
        refused(netlink, &lo, ErrorKind::Unsuitable, why);

        ip("link add link eth0 name passthru type macvlan mode passthru");
        let why = "invalid argument (is there a macvlan in mode passthru over it?)";
        refused(netlink, &host.eth0, ErrorKind::Other, why);
        ip("link del dev passthru");

        ip("link add name bridge type bridge");
        ip("link set dev eth0 master bridge");
        let why = "device or resource busy (does it serve a bridge or bond? That is the parent then)";
        refused(netlink, &host.eth0, ErrorKind::Other, why);
        let bridge = netlink.interface("bridge").unwrap();
        netlink.create_virtual_mac(&bridge, virtual_mac(51)).unwrap();
        netlink.flush().unwrap();
        ip("link del dev bridge");

        lan.detach("host1").unwrap();
        eventually("eth0 is gone", || netlink.interface("eth0").is_err());
        refused(netlink, &host.eth0, ErrorKind::NoSuchInterface, "no such device");
    });
}

pub(crate) fn over_a_macvlan_it_is_one_beside_it() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();

    host.inside(|netlink| {
        ip("link add link eth0 name beside type macvlan mode bridge");
        let beside = netlink.interface("beside").unwrap();

        let vmac = netlink.create_virtual_mac(&beside, virtual_mac(51)).unwrap();
        let again = netlink.create_virtual_mac(&beside, virtual_mac(51)).unwrap();
        let error =
            netlink.create_virtual_mac(&host.eth0, virtual_mac(51).named("vip51").unwrap()).unwrap_err();

        assert_eq!(vmac.parent(), Some(host.eth0.index()));
        assert_eq!(again, vmac);
        assert_eq!(error.kind(), ErrorKind::Taken);
        assert_eq!((ipv4("beside", "arp_ignore"), ipv4("eth0", "arp_ignore")), (1, 0));
        netlink.remove_virtual_mac(&vmac).unwrap();
        assert_eq!(ipv4("beside", "arp_ignore"), 0);
    });
}

pub(crate) fn it_follows_its_parent() {
    let Some(_) = lab::need("ip") else { return };
    let (mut lan, host) = lone_host();

    host.inside(|netlink| {
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, address("10.0.0.100/32")).unwrap();
        let mut look = || netlink.interface("vrrp.51").unwrap();

        ip("link set dev eth0 down");
        assert!(look().is_up() && !look().is_running());
        ip("link set dev eth0 up");
        eventually("it runs again", || look().is_running());

        ip("link set dev eth0 mtu 1400");
        assert_eq!(look().mtu(), 1400);
        ip("link set dev eth0 mtu 1500");
        assert_eq!(look().mtu(), 1400);

        ip("link set dev eth0 name wan");
        assert_eq!(look().parent(), Some(host.eth0.index()));
        let wan = netlink.interface("wan").unwrap();
        let again = netlink.create_virtual_mac(&wan, virtual_mac(51)).unwrap();
        assert_eq!((again.index(), again.mtu(), again.is_up()), (vmac.index(), 1500, true));
        assert_eq!(texts(&netlink.addresses(&again).unwrap()), ["10.0.0.100/32"]);

        lan.detach("host1").unwrap();
        eventually("it is gone", || netlink.interface("vrrp.51").is_err());
        assert_eq!(netlink.remove_virtual_mac(&vmac).unwrap(), Change::AlreadySo);
        assert_eq!(netlink.bring_up(&vmac).unwrap_err().kind(), ErrorKind::NoSuchInterface);
        assert_eq!(netlink.take_down(&vmac).unwrap_err().kind(), ErrorKind::NoSuchInterface);
    });
}

pub(crate) fn a_parent_that_is_down_is_waited_for() {
    let (lan, host, client) = two_hosts();

    host.inside(|netlink| {
        host.namespace.link_down("eth0").unwrap();
        let vmac = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, address("10.0.0.100/32")).unwrap();
        host.namespace.link_up("eth0").unwrap();
        lan.settle("host1").unwrap();
        eventually("it runs", || netlink.interface("vrrp.51").unwrap().is_running());
    });

    assert_eq!(ask(&client, &host, "10.0.0.100"), "10.0.0.100");
}

/// Asks a host something at an address of it, again and again; returns where the answer came from.
///
/// The kernel adds the route that makes an IPv6 address a local one a moment after it has said that the address is there
/// (`addrconf_dad_work`, net/ipv6/addrconf.c): what arrives before is lost.
pub(crate) fn ask(client: &Host, host: &Host, at: &str) -> String {
    let any = if at.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
    let server = host.namespace.run(|| UdpSocket::bind((at, 4000))).unwrap().unwrap();
    let client = client.namespace.run(|| UdpSocket::bind(any)).unwrap().unwrap();
    server.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 16];
    let mut from = None;
    eventually("the question arrives", || {
        client.send_to(b"who?", (at, 4000)).unwrap();
        from = server.recv_from(&mut buffer).ok().map(|(_, from)| from);
        from.is_some()
    });
    server.send_to(b"me", from.unwrap()).unwrap();
    client.recv_from(&mut buffer).unwrap().1.ip().to_string()
}

impl Host {
    /// Acts as a program on this host, with a socket of its own.
    pub(crate) fn inside<T: Send>(&self, act: impl FnOnce(&mut Netlink) -> T + Send) -> T {
        self.namespace.run(|| act(&mut Netlink::open().unwrap())).unwrap()
    }
}

pub(crate) fn virtual_mac(number: u8) -> VirtualMac {
    VirtualMac::ipv4(number).unwrap()
}

pub(crate) fn lone_host() -> (Lan, Host) {
    let mut lan = Lan::new().unwrap();
    let host = Host::new(&mut lan, 1);
    (lan, host)
}

/// Runs `ip` in the calling thread's namespace.
#[track_caller]
pub(crate) fn ip(arguments: &str) {
    let output = run_ip(arguments);
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

pub(crate) fn json(arguments: &str) -> serde_json::Value {
    serde_json::from_slice(&run_ip(arguments).stdout).unwrap()
}

/// All interfaces, their addresses and their settings for IPv4, for comparison.
pub(crate) fn everything() -> String {
    let mut text = String::new();
    for arguments in ["-details -oneline link", "-oneline address"] {
        text.push_str(&String::from_utf8(run_ip(arguments).stdout).unwrap());
    }
    let mut interfaces: Vec<_> =
        fs::read_dir("/proc/sys/net/ipv4/conf").unwrap().map(|one| one.unwrap().path()).collect();
    interfaces.sort();
    for interface in interfaces {
        for setting in ["arp_ignore", "arp_announce", "arp_filter", "rp_filter", "promote_secondaries"] {
            let value = fs::read_to_string(interface.join(setting)).unwrap();
            text.push_str(&format!("{}/{setting} {value}", interface.display()));
        }
    }
    text
}

fn run_ip(arguments: &str) -> std::process::Output {
    Command::new(lab::need("ip").unwrap()).args(arguments.split(' ')).output().unwrap()
}

/// Whichever of the two is there.
fn netlink_interface(one: &str, other: &str) -> Interface {
    let mut netlink = Netlink::open().unwrap();
    netlink.interface(one).or_else(|_| netlink.interface(other)).unwrap()
}

fn mark(parent: &Interface, settings: &str) -> String {
    format!("vip-netlink 1 owner=91 parent={}{settings}", parent.index())
}

/// Reads a sysctl in the calling thread's namespace.
pub(crate) fn ipv4(interface: &str, setting: &str) -> u32 {
    read(&format!("/proc/sys/net/ipv4/conf/{interface}/{setting}"))
}

pub(crate) fn ipv6(interface: &str, setting: &str) -> u32 {
    read(&format!("/proc/sys/net/ipv6/conf/{interface}/{setting}"))
}

fn read(path: &str) -> u32 {
    fs::read_to_string(path).unwrap().trim().parse().unwrap()
}

fn set_ipv6(interface: &str, setting: &str, value: u32) {
    fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/{setting}"), value.to_string()).unwrap();
}

pub(crate) fn set_ipv4(interface: &str, setting: &str, value: u32) {
    fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/{setting}"), value.to_string()).unwrap();
}

pub(crate) const OTHER: vip_netlink::Owner = vip_netlink::Owner::new(200).unwrap();
