//! Netlink messages as the kernel would write them, byte by byte, to hold what the crates write and read against.

/// A message with its header, padded.
pub fn message_bytes(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(16 + payload.len()).expect("it fits");
    let header = [&ne32(length)[..], &ne16(kind), &ne16(flags), &ne32(sequence), &ne32(0)];
    pad([&header.concat(), payload].concat())
}

/// An attribute with its header, padded.
pub fn attribute_bytes(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + value.len()).expect("it fits");
    pad([&ne16(length)[..], &ne16(kind), value].concat())
}

/// Zeros up to the next multiple of 4.
pub fn pad(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A number in the host's byte order.
pub fn ne16(number: u16) -> [u8; 2] {
    number.to_ne_bytes()
}

/// A number in the host's byte order.
pub fn ne32(number: u32) -> [u8; 4] {
    number.to_ne_bytes()
}
