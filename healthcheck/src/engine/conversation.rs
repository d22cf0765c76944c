use std::os::fd::{AsRawFd, OwnedFd};

use nix::{
    errno::Errno,
    sys::{
        epoll::{EpollEvent, EpollFlags},
        socket::{MsgFlags, SockType, recv, send},
    },
};

use super::{
    io_loop::Io,
    socket::{self, Connecting},
};
use crate::{Close, Endpoint, Layer, Outcome, Probe, Step, Transport};

/// A probe's talk over a socket of its own.
#[derive(Debug)]
pub(super) struct Conversation {
    socket: OwnedFd,
    phase: Phase,
    /// Whether the other side will send no more.
    has_ended: bool,
    /// What the event loop has been told to look for; empty if it does not know the socket.
    interest: EpollFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Connecting,
    Connected,
    Talking,
}

/// How far it is.
#[derive(Debug)]
pub(super) enum Progress {
    /// Something must happen first, and the event loop will tell.
    Waiting,
    /// It could go on, but others have waited.
    Unfinished,
    Done(Outcome),
}

impl Conversation {
    pub(super) fn open(endpoint: &Endpoint, probe: &mut dyn Probe) -> Result<Self, Outcome> {
        let kind = match probe.transport() {
            Transport::Datagram => SockType::Datagram,
            Transport::Stream | Transport::Echo => SockType::Stream,
        };
        let to = endpoint.address();
        let socket = socket::open(to.ip(), kind, None, endpoint.way())?;
        let mut connecting = socket::connect(&socket, to);
        if connecting == Ok(Connecting::Begun) && to.ip().is_loopback() {
            // The handshake took place within the call, but the call did not wait to see it.
            connecting = socket::connect(&socket, to);
        }
        let phase = match connecting {
            Ok(Connecting::Stands) => Phase::Connected,
            Ok(Connecting::Begun) => Phase::Connecting,
            Err(errno) => return Err(refused(errno, endpoint, probe)),
        };
        Ok(Self { socket, phase, has_ended: false, interest: EpollFlags::empty() })
    }

    /// Goes as far as it can without waiting. For one that is just opened, or of which something may have happened.
    pub(super) fn advance(
        &mut self,
        io: &mut Io,
        token: u64,
        endpoint: &Endpoint,
        probe: &mut dyn Probe,
    ) -> Progress {
        for _ in 0..ROUNDS {
            let step = match self.phase {
                Phase::Connecting if self.interest.is_empty() => return self.wait(io, token, probe),
                Phase::Connecting => match socket::connect(&self.socket, endpoint.address()) {
                    Ok(Connecting::Begun) => return Progress::Waiting,
                    Ok(Connecting::Stands) => {
                        self.phase = Phase::Connected;
                        Step::Continue
                    }
                    Err(errno) => return Progress::Done(probe.broken(socket::cause_of_end(errno))),
                },
                Phase::Connected => {
                    self.phase = Phase::Talking;
                    probe.start(io.random())
                }
                Phase::Talking => match self.exchange(io, probe) {
                    Some(step) => step,
                    None => return self.wait(io, token, probe),
                },
            };
            match step {
                Step::Continue => {}
                Step::Reopen => match Self::open(endpoint, probe) {
                    Ok(conversation) => std::mem::replace(self, conversation).close(endpoint),
                    Err(outcome) => return Progress::Done(outcome),
                },
                Step::Done(outcome) => return Progress::Done(outcome),
            }
        }
        Progress::Unfinished
    }

    /// The layer at which silence is kept.
    pub(super) fn layer(&self) -> Layer {
        match self.phase {
            Phase::Connecting => Layer::Network,
            Phase::Connected | Phase::Talking => Layer::Application,
        }
    }

    pub(super) fn close(self, endpoint: &Endpoint) {
        // A connection that does not stand yet is given up at once by itself.
        if endpoint.closing() == Close::Reset && self.phase != Phase::Connecting {
            socket::reset_on_close(&self.socket);
        }
    }

    /// Sends, or else receives, once. `None` if neither can be done now.
    fn exchange(&mut self, io: &mut Io, probe: &mut dyn Probe) -> Option<Step> {
        let bytes = probe.transmit();
        if !bytes.is_empty() {
            return match send(self.socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
                Ok(count) => Some(probe.sent(count)),
                Err(Errno::EAGAIN) => None,
                Err(Errno::EINTR) => Some(Step::Continue),
                Err(errno) => {
                    let cause = socket::cause_of_beginning(errno);
                    let outcome = Outcome::inconclusive(cause);
                    Some(Step::Done(explain(outcome, probe)))
                }
            };
        }
        if self.has_ended {
            return None;
        }
        match recv(self.socket.as_raw_fd(), &mut io.buffer, MsgFlags::empty()) {
            Ok(0) if probe.transport() == Transport::Stream => {
                self.has_ended = true;
                Some(probe.end())
            }
            Ok(count) => Some(probe.receive(io.buffer.get(..count).unwrap_or_default())),
            Err(Errno::EAGAIN) => None,
            Err(Errno::EINTR) => Some(Step::Continue),
            Err(errno) => Some(Step::Done(probe.broken(socket::cause_of_end(errno)))),
        }
    }

    /// Has the event loop tell when it can go on. Edge-triggered: told once, it looks until there is nothing more.
    fn wait(&mut self, io: &mut Io, token: u64, probe: &mut dyn Probe) -> Progress {
        let mut needed = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLET;
        if self.phase == Phase::Connecting || !probe.transmit().is_empty() {
            needed |= EpollFlags::EPOLLOUT;
        }
        if self.interest.contains(needed) {
            return Progress::Waiting;
        }
        let mut event = EpollEvent::new(needed, token);
        let told = if self.interest.is_empty() {
            io.epoll.add(&self.socket, event)
        } else {
            io.epoll.modify(&self.socket, &mut event)
        };
        self.interest = needed;
        match told {
            Ok(()) => Progress::Waiting,
            Err(errno) => Progress::Done(socket::local(errno, "cannot watch a socket")),
        }
    }
}

/// Has the probe say what a failure means, unless it is this host's.
pub(super) fn explain(outcome: Outcome, probe: &mut dyn Probe) -> Outcome {
    if outcome.cause.layer == Layer::Local { outcome } else { probe.broken(outcome.cause) }
}

fn refused(errno: Errno, endpoint: &Endpoint, probe: &mut dyn Probe) -> Outcome {
    let cause = socket::cause_of_beginning(errno);
    if cause.layer == Layer::Local {
        return socket::local(errno, format_args!("cannot connect to {}", endpoint.address()));
    }
    probe.broken(cause)
}

/// How often one may send or receive before others have their turn: a megabyte.
const ROUNDS: usize = 16;
