//! One address, one second: how long after the protocol's time the other has it, and answers.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsFd,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use nix::{
    poll::{PollFd, PollFlags, ppoll},
    sys::time::TimeSpec,
    time::{ClockId, clock_gettime},
};
use serde_json::{Value, json};
use socket2::{Domain, Protocol, Socket, Type};

use crate::{
    director::{Director, Kind, Part},
    lan::{Site, config},
};

/// Medians, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TakeOver {
    pub(crate) beyond_ms: f64,
    pub(crate) answer_ms: f64,
}

impl TakeOver {
    pub(crate) fn json(self) -> Value {
        json!({ "beyond_ms": self.beyond_ms, "answer_ms": self.answer_ms })
    }
}

pub(crate) fn measure(kind: Kind, rounds: usize) -> Result<TakeOver, Box<dyn Error>> {
    let (mut beyond, mut answer) = (Vec::new(), Vec::new());
    for round in 1..=rounds.max(1) {
        eprintln!("take-over {round} of {rounds}, {kind:?}");
        let (first, second) = take_over(kind)?;
        beyond.push(first);
        answer.push(second);
    }
    Ok(TakeOver { beyond_ms: median(beyond), answer_ms: median(answer) })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

fn take_over(kind: Kind) -> Result<(f64, f64), Box<dyn Error>> {
    let mut site = Site::new()?;
    let two = Director::start(&site.hosts[1], kind, Part::Vrrp, &config(1, 100, "advert_int 1"))?;
    let mut one = Director::start(&site.hosts[0], kind, Part::Vrrp, &config(1, 150, "advert_int 1"))?;
    site.until("the first is Master", PATIENCE, |seen| seen.last_advert[0].contains_key(&1))?;
    // Two advertisements more, which end whatever the second had begun.
    site.watch(Duration::from_secs(3))?;
    site.seen.forget();

    let client = site.client.try_clone()?;
    let pinger = Pinger::default();
    thread::scope(|scope| -> Result<(f64, f64), Box<dyn Error>> {
        let ping = scope.spawn(|| client.run(|| pinger.run()));
        one.crash();
        site.hosts[0].link_down("eth0")?;
        // What was answered just before counts no more.
        site.watch(Duration::from_secs(1))?;
        pinger.forget();
        let outcome = site.until("the second is Master", PATIENCE, |seen| {
            seen.first_advert.contains_key(&1) && pinger.first().is_some()
        });
        pinger.is_over.store(true, Ordering::Relaxed);
        ping.join().map_err(|_| "the pinger has panicked")???;
        outcome.map_err(|error| format!("{error}\n{}", two.log()))?;
        let last = site.seen.last_advert[0].get(&1).copied().unwrap_or_default();
        let first = site.seen.first_advert.get(&1).copied().unwrap_or_default();
        let answered = pinger.first().unwrap_or_default();
        let ms = |time: f64| time * 1000.0;
        Ok((
            ms(first.as_secs_f64() - last.as_secs_f64() - MASTER_DOWN),
            ms(answered.as_secs_f64() - first.as_secs_f64()),
        ))
    })
}

/// Asks the virtual address for an echo every fifth of a millisecond.
#[derive(Debug, Default)]
struct Pinger {
    is_over: AtomicBool,
    first: Mutex<Option<Duration>>,
}

impl Pinger {
    fn run(&self) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4))?;
        socket.set_nonblocking(true)?;
        let vip = SocketAddrV4::new(Ipv4Addr::new(192, 0, 3, 1), 0).into();
        // Echo request, code 0, checksum, identifier 0, sequence 0.
        let request = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
        while !self.is_over.load(Ordering::Relaxed) {
            // There is no way to it as long as nobody answers for it.
            let _ = socket.send_to(&request, &vip);
            // A socket's own timeout is one of the kernel's ticks at the least, and a tick is longer than a take-over.
            let mut readable = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
            ppoll(&mut readable, Some(TimeSpec::from_duration(RHYTHM)), None)?;
            let mut answer = [std::mem::MaybeUninit::uninit(); 128];
            while let Ok((_, from)) = socket.recv_from(&mut answer) {
                if from.as_socket_ipv4().map(|it| *it.ip()) == vip.as_socket_ipv4().map(|it| *it.ip()) {
                    let now = clock_gettime(ClockId::CLOCK_MONOTONIC)?.into();
                    self.set(|first| *first = first.or(Some(now)));
                    thread::sleep(RHYTHM);
                }
            }
        }
        Ok(())
    }

    fn forget(&self) {
        self.set(|first| *first = None);
    }

    fn first(&self) -> Option<Duration> {
        *self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Option<Duration>)) {
        change(&mut self.first.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

/// Of priority 100, with an advertisement each second: RFC 3768 §6.1.
const MASTER_DOWN: f64 = 3.0 + 156.0 / 256.0;
const PATIENCE: Duration = Duration::from_secs(30);
const RHYTHM: Duration = Duration::from_micros(200);
