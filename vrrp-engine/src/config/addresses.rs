use alloc::boxed::Box;
use core::net::IpAddr;

use vrrp_proto::{Addresses, Family};

/// Addresses of one family, in the operator's order, as they are sent.
#[derive(Clone, Debug)]
pub(crate) enum List {
    V4(Box<[[u8; 4]]>),
    V6(Box<[[u8; 16]]>),
}

impl List {
    /// Takes those of the addresses that are of the family.
    pub(crate) fn new(family: Family, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        let addresses = addresses.into_iter();
        match family {
            Family::V4 => Self::V4(addresses.filter_map(v4).collect()),
            Family::V6 => Self::V6(addresses.filter_map(v6).collect()),
        }
    }

    #[inline]
    pub(crate) const fn as_addresses(&self) -> Addresses<'_> {
        match self {
            Self::V4(list) => Addresses::V4(list),
            Self::V6(list) => Addresses::V6(list),
        }
    }
}

const fn v4(address: IpAddr) -> Option<[u8; 4]> {
    match address {
        IpAddr::V4(address) => Some(address.octets()),
        IpAddr::V6(_) => None,
    }
}

const fn v6(address: IpAddr) -> Option<[u8; 16]> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(address.octets()),
    }
}
