//! Persistence: a client keeps its destination.

use std::{fmt, net::Ipv4Addr, time::Duration};

use super::Family;
use crate::error::ConfigError;

/// For how long, and as a member of which group, a client keeps its destination.
///
/// `Display` writes it as `ipvsadm` does: `-p 300`, with the granularity where that is not a single client.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Persistence {
    /// Seconds.
    timeout: u32,
    /// `None` where each client is by itself, also where a service or the kernel says so in the terms of its version of IP.
    granularity: Option<Granularity>,
}

impl Persistence {
    /// Has each client keep its destination for so long after its last connection.
    ///
    /// # Errors
    ///
    /// Less than a second or more than 31 days, and fractions of seconds, which the kernel does not know. `ipvsadm` has the
    /// same bounds.
    pub fn new(timeout: Duration) -> Result<Self, ConfigError> {
        let seconds = u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX);
        if timeout.subsec_nanos() != 0 || !(1..=TIMEOUT_MAX).contains(&seconds) {
            return Err(ConfigError::PersistenceTimeout { timeout });
        }
        Ok(Self { timeout: seconds, granularity: None })
    }

    /// Has the clients of a network share a destination.
    pub fn granularity(mut self, granularity: Granularity) -> Self {
        self.granularity = Some(granularity);
        self
    }

    /// Returns for how long.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout.into())
    }

    /// Returns which clients share a destination, `None` where each has its own.
    pub fn network(&self) -> Option<Granularity> {
        self.granularity.filter(|granularity| !granularity.is_host())
    }

    pub(crate) fn from_kernel(timeout: u32, granularity: Granularity) -> Self {
        Self { timeout, granularity: Some(granularity) }.plain()
    }

    pub(crate) fn seconds(&self) -> u32 {
        self.timeout
    }

    /// Checks that the granularity is one of the version of IP.
    pub(super) fn of_family(self, family: Family) -> Result<Self, ConfigError> {
        match self.granularity {
            Some(granularity) if granularity.family() != family => {
                Err(ConfigError::GranularityFamily { granularity, family })
            }
            Some(_) | None => Ok(self.plain()),
        }
    }

    /// Says in one way only that each client is by itself, so that equal ones are equal.
    fn plain(self) -> Self {
        Self { granularity: self.network(), ..self }
    }
}

impl fmt::Display for Persistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-p {}", self.timeout)?;
        self.network().map_or(Ok(()), |granularity| write!(f, " -M {granularity}"))
    }
}

/// Which bits of a client's address count.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Granularity(Kind);

#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kind {
    Mask(Ipv4Addr),
    Prefix(u8),
}

impl Granularity {
    /// Takes a netmask, for IPv4. `0.0.0.0` is one group of all clients.
    ///
    /// # Errors
    ///
    /// A mask with gaps.
    pub fn netmask(mask: Ipv4Addr) -> Result<Self, ConfigError> {
        if mask.to_bits().count_ones() != mask.to_bits().leading_ones() {
            return Err(ConfigError::Netmask { mask });
        }
        Ok(Self(Kind::Mask(mask)))
    }

    /// Takes the length of a prefix, for IPv6.
    ///
    /// # Errors
    ///
    /// 0, and above 128.
    pub fn prefix(length: u8) -> Result<Self, ConfigError> {
        if (1..=128).contains(&length) {
            Ok(Self(Kind::Prefix(length)))
        } else {
            Err(ConfigError::Prefix { length })
        }
    }

    pub(crate) fn host(family: Family) -> Self {
        match family {
            Family::V4 => Self(Kind::Mask(Ipv4Addr::BROADCAST)),
            Family::V6 => Self(Kind::Prefix(128)),
        }
    }

    /// Takes the attribute's bytes: a mask in network byte order, or a length in the host's.
    pub(crate) fn from_kernel(family: Family, bytes: [u8; 4]) -> Self {
        Self(match family {
            Family::V4 => Kind::Mask(bytes.into()),
            Family::V6 => Kind::Prefix(u8::try_from(u32::from_ne_bytes(bytes)).unwrap_or(u8::MAX)),
        })
    }

    pub(crate) fn to_kernel(self) -> [u8; 4] {
        match self.0 {
            Kind::Mask(mask) => mask.octets(),
            Kind::Prefix(length) => u32::from(length).to_ne_bytes(),
        }
    }

    fn family(self) -> Family {
        match self.0 {
            Kind::Mask(_) => Family::V4,
            Kind::Prefix(_) => Family::V6,
        }
    }

    fn is_host(self) -> bool {
        self == Self::host(self.family())
    }
}

impl fmt::Display for Granularity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Mask(mask) => write!(f, "{mask}"),
            Kind::Prefix(length) => write!(f, "{length}"),
        }
    }
}

/// 31 days: in jiffies it still fits into the kernel's 32 bits.
const TIMEOUT_MAX: u32 = 31 * 24 * 60 * 60;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Service, ServiceId};

    #[test]
    fn a_service_has_the_persistence_that_it_was_given() {
        let seconds = Persistence::new(Duration::from_secs(300)).unwrap();
        let of = |id: &str, persistence| {
            let service = Service::builder(id.parse::<ServiceId>().unwrap()).persistence(persistence).build();
            service.map(|service| service.persistence())
        };

        assert_eq!(of("-f 1", seconds), Ok(Some(seconds)));
        assert_eq!(of("-f 1 -6", seconds), Ok(Some(seconds)));
        assert_eq!(of("-f 1 -6", seconds.granularity(Granularity::host(Family::V6))), Ok(Some(seconds)));
        assert_eq!(Persistence::from_kernel(300, Granularity::host(Family::V4)), seconds);
        let network = seconds.granularity(Granularity::prefix(64).unwrap());
        assert_eq!(of("-f 1 -6", network), Ok(Some(network)));
        for (id, other) in [("-f 1", Family::V6), ("-f 1 -6", Family::V4)] {
            assert!(of(id, seconds.granularity(Granularity::host(other))).is_err(), "{id}");
        }
    }
}
