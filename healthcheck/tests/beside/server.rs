//! A web server that behaves as it is told to, for as long as that takes.

use std::{
    io::{ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    Serves,
    ServesInChunks,
    /// Nobody listens.
    Refuses,
    /// Connections are taken, and nothing is said.
    Hangs,
    /// A byte every tenth of a second, without end.
    Drips,
    SaysUnavailable,
    /// The answer breaks off within the status line.
    BreaksOff,
}

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// The behaviour, and how many connections were treated so since it changed: what is only begun might still be treated
    /// otherwise.
    now: Mutex<(Behaviour, u32)>,
    is_over: AtomicBool,
}

impl Shared {
    fn count(&self, treated: Behaviour) {
        let mut now = self.now.lock().unwrap();
        now.1 += u32::from(now.0 == treated);
    }
}

impl Server {
    pub(crate) fn start(port: u16) -> Self {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let shared =
            Arc::new(Shared { now: Mutex::new((Behaviour::Serves, 0)), is_over: AtomicBool::new(false) });
        let listener = Some(listen(address));
        let thread = thread::spawn({
            let shared = shared.clone();
            move || serve(&shared, address, listener)
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.shared.now.lock().unwrap() = (behaviour, 0);
    }

    /// How many connections were treated as it last was told to.
    pub(crate) fn count(&self) -> u32 {
        self.shared.now.lock().unwrap().1
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(shared: &Shared, address: SocketAddr, mut listener: Option<TcpListener>) {
    let mut open: Vec<(Behaviour, TcpStream)> = Vec::new();
    while !shared.is_over.load(Ordering::SeqCst) {
        let (behaviour, _) = *shared.now.lock().unwrap();
        if behaviour == Behaviour::Refuses {
            listener = None;
        } else if listener.is_none() {
            listener = Some(listen(address));
        }
        while let Some((stream, _)) = listener.as_ref().and_then(|listener| listener.accept().ok()) {
            if matches!(behaviour, Behaviour::Hangs | Behaviour::Drips) {
                shared.count(behaviour);
            }
            stream.set_nonblocking(true).unwrap();
            open.push((behaviour, stream));
        }
        // What was left hanging in an earlier time is closed with it.
        open.retain_mut(|(of, stream)| *of == behaviour && go_on(*of, stream, shared));
        thread::sleep(if behaviour == Behaviour::Drips { DROP } else { Duration::from_millis(5) });
    }
}

/// Does the next thing with a connection; returns whether there is more to come.
fn go_on(behaviour: Behaviour, stream: &mut TcpStream, shared: &Shared) -> bool {
    let answer: &[u8] = match behaviour {
        Behaviour::Hangs | Behaviour::Refuses => return true,
        Behaviour::Drips => return stream.write_all(b"x").is_ok(),
        Behaviour::Serves => b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello",
        Behaviour::ServesInChunks => {
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
        }
        Behaviour::SaysUnavailable => {
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        Behaviour::BreaksOff => b"HTTP/1.1 2",
    };
    match stream.read(&mut [0; 4096]) {
        Ok(0) => false,
        Ok(_) => {
            let _ = stream.write_all(answer);
            shared.count(behaviour);
            false
        }
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

fn listen(address: SocketAddr) -> TcpListener {
    let listener = TcpListener::bind(address).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

const DROP: Duration = Duration::from_millis(100);
