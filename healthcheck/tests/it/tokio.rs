//! The same, awaited.

use std::time::{Duration, Instant};

use healthcheck::{AsyncEngine, Check, Event, Expect, Kind, Tcp, Verdict};

use crate::support::{engine, silent};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(future)
}

pub(crate) fn outcomes_are_awaited() {
    let (_listener, address) = silent();
    let hanging = Check::new(address, Tcp::connect().expect(Expect::at_least(1)));
    block_on(async {
        let mut engine = AsyncEngine::new(engine()).unwrap();
        let hanging = engine.get_mut().add(hanging.timeout(Duration::from_millis(20))).unwrap();
        let passing = engine.get_mut().add(Check::new(address, Tcp::connect())).unwrap();

        for _ in 0..20 {
            engine.get_mut().schedule(hanging, Instant::now());
            engine.get_mut().schedule(passing, Instant::now() + Duration::from_millis(2));
            let [first, second] = [engine.next().await, engine.next().await].map(|event| {
                let Ok(Event::Ended(ended)) = event else { panic!("{event:?}") };
                ended.outcome
            });
            assert_eq!(first.verdict, Verdict::Pass);
            // On a busy machine the loop is late, and says so.
            assert!(matches!(second.cause.kind, Kind::TimedOut | Kind::HeldUp), "{second:?}");
        }
    });
}

pub(crate) fn a_check_scheduled_while_others_wait_is_run() {
    let mut engine = engine();
    let [late, soon] = [(); 2].map(|()| engine.add(Check::alarm()).unwrap());
    block_on(async {
        let mut engine = AsyncEngine::new(engine).unwrap();
        engine.get_mut().schedule(late, Instant::now() + Duration::from_secs(1000));
        engine.get_mut().schedule(soon, Instant::now());

        let event = engine.next().await.unwrap();

        assert!(matches!(event, Event::Due { check, .. } if check == soon));
    });
}
