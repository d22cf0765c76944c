use alloc::{boxed::Box, vec::Vec};
use core::{net::IpAddr, time::Duration};

use vrrp_proto::{
    AcceptChecksum, Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, Family,
    Priority, Rules, Version, Vrid,
};

use crate::ConfigError;

/// What one virtual router is to be, on this router (RFC 9568 §6.1).
///
/// Every router of the group needs the same version, VRID, authentication and addresses, in version 2 the same interval,
/// and a priority of its own.
#[derive(Clone, Debug)]
pub struct Config {
    version: Version,
    vrid: Vrid,
    endpoints: Endpoints,
    priority: Priority,
    interval: AdvertInterval,
    preempt: Preempt,
    farewell: Farewell,
    reassert: Reassert,
    authentication: Authentication,
    checksum: Checksum,
    accept_checksum: AcceptChecksum,
    addresses: List,
}

/// The addresses, in the operator's order, as they are sent.
#[derive(Clone, Debug)]
enum List {
    V4(Box<[[u8; 4]]>),
    V6(Box<[[u8; 16]]>),
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
        let source = source.into();
        ConfigBuilder {
            version: None,
            vrid,
            source,
            group: None,
            priority: Priority::DEFAULT,
            interval: AdvertInterval::DEFAULT,
            preempt: Preempt::default(),
            farewell: Farewell::default(),
            reassert: None,
            authentication: Authentication::None,
            checksum: Checksum::default(),
            accept_checksum: AcceptChecksum::default(),
            addresses: addresses.into_iter().map(Into::into).collect(),
        }
    }

    /// Returns the version of the protocol.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the virtual router's number.
    pub const fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Returns the address that advertisements are sent from.
    pub const fn source(&self) -> IpAddr {
        self.endpoints.source()
    }

    /// Returns the group that advertisements are sent to.
    pub const fn group(&self) -> IpAddr {
        self.endpoints.destination()
    }

    /// Returns where advertisements come from and go to.
    pub const fn endpoints(&self) -> Endpoints {
        self.endpoints
    }

    /// Returns this router's priority.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Returns the Advertisement_Interval.
    pub const fn interval(&self) -> AdvertInterval {
        self.interval
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

    /// Returns how the group authenticates its advertisements.
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// Returns what the checksum of its advertisements covers.
    pub const fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Returns the virtual addresses, in the order they were given in.
    pub const fn addresses(&self) -> Addresses<'_> {
        match &self.addresses {
            List::V4(list) => Addresses::V4(list),
            List::V6(list) => Addresses::V6(list),
        }
    }

    /// Returns the Skew_Time where the Master advertises at this router's own interval: see
    /// [`skew_time_at`](Self::skew_time_at).
    pub const fn skew_time(&self) -> Duration {
        self.skew_time_at(self.interval)
    }

    /// Returns the Skew_Time, by which a worse Backup waits longer: (256 - priority) / 256 of a second in version 2 (RFC 3768
    /// §6.1), of the Master's interval in version 3 (RFC 9568 §6.1).
    pub const fn skew_time_at(&self, master_interval: AdvertInterval) -> Duration {
        let parts = 256 - self.priority.get() as u32;
        let whole = match self.version {
            Version::V2 => Duration::from_secs(1),
            Version::V3 => master_interval.as_duration(),
        };
        // At most 256 times 40.95 s.
        Duration::from_nanos(whole.as_nanos() as u64 * parts as u64 / 256)
    }

    /// Returns the Master_Down_Interval where the Master advertises at this router's own interval: see
    /// [`master_down_interval_at`](Self::master_down_interval_at).
    pub const fn master_down_interval(&self) -> Duration {
        self.master_down_interval_at(self.interval)
    }

    /// Returns the Master_Down_Interval, after which a silent Master is taken for dead: three of its intervals and the
    /// Skew_Time (RFC 9568 §6.1).
    pub const fn master_down_interval_at(&self, master_interval: AdvertInterval) -> Duration {
        let three = master_interval.as_duration().saturating_mul(3);
        three.saturating_add(self.skew_time_at(master_interval))
    }

    /// Returns the advertisement this router sends, with the priority given.
    pub(crate) fn advertisement(&self, priority: Priority) -> Advertisement<'_> {
        let (vrid, interval, addresses) = (self.vrid, self.interval, self.addresses());
        let advertisement = match self.version {
            Version::V2 => Advertisement::v2(vrid, priority, interval, addresses, self.authentication),
            Version::V3 => Advertisement::v3(vrid, priority, interval, addresses),
        };
        advertisement.expect("ConfigBuilder::build has seen to it")
    }

    /// Returns the receive checks it asks for (RFC 3768 §7.1, RFC 9568 §7.1).
    pub const fn rules(&self) -> Rules<'_> {
        let (vrid, interval, addresses) = (self.vrid, self.interval, self.addresses());
        let rules = match self.version {
            Version::V2 => Rules::v2(vrid, interval, addresses),
            Version::V3 => Rules::v3(vrid, interval, addresses),
        };
        rules.group(self.group()).own(self.source()).checksum(self.accept_checksum)
    }
}

/// Collects the values of a [`Config`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigBuilder {
    version: Option<Version>,
    vrid: Vrid,
    source: IpAddr,
    group: Option<IpAddr>,
    priority: Priority,
    interval: AdvertInterval,
    preempt: Preempt,
    farewell: Farewell,
    reassert: Option<Reassert>,
    authentication: Authentication,
    checksum: Checksum,
    accept_checksum: AcceptChecksum,
    addresses: Vec<IpAddr>,
}

impl ConfigBuilder {
    /// Sets the version of the protocol (default: 2 over IPv4, as keepalived; 3 over IPv6, which has no other).
    pub const fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the priority: 1 to 254 for a router that backs the addresses up (default 100), 255 for the one whose own
    /// interface addresses they are.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Sets the Advertisement_Interval (default 1 s): 1 s to 255 s in whole seconds in version 2, 0.01 s to 40.95 s in
    /// version 3.
    pub const fn interval(mut self, interval: AdvertInterval) -> Self {
        self.interval = interval;
        self
    }

    /// Sets the Preempt_Mode (default [`Preempt::Allow`]).
    pub const fn preempt(mut self, preempt: Preempt) -> Self {
        self.preempt = preempt;
        self
    }

    /// Sets whether a Master that gives way says so (default [`Farewell::Send`]).
    pub const fn farewell(mut self, farewell: Farewell) -> Self {
        self.farewell = farewell;
        self
    }

    /// Sets whether a Master answers a worse one (default: [`Reassert::Stay`] in version 2, [`Reassert::Advertise`] in
    /// version 3).
    pub const fn reassert(mut self, reassert: Reassert) -> Self {
        self.reassert = Some(reassert);
        self
    }

    /// Sets the authentication of version 2 (default none).
    pub const fn authentication(mut self, authentication: Authentication) -> Self {
        self.authentication = authentication;
        self
    }

    /// Sets what the checksum of version 3 over IPv4 covers in what is sent (default [`Checksum::PseudoHeader`]).
    pub const fn checksum(mut self, checksum: Checksum) -> Self {
        self.checksum = checksum;
        self
    }

    /// Sets what it may cover in what is received (default [`AcceptChecksum::Either`]).
    pub const fn accept_checksum(mut self, accept_checksum: AcceptChecksum) -> Self {
        self.accept_checksum = accept_checksum;
        self
    }

    /// Sets the multicast group (default 224.0.0.18 or ff02::12). All routers of the virtual router need the same.
    pub fn group(mut self, group: impl Into<IpAddr>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Checks the values against each other.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the first value that can't be.
    pub fn build(self) -> Result<Config, ConfigError> {
        self.check_addresses()?;
        let endpoints = self.endpoints()?;
        let version = self.version.unwrap_or(match endpoints.family() {
            Family::V4 => Version::V2,
            Family::V6 => Version::V3,
        });
        self.check_version(version)?;
        self.check_priority()?;
        let reassert = self.reassert.unwrap_or(match version {
            Version::V2 => Reassert::Stay,
            Version::V3 => Reassert::Advertise,
        });
        Ok(Config {
            version,
            vrid: self.vrid,
            endpoints,
            priority: self.priority,
            interval: self.interval,
            preempt: self.preempt,
            farewell: self.farewell,
            reassert,
            authentication: self.authentication,
            checksum: self.checksum,
            accept_checksum: self.accept_checksum,
            addresses: self.list(),
        })
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        let addresses = &self.addresses;
        if !(1..=Addresses::MAX).contains(&addresses.len()) {
            return Err(ConfigError::AddressCount { count: addresses.len() });
        }
        if let Some(address) = addresses.iter().copied().find(|address| !is_host(*address)) {
            return Err(ConfigError::Address { address });
        }
        if let Some(address) =
            addresses.iter().copied().find(|address| address.is_ipv4() != self.source.is_ipv4())
        {
            return Err(ConfigError::Family { address, source_address: self.source });
        }
        let mut sorted = addresses.clone();
        sorted.sort_unstable();
        first_duplicate(&sorted).map_or(Ok(()), |address| Err(ConfigError::DuplicateAddress { address }))
    }

    fn endpoints(&self) -> Result<Endpoints, ConfigError> {
        if !is_host(self.source) {
            return Err(ConfigError::Source { source_address: self.source });
        }
        let Some(group) = self.group else { return Ok(Endpoints::multicast(self.source)) };
        match Endpoints::new(self.source, group) {
            Some(endpoints) if group.is_multicast() => Ok(endpoints),
            Some(_) | None => Err(ConfigError::Group { group }),
        }
    }

    fn check_version(&self, version: Version) -> Result<(), ConfigError> {
        if version == Version::V2 && self.source.is_ipv6() {
            return Err(ConfigError::VersionOfFamily);
        }
        if !self.interval.fits(version) {
            return Err(ConfigError::Interval { interval: self.interval, version });
        }
        match (self.authentication, version) {
            (Authentication::None, _) | (Authentication::SimpleText(_), Version::V2) => Ok(()),
            (Authentication::SimpleText(_), Version::V3) => Err(ConfigError::AuthenticationOfVersion),
            (Authentication::Header, _) => Err(ConfigError::AuthenticationHeader),
        }
    }

    fn check_priority(&self) -> Result<(), ConfigError> {
        if self.priority.is_release() {
            return Err(ConfigError::PriorityRelease);
        }
        if self.addresses.contains(&self.source) && !self.priority.is_owner() {
            return Err(ConfigError::NotOwner { source_address: self.source, priority: self.priority });
        }
        Ok(())
    }

    /// The addresses are all of the source's family.
    fn list(&self) -> List {
        let v4 =
            |address: &IpAddr| if let IpAddr::V4(address) = address { Some(address.octets()) } else { None };
        let v6 =
            |address: &IpAddr| if let IpAddr::V6(address) = address { Some(address.octets()) } else { None };
        match self.source {
            IpAddr::V4(_) => List::V4(self.addresses.iter().filter_map(v4).collect()),
            IpAddr::V6(_) => List::V6(self.addresses.iter().filter_map(v6).collect()),
        }
    }
}

/// Whether a Backup takes over from a live Master of lower priority: RFC 3768's Preempt_Mode.
///
/// The owner of the addresses (priority 255) preempts whatever this says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the RFC's switch has two positions")]
pub enum Preempt {
    /// It takes over. RFC 3768's default.
    #[default]
    Allow,
    /// It waits until that Master is gone.
    Forbid,
}

/// Whether a Master that gives way to a better one sends a last advertisement with its own priority.
///
/// After a split that left two Masters, only the loser can know that neighbours may have learned the wrong one: the
/// winner stays Master and, by RFC 3768, says nothing. Told by this last advertisement, it announces the addresses
/// again, and no neighbour keeps sending to the loser. keepalived, as the winner, does likewise; as the loser it says
/// nothing unless it is configured with `higher_prio_send_advert`. It is one packet that RFC 3768 does not ask for, and
/// that its routers discard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is sent or it is not")]
pub enum Farewell {
    /// It does.
    #[default]
    Send,
    /// It falls silent at once, to the letter of RFC 3768 §6.4.3.
    Omit,
}

/// Whether a Master that hears a worse one advertises at once, to make it give way sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it answers or it does not")]
pub enum Reassert {
    /// It does: RFC 9568 §6.4.3. The beat of its advertisements stays as it is.
    Advertise,
    /// It does not: RFC 3768 §6.4.3, and keepalived's `lower_prio_no_advert`.
    Stay,
}

fn is_host(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() && !is_broadcast
}

fn first_duplicate(sorted: &[IpAddr]) -> Option<IpAddr> {
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    pairs.filter(|(one, next)| one == next).map(|(one, _)| *one).next()
}
