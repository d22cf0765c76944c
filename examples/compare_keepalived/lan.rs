//! The LAN it is measured on, and what is seen there.

use std::{
    collections::BTreeMap,
    io,
    net::Ipv4Addr,
    os::fd::AsFd,
    time::{Duration, Instant},
};

use lab::{Capture, Lan, Namespace};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Two directors' hosts and a client.
pub(crate) struct Site {
    /// Held, for it goes with its last holder.
    _lan: Lan,
    pub(crate) hosts: [Namespace; 2],
    pub(crate) client: Namespace,
    capture: Capture,
    pub(crate) seen: Seen,
}

/// What was seen of the virtual routers, by number: moments of `CLOCK_MONOTONIC`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    /// The last advertisement of each host.
    pub(crate) last_advert: [BTreeMap<u8, Duration>; 2],
    /// The first advertisement of the second host since it was asked for.
    pub(crate) first_advert: BTreeMap<u8, Duration>,
    /// The first announcement of an address by the second host since it was asked for, by its last byte.
    pub(crate) announced: BTreeMap<u8, Duration>,
    /// How many advertisements.
    pub(crate) adverts: u64,
}

pub(crate) const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(192, 0, 2, 2)];

impl Site {
    pub(crate) fn new() -> io::Result<Self> {
        let mut lan = Lan::new()?;
        let hosts = [Namespace::new()?, Namespace::new()?];
        let client = Namespace::new()?;
        lan.attach(&hosts[0], "one", ADDRESSES[0], 16)?;
        lan.attach(&hosts[1], "two", ADDRESSES[1], 16)?;
        lan.attach(&client, "client", Ipv4Addr::new(192, 0, 2, 9), 16)?;
        let capture = lan.capture("two")?;
        Ok(Self { _lan: lan, hosts, client, capture, seen: Seen::default() })
    }

    /// Looks on until something is so.
    pub(crate) fn until(
        &mut self,
        what: &str,
        limit: Duration,
        mut is_so: impl FnMut(&Seen) -> bool,
    ) -> io::Result<()> {
        let end = Instant::now() + limit;
        while !is_so(&self.seen) {
            if Instant::now() > end {
                return Err(io::Error::other(format!("not so after {limit:?}: {what}")));
            }
            self.look()?;
        }
        Ok(())
    }

    /// Looks on for so long.
    pub(crate) fn watch(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.look()?;
        }
        Ok(())
    }

    fn look(&mut self) -> io::Result<()> {
        let mut fds = [PollFd::new(self.capture.as_fd(), PollFlags::POLLIN)];
        poll(&mut fds, PollTimeout::from(10_u8))?;
        let mut buffer = [0; 2048];
        while let Some(frame) = self.capture.next(&mut buffer)? {
            self.seen.note(frame.bytes, frame.monotonic);
        }
        Ok(())
    }
}

impl Seen {
    fn note(&mut self, bytes: &[u8], at: Duration) {
        let Some((kind, rest)) = bytes.get(12..14).zip(bytes.get(14..)) else { return };
        match kind {
            // IPv4 of protocol 112: source, number.
            [8, 0] if rest.get(9) == Some(&112) => {
                let (Some(source), Some(vrid)) = (rest.get(12..16), rest.get(21)) else { return };
                self.adverts += 1;
                let Some(host) = ADDRESSES.iter().position(|address| address.octets() == source) else {
                    return;
                };
                self.last_advert[host].insert(*vrid, at);
                if host == 1 {
                    self.first_advert.entry(*vrid).or_insert(at);
                }
            }
            // ARP that asks for the sender's own address.
            [8, 6] if rest.get(14..18) == rest.get(24..28) => {
                if let Some(last) = rest.get(17) {
                    self.announced.entry(*last).or_insert(at);
                }
            }
            _ => {}
        }
    }

    /// Forgets what the second host did, to see what it does next.
    pub(crate) fn forget(&mut self) {
        self.first_advert.clear();
        self.announced.clear();
    }
}

/// A configuration of so many instances, as one of the two hosts has it.
pub(crate) fn config(count: u8, priority: u8, timing: &str) -> String {
    (1..=count)
        .map(|vrid| {
            format!(
                "vrrp_instance V{vrid} {{\n state BACKUP\n interface eth0\n virtual_router_id {vrid}\n priority {priority}\n {timing}\n \
                 virtual_ipaddress {{\n 192.0.3.{vrid}/32\n }}\n}}\n"
            )
        })
        .collect()
}
