use std::fmt;

use crate::{Cause, Outcome};

/// One kind of question to a target, as bytes in and bytes out: it knows no socket, no clock and no event loop.
///
/// Whoever drives it opens what [`transport`](Self::transport) names, calls [`start`](Self::start), and then in turn sends what
/// [`transmit`](Self::transmit) gives and hands what arrives to [`receive`](Self::receive), until one of them says
/// [`Step::Done`]. The driver holds the one deadline of the run: a probe never waits and never looks at a clock.
pub trait Probe: fmt::Debug + Send {
    /// What to open for the (next) conversation.
    fn transport(&self) -> Transport;

    /// Begins a run, or the next conversation of one: the connection stands. Whatever an earlier run left is forgotten.
    ///
    /// `random` is fresh for each run: for identifiers that a stranger must not guess.
    fn start(&mut self, random: u64) -> Step;

    /// The bytes to send next; a datagram is sent whole. Empty when there are none now.
    fn transmit(&self) -> &[u8];

    /// So many bytes of [`transmit`](Self::transmit) were sent.
    fn sent(&mut self, count: usize) -> Step;

    /// These bytes (of a datagram: all of it) arrived.
    fn receive(&mut self, bytes: &[u8]) -> Step;

    /// The other side will send no more.
    fn end(&mut self) -> Step;

    /// The conversation broke in the network: what that means.
    ///
    /// A failure for most; a probe for UDP may know better.
    fn broken(&mut self, cause: Cause) -> Outcome;
}

/// What a conversation runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A connection: TCP.
    Stream,
    /// Datagrams: connected UDP.
    Datagram,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Go on: send what there is to send, and wait for what arrives.
    Continue,
    /// Close, open what [`Probe::transport`] names now and [`start`](Probe::start) again, within the same deadline: the next URL,
    /// or DNS over TCP after a truncated answer.
    Reopen,
    /// The run is over.
    Done(Outcome),
}
