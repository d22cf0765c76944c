//! The short way of a packet that repeats the last one leads where the long way does.

use std::time::Duration;

use proptest::prelude::*;
use vrrp_engine::{Instant, OnPause, Preempt, VirtualRouter, VrrpRouter};
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, Packet, Priority, Version,
    Vrid,
};

use super::{ABOVE, BELOW, VIPS, builder, keep};

#[derive(Clone, Debug)]
enum Step {
    /// From above or below, with one of a few priorities, intervals and lists, a TTL, perhaps damaged; so often.
    Hear {
        above: bool,
        priority: u8,
        centis: u16,
        list: usize,
        hop_limit: u8,
        damage: Option<usize>,
        times: u8,
    },
    Wait(u64),
    /// The priority that 100 and these weights make.
    Weights(i32),
    Restart,
    Interval(u16),
}

fn step() -> impl Strategy<Value = Step> {
    let hear = (
        any::<bool>(),
        prop_oneof![Just(0u8), Just(50), Just(100), Just(200)],
        prop_oneof![4 => Just(100u16), 1 => Just(200)],
        prop_oneof![4 => Just(2usize), 1 => Just(1)],
        prop_oneof![8 => Just(255u8), 1 => Just(254)],
        prop_oneof![8 => Just(None), 1 => (0usize..12).prop_map(Some)],
        1u8..4,
    );
    prop_oneof![
        8 => hear.prop_map(|(above, priority, centis, list, hop_limit, damage, times)| {
            Step::Hear { above, priority, centis, list, hop_limit, damage, times }
        }),
        4 => (0u64..2500).prop_map(Step::Wait),
        1 => (-80i32..80).prop_map(Step::Weights),
        1 => Just(Step::Restart),
        1 => prop_oneof![Just(100u16), Just(200)].prop_map(Step::Interval),
    ]
}

/// The same virtual router twice: one finds packets by itself, the other has each one read for it.
struct Both {
    short: VrrpRouter,
    id: vrrp_engine::RouterId,
    long: VirtualRouter,
}

impl Both {
    fn hear(&mut self, now: Instant, packet: &Packet<'_>) {
        let short = self.short.handle_packet(now, 1, packet).map(|taken| taken.notes).ok();
        let long = packet.decode().ok().and_then(|decoded| self.long.handle_packet(now, &decoded).ok());
        assert_eq!(short, long);
    }

    fn compare(&mut self) {
        let mut done = Vec::new();
        while let Some((_, output)) = self.short.poll_output() {
            done.push(format!("{:?}", keep(output)));
        }
        let mut expected = Vec::new();
        while let Some(output) = self.long.poll_output() {
            expected.push(format!("{:?}", keep(output)));
        }
        assert_eq!(done, expected);
        assert_eq!(self.short.poll_timeout(), self.long.poll_timeout());
        let short = self.short.get(self.id).unwrap();
        assert_eq!(
            (short.state(), short.master(), short.master_interval()),
            (self.long.state(), self.long.master(), self.long.master_interval())
        );
        assert_eq!(short.stats().advertisement_rcvd, self.long.stats().advertisement_rcvd);
        assert_eq!(short.stats().address_list_errors, self.long.stats().address_list_errors);
    }
}

fn bytes(version: Version, priority: u8, centis: u16, list: usize, endpoints: &Endpoints) -> Vec<u8> {
    let (vrid, priority) = (Vrid::new(51).unwrap(), Priority::new(priority));
    let interval = AdvertInterval::from_centis(centis).unwrap();
    let addresses = Addresses::V4(&VIPS[..list]);
    let advertisement = match version {
        Version::V2 => Advertisement::v2(vrid, priority, interval, addresses, Authentication::None),
        Version::V3 => Advertisement::v3(vrid, priority, interval, addresses),
    };
    let mut buffer = [0; 64];
    advertisement.unwrap().encode(endpoints, Checksum::default(), &mut buffer).unwrap().to_vec()
}

proptest! {
    #[test]
    fn what_is_heard_again_does_what_it_did_the_first_time(
        steps in prop::collection::vec(step(), 1..60),
        is_v3: bool,
        preempt: bool,
    ) {
        let version = if is_v3 { Version::V3 } else { Version::V2 };
        let mode = if preempt { Preempt::Allow } else { Preempt::HoldTime(Duration::from_secs(7)) };
        let config = builder(100).version(version).preempt(mode).on_pause(OnPause::GoOn).build().unwrap();
        let mut short = VrrpRouter::new();
        let id = short.add(1, config.clone()).unwrap();
        let mut both = Both { short, id, long: VirtualRouter::new(config) };
        let mut now = Instant::EPOCH;
        both.short.start(now);
        both.long.start(now);
        for step in steps {
            match step {
                Step::Hear { above, priority, centis, list, hop_limit, damage, times } => {
                    let endpoints = Endpoints::multicast(if above { ABOVE } else { BELOW });
                    let mut bytes = bytes(version, priority, centis, list, &endpoints);
                    if let Some(at) = damage {
                        bytes[at] ^= 0x40;
                    }
                    for _ in 0..times {
                        now = now + Duration::from_millis(7);
                        both.hear(now, &Packet::new(endpoints, hop_limit, &bytes));
                    }
                }
                Step::Wait(millis) => {
                    now = now + Duration::from_millis(millis);
                    both.short.handle_timeout(now);
                    both.long.handle_timeout(now);
                }
                Step::Weights(weights) => {
                    let priority = Priority::new((100 + weights).clamp(1, 254) as u8);
                    let config = both.long.config().to_builder().priority(priority).build().unwrap();
                    both.short.reconfigure(now, id, config.clone()).unwrap();
                    both.long.reconfigure(now, config).unwrap();
                }
                Step::Restart => {
                    both.short.shutdown(now);
                    both.long.shutdown(now);
                    both.short.start(now);
                    both.long.start(now);
                }
                Step::Interval(centis) => {
                    let interval = AdvertInterval::from_centis(centis).unwrap();
                    let config = both.long.config().to_builder().interval(interval).build().unwrap();
                    both.short.reconfigure(now, id, config.clone()).unwrap();
                    both.long.reconfigure(now, config).unwrap();
                }
            }
            both.compare();
        }
    }
}
