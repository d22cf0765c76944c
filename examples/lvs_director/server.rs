//! Who asks how things are: JSON on a Unix socket, metrics over HTTP. Nobody who asks is waited for.

use std::{
    collections::BTreeMap,
    fs, io,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::{
        fs::FileTypeExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    rc::Rc,
};

use crate::{
    log,
    poll::{Poll, Token},
};

/// The listeners, and those who have asked and not got everything yet.
#[derive(Debug)]
pub(crate) struct Server {
    poll: Rc<Poll>,
    status: Option<(UnixListener, PathBuf)>,
    metrics: Option<TcpListener>,
    clients: BTreeMap<u32, Client>,
    next: u32,
}

#[derive(Debug)]
struct Client {
    stream: Stream,
    asked: Vec<u8>,
    answer: Vec<u8>,
    sent: usize,
}

#[derive(Debug)]
enum Stream {
    Status(UnixStream),
    Metrics(TcpStream),
}

/// What somebody wants to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    Status,
    Metrics,
    /// Something else than `/metrics`.
    Unknown,
}

impl Server {
    /// Listens where it is to.
    pub(crate) fn open(
        poll: &Rc<Poll>,
        status: Option<&Path>,
        metrics: Option<SocketAddr>,
    ) -> Result<Self, String> {
        let status = status.map(|path| {
            listen(path)
                .map(|listener| (listener, path.to_owned()))
                .map_err(|error| format!("{}: {error}", path.display()))
        });
        let metrics =
            metrics.map(|address| TcpListener::bind(address).map_err(|error| format!("{address}: {error}")));
        let (status, metrics) = (status.transpose()?, metrics.transpose()?);
        let register = || -> io::Result<()> {
            if let Some((listener, _)) = &status {
                listener.set_nonblocking(true)?;
                poll.add(listener, Token::StatusListener)?;
            }
            if let Some(listener) = &metrics {
                listener.set_nonblocking(true)?;
                poll.add(listener, Token::MetricsListener)?;
            }
            Ok(())
        };
        register().map_err(|error| error.to_string())?;
        Ok(Self { poll: Rc::clone(poll), status, metrics, clients: BTreeMap::new(), next: 0 })
    }

    /// Takes who comes to the status socket; each of these is to be [answered](Self::answer) at once.
    pub(crate) fn accept_status(&mut self) -> Vec<u32> {
        let mut asking = Vec::new();
        while let Some(Ok((stream, _))) = self.status.as_ref().map(|(listener, _)| listener.accept()) {
            if stream.set_nonblocking(true).is_ok() {
                asking.extend(self.take(Stream::Status(stream)));
            }
        }
        asking
    }

    /// Takes who comes for metrics; what they want they have yet to say.
    pub(crate) fn accept_metrics(&mut self) {
        while let Some(Ok((stream, _))) = self.metrics.as_ref().map(TcpListener::accept) {
            if stream.set_nonblocking(true).is_ok() {
                self.take(Stream::Metrics(stream));
            }
        }
    }

    fn take(&mut self, stream: Stream) -> Option<u32> {
        if self.clients.len() >= MOST_CLIENTS {
            // Who came first has had the most time.
            self.clients.pop_first();
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let registered = match &stream {
            Stream::Status(stream) => self.poll.add_writable(stream, Token::Client(number)),
            Stream::Metrics(stream) => self.poll.add(stream, Token::Client(number)),
        };
        registered.ok()?;
        self.clients.insert(number, Client { stream, asked: Vec::new(), answer: Vec::new(), sent: 0 });
        Some(number)
    }

    /// Goes on with one: returns what it has asked, once it has.
    pub(crate) fn handle(&mut self, number: u32) -> Option<Question> {
        let client = self.clients.get_mut(&number)?;
        if !client.answer.is_empty() {
            self.send(number);
            return None;
        }
        match client.read() {
            Some(question) => question,
            None => {
                self.clients.remove(&number);
                None
            }
        }
    }

    /// Gives one the answer, as far as it takes it now.
    pub(crate) fn answer(&mut self, number: u32, question: Question, text: String) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        client.answer = match question {
            Question::Status => text.into_bytes(),
            Question::Metrics => http("200 OK", "text/plain; version=0.0.4; charset=utf-8", &text),
            Question::Unknown => http("404 Not Found", "text/plain", "ask for /metrics\n"),
        };
        if let Stream::Metrics(stream) = &client.stream
            && self.poll.add_writable(stream, Token::Client(number)).is_err()
        {
            self.clients.remove(&number);
        }
        self.send(number);
    }

    fn send(&mut self, number: u32) {
        if let Some(client) = self.clients.get_mut(&number)
            && client.send()
        {
            self.clients.remove(&number);
        }
    }
}

impl Client {
    /// Reads a request: `None` where there is nobody any more, or nobody who speaks HTTP.
    #[expect(clippy::option_option, reason = "no client, no question yet, a question")]
    fn read(&mut self) -> Option<Option<Question>> {
        let mut buffer = [0; 1024];
        loop {
            let read = match &mut self.stream {
                Stream::Status(_) => return Some(None),
                Stream::Metrics(stream) => stream.read(&mut buffer),
            };
            match read {
                Ok(0) => return None,
                Ok(count) => self.asked.extend_from_slice(buffer.get(..count)?),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(None),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
            if self.asked.windows(4).any(|end| end == b"\r\n\r\n") {
                let is_known =
                    [&b"GET /metrics "[..], b"GET / "].iter().any(|start| self.asked.starts_with(start));
                return Some(Some(if is_known { Question::Metrics } else { Question::Unknown }));
            }
            if self.asked.len() > LONGEST_REQUEST {
                return None;
            }
        }
    }

    /// Sends what is left; returns whether it is done with.
    fn send(&mut self) -> bool {
        while let Some(rest) = self.answer.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let written = match &mut self.stream {
                Stream::Status(stream) => stream.write(rest),
                Stream::Metrics(stream) => stream.write(rest),
            };
            match written {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return true,
            }
        }
        true
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((_, path)) = &self.status {
            let _ = fs::remove_file(path);
        }
    }
}

/// Takes the place of a predecessor that was killed; one that still answers keeps it.
fn listen(path: &Path) -> io::Result<UnixListener> {
    if UnixStream::connect(path).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another director answers there"));
    }
    if fs::symlink_metadata(path).is_ok_and(|data| data.file_type().is_socket()) {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path);
    if listener.is_err() {
        log::warn("status", "is the directory of the socket there, and ours to write?");
    }
    listener
}

fn http(status: &str, kind: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
        .into_bytes()
}

const MOST_CLIENTS: usize = 64;
const LONGEST_REQUEST: usize = 8192;
