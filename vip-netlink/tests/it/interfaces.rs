//! Interfaces are found and described.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, process::Command};

use lab::Lan;
use vip_netlink::{Announcer, ErrorKind, Interface, Reception};

use crate::support::{GROUP, Host, address, eventually, two_hosts};

pub(crate) fn an_ethernet_interface_is_described() {
    let (_lan, _, host) = two_hosts();
    let eth0 = host.eth0;

    assert_eq!(eth0.name(), "eth0");
    assert!(eth0.index() > 1);
    assert_eq!(eth0.hardware_address(), Some([2, 0, 0, 0, 0, 2]));
    assert_eq!(eth0.mtu(), 1500);
    // The other end of its cable is in another namespace.
    assert_eq!((eth0.kind(), eth0.parent()), (Some("veth"), None));
    assert!(eth0.is_up() && eth0.is_running() && eth0.supports_arp());
}

pub(crate) fn an_interface_with_a_name_that_is_no_text_hides_no_other() {
    let (_lan, mut host, _) = two_hosts();
    let Some(ip) = lab::need("ip") else { return };
    let name = OsStr::from_bytes(b"x\xffy");
    // Loopback is up, and is renamed while it is down.
    host.namespace.link_down("lo").unwrap();
    let rename = || Command::new(ip).args(["link", "set", "dev", "lo", "name"]).arg(name).status();
    assert!(host.namespace.run(rename).unwrap().unwrap().success());

    let interfaces = host.netlink.interfaces().unwrap();

    let names: Vec<_> = interfaces.iter().map(Interface::name).collect();
    assert_eq!(names, ["x?y", "eth0"]);
    host.netlink.add(&interfaces[0], address("192.0.2.10")).unwrap();
    host.netlink.flush().unwrap();
    assert_eq!(host.netlink.interface("eth0").unwrap(), host.eth0);
}

pub(crate) fn loopback_has_neither_arp_nor_hardware_address() {
    let (_lan, mut host, _) = two_hosts();

    let lo = host.netlink.interface("lo").unwrap();

    assert_eq!((lo.index(), lo.name(), lo.hardware_address()), (1, "lo", None));
    assert_eq!((lo.kind(), lo.parent()), (None, None));
    assert!(lo.is_up() && lo.is_running() && !lo.supports_arp());
}

pub(crate) fn up_and_running_follow_the_interface() {
    let (mut lan, mut host, _) = two_hosts();

    lan.unplug("host1").unwrap();
    eventually("not running without a carrier", || !host.netlink.interface("eth0").unwrap().is_running());
    assert!(host.netlink.interface("eth0").unwrap().is_up());
    host.namespace.link_down("eth0").unwrap();
    assert!(!host.netlink.interface("eth0").unwrap().is_up());
    host.namespace.link_up("eth0").unwrap();
    lan.plug("host1").unwrap();
    eventually("running again", || host.netlink.interface("eth0").unwrap().is_running());
}

pub(crate) fn an_interface_that_does_not_exist_is_an_error() {
    let (_lan, mut host, _) = two_hosts();

    for name in ["eth9", "", "a-name-of-more-than-15-bytes", "eth0\0", "Straße", "../eth0"] {
        let error = host.netlink.interface(name).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NoSuchInterface, "{name:?}");
        assert!(error.to_string().starts_with(&format!("no interface named {name} (`ip link`")));
    }
}

pub(crate) fn a_deleted_interface_is_an_error_everywhere() {
    let mut lan = Lan::new().unwrap();
    let mut host = Host::new(&mut lan, 1);
    let (announcer, vrrp) = (host.announcer(), host.vrrp());
    let vip = address("192.0.2.10");

    drop(lan); // The bridge's end of the cable goes with its namespace, and with it the host's.
    eventually("eth0 is gone", || host.netlink.interface("eth0").is_err());

    let errors = [
        host.netlink.addresses(&host.eth0).unwrap_err(),
        host.netlink.add(&host.eth0, vip).unwrap_err(),
        host.netlink.remove(&host.eth0, vip).unwrap_err(),
        announcer.announce(vip.ip()).unwrap_err(),
        host.namespace.run(|| Announcer::open(&host.eth0).unwrap().announce(vip.ip())).unwrap().unwrap_err(),
        host.open(host.ip, Reception::Group(GROUP)).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NoSuchInterface, "{error}");
    }
    // To a bound IP socket, an interface that is gone looks like one that is down.
    assert_eq!(vrrp.send(GROUP, b"to nobody").unwrap_err().kind(), ErrorKind::InterfaceDown);
    assert!(vrrp.recv(&mut [0; 128]).unwrap().is_none());
}
