//! The paced sender, on the wire and in a loop with another timer.

use std::{
    collections::HashMap,
    env,
    net::{IpAddr, Ipv4Addr},
    os::fd::AsFd,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use lab::{Capture, Stalls};
use nix::time::{ClockId, clock_gettime};
use vip_netlink::{ErrorKind, PacedAnnouncer, Pacing};

use crate::support::{Host, PATIENCE, Queueing, announced_by, two_hosts, two_hosts_with_ipv6, wait_readable};

pub(crate) fn frames_keep_the_pace_on_the_wire() {
    let (lan, host, _) = two_hosts();
    let clock = Clock::new();
    let mut at_neighbour = lan.capture("host2").unwrap();
    let pacing = Pacing::default().burst(2, Some(ms(100))).refresh(ms(150), 1).gap(ms(10));
    let mut announcer = PacedAnnouncer::new(host.announcer(), pacing);

    announcer.announce(Instant::now(), [vip(1), vip(2)]);
    let mut seen = Vec::new();
    while seen.len() < 10 {
        let call = wait_until(announcer.poll_timeout().unwrap());
        announcer.handle_timeout(call).unwrap();
        let (at, ip) = next_announcement(&mut at_neighbour);
        // The capture asks two clocks, one after the other.
        let call = clock.monotonic_at(call) - ms(1);
        assert!(at >= call, "{at:?} is before it was sent, at {call:?}");
        seen.push((call, ip));
    }

    assert_eq!(announcements(&mut at_neighbour, &host), [], "with a gap, each call sends one");
    assert!(seen.windows(2).all(|pair| pair[1].0 - pair[0].0 >= ms(10)), "the gap: {seen:?}");
    for number in [1, 2] {
        let own: Vec<_> = seen.iter().filter(|(_, ip)| *ip == vip(number)).map(|(at, _)| *at).collect();
        assert_eq!(own.len(), 5, "{seen:?}");
        assert!(own[2] - own[1] >= ms(100), "the second set: {seen:?}");
        assert!(own[4] - own[3] >= ms(150), "the refresh: {seen:?}");
    }
}

pub(crate) fn what_is_withdrawn_is_not_sent() {
    let (lan, host, _) = two_hosts();
    let mut at_neighbour = lan.capture("host2").unwrap();
    let pacing = Pacing::default().burst(2, Some(ms(20))).gap(ms(1));
    let mut announcer = PacedAnnouncer::new(host.announcer(), pacing);
    let began = Instant::now();

    announcer.announce(began, [vip(1), vip(2), vip(3)]);
    announcer.handle_timeout(began).unwrap();
    announcer.withdraw([vip(1), vip(2)]);
    while let Some(at) = announcer.poll_timeout() {
        announcer.handle_timeout(wait_until(at)).unwrap();
    }

    let seen: Vec<_> = announcements(&mut at_neighbour, &host).into_iter().map(|(_, ip)| ip).collect();
    assert_eq!(seen, [vip(1), vip(3), vip(3), vip(3), vip(3)]);
}

pub(crate) fn an_interface_that_was_down_is_announced_on_when_it_is_up() {
    let (lan, host, _) = two_hosts();
    let mut announcer = PacedAnnouncer::new(host.announcer(), Pacing::default().burst(2, None));
    let began = Instant::now();

    host.namespace.link_down("eth0").unwrap();
    announcer.announce(began, [vip(1), vip(2)]);
    let error = announcer.handle_timeout(began).unwrap_err();
    let next = announcer.poll_timeout();
    announcer.handle_timeout(began + ms(999)).unwrap();
    host.namespace.link_up("eth0").unwrap();
    lan.settle("host1").unwrap();
    let mut at_neighbour = lan.capture("host2").unwrap();
    announcer.handle_timeout(began + ms(1_000)).unwrap();

    assert_eq!(error.kind(), ErrorKind::InterfaceDown);
    assert_eq!(next, Some(began + ms(1_000)));
    let seen: Vec<_> = announcements(&mut at_neighbour, &host).into_iter().map(|(_, ip)| ip).collect();
    assert_eq!(seen, [vip(1), vip(2), vip(1), vip(2)]);
    assert_eq!(announcer.poll_timeout(), None);
}

pub(crate) fn a_full_queue_is_waited_for() {
    let Some(tc) = lab::need("tc") else { return };
    let (lan, host, _) = two_hosts();
    // Room for some 66 frames, and then for one every half millisecond.
    let queue = "qdisc add dev eth0 root tbf rate 1mbit burst 2000 limit 2000";
    let made = host.namespace.run(|| Command::new(tc).args(queue.split(' ')).output()).unwrap().unwrap();
    if !made.status.success() {
        assert!(env::var_os("REQUIRE_LAB").is_none_or(|value| value != "1"), "{made:?}");
        return eprintln!("skipped: this kernel has no tbf");
    }
    let mut at_neighbour = lan.capture("host2").unwrap();
    let mut announcer = PacedAnnouncer::new(host.announcer(), Pacing::default().burst(1, None));
    let ips: Vec<_> = (0..150).map(|number| IpAddr::from([10, 0, 1, number])).collect();

    announcer.announce(Instant::now(), ips.iter().copied());
    let mut failures = 0;
    while let Some(at) = announcer.poll_timeout() {
        let now = wait_until(at);
        if let Err(error) = announcer.handle_timeout(now) {
            assert_eq!(error.kind(), ErrorKind::Busy, "{error}");
            assert_eq!(announcer.poll_timeout(), Some(now + ms(10)));
            failures += 1;
        }
    }

    assert!(failures > 0, "the queue was never full");
    while host.announcer().announce(LAST).is_err() {}
    let seen: Vec<_> = up_to_the_last(&mut at_neighbour).into_iter().map(|(_, ip)| ip).collect();
    assert_eq!(seen, ips);
}

/// The loop of a daemon with a timer every 10 ms, as an advertisement's, and a thousand addresses to announce in between.
///
/// A machine with other things to do can only make it later, and does not do so each time.
pub(crate) fn a_thousand_addresses_do_not_delay_a_timer() {
    let v4 = (0..1000_u16).map(|number| IpAddr::from([10, 1, (number >> 8) as u8, number as u8]));
    let v6 = (0..1000).map(|number| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 1, number]));
    for ips in [v4.collect::<Vec<_>>(), v6.collect()] {
        let mut latest = Vec::new();
        while latest.iter().all(|late| *late > ms(2)) {
            assert!(latest.len() < 10, "late in each attempt: {latest:?}");
            latest.push(announce_beside_a_timer(&ips));
        }
    }
}

/// Announces addresses three times, and sees that all of it arrives. Returns how late the timer was at the most, by this
/// program's own doing.
fn announce_beside_a_timer(ips: &[IpAddr]) -> Duration {
    let (lan, host, _) = two_hosts_with_ipv6();
    let (stalls, clock) = (Stalls::watch().unwrap(), Clock::new());
    let mut at_neighbour = lan.capture("host2").unwrap();
    let mut announcer = PacedAnnouncer::new(host.announcer(), Pacing::default().burst(3, None));

    let ticks = thread::scope(|scope| {
        let heard = scope.spawn(|| up_to_the_last(&mut at_neighbour));
        let ticks = beat(&mut announcer, ips);
        host.announcer().announce(LAST).unwrap();
        let mut times: HashMap<IpAddr, u32> = HashMap::new();
        for (_, ip) in heard.join().unwrap() {
            *times.entry(ip).or_default() += 1;
        }
        assert!(ips.iter().all(|ip| times.get(ip) == Some(&3)), "a frame is missing");
        assert_eq!(times.len(), ips.len());
        ticks
    });

    let late = ticks.into_iter().map(|Tick { due, at, waited }| {
        // A CPU that the host took away, or that another program of this machine had.
        let excused = stalls.between(clock.monotonic_at(due), clock.monotonic_at(at)) + waited;
        (at - due).saturating_sub(excused)
    });
    late.max().unwrap()
}

/// A timer that was handled.
struct Tick {
    due: Instant,
    at: Instant,
    /// How long the thread had been ready to run, without a CPU, since it last looked at its timers.
    waited: Duration,
}

/// Handles a timer every 10 ms, and in the middle of the third period begins to announce, until all is said and 20 periods are
/// over.
fn beat(announcer: &mut PacedAnnouncer, ips: &[IpAddr]) -> Vec<Tick> {
    let began = Instant::now();
    let mut begin_at = Some(began + ms(25));
    let mut due = began + ms(10);
    let mut ticks = Vec::new();
    let mut queueing = Queueing::of_this_thread();
    while ticks.len() < 20 || announcer.poll_timeout().is_some() {
        let next = [Some(due), begin_at, announcer.poll_timeout()].into_iter().flatten().min();
        let at = wait_until(next.unwrap());
        let waited = queueing.since_last();
        if at >= due {
            ticks.push(Tick { due, at, waited });
            due += ms(10);
        }
        if begin_at.is_some_and(|begin_at| begin_at <= at) {
            begin_at = None;
            announcer.announce(at, ips.iter().copied());
        }
        announcer.handle_timeout(at).unwrap();
    }
    ticks
}

/// Takes all announcements up to one that is sent now, with the times they were seen at.
fn announcements(capture: &mut Capture, host: &Host) -> Vec<(Duration, IpAddr)> {
    host.announcer().announce(LAST).unwrap();
    up_to_the_last(capture)
}

fn up_to_the_last(capture: &mut Capture) -> Vec<(Duration, IpAddr)> {
    std::iter::repeat_with(|| next_announcement(capture)).take_while(|(_, ip)| *ip != LAST).collect()
}

fn next_announcement(capture: &mut Capture) -> (Duration, IpAddr) {
    let mut buffer = [0; 2048];
    let deadline = Instant::now() + PATIENCE;
    while wait_readable(capture.as_fd(), deadline) {
        if let Some(frame) = capture.next(&mut buffer).unwrap().filter(|frame| frame.outgoing)
            && let Some(ip) = announced_by(frame.bytes)
        {
            return (frame.monotonic, ip);
        }
    }
    panic!("no announcement in {PATIENCE:?}");
}

/// Waits as a loop does for its timer, and returns the time.
fn wait_until(at: Instant) -> Instant {
    thread::sleep(at.saturating_duration_since(Instant::now()));
    Instant::now()
}

/// Translates what is [`Instant`] here to the clock it is of.
struct Clock {
    instant: Instant,
    monotonic: Duration,
}

impl Clock {
    fn new() -> Self {
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap().into();
        Self { instant: Instant::now(), monotonic }
    }

    fn monotonic_at(&self, instant: Instant) -> Duration {
        self.monotonic + instant.saturating_duration_since(self.instant)
    }
}

fn vip(number: u8) -> IpAddr {
    IpAddr::from([10, 0, 0, 100 + number])
}

fn ms(time: u64) -> Duration {
    Duration::from_millis(time)
}

const LAST: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 99));
