//! The flags of a service.

use std::{
    fmt,
    ops::{BitOr, BitOrAssign},
};

use super::Scheduler;
use crate::error::ConfigError;

/// Flags of a service (`IP_VS_SVC_F_*` of linux/ip_vs.h).
///
/// Bits without a name here are kept as they are: those that a service brings are written, all others are left as the
/// kernel has them. They are not part of a service's text.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ServiceFlags(u32);

impl ServiceFlags {
    /// No flag.
    pub const EMPTY: Self = Self(0);
    /// Each packet is a connection of its own, so that requests of one client port are spread. For UDP.
    pub const ONE_PACKET: Self = Self(0x4);
    /// The scheduler's first flag.
    pub const SCHEDULER_1: Self = Self(0x8);
    /// The scheduler's second flag.
    pub const SCHEDULER_2: Self = Self(0x10);
    /// The scheduler's third flag.
    pub const SCHEDULER_3: Self = Self(0x20);
    /// For `sh` and `mh`: another destination is tried where the chosen one has weight 0 or too many connections.
    pub const FALLBACK: Self = Self::SCHEDULER_1;
    /// For `sh` and `mh`: the source port counts too.
    pub const PORT: Self = Self::SCHEDULER_2;

    const NAMED: u32 = 0x3c;
    const PERSISTENT: u32 = 0x1;
    /// The kernel's own: the service is in its table.
    const HASHED: u32 = 0x2;

    /// Takes bits as they are on the wire.
    ///
    /// # Errors
    ///
    /// 0x1, which [`Persistence`](crate::Persistence) implies, and 0x2, which is the kernel's own.
    pub fn from_bits(bits: u32) -> Result<Self, ConfigError> {
        match bits & (Self::PERSISTENT | Self::HASHED) {
            0 => Ok(Self(bits)),
            reserved => Err(ConfigError::Flags { reserved }),
        }
    }

    /// Returns the bits as they are on the wire.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Tells whether all of the others are among them.
    pub fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Tells whether there is none.
    pub fn is_empty(self) -> bool {
        self == Self::EMPTY
    }

    /// Splits what the kernel says.
    pub(crate) fn from_kernel(bits: u32) -> (Self, Persistent) {
        let persistent = if bits & Self::PERSISTENT == 0 { Persistent::No } else { Persistent::Yes };
        (Self(bits & !(Self::PERSISTENT | Self::HASHED)), persistent)
    }

    /// The value to write, and which bits of the kernel's it replaces.
    pub(crate) fn to_kernel(self, persistent: Persistent) -> (u32, u32) {
        let implied = match persistent {
            Persistent::Yes => Self::PERSISTENT,
            Persistent::No => 0,
        };
        (self.0 | implied, Self::PERSISTENT | self.written())
    }

    /// Tells whether writing these over the others changes nothing.
    pub(crate) fn is_met_by(self, others: Self) -> bool {
        (self.0 ^ others.0) & self.written() == 0
    }

    fn written(self) -> u32 {
        Self::NAMED | self.0
    }

    /// Writes ` -o -b sh-fallback,sh-port`, the names being those of the scheduler.
    pub(super) fn fmt_of(self, scheduler: Scheduler, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.contains(Self::ONE_PACKET) {
            write!(f, " -o")?;
        }
        let mut before = " -b ";
        for (flag, name) in Self::names(scheduler) {
            if self.contains(flag) {
                write!(f, "{before}{name}")?;
                before = ",";
            }
        }
        Ok(())
    }

    /// Finds a flag of `ipvsadm -b` by its name.
    pub(crate) fn by_name(name: &str, scheduler: Scheduler) -> Option<Self> {
        let plain = GENERIC.into_iter();
        plain.chain(Self::names(scheduler)).find(|(_, known)| *known == name).map(|(flag, _)| flag)
    }

    fn names(scheduler: Scheduler) -> [(Self, &'static str); 3] {
        let [one, two, three] = GENERIC;
        match scheduler {
            Scheduler::SH => [(Self::FALLBACK, "sh-fallback"), (Self::PORT, "sh-port"), three],
            Scheduler::MH => [(Self::FALLBACK, "mh-fallback"), (Self::PORT, "mh-port"), three],
            _ => [one, two, three],
        }
    }
}

impl BitOr for ServiceFlags {
    type Output = Self;

    fn bitor(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }
}

impl BitOrAssign for ServiceFlags {
    fn bitor_assign(&mut self, others: Self) {
        *self = *self | others;
    }
}

/// The bit that stands for persistence.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Persistent {
    Yes,
    No,
}

const GENERIC: [(ServiceFlags, &str); 3] = [
    (ServiceFlags::SCHEDULER_1, "flag-1"),
    (ServiceFlags::SCHEDULER_2, "flag-2"),
    (ServiceFlags::SCHEDULER_3, "flag-3"),
];
