//! What needs which capability.

use nix::{errno::Errno, libc};
use vip_netlink::{
    Action, Announcer, Change, Error, ErrorKind, Netlink, Protocol, Reception, Route, Rule, Table,
    VirtualMac, VrrpSocket,
};

use crate::support::{GROUP, address, texts, two_hosts};

pub(crate) fn without_capabilities_looking_works_and_changing_says_what_it_needs() {
    let (_lan, mut host, _) = two_hosts();
    let announcer = host.announcer();
    let mut vrrp = host.vrrp();
    let vip = address("192.0.2.10/24");
    let route = Route::to("198.51.100.0/24".parse().unwrap()).gateway([10, 0, 0, 2]).build().unwrap();
    let rule = Rule::ipv4(500, Action::Lookup(Table::MAIN)).build().unwrap();
    let virtual_mac = VirtualMac::ipv4(51).unwrap();
    let vmac = host.netlink.create_virtual_mac(&host.eth0, virtual_mac.named("vip51").unwrap()).unwrap();

    host.namespace
        .run(|| {
            drop_capabilities();
            let mut netlink = Netlink::open().unwrap();
            let eth0 = netlink.interface("eth0").unwrap();
            assert_eq!(texts(&netlink.addresses(&eth0).unwrap()), ["10.0.0.1/24"]);
            announcer.announce(vip.ip()).unwrap();
            vrrp.send(GROUP, b"still").unwrap();
            assert!(vrrp.recv(&mut [0; 128]).unwrap().is_none());
            vrrp.receive_only([7]).unwrap();
            vrrp.receive_all().unwrap();

            assert_eq!(netlink.adopt_virtual_macs(|_| true).unwrap(), [vmac]);
            netlink.adopt(|_| false).unwrap(); // There is nothing to remove.

            expect(
                netlink.add(&eth0, vip),
                "cannot add 192.0.2.10/24 to eth0: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.remove(&eth0, vip),
                "cannot remove 192.0.2.10/24 from eth0: operation not permitted (needs CAP_NET_ADMIN)",
            );
            assert_eq!(netlink.routes().unwrap(), []);
            assert_eq!(netlink.remove_route(&route).unwrap(), Change::AlreadySo);
            assert_eq!(netlink.remove_rule(&rule).unwrap(), Change::AlreadySo);
            expect(
                netlink.add_route(&route),
                "cannot add the route 198.51.100.0/24 via 10.0.0.2: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.add_rule(&rule),
                "cannot add the rule from all lookup 254 priority 500: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.create_virtual_mac(&eth0, VirtualMac::ipv4(52).unwrap()),
                "cannot create 00:00:5e:00:01:34 over eth0: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.create_virtual_mac(&eth0, virtual_mac),
                "cannot create 00:00:5e:00:01:33 over eth0: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.bring_up(&vmac),
                "cannot bring vip51 up: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.take_down(&vmac),
                "cannot take vip51 down: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.remove_virtual_mac(&vmac),
                "cannot remove the virtual MAC vip51: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                netlink.flush(),
                "cannot remove the virtual MAC vip51: operation not permitted (needs CAP_NET_ADMIN)",
            );
            expect(
                Announcer::open(&eth0),
                "cannot open an announcer on eth0: operation not permitted (needs CAP_NET_RAW)",
            );
            expect(
                VrrpSocket::open(&eth0, host.ip.into(), Reception::Group(GROUP), Protocol::Vrrp),
                "cannot open a VRRP socket on eth0: operation not permitted (needs CAP_NET_RAW)",
            );
            expect(
                vrrp.rejoin(&eth0, host.ip.into()),
                "cannot rejoin on eth0: operation not permitted (needs CAP_NET_RAW)",
            );
        })
        .unwrap();
}

#[track_caller]
fn expect<T>(result: Result<T, Error>, text: &str) {
    let error = result.err().expect("it is not permitted");
    assert_eq!(error.to_string(), text);
    assert_eq!(error.kind(), ErrorKind::NotPermitted);
    assert_eq!(error.raw_os_error(), Some(libc::EPERM));
}

/// Gives up all capabilities of the calling thread, and of no other.
pub(crate) fn drop_capabilities() {
    // linux/capability.h: version 3, this thread; effective, permitted and inheritable, twice 32 bits each.
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: capset reads the two structs that the arrays have the layout of.
    #[expect(unsafe_code, reason = "nix has no capset")]
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    Errno::result(result).unwrap();
}
