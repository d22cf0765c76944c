//! The engine's tests: the RFCs' clauses, and any order of polling. A LAN that misbehaves and a reference model are in
//! `tests/sim`.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod announcements;
mod authentication_header;
mod change;
mod config;
mod counters;
mod drain;
mod pause;
mod preempt;
mod receive;
mod repeat;
mod rfc3768;
mod rfc9568;
mod router;
mod sync_group;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use vrrp_engine::{Advertise, Announcements, Config, ConfigBuilder, Instant, Output, VirtualRouter};
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Endpoints, Priority, Version, Vrid,
};

const VIPS: [[u8; 4]; 2] = [[192, 0, 2, 100], [192, 0, 2, 101]];

/// This router's address; peers below and above it decide ties.
const OURS: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10));
const BELOW: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));
const ABOVE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11));

/// The virtual router most tests use: VRID 51, one second, the two VIPs, each announced once at a time.
fn builder(priority: u8) -> ConfigBuilder {
    Config::builder(Vrid::new(51).unwrap(), OURS, VIPS.map(IpAddr::from))
        .priority(Priority::new(priority))
        .announcements(Announcements::default().on_master(1, None).on_worse_master(1, None))
}

fn config(priority: u8) -> Config {
    builder(priority).build().unwrap()
}

/// What a peer of that priority says of the virtual router, in version 2.
fn advert(priority: u8) -> Advertisement<'static> {
    advert_of(Version::V2, priority, AdvertInterval::DEFAULT)
}

fn advert_of(version: Version, priority: u8, interval: AdvertInterval) -> Advertisement<'static> {
    let (vrid, priority, addresses) = (Vrid::new(51).unwrap(), Priority::new(priority), Addresses::V4(&VIPS));
    let advertisement = match version {
        Version::V2 => Advertisement::v2(vrid, priority, interval, addresses, Authentication::None),
        Version::V3 => Advertisement::v3(vrid, priority, interval, addresses),
    };
    advertisement.unwrap()
}

/// A moment in microseconds since the epoch.
fn at(micros: u64) -> Instant {
    Instant::from_epoch(Duration::from_micros(micros))
}

const SEC: u64 = 1_000_000;

/// An output, kept.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Did {
    Advertise(u8),
    Acquire,
    Release,
    Announce,
    Transition(String),
    Overdue,
}

fn keep(output: Output<'_>) -> Did {
    match output {
        Output::Advertise(Advertise { advertisement, endpoints, .. }) => {
            assert_eq!(advertisement.addresses(), Addresses::V4(&VIPS));
            assert_eq!(endpoints, Endpoints::multicast(OURS));
            Did::Advertise(advertisement.priority().get())
        }
        Output::Acquire(acquire) => {
            assert_eq!(acquire.addresses, Addresses::V4(&VIPS));
            Did::Acquire
        }
        Output::Release(addresses) => {
            assert_eq!(addresses, Addresses::V4(&VIPS));
            Did::Release
        }
        Output::Announce(announce) => {
            assert_eq!(announce.addresses, Addresses::V4(&VIPS));
            Did::Announce
        }
        Output::Transition(transition) => Did::Transition(transition.to_string()),
        Output::Overdue(_) => Did::Overdue,
    }
}

fn drain(router: &mut VirtualRouter) -> Vec<Did> {
    let mut done = Vec::new();
    while let Some(output) = router.poll_output() {
        done.push(keep(output));
    }
    done
}

fn transition(text: &str) -> Did {
    Did::Transition(text.to_owned())
}

/// A router of that priority, started at the epoch; as Backup, unless it is the owner. Its output is drained.
fn started(config: Config) -> VirtualRouter {
    let mut router = VirtualRouter::new(config);
    router.start(Instant::EPOCH);
    drain(&mut router);
    router
}

/// A router that has become Master, by the silence of others; and when.
fn master(config: Config) -> (VirtualRouter, Instant) {
    let mut router = started(config);
    let now = router.poll_timeout().unwrap();
    router.handle_timeout(now);
    drain(&mut router);
    (router, now)
}
