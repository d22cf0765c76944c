//! Prefixes: the addresses that a route or rule is for.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use crate::address::{Family, host_prefix_len, parse_prefix_len};

/// All addresses that begin with the same bits, as routes and rules name them: `192.0.2.0/24`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix {
    ip: IpAddr,
    length: u8,
}

impl Prefix {
    /// Every IPv4 address: `0.0.0.0/0`.
    pub const ALL_IPV4: Self = Self { ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED), length: 0 };
    /// Every IPv6 address: `::/0`.
    pub const ALL_IPV6: Self = Self { ip: IpAddr::V6(Ipv6Addr::UNSPECIFIED), length: 0 };

    /// Builds a prefix.
    ///
    /// # Errors
    ///
    /// A length above 32, for IPv6 above 128; bits that are set after the prefix, which would be either a slip or an
    /// address of a host.
    pub fn new(ip: impl Into<IpAddr>, length: u8) -> Result<Self, PrefixError> {
        let ip = ip.into();
        let bound = host_prefix_len(ip);
        if length > bound {
            return Err(PrefixError::Length { length, bound });
        }
        let prefix = Self::of(ip, length);
        if prefix.ip == ip { Ok(prefix) } else { Err(PrefixError::HostBits { prefix }) }
    }

    /// Returns the lowest address.
    pub fn ip(&self) -> IpAddr {
        self.ip
    }

    /// Returns how many bits are the same, 0 to 32, for IPv6 to 128.
    pub fn length(&self) -> u8 {
        self.length
    }

    pub(crate) fn family(&self) -> Family {
        Family::of(self.ip)
    }

    /// Clears what is set after the prefix.
    fn of(ip: IpAddr, length: u8) -> Self {
        let left = u32::from(host_prefix_len(ip).saturating_sub(length));
        let ip = match ip {
            IpAddr::V4(ip) => Ipv4Addr::from(ip.to_bits() & u32::MAX.checked_shl(left).unwrap_or(0)).into(),
            IpAddr::V6(ip) => Ipv6Addr::from(ip.to_bits() & u128::MAX.checked_shl(left).unwrap_or(0)).into(),
        };
        Self { ip, length }
    }
}

impl From<IpAddr> for Prefix {
    /// The one address alone: `/32`, for IPv6 `/128`.
    fn from(ip: IpAddr) -> Self {
        Self { ip, length: host_prefix_len(ip) }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.length)
    }
}

impl FromStr for Prefix {
    type Err = PrefixError;

    /// Reads `192.0.2.0/24` or `2001:db8::/32`; without a length it is the one address alone.
    fn from_str(text: &str) -> Result<Self, PrefixError> {
        let (ip, length) = match text.split_once('/') {
            Some((ip, length)) => (ip, Some(parse_prefix_len(length).map_err(|_| PrefixError::Syntax)?)),
            None => (text, None),
        };
        let ip = ip.parse().map_err(|_| PrefixError::Syntax)?;
        Self::new(ip, length.unwrap_or(host_prefix_len(ip)))
    }
}

/// Why a text or a pair of numbers is not a [`Prefix`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PrefixError {
    /// The text is not of the form `192.0.2.0/24` or `2001:db8::/32`.
    #[error("not a prefix, like 192.0.2.0/24 or 2001:db8::/32")]
    Syntax,
    /// The prefix is longer than an address.
    #[error("prefix length {length} is above {bound}")]
    Length {
        /// What was given.
        length: u8,
        /// The length of an address of this family in bits, 32 or 128.
        bound: u8,
    },
    /// Bits are set after the prefix.
    #[error("there are bits set after the prefix: is it {prefix}?")]
    HostBits {
        /// The same without them.
        prefix: Prefix,
    },
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_is_a_prefix_or_refused() {
        use PrefixError::{HostBits, Length, Syntax};
        let prefix = |text: &str| text.parse::<Prefix>().unwrap();

        for (text, expected) in [
            ("192.0.2.0/24", Ok("192.0.2.0/24")),
            ("192.0.2.7", Ok("192.0.2.7/32")),
            ("0.0.0.0/0", Ok("0.0.0.0/0")),
            ("2001:db8::/32", Ok("2001:db8::/32")),
            ("::1", Ok("::1/128")),
            ("192.0.2.7/24", Err(HostBits { prefix: prefix("192.0.2.0/24") })),
            ("2001:db8::1/32", Err(HostBits { prefix: prefix("2001:db8::/32") })),
            ("128.0.0.0/0", Err(HostBits { prefix: Prefix::ALL_IPV4 })),
            ("192.0.2.0/33", Err(Length { length: 33, bound: 32 })),
            ("192.0.2.0/+4", Err(Syntax)),
            ("default", Err(Syntax)),
            ("", Err(Syntax)),
        ] {
            assert_eq!(
                text.parse::<Prefix>().map(|prefix| prefix.to_string()),
                expected.map(str::to_owned),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(ip: IpAddr, length in 0_u8..=32) {
            let prefix = Prefix::of(ip, length);
            prop_assert_eq!(Prefix::new(prefix.ip(), length), Ok(prefix));
            prop_assert_eq!(prefix.to_string().parse(), Ok(prefix));
        }
    }
}
