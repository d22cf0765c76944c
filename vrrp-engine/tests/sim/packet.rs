//! Packets, as peers send them.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, Password, Priority, Vrid,
};

use super::spec::{Family, Nanos, Role, Version};

/// A packet as it is on the wire: what its IP header says, and the message.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Datagram {
    pub(crate) source: IpAddr,
    pub(crate) group: IpAddr,
    pub(crate) hop_limit: u8,
    pub(crate) bytes: Arc<[u8]>,
}

/// Writes an advertisement that a peer of that role might send, or might not: `change` says what is wrong with it.
pub(crate) fn advertisement(source: IpAddr, role: &Role, change: Option<Oddity>) -> Datagram {
    let mut role = *role;
    let mut authentication = Authentication::None;
    let addresses = Vips::of(&role);
    let mut endpoints = Endpoints::multicast(source);
    match change {
        None => {}
        Some(Oddity::Group) => {
            let group = match role.family {
                Family::V4 => IpAddr::from([224, 0, 0, 99]),
                Family::V6 => IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x99]),
            };
            endpoints = Endpoints::new(source, group).unwrap();
        }
        Some(Oddity::Interval) => role.centis = if role.centis > 100 { role.centis - 100 } else { 200 },
        Some(Oddity::Password) => {
            authentication = Authentication::SimpleText(Password::new("s3cr3t").unwrap());
        }
        Some(Oddity::Version) => {
            role.version = if role.version == Version::V2 { Version::V3 } else { Version::V2 };
            role.centis = 100;
        }
    }
    let (vrid, priority) = (Vrid::new(role.vrid).unwrap(), Priority::new(role.priority));
    let interval = interval(&role);
    let advertisement = match role.version {
        Version::V2 => Advertisement::v2(vrid, priority, interval, addresses.list(), authentication),
        Version::V3 => Advertisement::v3(vrid, priority, interval, addresses.list()),
    };
    let mut buffer = [0; Advertisement::MAX_LEN];
    let advertisement = advertisement.unwrap();
    let bytes = (*advertisement.encode(&endpoints, Checksum::PseudoHeader, &mut buffer).unwrap()).into();
    Datagram { source, group: endpoints.destination(), hop_limit: 255, bytes }
}

/// Reads priority and interval, without help from the codec.
pub(crate) fn read(bytes: &[u8]) -> (u8, Nanos) {
    let centis = match bytes[0] >> 4 {
        2 => u64::from(bytes[5]) * 100,
        _ => u64::from(bytes[4] & 0xf) << 8 | u64::from(bytes[5]),
    };
    (bytes[2], centis * 10_000_000)
}

/// Tells whether a message has the addresses of that role, without help from the codec.
pub(crate) fn has_addresses_of(role: &Role, bytes: &[u8]) -> bool {
    let Vips { family, v4, v6 } = Vips::of(role);
    match family {
        Family::V4 => bytes[8..].starts_with(v4.as_flattened()),
        Family::V6 => bytes[8..].starts_with(v6.as_flattened()),
    }
}

/// What is well formed and yet refused.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Oddity {
    /// Sent to another group.
    Group,
    /// Another interval, in version 2.
    Interval,
    /// A password, in version 2, where none is configured.
    Password,
    /// The other version of the protocol.
    Version,
}

/// The virtual addresses of a virtual router.
pub(crate) struct Vips {
    family: Family,
    v4: [[u8; 4]; 2],
    v6: [[u8; 16]; 2],
}

impl Vips {
    pub(crate) fn of(role: &Role) -> Self {
        let v6 = [0xfe80, 0x2001].map(|net| Ipv6Addr::new(net, 0, 0, 0, 0, 0, 1, role.vrid.into()).octets());
        Self { family: role.family, v4: [[198, 51, 100, role.vrid], [203, 0, 113, role.vrid]], v6 }
    }

    pub(crate) fn list(&self) -> Addresses<'_> {
        match self.family {
            Family::V4 => Addresses::V4(&self.v4),
            Family::V6 => Addresses::V6(&self.v6),
        }
    }
}

pub(crate) fn interval(role: &Role) -> AdvertInterval {
    match role.version {
        Version::V2 => AdvertInterval::from_secs((role.centis / 100) as u8),
        Version::V3 => AdvertInterval::from_centis(role.centis),
    }
    .unwrap()
}
