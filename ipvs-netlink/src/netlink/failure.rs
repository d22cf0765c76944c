//! Why a request failed, before it is known what it was for.

use std::{fmt, io};

use super::Malformed;

/// A request that failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    /// The kernel's own words.
    pub(crate) kernel_message: Option<Box<str>>,
}

impl Failure {
    pub(crate) fn is(&self, errno: i32) -> bool {
        self.errno() == Some(errno)
    }

    pub(crate) fn errno(&self) -> Option<i32> {
        self.cause.os_error().and_then(io::Error::raw_os_error)
    }
}

impl From<Malformed> for Failure {
    fn from(Malformed: Malformed) -> Self {
        Cause::Malformed.into()
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        Self { cause, kernel_message: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Cause::Os(SystemError(error)).into()
    }
}

impl From<nix::Error> for Failure {
    fn from(errno: nix::Error) -> Self {
        io::Error::from(errno).into()
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Cause {
    Os(SystemError),
    TimedOut,
    Malformed,
    KeptChanging,
    TooLong { length: usize, room: usize },
}

impl Cause {
    pub(crate) fn os_error(&self) -> Option<&io::Error> {
        match self {
            Self::Os(SystemError(error)) => Some(error),
            Self::TimedOut | Self::Malformed | Self::KeptChanging | Self::TooLong { .. } => None,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Os(SystemError(error)) => match error.raw_os_error() {
                Some(errno) => write_lower_case(f, nix::Error::from_raw(errno).desc()),
                None => write!(f, "{error}"),
            },
            Self::TimedOut => write!(f, "the kernel did not answer in time"),
            Self::Malformed => write!(f, "malformed message"),
            Self::KeptChanging => write!(f, "it kept changing while it was read"),
            Self::TooLong { length, room } => {
                write!(f, "a datagram of {length} bytes does not fit into a buffer of {room}")
            }
        }
    }
}

/// An error of the operating system, which can be told to everybody whom it concerns.
#[derive(Debug)]
pub(crate) struct SystemError(io::Error);

impl Clone for SystemError {
    fn clone(&self) -> Self {
        Self(match self.0.raw_os_error() {
            Some(errno) => io::Error::from_raw_os_error(errno),
            None => self.0.kind().into(),
        })
    }
}

/// Writes a system error's text to fit into a sentence, leaving words that are all capitals alone ("RPC ...").
fn write_lower_case(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let mut letters = text.chars();
    match (letters.next(), letters.clone().next()) {
        (Some(first), Some(second)) if !second.is_uppercase() => {
            write!(f, "{}{}", first.to_lowercase(), letters.as_str())
        }
        _ => write!(f, "{text}"),
    }
}
