//! Generic netlink: families that have names, and numbers only while the kernel has them.

use kernel_netlink::{Envelope, Failure, Malformed, Payload, RequestSocket, find};

/// Writes a request of a family.
pub(crate) fn request(
    envelope: Envelope<'_>,
    family: u16,
    command: u8,
    payload: impl FnOnce(&mut Payload<'_>),
) {
    envelope.message(family, 0, |message| payload(message.header([command, VERSION, 0, 0])));
}

/// Splits what an answer of a family carries into its command and its attributes.
pub(crate) fn split(payload: &[u8]) -> Result<(u8, &[u8]), Malformed> {
    let (&[command, ..], attributes) = payload.split_first_chunk::<HEADER_LEN>().ok_or(Malformed)?;
    Ok((command, attributes))
}

/// Asks for the number of a family; the kernel loads the module that has it.
pub(crate) fn resolve(socket: &mut RequestSocket, name: &str) -> Result<u16, Failure> {
    let mut number = Err(Malformed);
    socket.request(
        |envelope| {
            request(envelope, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, |payload| {
                payload.text(CTRL_ATTR_FAMILY_NAME, name);
            });
        },
        |_, payload| {
            number = read_number(payload);
            Ok(())
        },
    )?;
    Ok(number?)
}

pub(crate) fn read_number(payload: &[u8]) -> Result<u16, Malformed> {
    let (_, attributes) = split(payload)?;
    find(attributes, CTRL_ATTR_FAMILY_ID)?.ok_or(Malformed)?.array().map(u16::from_ne_bytes)
}

/// `struct genlmsghdr`: command, version, and two bytes of nothing.
const HEADER_LEN: usize = 4;
const VERSION: u8 = 1;
/// linux/genetlink.h.
const GENL_ID_CTRL: u16 = 0x10;
const CTRL_CMD_GETFAMILY: u8 = 3;
const CTRL_ATTR_FAMILY_ID: u16 = 1;
const CTRL_ATTR_FAMILY_NAME: u16 = 2;
