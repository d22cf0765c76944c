//! The receive checks that depend on the receiver's configuration.

use core::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
};

use crate::{
    Addresses, AdvertInterval, Checksum, Decoded, Family, HOP_LIMIT, MULTICAST_V4, MULTICAST_V6, Packet,
    Verifier, Version, Violation, Vrid,
};

/// What one router of a virtual router takes from the others: the receive checks of RFC 3768 §7.1 and RFC 9568 §7.1 that
/// need its configuration.
///
/// [`Packet::decode`] makes the checks that a packet can fail by itself, in the order of
/// [`ParseError`](crate::ParseError); [`check`](Self::check) makes the rest, in the order of [`Violation`]. Each failure has
/// its own variant, and each variant its [`Counter`](crate::Counter).
///
/// The defaults are the RFCs'. Where RFCs and practice differ, there is a method for the practice:
///
/// | | version 2 | version 3 | otherwise |
/// |---|---|---|---|
/// | TTL or hop limit | 255 | 255 | [`peers`](Self::peers): bounds for each peer |
/// | what the checksum covers over IPv4 | the message | either | [`checksum`](Self::checksum) |
/// | another advertisement interval | discarded | noted | [`on_interval`](Self::on_interval) |
/// | another list of addresses | noted | noted | [`on_addresses`](Self::on_addresses) |
/// | our own packet, sent back | taken | taken | [`own`](Self::own) |
/// | first IPv6 address not link-local | | noted | [`on_link_local`](Self::on_link_local) |
/// | the owner of the addresses receives | taken | taken | [`owner`](Self::owner) |
///
/// RFC 3768 lets a router that has made the check of the addresses no choice but to drop the packet; routers that do so
/// become two Masters when they are configured differently, and keepalived stopped it in 2.3.3. The owner must discard
/// all advertisements by RFC 3768 and RFC 9568; erratum 8298 has it verify them instead, so that two owners can find each
/// other out. What is noted is a bit in [`Notes`].
///
/// It costs nothing to make one for each packet.
///
/// ```
/// use vrrp_proto::{
///     Addresses, AdvertInterval, Advertisement, Checksum, Endpoints, Packet, Priority, Rules, Verifier, Violation,
///     Vrid,
/// };
///
/// let (vrid, interval) = (Vrid::new(51)?, AdvertInterval::from_secs(1)?);
/// let addresses = Addresses::V4(&[[192, 0, 2, 100]]);
/// let rules = Rules::v3(vrid, interval, addresses);
///
/// # let endpoints = Endpoints::multicast([192, 0, 2, 1].into());
/// # let sent = Advertisement::v3(vrid, Priority::DEFAULT, AdvertInterval::from_secs(2)?, addresses)?;
/// # let mut buffer = [0; 64];
/// # let message = sent.encode(&endpoints, Checksum::PseudoHeader, &mut buffer)?;
/// let packet = Packet::new(endpoints, 255, message);
/// let decoded = packet.decode()?;
/// let notes = rules.check(&decoded, Verifier::None)?;
/// assert!(notes.other_interval); // It advertises every 2 s, which a Backup of version 3 learns.
///
/// let elsewhere = Rules::v3(Vrid::new(52)?, interval, addresses);
/// assert_eq!(elsewhere.check(&decoded, Verifier::None), Err(Violation::Vrid(vrid)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    version: Version,
    vrid: Vrid,
    interval: AdvertInterval,
    addresses: Addresses<'a>,
    group: Option<IpAddr>,
    peers: &'a [UnicastPeer],
    own: Option<IpAddr>,
    checksum: AcceptChecksum,
    on_interval: OnMismatch,
    on_addresses: OnMismatch,
    on_link_local: OnMismatch,
    owner: Option<OnMismatch>,
}

impl<'a> Rules<'a> {
    /// Starts with RFC 3768's.
    #[inline]
    pub const fn v2(vrid: Vrid, interval: AdvertInterval, addresses: Addresses<'a>) -> Self {
        Self { on_interval: OnMismatch::Discard, ..Self::new(Version::V2, vrid, interval, addresses) }
    }

    /// Starts with RFC 9568's.
    #[inline]
    pub const fn v3(vrid: Vrid, interval: AdvertInterval, addresses: Addresses<'a>) -> Self {
        Self::new(Version::V3, vrid, interval, addresses)
    }

    #[inline]
    const fn new(version: Version, vrid: Vrid, interval: AdvertInterval, addresses: Addresses<'a>) -> Self {
        Self {
            version,
            vrid,
            interval,
            addresses,
            group: None,
            peers: &[],
            own: None,
            checksum: AcceptChecksum::Either,
            on_interval: OnMismatch::Note,
            on_addresses: OnMismatch::Note,
            on_link_local: OnMismatch::Note,
            owner: None,
        }
    }

    /// Sets the group (default: VRRP's of the addresses' family).
    #[inline]
    #[must_use]
    pub const fn group(self, group: IpAddr) -> Self {
        Self { group: Some(group), ..self }
    }

    /// Takes what these routers have sent to one address, and nothing that was sent to a group. None: the reverse.
    #[inline]
    #[must_use]
    pub const fn peers(self, peers: &'a [UnicastPeer]) -> Self {
        Self { peers, ..self }
    }

    /// Sets this router's address: a packet from it is its own, sent back by the network (default: not checked). Where there
    /// are peers, what was sent to another address than this one is discarded too.
    #[inline]
    #[must_use]
    pub const fn own(self, source: IpAddr) -> Self {
        Self { own: Some(source), ..self }
    }

    /// Sets what the checksum of version 3 over IPv4 may cover (default [`AcceptChecksum::Either`]).
    #[inline]
    #[must_use]
    pub const fn checksum(self, checksum: AcceptChecksum) -> Self {
        Self { checksum, ..self }
    }

    /// Sets what becomes of a packet with another advertisement interval.
    #[inline]
    #[must_use]
    pub const fn on_interval(self, on_interval: OnMismatch) -> Self {
        Self { on_interval, ..self }
    }

    /// Sets what becomes of a packet with another list of addresses, in whatever order. The owner's is never discarded
    /// (RFC 3768 §7.1).
    #[inline]
    #[must_use]
    pub const fn on_addresses(self, on_addresses: OnMismatch) -> Self {
        Self { on_addresses, ..self }
    }

    /// Sets what becomes of a packet over IPv6 whose first address is not link-local.
    #[must_use]
    pub const fn on_link_local(self, on_link_local: OnMismatch) -> Self {
        Self { on_link_local, ..self }
    }

    /// Says that this router owns the addresses (priority 255), and what becomes of all packets then.
    #[inline]
    #[must_use]
    pub const fn owner(self, on_owner: OnMismatch) -> Self {
        Self { owner: Some(on_owner), ..self }
    }

    /// Checks a packet that [`Packet::decode`] has read.
    ///
    /// # Errors
    ///
    /// The first check that fails, as a [`Violation`]. Of a packet that does not prove itself, the verifier remembers nothing;
    /// one that does is remembered even if a later check fails: it cannot be replayed.
    #[inline]
    pub fn check(&self, decoded: &Decoded<'_>, verifier: Verifier<'_>) -> Result<Notes, Violation> {
        let (packet, advertisement) = (decoded.packet(), &decoded.advertisement);
        if advertisement.vrid() != self.vrid {
            return Err(Violation::Vrid(advertisement.vrid()));
        }
        if advertisement.version() != self.version {
            return Err(Violation::Version(advertisement.version()));
        }
        self.check_endpoints(packet)?;
        if self.version == Version::V3 && !self.checksum.takes(decoded) {
            return Err(Violation::Checksum(decoded.checksum));
        }
        verifier.verify(decoded)?;
        self.check_values(decoded)
    }

    /// Whether it comes from a router of the group, and was sent to it.
    #[inline]
    fn check_endpoints(&self, packet: &Packet<'_>) -> Result<(), Violation> {
        let endpoints = packet.endpoints();
        if self.own.is_some_and(|own| endpoints.comes_from(&own)) {
            return Err(Violation::OwnAddress);
        }
        if !self.peers.is_empty() {
            return (*self).check_unicast(packet);
        }
        let is_to_group = match (&self.group, self.addresses.family()) {
            (Some(group), _) => endpoints.goes_to(group),
            (None, Family::V4) => endpoints.goes_to(&IpAddr::V4(MULTICAST_V4)),
            (None, Family::V6) => endpoints.goes_to(&IpAddr::V6(MULTICAST_V6)),
        };
        match packet.hop_limit() {
            _ if !is_to_group => Err(Violation::Destination(endpoints.destination())),
            HOP_LIMIT => Ok(()),
            hop_limit => Err(Violation::HopLimit { hop_limit, min: HOP_LIMIT, max: HOP_LIMIT }),
        }
    }

    /// Whether it comes from a peer, and was sent to this router alone.
    fn check_unicast(self, packet: &Packet<'_>) -> Result<(), Violation> {
        let endpoints = packet.endpoints();
        let (source, destination) = (endpoints.source(), endpoints.destination());
        let is_broadcast = destination == IpAddr::V4(Ipv4Addr::BROADCAST);
        if endpoints.is_multicast() || is_broadcast || self.own.is_some_and(|own| own != destination) {
            return Err(Violation::Destination(destination));
        }
        let peer = self.peers.iter().find(|peer| peer.address == source);
        let bounds = &peer.ok_or(Violation::Source(source))?.hop_limits;
        if bounds.contains(&packet.hop_limit()) {
            Ok(())
        } else {
            Err(Violation::HopLimit {
                hop_limit: packet.hop_limit(),
                min: *bounds.start(),
                max: *bounds.end(),
            })
        }
    }

    #[inline]
    fn check_values(&self, decoded: &Decoded<'_>) -> Result<Notes, Violation> {
        let advertisement = &decoded.advertisement;
        let theirs = advertisement.addresses();
        let is_same = advertisement.interval() == self.interval && theirs.same_set(&self.addresses);
        if is_same && starts_link_local(theirs) && self.owner.is_none() {
            return Ok(Notes::default());
        }
        (*self).check_others(decoded)
    }

    /// Apart, for a packet that is as expected is what matters.
    #[cold]
    fn check_others(self, decoded: &Decoded<'_>) -> Result<Notes, Violation> {
        let advertisement = &decoded.advertisement;
        let theirs = advertisement.addresses();
        let notes = Notes {
            other_interval: advertisement.interval() != self.interval,
            other_addresses: !theirs.same_set(&self.addresses),
            not_link_local: !starts_link_local(theirs),
            owner: self.owner.is_some(),
        };
        if self.owner == Some(OnMismatch::Discard) {
            return Err(Violation::Owner);
        }
        if notes.other_interval && self.on_interval == OnMismatch::Discard {
            return Err(Violation::Interval { ours: self.interval, theirs: advertisement.interval() });
        }
        if notes.not_link_local && self.on_link_local == OnMismatch::Discard {
            return Err(Violation::NotLinkLocal);
        }
        let from_owner = advertisement.priority().is_owner();
        if notes.other_addresses && self.on_addresses == OnMismatch::Discard && !from_owner {
            return Err(Violation::AddressList);
        }
        Ok(notes)
    }
}

/// Another router of the virtual router, where advertisements are sent from one to the other and not to a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_structs, reason = "the caller fills it in")]
pub struct UnicastPeer {
    /// Its address.
    pub address: IpAddr,
    /// The TTL or hop limit that its packets may arrive with: 255 alone for a neighbour on the same link, less for one that
    /// is so many routers away (RFC 5082), everything if that is not to be checked, as keepalived does by default.
    pub hop_limits: RangeInclusive<u8>,
}

impl UnicastPeer {
    /// Takes a neighbour on the same link.
    pub const fn neighbour(address: IpAddr) -> Self {
        Self { address, hop_limits: HOP_LIMIT..=HOP_LIMIT }
    }
}

/// Which checksums of version 3 over IPv4 are taken. Each packet's is checked; the question is what it may cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "RFC 5798 was read in two ways")]
pub enum AcceptChecksum {
    /// With the pseudo header or without, and keepalived's old form in what was sent to one address.
    #[default]
    Either,
    /// With the pseudo header.
    PseudoHeader,
    /// Without: RFC 9568 to the letter.
    MessageOnly,
}

impl AcceptChecksum {
    #[inline]
    fn takes(self, decoded: &Decoded<'_>) -> bool {
        let (checksum, endpoints) = (decoded.checksum, decoded.packet().endpoints());
        match (self, endpoints.family()) {
            (Self::Either, _) | (_, Family::V6) => true,
            (Self::PseudoHeader, Family::V4) => checksum == Checksum::PseudoHeader,
            // Between some addresses the pseudo header sums up to nothing, and both forms are right.
            (Self::MessageOnly, Family::V4) => {
                let pseudo_header = endpoints.pseudo_header(decoded.advertisement.encoded_len());
                checksum == Checksum::MessageOnly || pseudo_header.is_right()
            }
        }
    }
}

/// What becomes of a packet that is not as this router would send it, though another could.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is taken or it is not")]
pub enum OnMismatch {
    /// It is taken, and [`Notes`] says so.
    Note,
    /// It is discarded, as a [`Violation`].
    Discard,
}

/// What was unexpected in a packet that is taken all the same: worth a counter and a line in a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Notes {
    /// Its advertisement interval is not ours ([`Counter::Interval`](crate::Counter::Interval)).
    pub other_interval: bool,
    /// Its addresses are not ours ([`Counter::AddressList`](crate::Counter::AddressList)).
    pub other_addresses: bool,
    /// Its first IPv6 address is not link-local ([`Counter::NotLinkLocal`](crate::Counter::NotLinkLocal)).
    pub not_link_local: bool,
    /// This router owns the addresses, and gives way to nobody ([`Counter::Owner`](crate::Counter::Owner)).
    pub owner: bool,
}

/// IPv4 has no link-local addresses that VRRP would care for.
#[inline]
fn starts_link_local(addresses: Addresses<'_>) -> bool {
    match addresses {
        Addresses::V4(_) | Addresses::V6([]) => true,
        Addresses::V6([first, ..]) => core::net::Ipv6Addr::from(*first).is_unicast_link_local(),
    }
}
