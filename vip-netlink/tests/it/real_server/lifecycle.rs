//! What is changed, and that all of it is changed back.

use std::{fs, thread};

use lab::Lan;
use vip_netlink::{Change, Departure, ErrorKind, Netlink, RealServer, Scope};

use super::{Server, ip, vip, vip6};
use crate::{privileges::drop_capabilities, support::address};

pub(crate) fn the_settings_are_restored_to_what_they_were() {
    for (before, between) in [
        ((0, 0), (1, 2)),
        ((1, 2), (1, 2)),
        ((2, 1), (2, 2)),
        ((8, 0), (8, 2)),
        ((3, 2), (1, 2)),
        ((7, 3), (1, 2)),
        ((9, -1), (1, 2)),
        ((i32::MIN, i32::MAX), (1, 2)),
    ] {
        let (_lan, mut server) = lone_server();
        server.set("all/arp_ignore", before.0);
        server.set("all/arp_announce", before.1);

        let started = server.real_server.start(&[vip()]).unwrap();
        assert_eq!(server.settings(), between);
        assert_eq!(server.real_server.verify(&[vip()]).unwrap(), []);
        let stopped = server.again().stop(&[vip()]).unwrap();

        assert_eq!(server.settings(), before);
        assert_eq!(names_of_lo(&server), [""; 0]);
        assert_eq!(server.on_lo(), [""; 0]);
        let there: Vec<_> = started.settings.iter().map(|one| (one.name, one.from, one.to)).collect();
        let back: Vec<_> = stopped.settings.iter().map(|one| (one.name, one.to, one.from)).collect();
        assert_eq!(there, back);
        let expected = [
            ("net.ipv4.conf.all.arp_ignore", before.0, between.0),
            ("net.ipv4.conf.all.arp_announce", before.1, between.1),
        ];
        assert_eq!(there, expected.into_iter().filter(|(_, from, to)| from != to).collect::<Vec<_>>());
        // The thread that called is in another namespace.
        assert_eq!(fs::read_to_string("/proc/sys/net/ipv4/conf/all/arp_ignore").unwrap(), "0\n");
    }
}

pub(crate) fn the_last_address_takes_the_settings_along() {
    let [a, b] = ["10.0.0.100", "10.0.0.101"].map(|text| address(text).ip());
    for order in [[a, b], [b, a]] {
        let (_lan, mut server) = lone_server();
        server.real_server.start(&[a]).unwrap();
        server.again().start(&[b]).unwrap();
        assert_eq!(server.again().vips().unwrap(), [a, b]);

        server.again().stop(&order[..1]).unwrap();
        assert_eq!(server.settings(), (1, 2));
        assert_eq!(server.again().vips().unwrap(), order[1..]);
        server.again().start(&order[..1]).unwrap();
        server.again().stop(&order[1..]).unwrap();
        assert_eq!(server.settings(), (1, 2));
        server.again().stop(&order[..1]).unwrap();
        assert_eq!(server.settings(), (0, 0));

        server.real_server.start(&order).unwrap();
        server.real_server.stop(&order).unwrap();
        assert_eq!((server.settings(), server.on_lo()), ((0, 0), vec![]));
    }
}

pub(crate) fn starting_and_stopping_twice_is_already_so() {
    let (_lan, mut server) = lone_server();

    let started = [(); 2].map(|()| server.real_server.start(&[vip()]).unwrap());
    let held = server.on_lo();
    let stopped = [(); 2].map(|()| server.real_server.stop(&[vip()]).unwrap());

    assert_eq!(
        started.each_ref().map(|one| one.vips[0]),
        [(vip(), Change::Made), (vip(), Change::AlreadySo)]
    );
    assert_eq!(started.each_ref().map(|one| one.settings.len()), [2, 0]);
    assert_eq!(held, ["10.0.0.100/32"]);
    assert_eq!(
        stopped.each_ref().map(|one| one.vips[0]),
        [(vip(), Departure::Removed), (vip(), Departure::NotThere)]
    );
    assert_eq!(stopped.each_ref().map(|one| one.settings.len()), [2, 0]);
    assert_eq!(server.settings(), (0, 0));
}

pub(crate) fn ipv6_addresses_need_no_settings() {
    let mut lan = Lan::new().unwrap();
    let mut server = Server::with_ipv6(&mut lan, 1);

    server.real_server.start(&[vip6()]).unwrap();
    assert_eq!((server.settings(), server.on_lo()), ((0, 0), vec!["2001:db8::100/128".to_owned()]));
    server.real_server.start(&[vip()]).unwrap();
    assert_eq!(server.settings(), (1, 2));
    server.real_server.stop(&[vip()]).unwrap();
    assert_eq!(server.settings(), (0, 0), "the other address does not need them");
    server.real_server.stop(&[vip6()]).unwrap();
    assert_eq!(server.on_lo(), [""; 0]);
}

pub(crate) fn what_a_crash_left_is_put_right_by_a_stop() {
    let saved = ["vip-netlink.arp_ignore.was=4", "vip-netlink.arp_announce.was=1"];
    // How far it came: each state that lies between two steps of starting, and of stopping.
    for (names, settings, is_held) in [
        (&saved[..1], (4, 1), false),
        (&saved[..1], (1, 1), false),
        (&saved[..], (1, 1), false),
        (&saved[..], (1, 2), false),
        (&saved[..], (1, 2), true),
        (&saved[..], (4, 2), false),
        (&saved[1..], (4, 2), false),
        (&saved[1..], (4, 1), false),
        (&[], (4, 1), false),
    ] {
        for is_started_again in [false, true] {
            let (_lan, mut server) = lone_server();
            for name in names {
                if !ip(&server.host, &format!("link property add dev lo altname {name}")) {
                    return;
                }
            }
            server.set("all/arp_ignore", settings.0);
            server.set("all/arp_announce", settings.1);
            if is_held {
                let mut netlink = server.host.namespace.run(Netlink::open).unwrap().unwrap();
                netlink = netlink.with_owner(RealServer::OWNER);
                let lo = netlink.interface("lo").unwrap();
                netlink.add(&lo, address("10.0.0.100/32")).unwrap();
            }

            if is_started_again {
                server.real_server.start(&[vip()]).unwrap();
                assert_eq!(server.settings(), (1, 2));
            }
            server.real_server.stop(&[vip()]).unwrap();

            assert_eq!(server.settings(), (4, 1), "{names:?} {settings:?}");
            assert_eq!(names_of_lo(&server), [""; 0]);
            assert_eq!(server.on_lo(), [""; 0]);
        }
    }
}

pub(crate) fn what_somebody_changed_meanwhile_stays() {
    let (_lan, mut server) = lone_server();
    server.real_server.start(&[vip()]).unwrap();
    server.set("all/arp_ignore", 2);

    let stopped = server.real_server.stop(&[vip()]).unwrap();

    assert_eq!(server.settings(), (2, 0));
    assert_eq!(stopped.settings.len(), 1);
    assert_eq!(names_of_lo(&server), [""; 0]);

    // Set to what does not hide: the next start sets it again, and the oldest value is what comes back.
    server.set("all/arp_ignore", 5);
    server.real_server.start(&[vip()]).unwrap();
    server.set("all/arp_ignore", 0);
    server.real_server.start(&[vip()]).unwrap();
    assert_eq!(server.settings(), (1, 2));
    server.real_server.stop(&[vip()]).unwrap();
    assert_eq!(server.settings(), (5, 0));
}

pub(crate) fn an_address_that_somebody_else_added_stays() {
    let (_lan, mut server) = lone_server();
    server.add_to("lo", "10.0.0.100/32");
    // A name of the administrator's.
    let named = ip(&server.host, "link property add dev lo altname loopback");

    let started = server.real_server.start(&[vip()]).unwrap();
    let stopped = server.real_server.stop(&[vip()]).unwrap();

    assert_eq!(started.vips, [(vip(), Change::AlreadySo)]);
    assert_eq!(stopped.vips, [(vip(), Departure::NotOurs)]);
    assert_eq!((server.settings(), server.on_lo()), ((0, 0), vec!["10.0.0.100/32".to_owned()]));
    assert!(!named || names_of_lo(&server) == ["loopback"]);
}

pub(crate) fn a_start_that_fails_is_undone() {
    let (_lan, mut server) = lone_server(); // Without IPv6.
    let other = address("10.0.0.101").ip();

    let error = server.real_server.start(&[vip(), vip6()]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    let text = error.to_string();
    assert!(text.starts_with("cannot add 2001:db8::100/128 to lo: permission denied ("), "{text}");
    assert_eq!((server.settings(), server.on_lo()), ((0, 0), vec![]));

    server.real_server.start(&[other]).unwrap();
    server.real_server.start(&[vip(), other, vip6()]).unwrap_err();
    assert_eq!((server.settings(), server.on_lo()), ((1, 2), vec!["10.0.0.101/32".to_owned()]));
    server.real_server.stop(&[other]).unwrap();
    assert_eq!((server.settings(), names_of_lo(&server)), ((0, 0), vec![]));
}

pub(crate) fn what_cannot_be_a_virtual_address_is_refused() {
    let (_lan, mut server) = lone_server();

    for text in
        ["127.0.0.1", "0.0.0.0", "224.0.0.18", "255.255.255.255", "::1", "::", "ff02::12", "fe80::100"]
    {
        let vips = [vip(), text.parse().unwrap()];
        for error in [
            server.real_server.start(&vips).map(drop).unwrap_err(),
            server.real_server.verify(&vips).map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsuitable);
            let expected = format!("cannot serve {text}: other hosts cannot reach a single host by it");
            assert_eq!(error.to_string(), expected);
        }
    }
    assert_eq!((server.settings(), server.on_lo()), ((0, 0), vec![]));
}

pub(crate) fn without_capabilities_it_verifies_and_says_what_it_needs() {
    let (_lan, mut server) = lone_server();
    let other = [address("10.0.0.101").ip()];
    let vips = [vip()];
    let expect = |result: Result<(), vip_netlink::Error>, text| {
        let error = result.unwrap_err();
        assert_eq!(error.to_string(), text);
        assert_eq!(error.kind(), ErrorKind::NotPermitted);
    };
    let namespace = server.host.namespace.try_clone().unwrap();

    namespace
        .run(|| {
            drop_capabilities();
            let mut real_server = RealServer::open().unwrap();
            assert_eq!(real_server.verify(&vips).unwrap().len(), 3);
            expect(
                real_server.start(&vips).map(drop),
                "cannot keep the old value as the name vip-netlink.arp_ignore.was=0 of lo: operation not permitted \
                 (needs CAP_NET_ADMIN)",
            );
            assert_eq!(real_server.stop(&vips).unwrap().vips, [(vip(), Departure::NotThere)]);
        })
        .unwrap();
    server.real_server.start(&vips).unwrap();
    namespace
        .run(|| {
            drop_capabilities();
            let mut real_server = RealServer::open().unwrap();
            assert_eq!(real_server.verify(&vips).unwrap(), []);
            expect(
                real_server.start(&other).map(drop),
                "cannot add 10.0.0.101/32 to lo: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                real_server.stop(&vips).map(drop),
                "cannot remove 10.0.0.100/32 from lo: operation not permitted (needs CAP_NET_ADMIN)",
            );
        })
        .unwrap();
    assert_eq!((server.settings(), server.on_lo()), ((1, 2), vec!["10.0.0.100/32".to_owned()]));
}

pub(crate) fn processes_take_turns() {
    let (_lan, mut server) = lone_server();

    thread::scope(|scope| {
        for last in 100..104 {
            let (mut real_server, server) = (server.again(), &server);
            scope.spawn(move || {
                let vips = [address(&format!("10.0.0.{last}")).ip()];
                for _ in 0..100 {
                    real_server.start(&vips).unwrap();
                    assert_eq!(server.settings(), (1, 2));
                    assert_eq!(real_server.verify(&vips).unwrap(), []);
                    real_server.stop(&vips).unwrap();
                }
            });
        }
    });

    assert_eq!((server.settings(), server.on_lo(), names_of_lo(&server)), ((0, 0), vec![], vec![]));
}

pub(crate) fn a_failover_daemon_does_not_take_it_for_its_leftovers() {
    let (_lan, mut server) = lone_server();
    server.real_server.start(&[vip()]).unwrap();

    server.host.netlink.flush().unwrap();

    let lo = server.host.netlink.interface("lo").unwrap();
    let held = server.host.netlink.addresses(&lo).unwrap();
    let vip = held.iter().find(|one| one.ip() == vip()).unwrap();
    assert_eq!((vip.owner(), vip.scope()), (Some(RealServer::OWNER), Scope::HOST));
}

fn lone_server() -> (Lan, Server) {
    let mut lan = Lan::new().unwrap();
    let server = Server::new(&mut lan, 1);
    (lan, server)
}

/// The alternative names, as iproute2 shows them; none where it is missing.
fn names_of_lo(server: &Server) -> Vec<String> {
    let Some(ip) = lab::need("ip") else { return vec![] };
    let show = || std::process::Command::new(ip).args(["link", "show", "lo"]).output();
    let text = String::from_utf8(server.host.namespace.run(show).unwrap().unwrap().stdout).unwrap();
    text.lines().filter_map(|line| line.trim().strip_prefix("altname ")).map(str::to_owned).collect()
}
