//! What a check of a target costs in CPU time of the thread that makes it, beside a loop that does the least that finds out the
//! same; and a turn of an engine that has nothing to do.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::{
    hint::black_box,
    io::{self, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, AsRawFd},
    thread,
    time::{Duration, Instant},
};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use healthcheck::{
    Budget, Check, CheckId, Close, Endpoint, Engine, Event, Expect, Http, Limits, Probe, Tcp, Verdict,
};
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{
        epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollTimeout},
        socket::{AddressFamily, SockFlag, SockType, SockaddrIn, connect, setsockopt, socket, sockopt},
    },
    time::{ClockId, clock_gettime},
};

/// Checks that are begun together, as many as may be due in the same moment.
const TOGETHER: usize = 64;
const REQUEST: &[u8] =
    b"GET / HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: healthcheck\r\nConnection: close\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

fn tcp(c: &mut Criterion) {
    let target = serve(drop);
    compare(c, "tcp_check", target, Tcp::connect, || drop(bare_connect(target)));
}

fn http(c: &mut Criterion) {
    let target = serve(|mut stream| {
        let _ = stream.read(&mut [0; 1024]).and_then(|_| stream.write_all(ANSWER));
    });
    let page = || {
        let page = Http::builder("shop.example").expect_body(Expect::starts_with(b"hello"));
        page.build().expect("it is a page")
    };
    compare(c, "http_check", target, page, || bare_get(target));
}

fn compare<P: Probe + 'static>(
    c: &mut Criterion,
    name: &str,
    target: SocketAddr,
    probe: impl Fn() -> P,
    bare: impl Fn(),
) {
    let mut engine = Engine::new(Limits::default()).expect("an engine can be made");
    let checks: Vec<CheckId> = (0..TOGETHER)
        .map(|_| {
            // Reset, so that no connections are left in TIME_WAIT.
            let endpoint = Endpoint::new(target).close(Close::Reset);
            engine.add(Check::new(endpoint, probe())).expect("there is room")
        })
        .collect();
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(TOGETHER as u64));
    group.bench_function("engine", |b| b.iter_custom(|rounds| cpu_of(rounds, || run(&mut engine, &checks))));
    group.bench_function("bare_loop", |b| {
        b.iter_custom(|rounds| cpu_of(rounds, || (0..TOGETHER).for_each(|_| bare())));
    });
    group.finish();
}

fn run(engine: &mut Engine, checks: &[CheckId]) {
    let now = Instant::now();
    for check in checks {
        engine.schedule(*check, now);
    }
    let mut left = checks.len();
    while left > 0 {
        engine.wait(None).expect("it can be waited for");
        engine.turn(Instant::now(), Budget::default());
        while let Some(event) = engine.poll_event() {
            if let Event::Ended(ended) = event {
                assert_eq!(ended.outcome.verdict, Verdict::Pass, "{ended:?}");
                left -= 1;
            }
        }
    }
}

fn idle(c: &mut Criterion) {
    let mut engine = Engine::new(Limits::default()).expect("an engine can be made");
    let later = Instant::now() + Duration::from_secs(3600);
    for number in 0..10_000 {
        let address = SocketAddr::from((Ipv4Addr::from_bits(0x7f01_0000 + number), 9));
        let check = engine.add(Check::new(address, Tcp::connect())).expect("there is room");
        engine.schedule(check, later);
    }
    engine.turn(Instant::now(), Budget::default());
    let mut group = c.benchmark_group("engine_10000_idle_tick");
    group.bench_function("engine", |b| {
        b.iter(|| {
            black_box(engine.turn(Instant::now(), Budget::default()));
            assert!(engine.poll_event().is_none());
        });
    });
    let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll can be made");
    group.bench_function("bound_epoll_wait", |b| {
        b.iter(|| black_box((Instant::now(), epoll.wait(&mut [EpollEvent::empty()], EpollTimeout::ZERO))));
    });
    group.finish();
}

/// The least that finds out whether somebody listens.
fn bare_connect(target: SocketAddr) -> TcpStream {
    let SocketAddr::V4(target) = target else { unreachable!("it is of IPv4") };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket(AddressFamily::Inet, SockType::Stream, flags, None).expect("there are sockets");
    match connect(socket.as_raw_fd(), &SockaddrIn::from(target)) {
        Ok(()) => {}
        Err(Errno::EINPROGRESS) => wait(&socket, PollFlags::POLLOUT),
        Err(errno) => panic!("{errno}"),
    }
    let reset = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&socket, sockopt::Linger, &reset).expect("it can be set");
    TcpStream::from(socket)
}

/// The least that gets a page of known length.
fn bare_get(target: SocketAddr) {
    let mut stream = bare_connect(target);
    stream.write_all(REQUEST).expect("there is room");
    let (mut buffer, mut length) = ([0; 4096], 0);
    while !buffer[..length].ends_with(b"hello") {
        match stream.read(&mut buffer[length..]) {
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => wait(&stream, PollFlags::POLLIN),
            Err(error) => panic!("{error}"),
        }
    }
}

fn wait(socket: &impl AsFd, what: PollFlags) {
    poll(&mut [PollFd::new(socket.as_fd(), what)], PollTimeout::NONE).expect("it can be waited for");
}

/// A target that does this with each connection, in a thread of its own.
fn serve(with: impl Fn(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("there is a port");
    let target = listener.local_addr().expect("it has an address");
    thread::spawn(move || listener.incoming().flatten().for_each(with));
    target
}

fn cpu_of(rounds: u64, mut round: impl FnMut()) -> Duration {
    let time = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("there is a clock"));
    let start = time();
    (0..rounds).for_each(|_| round());
    time() - start
}

criterion_group!(benches, tcp, http, idle);
criterion_main!(benches);
