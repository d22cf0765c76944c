use std::io;

use nix::errno::Errno;
use thiserror::Error;

/// Why a request failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[expect(clippy::exhaustive_enums, reason = "crates that name the operation tell each apart")]
pub enum Failure {
    /// The kernel refused it, or a system call failed.
    #[error("{}{}", io::Error::from_raw_os_error(*errno), text.iter().map(|text| format!(" ({text})")).collect::<String>())]
    Os {
        /// What it answered.
        errno: i32,
        /// Its own words (netlink's extended acknowledgement), which differ from one version to the next.
        text: Option<Box<str>>,
    },
    /// It did not answer in time; whether the request was carried out is not known.
    #[error("the kernel did not answer in time")]
    TimedOut,
    /// The answer could not be understood.
    #[error("the kernel's answer could not be understood")]
    Malformed,
    /// The answer did not fit into the buffer.
    #[error("a datagram of {length} bytes does not fit into {room}")]
    TooLong {
        /// Of the datagram, in bytes.
        length: usize,
        /// For it, in bytes.
        room: usize,
    },
    /// A list changed each time it was read.
    #[error("the list kept changing while it was read")]
    KeptChanging,
}

impl Failure {
    /// Tells whether the kernel, or a system call, said this.
    pub fn is(&self, errno: i32) -> bool {
        matches!(self, Self::Os { errno: said, .. } if *said == errno)
    }
}

impl From<Malformed> for Failure {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Os { errno: error.raw_os_error().unwrap_or_default(), text: None }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Self {
        Self::Os { errno: errno as i32, text: None }
    }
}

/// A length inside the message does not fit what is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Error)]
#[error("a length inside the message does not fit what is there")]
#[expect(clippy::exhaustive_structs, reason = "it says all there is to say")]
pub struct Malformed;
