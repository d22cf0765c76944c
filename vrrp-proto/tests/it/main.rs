//! The codec's tests: the RFC's clauses, packets of other implementations, round trips, and tcpdump as a reader.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod golden;
mod rfc3768;
mod round_trip;
mod tcpdump;

use vrrp_proto::{Addresses, AdvertInterval, Advertisement, Authentication, Password, Priority, Vrid};

/// An advertisement as most are: VRID 10, priority 200, one second, two addresses, no authentication.
fn usual() -> Advertisement<'static> {
    advertisement(&[[192, 0, 2, 1], [192, 0, 2, 2]], Authentication::None)
}

fn advertisement(addresses: &[[u8; 4]], authentication: Authentication) -> Advertisement<'_> {
    Advertisement::v2(
        Vrid::new(10).unwrap(),
        Priority::new(200),
        AdvertInterval::DEFAULT,
        Addresses::V4(addresses),
        authentication,
    )
    .unwrap()
}

fn password(text: &str) -> Authentication {
    Authentication::SimpleText(Password::new(text).unwrap())
}

fn encoded(advertisement: &Advertisement<'_>) -> Vec<u8> {
    let mut message = Vec::new();
    advertisement.put(&mut message).unwrap();
    message
}

/// Changes one byte of a message and makes its checksum right again, so that only that fault is left.
fn with_byte(mut message: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    message[at] = value;
    message[6..8].fill(0);
    let sum = message.chunks(2).fold(0u32, |sum, pair| {
        let sum = sum + u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        (sum & 0xffff) + (sum >> 16)
    });
    message[6..8].copy_from_slice(&(!(sum as u16)).to_be_bytes());
    message
}
