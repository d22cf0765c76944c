use vrrp_proto::{Counter, Notes};

use crate::Discard;

/// What one virtual router has done and seen since it was made. Never reset.
///
/// The names are RFC 8347's (and RFC 2787's for VRRPv2) where these have one. `advertisement_rcvd` and those that say
/// "discarded" add up to the packets that were for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct Stats {
    /// Times it became Master.
    pub master_transitions: u64,
    /// Advertisements taken: those that passed every check.
    pub advertisement_rcvd: u64,
    /// Advertisements handed to the caller to send; one for each peer.
    pub advertisement_sent: u64,
    /// Advertisements with priority 0 taken (counted in `advertisement_rcvd` too).
    pub priority_zero_pkts_rcvd: u64,
    /// Advertisements with priority 0 handed to the caller to send (counted in `advertisement_sent` too).
    pub priority_zero_pkts_sent: u64,
    /// Times it was not run for so long past a deadline that another may have taken over.
    pub pauses: u64,
    /// Times somebody else took an address off the interface while it was Master.
    pub addresses_lost: u64,
    /// Advertisements whose list of addresses is not ours, taken or (counted below too) discarded.
    ///
    /// Taken, they count as advertisements all the same. RFC 3768 §7.1 says that a router MAY make this check, and must then drop
    /// the packet unless its sender owns the addresses; that would make two Masters of one misconfigured pair, so by default the
    /// check is made for this counter alone. keepalived before 2.3.3 drops.
    pub address_list_errors: u64,
    /// Advertisements taken whose interval is not ours: version 3, which learns the Master's. (RFC 8347's `interval-errors` is
    /// this and the discarded ones together.)
    pub interval_mismatches: u64,
    /// Advertisements taken whose first IPv6 address is not link-local.
    pub not_link_local: u64,
    /// Discarded: the virtual router was neither Backup nor Master.
    pub not_running: u64,
    /// Discarded: another advertisement interval.
    pub interval_errors: u64,
    /// Discarded: another list of addresses, where it is configured so.
    pub address_list_discards: u64,
    /// Discarded: a packet type other than advertisement.
    pub invalid_type_pkts_rcvd: u64,
    /// Discarded: not as long as it says, or with something behind it that is not configured here.
    pub packet_length_errors: u64,
    /// Discarded: an unknown authentication type.
    pub invalid_auth_type: u64,
    /// Discarded: another authentication type.
    pub auth_type_mismatches: u64,
    /// Discarded: a wrong password or digest, or a replay.
    pub auth_failures: u64,
    /// Discarded: no addresses.
    pub address_count_errors: u64,
    /// Discarded: an advertisement interval of zero.
    pub zero_interval_errors: u64,
    /// Discarded: of another version of the protocol than the virtual router's.
    pub version_errors: u64,
    /// Discarded: a checksum of the form that is not accepted.
    pub checksum_errors: u64,
    /// Discarded: from a peer, but with a TTL or hop limit out of its bounds.
    pub ip_ttl_errors: u64,
    /// Discarded: sent to something else than the group, or than this router where it has peers.
    pub destination_errors: u64,
    /// Discarded: from an address that is no peer's.
    pub source_errors: u64,
    /// Discarded: from our own address.
    pub own_address: u64,
    /// Discarded: by the owner of the addresses, which gives way to nobody.
    pub owner_ignored: u64,
    /// Discarded for a rule that this release of the engine has no counter of its own for.
    pub other_errors: u64,
}

impl Stats {
    /// Counts a packet that a virtual router did not take.
    pub(crate) fn count(&mut self, discard: Discard) {
        match discard.counter() {
            None => self.not_running += 1,
            Some(counter) => self.count_in(counter),
        }
    }

    pub(crate) fn count_in(&mut self, counter: Counter) {
        let counter = match counter {
            Counter::Interval => &mut self.interval_errors,
            Counter::AddressList => {
                self.address_list_errors += 1;
                &mut self.address_list_discards
            }
            Counter::InvalidType => &mut self.invalid_type_pkts_rcvd,
            Counter::PacketLength => &mut self.packet_length_errors,
            Counter::InvalidAuthType => &mut self.invalid_auth_type,
            Counter::AuthTypeMismatch => &mut self.auth_type_mismatches,
            Counter::AuthFailure => &mut self.auth_failures,
            Counter::AddressCount => &mut self.address_count_errors,
            Counter::ZeroInterval => &mut self.zero_interval_errors,
            Counter::Version => &mut self.version_errors,
            Counter::Checksum => &mut self.checksum_errors,
            Counter::HopLimit => &mut self.ip_ttl_errors,
            Counter::Destination => &mut self.destination_errors,
            Counter::Source => &mut self.source_errors,
            Counter::OwnAddress => &mut self.own_address,
            Counter::Owner => &mut self.owner_ignored,
            Counter::IpHeader | Counter::Protocol | Counter::Vrid | Counter::NotLinkLocal | _ => {
                &mut self.other_errors
            }
        };
        *counter += 1;
    }

    /// Counts what was unexpected in a packet that was taken.
    pub(crate) fn note(&mut self, notes: Notes) {
        self.address_list_errors += u64::from(notes.other_addresses);
        self.interval_mismatches += u64::from(notes.other_interval);
        self.not_link_local += u64::from(notes.not_link_local);
    }
}

/// What a [`VrrpRouter`](crate::VrrpRouter) has seen that belongs to no virtual router of its. Never reset.
///
/// Every packet is in `received`, and in exactly one of the others here or in one virtual router's [`Stats`]: in its
/// `advertisement_rcvd` or one of its discards. As in RFC 8347, a packet that cannot be read and names a virtual router is
/// counted there, unless it is for its TTL, version, checksum or VRID: these are counted here. What can be read and is not as the
/// virtual router is configured (another version, a hop limit out of a peer's bounds) is counted there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct RouterStats {
    /// Packets handed in, good and bad.
    pub received: u64,
    /// Discarded: a TTL other than 255.
    pub ip_ttl_errors: u64,
    /// Discarded: a VRRP version that is not spoken here.
    pub version_errors: u64,
    /// Discarded: a wrong checksum.
    pub checksum_errors: u64,
    /// Discarded: VRID 0, or one that is not configured on the interface.
    pub vrid_errors: u64,
    /// Discarded: too short to name a virtual router, or wrong in length and for none of ours.
    pub packet_length_errors: u64,
    /// Discarded: malformed in another way, and for no virtual router of ours.
    pub other_parse_errors: u64,
}

impl RouterStats {
    /// Counts a packet that was discarded before a virtual router was found for it.
    pub(crate) const fn count(&mut self, counter: Counter) {
        let counter = match counter {
            Counter::HopLimit => &mut self.ip_ttl_errors,
            Counter::Version => &mut self.version_errors,
            Counter::Checksum => &mut self.checksum_errors,
            Counter::Vrid => &mut self.vrid_errors,
            Counter::PacketLength => &mut self.packet_length_errors,
            Counter::InvalidType
            | Counter::AddressCount
            | Counter::InvalidAuthType
            | Counter::ZeroInterval
            | Counter::IpHeader
            | Counter::Protocol
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
