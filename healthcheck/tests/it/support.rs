//! Targets to look at, and a loop to do it in.

use std::{
    env, fs,
    io::Write,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use healthcheck::{Budget, Cause, Check, CheckId, Ended, Engine, Event, Kind, Layer, Limits, Outcome, Probe};
use lab::Namespace;
use nix::{errno::Errno, libc};

pub(crate) fn engine() -> Engine {
    Engine::new(Limits::default()).unwrap()
}

/// Runs the engine until something has happened.
pub(crate) fn next(engine: &mut Engine) -> Event {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(event) = engine.poll_event() {
            return event;
        }
        let left = end.saturating_duration_since(Instant::now());
        assert!(!left.is_zero(), "nothing happened in {PATIENCE:?}");
        engine.wait(Some(left)).unwrap();
        engine.turn(Instant::now(), Budget::default());
    }
}

/// Runs the engine until a run has ended.
pub(crate) fn ended(engine: &mut Engine) -> Ended {
    let event = next(engine);
    let Event::Ended(ended) = event else { panic!("{event:?}") };
    ended
}

/// Adds a check, and has it run now.
pub(crate) fn start(engine: &mut Engine, check: Check) -> CheckId {
    let id = engine.add(check).unwrap();
    engine.schedule(id, Instant::now());
    id
}

/// Runs a check once.
pub(crate) fn run(check: Check) -> Ended {
    let mut engine = engine();
    start(&mut engine, check);
    ended(&mut engine)
}

/// Asks a target once, with patience.
pub(crate) fn ask(target: SocketAddr, probe: impl Probe + 'static) -> Outcome {
    run(Check::new(target, probe).timeout(PATIENCE)).outcome
}

pub(crate) fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A target that does this with each connection, in a thread of its own, as long as the test lasts.
pub(crate) fn target(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> SocketAddr {
    let (listener, address) = listener();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let serve = serve.clone();
            thread::spawn(move || serve(stream.unwrap()));
        }
    });
    address
}

/// A target that says this and closes.
pub(crate) fn says(text: &'static [u8]) -> SocketAddr {
    target(move |mut stream| {
        let _ = stream.write_all(text);
    })
}

/// A target that accepts connections and closes them.
pub(crate) fn accepts() -> SocketAddr {
    target(drop)
}

/// A target that accepts connections (the kernel does, some hundred) and says nothing.
pub(crate) fn silent() -> (TcpListener, SocketAddr) {
    listener()
}

/// A port where nobody listens.
pub(crate) fn closed() -> SocketAddr {
    listener().1
}

pub(crate) fn cause(layer: Layer, kind: Kind) -> Cause {
    Cause::new(layer, kind, 0)
}

/// Waits for something that another thread or process does.
pub(crate) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not within {PATIENCE:?}: {what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// How many processes have this in their environment. A zombie has none.
pub(crate) fn processes_with(marker: &str) -> usize {
    let has_marker = |entry: &fs::DirEntry| {
        let environment = fs::read(entry.path().join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable == marker.as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().filter(has_marker).count()
}

/// Does something in a thread that may do nothing special.
pub(crate) fn without_capabilities<T: Send>(f: impl FnOnce() -> T + Send) -> T {
    let here = Namespace::current().unwrap();
    let deprived = || {
        drop_capabilities();
        f()
    };
    here.run(deprived).unwrap()
}

/// Gives up all capabilities of the calling thread, and of no other.
fn drop_capabilities() {
    // linux/capability.h: version 3, this thread; effective, permitted and inheritable, twice 32 bits each.
    let header: [u32; 2] = [0x2008_0522, 0];
    let none = [0_u32; 6];
    // SAFETY: capset reads the two structs that the arrays have the layout of.
    #[expect(unsafe_code, reason = "nix has no capset")]
    let result = unsafe { libc::syscall(libc::SYS_capset, header.as_ptr(), none.as_ptr()) };
    Errno::result(result).unwrap();
}

/// Runs a test again in a process of its own, for what a process has only once. Returns whether this is that process.
pub(crate) fn is_alone(test: &str) -> bool {
    if env::var_os(ALONE).is_some() {
        return true;
    }
    let output =
        Command::new(env::current_exe().unwrap()).args(["--exact", test]).env(ALONE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    false
}

const ALONE: &str = "HEALTHCHECK_TEST_ALONE";

/// Longer than anything takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// How late a busy machine may make us.
pub(crate) const SLACK: Duration = Duration::from_secs(2);
