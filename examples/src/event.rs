use std::{fmt, net::IpAddr, time::Duration};

use vip_netlink::Address;
use vrrp_engine::{Discard, Transition};
use vrrp_proto::Vrid;

/// What a [`Node`](crate::Node) tells its caller while it goes on.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A virtual router has changed its state.
    Transition {
        /// Which one.
        vrid: Vrid,
        /// From what to what, and why.
        transition: Transition,
        /// How long ago: the orders that come with it are carried out first.
        age: Duration,
    },
    /// This process was not run for so long past a deadline that another may have taken over.
    Overdue {
        /// Which virtual router's.
        vrid: Vrid,
        /// How long.
        lateness: Duration,
    },
    /// An address was taken off the interface.
    Released(Address),
    /// A packet was discarded.
    Discarded {
        /// Where it came from.
        source: IpAddr,
        /// Why.
        discard: Discard,
    },
    /// The kernel refused something; the node goes on.
    Problem(vip_netlink::Error),
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transition { vrid, transition, .. } => write!(f, "virtual router {vrid}: {transition}"),
            Self::Overdue { vrid, lateness } => {
                write!(f, "virtual router {vrid}: not run for {lateness:.1?} past its deadline")
            }
            Self::Released(address) => write!(f, "{address} released"),
            Self::Discarded { source, discard } => write!(f, "packet from {source} discarded: {discard}"),
            Self::Problem(error) => error.fmt(f),
        }
    }
}
