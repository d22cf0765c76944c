//! Where packets go next.

use std::{fmt, net::IpAddr};

use crate::link::Interface;

/// Where packets of a route go: to a gateway, to an interface, or to a gateway on an interface.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct NextHop {
    pub(super) gateway: Option<IpAddr>,
    pub(super) interface: Option<u32>,
    pub(super) weight: u16,
    pub(super) is_onlink: bool,
}

impl NextHop {
    /// To a gateway, on the interface that leads there unless another is given.
    pub fn via(gateway: impl Into<IpAddr>) -> Self {
        Self { gateway: Some(gateway.into()), ..Self::NOWHERE }
    }

    /// To the destination itself, as a neighbour on an interface.
    pub fn on(interface: &Interface) -> Self {
        Self::NOWHERE.interface(interface)
    }

    /// Names the interface.
    #[must_use]
    pub fn interface(self, interface: &Interface) -> Self {
        Self { interface: Some(interface.index()), ..self }
    }

    /// Sets how many packets it takes, compared with the others of the route: 1 to 256; 1 otherwise.
    #[must_use]
    pub fn weighing(self, weight: u16) -> Self {
        Self { weight, ..self }
    }

    /// Believes that the gateway is a neighbour, though no address of the interface says so (`RTNH_F_ONLINK`).
    #[must_use]
    pub fn onlink(self) -> Self {
        Self { is_onlink: true, ..self }
    }

    /// Returns the gateway, `None` if the destination is a neighbour.
    pub fn gateway(&self) -> Option<IpAddr> {
        self.gateway
    }

    /// Returns the index of the interface; where a route was listed, there is one.
    pub fn interface_index(&self) -> Option<u32> {
        self.interface
    }

    /// Returns how many packets it takes, compared with the others of the route.
    pub fn weight(&self) -> u16 {
        self.weight
    }

    /// Tells whether the gateway is believed to be a neighbour.
    pub fn is_onlink(&self) -> bool {
        self.is_onlink
    }

    fn is_met_by(&self, listed: &Self) -> bool {
        let interface = self.interface.or(listed.interface);
        Self { interface, ..*self } == *listed
    }

    pub(super) const NOWHERE: Self = Self { gateway: None, interface: None, weight: 1, is_onlink: false };
}

impl fmt::Display for NextHop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        if let Some(interface) = self.interface {
            write!(f, " dev if{interface}")?;
        }
        if self.is_onlink {
            write!(f, " onlink")?;
        }
        Ok(())
    }
}

/// Tells whether each of the wanted is among those listed, and no other is. Their order means nothing.
pub(super) fn are_met_by(wanted: &[NextHop], listed: &[NextHop]) -> bool {
    are_among(wanted, listed) && wanted.len() == listed.len()
}

/// Tells whether each of the wanted is among those listed.
pub(super) fn are_among(wanted: &[NextHop], listed: &[NextHop]) -> bool {
    let mut left: Vec<_> = listed.iter().collect();
    // Those that name their interface choose first.
    let (precise, others): (Vec<_>, Vec<_>) = wanted.iter().partition(|one| one.interface.is_some());
    let mut take = |one: &NextHop| {
        let found = left.iter().position(|listed| one.is_met_by(listed));
        found.map(|index| left.swap_remove(index)).is_some()
    };
    precise.into_iter().all(&mut take) && others.into_iter().all(&mut take)
}
