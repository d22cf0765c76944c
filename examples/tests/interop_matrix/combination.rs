//! The ways in which two routers can speak VRRP to each other, and what each of them is told.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};

/// Version, family, authentication, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Combination {
    pub(crate) protocol: Protocol,
    pub(crate) secret: Secret,
    pub(crate) to: To,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    V2,
    V3,
    V3Ipv6,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secret {
    None,
    Password,
    Header,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Group,
    Peers,
}

impl Combination {
    /// All there are: only version 2 authenticates.
    pub(crate) fn all() -> Vec<Self> {
        let ways = [
            (Protocol::V2, Secret::None),
            (Protocol::V2, Secret::Password),
            (Protocol::V2, Secret::Header),
            (Protocol::V3, Secret::None),
            (Protocol::V3Ipv6, Secret::None),
        ];
        let with = |to| ways.map(|(protocol, secret)| Self { protocol, secret, to });
        [with(To::Group), with(To::Peers)].concat()
    }

    /// Whether keepalived alone plays all scenes well: with Authentication Headers, two of them that were split refuse each
    /// other's sequence numbers afterwards, and stay Masters.
    pub(crate) fn survives_a_split(self, cast: Cast) -> bool {
        self.secret != Secret::Header || cast != Cast::Reference
    }

    pub(crate) fn is_ipv6(self) -> bool {
        self.protocol == Protocol::V3Ipv6
    }

    pub(crate) fn version(self) -> u8 {
        match self.protocol {
            Protocol::V2 => 2,
            Protocol::V3 | Protocol::V3Ipv6 => 3,
        }
    }

    /// The virtual addresses: of IPv6, a link-local one goes first.
    pub(crate) fn vips(self) -> &'static [&'static str] {
        if self.is_ipv6() { &["fe80::100/64", "2001:db8::100/64"] } else { &["192.0.2.100/24"] }
    }

    /// The address a side advertises from.
    pub(crate) fn source(self, side: Side) -> IpAddr {
        let number = side.number();
        if self.is_ipv6() {
            // What the kernel makes of the hardware address 02:00:00:00:00:NUMBER (RFC 4291, appendix A).
            Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, number.into()).into()
        } else {
            side.address().into()
        }
    }

    /// Where a side's advertisements go.
    pub(crate) fn destination(self, side: Side) -> IpAddr {
        match (self.to, self.is_ipv6()) {
            (To::Peers, _) => self.source(side.other()),
            (To::Group, false) => vrrp_proto::MULTICAST_V4.into(),
            (To::Group, true) => vrrp_proto::MULTICAST_V6.into(),
        }
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            Protocol::V2 => "v2-ipv4",
            Protocol::V3 => "v3-ipv4",
            Protocol::V3Ipv6 => "v3-ipv6",
        })?;
        f.write_str(match self.secret {
            Secret::None => "-none",
            Secret::Password => "-pass",
            Secret::Header => "-ah",
        })?;
        f.write_str(match self.to {
            To::Group => "-multicast",
            To::Peers => "-unicast",
        })
    }
}

/// The two routers: one has the higher address, and the higher priority where they differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Worse,
    Better,
}

impl Side {
    pub(crate) const BOTH: [Self; 2] = [Self::Worse, Self::Better];

    pub(crate) fn other(self) -> Self {
        match self {
            Self::Worse => Self::Better,
            Self::Better => Self::Worse,
        }
    }

    /// Its own IPv4 address.
    pub(crate) fn address(self) -> Ipv4Addr {
        Ipv4Addr::new(192, 0, 2, self.number())
    }

    /// Its port of the LAN.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Worse => "worse",
            Self::Better => "better",
        }
    }

    /// Its hardware address: the LAN counts its ports.
    pub(crate) fn hardware_address(self) -> String {
        format!("02:00:00:00:00:{:02x}", self.number())
    }

    /// In traces.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Worse => 'W',
            Self::Better => 'B',
        }
    }

    pub(crate) fn index(self) -> usize {
        self as usize
    }

    fn number(self) -> u8 {
        match self {
            Self::Worse => 1,
            Self::Better => 2,
        }
    }
}

/// What runs on a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Ours,
    Keepalived,
}

/// Who is better and who is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cast {
    /// keepalived against keepalived: what the others are compared with.
    Reference,
    OursIsBetter,
    KeepalivedIsBetter,
}

impl Cast {
    pub(crate) const ALL: [Self; 3] = [Self::Reference, Self::OursIsBetter, Self::KeepalivedIsBetter];

    pub(crate) fn kind(self, side: Side) -> Kind {
        match (self, side) {
            (Self::OursIsBetter, Side::Better) | (Self::KeepalivedIsBetter, Side::Worse) => Kind::Ours,
            (Self::Reference, _)
            | (Self::OursIsBetter, Side::Worse)
            | (Self::KeepalivedIsBetter, Side::Better) => Kind::Keepalived,
        }
    }
}

impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reference => "keepalived-alone",
            Self::OursIsBetter => "ours-better",
            Self::KeepalivedIsBetter => "keepalived-better",
        })
    }
}

/// What one router is told beyond the combination.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Role {
    pub(crate) priority: u8,
    pub(crate) preemption: Preemption,
    pub(crate) secret: &'static str,
}

impl Role {
    pub(crate) fn new(priority: u8) -> Self {
        Self { priority, preemption: Preemption::Allow, secret: "s3cr3t" }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Preemption {
    Allow,
    Forbid,
    Delay(Duration),
}
