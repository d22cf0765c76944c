//! Steady state takes no memory.

use std::time::{Duration, Instant};

use healthcheck::{Budget, Check, Echo, Event, Expect, Tcp};
use lab::allocations;

use crate::support::{accepts, closed, engine, says};

pub(crate) fn checks_that_pass_or_are_refused_allocate_nothing() {
    let listening = accepts();
    let mut engine = engine();
    let checks = [
        Check::new(listening, Tcp::connect()),
        Check::new(closed(), Tcp::connect()),
        Check::new(says(b"220 ready"), Tcp::connect().send(*b"hello").expect(Expect::contains(b"ready"))),
        Check::new(listening, Echo::new()),
        #[cfg(feature = "http")]
        Check::new(
            says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
            healthcheck::Http::builder("shop.example")
                .expect_body(Expect::contains(b"hello"))
                .build()
                .unwrap(),
        ),
        Check::new(says(b"+PONG\r\n"), healthcheck::Redis::new()),
    ];
    let checks = checks.map(|check| engine.add(check).unwrap());
    let mut run_all = || {
        for check in checks {
            engine.schedule(check, Instant::now());
        }
        let mut count = 0;
        while count < checks.len() {
            engine.wait(Some(Duration::from_secs(1))).unwrap();
            engine.turn(Instant::now(), Budget::default());
            while let Some(Event::Ended(_)) = engine.poll_event() {
                count += 1;
            }
        }
    };
    for _ in 0..10 {
        run_all();
    }

    let before = allocations();
    for _ in 0..100 {
        run_all();
    }

    assert_eq!(allocations() - before, 0);
}

/// What happens to end at once for the first time needs no more room than before.
pub(crate) fn memory_is_taken_when_a_check_is_added() {
    let mut engine = engine();
    let alarms = [(); 100].map(|()| engine.add(Check::alarm()).unwrap());

    let before = allocations();
    let now = Instant::now();
    for alarm in alarms {
        engine.schedule(alarm, now);
    }
    engine.turn(now, Budget::default());
    let mut count = 0;
    while engine.poll_event().is_some() {
        count += 1;
    }

    assert_eq!((count, allocations() - before), (100, 0));
}
