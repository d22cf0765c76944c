use alloc::{boxed::Box, vec::Vec};
use core::{net::IpAddr, time::Duration};

#[cfg(feature = "auth")]
use vrrp_proto::AhKey;
use vrrp_proto::{
    AcceptChecksum, Addresses, AdvertInterval, Authentication, Checksum, Endpoints, Family, HOP_LIMIT,
    OnMismatch, Priority, UnicastPeer, Version, Vrid,
};

use super::{Config, List};
use crate::{
    Accept, Announcements, ConfigError, Farewell, OnAddressLoss, OnPause, Owners, Preempt, Reassert,
};

/// Collects the values of a [`Config`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigBuilder {
    /// The values; those below are put in by [`build`](Self::build).
    draft: Config,
    addresses: Vec<IpAddr>,
    peers: Option<Box<[UnicastPeer]>>,
    /// Those whose default depends on others.
    version: Option<Version>,
    group: Option<IpAddr>,
    reassert: Option<Reassert>,
    on_interval: Option<OnMismatch>,
}

impl ConfigBuilder {
    pub(super) fn new(vrid: Vrid, source: IpAddr, addresses: Vec<IpAddr>) -> Self {
        let draft = Config {
            version: Version::V2,
            vrid,
            source,
            group: source,
            peers: Box::default(),
            hop_limit: HOP_LIMIT,
            priority: Priority::DEFAULT,
            interval: AdvertInterval::DEFAULT,
            down_multiplier: 3,
            start_delay: Duration::ZERO,
            preempt: Preempt::default(),
            farewell: Farewell::default(),
            reassert: Reassert::Stay,
            owners: Owners::default(),
            accept: Accept::default(),
            on_pause: OnPause::default(),
            on_address_loss: OnAddressLoss::default(),
            on_interval: OnMismatch::Note,
            on_addresses: OnMismatch::Note,
            announcements: Announcements::default(),
            authentication: Authentication::None,
            #[cfg(feature = "auth")]
            ah_key: None,
            checksum: Checksum::default(),
            accept_checksum: AcceptChecksum::default(),
            addresses: List::new(Family::V4, []),
        };
        Self { draft, addresses, peers: None, version: None, group: None, reassert: None, on_interval: None }
    }

    pub(super) fn of(config: &Config) -> Self {
        Self {
            addresses: config.addresses().iter().collect(),
            peers: Some(config.peers.clone()).filter(|peers| !peers.is_empty()),
            version: Some(config.version),
            group: Some(config.group),
            reassert: Some(config.reassert),
            on_interval: Some(config.on_interval),
            draft: config.clone(),
        }
    }

    /// Sets the version of the protocol (default: 2 over IPv4, as keepalived; 3 over IPv6, which has no other).
    pub const fn version(mut self, version: Version) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the priority: 1 to 254 for a router that backs the addresses up (default 100), 255 for the one whose own
    /// interface addresses they are.
    pub const fn priority(mut self, priority: Priority) -> Self {
        self.draft.priority = priority;
        self
    }

    /// Sets the Advertisement_Interval (default 1 s): 1 s to 255 s in whole seconds in version 2, 0.01 s to 40.95 s in
    /// version 3.
    pub const fn interval(mut self, interval: AdvertInterval) -> Self {
        self.draft.interval = interval;
        self
    }

    /// Sets how many intervals of the Master's the Master_Down_Interval has: 1 to 100 (default 3, which the RFCs fix).
    /// keepalived's `down_timer_adverts`.
    pub const fn down_multiplier(mut self, multiplier: u8) -> Self {
        self.draft.down_multiplier = multiplier;
        self
    }

    /// Sets how long it stays in Initialize after it was started, neither sending nor listening (default 0): until the switch
    /// port forwards, or the services are up. keepalived's `vrrp_startup_delay`.
    pub const fn start_delay(mut self, delay: Duration) -> Self {
        self.draft.start_delay = delay;
        self
    }

    /// Sets the Preempt_Mode (default [`Preempt::Allow`]).
    pub const fn preempt(mut self, preempt: Preempt) -> Self {
        self.draft.preempt = preempt;
        self
    }

    /// Sets whether a Master that gives way says so (default [`Farewell::Send`]).
    pub const fn farewell(mut self, farewell: Farewell) -> Self {
        self.draft.farewell = farewell;
        self
    }

    /// Sets whether a Master answers a worse one (default: [`Reassert::Stay`] in version 2, [`Reassert::Advertise`] in
    /// version 3).
    pub const fn reassert(mut self, reassert: Reassert) -> Self {
        self.reassert = Some(reassert);
        self
    }

    /// Sets what becomes of two owners (default [`Owners::Elect`]).
    pub const fn owners(mut self, owners: Owners) -> Self {
        self.draft.owners = owners;
        self
    }

    /// Sets the Accept_Mode (default [`Accept::Allow`]).
    pub const fn accept(mut self, accept: Accept) -> Self {
        self.draft.accept = accept;
        self
    }

    /// Sets what it does after it was not run for too long (default [`OnPause::StepBack`]).
    pub const fn on_pause(mut self, on_pause: OnPause) -> Self {
        self.draft.on_pause = on_pause;
        self
    }

    /// Sets what a Master does that has lost an address (default [`OnAddressLoss::StepBack`]).
    pub const fn on_address_loss(mut self, on_address_loss: OnAddressLoss) -> Self {
        self.draft.on_address_loss = on_address_loss;
        self
    }

    /// Sets what becomes of an advertisement with another interval (default: discarded in version 2, taken and noted in
    /// version 3, which learns it: RFC 3768 §7.1, RFC 9568 §7.1).
    pub const fn on_interval(mut self, on_interval: OnMismatch) -> Self {
        self.on_interval = Some(on_interval);
        self
    }

    /// Sets what becomes of an advertisement with other addresses (default: taken and noted). Discarded, two routers that
    /// are configured differently become two Masters.
    pub const fn on_addresses(mut self, on_addresses: OnMismatch) -> Self {
        self.draft.on_addresses = on_addresses;
        self
    }

    /// Sets when the addresses are announced.
    pub const fn announcements(mut self, announcements: Announcements) -> Self {
        self.draft.announcements = announcements;
        self
    }

    /// Sets the authentication of version 2 (default none). That with a header needs a key: `authentication_header`
    /// (feature `auth`).
    pub const fn authentication(mut self, authentication: Authentication) -> Self {
        self.draft.authentication = authentication;
        self
    }

    /// Has an IP Authentication Header sent and asked for, made with this key (RFC 2338 §5.3.6.3). Version 2 only, and
    /// only to replace or join routers that use it.
    #[cfg(feature = "auth")]
    #[cfg_attr(docsrs, doc(cfg(feature = "auth")))]
    pub fn authentication_header(mut self, key: AhKey) -> Self {
        self.draft.authentication = Authentication::Header;
        self.draft.ah_key = Some(key);
        self
    }

    /// Sets what the checksum of version 3 over IPv4 covers in what is sent (default [`Checksum::PseudoHeader`]).
    pub const fn checksum(mut self, checksum: Checksum) -> Self {
        self.draft.checksum = checksum;
        self
    }

    /// Sets what it may cover in what is received (default [`AcceptChecksum::Either`]).
    pub const fn accept_checksum(mut self, accept_checksum: AcceptChecksum) -> Self {
        self.draft.accept_checksum = accept_checksum;
        self
    }

    /// Sets the multicast group (default 224.0.0.18 or ff02::12). All routers of the virtual router need the same.
    pub fn group(mut self, group: impl Into<IpAddr>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Has advertisements sent to each of these routers and taken from them alone, instead of to and from a group (default:
    /// none; an empty list is an error). Each names the hop limits that its packets may arrive with.
    pub fn peers(mut self, peers: impl IntoIterator<Item = UnicastPeer>) -> Self {
        self.peers = Some(peers.into_iter().collect());
        self
    }

    /// Sets the TTL or hop limit that advertisements are sent to peers with (default 255). To a group, it is always 255.
    pub const fn hop_limit(mut self, hop_limit: u8) -> Self {
        self.draft.hop_limit = hop_limit;
        self
    }

    /// Has advertisements sent to the group again, and to no peers.
    pub fn no_peers(mut self) -> Self {
        self.peers = None;
        self
    }

    /// Sets the source (see [`Config::builder`]).
    pub fn source(mut self, source: impl Into<IpAddr>) -> Self {
        self.draft.source = source.into();
        self
    }

    /// Sets the virtual addresses (see [`Config::builder`]).
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = impl Into<IpAddr>>) -> Self {
        self.addresses = addresses.into_iter().map(Into::into).collect();
        self
    }

    /// Checks the values against each other.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the first value that can't be.
    pub fn build(self) -> Result<Config, ConfigError> {
        self.check_addresses()?;
        let group = self.check_endpoints()?;
        let family = if self.draft.source.is_ipv4() { Family::V4 } else { Family::V6 };
        let version = self.version.unwrap_or(match family {
            Family::V4 => Version::V2,
            Family::V6 => Version::V3,
        });
        self.check_version(version)?;
        self.check_authentication(version)?;
        self.check_priority()?;
        if !(1..=100).contains(&self.draft.down_multiplier) {
            return Err(ConfigError::DownMultiplier { multiplier: self.draft.down_multiplier });
        }
        let (reassert, on_interval) = match version {
            Version::V2 => (Reassert::Stay, OnMismatch::Discard),
            Version::V3 => (Reassert::Advertise, OnMismatch::Note),
        };
        Ok(Config {
            version,
            group,
            reassert: self.reassert.unwrap_or(reassert),
            on_interval: self.on_interval.unwrap_or(on_interval),
            addresses: List::new(family, self.addresses),
            peers: self.peers.unwrap_or_default(),
            ..self.draft
        })
    }

    fn check_addresses(&self) -> Result<(), ConfigError> {
        let (addresses, source_address) = (&self.addresses, self.draft.source);
        if !(1..=Addresses::MAX).contains(&addresses.len()) {
            return Err(ConfigError::AddressCount { count: addresses.len() });
        }
        if let Some(address) = addresses.iter().copied().find(|address| !is_host(*address)) {
            return Err(ConfigError::Address { address });
        }
        let is_other = |address: &IpAddr| address.is_ipv4() != source_address.is_ipv4();
        if let Some(address) = addresses.iter().copied().find(is_other) {
            return Err(ConfigError::Family { address, source_address });
        }
        match first_duplicate(addresses.clone()) {
            Some(address) => Err(ConfigError::DuplicateAddress { address }),
            None => Ok(()),
        }
    }

    /// Returns the group, which peers go before.
    fn check_endpoints(&self) -> Result<IpAddr, ConfigError> {
        let Config { source, hop_limit, .. } = &self.draft;
        let peers: &[UnicastPeer] = match &self.peers {
            Some(peers) if peers.is_empty() => return Err(ConfigError::NoPeers),
            Some(peers) => peers,
            None => &[],
        };
        if !is_host(*source) {
            return Err(ConfigError::Source { source_address: *source });
        }
        for UnicastPeer { address: peer, .. } in peers {
            if !is_host(*peer) || peer == source || Endpoints::new(*source, *peer).is_none() {
                return Err(ConfigError::Peer { peer: *peer });
            }
        }
        if let Some(peer) = first_duplicate(peers.iter().map(|peer| peer.address).collect()) {
            return Err(ConfigError::DuplicatePeer { peer });
        }
        if *hop_limit == 0 || (peers.is_empty() && *hop_limit != HOP_LIMIT) {
            return Err(ConfigError::HopLimit { hop_limit: *hop_limit });
        }
        let group = self.group.unwrap_or(Endpoints::multicast(*source).destination());
        match Endpoints::new(*source, group) {
            Some(_) if group.is_multicast() => Ok(group),
            Some(_) | None => Err(ConfigError::Group { group }),
        }
    }

    fn check_version(&self, version: Version) -> Result<(), ConfigError> {
        if version == Version::V2 && self.draft.source.is_ipv6() {
            return Err(ConfigError::VersionOfFamily);
        }
        let interval = self.draft.interval;
        if interval.fits(version) { Ok(()) } else { Err(ConfigError::Interval { interval, version }) }
    }

    fn check_authentication(&self, version: Version) -> Result<(), ConfigError> {
        match (self.draft.authentication, version) {
            (Authentication::None, _) | (Authentication::SimpleText(_), Version::V2) => Ok(()),
            #[cfg(feature = "auth")]
            (Authentication::Header, Version::V2) if self.draft.ah_key.is_some() => Ok(()),
            (Authentication::SimpleText(_) | Authentication::Header, Version::V3) => {
                Err(ConfigError::AuthenticationOfVersion)
            }
            (Authentication::Header, Version::V2) => Err(ConfigError::AuthenticationHeader),
        }
    }

    fn check_priority(&self) -> Result<(), ConfigError> {
        let Config { source: source_address, priority, .. } = self.draft;
        if priority.is_release() {
            return Err(ConfigError::PriorityRelease);
        }
        if self.addresses.contains(&source_address) && !priority.is_owner() {
            return Err(ConfigError::NotOwner { source_address, priority });
        }
        Ok(())
    }
}

fn is_host(address: IpAddr) -> bool {
    let is_broadcast = matches!(address, IpAddr::V4(address) if address.is_broadcast());
    !address.is_unspecified() && !address.is_multicast() && !address.is_loopback() && !is_broadcast
}

fn first_duplicate(mut addresses: Vec<IpAddr>) -> Option<IpAddr> {
    addresses.sort_unstable();
    let pairs = addresses.iter().zip(addresses.iter().skip(1));
    pairs.filter(|(one, next)| one == next).map(|(one, _)| *one).next()
}
