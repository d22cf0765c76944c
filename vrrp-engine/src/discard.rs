use core::net::Ipv4Addr;

use thiserror::Error;
use vrrp_proto::{AdvertInterval, ParseError, Vrid};

/// Says why a packet was not taken. A peer is to blame, or a stranger; nothing has changed but a counter.
///
/// The variants stand in the order in which the checks are made (RFC 3768 §7.1); each names its counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum Discard {
    /// Its TTL is not 255: it was forwarded from another network ([`RouterStats::ip_ttl_errors`]).
    ///
    /// [`RouterStats::ip_ttl_errors`]: crate::RouterStats::ip_ttl_errors
    #[error("TTL {0} is not 255: the packet was forwarded")]
    HopLimit(u8),
    /// It is not an advertisement (a counter for each cause in [`RouterStats`](crate::RouterStats)).
    #[error("malformed: {0}")]
    Malformed(#[from] ParseError),
    /// No virtual router of that number on that interface ([`RouterStats::vrid_errors`]).
    ///
    /// [`RouterStats::vrid_errors`]: crate::RouterStats::vrid_errors
    #[error("virtual router {0} is not configured on this interface")]
    UnknownVrid(Vrid),
    /// It was sent to something else than the virtual router's group ([`Stats::destination_errors`]).
    ///
    /// [`Stats::destination_errors`]: crate::Stats::destination_errors
    #[error("sent to {0}, not to the virtual router's group")]
    Destination(Ipv4Addr),
    /// The virtual router is not started ([`Stats::not_running`]).
    ///
    /// [`Stats::not_running`]: crate::Stats::not_running
    #[error("the virtual router is not started")]
    NotRunning,
    /// Its authentication type is another than ours ([`Stats::auth_type_mismatches`]).
    ///
    /// [`Stats::auth_type_mismatches`]: crate::Stats::auth_type_mismatches
    #[error("authentication type {theirs} is not ours, {ours}")]
    AuthTypeMismatch {
        /// The type configured here.
        ours: u8,
        /// The packet's type.
        theirs: u8,
    },
    /// Its password is wrong ([`Stats::auth_failures`]).
    ///
    /// [`Stats::auth_failures`]: crate::Stats::auth_failures
    #[error("the password is wrong")]
    AuthFailure,
    /// Its advertisement interval is another than ours ([`Stats::interval_errors`]).
    ///
    /// RFC 3768 §7.1 demands the discard, and it makes two Masters of one misconfigured pair: see to it.
    ///
    /// [`Stats::interval_errors`]: crate::Stats::interval_errors
    #[error("an advertisement interval of {theirs} is not ours, {ours}")]
    Interval {
        /// The interval configured here.
        ours: AdvertInterval,
        /// The packet's interval.
        theirs: AdvertInterval,
    },
    /// It came from our own address with our own priority while we are Master: our own packet, sent back to us by the
    /// network, or a host with our address ([`Stats::own_address`]).
    ///
    /// [`Stats::own_address`]: crate::Stats::own_address
    #[error("it comes from our own address")]
    OwnAddress,
}
