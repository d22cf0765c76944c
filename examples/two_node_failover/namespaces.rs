//! The real stage: a bridge, two nodes and a client, each in a network namespace, the nodes in processes of their own.
//!
//! Nothing of it has a name outside: namespaces live by file descriptors, and a node's process ends when its input does.
//! So all is gone when this process ends, however it ends.

use std::{
    collections::VecDeque,
    env,
    io::{self, Read},
    net::{Ipv4Addr, SocketAddrV4},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use failover_examples::termination_signals;
use lab::{Capture, Lan, Namespace, Stalls};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        signal::{Signal, kill},
        signalfd::SignalFd,
    },
    unistd::Pid,
};
use socket2::{Domain, Socket, Type};
use vip_netlink::Netlink;

use crate::{
    Result, frames,
    node::{Line, Says, monotonic},
    pcap::Pcap,
    plan::{CLIENT, CLIENT_ADDRESS, NAMES, NODE_ADDRESSES, NODES, PING_PERIOD, PREFIX_LEN, Plan},
    world::{Interrupted, Seen, What, World},
};

#[derive(Debug)]
pub(crate) struct Namespaces {
    plan: Plan,
    /// When the world began, by `CLOCK_MONOTONIC`.
    began: Duration,
    lan: Lan,
    hosts: [Namespace; 2],
    processes: [Option<Process>; 2],
    capture: Capture,
    client: Pinger,
    pcap: Option<Pcap>,
    signals: SignalFd,
    stalls: Stalls,
    seen: VecDeque<Seen>,
}

impl Namespaces {
    pub(crate) fn new(plan: &Plan, pcap: Option<Pcap>) -> Result<Self> {
        let signals = termination_signals()?;
        let mut lan = Lan::new()?;
        let hosts = [Namespace::new()?, Namespace::new()?];
        for node in NODES {
            lan.attach(&hosts[node], NAMES[node], NODE_ADDRESSES[node], PREFIX_LEN)?;
        }
        let client_host = Namespace::new()?;
        lan.attach(&client_host, NAMES[CLIENT], CLIENT_ADDRESS, PREFIX_LEN)?;
        Ok(Self {
            plan: plan.clone(),
            began: monotonic()?,
            // At the client's port: what reaches the client, and what it sends.
            capture: lan.capture(NAMES[CLIENT])?,
            client: Pinger::start(&client_host, plan)?,
            lan,
            hosts,
            processes: [None, None],
            pcap,
            signals,
            stalls: Stalls::watch()?,
            seen: VecDeque::new(),
        })
    }

    /// Waits until there is something to read, or something to do.
    fn wait(&self, until: Duration) -> Result<()> {
        let mut fds = vec![
            PollFd::new(self.signals.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.capture.as_fd(), PollFlags::POLLIN),
        ];
        let outputs = self.processes.iter().flatten().filter_map(|process| process.child.stdout.as_ref());
        fds.extend(outputs.map(|output| PollFd::new(output.as_fd(), PollFlags::POLLIN)));
        let timeout = until.saturating_sub(self.now());
        match ppoll(&mut fds, Some(timeout.into()), None) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn read_frames(&mut self) -> Result<()> {
        let mut buffer = [0; 2048];
        while let Some(frame) = self.capture.next(&mut buffer)? {
            if let Some(pcap) = &mut self.pcap {
                pcap.write(frame.realtime, frame.bytes)?;
            }
            if let Some((node, what)) = frames::read(frame.bytes, &self.plan) {
                self.seen.push_back(Seen { at: frame.monotonic.saturating_sub(self.began), node, what });
            }
        }
        Ok(())
    }

    fn read_pings(&mut self) {
        for (number, at) in self.client.sent.try_iter() {
            for router in 0..self.plan.routers.len() {
                let (at, what) = (at.saturating_sub(self.began), What::Ping { router, number });
                self.seen.push_back(Seen { at, node: CLIENT, what });
            }
        }
    }

    fn read_lines(&mut self) -> Result<()> {
        for node in NODES {
            let Some(process) = &mut self.processes[node] else {
                continue;
            };
            let (lines, ended) = process.read()?;
            for line in lines {
                let what = match line.says {
                    Says::Note(text) => What::Note(text),
                    Says::Transition { vrid, from, to, reason } => {
                        let Some(router) = self.plan.by_vrid(vrid) else {
                            continue;
                        };
                        What::Transition { router, from: from.into(), to: to.into(), reason }
                    }
                };
                self.seen.push_back(Seen { at: line.at.saturating_sub(self.began), node, what });
            }
            if ended {
                self.processes[node].take().map_or(Ok(()), |process| process.reap(NAMES[node]))?;
            }
        }
        Ok(())
    }
}

impl World for Namespaces {
    fn now(&self) -> Duration {
        monotonic().unwrap_or_default().saturating_sub(self.began)
    }

    fn next(&mut self, until: Duration) -> Result<Option<Seen>> {
        loop {
            if let Some(seen) = self.seen.pop_front() {
                return Ok(Some(seen));
            }
            if self.now() >= until {
                return Ok(None);
            }
            self.wait(until)?;
            if self.signals.read_signal()?.is_some() {
                return Err(Interrupted.into());
            }
            self.read_pings();
            self.read_lines()?;
            self.read_frames()?;
            self.seen.make_contiguous().sort_by_key(|seen| seen.at);
        }
    }

    fn start(&mut self, node: usize) -> Result<()> {
        let settings = serde_json::to_string(&self.plan.settings(node))?;
        let process = self.hosts[node].run(|| Process::start(&settings))??;
        self.processes[node] = Some(process);
        Ok(())
    }

    fn stop(&mut self, node: usize) -> Result<()> {
        self.processes[node].as_mut().map_or(Ok(()), Process::terminate)
    }

    fn kill(&mut self, node: usize) -> Result<()> {
        self.read_lines()?;
        self.processes[node] = None;
        Ok(())
    }

    fn is_running(&self, node: usize) -> bool {
        self.processes[node].is_some()
    }

    fn holds(&self, node: usize, router: usize) -> Result<bool> {
        let present = self.hosts[node].run(|| {
            let mut netlink = Netlink::open()?;
            let interface = netlink.interface("eth0")?;
            netlink.addresses(&interface)
        })??;
        Ok(present.iter().any(|address| address.ip() == self.plan.routers[router].vip))
    }

    fn cut(&mut self, node: usize) -> Result<()> {
        Ok(self.lan.cut(NAMES[node])?)
    }

    fn mend(&mut self, node: usize) -> Result<()> {
        Ok(self.lan.mend(NAMES[node])?)
    }

    fn stalled(&self, from: Duration, to: Duration) -> Duration {
        self.stalls.between(self.began + from, self.began + to)
    }

    fn finish(&mut self) -> Result<()> {
        self.pcap.take().map_or(Ok(()), Pcap::finish)
    }
}

/// A node's process. Dropped, it is killed.
#[derive(Debug)]
struct Process {
    child: Child,
    /// The start of a line that is not complete yet.
    partial: Vec<u8>,
    is_to_end: bool,
}

impl Process {
    /// Starts one in the namespace of the calling thread.
    fn start(settings: &str) -> io::Result<Self> {
        let child = Command::new(env::current_exe()?)
            .args(["--node", settings])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let process = Self { child, partial: Vec::new(), is_to_end: false };
        if let Some(output) = &process.child.stdout {
            fcntl(output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
        }
        Ok(process)
    }

    fn terminate(&mut self) -> Result<()> {
        self.is_to_end = true;
        Ok(kill(Pid::from_raw(self.child.id().try_into()?), Signal::SIGTERM)?)
    }

    /// Reads the lines that are there, and tells whether no more will come.
    fn read(&mut self) -> Result<(Vec<Line>, bool)> {
        let Some(output) = &mut self.child.stdout else {
            return Ok((Vec::new(), true));
        };
        let ended = match output.read_to_end(&mut self.partial) {
            Ok(_) => true,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
            Err(error) => return Err(error.into()),
        };
        let complete = self.partial.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let lines = serde_json::Deserializer::from_slice(&self.partial[..complete]).into_iter();
        let lines = lines.collect::<std::result::Result<_, _>>()?;
        self.partial.drain(..complete);
        Ok((lines, ended))
    }

    /// Waits for the end of a process that has closed its output.
    fn reap(mut self, name: &str) -> Result<()> {
        let status = self.child.wait()?;
        if self.is_to_end && status.success() {
            Ok(())
        } else {
            Err(format!("{name} ended: {status}").into())
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Pings every address from the client's namespace, each question and answer passing through its kernel and its ARP cache.
///
/// A thread of its own, so that the rhythm holds whatever the stage is at. Dropped, it stops.
#[derive(Debug)]
struct Pinger {
    /// Each ping's number and time by `CLOCK_MONOTONIC`. Noted where it is sent: while the client's kernel looks for the
    /// address in vain, nothing of it is seen on the LAN.
    sent: Receiver<(u64, Duration)>,
    is_to_stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pinger {
    fn start(host: &Namespace, plan: &Plan) -> Result<Self> {
        // IPPROTO_RAW sends what it is given, IP header included, and receives nothing: the answers are seen on the LAN.
        let socket =
            host.run(|| Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(IPPROTO_RAW.into())))??;
        let is_to_stop = Arc::new(AtomicBool::new(false));
        let (sender, sent) = channel();
        let vips: Vec<_> = plan.routers.iter().map(|router| router.vip).collect();
        let thread = thread::Builder::new().name("client".to_owned()).spawn({
            let is_to_stop = Arc::clone(&is_to_stop);
            move || ping_all(&socket, &vips, &sender, &is_to_stop)
        })?;
        Ok(Self { sent, is_to_stop, thread: Some(thread) })
    }
}

impl Drop for Pinger {
    fn drop(&mut self) {
        self.is_to_stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It cannot panic; if it did, there is nothing left to save.
            let _ = thread.join();
        }
    }
}

fn ping_all(socket: &Socket, vips: &[Ipv4Addr], sent: &Sender<(u64, Duration)>, is_to_stop: &AtomicBool) {
    let (mut next, mut number) = (Instant::now(), 0u64);
    while !is_to_stop.load(Ordering::Relaxed) {
        number += 1;
        let Ok(now) = monotonic() else { return };
        // Nobody listens when the stage is being taken down.
        let _ = sent.send((number, now));
        for vip in vips {
            // An address that nobody answers for is what is being measured, not an error.
            let _ = socket.send_to(&frames::ping(*vip, number), &SocketAddrV4::new(*vip, 0).into());
        }
        // Late, it does not catch up: a burst of pings would measure nothing.
        next = (next + PING_PERIOD).max(Instant::now());
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
}

const IPPROTO_RAW: i32 = 255;
