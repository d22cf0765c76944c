use std::fmt;

use crate::{Cause, Kind, Layer, Verdict};

/// One line for a log: `network: timed out`, or `application: wrong status (503)`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.layer, self.kind)?;
        match self.code {
            0 => Ok(()),
            code => write!(f, " ({code})"),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Local => "this host",
            Self::Network => "network",
            Self::Tls => "TLS",
            Self::Application => "application",
            Self::Script => "script",
        })
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Passed => "passed",
            Self::TimedOut => "timed out",
            Self::HeldUp => "held up",
            Self::Failed => "failed",
            Self::Closed => "closed too early",
            Self::WrongStatus => "wrong status",
            Self::WrongContent => "wrong content",
            Self::Malformed => "malformed",
            Self::Certificate => "certificate not accepted",
            Self::Alert => "refused by an alert",
            Self::Signalled => "ended by a signal",
            Self::Silent => "nobody reported",
        })
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Drain => "drain",
            Self::Inconclusive => "inconclusive",
        })
    }
}
