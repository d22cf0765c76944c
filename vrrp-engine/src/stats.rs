use vrrp_proto::ParseError;

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
}

impl Stats {
    /// Counts a packet that a virtual router did not take.
    pub(crate) const fn count(&mut self, discard: Discard) {
        match discard {
            // These are found before a virtual router is.
            Discard::HopLimit(_) | Discard::Malformed(_) | Discard::UnknownVrid(_) => {}
            Discard::Destination(_) => self.destination_errors += 1,
            Discard::NotRunning => self.not_running += 1,
            Discard::AuthTypeMismatch { .. } => self.auth_type_mismatches += 1,
            Discard::AuthFailure => self.auth_failures += 1,
            Discard::Interval { .. } => self.interval_errors += 1,
            Discard::OwnAddress => self.own_address += 1,
        }
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
    pub(crate) const fn count(&mut self, discard: Discard) {
        match discard {
            Discard::HopLimit(_) => self.ip_ttl_errors += 1,
            Discard::Malformed(error) => self.count_malformed(error),
            Discard::UnknownVrid(_) => self.vrid_errors += 1,
            // These are a virtual router's own.
            Discard::Destination(_)
            | Discard::NotRunning
            | Discard::AuthTypeMismatch { .. }
            | Discard::AuthFailure
            | Discard::Interval { .. }
            | Discard::OwnAddress => {}
        }
    }

    const fn count_malformed(&mut self, error: ParseError) {
        match error {
            ParseError::Truncated { .. } | ParseError::Length { .. } => self.packet_length_errors += 1,
            ParseError::Version(_) => self.version_errors += 1,
            ParseError::Type(_) => self.invalid_type_pkts_rcvd += 1,
            ParseError::NoAddresses => self.address_count_errors += 1,
            ParseError::Checksum { .. } => self.checksum_errors += 1,
            ParseError::Vrid => self.vrid_errors += 1,
            ParseError::AuthType(_) => self.invalid_auth_type += 1,
            ParseError::Interval => self.zero_interval_errors += 1,
            _ => self.other_parse_errors += 1,
        }
    }
}
