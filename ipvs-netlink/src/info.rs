//! What there is one of in a kernel or in a network namespace.

use std::{fmt, time::Duration};

use crate::error::ConfigError;

/// How long a connection without packets is remembered.
///
/// A time that is not set is left as it is when written; a namespace's own are all set.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Timeouts {
    pub(crate) tcp: Option<u32>,
    pub(crate) tcp_fin: Option<u32>,
    pub(crate) udp: Option<u32>,
}

impl Timeouts {
    /// Leaves all as they are.
    pub const UNCHANGED: Self = Self { tcp: None, tcp_fin: None, udp: None };

    /// Sets that of established TCP connections.
    ///
    /// # Errors
    ///
    /// Less than a second, more than 2147483 seconds (24 days), and fractions of seconds. What is more overflows in the
    /// kernel, 0 means to it that nothing is to be changed.
    pub fn tcp(self, time: Duration) -> Result<Self, ConfigError> {
        Ok(Self { tcp: Some(seconds("tcp", time)?), ..self })
    }

    /// Sets that of TCP connections that are being closed.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn tcp_fin(self, time: Duration) -> Result<Self, ConfigError> {
        Ok(Self { tcp_fin: Some(seconds("tcp fin", time)?), ..self })
    }

    /// Sets that of UDP.
    ///
    /// # Errors
    ///
    /// As for [`tcp`](Self::tcp).
    pub fn udp(self, time: Duration) -> Result<Self, ConfigError> {
        Ok(Self { udp: Some(seconds("udp", time)?), ..self })
    }

    /// Returns those of established TCP connections, of those being closed, and of UDP.
    pub fn get(&self) -> [Option<Duration>; 3] {
        [self.tcp, self.tcp_fin, self.udp].map(|time| time.map(|time| Duration::from_secs(time.into())))
    }
}

fn seconds(field: &'static str, time: Duration) -> Result<u32, ConfigError> {
    let seconds = u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    if time.subsec_nanos() != 0 || !(1..=TIMEOUT_MAX).contains(&seconds) {
        return Err(ConfigError::Timeout { field, time });
    }
    Ok(seconds)
}

/// What the kernel says of its IPVS.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Info {
    /// The version.
    pub version: Version,
    /// Buckets of the table of connections; since 2026 as many as there are now.
    pub connection_table_size: u32,
}

/// A version of IPVS: major, minor, patch.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u32);

impl Version {
    pub(crate) fn from_kernel(number: u32) -> Self {
        Self(number)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [_, major, minor, patch] = self.0.to_be_bytes();
        write!(f, "{major}.{minor}.{patch}")
    }
}

/// `INT_MAX` jiffies at 1000 Hz: the kernel does not tell which it has.
const TIMEOUT_MAX: u32 = i32::MAX as u32 / 1000;
