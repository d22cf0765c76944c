//! A LAN of routers that loses, delays, reorders and duplicates packets, splits and heals, and stops its hosts for a
//! while, on a virtual clock. When the trouble is over, the best living router is the only Master, soon.

use std::{collections::BTreeMap, net::Ipv4Addr, time::Duration};

use proptest::prelude::*;
use vrrp_engine::{Config, Instant, Output, Preempt, State, VrrpRouter};
use vrrp_proto::{Advertisement, Endpoints, Packet, Priority, Vrid};

/// Small, seeded and good enough to shake dice with (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) % below
    }
}

struct Host {
    router: VrrpRouter,
    source: Ipv4Addr,
    holds: bool,
    side: u8,
    /// A stopped host neither runs nor reads; its packets wait.
    stopped: bool,
    waiting: Vec<(Ipv4Addr, Vec<u8>)>,
}

struct Lan {
    hosts: Vec<Host>,
    now: Instant,
    /// Packets on their way, by arrival.
    wire: BTreeMap<(Instant, u64), (usize, Ipv4Addr, Vec<u8>)>,
    sent: u64,
    dice: Dice,
    /// How often a packet is lost, in percent, and by how much it is delayed at most.
    loss: u64,
    delay: Duration,
}

impl Lan {
    fn new(priorities: &[u8], preempt: Preempt, seed: u64) -> Self {
        let hosts = priorities.iter().zip(1..).map(|(priority, last)| {
            let source = Ipv4Addr::new(192, 0, 2, last);
            let config = Config::builder(Vrid::new(51).unwrap(), source, [Ipv4Addr::new(192, 0, 2, 100)])
                .priority(Priority::new(*priority))
                .preempt(preempt)
                .build()
                .unwrap();
            let mut router = VrrpRouter::new();
            router.add(1, config).unwrap();
            Host { router, source, holds: false, side: 0, stopped: false, waiting: Vec::new() }
        });
        let hosts = hosts.collect();
        let (dice, delay) = (Dice(seed | 1), Duration::from_micros(200));
        Self { hosts, now: Instant::EPOCH, wire: BTreeMap::new(), sent: 0, dice, loss: 0, delay }
    }

    fn start_all(&mut self) {
        for host in 0..self.hosts.len() {
            self.hosts[host].router.start(self.now);
            self.drain(host);
        }
    }

    fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        loop {
            let timer = self
                .hosts
                .iter_mut()
                .filter(|host| !host.stopped)
                .filter_map(|host| host.router.poll_timeout())
                .min();
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let next = [timer, arrival].into_iter().flatten().min().unwrap_or(end).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            if arrival == Some(next) || arrival.is_some_and(|arrival| arrival < next) {
                let (_, (host, source, bytes)) = self.wire.pop_first().unwrap();
                self.deliver(host, source, bytes);
            } else if timer.is_some() {
                for host in 0..self.hosts.len() {
                    if !self.hosts[host].stopped {
                        self.hosts[host].router.handle_timeout(self.now);
                        self.drain(host);
                    }
                }
            } else {
                break;
            }
        }
        self.now = end;
    }

    fn deliver(&mut self, to: usize, source: Ipv4Addr, bytes: Vec<u8>) {
        let host = &mut self.hosts[to];
        if host.stopped {
            host.waiting.push((source, bytes));
            return;
        }
        let packet = Packet::new(Endpoints::multicast(source.into()), 255, &bytes);
        host.router.handle_packet(self.now, 1, &packet).unwrap();
        self.drain(to);
    }

    /// Lets a stopped host run again: it reads what waited for it before it looks at its timers.
    fn resume(&mut self, host: usize) {
        self.hosts[host].stopped = false;
        for (source, bytes) in std::mem::take(&mut self.hosts[host].waiting) {
            self.deliver(host, source, bytes);
        }
        self.hosts[host].router.handle_timeout(self.now);
        self.drain(host);
    }

    fn drain(&mut self, from: usize) {
        let mut sent = Vec::new();
        while let Some((_, output)) = self.hosts[from].router.poll_output() {
            match output {
                Output::Advertise(advertise) => {
                    let mut buffer = [0; Advertisement::MAX_LEN];
                    sent.push(advertise.encode(&mut buffer).unwrap().to_vec());
                }
                Output::Acquire(_) => self.hosts[from].holds = true,
                Output::Release(_) => self.hosts[from].holds = false,
                Output::Announce(_) | Output::Transition(_) | Output::Overdue(_) => {}
            }
        }
        for bytes in sent {
            for to in (0..self.hosts.len()).filter(|to| *to != from) {
                if self.hosts[to].side != self.hosts[from].side || self.dice.roll(100) < self.loss {
                    continue;
                }
                let copies = if self.loss > 0 { 1 + self.dice.roll(2) } else { 1 };
                for _ in 0..copies {
                    let delay = Duration::from_nanos(self.dice.roll(self.delay.as_nanos() as u64) + 1);
                    self.sent += 1;
                    self.wire
                        .insert((self.now + delay, self.sent), (to, self.hosts[from].source, bytes.clone()));
                }
            }
        }
    }

    fn masters(&self) -> Vec<usize> {
        for host in &self.hosts {
            let is_master = host.router.iter().next().unwrap().1.state() == State::Master;
            assert_eq!(host.holds, is_master, "who is Master holds the address, and nobody else");
        }
        (0..self.hosts.len()).filter(|host| self.hosts[*host].holds).collect()
    }
}

/// Long enough for the slowest Backup to miss a Master, and for two Masters to hear each other.
const SETTLED: Duration = Duration::from_secs(5);

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn when_the_trouble_is_over_the_best_is_the_only_master(
        seed: u64,
        priorities in prop::collection::vec(1u8..=254, 2..5),
        troubles in prop::collection::vec((0u8..5, 0usize..8, 1u64..6000), 0..12),
        preempt: bool,
    ) {
        let mode = if preempt { Preempt::Allow } else { Preempt::Forbid };
        let mut lan = Lan::new(&priorities, mode, seed);
        lan.start_all();
        for (kind, which, millis) in troubles {
            let host = which % priorities.len();
            match kind {
                0 => lan.hosts[host].side ^= 1,
                1 => lan.hosts[host].stopped = true,
                2 => lan.resume(host),
                3 => (lan.loss, lan.delay) = (10 * which as u64, Duration::from_millis(millis)),
                _ => {
                    lan.hosts[host].router.shutdown(lan.now);
                    lan.drain(host);
                    lan.hosts[host].router.start(lan.now);
                    lan.drain(host);
                }
            }
            lan.run(Duration::from_millis(millis));
        }

        (lan.loss, lan.delay) = (0, Duration::from_micros(200));
        for host in 0..lan.hosts.len() {
            lan.hosts[host].side = 0;
            lan.resume(host);
        }
        lan.run(Duration::from_secs(6)); // the last packet of before arrives
        lan.run(SETTLED);

        let masters = lan.masters();
        prop_assert_eq!(masters.len(), 1, "{:?}", masters);
        let best = *priorities.iter().max().unwrap();
        if preempt {
            prop_assert_eq!(priorities[masters[0]], best, "a better one let it be");
        }
    }
}

#[test]
fn two_equals_settle_on_the_higher_address() {
    let mut lan = Lan::new(&[100, 100], Preempt::Allow, 1);
    lan.start_all();
    lan.run(SETTLED);
    assert_eq!(lan.masters(), [1]);
}

#[test]
fn a_host_that_stopped_for_a_while_does_not_take_over_from_a_living_master() {
    let mut lan = Lan::new(&[200, 100], Preempt::Allow, 1);
    lan.start_all();
    lan.run(SETTLED);
    lan.hosts[1].stopped = true;
    lan.run(Duration::from_secs(10));
    let before = lan.hosts[1].router.iter().next().unwrap().1.stats().master_transitions;
    lan.resume(1);
    lan.run(SETTLED);
    assert_eq!(lan.masters(), [0]);
    assert_eq!(lan.hosts[1].router.iter().next().unwrap().1.stats().master_transitions, before);
}
