//! The engine against RFC 3768 §6.4 and RFC 9568 §6.4 written down as plainly as can be, on random histories.

use std::{cmp::Ordering, net::IpAddr, time::Duration};

use proptest::prelude::*;
use vrrp_engine::{Farewell, Instant, OnPause, Preempt, State, VirtualRouter};
use vrrp_proto::{AdvertInterval, Version};

use super::{ABOVE, BELOW, Did, OURS, advert_of, builder, keep};

/// The RFCs' state machine, nothing more: times are nanoseconds.
struct Model {
    version: Version,
    priority: u8,
    preempt: bool,
    state: State,
    timer: u64,
    /// Master_Adver_Interval.
    master_interval: u64,
}

const SEC: u64 = 1_000_000_000;

impl Model {
    fn skew(&self) -> u64 {
        let whole = if self.version == Version::V2 { SEC } else { self.master_interval };
        (256 - u64::from(self.priority)) * whole / 256
    }

    fn master_down(&self) -> u64 {
        3 * self.master_interval + self.skew()
    }

    /// The owner does, whatever the mode.
    fn preempts(&self) -> bool {
        self.preempt || self.priority == 255
    }

    /// Version 2 has but one interval.
    fn learn(&mut self, interval: u64) {
        if self.version == Version::V3 {
            self.master_interval = interval;
        }
    }

    fn become_master(&mut self, now: u64) -> Vec<Did> {
        self.state = State::Master;
        self.master_interval = SEC;
        self.timer = now + SEC;
        vec![Did::Advertise(self.priority), Did::Acquire]
    }

    fn become_backup(&mut self, now: u64) -> Vec<Did> {
        self.state = State::Backup;
        self.timer = now + self.master_down();
        vec![Did::Release]
    }

    fn startup(&mut self, now: u64) -> Vec<Did> {
        match self.state {
            State::Initialize if self.priority == 255 => self.become_master(now),
            State::Initialize => {
                self.master_interval = SEC;
                self.become_backup(now)
            }
            State::Fault | State::Backup | State::Master => vec![],
        }
    }

    fn shutdown(&mut self) -> Vec<Did> {
        match std::mem::replace(&mut self.state, State::Initialize) {
            State::Master => vec![Did::Advertise(0), Did::Release],
            State::Fault | State::Backup | State::Initialize => vec![],
        }
    }

    fn timer_fires(&mut self, now: u64) -> Vec<Did> {
        match self.state {
            State::Backup if now >= self.timer => self.become_master(now),
            State::Master if now >= self.timer => {
                self.timer = if self.timer + SEC > now { self.timer + SEC } else { now + SEC };
                vec![Did::Advertise(self.priority)]
            }
            State::Initialize | State::Fault | State::Backup | State::Master => vec![],
        }
    }

    fn advertisement(&mut self, now: u64, source: IpAddr, priority: u8, interval: u64) -> Vec<Did> {
        match self.state {
            State::Backup if priority == 0 => self.timer = now + self.skew(),
            State::Backup if !self.preempts() || priority >= self.priority => {
                self.learn(interval);
                self.timer = now + self.master_down();
            }
            State::Master if priority == 0 => {
                self.timer = now + SEC;
                return vec![Did::Advertise(self.priority)];
            }
            State::Master if (priority, source).cmp(&(self.priority, OURS)) == Ordering::Greater => {
                self.learn(interval);
                return self.become_backup(now);
            }
            // RFC 9568 asserts itself; RFC 3768 is silent.
            State::Master if self.version == Version::V3 => return vec![Did::Advertise(self.priority)],
            State::Initialize | State::Fault | State::Backup | State::Master => {}
        }
        vec![]
    }
}

#[derive(Clone, Copy, Debug)]
enum Event {
    Startup,
    Shutdown,
    Wait(u64),
    WaitForTimer,
    /// From whom, with which priority, every so many centiseconds.
    Advertisement(IpAddr, u8, u16),
}

fn event() -> impl Strategy<Value = Event> {
    let source = prop_oneof![Just(BELOW), Just(OURS), Just(ABOVE)];
    let priority = prop_oneof![Just(0), Just(99), Just(100), Just(101), Just(255), any::<u8>()];
    prop_oneof![
        2 => Just(Event::Startup),
        1 => Just(Event::Shutdown),
        4 => (0..5 * SEC).prop_map(Event::Wait),
        4 => Just(Event::WaitForTimer),
        6 => (source, priority, prop_oneof![Just(100), 1..=4095u16])
            .prop_map(|(source, priority, centis)| Event::Advertisement(source, priority, centis)),
    ]
}

proptest! {
    #[test]
    fn agrees_with_the_rfcs(
        events in prop::collection::vec(event(), 1..80),
        priority in prop_oneof![Just(100u8), 1..=255u8],
        preempt: bool,
        is_v3: bool,
    ) {
        let version = if is_v3 { Version::V3 } else { Version::V2 };
        let mode = if preempt { Preempt::Allow } else { Preempt::Forbid };
        let config = builder(priority).version(version).preempt(mode).farewell(Farewell::Omit);
        let config = config.on_pause(OnPause::GoOn).build().unwrap();
        let mut engine = VirtualRouter::new(config);
        let state = State::Initialize;
        let mut model = Model { version, priority, preempt, state, timer: 0, master_interval: SEC };
        let mut now = 0;
        for event in events {
            let instant = |now| Instant::from_epoch(Duration::from_nanos(now));
            let expected = match event {
                Event::Startup => {
                    engine.start(instant(now));
                    model.startup(now)
                }
                Event::Shutdown => {
                    engine.shutdown(instant(now));
                    model.shutdown()
                }
                Event::Wait(nanos) => {
                    now += nanos;
                    engine.handle_timeout(instant(now));
                    model.timer_fires(now)
                }
                Event::WaitForTimer => {
                    now = now.max(if model.state == State::Initialize { now } else { model.timer });
                    engine.handle_timeout(instant(now));
                    model.timer_fires(now)
                }
                Event::Advertisement(source, priority, centis) => {
                    // Version 2 has whole seconds, and takes no interval but its own.
                    let centis = if is_v3 { centis } else { 100 };
                    let interval = AdvertInterval::from_centis(centis).unwrap();
                    let advertisement = advert_of(version, priority, interval);
                    let _ = engine.handle_advertisement(instant(now), source, &advertisement);
                    model.advertisement(now, source, priority, u64::from(centis) * SEC / 100)
                }
            };
            let mut done = Vec::new();
            while let Some(output) = engine.poll_output() {
                done.push(keep(output));
            }
            // The announcements and reasons are the engine's own; the RFC's output is the rest.
            done.retain(|did| !matches!(did, Did::Announce | Did::Overdue | Did::Transition(_)));
            prop_assert_eq!(&done, &expected, "{:?} at {}", event, now);
            prop_assert_eq!(engine.state(), model.state, "{:?} at {}", event, now);
            if model.state == State::Backup {
                let interval = engine.master_interval().as_duration();
                prop_assert_eq!(interval, Duration::from_nanos(model.master_interval));
            }
            let due = engine.poll_timeout().map(|due| due.since_epoch().as_nanos() as u64);
            match model.state {
                State::Initialize | State::Fault => prop_assert_eq!(due, None),
                State::Backup => prop_assert_eq!(due, Some(model.timer)),
                // An announcement may be due before the advertisement.
                State::Master => prop_assert!(due.is_some_and(|due| due <= model.timer)),
            }
        }
    }
}
