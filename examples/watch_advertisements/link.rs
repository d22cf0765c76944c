//! What is in front of the IP header: the link's own header, and VLAN tags.

/// What a captured packet begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkType {
    /// Ethernet: two addresses and the EtherType.
    Ethernet,
    /// The IP header, of either version.
    Raw,
    /// Linux' cooked header, as the pseudo-interface `any` had it (`LINKTYPE_LINUX_SLL`).
    Sll,
    /// The same with the interface in it, as `any` has it now (`LINKTYPE_LINUX_SLL2`).
    Sll2,
    /// What follows a header that the kernel has taken off, which ended in this EtherType.
    Cooked(u16),
}

impl LinkType {
    /// Takes a link type of a capture file; `None` for those that are not known here.
    pub(crate) fn of_pcap(number: u32) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::Sll),
            276 => Some(Self::Sll2),
            _ => None,
        }
    }

    /// Takes the link's header and VLAN tags off; `None` if what follows is not IP.
    pub(crate) fn datagram(self, bytes: &[u8]) -> Option<Datagram<'_>> {
        let (mut ether_type, mut rest) = match self {
            Self::Ethernet => split(bytes, |[.., a, b]: [u8; 14]| [a, b])?,
            Self::Sll => split(bytes, |[.., a, b]: [u8; 16]| [a, b])?,
            Self::Sll2 => split(bytes, |[a, b, ..]: [u8; 20]| [a, b])?,
            Self::Cooked(ether_type) => (ether_type, bytes),
            Self::Raw => match bytes.first()? >> 4 {
                4 => (IPV4, bytes),
                6 => (IPV6, bytes),
                _ => return None,
            },
        };
        while VLANS.contains(&ether_type) {
            (ether_type, rest) = split(rest, |[.., a, b]: [u8; 4]| [a, b])?;
        }
        match ether_type {
            IPV4 => Some(Datagram::V4(rest)),
            IPV6 => Some(Datagram::V6(rest)),
            _ => None,
        }
    }
}

/// What begins with an IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Datagram<'a> {
    V4(&'a [u8]),
    V6(&'a [u8]),
}

/// Takes a header off, in which there is an EtherType.
fn split<const N: usize>(bytes: &[u8], ether_type: impl Fn([u8; N]) -> [u8; 2]) -> Option<(u16, &[u8])> {
    let (header, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(ether_type(*header)), rest))
}

pub(crate) const IPV4: u16 = 0x0800;
pub(crate) const IPV6: u16 = 0x86dd;
/// 802.1Q, 802.1ad, and what came before the latter.
pub(crate) const VLANS: [u16; 3] = [0x8100, 0x88a8, 0x9100];
