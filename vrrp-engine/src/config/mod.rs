mod addresses;
mod builder;

use alloc::boxed::Box;
use core::{net::IpAddr, time::Duration};

#[cfg(feature = "auth")]
use vrrp_proto::AhKey;
use vrrp_proto::{
    AcceptChecksum, Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, Family,
    OnMismatch, Priority, Rules, UnicastPeer, Version, Vrid,
};

pub(crate) use self::addresses::List;
pub use self::builder::ConfigBuilder;
use crate::{
    Accept, Announcements, Farewell, OnAddressLoss, OnPause, Owners, Preempt, Reassert,
    timers::{master_down_interval, skew_time},
};

/// What one virtual router is to be, on this router (RFC 9568 §6.1).
///
/// Every router of the group needs the same version, VRID, authentication and addresses, in version 2 the same interval,
/// and a priority of its own.
#[derive(Clone, Debug)]
pub struct Config {
    version: Version,
    vrid: Vrid,
    source: IpAddr,
    group: IpAddr,
    peers: Box<[UnicastPeer]>,
    hop_limit: u8,
    priority: Priority,
    interval: AdvertInterval,
    down_multiplier: u8,
    start_delay: Duration,
    preempt: Preempt,
    farewell: Farewell,
    reassert: Reassert,
    owners: Owners,
    accept: Accept,
    on_pause: OnPause,
    on_address_loss: OnAddressLoss,
    on_interval: OnMismatch,
    on_addresses: OnMismatch,
    announcements: Announcements,
    authentication: Authentication,
    #[cfg(feature = "auth")]
    ah_key: Option<AhKey>,
    checksum: Checksum,
    accept_checksum: AcceptChecksum,
    addresses: List,
}

impl Config {
    /// Starts a configuration with the three values that have no default.
    ///
    /// `source` is the address of the interface that advertisements are sent from, and that decides between routers of equal
    /// priority: its primary address of IPv4, or its link-local one of IPv6. `addresses` are the virtual ones, of the same
    /// family.
    pub fn builder(
        vrid: Vrid,
        source: impl Into<IpAddr>,
        addresses: impl IntoIterator<Item = impl Into<IpAddr>>,
    ) -> ConfigBuilder {
        ConfigBuilder::new(vrid, source.into(), addresses.into_iter().map(Into::into).collect())
    }

    /// Returns a builder with these values, to change some of them:
    /// [`reconfigure`](crate::VirtualRouter::reconfigure) takes what it makes.
    pub fn to_builder(&self) -> ConfigBuilder {
        ConfigBuilder::of(self)
    }

    /// Returns the version of the protocol.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the virtual router's number.
    pub const fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Returns the family of its addresses.
    pub const fn family(&self) -> Family {
        self.addresses().family()
    }

    /// Returns the address that advertisements are sent from.
    pub const fn source(&self) -> IpAddr {
        self.source
    }

    /// Returns the group that advertisements are sent to; `None` where they are sent to [`peers`](Self::peers).
    pub const fn group(&self) -> Option<IpAddr> {
        if self.peers.is_empty() { Some(self.group) } else { None }
    }

    /// Returns the other routers, where advertisements are sent to each of them; none where they are sent to a group.
    pub const fn peers(&self) -> &[UnicastPeer] {
        &self.peers
    }

    /// Returns the TTL or hop limit that advertisements are sent with.
    pub const fn hop_limit(&self) -> u8 {
        self.hop_limit
    }

    /// Returns this router's priority, as it was configured: [`VirtualRouter::priority`](crate::VirtualRouter::priority) is
    /// what it is with all weights.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Returns the Advertisement_Interval.
    pub const fn interval(&self) -> AdvertInterval {
        self.interval
    }

    /// Returns how many of the Master's intervals the Master_Down_Interval has.
    pub const fn down_multiplier(&self) -> u8 {
        self.down_multiplier
    }

    /// Returns how long it waits between [`start`](crate::VirtualRouter::start) and leaving Initialize.
    pub const fn start_delay(&self) -> Duration {
        self.start_delay
    }

    /// Returns the Preempt_Mode.
    pub const fn preempt(&self) -> Preempt {
        self.preempt
    }

    /// Returns whether a Master that gives way says so.
    pub const fn farewell(&self) -> Farewell {
        self.farewell
    }

    /// Returns whether a Master answers a worse one.
    pub const fn reassert(&self) -> Reassert {
        self.reassert
    }

    /// Returns what becomes of two owners.
    pub const fn owners(&self) -> Owners {
        self.owners
    }

    /// Returns the Accept_Mode. The owner of the addresses accepts whatever this says.
    pub const fn accept(&self) -> Accept {
        if self.priority.is_owner() { Accept::Allow } else { self.accept }
    }

    /// Returns what it does after it was not run for too long.
    pub const fn on_pause(&self) -> OnPause {
        self.on_pause
    }

    /// Returns what a Master does that has lost an address.
    pub const fn on_address_loss(&self) -> OnAddressLoss {
        self.on_address_loss
    }

    /// Returns when the addresses are announced.
    pub const fn announcements(&self) -> &Announcements {
        &self.announcements
    }

    /// Returns how the group authenticates its advertisements.
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// Returns what the checksum of its advertisements covers.
    pub const fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Returns the virtual addresses, in the order they were given in.
    #[inline]
    pub const fn addresses(&self) -> Addresses<'_> {
        self.addresses.as_addresses()
    }

    /// Returns the Skew_Time where the Master advertises at this router's own interval, by which a worse Backup waits longer:
    /// (256 - priority) / 256 of a second in version 2 (RFC 3768 §6.1), of the interval in version 3 (RFC 9568 §6.1).
    pub const fn skew_time(&self) -> Duration {
        skew_time(self.version, self.priority, self.interval)
    }

    /// Returns the Master_Down_Interval where the Master advertises at this router's own interval, after which a silent Master
    /// is taken for dead: three of its intervals, unless configured otherwise, and the Skew_Time (RFC 9568 §6.1).
    pub const fn master_down_interval(&self) -> Duration {
        master_down_interval(self.version, self.priority, self.interval, self.down_multiplier)
    }

    /// Returns the receive checks it asks for (RFC 3768 §7.1, RFC 9568 §7.1).
    #[inline]
    pub const fn rules(&self) -> Rules<'_> {
        let (vrid, interval, addresses) = (self.vrid, self.interval, self.addresses());
        let rules = match self.version {
            Version::V2 => Rules::v2(vrid, interval, addresses),
            Version::V3 => Rules::v3(vrid, interval, addresses),
        };
        let rules =
            rules.group(self.group).peers(&self.peers).own(self.source).checksum(self.accept_checksum);
        let rules = rules.on_interval(self.on_interval).on_addresses(self.on_addresses);
        match self.owners {
            Owners::Ignore if self.priority.is_owner() => rules.owner(OnMismatch::Discard),
            Owners::Ignore | Owners::Elect => rules,
        }
    }

    /// Returns the key of the Authentication Header, if there is to be one.
    #[cfg(feature = "auth")]
    pub(crate) const fn ah_key(&self) -> Option<&AhKey> {
        self.ah_key.as_ref()
    }

    /// Returns the advertisement this router sends, with the priority and the interval given.
    pub(crate) fn advertisement(&self, priority: Priority, interval: AdvertInterval) -> Advertisement<'_> {
        let (vrid, addresses) = (self.vrid, self.addresses());
        let interval = if interval.fits(self.version) { interval } else { self.interval };
        let advertisement = match self.version {
            Version::V2 => Advertisement::v2(vrid, priority, interval, addresses, self.authentication),
            Version::V3 => Advertisement::v3(vrid, priority, interval, addresses),
        };
        advertisement.expect("ConfigBuilder::build has seen to it")
    }

    /// Returns where an advertisement goes: there is one destination, or one for each peer.
    pub(crate) fn endpoints(&self, number: usize) -> Option<Endpoints> {
        let destination = match (self.peers.get(number), number) {
            (Some(peer), _) => peer.address,
            (None, 0) if self.peers.is_empty() => self.group,
            (None, _) => return None,
        };
        Endpoints::new(self.source, destination)
    }
}
