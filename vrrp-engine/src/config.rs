use alloc::boxed::Box;
use core::{net::Ipv4Addr, time::Duration};

use thiserror::Error;
use vrrp_proto::{Addresses, AdvertInterval, Advertisement, Authentication, MULTICAST_V4, Priority, Vrid};

/// What one virtual router is to be, on this router (RFC 3768 §6.1).
///
/// Every router of the group needs the same VRID, interval, authentication and addresses, and a priority of its own.
#[derive(Clone, Debug)]
pub struct Config {
    vrid: Vrid,
    source: Ipv4Addr,
    group: Ipv4Addr,
    priority: Priority,
    interval: AdvertInterval,
    preempt: Preempt,
    farewell: Farewell,
    authentication: Authentication,
    /// In the operator's order, as they are sent.
    addresses: Box<[[u8; 4]]>,
    /// Sorted, to compare a received list with.
    sorted: Box<[[u8; 4]]>,
}

impl Config {
    /// Starts a configuration with the three values that have no default.
    ///
    /// `source` is the primary address of the interface, which advertisements are sent from and which decides between
    /// routers of equal priority. `addresses` are the virtual ones.
    pub fn builder(
        vrid: Vrid,
        source: Ipv4Addr,
        addresses: impl IntoIterator<Item = Ipv4Addr>,
    ) -> ConfigBuilder {
        let addresses: Box<[_]> = addresses.into_iter().map(|address| address.octets()).collect();
        let mut sorted = addresses.clone();
        sorted.sort_unstable();
        ConfigBuilder(Self {
            vrid,
            source,
            group: MULTICAST_V4,
            priority: Priority::DEFAULT,
            interval: AdvertInterval::DEFAULT,
            preempt: Preempt::default(),
            farewell: Farewell::default(),
            authentication: Authentication::None,
            addresses,
            sorted,
        })
    }

    /// Returns the virtual router's number.
    pub const fn vrid(&self) -> Vrid {
        self.vrid
    }

    /// Returns the address that advertisements are sent from.
    pub const fn source(&self) -> Ipv4Addr {
        self.source
    }

    /// Returns the group that advertisements are sent to.
    pub const fn group(&self) -> Ipv4Addr {
        self.group
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

    /// Returns how the group authenticates its advertisements.
    pub const fn authentication(&self) -> Authentication {
        self.authentication
    }

    /// Returns the virtual addresses, in the order they were given in.
    pub const fn addresses(&self) -> Addresses<'_> {
        Addresses::V4(&self.addresses)
    }

    /// Returns the Skew_Time: (256 - priority) / 256 seconds, whatever the interval (RFC 3768 §6.1).
    pub const fn skew_time(&self) -> Duration {
        let parts = 256 - self.priority.get() as u64;
        Duration::from_nanos(parts * 1_000_000_000 / 256)
    }

    /// Returns the Master_Down_Interval: three advertisement intervals and the Skew_Time (RFC 3768 §6.1).
    pub const fn master_down_interval(&self) -> Duration {
        self.interval.as_duration().saturating_mul(3).saturating_add(self.skew_time())
    }

    /// Returns the advertisement this router sends, with the priority given.
    pub(crate) fn advertisement(&self, priority: Priority) -> Advertisement<'_> {
        Advertisement::v2(self.vrid, priority, self.interval, self.addresses(), self.authentication)
            .expect("ConfigBuilder::build has counted the addresses")
    }

    /// Tells whether a received list holds just our addresses, in whatever order (RFC 3768 §7.1).
    pub(crate) fn has_addresses(&self, received: Addresses<'_>) -> bool {
        let Addresses::V4(received) = received;
        if *received == *self.addresses {
            return true;
        }
        // As many as ours, each of ours found once: a bit for each, for a list may name one address twice.
        let mut found = [0u64; Addresses::MAX / 64 + 1];
        received.len() == self.sorted.len()
            && received.iter().all(|address| match self.sorted.binary_search(address) {
                Ok(at) => found.get_mut(at / 64).is_some_and(|bits| {
                    let bit = 1 << (at % 64);
                    let first = *bits & bit == 0;
                    *bits |= bit;
                    first
                }),
                Err(_) => false,
            })
    }
}

/// Collects the values of a [`Config`].
#[derive(Clone, Debug)]
#[must_use]
pub struct ConfigBuilder(Config);

impl ConfigBuilder {
    /// Sets the priority: 1 to 254 for a router that backs the addresses up (default 100), 255 for the one whose own
    /// interface addresses they are.
    pub fn priority(mut self, priority: Priority) -> Self {
        self.0.priority = priority;
        self
    }

    /// Sets the Advertisement_Interval (default 1 s).
    pub fn interval(mut self, interval: AdvertInterval) -> Self {
        self.0.interval = interval;
        self
    }

    /// Sets the Preempt_Mode (default [`Preempt::Allow`]).
    pub fn preempt(mut self, preempt: Preempt) -> Self {
        self.0.preempt = preempt;
        self
    }

    /// Sets whether a Master that gives way says so (default [`Farewell::Send`]).
    pub fn farewell(mut self, farewell: Farewell) -> Self {
        self.0.farewell = farewell;
        self
    }

    /// Sets the authentication (default none).
    pub fn authentication(mut self, authentication: Authentication) -> Self {
        self.0.authentication = authentication;
        self
    }

    /// Sets the multicast group (default 224.0.0.18). All routers of the virtual router need the same.
    pub fn group(mut self, group: Ipv4Addr) -> Self {
        self.0.group = group;
        self
    }

    /// Checks the values against each other.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] that names the first value that can't be.
    pub fn build(self) -> Result<Config, ConfigError> {
        let config = &self.0;
        if !(1..=Addresses::MAX).contains(&config.addresses.len()) {
            return Err(ConfigError::AddressCount { count: config.addresses.len() });
        }
        if let Some(address) = config.addresses().iter().find(|address| !is_host(*address)) {
            return Err(ConfigError::Address { address });
        }
        if let Some(twice) = first_duplicate(&config.sorted) {
            return Err(ConfigError::DuplicateAddress { address: twice });
        }
        if !is_host(config.source) {
            return Err(ConfigError::Source { source_address: config.source });
        }
        if !config.group.is_multicast() {
            return Err(ConfigError::Group { group: config.group });
        }
        if config.priority.is_release() {
            return Err(ConfigError::PriorityRelease);
        }
        let owns_source = config.sorted.binary_search(&config.source.octets()).is_ok();
        if owns_source && !config.priority.is_owner() {
            return Err(ConfigError::NotOwner { source_address: config.source, priority: config.priority });
        }
        Ok(self.0)
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

/// Says which value of a configuration can't be. The operator is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// No addresses, or more than an advertisement can carry.
    #[error("{count} virtual addresses are out of range: 1 to 255")]
    AddressCount {
        /// How many there were.
        count: usize,
    },
    /// A virtual address that no host can have.
    #[error("virtual address {address} is not a unicast address")]
    Address {
        /// The address.
        address: Ipv4Addr,
    },
    /// A virtual address given twice.
    #[error("virtual address {address} is given twice")]
    DuplicateAddress {
        /// The address.
        address: Ipv4Addr,
    },
    /// A source address that no host can have.
    #[error("source address {source_address} is not a unicast address")]
    Source {
        /// The address.
        source_address: Ipv4Addr,
    },
    /// A group that is not a multicast address.
    #[error("group {group} is not a multicast address: 224.0.0.0 to 239.255.255.255")]
    Group {
        /// The address.
        group: Ipv4Addr,
    },
    /// Priority 0, which only a Master that ends sends.
    #[error("priority 0 is out of range: 1 to 254, or 255 for the owner of the addresses")]
    PriorityRelease,
    /// The source is one of the virtual addresses, so this router owns it, but the priority is not the owner's.
    #[error(
        "source address {source_address} is one of the virtual addresses, which asks for priority 255, not {priority}"
    )]
    NotOwner {
        /// The address.
        source_address: Ipv4Addr,
        /// The priority given.
        priority: Priority,
    },
    /// A second virtual router of the same number on one interface.
    #[error("virtual router {vrid} is already configured on interface {interface}")]
    DuplicateVrid {
        /// The number.
        vrid: Vrid,
        /// The interface's index.
        interface: u32,
    },
}

fn is_host(address: Ipv4Addr) -> bool {
    !address.is_unspecified() && !address.is_multicast() && !address.is_broadcast() && !address.is_loopback()
}

fn first_duplicate(sorted: &[[u8; 4]]) -> Option<Ipv4Addr> {
    let pairs = sorted.iter().zip(sorted.iter().skip(1));
    pairs.filter(|(one, next)| one == next).map(|(one, _)| Ipv4Addr::from(*one)).next()
}
