use std::fmt;

use crate::{Cause, Outcome};

mod dns;
mod echo;
mod expect;
mod grpc;
#[cfg(feature = "http")]
mod http;
mod in_turn;
mod lines;
#[cfg(test)]
mod play;
mod redis;
mod script;
mod smtp;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod udp;

pub use dns::{Dns, DnsError, RecordType, RecordTypeError};
pub use echo::Echo;
#[cfg(feature = "regex")]
pub use expect::Found;
pub use expect::{Expect, Pattern, PatternError};
pub use grpc::Grpc;
#[cfg(feature = "http")]
pub use http::{Http, HttpBuilder, HttpError, Method};
pub use in_turn::{InTurn, Rounds};
pub use redis::Redis;
pub use script::{ExitMap, Script};
pub use smtp::{Smtp, SmtpError};
pub use tcp::Tcp;
#[cfg(feature = "tls")]
pub use tls::{Tls, TlsConfig, TlsConfigBuilder, TlsError};
pub use udp::Udp;

/// One kind of question to a target, as bytes in and bytes out: it knows no socket, no clock and no event loop.
///
/// Whoever drives it opens what [`transport`](Self::transport) names, calls [`start`](Self::start) when the connection stands,
/// and then in turn sends what [`transmit`](Self::transmit) gives and hands what arrives to [`receive`](Self::receive), until
/// one of them says [`Step::Done`]. What there is to send is sent before anything is received. The driver holds the one
/// deadline of the run, and notes the latency in the outcome: a probe never waits and never looks at a clock.
///
/// A probe is made once and run again and again; in steady state it should allocate nothing.
///
/// ```
/// use healthcheck::{Cause, Kind, Layer, Outcome, Probe, Step, Transport};
///
/// /// Is there a greeting, whatever it says?
/// #[derive(Debug)]
/// struct Greeting;
///
/// impl Probe for Greeting {
///     fn transport(&self) -> Transport {
///         Transport::Stream
///     }
///
///     fn start(&mut self, _random: u64) -> Step {
///         Step::Continue
///     }
///
///     fn receive(&mut self, _bytes: &[u8]) -> Step {
///         Step::Done(Outcome::passed(Layer::Application))
///     }
///
///     fn end(&mut self) -> Step {
///         Step::Done(Outcome::failed(Cause::new(Layer::Application, Kind::Closed, 0)))
///     }
/// }
/// ```
pub trait Probe: fmt::Debug + Send {
    /// What to open for the (next) conversation.
    fn transport(&self) -> Transport;

    /// Whose share of what may run at once it takes: see [`Limits`](crate::Limits).
    ///
    /// It is asked once, when the check is added. A stream with TLS has another class than a plain one.
    fn class(&self) -> Class {
        match self.transport() {
            Transport::Stream => Class::Stream,
            Transport::Datagram => Class::Datagram,
            Transport::Echo => Class::Echo,
        }
    }

    /// Begins a run, or the next conversation of one: the connection stands.
    ///
    /// After [`Step::Done`] and after [`broken`](Self::broken), whatever an earlier run left is forgotten. `random` is fresh for
    /// each conversation: for identifiers that a stranger must not guess.
    fn start(&mut self, random: u64) -> Step;

    /// The bytes to send next; a datagram is sent whole. Empty when there are none now.
    fn transmit(&self) -> &[u8] {
        &[]
    }

    /// So many bytes of [`transmit`](Self::transmit) were sent.
    fn sent(&mut self, count: usize) -> Step {
        let _ = count;
        Step::Continue
    }

    /// These bytes (of a datagram: all of it; of a stream: at least one) arrived.
    fn receive(&mut self, bytes: &[u8]) -> Step;

    /// The other side will send no more: told once in a conversation. A probe that goes on all the same may still send.
    fn end(&mut self) -> Step;

    /// The run broke, before a connection stood or after, or its deadline has passed ([`Kind::TimedOut`](crate::Kind::TimedOut)):
    /// what that means.
    ///
    /// A failure for most. A probe for UDP takes silence for health; one over TLS knows the layer better.
    fn broken(&mut self, cause: Cause) -> Outcome {
        Outcome::failed(cause)
    }
}

/// What a conversation runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Transport {
    /// A connection: TCP.
    Stream,
    /// Datagrams: connected UDP.
    Datagram,
    /// The payload of ICMP echo requests and replies, the port of the address being of no meaning. A probe is handed what comes
    /// from its target in answer to its own requests; what it has to send goes into a request at once.
    Echo,
}

/// What checks are counted together, for what may run at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Class {
    /// TCP without TLS.
    Stream,
    /// TLS: its handshake takes ten times the CPU of a plain connection.
    Tls,
    /// UDP.
    Datagram,
    /// ICMP echo: these share sockets.
    Echo,
    /// Programs.
    Script,
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
