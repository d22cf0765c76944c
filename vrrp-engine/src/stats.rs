use vrrp_proto::Counter;

use crate::Discard;

/// What one virtual router has done and seen since it was configured. Never reset.
///
/// The names are RFC 8347's (and RFC 2787's for VRRPv2) where these have one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Times it became Master.
    pub master_transitions: u64,
    /// Advertisements taken: those that passed every check.
    pub advertisement_rcvd: u64,
    /// Advertisements handed to the caller to send.
    pub advertisement_sent: u64,
    /// Advertisements with priority 0 taken (counted in `advertisement_rcvd` too).
    pub priority_zero_pkts_rcvd: u64,
    /// Advertisements with priority 0 handed to the caller to send (counted in `advertisement_sent` too).
    pub priority_zero_pkts_sent: u64,
    /// Advertisements taken whose list of addresses is not ours.
    ///
    /// They count as advertisements all the same. RFC 3768 §7.1 says that a router MAY make this check, and must then drop
    /// the packet unless its sender owns the addresses; that would make two Masters of one misconfigured pair, so the check
    /// is made for this counter alone. keepalived before 2.3.3 drops.
    pub address_list_errors: u64,
    /// Advertisements taken whose interval is not ours: version 3, which learns the Master's.
    pub interval_mismatches: u64,
    /// Advertisements taken by the owner of the addresses, which gives way to nobody (RFC 3768 §7.1).
    pub owner_ignored: u64,
    /// Discarded: sent to something else than the group.
    pub destination_errors: u64,
    /// Discarded: the virtual router was not started.
    pub not_running: u64,
    /// Discarded: another authentication type.
    pub auth_type_mismatches: u64,
    /// Discarded: a wrong password.
    pub auth_failures: u64,
    /// Discarded: another advertisement interval.
    pub interval_errors: u64,
    /// Discarded: from our own address.
    pub own_address: u64,
    /// Discarded: of another version of the protocol than the virtual router's.
    pub version_errors: u64,
    /// Discarded: with something behind the advertisement that is not configured here.
    pub packet_length_errors: u64,
    /// Discarded for a rule that this release of the engine has no counter of its own for.
    pub other_errors: u64,
}

impl Stats {
    /// Counts a packet that a virtual router did not take.
    pub(crate) fn count(&mut self, discard: Discard) {
        let counter = match discard.counter() {
            None => &mut self.not_running,
            Some(Counter::Destination) => &mut self.destination_errors,
            Some(Counter::AuthTypeMismatch) => &mut self.auth_type_mismatches,
            Some(Counter::AuthFailure) => &mut self.auth_failures,
            Some(Counter::Interval) => &mut self.interval_errors,
            Some(Counter::OwnAddress) => &mut self.own_address,
            Some(Counter::Version) => &mut self.version_errors,
            Some(Counter::PacketLength) => &mut self.packet_length_errors,
            Some(_) => &mut self.other_errors,
        };
        *counter += 1;
    }
}

/// What a [`VrrpRouter`](crate::VrrpRouter) has seen that belongs to no virtual router of its. Never reset.
///
/// Every packet is in `received`, and in exactly one of the others here or in one virtual router's [`Stats`]: in its
/// `advertisement_rcvd` or one of its discards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RouterStats {
    /// Packets handed in, good and bad.
    pub received: u64,
    /// Discarded: a TTL other than 255.
    pub ip_ttl_errors: u64,
    /// Discarded: shorter than a header, or not as long as the address count says.
    pub packet_length_errors: u64,
    /// Discarded: a VRRP version that is not spoken here.
    pub version_errors: u64,
    /// Discarded: a packet type other than advertisement.
    pub invalid_type_pkts_rcvd: u64,
    /// Discarded: no addresses.
    pub address_count_errors: u64,
    /// Discarded: a wrong checksum.
    pub checksum_errors: u64,
    /// Discarded: VRID 0, or one that is not configured on the interface.
    pub vrid_errors: u64,
    /// Discarded: an unknown authentication type.
    pub invalid_auth_type: u64,
    /// Discarded: an advertisement interval of zero.
    pub zero_interval_errors: u64,
    /// Discarded: malformed in a way that this release of the engine has no counter of its own for.
    pub other_parse_errors: u64,
}

impl RouterStats {
    /// Counts a packet that was discarded before a virtual router was found for it.
    pub(crate) const fn count(&mut self, counter: Counter) {
        let counter = match counter {
            Counter::HopLimit => &mut self.ip_ttl_errors,
            Counter::PacketLength => &mut self.packet_length_errors,
            Counter::Version => &mut self.version_errors,
            Counter::InvalidType => &mut self.invalid_type_pkts_rcvd,
            Counter::AddressCount => &mut self.address_count_errors,
            Counter::Checksum => &mut self.checksum_errors,
            Counter::Vrid => &mut self.vrid_errors,
            Counter::InvalidAuthType => &mut self.invalid_auth_type,
            Counter::ZeroInterval => &mut self.zero_interval_errors,
            Counter::IpHeader
            | Counter::AuthTypeMismatch
            | Counter::AuthFailure
            | Counter::Interval
            | Counter::AddressList
            | Counter::NotLinkLocal
            | Counter::Destination
            | Counter::Source
            | Counter::OwnAddress
            | Counter::Owner
            | _ => &mut self.other_parse_errors,
        };
        *counter += 1;
    }
}
