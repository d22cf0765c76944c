//! Where frames come from: an interface or a file. A signal is the end of both.

use std::{
    error::Error,
    fmt,
    fs::File,
    io::{self, BufReader, Read},
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::signalfd::SignalFd,
};

use super::{
    Result,
    link::LinkType,
    live::{Capture, Listen},
    pcap::{Pcap, PcapError},
};

/// What is being watched.
#[derive(Debug)]
pub(crate) struct Source {
    /// What to call it in an error.
    name: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Live(Capture, SignalFd),
    File(Pcap<BufReader<Input>>),
    /// A signal came before the file had begun.
    Ended,
}

impl Source {
    /// Listens on an interface.
    pub(crate) fn live(interface: &str, listen: Listen, signals: SignalFd) -> Result<Self> {
        let capture = Capture::open(interface, listen)?;
        Ok(Self { name: interface.to_owned(), kind: Kind::Live(capture, signals) })
    }

    /// Opens a file; `-` is standard input.
    pub(crate) fn file(path: &Path, signals: SignalFd) -> Result<Self> {
        let is_stdin = path == Path::new("-");
        let name = if is_stdin { "standard input".to_owned() } else { path.display().to_string() };
        let file = if is_stdin {
            io::stdin().as_fd().try_clone_to_owned().map(File::from)
        } else {
            File::open(path)
        };
        let opened = file
            .map_err(PcapError::from)
            .and_then(|file| Pcap::open(BufReader::new(Input { file, signals })));
        let kind = match opened {
            Ok(pcap) => Kind::File(pcap),
            Err(error) if is_signal(&error) => Kind::Ended,
            Err(error) => return Err(format!("cannot read {name}: {error}").into()),
        };
        Ok(Self { name, kind })
    }

    /// Waits for the next frame; `None` at the end of the file, and when a signal came.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        let name = &self.name;
        match &mut self.kind {
            Kind::Live(capture, signals) => loop {
                if let Awaited::Signal = wait(capture.as_fd(), signals)? {
                    return Ok(None);
                }
                let received = capture.receive();
                if let Some(received) =
                    received.map_err(|error| format!("cannot listen on {name}: {error}"))?
                {
                    return Ok(Some(capture.frame(received)));
                }
            },
            Kind::File(pcap) => {
                let link = pcap.link();
                match pcap.next() {
                    Ok(record) => Ok(record.map(|record| Frame {
                        at: record.at,
                        link,
                        bytes: record.bytes,
                        missing: record.missing,
                    })),
                    Err(error) if is_signal(&error) => Ok(None),
                    Err(error) => Err(format!("cannot read {name}: {error}").into()),
                }
            }
            Kind::Ended => Ok(None),
        }
    }
}

/// One captured frame, or what was kept of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// When it was seen, since 1970.
    pub(crate) at: Duration,
    pub(crate) link: LinkType,
    pub(crate) bytes: &'a [u8],
    /// How many more bytes were on the wire, and were not kept.
    pub(crate) missing: usize,
}

/// A file that stops when a signal comes: it may be a pipe into which nobody writes.
#[derive(Debug)]
struct Input {
    file: File,
    signals: SignalFd,
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match wait(self.file.as_fd(), &self.signals)? {
            Awaited::Data => self.file.read(buffer),
            Awaited::Signal => Err(io::Error::other(Stopped)),
        }
    }
}

#[derive(Debug)]
struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped by a signal")
    }
}

impl Error for Stopped {}

fn is_signal(error: &PcapError) -> bool {
    matches!(error, PcapError::Read(error) if error.get_ref().is_some_and(|error| error.is::<Stopped>()))
}

enum Awaited {
    Data,
    Signal,
}

fn wait(fd: BorrowedFd<'_>, signals: &SignalFd) -> io::Result<Awaited> {
    let mut fds = [fd, signals.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
    loop {
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) => break,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let [_, signals] = fds;
    Ok(if signals.any().unwrap_or(true) { Awaited::Signal } else { Awaited::Data })
}
