//! IPv4: received is the whole datagram.

use std::{
    net::{IpAddr, Ipv4Addr},
    os::fd::AsRawFd,
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{MsgFlags, recv},
};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};

use super::{INTERNETWORK_CONTROL, Protocol, Reception, bind, discard_early_packets, expect_family};
use crate::{
    error::{Cause, Failure},
    link::Interface,
    packet::Packet,
};

pub(super) fn open(
    interface: &Interface,
    source: Ipv4Addr,
    reception: Reception,
    protocol: Protocol,
) -> Result<Socket, Failure> {
    let group = match reception {
        Reception::Group(group) => Some(expect_group(source, group)?),
        Reception::Unicast => None,
    };
    let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(protocol.number()))?;
    socket.bind_device(Some(interface.name().as_bytes()))?;
    expect_local(source)?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_ttl_v4(255)?;
    socket.set_tos_v4(INTERNETWORK_CONTROL)?;
    socket.set_header_included_v4(protocol == Protocol::Ah)?;
    bind(&socket, group.unwrap_or(source).into(), interface.index())?;
    if let Some(group) = group {
        socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface.index()))?;
    }
    discard_early_packets(&socket)?;
    Ok(socket)
}

pub(super) fn receive<'b>(socket: &Socket, buffer: &'b mut [u8]) -> Result<Option<Packet<'b>>, Failure> {
    loop {
        // With MSG_TRUNC the result is the datagram's length, even where that is more than fits.
        match recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC) {
            Ok(length) => {
                let room = buffer.len();
                let datagram = buffer.get(..length).ok_or(Cause::TooLong { length, room })?;
                return Packet::from_ipv4(datagram).map(Some).ok_or_else(|| Cause::Malformed.into());
            }
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn expect_group(source: Ipv4Addr, group: IpAddr) -> Result<Ipv4Addr, Failure> {
    expect_family(source.into(), group)?;
    match group {
        IpAddr::V4(group) if group.is_multicast() => Ok(group),
        IpAddr::V4(_) | IpAddr::V6(_) => Err(Cause::NotMulticast(group).into()),
    }
}

/// Asks whether an interface of this host has the address: naming source and interface together checks only the latter,
/// and binding takes groups and broadcasts too.
fn expect_local(source: Ipv4Addr) -> Result<(), Failure> {
    let question = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    match question.set_multicast_if_v4(&source) {
        Ok(()) if source.is_unspecified() => Err(Cause::NotLocal(source.into()).into()),
        Err(error) if error.raw_os_error() == Some(libc::EADDRNOTAVAIL) => {
            Err(Cause::NotLocal(source.into()).into())
        }
        result => Ok(result?),
    }
}
