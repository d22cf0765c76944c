//! One virtual router against the model, on random histories: what the LAN would hardly bring about, too.

use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{
    host::{Farewell, Preempt, Reassert},
    invariants::Broken,
    packet::{self},
    spec::{Family, MAX_ROLES, Nanos, Role, Spec, Version},
    witness::{Fate, Witness},
};

const SEC: Nanos = 1_000_000_000;

#[derive(Clone, Copy, Debug)]
enum Event {
    Startup,
    Shutdown,
    /// Until so long after now.
    Wait(Nanos),
    /// Until so long after the deadline.
    WaitForTimer(Nanos),
    /// From the host of that last byte, with which priority, every so many centiseconds.
    Advertisement(u8, u8, u16),
}

fn event() -> impl Strategy<Value = Event> {
    let priority = prop_oneof![Just(0), Just(99), Just(100), Just(101), Just(255), any::<u8>()];
    let interval = prop_oneof![Just(100), 1..=4095u16];
    prop_oneof![
        2 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        4 => (0..5 * SEC).prop_map(Event::Wait),
        2 => Just(Event::WaitForTimer(0)),
        2 => (0..SEC / 2).prop_map(Event::WaitForTimer),
        6 => (9..=11u8, priority, interval)
            .prop_map(|(last, priority, centis)| Event::Advertisement(last, priority, centis)),
    ]
}

fn role() -> impl Strategy<Value = Role> {
    let priority = prop_oneof![Just(100u8), 1..=255u8];
    let preempt = prop_oneof![Just(Preempt::Allow), Just(Preempt::Forbid)];
    let farewell = prop_oneof![Just(Farewell::Send), Just(Farewell::Omit)];
    let reassert = prop_oneof![Just(Reassert::Advertise), Just(Reassert::Stay)];
    let version = prop_oneof![Just(Version::V2), Just(Version::V3)];
    (priority, preempt, farewell, reassert, version).prop_map(
        |(priority, preempt, farewell, reassert, version)| Role {
            farewell,
            reassert,
            ..Role::plain(version, priority, preempt)
        },
    )
}

/// Lets an event happen, at `now` or as late as it says.
fn happen(router: &mut Witness, now: &mut Nanos, role: &Role, event: Event) -> Result<(), Broken> {
    match event {
        Event::Startup => router.start(*now)?,
        Event::Shutdown => router.shutdown(*now)?,
        Event::Wait(time) => {
            *now += time;
            router.wake(*now)?
        }
        Event::WaitForTimer(late) => {
            *now = router.deadline().unwrap_or(*now).max(*now) + late;
            router.wake(*now)?
        }
        Event::Advertisement(last, priority, centis) => {
            // Version 2 takes no interval but its own.
            let centis = if role.version == Version::V3 { centis } else { role.centis };
            let source = IpAddr::from(Ipv4Addr::new(192, 0, 2, last));
            let datagram = packet::advertisement(source, &Role { priority, centis, ..*role }, None);
            let is_own = source == router.spec().source(Family::V4);
            router.hear(*now, &datagram, if is_own { Fate::Refused("own_address") } else { Fate::Taken })?
        }
    };
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn agrees_with_the_rfcs(role in role(), events in prop::collection::vec(event(), 1..80)) {
        let mut roles = [None; MAX_ROLES];
        roles[0] = Some(role);
        let mut router = Witness::new(Spec { last: 10, roles }, [false; MAX_ROLES]);
        let mut now = 0;
        for event in events {
            let verdict = happen(&mut router, &mut now, &role, event);
            prop_assert!(verdict.is_ok(), "broken: {:?} after {:?} at {} ns", verdict, event, now);
        }
        let verdict = router.audit();
        prop_assert!(verdict.is_ok(), "broken: {:?}", verdict);
    }
}
