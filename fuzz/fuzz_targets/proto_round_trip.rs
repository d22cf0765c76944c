//! Any advertisement: written, read and patched, it stays what it is; and no other bytes than its own are read as it.
#![no_main]

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Checksum, Endpoints, Packet, Password,
    Prepared, Priority, Vrid,
};

#[derive(Debug, Arbitrary)]
struct Input {
    vrid: u8,
    priorities: [u8; 3],
    centis: u16,
    body: Body,
    checksum: u8,
    ends: [[u8; 16]; 2],
    is_multicast: bool,
    flip: u16,
}

#[derive(Debug, Arbitrary)]
enum Body {
    V2 { secs: u8, password: Option<[u8; 8]>, addresses: Vec<[u8; 4]> },
    V3 { addresses: Vec<[u8; 4]> },
    V6 { addresses: Vec<[u8; 16]> },
}

fuzz_target!(|input: Input| {
    let Some((advertisement, endpoints, checksum)) = assemble(&input) else { return };
    let mut buffer = [0; Advertisement::MAX_LEN];
    let message = advertisement.encode(&endpoints, checksum, &mut buffer).expect("the longest fits");
    assert_eq!(message.len(), advertisement.encoded_len());
    let decoded = Packet::new(endpoints, 255, message).decode().expect("what is written is read");
    assert_eq!(decoded.advertisement, advertisement);

    let mut room = [0; Advertisement::MAX_LEN];
    let mut prepared = Prepared::new(&advertisement, &endpoints, checksum, &mut room[..]).expect("it fits");
    for priority in input.priorities.map(Priority::new) {
        prepared.set_priority(priority);
        let mut buffer = [0; Advertisement::MAX_LEN];
        let written = advertisement.with_priority(priority).encode(&endpoints, checksum, &mut buffer);
        assert_eq!(prepared.as_bytes(), written.expect("it fits"));
    }

    let was = (decoded.advertisement.to_string(), decoded.advertisement.authentication(), decoded.checksum);
    let mut flipped = message.to_vec();
    let bit = usize::from(input.flip) % (flipped.len() * 8);
    flipped[bit / 8] ^= 1 << (bit % 8);
    if let Ok(decoded) = Packet::new(endpoints, 255, &flipped).decode() {
        let is =
            (decoded.advertisement.to_string(), decoded.advertisement.authentication(), decoded.checksum);
        assert_ne!(is, was);
    }
});

/// `None` if a value is out of range.
fn assemble(input: &Input) -> Option<(Advertisement<'_>, Endpoints, Checksum)> {
    let vrid = Vrid::new(input.vrid).ok()?;
    let priority = Priority::new(input.priorities[0]);
    let centis = AdvertInterval::from_centis(input.centis).ok();
    let advertisement = match &input.body {
        Body::V2 { secs, password, addresses } => {
            let interval = AdvertInterval::from_secs(*secs).ok()?;
            let authentication = password.map_or(Authentication::None, |password| {
                Authentication::SimpleText(Password::from_wire(password))
            });
            Advertisement::v2(vrid, priority, interval, Addresses::V4(addresses), authentication)
        }
        Body::V3 { addresses } => Advertisement::v3(vrid, priority, centis?, Addresses::V4(addresses)),
        Body::V6 { addresses } => Advertisement::v3(vrid, priority, centis?, Addresses::V6(addresses)),
    };
    let advertisement = advertisement.ok()?;
    let [source, destination] = match advertisement.addresses() {
        Addresses::V4(_) => input.ends.map(|[a, b, c, d, ..]| [a, b, c, d].into()),
        Addresses::V6(_) => input.ends.map(Into::into),
    };
    let endpoints = match input.is_multicast {
        true => Endpoints::multicast(source),
        false => Endpoints::new(source, destination)?,
    };
    let checksum = match input.checksum % 3 {
        0 => Checksum::PseudoHeader,
        1 => Checksum::MessageOnly,
        _ => Checksum::OldUnicast,
    };
    Some((advertisement, endpoints, checksum))
}
