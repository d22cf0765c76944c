//! The question, as bytes, and the message of the answer.

use super::frame::{ACK, PING, SETTINGS};

pub(super) const SETTINGS_ACK: [u8; 9] = [0, 0, 0, SETTINGS, ACK, 0, 0, 0, 0];

pub(super) fn pong(payload: [u8; 8]) -> [u8; 17] {
    let mut frame = [0; 17];
    frame[2] = 8;
    frame[3] = PING;
    frame[4] = ACK;
    frame[9..].copy_from_slice(&payload);
    frame
}

/// Writes all that a client has to say: preface, settings, headers, and the message.
pub(super) fn write(authority: &str, service: &str, is_https: bool) -> Vec<u8> {
    let mut bytes = PREFACE.to_vec();
    // Without a table of headers there is nothing to remember; and nothing is to be pushed.
    push_frame(&mut bytes, SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]);

    // Fields by the static table (RFC 7541, appendix A), their values as they are.
    let mut block = vec![0x83, if is_https { 0x87 } else { 0x86 }]; // :method POST, :scheme
    push_field(&mut block, &[0x04], "/grpc.health.v1.Health/Check"); // :path
    push_field(&mut block, &[0x01], authority); // :authority
    push_field(&mut block, &[0x0f, 31 - 15], "application/grpc"); // content-type
    push_field(&mut block, b"\x00\x02te", "trailers");
    push_field(&mut block, &[0x0f, 58 - 15], "healthcheck"); // user-agent
    push_frame(&mut bytes, 1, 0x4, 1, &block);

    // HealthCheckRequest: field 1, the service. The default is left out.
    let mut message = Vec::new();
    if !service.is_empty() {
        message.push(0x0a);
        push_varint(&mut message, service.len());
        message.extend_from_slice(service.as_bytes());
    }
    let mut data = vec![0];
    data.extend_from_slice(&(message.len() as u32).to_be_bytes());
    data.extend_from_slice(&message);
    push_frame(&mut bytes, 0, 0x1, 1, &data);
    bytes
}

/// Reads `HealthCheckResponse.status` out of a message with its length in front.
pub(super) fn serving_status(data: &[u8]) -> Option<u64> {
    let (head, mut message) = data.split_first_chunk::<5>()?;
    let [is_compressed, l0, l1, l2, l3] = *head;
    let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
    if is_compressed != 0 || message.len() != length {
        return None;
    }
    let mut status = 0;
    while !message.is_empty() {
        let tag = take_varint(&mut message)?;
        match tag & 7 {
            0 => {
                let value = take_varint(&mut message)?;
                if tag >> 3 == 1 {
                    status = value;
                }
            }
            1 => drop(message.split_off(..8)?),
            2 => {
                let length = usize::try_from(take_varint(&mut message)?).ok()?;
                message.split_off(..length)?;
            }
            5 => drop(message.split_off(..4)?),
            _ => return None,
        }
    }
    Some(status)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

fn push_frame(bytes: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    bytes.extend_from_slice(&(payload.len() as u32).to_be_bytes()[1..]);
    bytes.extend_from_slice(&[kind, flags]);
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
}

/// A literal field that is not to be remembered.
fn push_field(block: &mut Vec<u8>, name: &[u8], value: &str) {
    block.extend_from_slice(name);
    push_length(block, value.len());
    block.extend_from_slice(value.as_bytes());
}

/// The length of a string that is not compressed (RFC 7541, 5.1 and 5.2).
fn push_length(bytes: &mut Vec<u8>, length: usize) {
    match u8::try_from(length) {
        Ok(length @ 0..0x7f) => bytes.push(length),
        Ok(_) | Err(_) => {
            bytes.push(0x7f);
            push_varint(bytes, length - 0x7f);
        }
    }
}

/// Protobuf's numbers, and the rest of HPACK's: seven bits a byte, the lowest first.
fn push_varint(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
