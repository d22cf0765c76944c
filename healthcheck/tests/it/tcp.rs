//! TCP, from refusal to flood.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::{Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use healthcheck::{
    Cause, Check, Close, Endpoint, Expect, Kind, Layer, Outcome, Probe, Smtp, Step, Tcp, Transport, Udp,
    Verdict,
};
use nix::{
    errno::Errno,
    sys::socket::{Backlog, listen, setsockopt, sockopt},
};

use crate::support::{
    PATIENCE, SLACK, ask, cause, closed, ended, engine, listener, run, says, silent, start, target,
};

pub(crate) fn a_target_that_listens_passes() {
    let (_listener, address) = silent();

    let outcome = ask(address, Tcp::connect());

    assert_eq!((outcome.verdict, outcome.cause), (Verdict::Pass, cause(Layer::Network, Kind::Passed)));
    assert!(outcome.latency > Duration::ZERO && outcome.latency < SLACK, "{:?}", outcome.latency);
}

pub(crate) fn a_port_that_is_closed_fails_at_once_in_the_network() {
    let outcome = ask(closed(), Tcp::connect());

    assert_eq!(outcome.verdict, Verdict::Fail);
    let found = (outcome.cause.layer, outcome.cause.kind, outcome.cause.code);
    assert_eq!(found, (Layer::Network, Kind::Failed, Errno::ECONNREFUSED as i32));
    assert!(outcome.latency < SLACK);
}

pub(crate) fn a_socket_that_is_connected_to_itself_is_nobody_who_listens() {
    let closed = closed();
    let port = closed.port();
    // So that there is no other port for it to come from.
    fs::write("/proc/sys/net/ipv4/ip_local_port_range", format!("{port} {port}")).unwrap();

    let outcome = ask(closed, Tcp::connect());

    assert_eq!(outcome.cause, Cause::new(Layer::Network, Kind::Failed, Errno::ECONNREFUSED as i32));
    assert_eq!(ask(closed, Udp::new(*b"?").expect(Expect::at_least(1))).cause, outcome.cause);
}

pub(crate) fn a_full_backlog_is_silence_in_the_network() {
    let (listener, address) = listener();
    listen(&listener, Backlog::new(1).unwrap()).unwrap();
    // Two fit: one more than the backlog.
    let _full = [(); 2].map(|()| TcpStream::connect(address).unwrap());

    let outcome = run(Check::new(address, Tcp::connect()).timeout(Duration::from_millis(200))).outcome;

    assert_eq!((outcome.verdict, outcome.cause), (Verdict::Fail, cause(Layer::Network, Kind::TimedOut)));
    assert!(outcome.latency >= Duration::from_millis(200));
}

pub(crate) fn a_target_that_accepts_and_says_nothing_is_silence_of_the_application() {
    let (_listener, address) = silent();
    let probe = Tcp::connect().expect(Expect::starts_with(b"220"));

    let outcome = run(Check::new(address, probe).timeout(Duration::from_millis(100))).outcome;

    assert_eq!((outcome.verdict, outcome.cause), (Verdict::Fail, cause(Layer::Application, Kind::TimedOut)));
}

pub(crate) fn fault_1_a_byte_now_and_then_does_not_move_the_deadline() {
    let timeout = Duration::from_millis(500);
    // A byte at a fifth of the timeout, again and again.
    let drip = target(move |mut stream| {
        while stream.write_all(b".").is_ok() {
            thread::sleep(timeout / 5);
        }
    });
    let probe = Tcp::connect().expect(Expect::contains(b"ready"));

    let outcome = run(Check::new(drip, probe).timeout(timeout)).outcome;

    assert_eq!((outcome.verdict, outcome.cause), (Verdict::Fail, cause(Layer::Application, Kind::TimedOut)));
    assert!((timeout..timeout + SLACK).contains(&outcome.latency), "{:?}", outcome.latency);
}

/// Tells somebody each time that something was received.
#[derive(Debug)]
struct Telling(Tcp, SyncSender<()>);

impl Probe for Telling {
    fn transport(&self) -> Transport {
        self.0.transport()
    }

    fn start(&mut self, random: u64) -> Step {
        self.0.start(random)
    }

    fn transmit(&self) -> &[u8] {
        self.0.transmit()
    }

    fn sent(&mut self, count: usize) -> Step {
        self.0.sent(count)
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        let step = self.0.receive(bytes);
        let _ = self.1.try_send(());
        step
    }

    fn end(&mut self) -> Step {
        self.0.end()
    }
}

pub(crate) fn fault_12_an_answer_counts_however_it_is_cut() {
    const ANSWER: &[u8] = b"220 ready\r\n";
    for cut in 1..ANSWER.len() {
        let (told, received) = sync_channel(ANSWER.len());
        let received: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(received));
        let address = target(move |mut stream| {
            stream.set_nodelay(true).unwrap();
            stream.write_all(&ANSWER[..cut]).unwrap();
            // The second piece is not sent before the first has been taken.
            received.lock().unwrap().recv().unwrap();
            let _ = stream.write_all(&ANSWER[cut..]);
        });

        let outcome = ask(address, Telling(Tcp::connect().expect(Expect::starts_with(ANSWER)), told));

        assert_eq!(outcome.verdict, Verdict::Pass, "cut at {cut}");
    }
}

pub(crate) fn what_is_expected_decides() {
    let greeting: &[u8] = b"SSH-2.0-OpenSSH\r\n";
    for (expect, kind) in [
        (Expect::starts_with(b"SSH-2.0-"), Kind::Passed),
        (Expect::starts_with(b"SSH-1.0-"), Kind::WrongContent),
        (Expect::starts_with(b"SSH-1.0-").negated(), Kind::Passed),
        (Expect::contains(b"OpenSSH"), Kind::Passed),
        (Expect::contains(b"OpenSSH").within(10), Kind::WrongContent),
        (Expect::contains(b"OpenSSH").negated(), Kind::WrongContent),
        (Expect::contains(b"Dropbear").negated(), Kind::Passed),
        (Expect::matches("53 5x xx 2d".parse().unwrap()), Kind::Passed),
        (Expect::matches("53 4x xx 2d".parse().unwrap()), Kind::WrongContent),
        (Expect::at_least(17), Kind::Passed),
        (Expect::at_least(18), Kind::Closed),
    ] {
        let outcome = ask(says(greeting), Tcp::connect().expect(expect.clone()));

        assert_eq!(outcome.cause.kind, kind, "{expect:?}");
        assert_eq!(outcome.verdict == Verdict::Pass, kind == Kind::Passed, "{expect:?}");
    }
}

pub(crate) fn an_answer_that_ends_too_early_is_closed() {
    let outcome = ask(says(b"22"), Tcp::connect().expect(Expect::starts_with(b"220")));

    assert_eq!((outcome.verdict, outcome.cause), (Verdict::Fail, cause(Layer::Application, Kind::Closed)));
}

pub(crate) fn a_connection_that_is_reset_fails_in_the_network() {
    let address = target(|stream| {
        setsockopt(&stream, sockopt::Linger, &nix::libc::linger { l_onoff: 1, l_linger: 0 }).unwrap();
    });

    let outcome = ask(address, Tcp::connect().expect(Expect::starts_with(b"220")));

    assert_eq!(outcome.verdict, Verdict::Fail);
    assert_eq!((outcome.cause.layer, outcome.cause.code), (Layer::Network, Errno::ECONNRESET as i32));
}

pub(crate) fn much_is_sent_as_the_target_takes_it() {
    const LENGTH: usize = 16 << 20;
    let address = target(|mut stream| {
        let mut taken = 0;
        let mut buffer = vec![0; 1 << 16];
        while taken < LENGTH {
            taken += stream.read(&mut buffer).unwrap();
        }
        stream.write_all(b"all").unwrap();
    });

    let outcome = ask(address, Tcp::connect().send(vec![7; LENGTH]).expect(Expect::starts_with(b"all")));

    assert_eq!(outcome.verdict, Verdict::Pass, "{outcome:?}");
}

pub(crate) fn an_answer_without_end_keeps_nobody_else_waiting() {
    let flood = target(|mut stream| {
        let bytes = vec![b'.'; 1 << 16];
        while stream.write_all(&bytes).is_ok() {}
    });
    let (_listener, other) = silent();
    let timeout = Duration::from_millis(500);
    let probe = Tcp::connect().expect(Expect::contains(b"ready").within(u32::MAX));
    let mut engine = engine();
    let flooded = start(&mut engine, Check::new(flood, probe).timeout(timeout));
    let quiet = start(&mut engine, Check::new(other, Tcp::connect()).timeout(timeout));

    let first = ended(&mut engine);
    let second = ended(&mut engine);

    assert_eq!((first.check, first.outcome.verdict), (quiet, Verdict::Pass));
    assert_eq!(second.check, flooded);
    assert_eq!(second.outcome.verdict, Verdict::Fail);
    assert!(second.outcome.latency < timeout + SLACK);
    let capped = ask(flood, Tcp::connect().expect(Expect::contains(b"ready")));
    assert_eq!(capped.cause.kind, Kind::WrongContent);
}

pub(crate) fn answers_without_end_do_not_hold_up_the_talk_of_others() {
    let flood = target(|mut stream| {
        let bytes = vec![b'.'; 1 << 16];
        while stream.write_all(&bytes).is_ok() {}
    });
    let mut engine = engine();
    for _ in 0..8 {
        let probe = Tcp::connect().expect(Expect::contains(b"ready").within(u32::MAX));
        start(&mut engine, Check::new(flood, probe).timeout(PATIENCE));
    }
    // A talk of several rounds, none of which is there before the other is asked for.
    let polite = target(|mut stream| {
        for reply in ["220 ready\r\n", "250 hello\r\n", "221 bye\r\n"] {
            thread::sleep(Duration::from_millis(5));
            let _ = stream.write_all(reply.as_bytes());
            let _ = stream.read(&mut [0; 100]);
        }
    });
    let talk = Smtp::new("checker.example").unwrap();
    let talking = start(&mut engine, Check::new(polite, talk).timeout(PATIENCE / 6));

    let first = ended(&mut engine);

    assert_eq!((first.check, first.outcome.verdict), (talking, Verdict::Pass), "{first:?}");
}

pub(crate) fn a_connection_is_closed_in_order_or_reset_as_asked() {
    for (close, expected) in [(Close::Fin, None), (Close::Reset, Some(ErrorKind::ConnectionReset))] {
        let (listener, address) = listener();

        let outcome = run(Check::new(Endpoint::new(address).close(close), Tcp::connect())).outcome;

        assert_eq!(outcome.verdict, Verdict::Pass);
        let (mut stream, _) = listener.accept().unwrap();
        let end = stream.read(&mut [0]);
        assert_eq!(end.as_ref().err().map(std::io::Error::kind), expected, "{close:?}: {end:?}");
        let _ = stream.shutdown(Shutdown::Both);
    }
}

pub(crate) fn ipv6_is_as_ipv4() {
    let here = lab::Namespace::current().unwrap();
    here.enable_ipv6("lo").unwrap();
    let Ok(listener) = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)) else {
        return eprintln!("skipped: no IPv6");
    };
    let address: SocketAddr = listener.local_addr().unwrap();

    let outcome = run(Check::new(address, Tcp::connect()).timeout(PATIENCE)).outcome;

    assert_eq!((outcome.verdict, outcome.cause), (Verdict::Pass, Outcome::passed(Layer::Network).cause));
}
