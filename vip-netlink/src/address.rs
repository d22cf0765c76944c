use std::{fmt, net::Ipv4Addr, str::FromStr};

use crate::message::{Attributes, Malformed};

/// An IPv4 address with a prefix length, as an interface holds it.
///
/// The kernel tells two addresses with the same IP and different prefix lengths apart, and so does this type. A virtual
/// address is best a `/32`: it then brings no route of its own, and removing it takes no other address along.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    ip: Ipv4Addr,
    prefix_len: u8,
}

impl Address {
    /// Builds an address, refusing what the kernel would accept although no host can use it.
    ///
    /// # Errors
    ///
    /// A prefix length above 32; an unspecified, multicast or broadcast IP.
    pub fn new(ip: Ipv4Addr, prefix_len: u8) -> Result<Self, AddressError> {
        if prefix_len > 32 {
            return Err(AddressError::PrefixLength(prefix_len));
        }
        if ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() {
            return Err(AddressError::NotUnicast(ip));
        }
        Ok(Self { ip, prefix_len })
    }

    /// Returns the IP, host bits included.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// Returns the prefix length, 0 to 32.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }

    /// Reads the payload of an `RTM_NEWADDR` (`struct ifaddrmsg`, linux/if_addr.h): the interface's index and the
    /// address on it, if that is one this type can hold.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<(u32, Self)>, Malformed> {
        let (header, attributes) = payload.split_first_chunk::<8>().ok_or(Malformed)?;
        let &[family, prefix_len, _flags, _scope, index @ ..] = header;
        if family != AF_INET {
            return Ok(None);
        }
        let (mut local, mut peer) = (None, None);
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                IFA_LOCAL => local = Some(attribute.array()?),
                IFA_ADDRESS => peer = Some(attribute.array()?),
                _ => {}
            }
        }
        let ip: [u8; 4] = local.or(peer).ok_or(Malformed)?;
        Ok(Self::new(ip.into(), prefix_len).ok().map(|address| (u32::from_ne_bytes(index), address)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.ip, self.prefix_len)
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads `10.0.0.1/24`; without a prefix length it is 32.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        let (ip, prefix_len) = match text.split_once('/') {
            Some((ip, prefix_len)) => (ip, parse_prefix_len(prefix_len)?),
            None => (text, 32),
        };
        Self::new(ip.parse().map_err(|_| AddressError::Syntax)?, prefix_len)
    }
}

/// Why a text or a pair of numbers is not an [`Address`].
#[derive(Copy, Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// The text is not of the form `10.0.0.1/24` or `10.0.0.1`.
    #[error("not an IPv4 address, like 10.0.0.1/24 or 10.0.0.1")]
    Syntax,
    /// The prefix length is above 32.
    #[error("prefix length {0} is above 32")]
    PrefixLength(u8),
    /// The IP is unspecified, multicast or broadcast.
    #[error("{0} cannot be the address of a host")]
    NotUnicast(Ipv4Addr),
}

/// Reads a number as `Display` writes it: `u8::from_str` alone would take `+24` and `024` too.
fn parse_prefix_len(text: &str) -> Result<u8, AddressError> {
    let number: u8 = text.parse().map_err(|_| AddressError::Syntax)?;
    let canonical =
        text.bytes().all(|digit| digit.is_ascii_digit()) && (text.len() == 1 || !text.starts_with('0'));
    canonical.then_some(number).ok_or(AddressError::Syntax)
}

const AF_INET: u8 = nix::libc::AF_INET as u8;
const IFA_ADDRESS: u16 = nix::libc::IFA_ADDRESS;
const IFA_LOCAL: u16 = nix::libc::IFA_LOCAL;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_text_without_prefix_length_is_a_host_address() {
        let address: Address = "192.0.2.7".parse().unwrap();

        assert_eq!(address, Address::new(Ipv4Addr::new(192, 0, 2, 7), 32).unwrap());
        assert_eq!(address.to_string(), "192.0.2.7/32");
    }

    #[test]
    fn what_is_no_host_address_is_refused() {
        use AddressError::{NotUnicast, PrefixLength, Syntax};

        let cases = [
            ("10.0.0.1/33", PrefixLength(33)),
            ("0.0.0.0/0", NotUnicast(Ipv4Addr::UNSPECIFIED)),
            ("224.0.0.18/32", NotUnicast(Ipv4Addr::new(224, 0, 0, 18))),
            ("255.255.255.255", NotUnicast(Ipv4Addr::BROADCAST)),
            ("", Syntax),
            ("10.0.0.1/", Syntax),
            ("10.0.0.1/+8", Syntax),
            ("10.0.0.1/08", Syntax),
            ("10.0.0.1/256", Syntax),
            ("10.0.0.1/24/24", Syntax),
            ("10.0.0/24", Syntax),
            (" 10.0.0.1", Syntax),
            ("fe80::1/64", Syntax),
        ];

        for (text, error) in cases {
            assert_eq!(text.parse::<Address>(), Err(error), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn display_and_parse_are_inverse(ip: [u8; 4], prefix_len in 0_u8..=32) {
            if let Ok(address) = Address::new(ip.into(), prefix_len) {
                prop_assert_eq!(address.to_string().parse(), Ok(address));
            }
        }

        #[test]
        fn any_text_is_parsed_or_refused(text in ".{0,24}") {
            let _ = text.parse::<Address>();
        }
    }
}
