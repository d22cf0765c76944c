//! Destinations: the real servers that connections go to.

mod forwarding;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

pub use self::forwarding::{Checksum, Forwarding, Tunnel};
use crate::{
    error::ConfigError,
    service::{Family, ServiceId, plain},
};

/// A real server of a service: its address, which tells it from the service's others, and its settings.
///
/// Its `Display` is what follows the service in a line of `ipvsadm -Sn`, and what `FromStr` reads: `-r 10.0.0.1:80 -g -w 1`.
/// Thresholds, which `ipvsadm -Sn` leaves out, are part of it: `-x 100 -y 80`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination {
    address: SocketAddr,
    forwarding: Forwarding,
    weight: u32,
    upper: u32,
    lower: u32,
}

impl Destination {
    /// Builds a destination that is reached by direct routing, has weight 1 and takes any number of connections.
    pub fn builder(address: SocketAddr) -> DestinationBuilder {
        let address = plain(address);
        DestinationBuilder(Self {
            address,
            forwarding: Forwarding::DirectRouting,
            weight: 1,
            upper: 0,
            lower: 0,
        })
    }

    /// Takes a destination as the kernel holds it, which accepts more than a [`DestinationBuilder`] does.
    pub(crate) fn from_kernel(
        address: SocketAddr,
        forwarding: Forwarding,
        weight: u32,
        upper: u32,
        lower: u32,
    ) -> Self {
        Self { address: plain(address), forwarding, weight, upper, lower }
    }

    /// Returns address and port, which tell it from the other destinations of its service.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how packets get there.
    pub fn forwarding(&self) -> Forwarding {
        self.forwarding
    }

    /// Returns the share of connections it gets, relative to the others. With 0 it keeps those it has and gets no new ones.
    pub fn weight(&self) -> u32 {
        self.weight
    }

    /// Returns with how many connections it gets no more, `None` for no limit.
    pub fn upper_threshold(&self) -> Option<u32> {
        (self.upper != 0).then_some(self.upper)
    }

    /// Returns with how few connections it gets new ones again, `None` for three quarters of the upper threshold.
    pub fn lower_threshold(&self) -> Option<u32> {
        (self.lower != 0).then_some(self.lower)
    }

    /// Returns the version of IP by which it is reached, which through a tunnel may be another than its service's.
    pub fn family(&self) -> Family {
        Family::of(self.address.ip())
    }

    /// Returns it with another weight.
    ///
    /// # Errors
    ///
    /// A weight above 2147483647.
    pub fn with_weight(self, weight: u32) -> Result<Self, ConfigError> {
        DestinationBuilder(self).weight(weight).build()
    }

    /// Returns it as a destination of the service, to which it must fit.
    ///
    /// Direct routing and tunnels leave the packet's port as it is. So the destination has the service's, as with
    /// `ipvsadm`: there are no two that differ in nothing that has an effect.
    ///
    /// # Errors
    ///
    /// Another version of IP without a tunnel.
    pub fn of_service(self, service: &ServiceId) -> Result<Self, ConfigError> {
        if self.family() != service.family() && !self.is_tunnelled() {
            return Err(ConfigError::MixedFamilies { service: *service, destination: self.address });
        }
        Ok(self.adjusted_to(service))
    }

    /// Returns it with the service's port, where packets keep theirs.
    pub(crate) fn adjusted_to(mut self, service: &ServiceId) -> Self {
        if let Some(address) = service.address()
            && (self.is_tunnelled() || self.forwarding == Forwarding::DirectRouting)
        {
            self.address.set_port(address.port());
        }
        self
    }

    /// Returns it with weight 0.
    pub(crate) fn quiesced(self) -> Self {
        self.weighing(0)
    }

    /// Returns it with a weight that the kernel had before.
    pub(crate) fn weighing(self, weight: u32) -> Self {
        Self { weight, ..self }
    }

    fn is_tunnelled(&self) -> bool {
        matches!(self.forwarding, Forwarding::Tunnel(_))
    }

    pub(crate) fn thresholds(&self) -> (u32, u32) {
        (self.upper, self.lower)
    }

    /// Returns what is left when the address is taken away, for an edit to say what was.
    pub(crate) fn settings(&self) -> impl fmt::Display {
        struct Settings<'d>(&'d Destination);
        impl fmt::Display for Settings<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt_settings(f)
            }
        }
        Settings(self)
    }

    fn fmt_settings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -w {}", self.forwarding.option(), self.weight)?;
        if self.upper != 0 {
            write!(f, " -x {}", self.upper)?;
        }
        if self.lower != 0 {
            write!(f, " -y {}", self.lower)?;
        }
        match self.forwarding {
            Forwarding::Tunnel(tunnel) => write!(f, " {tunnel}"),
            Forwarding::Masquerade
            | Forwarding::Local
            | Forwarding::DirectRouting
            | Forwarding::Bypass
            | Forwarding::Other(_) => Ok(()),
        }
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-r {} ", self.address)?;
        self.fmt_settings(f)
    }
}

/// Settings of a [`Destination`] to be.
#[derive(Clone, Debug)]
#[must_use]
pub struct DestinationBuilder(Destination);

impl DestinationBuilder {
    /// Sets how packets get there.
    pub fn forwarding(mut self, forwarding: Forwarding) -> Self {
        self.0.forwarding = forwarding;
        self
    }

    /// Sets the share of connections it gets, relative to the others: 0 to 2147483647. 0 lets it finish what it has.
    pub fn weight(mut self, weight: u32) -> Self {
        self.0.weight = weight;
        self
    }

    /// Sets with how many connections it gets no more, up to 2147483647. 0 is no limit.
    pub fn upper_threshold(mut self, connections: u32) -> Self {
        self.0.upper = connections;
        self
    }

    /// Sets with how few connections it gets new ones again. 0 is three quarters of the upper threshold.
    pub fn lower_threshold(mut self, connections: u32) -> Self {
        self.0.lower = connections;
        self
    }

    /// Checks the values.
    ///
    /// # Errors
    ///
    /// An address that no server can have: unspecified, multicast, broadcast, IPv6 link-local or an IPv4 address in IPv6's
    /// clothes; a weight or threshold above 2147483647; a lower threshold above the upper one; a tunnel or forwarding
    /// method that nothing but the kernel can have made.
    pub fn build(self) -> Result<Destination, ConfigError> {
        let Self(destination) = self;
        let Destination { address, forwarding, weight, upper, lower } = destination;
        if !is_servable(address.ip()) {
            return Err(ConfigError::DestinationAddress { address: address.ip() });
        }
        forwarding.check()?;
        for (field, value) in [("weight", weight), ("upper threshold", upper)] {
            if value > MAX {
                return Err(ConfigError::TooLarge { field, value, bound: MAX });
            }
        }
        if lower > upper {
            return Err(ConfigError::Thresholds { upper, lower });
        }
        Ok(destination)
    }
}

/// What the kernel takes too (`ip_vs_new_dest`), and some it takes without ever sending a packet there.
fn is_servable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !(ip.is_unspecified() || ip.is_multicast() || ip == Ipv4Addr::BROADCAST),
        IpAddr::V6(ip) => {
            !(ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some())
        }
    }
}

/// The kernel's weights are signed, and its thresholds since 2026.
const MAX: u32 = i32::MAX as u32;
