//! Nothing grows.

use std::{fs, io::Read, time::Instant};

use healthcheck::{Check, Class, Echo, ExitMap, Expect, Script, Tcp};

use crate::support::{accepts, closed, ended, engine, is_alone, says, target};

pub(crate) fn ten_thousand_checks_leave_no_descriptor_and_no_child() {
    if !is_alone("leaks::ten_thousand_checks_leave_no_descriptor_and_no_child") {
        return;
    }
    // Who accepts nothing has room for some hundred connections.
    let listening = accepts();
    let patient = target(|mut stream| drop(stream.read(&mut [0])));
    let greeting = says(b"220 ready");
    let mut engine = engine();
    let timeout = std::time::Duration::from_millis(5);
    let hanging = || Check::new(patient, Tcp::connect().expect(Expect::at_least(1))).timeout(timeout);
    let script = || Check::script(Script::new("/bin/true", ExitMap::Plain));
    let mut checks = vec![engine.add(script()).unwrap(), engine.add(hanging()).unwrap()];
    for _ in 0..10 {
        let probe = Tcp::connect().expect(Expect::starts_with(b"220"));
        checks.push(engine.add(Check::new(listening, Tcp::connect())).unwrap());
        checks.push(engine.add(Check::new(closed(), Tcp::connect())).unwrap());
        checks.push(engine.add(Check::new(greeting, probe)).unwrap());
        checks.push(engine.add(Check::new(listening, Echo::new())).unwrap());
    }
    let mut run_all = || {
        for check in &checks {
            engine.schedule(*check, Instant::now());
        }
        for _ in &checks {
            ended(&mut engine);
        }
    };
    run_all();

    let before = descriptors();
    for _ in 0..10_000 / 42 + 1 {
        run_all();
    }

    // The target's threads close theirs a moment later.
    crate::support::eventually("as many descriptors as before", || descriptors() <= before);
    assert_eq!(children(), 0);
    assert!(engine.stats().ended >= 10_000);
    assert_eq!((engine.in_flight(Class::Stream), engine.in_flight(Class::Script)), (0, 0));
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn children() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let of = |task: fs::DirEntry| fs::read_to_string(task.path().join("children")).unwrap_or_default();
    tasks.map(|task| of(task).split_whitespace().count()).sum()
}
