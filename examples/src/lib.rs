//! How the crates compose: the glue that the examples share, small enough to copy.
//!
//! `vrrp-engine` decides, `vrrp-proto` encodes, `vip-netlink` does; none of them knows the others. [`Node`] is the loop
//! that joins them, for one interface. For the same loop with nothing around it, read `floating_address.rs`.

mod alarm;
mod event;
mod hands;
pub mod keepalived_conf;
mod node;
mod packet;
mod regular;
mod sequence;
mod settings;
mod signals;

pub use alarm::Alarm;
pub use event::Event;
pub use node::Node;
pub use packet::read_packet;
pub use regular::open_regular;
pub use sequence::Sequence;
pub use settings::{AuthenticationSettings, PeerSettings, Preemption, RouterSettings, Settings};
pub use signals::termination_signals;

/// The README's loop compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
