use std::{error::Error, net::IpAddr, ops::RangeInclusive, time::Duration};

use serde::{Deserialize, Serialize};
use vip_netlink::{Address, AddressError};
use vrrp_engine::{Config, Preempt};
use vrrp_proto::{
    AdvertInterval, AhKey, Authentication, HOP_LIMIT, MULTICAST_V4, MULTICAST_V6, Password, Priority,
    UnicastPeer, Version, Vrid,
};

/// What a [`Node`](crate::Node) is to do: over IPv4 or over IPv6, whichever its addresses are of. In JSON, all but interface
/// and virtual routers may be left out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct Settings {
    /// The interface the virtual routers are on, by name.
    pub interface: String,
    /// The address they advertise from (default: the interface's first that does not float, of IPv6 its link-local one).
    #[serde(default)]
    pub source: Option<IpAddr>,
    /// The multicast group they advertise to (default 224.0.0.18 or ff02::12).
    #[serde(default)]
    pub group: Option<IpAddr>,
    /// The other routers, if they are to be spoken to one by one and not as a group.
    #[serde(default)]
    pub peers: Vec<PeerSettings>,
    /// The TTL or hop limit of what is sent to peers (default 255).
    #[serde(default = "default_hop_limit")]
    pub hop_limit: u8,
    /// The version of VRRP they speak, 2 or 3 (default: 2 over IPv4, 3 over IPv6).
    #[serde(default)]
    pub version: Option<u8>,
    /// Their advertisement interval (default 1 s), in milliseconds where it is JSON.
    #[serde(default)]
    pub interval: AdvertInterval,
    /// When they take over from a live Master of lower priority (default: they do).
    #[serde(default)]
    pub preemption: Preemption,
    /// How version 2 authenticates (default: not at all).
    #[serde(default)]
    pub authentication: AuthenticationSettings,
    /// The virtual routers.
    pub routers: Vec<RouterSettings>,
}

impl Settings {
    /// Starts with the defaults.
    pub fn new(interface: impl Into<String>, routers: impl Into<Vec<RouterSettings>>) -> Self {
        Self {
            interface: interface.into(),
            source: None,
            group: None,
            peers: Vec::new(),
            hop_limit: HOP_LIMIT,
            version: None,
            interval: AdvertInterval::DEFAULT,
            preemption: Preemption::default(),
            authentication: AuthenticationSettings::default(),
            routers: routers.into(),
        }
    }

    /// Returns what the engine is told of one of the virtual routers, if it advertises from `source`.
    ///
    /// # Errors
    ///
    /// A value out of range, in one sentence.
    pub fn config(
        &self,
        router: &RouterSettings,
        source: impl Into<IpAddr>,
    ) -> Result<Config, Box<dyn Error>> {
        let source = source.into();
        let addresses = router.parse_addresses()?;
        let mut config = Config::builder(Vrid::new(router.vrid)?, source, addresses.iter().map(Address::ip))
            .priority(Priority::new(router.priority))
            .interval(self.interval)
            .preempt(self.preemption.into())
            .hop_limit(self.hop_limit)
            .group(self.group_for(source));
        if !self.peers.is_empty() {
            config = config.peers(self.peers.iter().map(UnicastPeer::from));
        }
        if let Some(version) = self.version {
            config = config.version(parse_version(version)?);
        }
        config = match &self.authentication {
            AuthenticationSettings::None => config,
            AuthenticationSettings::Password(password) => {
                config.authentication(Authentication::SimpleText(Password::new(password)?))
            }
            AuthenticationSettings::Header(key) => config.authentication_header(AhKey::new(key)?),
        };
        Ok(config.build()?)
    }

    /// The group, for those who advertise from that address.
    pub(crate) fn group_for(&self, source: IpAddr) -> IpAddr {
        self.group.unwrap_or(match source {
            IpAddr::V4(_) => MULTICAST_V4.into(),
            IpAddr::V6(_) => MULTICAST_V6.into(),
        })
    }
}

fn parse_version(version: u8) -> Result<Version, String> {
    match version {
        2 => Ok(Version::V2),
        3 => Ok(Version::V3),
        other => Err(format!("VRRP version {other} is unknown: 2 or 3")),
    }
}

fn default_hop_limit() -> u8 {
    HOP_LIMIT
}

/// One virtual router of a [`Node`](crate::Node).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct RouterSettings {
    /// Its number, 1 to 255.
    pub vrid: u8,
    /// This node's priority, 1 to 255.
    pub priority: u8,
    /// Its addresses, each with its prefix length: `192.0.2.100/24`. Over IPv6 the first should be link-local.
    pub addresses: Vec<String>,
}

impl RouterSettings {
    pub(crate) fn parse_addresses(&self) -> Result<Vec<Address>, AddressError> {
        self.addresses.iter().map(|text| text.parse()).collect()
    }
}

/// Another router, that is spoken to alone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct PeerSettings {
    /// Its address.
    pub address: IpAddr,
    /// The TTL or hop limit that its packets may arrive with (default 255 alone: it is on the same link).
    #[serde(default = "only_255")]
    pub hop_limits: RangeInclusive<u8>,
}

impl PeerSettings {
    /// Starts with the default.
    pub fn new(address: impl Into<IpAddr>) -> Self {
        Self { address: address.into(), hop_limits: only_255() }
    }
}

impl From<&PeerSettings> for UnicastPeer {
    fn from(settings: &PeerSettings) -> Self {
        Self { address: settings.address, hop_limits: settings.hop_limits.clone() }
    }
}

fn only_255() -> RangeInclusive<u8> {
    HOP_LIMIT..=HOP_LIMIT
}

/// [`Preempt`], as it can be sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the caller chooses one")]
pub enum Preemption {
    /// [`Preempt::Allow`].
    #[default]
    Allow,
    /// [`Preempt::Forbid`].
    Forbid,
    /// [`Preempt::HoldTime`].
    HoldTime(Duration),
    /// [`Preempt::Delay`].
    Delay(Duration),
}

impl From<Preemption> for Preempt {
    fn from(preemption: Preemption) -> Self {
        match preemption {
            Preemption::Allow => Self::Allow,
            Preemption::Forbid => Self::Forbid,
            Preemption::HoldTime(time) => Self::HoldTime(time),
            Preemption::Delay(delay) => Self::Delay(delay),
        }
    }
}

/// How version 2 authenticates (RFC 2338 §5.3.6).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(clippy::exhaustive_enums, reason = "the caller chooses one, and RFC 2338 knows no more")]
pub enum AuthenticationSettings {
    /// It does not.
    #[default]
    None,
    /// With a password of 1 to 8 bytes in clear.
    Password(String),
    /// With an IP Authentication Header, over IPv4, whose key is a password of 1 to 8 bytes.
    Header(String),
}
