use std::time::{Duration, SystemTime};

/// What one run of a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Outcome {
    /// What it says of the target.
    pub verdict: Verdict,
    /// Why.
    pub cause: Cause,
    /// From the start of the run to its end.
    pub latency: Duration,
    /// Whether it is so clear that no further run is needed to believe it: a failure that leaves no room for chance (HAProxy's
    /// and Envoy's answer that is wrong, not late).
    pub decisive: bool,
    /// What the target, or the script that looked at it, says of its weight.
    pub weight: Option<WeightHint>,
    /// What the target said, or what went wrong in words: at most 256 bytes.
    pub detail: Option<Box<str>>,
    /// Until when the certificate is valid that the target showed.
    pub certificate_ends: Option<SystemTime>,
}

impl Outcome {
    /// Makes that of a run which came as far as this layer and found all as expected.
    #[must_use]
    pub const fn passed(layer: Layer) -> Self {
        Self::new(Verdict::Pass, Cause::new(layer, Kind::Passed, 0))
    }

    /// Makes that of a run which shows that the target does not serve.
    #[must_use]
    pub const fn failed(cause: Cause) -> Self {
        Self::new(Verdict::Fail, cause)
    }

    /// Makes that of a run which says nothing about the target.
    #[must_use]
    pub const fn inconclusive(cause: Cause) -> Self {
        Self::new(Verdict::Inconclusive, cause)
    }

    /// Says that it leaves no room for chance.
    #[must_use]
    pub fn decisive(self) -> Self {
        Self { decisive: true, ..self }
    }

    /// Adds what is said of the weight.
    #[must_use]
    pub fn with_weight(self, weight: WeightHint) -> Self {
        Self { weight: Some(weight), ..self }
    }

    /// Adds words: of a longer text, the first 256 bytes or a few less, so that no character is cut.
    #[must_use]
    pub fn with_detail(self, text: &str) -> Self {
        let end = (0..=text.len().min(DETAIL_LEN)).rev().find(|end| text.is_char_boundary(*end));
        Self { detail: text.get(..end.unwrap_or_default()).map(Box::from), ..self }
    }

    const fn new(verdict: Verdict, cause: Cause) -> Self {
        Self {
            verdict,
            cause,
            latency: Duration::ZERO,
            decisive: false,
            weight: None,
            detail: None,
            certificate_ends: None,
        }
    }
}

/// What a run says of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Verdict {
    /// It serves.
    Pass,
    /// It does not.
    Fail,
    /// It serves, and asks for no new connections.
    Drain,
    /// The run says nothing about the target: it was the checker that could not look, or looked too late.
    Inconclusive,
}

/// Why a run ended as it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Cause {
    /// How far the run came.
    pub layer: Layer,
    /// What happened there.
    pub kind: Kind,
    /// The number that goes with it: an errno, an HTTP or SMTP status, a DNS response code, an exit code, a signal, a TLS
    /// alert; 0 where there is none.
    pub code: i32,
}

impl Cause {
    /// Puts one together.
    #[must_use]
    pub const fn new(layer: Layer, kind: Kind, code: i32) -> Self {
        Self { layer, kind, code }
    }
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Layer {
    /// Not out of this host: no descriptor, no port, no permission.
    Local,
    /// The network and the transport: HAProxy's L4.
    Network,
    /// TLS: HAProxy's L6.
    Tls,
    /// What the server said: HAProxy's L7.
    Application,
    /// A program that looked at the target.
    Script,
}

/// What happened in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// All as expected.
    Passed,
    /// Nothing came before the deadline.
    TimedOut,
    /// The deadline passed while the checker itself was held up, so that an answer may have been there.
    HeldUp,
    /// A system call failed; the code says how.
    Failed,
    /// The other side ended the conversation before it was complete.
    Closed,
    /// Well-formed, but not the status that was asked for.
    WrongStatus,
    /// Well-formed, but not the content that was asked for.
    WrongContent,
    /// Not what the protocol allows.
    Malformed,
    /// The certificate was not accepted.
    Certificate,
    /// The other side refused by a TLS alert; the code is its number.
    Alert,
    /// A program ended by a signal; the code is its number.
    Signalled,
    /// Nobody reported in time (push checks).
    Silent,
}

/// What a target says of its own weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WeightHint {
    /// This weight.
    Absolute(u32),
    /// This share, in percent, of the configured weight (HAProxy's agent-check).
    Percent(u16),
    /// This much more or less than the configured weight (keepalived's MISC_DYNAMIC).
    Delta(i32),
}

const DETAIL_LEN: usize = 256;
