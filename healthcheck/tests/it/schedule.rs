//! Who runs when, and what the loop around it sees.

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
    time::{Duration, Instant},
};

use healthcheck::{
    Budget, Check, Class, Engine, Event, Expect, Kind, Layer, Limits, Outcome, Probe, Step, Tcp, Transport,
    Turn, Verdict,
};
use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
};
use std::os::fd::AsFd;

use crate::support::{SLACK, ask, ended, engine, next, run, silent, start, target};

/// Waits for a byte that never comes.
fn hanging(address: SocketAddr, timeout: Duration) -> Check {
    Check::new(address, Tcp::connect().expect(Expect::at_least(1))).timeout(timeout)
}

pub(crate) fn fault_10_a_check_never_overlaps_itself() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let address = target({
        let (at_once, most) = (Arc::clone(&at_once), Arc::clone(&most));
        move |mut stream| {
            most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            // Until the checker gives up.
            let _ = std::io::Read::read(&mut stream, &mut [0]);
            at_once.fetch_sub(1, Ordering::SeqCst);
        }
    });
    let mut engine = engine();
    let check = start(&mut engine, hanging(address, Duration::from_millis(100)));

    // Due again and again while it hangs.
    let mut ends = Vec::new();
    while ends.len() < 3 {
        engine.schedule(check, Instant::now());
        engine.wait(Some(Duration::from_millis(10))).unwrap();
        engine.turn(Instant::now(), Budget::default());
        if let Some(Event::Ended(ended)) = engine.poll_event() {
            ends.push(ended);
        }
        assert!(engine.in_flight(Class::Stream) <= 1);
    }

    let overlap = ends.windows(2).any(|pair| pair[1].started < pair[0].started + pair[0].outcome.latency);
    assert!(!overlap, "{ends:?}");
    // What the target saw of it may lag: an end is seen by a thread of its own.
    assert!(most.load(Ordering::SeqCst) <= 2);
}

pub(crate) fn fault_11_dead_targets_do_not_hold_up_the_living() {
    let (_listener, address) = silent();
    let mut engine = engine();
    let timeout = Duration::from_secs(20);
    for _ in 0..60 {
        start(&mut engine, hanging(address, timeout));
    }
    let living = start(&mut engine, Check::new(address, Tcp::connect()));

    let first = ended(&mut engine);

    assert_eq!((first.check, first.outcome.verdict), (living, Verdict::Pass));
    assert!(first.started - first.planned < SLACK);
    assert_eq!(engine.in_flight(Class::Stream), 60);
}

pub(crate) fn fault_12_the_first_run_is_when_it_was_planned() {
    let (_listener, address) = silent();
    let mut engine = engine();
    let check = engine.add(Check::new(address, Tcp::connect())).unwrap();
    let planned = Instant::now() + Duration::from_millis(50);
    engine.schedule(check, planned);

    let ended = ended(&mut engine);

    assert_eq!(ended.planned, planned);
    assert!((planned..planned + SLACK).contains(&ended.started));
}

pub(crate) fn no_more_run_at_once_than_may_and_the_first_to_come_is_the_first_to_run() {
    let (_listener, address) = silent();
    let mut engine = Engine::new(Limits::default().set(Class::Stream, 2)).unwrap();
    let begin = Instant::now() + Duration::from_millis(1);
    let checks: Vec<_> = (0..6)
        .map(|number| {
            let check = engine.add(hanging(address, Duration::from_millis(30))).unwrap();
            engine.schedule(check, begin + Duration::from_micros(number));
            check
        })
        .collect();

    let mut ends = Vec::new();
    while ends.len() < checks.len() {
        engine.wait(Some(SLACK)).unwrap();
        engine.turn(Instant::now(), Budget::default());
        assert!(engine.in_flight(Class::Stream) <= 2);
        while let Some(Event::Ended(ended)) = engine.poll_event() {
            ends.push(ended);
        }
    }

    ends.sort_by_key(|ended| ended.started);
    let order: Vec<_> = ends.iter().map(|ended| ended.check).collect();
    assert_eq!(order, checks);
    assert_eq!(engine.stats().queued, 4);
}

pub(crate) fn the_time_of_a_run_begins_when_it_starts() {
    let (_listener, address) = silent();
    let mut engine = Engine::new(Limits::default().set(Class::Stream, 1)).unwrap();
    let timeout = Duration::from_millis(100);
    start(&mut engine, hanging(address, timeout));
    start(&mut engine, hanging(address, timeout));

    let [first, second] = [(); 2].map(|()| ended(&mut engine));

    assert!(second.started >= first.started + timeout);
    assert!(second.outcome.latency >= timeout);
    assert_eq!(second.outcome.cause.kind, Kind::TimedOut);
}

pub(crate) fn a_check_that_waits_stands_in_line_once() {
    let (_listener, address) = silent();
    let mut engine = Engine::new(Limits::default().set(Class::Stream, 1)).unwrap();
    let first = start(&mut engine, hanging(address, Duration::from_millis(200)));
    let [second, third] = [(); 2].map(|()| start(&mut engine, hanging(address, Duration::from_millis(1))));
    engine.turn(Instant::now(), Budget::default());

    // It keeps its place, too.
    for _ in 0..100 {
        engine.cancel(second);
        engine.schedule(second, Instant::now());
        engine.turn(Instant::now(), Budget::default());
    }

    assert_eq!(engine.stats().queued, 2);
    assert_eq!([(); 3].map(|()| ended(&mut engine).check), [first, second, third]);
    assert_eq!(engine.in_flight(Class::Stream), 0);
}

pub(crate) fn a_check_that_is_removed_says_nothing_any_more() {
    let (_listener, address) = silent();
    let mut engine = Engine::new(Limits::default().set(Class::Stream, 1)).unwrap();
    let long = Duration::from_secs(20);
    let running = start(&mut engine, hanging(address, long));
    let waiting = start(&mut engine, hanging(address, long));
    let planned = engine.add(hanging(address, long)).unwrap();
    engine.schedule(planned, Instant::now() + long);
    engine.turn(Instant::now(), Budget::default());

    for check in [running, waiting, planned, planned] {
        engine.remove(check);
        assert!(!engine.contains(check));
    }
    let last = start(&mut engine, Check::new(address, Tcp::connect()));

    assert_eq!(ended(&mut engine).check, last);
    assert_eq!(engine.in_flight(Class::Stream), 0);
}

pub(crate) fn what_is_due_by_the_timer_but_not_by_the_callers_clock_is_told_again() {
    let (_listener, address) = silent();
    let mut engine = engine();
    let check = engine.add(Check::new(address, Tcp::connect())).unwrap();
    engine.schedule(check, Instant::now() + Duration::from_millis(20));

    // As if taken before the wait.
    let early = Instant::now();
    engine.wait(None).unwrap();
    engine.turn(early, Budget::default());

    assert_eq!(ended(&mut engine).check, check);
}

pub(crate) fn a_check_that_is_cancelled_does_not_start() {
    let (_listener, address) = silent();
    let mut engine = engine();
    let [cancelled, other] = [(); 2].map(|()| engine.add(Check::new(address, Tcp::connect())).unwrap());
    engine.schedule(cancelled, Instant::now());
    engine.schedule(other, Instant::now() + Duration::from_millis(20));
    engine.cancel(cancelled);

    assert_eq!(ended(&mut engine).check, other);
    engine.schedule(cancelled, Instant::now());
    assert_eq!(ended(&mut engine).check, cancelled);
}

pub(crate) fn a_removed_check_is_not_mistaken_for_its_successor() {
    let (_listener, address) = silent();
    let mut engine = engine();
    let first = engine.add(Check::new(address, Tcp::connect())).unwrap();
    engine.remove(first);
    let second = engine.add(Check::new(address, Tcp::connect())).unwrap();

    assert_eq!(first.index(), second.index());
    assert_ne!(first, second);
    engine.schedule(first, Instant::now());
    engine.remove(first);
    assert!(engine.contains(second));
    engine.schedule(second, Instant::now());
    assert_eq!(ended(&mut engine).check, second);
    assert_eq!(engine.stats().started, 1);
}

pub(crate) fn an_alarm_is_told_when_it_is_due() {
    let mut engine = engine();
    let alarm = engine.add(Check::alarm()).unwrap();
    let planned = Instant::now() + Duration::from_millis(30);
    engine.schedule(alarm, planned);

    assert_eq!(next(&mut engine), Event::Due { check: alarm, planned });
    assert!(Instant::now() >= planned);
}

pub(crate) fn starts_are_spread_evenly() {
    let mut engine = engine();
    let checks: Vec<_> = (0..5).map(|_| engine.add(Check::alarm()).unwrap()).collect();
    let from = Instant::now() + Duration::from_millis(1);
    engine.schedule_evenly(&checks, from, Duration::from_millis(50));

    for (number, check) in (0..).zip(checks) {
        let planned = from + Duration::from_millis(10) * number;
        assert_eq!(next(&mut engine), Event::Due { check, planned });
    }
}

pub(crate) fn a_turn_does_no_more_than_its_budget_and_the_descriptor_tells_of_the_rest() {
    let (_listener, address) = silent();
    let mut engine = engine();
    for _ in 0..10 {
        start(&mut engine, Check::new(address, Tcp::connect()));
    }
    let budget = Budget::default().steps(4);

    let mut turns = 0;
    let mut last = Turn::Unfinished;
    while last == Turn::Unfinished {
        assert!(is_readable(&engine), "there is more, and nobody is told");
        let before = engine.stats().started;
        last = engine.turn(Instant::now(), budget);
        assert!(engine.stats().started - before <= 4);
        turns += 1;
    }

    assert!(turns >= 3, "{turns} turns");
    assert_eq!(engine.stats().ended, 10);
    assert!(!is_readable(&engine), "there is nothing more to do");
}

/// Within a moment, for a timer that is due may still have to be told.
fn is_readable(engine: &Engine) -> bool {
    let mut fds = [PollFd::new(engine.as_fd(), PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::from(20_u8)).unwrap() > 0
}

pub(crate) fn the_engine_can_be_polled_within_another_event_loop() {
    let (_listener, address) = silent();
    let mut engine = engine();
    let outer = Epoll::new(EpollCreateFlags::empty()).unwrap();
    // Edge-triggered, as runtimes have it: an edge that is missed would be missed for good.
    outer.add(&engine, EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, 7)).unwrap();
    let passing = engine.add(Check::new(address, Tcp::connect())).unwrap();
    let hanging = engine.add(hanging(address, Duration::from_millis(20))).unwrap();

    for _ in 0..20 {
        engine.schedule(passing, Instant::now() + Duration::from_millis(3));
        engine.schedule(hanging, Instant::now());
        let mut ends = 0;
        while ends < 2 {
            let mut events = [EpollEvent::empty()];
            let ready = outer.wait(&mut events, EpollTimeout::from(20_000_u16)).unwrap();
            assert_eq!((ready, events[0].data()), (1, 7), "the outer loop was not woken");
            while engine.turn(Instant::now(), Budget::default()) == Turn::Unfinished {}
            while engine.poll_event().is_some() {
                ends += 1;
            }
        }
    }
}

/// Asks by UDP, and, whatever it hears, once more by TCP.
#[derive(Debug)]
struct Twice {
    transport: Transport,
    is_sent: bool,
}

impl Probe for Twice {
    fn transport(&self) -> Transport {
        self.transport
    }

    fn start(&mut self, _random: u64) -> Step {
        self.is_sent = false;
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        if self.is_sent { b"" } else { b"hello" }
    }

    fn sent(&mut self, count: usize) -> Step {
        assert_eq!(count, 5);
        self.is_sent = true;
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        if self.transport == Transport::Stream {
            self.transport = Transport::Datagram;
            return Step::Done(
                Outcome::passed(Layer::Application).with_detail(&String::from_utf8_lossy(bytes)),
            );
        }
        assert_eq!(bytes, b"truncated");
        self.transport = Transport::Stream;
        Step::Reopen
    }

    fn end(&mut self) -> Step {
        panic!("it was not closed");
    }
}

pub(crate) fn a_probe_may_reopen_and_change_the_transport() {
    let (tell, told) = channel();
    let address = target(move |mut stream| {
        std::io::Write::write_all(&mut stream, b"all").unwrap();
        // Until the checker closes.
        let _ = std::io::Read::read_to_end(&mut stream, &mut Vec::new());
        tell.send(()).unwrap();
    });
    let datagrams = UdpSocket::bind(address).unwrap();
    let server = thread::spawn(move || {
        let (count, from) = datagrams.recv_from(&mut [0; 10]).unwrap();
        assert_eq!(count, 5);
        datagrams.send_to(b"truncated", from).unwrap();
    });

    let outcome = ask(address, Twice { transport: Transport::Datagram, is_sent: false });

    assert_eq!((outcome.verdict, outcome.detail.as_deref()), (Verdict::Pass, Some("all")));
    server.join().unwrap();
    told.recv().unwrap();
}

/// Hears the end, and goes on.
#[derive(Debug)]
struct Patient;

impl Probe for Patient {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        Step::Continue
    }

    fn receive(&mut self, _bytes: &[u8]) -> Step {
        Step::Continue
    }

    fn end(&mut self) -> Step {
        Step::Continue
    }
}

pub(crate) fn a_probe_that_goes_on_after_the_end_keeps_nobody_busy() {
    let address = target(drop);
    let mut engine = engine();
    start(&mut engine, Check::new(address, Patient).timeout(Duration::from_millis(200)));

    assert_eq!(ended(&mut engine).outcome.cause.kind, Kind::TimedOut);

    assert!(engine.stats().turns < 50, "{:?}", engine.stats());
}

pub(crate) fn a_datagram_that_is_refused_fails() {
    let address = UdpSocket::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();

    let outcome = run(Check::new(address, Twice { transport: Transport::Datagram, is_sent: false })).outcome;

    assert_eq!((outcome.verdict, outcome.cause.code), (Verdict::Fail, Errno::ECONNREFUSED as i32));
}
