//! Control messages: what the kernel is told beside a packet, and what it tells.
//!
//! ```text
//! +----------------------------+
//! | length, without padding    |  struct cmsghdr (cmsg(3)): a size_t,
//! | level                      |  an int,
//! | type                       |  an int; then, padded to a multiple of a size_t,
//! | data                       |  in_pktinfo, in6_pktinfo (linux/in.h, linux/ipv6.h), a number, a time
//! +----------------------------+
//! ```

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Duration, SystemTime},
};

use nix::libc;

/// Names the source of a packet, and the interface it leaves through.
pub(super) fn naming(interface: u32, source: IpAddr) -> Box<[u8]> {
    match source {
        IpAddr::V4(source) => from_v4(interface, source),
        IpAddr::V6(source) => from_v6(interface, source),
    }
}

/// What the kernel tells of a packet that arrived.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) interface: Option<u32>,
    pub(super) received_at: Option<SystemTime>,
    /// Over IPv6 only: IPv4's header says it.
    pub(super) destination: Option<Ipv6Addr>,
    /// Over IPv6 only.
    pub(super) hop_limit: Option<u8>,
}

impl Told {
    /// Reads as many messages as are whole.
    pub(super) fn read(mut messages: &[u8]) -> Self {
        let mut told = Self::default();
        while let Some((level, kind, data, others)) = split_first(messages) {
            told.note(level, kind, data);
            messages = others;
        }
        told
    }

    fn note(&mut self, level: i32, kind: i32, data: &[u8]) {
        match (level, kind) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => self.interface = number(data).map(i32::cast_unsigned),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                self.destination = data.first_chunk::<16>().copied().map(Ipv6Addr::from);
                self.interface = data.get(16..).and_then(number).map(i32::cast_unsigned);
            }
            (libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT) => {
                self.hop_limit = number(data).and_then(|limit| u8::try_from(limit).ok());
            }
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => self.received_at = time(data),
            _ => {}
        }
    }
}

/// `IP_PKTINFO`, ip(7).
fn from_v4(interface: u32, source: Ipv4Addr) -> Box<[u8]> {
    // ipi_ifindex, ipi_spec_dst (which is the source when sending), ipi_addr (not read).
    let info = [interface.to_ne_bytes(), source.octets(), [0; 4]].concat();
    control_message(libc::IPPROTO_IP, libc::IP_PKTINFO, &info)
}

/// `IPV6_PKTINFO`, RFC 3542 §6.
fn from_v6(interface: u32, source: Ipv6Addr) -> Box<[u8]> {
    // ipi6_addr, ipi6_ifindex.
    let info = [&source.octets()[..], &interface.to_ne_bytes()].concat();
    control_message(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &info)
}

fn control_message(level: i32, kind: i32, data: &[u8]) -> Box<[u8]> {
    let length = HEADER_LEN + data.len();
    let mut message = [&length.to_ne_bytes()[..], &level.to_ne_bytes(), &kind.to_ne_bytes(), data].concat();
    message.resize(length.next_multiple_of(size_of::<usize>()), 0);
    message.into()
}

/// Splits into level, type and data of the first message, and those behind it.
fn split_first(messages: &[u8]) -> Option<(i32, i32, &[u8], &[u8])> {
    let (length, rest) = messages.split_first_chunk()?;
    let (level, rest) = rest.split_first_chunk()?;
    let (kind, _) = rest.split_first_chunk()?;
    let length = usize::from_ne_bytes(*length);
    let data = messages.get(HEADER_LEN..length)?;
    let others = messages.get(length.next_multiple_of(size_of::<usize>())..).unwrap_or_default();
    Some((i32::from_ne_bytes(*level), i32::from_ne_bytes(*kind), data, others))
}

fn number(data: &[u8]) -> Option<i32> {
    data.first_chunk().copied().map(i32::from_ne_bytes)
}

/// Reads a struct timespec: two numbers of 64 bits, or of 32 on old systems.
fn time(data: &[u8]) -> Option<SystemTime> {
    let number = |bytes: &[u8]| match bytes.len() {
        8 => u64::try_from(i64::from_ne_bytes(*bytes.first_chunk()?)).ok(),
        4 => u64::try_from(number(bytes)?).ok(),
        _ => None,
    };
    let (seconds, nanoseconds) = data.split_at_checked(data.len() / 2)?;
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_secs(number(seconds)?))?
        .checked_add(Duration::from_nanos(number(nanoseconds)?))
}

const HEADER_LEN: usize = size_of::<usize>() + 2 * size_of::<i32>();

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn what_is_laid_out_is_read() {
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let time = [7_i64.to_ne_bytes(), 9_i64.to_ne_bytes()].concat();
        let messages = [
            from_v6(3, source),
            control_message(libc::IPPROTO_IPV6, libc::IPV6_HOPLIMIT, &255_i32.to_ne_bytes()),
            control_message(libc::SOL_SOCKET, libc::SCM_RIGHTS, &[1; 3]),
            control_message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time),
        ];

        let told = Told::read(&messages.concat());

        let received_at = Some(SystemTime::UNIX_EPOCH + Duration::new(7, 9));
        let expected =
            Told { interface: Some(3), received_at, destination: Some(source), hop_limit: Some(255) };
        assert_eq!(told, expected);
        assert_eq!(Told::read(&from_v4(4, Ipv4Addr::LOCALHOST)).interface, Some(4));
    }

    #[test]
    fn a_time_before_1970_is_none() {
        let time = [(-1_i64).to_ne_bytes(), 0_i64.to_ne_bytes()].concat();

        let told = Told::read(&control_message(libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS, &time));

        assert_eq!(told.received_at, None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(
            lengths in vec(prop_oneof![0..64_usize, any::<usize>()], 1..4),
            kinds in vec((0..42_i32, 0..64_i32), 3),
            bytes in vec(any::<u8>(), 0..64),
        ) {
            let mut messages = Vec::new();
            for (length, (level, kind)) in lengths.iter().zip(kinds) {
                messages.extend(length.to_ne_bytes());
                messages.extend(level.to_ne_bytes());
                messages.extend(kind.to_ne_bytes());
                messages.extend(&bytes);
            }
            let _ = Told::read(&messages);
            let _ = Told::read(&bytes);
        }
    }
}
