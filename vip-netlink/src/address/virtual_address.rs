//! An address and how it is to be held.

use std::net::{IpAddr, Ipv4Addr};

use nix::libc;

use super::{Address, AddressError, AssignedAddress, Family, assigned::IFA_PROTO};
use crate::{link::Name, netlink::Owner};
use kernel_netlink::{Envelope, NLM_F_CREATE, NLM_F_EXCL, Payload};

/// An address and how an interface is to hold it, made from an [`Address`] that says nothing of that.
///
/// The default is right for an address that moves between hosts: usable at once, without duplicate address detection,
/// because its old owner may still have it; and, if it is an IPv6 `/128`, with a preferred lifetime of 0, so that the kernel
/// does not choose it as the source of the host's own packets. An IPv4 `/32` is not chosen as long as the interface has
/// another address before it.
///
/// ```
/// use vip_netlink::{Address, Scope, VirtualAddress};
///
/// # fn main() -> Result<(), vip_netlink::AddressError> {
/// let vip: Address = "192.0.2.10/24".parse()?;
/// let vip = VirtualAddress::from(vip).label("eth0:vip")?.scope(Scope::LINK).no_prefix_route();
/// # Ok(())
/// # }
/// ```
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub struct VirtualAddress {
    address: Address,
    peer: Option<IpAddr>,
    broadcast: Option<Ipv4Addr>,
    label: Option<Name>,
    scope: Scope,
    preferred_lifetime: Lifetime,
    flags: u32,
}

impl VirtualAddress {
    /// Returns the address.
    pub fn address(&self) -> Address {
        self.address
    }

    /// Returns the IP, host bits included.
    pub fn ip(&self) -> IpAddr {
        self.address.ip
    }

    /// Sets the address at the other end (`IFA_ADDRESS`): the prefix length is then that of its subnet, and the route that
    /// comes with the address leads there.
    ///
    /// # Errors
    ///
    /// [`AddressError::OtherFamily`], [`AddressError::NotUnicast`].
    pub fn peer(self, peer: impl Into<IpAddr>) -> Result<Self, AddressError> {
        let peer = peer.into();
        self.expect_family(peer)?;
        Address::new(peer, self.address.prefix_len)?;
        Ok(Self { peer: Some(peer).filter(|peer| *peer != self.address.ip), ..self })
    }

    /// Sets the broadcast address of an IPv4 address (`IFA_BROADCAST`); without, it has none.
    ///
    /// # Errors
    ///
    /// [`AddressError::OtherFamily`] for an IPv6 address.
    pub fn broadcast(self, broadcast: Ipv4Addr) -> Result<Self, AddressError> {
        self.expect_family(broadcast.into())?;
        Ok(Self { broadcast: Some(broadcast), ..self })
    }

    /// Sets the name of an IPv4 address, as old tools show it (`IFA_LABEL`): 1 to 15 bytes, by custom the interface's name, a
    /// colon and something.
    ///
    /// # Errors
    ///
    /// [`AddressError::Label`].
    pub fn label(self, label: &str) -> Result<Self, AddressError> {
        let label = Name::new(label).filter(|_| self.address.ip.is_ipv4()).ok_or(AddressError::Label)?;
        Ok(Self { label: Some(label), ..self })
    }

    /// Sets how far away the address is valid; [`Scope::GLOBAL`] otherwise. Of an IPv6 address the kernel decides itself.
    #[must_use]
    pub fn scope(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    /// Does without the route to the address's subnet (`IFA_F_NOPREFIXROUTE`).
    #[must_use]
    pub fn no_prefix_route(self) -> Self {
        Self { flags: self.flags | libc::IFA_F_NOPREFIXROUTE, ..self }
    }

    /// Sets how long an IPv6 address may be chosen as the source of new connections; 0 for a `/128` otherwise, and for ever
    /// for all others. Of an IPv4 address the kernel only shows it.
    #[must_use]
    pub fn preferred_lifetime(self, lifetime: Lifetime) -> Self {
        Self { preferred_lifetime: lifetime, ..self }
    }

    /// Has the kernel look for others that have an IPv6 address, for a second or two in which it cannot be used (RFC 4862
    /// §5.4); for addresses that do not float.
    #[must_use]
    pub fn detect_duplicates(self) -> Self {
        Self { flags: self.flags & !libc::IFA_F_NODAD, ..self }
    }

    pub(crate) fn detects_duplicates(&self) -> bool {
        self.flags & libc::IFA_F_NODAD == 0
    }

    /// Tells whether the kernel counts it to a subnet that other addresses may be of: that of its peer, where it has one,
    /// which has more than one end even if it is a single address.
    pub(crate) fn may_share_its_subnet(&self) -> bool {
        self.peer.is_some() || !self.address.is_host()
    }

    fn expect_family(&self, other: IpAddr) -> Result<(), AddressError> {
        let is_same = other.is_ipv4() == self.address.ip.is_ipv4();
        if is_same { Ok(()) } else { Err(AddressError::OtherFamily(other)) }
    }

    /// Writes the request to add it, which fails with `EEXIST` where the interface has it; of IPv6, with any prefix length.
    pub(crate) fn write_add(&self, envelope: Envelope<'_>, interface: u32, owner: Owner) {
        envelope.message(libc::RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, |payload| {
            self.write_identity(payload, interface);
            if let Some(broadcast) = self.broadcast {
                payload.attribute(libc::IFA_BROADCAST, &broadcast.octets());
            }
            if let Some(label) = &self.label {
                payload.text(libc::IFA_LABEL, label.as_str());
            }
            if self.flags != 0 {
                payload.number(libc::IFA_FLAGS, self.flags);
            }
            if let Lifetime::Seconds(preferred) = self.preferred_lifetime {
                // struct ifa_cacheinfo: preferred and valid lifetime in seconds, two time stamps that are not read.
                let lifetimes = [preferred, FOREVER, 0, 0].map(u32::to_ne_bytes);
                payload.attribute(libc::IFA_CACHEINFO, lifetimes.as_flattened());
            }
            payload.attribute(IFA_PROTO, &[owner.get()]);
        });
    }

    /// Writes the request to remove it, which fails with `EADDRNOTAVAIL` where the interface does not have it.
    pub(crate) fn write_remove(&self, envelope: Envelope<'_>, interface: u32) {
        envelope.message(libc::RTM_DELADDR, 0, |payload| self.write_identity(payload, interface));
    }

    fn write_identity(&self, payload: &mut Payload<'_>, interface: u32) {
        let family = Family::of(self.address.ip).number();
        payload.header([family, self.address.prefix_len, 0, self.scope.0]).header(interface.to_ne_bytes());
        for (kind, ip) in
            [(libc::IFA_LOCAL, self.address.ip), (libc::IFA_ADDRESS, self.peer.unwrap_or(self.address.ip))]
        {
            match ip {
                IpAddr::V4(ip) => payload.attribute(kind, &ip.octets()),
                IpAddr::V6(ip) => payload.attribute(kind, &ip.octets()),
            };
        }
    }
}

impl From<Address> for VirtualAddress {
    fn from(address: Address) -> Self {
        let is_ipv6 = address.ip.is_ipv6();
        Self {
            address,
            peer: None,
            broadcast: None,
            label: None,
            scope: Scope::GLOBAL,
            preferred_lifetime: if is_ipv6 && address.is_host() {
                Lifetime::Seconds(0)
            } else {
                Lifetime::Forever
            },
            flags: if is_ipv6 { libc::IFA_F_NODAD } else { 0 },
        }
    }
}

impl From<AssignedAddress> for VirtualAddress {
    /// What identifies the address; how else the interface holds it is left behind.
    fn from(assigned: AssignedAddress) -> Self {
        Self { peer: assigned.peer(), ..assigned.address().into() }
    }
}

/// How far away an address is valid (`rt_scope_t`, linux/rtnetlink.h): the kernel does not use it as a source for what goes
/// further.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope(u8);

impl Scope {
    /// Everywhere.
    pub const GLOBAL: Self = Self(0);
    /// Within the site.
    pub const SITE: Self = Self(200);
    /// On this link.
    pub const LINK: Self = Self(253);
    /// On this host.
    pub const HOST: Self = Self(254);

    /// Makes a scope of the kernel's number; users may have more of them than have names here.
    pub const fn new(number: u8) -> Self {
        Self(number)
    }

    /// Returns the kernel's number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

/// How long.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the kernel knows no third")]
pub enum Lifetime {
    /// Without end.
    Forever,
    /// This many seconds; 2³² - 1 is for ever, too.
    Seconds(u32),
}

/// `INFINITY_LIFE_TIME`, include/net/addrconf.h.
const FOREVER: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_netlink::{NLM_F_ACK, Writer};
    use lab::written::{ne16, ne32};

    #[test]
    fn adding_an_address_is_this_request() {
        let bytes = addition("10.0.0.1/24");

        #[rustfmt::skip]
        let expected = [
            &ne32(48)[..], &ne16(20), &ne16(0x1 | 0x4 | 0x200 | 0x400), &ne32(7), &ne32(0), // nlmsghdr
            &[2, 24, 0, 0], &ne32(3), // ifaddrmsg
            &ne16(8), &ne16(2), &[10, 0, 0, 1], // IFA_LOCAL
            &ne16(8), &ne16(1), &[10, 0, 0, 1], // IFA_ADDRESS
            &ne16(5), &ne16(11), &[91, 0, 0, 0], // IFA_PROTO
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn adding_an_ipv6_host_address_says_that_it_is_usable_at_once_and_no_source() {
        let bytes = addition("2001:db8::1");

        let ip = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        #[rustfmt::skip]
        let expected = [
            &ne32(100)[..], &ne16(20), &ne16(0x1 | 0x4 | 0x200 | 0x400), &ne32(7), &ne32(0), // nlmsghdr
            &[10, 128, 0, 0], &ne32(3), // ifaddrmsg
            &ne16(20), &ne16(2), &ip, // IFA_LOCAL
            &ne16(20), &ne16(1), &ip, // IFA_ADDRESS
            &ne16(8), &ne16(8), &ne32(0x02), // IFA_FLAGS: IFA_F_NODAD
            &ne16(20), &ne16(6), &ne32(0), &ne32(u32::MAX), &ne32(0), &ne32(0), // IFA_CACHEINFO
            &ne16(5), &ne16(11), &[91, 0, 0, 0], // IFA_PROTO
        ]
        .concat();
        assert_eq!(bytes, expected);
    }

    #[test]
    fn an_ipv6_address_of_a_subnet_may_be_a_source() {
        let bytes = addition("2001:db8::1/64");

        assert_eq!(bytes.len(), 16 + 8 + 20 + 20 + 8 + 8, "no lifetimes");
    }

    #[test]
    fn what_does_not_fit_an_address_is_refused() {
        let [v4, v6] = ["10.0.0.1/24", "2001:db8::1"].map(|text| VirtualAddress::from(address(text)));
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();

        for (refused, error) in [
            (v4.label(""), AddressError::Label),
            (v4.label("sixteen-bytes-ab"), AddressError::Label),
            (v6.label("eth0:1"), AddressError::Label),
            (v4.peer(ip("::1")), AddressError::OtherFamily(ip("::1"))),
            (v6.peer(ip("10.0.0.2")), AddressError::OtherFamily(ip("10.0.0.2"))),
            (v4.peer(ip("224.0.0.1")), AddressError::NotUnicast(ip("224.0.0.1"))),
            (v6.broadcast(Ipv4Addr::BROADCAST), AddressError::OtherFamily(Ipv4Addr::BROADCAST.into())),
        ] {
            assert_eq!(refused, Err(error));
        }
    }

    fn addition(text: &str) -> Vec<u8> {
        let mut writer = Writer::default();
        let envelope = Envelope::new(&mut writer, NLM_F_ACK, 7);
        VirtualAddress::from(address(text)).write_add(envelope, 3, Owner::default());
        writer.bytes().to_vec()
    }

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }
}
