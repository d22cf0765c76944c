//! Who is who on the LAN, and what the protocol itself takes.

use std::{net::Ipv4Addr, time::Duration};

use failover_examples::{AuthenticationSettings, Preemption, RouterSettings, Settings};
use vrrp_proto::{AdvertInterval, FieldError, Password, Version};

/// The two nodes by number: 0 is node1, 1 is node2.
pub(crate) const NODES: [usize; 2] = [0, 1];

/// The client, where nodes go by number.
pub(crate) const CLIENT: usize = 2;

/// Their names, on the screen and as ports of the bridge.
pub(crate) const NAMES: [&str; 3] = ["node1", "node2", "client"];

/// Their own addresses, and the client's.
pub(crate) const NODE_ADDRESSES: [Ipv4Addr; 2] =
    [Ipv4Addr::new(172, 18, 0, 11), Ipv4Addr::new(172, 18, 0, 12)];
pub(crate) const CLIENT_ADDRESS: Ipv4Addr = Ipv4Addr::new(172, 18, 0, 100);
pub(crate) const PREFIX_LEN: u8 = 16;

/// A virtual address is a subnet of its own, so that its removal never takes another along.
pub(crate) const VIP_PREFIX_LEN: u8 = 32;

/// How often the client pings each virtual address.
pub(crate) const PING_PERIOD: Duration = Duration::from_millis(5);

/// What is played: one virtual router, or two with crossed priorities.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) routers: Vec<Router>,
    pub(crate) preempt: bool,
    pub(crate) version: Version,
    pub(crate) interval: AdvertInterval,
    password: Option<String>,
    pub(crate) group: Ipv4Addr,
}

#[derive(Clone, Debug)]
pub(crate) struct Router {
    pub(crate) vrid: u8,
    pub(crate) vip: Ipv4Addr,
    pub(crate) priorities: [u8; 2],
}

impl Plan {
    pub(crate) fn new(
        dual: bool,
        preempt: bool,
        version: Version,
        interval: AdvertInterval,
        password: Option<String>,
        group: Ipv4Addr,
    ) -> Result<Self, FieldError> {
        password.as_ref().map(Password::new).transpose()?;
        let first = Router { vrid: 50, vip: Ipv4Addr::new(172, 18, 50, 50), priorities: [100, 98] };
        let second = Router { vrid: 51, vip: Ipv4Addr::new(172, 18, 51, 51), priorities: [98, 100] };
        let routers = if dual { vec![first, second] } else { vec![first] };
        Ok(Self { routers, preempt, version, interval, password, group })
    }

    /// What a node's process is told.
    pub(crate) fn settings(&self, node: usize) -> Settings {
        let routers = self.routers.iter().map(|router| RouterSettings {
            vrid: router.vrid,
            priority: router.priorities[node],
            addresses: vec![format!("{}/{VIP_PREFIX_LEN}", router.vip)],
        });
        let password = self.password.clone();
        Settings {
            group: Some(self.group.into()),
            version: Some(self.version.get()),
            interval: self.interval,
            preemption: if self.preempt { Preemption::Allow } else { Preemption::Forbid },
            authentication: password.map_or(AuthenticationSettings::None, AuthenticationSettings::Password),
            ..Settings::new("eth0", routers.collect::<Vec<_>>())
        }
    }

    /// The Advertisement_Interval.
    pub(crate) fn interval(&self) -> Duration {
        self.interval.as_duration()
    }

    /// The Skew_Time of a router at a node, computed here from RFC 3768 §6.1 and RFC 9568 §6.1 and not by the engine under
    /// test.
    pub(crate) fn skew_time(&self, router: usize, node: usize) -> Duration {
        let whole = match self.version {
            Version::V2 => Duration::from_secs(1),
            Version::V3 => self.interval(),
        };
        whole * (256 - u32::from(self.routers[router].priorities[node])) / 256
    }

    /// The Master_Down_Interval of a router at a node, likewise.
    pub(crate) fn master_down_interval(&self, router: usize, node: usize) -> Duration {
        3 * self.interval() + self.skew_time(router, node)
    }

    /// The router of that number.
    pub(crate) fn by_vrid(&self, vrid: u8) -> Option<usize> {
        self.routers.iter().position(|router| router.vrid == vrid)
    }

    /// The router with that address.
    pub(crate) fn by_vip(&self, vip: Ipv4Addr) -> Option<usize> {
        self.routers.iter().position(|router| router.vip == vip)
    }
}

pub(crate) fn parse_version(text: &str) -> Result<Version, String> {
    match text {
        "2" => Ok(Version::V2),
        "3" => Ok(Version::V3),
        _ => Err("2 or 3".to_owned()),
    }
}

pub(crate) fn parse_interval(text: &str) -> Result<AdvertInterval, String> {
    let secs: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    let interval = Duration::try_from_secs_f64(secs).map_err(|error| error.to_string())?;
    // What was written as a decimal fraction is meant as one.
    let interval = Duration::from_micros((interval + Duration::from_nanos(500)).as_micros() as u64);
    AdvertInterval::try_from(interval).map_err(|error| error.to_string())
}

pub(crate) fn parse_group(text: &str) -> Result<Ipv4Addr, String> {
    let group: Ipv4Addr = text.parse().map_err(|_| "not an IPv4 address".to_owned())?;
    if group.is_multicast() {
        Ok(group)
    } else {
        Err("not a multicast address: 224.0.0.0 to 239.255.255.255".to_owned())
    }
}
