//! Any history of a router: what is refused changes nothing but counters, and the addresses follow the state.
#![no_main]

use std::{net::Ipv4Addr, time::Duration};

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vrrp_engine::{Config, Instant, Output, State, VrrpRouter};
use vrrp_proto::{Endpoints, MULTICAST_V4, Packet, ParseError, Priority, Vrid};

#[derive(Debug, Arbitrary)]
enum Event {
    Start,
    Shutdown,
    Wait(u16),
    Packet { source: u8, hop_limit: u8, is_multicast: bool, bytes: Vec<u8>, mend: bool },
}

fuzz_target!(|input: (u8, Vec<Event>)| {
    let (priority, events) = input;
    let source = Ipv4Addr::new(192, 0, 2, 10);
    let vip = Ipv4Addr::new(192, 0, 2, 100);
    let vrid = Vrid::new(51).expect("not zero");
    let Ok(config) = Config::builder(vrid, source, [vip]).priority(Priority::new(priority)).build() else {
        return;
    };
    let mut router = VrrpRouter::new();
    let id = router.add(1, config).expect("the first");
    let (mut now, mut holds) = (Instant::EPOCH, false);
    for event in events {
        match event {
            Event::Start => router.start(now),
            Event::Shutdown => router.shutdown(now),
            Event::Wait(millis) => {
                now = now + Duration::from_millis(millis.into());
                router.handle_timeout(now);
                assert!(router.poll_timeout().is_none_or(|deadline| deadline > now));
            }
            Event::Packet { source, hop_limit, is_multicast, mut bytes, mend } => {
                let hop_limit = if mend { 255 } else { hop_limit };
                let destination = if is_multicast { MULTICAST_V4 } else { Ipv4Addr::new(192, 0, 2, 10) };
                let source = Ipv4Addr::new(192, 0, 2, source);
                let endpoints = Endpoints::V4 { source, destination };
                if mend && bytes.len() >= 8 {
                    (bytes[0], bytes[1]) = (0x21, 51);
                    let decoded = Packet::new(endpoints, 255, &bytes).decode().map(drop);
                    if let Err(ParseError::Checksum { computed, .. }) = decoded {
                        bytes[6..8].copy_from_slice(&computed.to_be_bytes());
                    }
                }
                let packet = Packet::new(endpoints, hop_limit, &bytes);
                let before = router.poll_timeout();
                if router.handle_packet(now, 1, &packet).is_err() {
                    assert_eq!(router.poll_timeout(), before);
                    assert!(router.poll_output().is_none());
                }
            }
        }
        while let Some((_, output)) = router.poll_output() {
            match output {
                Output::Acquire(_) => holds = true,
                Output::Release(_) => holds = false,
                Output::Advertise(_) | Output::Announce(_) | Output::Transition(_) | Output::Overdue(_) => {}
            }
        }
        let state = router.get(id).map(|router| router.state());
        assert_eq!(holds, state == Some(State::Master));
    }
});
