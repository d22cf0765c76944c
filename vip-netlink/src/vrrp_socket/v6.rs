//! IPv6: received is what follows the header; what the header said comes beside it.

use std::net::{IpAddr, Ipv6Addr};

use nix::sys::socket::{
    setsockopt,
    sockopt::{Ipv6RecvPacketInfo, ReceiveTimestampns},
};
use socket2::{Domain, Socket, Type};

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
    if protocol == Protocol::Ah {
        return Err(Cause::AhOverIpv6.into());
    }
    let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(protocol.number()))?;
    socket.set_multicast_all_v6(false)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(255)?;
    socket.set_unicast_hops_v6(255)?;
    socket.set_tclass_v6(INTERNETWORK_CONTROL)?;
    socket.set_recv_hoplimit_v6(true)?;
    setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    Ok(socket)
}

/// Puts the socket on an interface, in place of another one if it was on one. A group is left there before it is joined
/// here: the kernel forgets an interface that is deleted, but not who was a member there.
pub(super) fn place(
    socket: &Socket,
    interface: &Interface,
    source: Ipv6Addr,
    reception: Reception,
    left: Option<u32>,
) -> Result<(), Failure> {
    let group = match reception {
        Reception::Group(group) => Some(expect_group(source, group)?),
        Reception::Unicast => None,
    };
    bind_to_interface(socket, interface)?;
    expect_local(source, interface.index())?;
    bind(socket, group.unwrap_or(source).into(), interface.index())?;
    if let Some(group) = group {
        if let Some(left) = left {
            let _ = socket.leave_multicast_v6(&group, left);
        }
        socket.join_multicast_v6(&group, interface.index())?;
    }
    Ok(())
}

pub(super) fn read(told: Told, source: Option<Ipv6Addr>, bytes: &[u8]) -> Option<Packet<'_>> {
    Some(Packet {
        source: source?.into(),
        destination: told.destination?.into(),
        hop_limit: told.hop_limit?,
        interface: told.interface?,
        received_at: told.received_at,
        bytes,
        datagram: None,
    })
}

fn expect_group(source: Ipv6Addr, group: IpAddr) -> Result<Ipv6Addr, Failure> {
    expect_family(source.into(), group)?;
    match group {
        IpAddr::V6(group) if group.is_multicast() => Ok(group),
        IpAddr::V4(_) | IpAddr::V6(_) => Err(Cause::NotMulticast(group).into()),
    }
}

/// Asks whether an interface of this host has the address, if it is link-local this one: binding to the group does not
/// need it.
fn expect_local(source: Ipv6Addr, interface: u32) -> Result<(), Failure> {
    if source.is_unspecified() || source.is_multicast() {
        return Err(Cause::NotLocal(source.into()).into());
    }
    bind(&Socket::new(Domain::IPV6, Type::DGRAM, None)?, source.into(), interface)
}
