//! A host: a namespace, and what runs in it.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    process::{Child, Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use lab::{Lan, Namespace};
use nix::poll::{PollFd, PollFlags, poll};

/// A host of the howto, with one interface, `eth0`.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    pub(crate) namespace: Namespace,
    pub(crate) address: Ipv4Addr,
}

impl Host {
    pub(crate) fn new(lan: &mut Lan, name: &'static str, address: [u8; 4]) -> Self {
        let namespace = Namespace::new().unwrap();
        lan.attach(&namespace, name, address.into(), 16).unwrap();
        Self { name, namespace, address: address.into() }
    }

    /// A host that has its LAN to itself.
    pub(crate) fn alone() -> (Lan, Self) {
        let mut lan = Lan::new().unwrap();
        let host = Self::new(&mut lan, "node1", [192, 0, 2, 1]);
        (lan, host)
    }

    /// Runs a program here, and returns what it printed.
    pub(crate) fn output(&self, program: &str, args: &[&str]) -> Output {
        self.namespace.run(|| Command::new(program).args(args).output()).unwrap().unwrap()
    }

    /// Runs a program here that has to succeed.
    pub(crate) fn must(&self, program: &str, args: &[&str]) -> String {
        let output = self.output(program, args);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {args:?} on {}: {said}", self.name);
        String::from_utf8(output.stdout).unwrap()
    }

    /// Starts a program here.
    pub(crate) fn spawn(&self, command: &mut Command) -> Child {
        self.namespace.run(|| command.stdin(Stdio::null()).spawn()).unwrap().unwrap()
    }

    /// The lines of `ip address` for `eth0`'s IPv4 addresses.
    pub(crate) fn inet(&self) -> Vec<String> {
        let output = self.output("ip", &["-4", "address", "show", "eth0"]);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(str::trim).filter(|line| line.starts_with("inet ")).map(str::to_owned).collect()
    }

    /// Whether `ip address` shows this address, as the howto shows it.
    pub(crate) fn has(&self, vip: &str) -> bool {
        let wanted = format!("inet {vip}/16 scope global secondary eth0");
        self.inet().contains(&wanted)
    }

    /// Asks a web server, as curl does: the body of what it answers within two seconds.
    pub(crate) fn curl(&self, vip: &str) -> Option<String> {
        let to = SocketAddr::new(IpAddr::V4(vip.parse().unwrap()), 80);
        let ask = || -> std::io::Result<String> {
            let limit = Duration::from_secs(2);
            let mut stream = TcpStream::connect_timeout(&to, limit)?;
            stream.set_read_timeout(Some(limit))?;
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok(answer)
        };
        let answer = self.namespace.run(ask).unwrap().ok()?;
        answer.split_once("\r\n\r\n").map(|(_, body)| body.trim().to_owned())
    }
}

/// A web server that says who it is, until it is dropped.
#[derive(Debug)]
pub(crate) struct Web {
    is_over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Web {
    pub(crate) fn start(host: &Host, text: &'static str) -> Self {
        let listener = host.namespace.run(|| TcpListener::bind("0.0.0.0:80")).unwrap().unwrap();
        listener.set_nonblocking(true).unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || serve(&listener, text, &is_over)
        });
        Self { is_over, thread: Some(thread) }
    }
}

fn serve(listener: &TcpListener, text: &str, is_over: &AtomicBool) {
    let answer = format!("HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{text}\n", text.len() + 1);
    while !is_over.load(Ordering::Relaxed) {
        let mut fds = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        let _ = poll(&mut fds, 50_u16);
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.set_nonblocking(false);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
            let mut request = [0; 1024];
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
        }
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Waits until something is so.
///
/// Looks seldom enough to leave the machine to those that are looked at: to start `ip` costs more than they need.
///
/// # Panics
///
/// When it is not so in time.
pub(crate) fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    loop {
        let look = Instant::now();
        if is_so() {
            return;
        }
        assert!(begun.elapsed() < limit, "not so after {limit:?}: {what}");
        thread::sleep((10 * look.elapsed()).clamp(Duration::from_millis(20), Duration::from_millis(500)));
    }
}
