//! Whenever the caller polls, it ends with the addresses that the state asks for.

use std::time::Duration;

use proptest::prelude::*;
use vrrp_engine::{Instant, Output, State, VirtualRouter};

use super::{ABOVE, BELOW, advert, config};

/// What a caller knows: whether it holds the addresses, and the state it was last told of.
#[derive(Debug, PartialEq, Eq)]
struct Caller {
    holds: bool,
    state: State,
}

impl Caller {
    fn poll(&mut self, router: &mut VirtualRouter, at_most: usize) {
        for _ in 0..at_most {
            match router.poll_output() {
                Some(Output::Acquire(_)) => self.holds = true,
                Some(Output::Release(_)) => self.holds = false,
                Some(Output::Transition(transition)) => {
                    assert_eq!(
                        transition.from, self.state,
                        "a transition from a state the caller was never told of"
                    );
                    assert_ne!(transition.from, transition.to);
                    self.state = transition.to;
                }
                Some(Output::Advertise(_) | Output::Announce(_) | Output::Overdue(_)) => {}
                None => break,
            }
        }
    }
}

proptest! {
    #[test]
    fn any_drain_schedule_ends_in_the_same_state_and_addresses(
        steps in prop::collection::vec((0u8..6, 0u64..4000, 0usize..5), 1..60),
        stale: bool,
    ) {
        let mut router = VirtualRouter::new(config(100));
        let mut late = VirtualRouter::new(config(100));
        let mut eager_caller = Caller { holds: stale, state: State::Initialize };
        let mut late_caller = Caller { holds: stale, state: State::Initialize };
        let mut now = Instant::EPOCH;
        for (step, wait, at_most) in steps {
            now = now + Duration::from_millis(wait);
            for router in [&mut router, &mut late] {
                match step {
                    0 => router.start(now),
                    1 => router.shutdown(now),
                    2 => drop(router.handle_advertisement(now, ABOVE, &advert(100))),
                    3 => drop(router.handle_advertisement(now, BELOW, &advert(0))),
                    4 => drop(router.handle_advertisement(now, BELOW, &advert(99))),
                    _ => router.handle_timeout(now),
                }
            }
            eager_caller.poll(&mut router, usize::MAX);
            late_caller.poll(&mut late, at_most);
        }
        late_caller.poll(&mut late, usize::MAX);

        prop_assert_eq!(&eager_caller, &late_caller);
        prop_assert_eq!(eager_caller.state, router.state());
        prop_assert_eq!(router.state(), late.state());
        if router.stats().master_transitions > 0 || router.state() == State::Backup {
            prop_assert_eq!(eager_caller.holds, router.state() == State::Master);
        }
    }
}
