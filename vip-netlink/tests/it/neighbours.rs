//! A neighbour's cache follows an address as soon as it is announced.

use std::{
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use lab::{Lan, Stalls};
use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
    },
    time::{ClockId, clock_gettime},
};
use vip_netlink::{Address, Announcer, ArpForm, Interface};

use crate::support::{Host, PATIENCE, address, announced_by, capture, wait_readable};

pub(crate) fn they_follow_a_request_within_5_ms() {
    follow("10.0.0.9/32", ArpForm::Request);
}

pub(crate) fn they_follow_a_reply_within_5_ms() {
    follow("10.0.0.9/32", ArpForm::Reply);
}

pub(crate) fn they_follow_a_neighbour_advertisement_within_5_ms() {
    for vip in ["2001:db8::9/128", "fe80::9/128"] {
        follow(vip, ArpForm::default());
    }
}

pub(crate) fn they_follow_to_a_virtual_mac_within_5_ms() {
    let Some(ip) = lab::need("ip") else { return };
    for vip in ["10.0.0.9/32", "2001:db8::9/128", "fe80::9/128"].map(address) {
        let (_lan, mut old, mut new, neighbour) = hosts();
        let vmac = add_vmac(&ip, &mut new, vip);
        take(&mut old, vip);
        let mut cache = Cache::of(&neighbour);
        cache.look_for(vip.ip(), OLD);

        old.netlink.remove(&old.eth0, vip).unwrap();
        new.netlink.add(&vmac, vip).unwrap();
        let announcer = new.namespace.run(|| Announcer::open(&vmac)).unwrap().unwrap();

        cache.expect_within_5_ms(vip.ip(), vmac.hardware_address().unwrap(), || {
            announcer.announce(vip.ip()).unwrap();
        });
    }
}

/// The cache stays as it is, for it is the same hardware address: it is the switch that must learn where that is now.
pub(crate) fn a_virtual_mac_moves_with_its_first_announcement() {
    let Some(ip) = lab::need("ip") else { return };
    for vip in ["10.0.0.9/32", "2001:db8::9/128"].map(address) {
        let (lan, mut old, mut new, neighbour) = hosts();
        let old_vmac = add_vmac(&ip, &mut old, vip);
        let new_vmac = add_vmac(&ip, &mut new, vip);
        old.netlink.add(&old_vmac, vip).unwrap();
        let mut cache = Cache::of(&neighbour);
        cache.look_for(vip.ip(), old_vmac.hardware_address().unwrap());

        // It would go on to tell routers which groups it has left, from the hardware address that is no longer there.
        old.namespace.link_down("vrrp51").unwrap();
        new.netlink.add(&new_vmac, vip).unwrap();
        let [mut at_old, mut at_new, mut at_neighbour] =
            ["host1", "host2", "host3"].map(|port| lan.capture(port).unwrap());
        let announcer = new.namespace.run(|| Announcer::open(&new_vmac)).unwrap().unwrap();
        announcer.announce(vip.ip()).unwrap();
        // What reaches the neighbour has passed the switch.
        capture(&mut at_neighbour, |frame| frame.outgoing && announced_by(frame.bytes) == Some(vip.ip()));
        cache.speak_to(vip.ip());

        let is_ours = |frame: &lab::Frame<'_>| frame.outgoing && frame.bytes.ends_with(QUESTION);
        let datagram = capture(&mut at_new, is_ours);
        assert_eq!(Some(&datagram[..6]), new_vmac.hardware_address().as_ref().map(|mac| &mac[..]));
        let mut buffer = [0; 2048];
        while let Some(frame) = at_old.next(&mut buffer).unwrap() {
            assert!(!is_ours(&frame), "it went to the old host");
        }
    }
}

/// Has an address go from one host to another, and looks at a third.
fn follow(vip: &str, arp_form: ArpForm) {
    let vip = address(vip);
    let (_lan, mut old, mut new, neighbour) = hosts();
    take(&mut old, vip);
    let mut cache = Cache::of(&neighbour);
    cache.look_for(vip.ip(), OLD);

    old.netlink.remove(&old.eth0, vip).unwrap();
    take(&mut new, vip);
    assert_eq!(cache.next_change(Instant::now()), None, "adding alone tells nobody");
    let announcer = new.announcer().with_arp_form(arp_form);

    cache.expect_within_5_ms(vip.ip(), NEW, || announcer.announce(vip.ip()).unwrap());
}

fn hosts() -> (Lan, Host, Host, Host) {
    let mut lan = Lan::new().unwrap();
    let [old, new, neighbour] = [1, 2, 3].map(|number| Host::with_ipv6(&mut lan, number));
    (lan, old, new, neighbour)
}

fn take(host: &mut Host, vip: Address) {
    host.netlink.add(&host.eth0, vip).unwrap();
}

/// Makes an interface with a virtual MAC, on which alone questions for its addresses are answered.
fn add_vmac(ip: &Path, host: &mut Host, vip: Address) -> Interface {
    let mac = if vip.ip().is_ipv4() { "00:00:5e:00:01:33" } else { "00:00:5e:00:02:33" };
    host.namespace
        .run(|| {
            let run = |arguments: &str| {
                let status = Command::new(ip).args(arguments.split(' ')).status().unwrap();
                assert!(status.success(), "ip {arguments}");
            };
            run(&format!("link add link eth0 name vrrp51 address {mac} type macvlan mode private"));
            run("link set vrrp51 addrgenmode none");
            run("link set vrrp51 up");
            for interface in ["eth0", "vrrp51"] {
                fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/arp_ignore"), "1").unwrap();
            }
            for interface in ["all", "vrrp51"] {
                fs::write(format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter"), "0").unwrap();
            }
        })
        .unwrap();
    host.netlink.interface("vrrp51").unwrap()
}

/// What a host knows of its neighbours, as the kernel tells of it (`RTNLGRP_NEIGH`).
struct Cache {
    monitor: OwnedFd,
    socket_v4: UdpSocket,
    socket_v6: UdpSocket,
    index: u32,
    stalls: Stalls,
}

impl Cache {
    fn of(host: &Host) -> Self {
        let open = || {
            let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
            let route = SockProtocol::NetlinkRoute;
            let monitor = socket(AddressFamily::Netlink, SockType::Raw, flags, route).unwrap();
            bind(monitor.as_raw_fd(), &NetlinkAddr::new(0, libc::RTMGRP_NEIGH.cast_unsigned())).unwrap();
            let socket_v4 = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
            let socket_v6 = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap();
            (monitor, socket_v4, socket_v6)
        };
        let (monitor, socket_v4, socket_v6) = host.namespace.run(open).unwrap();
        let index = host.eth0.index();
        Self { monitor, socket_v4, socket_v6, index, stalls: Stalls::watch().unwrap() }
    }

    fn speak_to(&self, ip: IpAddr) {
        let (socket, to): (_, SocketAddr) = match ip {
            IpAddr::V4(_) => (&self.socket_v4, (ip, 9).into()),
            IpAddr::V6(ip) => (&self.socket_v6, SocketAddrV6::new(ip, 9, 0, self.index).into()),
        };
        socket.send_to(QUESTION, to).unwrap();
    }

    /// Asks where an address is, and waits for the answer.
    fn look_for(&mut self, ip: IpAddr, hardware_address: [u8; 6]) {
        self.speak_to(ip);
        self.wait_for(ip, hardware_address);
    }

    fn expect_within_5_ms(&mut self, ip: IpAddr, hardware_address: [u8; 6], announce: impl FnOnce()) {
        let before = monotonic();
        announce();
        self.wait_for(ip, hardware_address);
        let after = monotonic();

        let stalled = self.stalls.between(before, after);
        let took = after - before;
        assert!(took <= Duration::from_millis(5) + stalled, "{took:?}, of which {stalled:?} stalled");
    }

    fn wait_for(&mut self, ip: IpAddr, hardware_address: [u8; 6]) {
        let deadline = Instant::now() + PATIENCE;
        while let Some(change) = self.next_change(deadline) {
            if change == (ip, hardware_address) {
                return;
            }
        }
        panic!("{ip} is not known to be at {hardware_address:x?}");
    }

    /// Waits for the next address of which a hardware address is known.
    fn next_change(&mut self, deadline: Instant) -> Option<(IpAddr, [u8; 6])> {
        let mut buffer = [0; 4096];
        while wait_readable(self.monitor.as_fd(), deadline) {
            match recv(self.monitor.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                Ok(length) => {
                    let change = read_neighbour(&buffer[..length]);
                    if change.is_some() {
                        return change;
                    }
                }
                Err(Errno::EAGAIN | Errno::EINTR) => {}
                Err(errno) => panic!("{errno}"),
            }
        }
        None
    }
}

/// Reads an `RTM_NEWNEIGH`: `struct nlmsghdr`, `struct ndmsg` and attributes (linux/neighbour.h). Notifications come one in a
/// datagram.
fn read_neighbour(message: &[u8]) -> Option<(IpAddr, [u8; 6])> {
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    if kind != libc::RTM_NEWNEIGH {
        return None;
    }
    let (mut ip, mut hardware_address, mut rest) = (None, None, message.get(28..)?);
    while let Some((header, _)) = rest.split_first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([header[0], header[1]]));
        let value = rest.get(4..length)?;
        match u16::from_ne_bytes([header[2], header[3]]) {
            libc::NDA_DST => {
                let v4 = || <[u8; 4]>::try_from(value).ok().map(IpAddr::from);
                ip = <[u8; 16]>::try_from(value).ok().map(IpAddr::from).or_else(v4);
            }
            libc::NDA_LLADDR => hardware_address = value.try_into().ok(),
            _ => {}
        }
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    ip.zip(hardware_address)
}

fn monotonic() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into()
}

const QUESTION: &[u8] = b"where are you?";
const OLD: [u8; 6] = [2, 0, 0, 0, 0, 1];
const NEW: [u8; 6] = [2, 0, 0, 0, 0, 2];
