//! IPv4: received is the whole datagram.

use std::net::{IpAddr, Ipv4Addr};

use nix::{
    libc,
    sys::socket::{
        setsockopt,
        sockopt::{Ipv4PacketInfo, ReceiveTimestampns},
    },
};
use socket2::{Domain, InterfaceIndexOrAddress, Socket, Type};

use super::{
    INTERNETWORK_CONTROL, Protocol, Reception, bind, bind_to_interface, control::Told, expect_family,
};
use crate::{
    error::{Cause, Failure},
    link::Interface,
    packet::Packet,
};

/// Makes a socket that is on no interface yet.
pub(super) fn socket(protocol: Protocol) -> Result<Socket, Failure> {
    let socket = Socket::new(Domain::IPV4, Type::RAW.nonblocking(), Some(protocol.number()))?;
    socket.set_multicast_all_v4(false)?;
    socket.set_multicast_loop_v4(false)?;
    socket.set_multicast_ttl_v4(255)?;
    socket.set_ttl_v4(255)?;
    socket.set_tos_v4(INTERNETWORK_CONTROL)?;
    socket.set_header_included_v4(protocol == Protocol::Ah)?;
    setsockopt(&socket, Ipv4PacketInfo, &true)?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// Puts the socket on an interface, in place of another one if it was on one. A group is left there before it is joined
/// here: the kernel forgets an interface that is deleted, but not who was a member there.
pub(super) fn place(
    socket: &Socket,
    interface: &Interface,
    source: Ipv4Addr,
    reception: Reception,
    left: Option<u32>,
) -> Result<(), Failure> {
    let group = match reception {
        Reception::Group(group) => Some(expect_group(source, group)?),
        Reception::Unicast => None,
    };
    bind_to_interface(socket, interface)?;
    expect_local(source)?;
    bind(socket, group.unwrap_or(source).into(), interface.index())?;
    if let Some(group) = group {
        if let Some(left) = left {
            let _ = socket.leave_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(left));
        }
        socket.join_multicast_v4_n(&group, &InterfaceIndexOrAddress::Index(interface.index()))?;
    }
    Ok(())
}

pub(super) fn read(told: Told, datagram: &[u8]) -> Option<Packet<'_>> {
    Packet::from_ipv4(datagram, told.interface?, told.received_at)
}

/// Returns the destination of a datagram, whole or not: RFC 791 §3.1.
pub(super) fn destination(datagram: &[u8]) -> Option<Ipv4Addr> {
    datagram.get(16..20)?.first_chunk::<4>().copied().map(Ipv4Addr::from)
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
