//! The control message that names the source of a packet, and the interface it leaves through.
//!
//! ```text
//! +----------------------------+
//! | length, without padding    |  struct cmsghdr (cmsg(3)): a size_t,
//! | level                      |  an int,
//! | type                       |  an int; then, padded to a multiple of a size_t,
//! | in_pktinfo or in6_pktinfo  |  linux/in.h, linux/ipv6.h
//! +----------------------------+
//! ```

use std::net::{Ipv4Addr, Ipv6Addr};

use nix::libc;

/// `IP_PKTINFO`, ip(7).
pub(super) fn from_v4(interface: u32, source: Ipv4Addr) -> Box<[u8]> {
    // ipi_ifindex, ipi_spec_dst (which is the source when sending), ipi_addr (not read).
    let info = [interface.to_ne_bytes(), source.octets(), [0; 4]].concat();
    control_message(libc::IPPROTO_IP, libc::IP_PKTINFO, &info)
}

/// `IPV6_PKTINFO`, RFC 3542 §6.
pub(super) fn from_v6(interface: u32, source: Ipv6Addr) -> Box<[u8]> {
    // ipi6_addr, ipi6_ifindex.
    let info = [&source.octets()[..], &interface.to_ne_bytes()].concat();
    control_message(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info)
}

fn control_message(level: i32, kind: i32, data: &[u8]) -> Box<[u8]> {
    let length = size_of::<usize>() + 2 * size_of::<i32>() + data.len();
    let mut message = [&length.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
    message.resize(length.next_multiple_of(size_of::<usize>()), 0);
    message.into()
}
