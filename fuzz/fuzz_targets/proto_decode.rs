//! Any bytes, as a message or a datagram: reading does not panic, and what it accepts is written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Decoded, Endpoints, Packet, ParseError, Rules,
    UnicastPeer, Verifier, Version, Vrid,
};

fuzz_target!(|input: &[u8]| {
    let Some((how, bytes)) = input.split_first() else { return };
    let mut bytes = bytes.to_vec();
    // Hardly any bytes have a right checksum. With it made right, the checks behind it are reached.
    if let Err(ParseError::Checksum { computed, .. }) = read(*how, &bytes) {
        let message_at = bytes.len() - take(*how, &bytes).map_or(0, |packet| packet.message().len());
        // Behind a datagram's total length there may be padding: the message does not end where the bytes do.
        let Some(field) = bytes.get_mut(message_at + 6..message_at + 8) else { return };
        field.copy_from_slice(&computed.to_be_bytes());
        let _ = read(*how, &bytes);
    }
});

fn take(how: u8, bytes: &[u8]) -> Result<Packet<'_>, ParseError> {
    let (us, peer) = ([192, 0, 2, 1], [192, 0, 2, 2]);
    match how % 4 {
        0 => Packet::from_ipv4(bytes),
        1 => Ok(Packet::new(Endpoints::multicast(us.into()), 255, bytes)),
        2 => Ok(Packet::new(Endpoints::multicast("fe80::1".parse().expect("an address")), 255, bytes)),
        _ => Ok(Packet::new(Endpoints::new(us.into(), peer.into()).expect("one family"), how, bytes)),
    }
}

fn read(how: u8, bytes: &[u8]) -> Result<(), ParseError> {
    let packet = take(how, bytes).inspect_err(tell)?;
    let decoded = packet.decode().inspect_err(tell)?;
    let advertisement = decoded.advertisement;
    judge(&decoded);

    // Written again, it is the same; but for what receivers are told to ignore, and the checksum's two forms of zero.
    let message = packet.message().get(..advertisement.encoded_len()).expect("at least the advertisement");
    let mut buffer = [0; Advertisement::MAX_LEN];
    let endpoints = packet.endpoints();
    let again = advertisement.encode(&endpoints, decoded.checksum, &mut buffer).expect("the longest fits");
    assert_eq!(again.len(), message.len());
    assert_eq!(again[..4], message[..4]);
    assert_eq!((again[4] & 0xf, again[5]), (message[4] & 0xf, message[5]));
    let ignored = match (advertisement.version(), advertisement.authentication()) {
        (Version::V2, Authentication::None | Authentication::Header) => 8,
        (Version::V2, Authentication::SimpleText(_)) | (Version::V3, _) => 0,
    };
    assert_eq!(again[8..again.len() - ignored], message[8..message.len() - ignored]);
    if advertisement.authentication() != Authentication::Header {
        let again = Packet::new(endpoints, packet.hop_limit(), again).decode();
        assert_eq!(again.map(|again| again.advertisement), Ok(advertisement));
    }
    Ok(())
}

/// What it says of itself, and what the rules say of it: nothing that panics.
fn judge(decoded: &Decoded<'_>) {
    let advertisement = decoded.advertisement;
    assert!(advertisement.to_string().starts_with("VRRPv"));
    let peers = [UnicastPeer::neighbour(decoded.packet().endpoints().source())];
    let vrid = Vrid::new(1).expect("not zero");
    for rules in [
        Rules::v2(vrid, AdvertInterval::DEFAULT, Addresses::V4(&[[192, 0, 2, 1]])),
        Rules::v3(advertisement.vrid(), advertisement.interval(), advertisement.addresses()).peers(&peers),
    ] {
        if let Err(violation) = rules.check(decoded, Verifier::None) {
            let _ = (violation.to_string(), violation.counter().rfc8347());
        }
    }
}

fn tell(error: &ParseError) {
    let _ = (error.to_string(), error.counter().rfc2787());
}
