//! Any history of a router with two virtual routers, in a sync group or not: what is refused changes nothing but counters,
//! the addresses follow the state, members of the group agree, and no deadline is left behind.
#![no_main]

use std::{net::Ipv4Addr, time::Duration};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vrrp_engine::{
    Announcements, Config, Fault, Health, Instant, Link, MemberWeights, OnPause, Output, Owners, Preempt,
    RouterId, State, Tracker, VrrpRouter,
};
use vrrp_proto::{Endpoints, MULTICAST_V4, Packet, ParseError, Priority, Version, Vrid};

#[derive(Debug, Arbitrary)]
struct Site {
    priorities: [u8; 2],
    is_v3: bool,
    is_group: bool,
    preempt: Option<(bool, u16)>,
    ignores_owners: bool,
    steps_back: bool,
    gap_millis: Option<u8>,
    events: Vec<Event>,
}

#[derive(Debug, Arbitrary)]
enum Event {
    Start,
    Shutdown,
    Wait(u16),
    SetBack(u16),
    Link(bool),
    Raise(bool, bool),
    Clear(bool, bool),
    Report(Option<i16>),
    Reconfigure { second: bool, priority: u8, last: u8, refresh_millis: u16 },
    Replace { second: bool, priority: u8, starts: bool },
    LostAddress(u8),
    Packet { vrid: u8, source: u8, hop_limit: u8, is_multicast: bool, bytes: Vec<u8>, mend: bool, times: u8 },
}

impl Site {
    fn config(&self, vrid: u8, priority: u8, last: u8, refresh_millis: u16) -> Option<Config> {
        let source = Ipv4Addr::new(192, 0, 2, 10);
        let addresses = [Ipv4Addr::new(10, 0, vrid, 100), Ipv4Addr::new(10, 0, vrid, last)];
        let preempt = match self.preempt {
            None => Preempt::Allow,
            Some((_, 0)) => Preempt::Forbid,
            Some((true, millis)) => Preempt::HoldTime(Duration::from_millis(millis.into())),
            Some((false, millis)) => Preempt::Delay(Duration::from_millis(millis.into())),
        };
        let gap = Duration::from_millis(self.gap_millis.unwrap_or(0).into());
        let config = Config::builder(Vrid::new(vrid).ok()?, source, addresses)
            .priority(Priority::new(priority))
            .version(if self.is_v3 { Version::V3 } else { Version::V2 })
            .preempt(preempt)
            .owners(if self.ignores_owners { Owners::Ignore } else { Owners::Elect })
            .on_pause(if self.steps_back { OnPause::StepBack } else { OnPause::GoOn })
            .announcements(
                Announcements::default().gap(gap).refresh(Duration::from_millis(refresh_millis.into()), 1),
            );
        config.build().ok()
    }
}

fuzz_target!(|site: Site| {
    let mut router = VrrpRouter::new();
    let mut ids = Vec::new();
    for (vrid, priority) in [51, 52].into_iter().zip(site.priorities) {
        let Some(config) = site.config(vrid, priority, 1, 0) else { return };
        ids.push(router.add(1, config).expect("each once"));
    }
    let mut now = Instant::EPOCH;
    if site.is_group {
        router.add_group(now, ids.iter().copied(), MemberWeights::Apply).expect("both are alone");
    }
    let tracker = router.add_tracker();
    router.report(now, tracker, Health::Up);
    router.track(now, ids[0], tracker, Tracker::weight(-20).expect("in range")).expect("it is there");
    let mut holds = [false; 2];
    for event in &site.events {
        happen(&site, &mut router, &ids, &mut now, &mut holds, event, tracker);
        while let Some((id, output)) = router.poll_output() {
            orders(&output, id, &mut holds);
        }
        let states: Vec<_> = router.iter().map(|(_, router)| router.state()).collect();
        let masters: Vec<_> = states.iter().map(|state| *state == State::Master).collect();
        assert_eq!(holds.as_slice(), masters);
        assert!(!site.is_group || states[0] == states[1], "{states:?}");
    }
});

/// Carries out what concerns the addresses.
fn orders(output: &Output<'_>, id: RouterId, holds: &mut [bool; 2]) {
    let which = usize::from(id.vrid.get() - 51);
    match output {
        Output::Acquire(_) => holds[which] = true,
        // All of them, or those that are not configured any more.
        Output::Release(addresses) if addresses.len() == 2 => holds[which] = false,
        Output::Release(_) => {}
        Output::Advertise(_) | Output::Announce(_) | Output::Transition(_) | Output::Overdue(_) => {}
    }
}

fn happen(
    site: &Site,
    router: &mut VrrpRouter,
    ids: &[RouterId],
    now: &mut Instant,
    holds: &mut [bool; 2],
    event: &Event,
    tracker: vrrp_engine::TrackerId,
) {
    let fault = |is_operator| if is_operator { Fault::Operator } else { Fault::NoSourceAddress };
    match event {
        Event::Start => router.start(*now),
        Event::Shutdown => router.shutdown(*now),
        Event::Wait(millis) => {
            *now = *now + Duration::from_millis((*millis).into());
            router.handle_timeout(*now);
            assert!(router.poll_timeout().is_none_or(|deadline| deadline > *now));
        }
        Event::SetBack(millis) => {
            let back = Duration::from_millis((*millis).into());
            *now = Instant::from_epoch(now.since_epoch().saturating_sub(back));
            router.handle_timeout(*now);
        }
        Event::Link(is_up) => router.handle_link(*now, 1, if *is_up { Link::Up } else { Link::Down }),
        Event::Raise(second, is_operator) => {
            router.raise(*now, ids[usize::from(*second)], fault(*is_operator)).expect("it is there");
        }
        Event::Clear(second, is_operator) => {
            router.clear(*now, ids[usize::from(*second)], fault(*is_operator)).expect("it is there");
        }
        Event::Report(value) => {
            let health = value.map_or(Health::Down, |value| Health::Value(value.into()));
            router.report(*now, tracker, health);
        }
        Event::Reconfigure { second, priority, last, refresh_millis } => {
            let id = ids[usize::from(*second)];
            if let Some(config) = site.config(id.vrid.get(), *priority, *last, *refresh_millis) {
                router.reconfigure(*now, id, config).expect("the same virtual router");
            }
        }
        // In a group, it would be a member no more.
        Event::Replace { second, priority, starts } if !site.is_group => {
            let id = ids[usize::from(*second)];
            if let Some(config) = site.config(id.vrid.get(), *priority, 1, 0) {
                router.remove(*now, id).expect("it is there");
                router.start(*now);
                while let Some((id, output)) = router.poll_output() {
                    orders(&output, id, holds);
                }
                assert_eq!(router.add(1, config), Ok(id));
                if *starts {
                    router.start(*now);
                }
            }
        }
        Event::Replace { .. } => {}
        Event::LostAddress(vrid) => {
            router.handle_lost_address(*now, 1, Ipv4Addr::new(10, 0, *vrid, 100).into());
        }
        Event::Packet { vrid, source, hop_limit, is_multicast, bytes, mend, times } => {
            let hop_limit = if *mend { 255 } else { *hop_limit };
            let destination = if *is_multicast { MULTICAST_V4 } else { Ipv4Addr::new(192, 0, 2, 10) };
            let endpoints = Endpoints::V4 { source: Ipv4Addr::new(192, 0, 2, *source), destination };
            let mut bytes = bytes.clone();
            if *mend && bytes.len() >= 8 {
                (bytes[0], bytes[1]) = (if site.is_v3 { 0x31 } else { 0x21 }, 51 + vrid % 2);
                let decoded = Packet::new(endpoints, 255, &bytes).decode().map(drop);
                if let Err(ParseError::Checksum { computed, .. }) = decoded {
                    bytes[6..8].copy_from_slice(&computed.to_be_bytes());
                }
            }
            let packet = Packet::new(endpoints, hop_limit, &bytes);
            let before = router.poll_timeout();
            if router.handle_packet(*now, 1, &packet).is_err() {
                assert_eq!(router.poll_timeout(), before);
                assert!(router.poll_output().is_none());
            }
            for _ in 0..times % 3 {
                let _ = router.handle_packet(*now, 1, &packet);
            }
        }
    }
}
