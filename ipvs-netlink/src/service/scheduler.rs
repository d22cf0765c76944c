//! Schedulers, by the names that their modules register.

use std::{fmt, str::FromStr};

use crate::{error::ConfigError, name::Name};

/// What chooses the destination of a connection, by name.
///
/// The constants are those of the kernel; `FromStr` takes any other name of up to 15 bytes, for a module of one's own. Whether
/// the kernel has the module, it tells when the service is added (`ENOENT`).
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scheduler(Name);

impl Scheduler {
    /// Round robin.
    pub const RR: Self = Self::known("rr");
    /// Weighted round robin.
    pub const WRR: Self = Self::known("wrr");
    /// Least connection.
    pub const LC: Self = Self::known("lc");
    /// Weighted least connection, the default.
    pub const WLC: Self = Self::known("wlc");
    /// Locality-based least connection, for caches.
    pub const LBLC: Self = Self::known("lblc");
    /// Locality-based least connection with replication.
    pub const LBLCR: Self = Self::known("lblcr");
    /// Source hashing. Knows [`ServiceFlags::FALLBACK`](crate::ServiceFlags::FALLBACK) and
    /// [`ServiceFlags::PORT`](crate::ServiceFlags::PORT).
    pub const SH: Self = Self::known("sh");
    /// Maglev hashing, since Linux 4.18. Knows the same flags as [`SH`](Self::SH).
    pub const MH: Self = Self::known("mh");
    /// Destination hashing.
    pub const DH: Self = Self::known("dh");
    /// Weighted failover: the available destination with the highest weight.
    pub const FO: Self = Self::known("fo");
    /// Weighted overflow: as [`FO`](Self::FO), and the next one when it has as many active connections as its weight.
    pub const OVF: Self = Self::known("ovf");
    /// Shortest expected delay.
    pub const SED: Self = Self::known("sed");
    /// Never queue: an idle destination, else as [`SED`](Self::SED).
    pub const NQ: Self = Self::known("nq");
    /// Power of two choices at random, since Linux 5.16.
    pub const TWOS: Self = Self::known("twos");
    /// No scheduler: nothing new is distributed.
    pub const NONE: Self = Self::known("none");

    const fn known(name: &str) -> Self {
        Self(Name::of_bytes(name.as_bytes()))
    }

    pub(crate) fn from_kernel(name: &[u8]) -> Self {
        Self(Name::of_bytes(name))
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        self.0.as_str()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the kernel module that registers it.
    pub(crate) fn module(&self) -> String {
        format!("ip_vs_{}", self.0)
    }
}

impl Default for Scheduler {
    fn default() -> Self {
        Self::WLC
    }
}

impl FromStr for Scheduler {
    type Err = ConfigError;

    fn from_str(name: &str) -> Result<Self, ConfigError> {
        let error = ConfigError::Name { field: "scheduler", length: name.len(), bound: NAME_MAX };
        Name::new(name, NAME_MAX).map(Self).ok_or(error)
    }
}

impl fmt::Display for Scheduler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// `IP_VS_SCHEDNAME_MAXLEN` of linux/ip_vs.h, less the NUL.
const NAME_MAX: usize = 15;
