//! What is to be seen on the LAN.

use std::{
    net::IpAddr,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use etherparse::{NetSlice, SlicedPacket};
use lab::{Capture, Lan};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use vrrp_proto::{AH_PROTOCOL, Endpoints, HOP_LIMIT, PROTOCOL, Packet, Version};

use crate::{
    combination::{Combination, Secret, Side},
    router::VRID,
};

/// An advertisement that a side has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Advert {
    /// By `CLOCK_MONOTONIC`.
    pub(crate) at: Duration,
    pub(crate) side: Side,
    pub(crate) priority: u8,
}

/// Listens at the ports of both sides, and so hears what they send one by one, or while they are cut off.
pub(crate) struct Watch {
    combination: Combination,
    captures: [Capture; 2],
    pub(crate) seen: Vec<Advert>,
    /// What is wrong with a packet, if one was not as the combination has it.
    pub(crate) wrong: Option<String>,
}

impl Watch {
    pub(crate) fn new(lan: &Lan, combination: Combination) -> Self {
        let captures = Side::BOTH.map(|side| lan.capture(side.name()).unwrap());
        Self { combination, captures, seen: Vec::new(), wrong: None }
    }

    /// Watches until something is found in what was seen, or for so long.
    pub(crate) fn look_until<T>(
        &mut self,
        within: Duration,
        found: impl Fn(&[Advert]) -> Option<T>,
    ) -> Option<T> {
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
            let mut fds = self.captures.each_ref().map(|one| PollFd::new(one.as_fd(), PollFlags::POLLIN));
            poll(&mut fds, timeout).unwrap();
        }
    }

    fn read(&mut self) {
        let news = self.seen.len();
        let mut buffer = [0; 2048];
        for side in Side::BOTH {
            while let Some(frame) = self.captures[side.index()].next(&mut buffer).unwrap() {
                if frame.outgoing {
                    continue;
                }
                match read(frame.bytes, self.combination, side) {
                    Some(Ok(priority)) => self.seen.push(Advert { at: frame.monotonic, side, priority }),
                    Some(Err(wrong)) => {
                        let _ = self.wrong.get_or_insert(format!("{}: {wrong}", side.name()));
                    }
                    None => {}
                }
            }
        }
        // Two ports, one time: what was read before is never younger, but for what came in between the two.
        self.seen[news.saturating_sub(4)..].sort_by_key(|advert| advert.at);
    }
}

/// Reads an advertisement: its priority, or what in it is not as it should be. `None` for anything else.
fn read(frame: &[u8], combination: Combination, side: Side) -> Option<Result<u8, String>> {
    let sliced = SlicedPacket::from_ethernet(frame).ok()?;
    let packet = match sliced.net? {
        NetSlice::Ipv4(ip) if [PROTOCOL, AH_PROTOCOL].contains(&ip.header().protocol().0) => {
            Packet::from_ipv4(frame.get(14..)?).map_err(|error| error.to_string())
        }
        NetSlice::Ipv6(ip) if ip.header().next_header().0 == PROTOCOL => {
            let (source, destination) = (ip.header().source_addr(), ip.header().destination_addr());
            let endpoints = Endpoints::V6 { source, destination };
            Ok(Packet::new(endpoints, ip.header().hop_limit(), ip.payload().payload))
        }
        NetSlice::Ipv4(_) | NetSlice::Ipv6(_) | NetSlice::Arp(_) => return None,
    };
    Some(packet.and_then(|packet| check(&packet, combination, side)))
}

fn check(packet: &Packet<'_>, combination: Combination, side: Side) -> Result<u8, String> {
    let expect = |what: &str, is: String, should: String| {
        if is == should { Ok(()) } else { Err(format!("{what} is {is}, not {should}")) }
    };
    let decoded = packet.decode().map_err(|error| error.to_string())?;
    let advertisement = decoded.advertisement;
    let (source, destination) = (combination.source(side), combination.destination(side));
    expect(
        "the way",
        packet.endpoints().to_string(),
        Endpoints::new(source, destination).unwrap().to_string(),
    )?;
    expect("the hop limit", packet.hop_limit().to_string(), HOP_LIMIT.to_string())?;
    let version = if combination.version() == 2 { Version::V2 } else { Version::V3 };
    expect("the version", format!("{:?}", advertisement.version()), format!("{version:?}"))?;
    let vrid = advertisement.vrid().get();
    expect("the number", vrid.to_string(), VRID.to_string())?;
    let interval = advertisement.interval().as_duration();
    expect("the interval", format!("{interval:?}"), "1s".to_owned())?;
    let auth_type = match combination.secret {
        Secret::None => 0,
        Secret::Password => 1,
        Secret::Header => 2,
    };
    expect(
        "the authentication",
        advertisement.authentication().auth_type().to_string(),
        auth_type.to_string(),
    )?;
    expect("having a header", packet.has_ah().to_string(), (auth_type == 2).to_string())?;
    let vips: Vec<IpAddr> = advertisement.addresses().iter().collect();
    let should: Vec<IpAddr> = combination
        .vips()
        .iter()
        .map(|vip| vip.split('/').next().unwrap_or_default().parse().unwrap())
        .collect();
    expect("the list", format!("{vips:?}"), format!("{should:?}"))?;
    Ok(advertisement.priority().get())
}
