//! What is to be seen on the LAN.

use std::{
    net::Ipv4Addr,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use etherparse::{NetSlice, SlicedPacket};
use lab::{Capture, Lan, Namespace};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vip_netlink::Netlink;
use vrrp_proto::{Endpoints, HOP_LIMIT, MULTICAST_V4, Packet};

/// An advertisement seen on the LAN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advert {
    pub(crate) at: Duration,
    pub(crate) source: Ipv4Addr,
    pub(crate) priority: u8,
}

/// Listens at a port of its own, and so hears what every host of the LAN hears.
pub(crate) struct Watch {
    /// Held for its end of the cable.
    _host: Namespace,
    capture: Capture,
    pub(crate) seen: Vec<Advert>,
}

impl Watch {
    pub(crate) fn new(lan: &mut Lan) -> Self {
        let host = Namespace::new().unwrap();
        lan.attach(&host, "watch", Ipv4Addr::new(192, 0, 2, 99), 24).unwrap();
        Self { capture: lan.capture("watch").unwrap(), seen: Vec::new(), _host: host }
    }

    /// Waits for an advertisement after `since` that is as asked for, and returns it.
    pub(crate) fn wait_for(
        &mut self,
        what: &str,
        since: Duration,
        within: Duration,
        is_it: impl Fn(&Advert) -> bool,
    ) -> Advert {
        self.look_until(within, |seen| seen.iter().find(|advert| advert.at > since && is_it(advert)).copied())
            .unwrap_or_else(|| panic!("within {within:?} after {since:?}: {what}; seen: {:#?}", self.tail()))
    }

    /// Watches for so long.
    pub(crate) fn look_for(&mut self, duration: Duration) {
        self.look_until(duration, |_| None::<()>);
    }

    /// The last advertisement of a host before a moment.
    pub(crate) fn last_before(&self, source: Ipv4Addr, before: Duration) -> Advert {
        *self.seen.iter().rfind(|advert| advert.source == source && advert.at < before).unwrap()
    }

    /// The time of the last advertisement seen.
    pub(crate) fn now(&self) -> Duration {
        self.seen.last().map_or(Duration::ZERO, |advert| advert.at)
    }

    fn tail(&self) -> &[Advert] {
        &self.seen[self.seen.len().saturating_sub(12)..]
    }

    fn look_until<T>(&mut self, within: Duration, found: impl Fn(&[Advert]) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + within;
        loop {
            self.read();
            if let Some(found) = found(&self.seen) {
                return Some(found);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            let timeout = PollTimeout::try_from(left.as_millis() + 1).unwrap();
            poll(&mut [PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)], timeout).unwrap();
        }
    }

    fn read(&mut self) {
        let mut buffer = [0; 2048];
        while let Some(frame) = self.capture.next(&mut buffer).unwrap() {
            let packet = SlicedPacket::from_ethernet(frame.bytes).unwrap();
            let Some(NetSlice::Ipv4(ip)) = packet.net else {
                continue;
            };
            if ip.header().protocol().0 != vrrp_proto::PROTOCOL {
                continue;
            }
            assert_eq!((ip.header().ttl(), ip.header().destination_addr()), (HOP_LIMIT, MULTICAST_V4));
            let (source, destination) = (ip.header().source_addr(), ip.header().destination_addr());
            let packet = Packet::new(Endpoints::V4 { source, destination }, HOP_LIMIT, ip.payload().payload);
            let priority = packet.decode().unwrap().advertisement.priority().get();
            self.seen.push(Advert { at: frame.monotonic, source, priority });
        }
    }
}

/// Tells whether a host has an address on its eth0.
pub(crate) fn holds(host: &Namespace, vip: &str) -> bool {
    let held = host.run(|| {
        let mut netlink = Netlink::open().unwrap();
        let interface = netlink.interface("eth0").unwrap();
        netlink.addresses(&interface).unwrap().iter().any(|own| own.address().to_string() == vip)
    });
    held.unwrap()
}
