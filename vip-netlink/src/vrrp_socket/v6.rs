//! IPv6: received is what follows the header; what the header said comes beside it.

use std::{
    io::IoSliceMut,
    net::{IpAddr, Ipv6Addr},
    os::fd::AsRawFd,
};

use nix::{
    errno::Errno,
    sys::socket::{
        ControlMessageOwned, MsgFlags, RecvMsg, SockaddrIn6, recvmsg, setsockopt, sockopt::Ipv6RecvPacketInfo,
    },
};
use socket2::{Domain, Socket, Type};

use super::{INTERNETWORK_CONTROL, Protocol, Reception, bind, discard_early_packets, expect_family};
use crate::{
    error::{Cause, Failure},
    link::Interface,
    packet::Packet,
};

pub(super) fn open(
    interface: &Interface,
    source: Ipv6Addr,
    reception: Reception,
    protocol: Protocol,
) -> Result<Socket, Failure> {
    let group = match reception {
        Reception::Group(group) => Some(expect_group(source, group)?),
        Reception::Unicast => None,
    };
    if protocol == Protocol::Ah {
        return Err(Cause::AhOverIpv6.into());
    }
    let socket = Socket::new(Domain::IPV6, Type::RAW.nonblocking(), Some(protocol.number()))?;
    socket.bind_device(Some(interface.name().as_bytes()))?;
    expect_local(source, interface.index())?;
    socket.set_multicast_all_v6(false)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(255)?;
    socket.set_unicast_hops_v6(255)?;
    socket.set_tclass_v6(INTERNETWORK_CONTROL)?;
    socket.set_recv_hoplimit_v6(true)?;
    setsockopt(&socket, Ipv6RecvPacketInfo, &true)?;
    bind(&socket, group.unwrap_or(source).into(), interface.index())?;
    if let Some(group) = group {
        socket.join_multicast_v6(&group, interface.index())?;
    }
    discard_early_packets(&socket)?;
    Ok(socket)
}

pub(super) fn receive<'b>(socket: &Socket, buffer: &'b mut [u8]) -> Result<Option<Packet<'b>>, Failure> {
    let mut control = Control([0; CONTROL_LEN]);
    // With MSG_TRUNC the result is the packet's length, even where that is more than fits.
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    let (length, header) = loop {
        let mut space = [IoSliceMut::new(buffer)];
        match recvmsg::<SockaddrIn6>(socket.as_raw_fd(), &mut space, Some(&mut control.0), flags) {
            Ok(message) => break (message.bytes, Header::read(&message)?),
            Err(Errno::EAGAIN) => return Ok(None),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    };
    let room = buffer.len();
    let bytes = buffer.get(..length).ok_or(Cause::TooLong { length, room })?;
    let Header { source, destination, hop_limit } = header;
    Ok(Some(Packet { source, destination, hop_limit, bytes, datagram: None }))
}

/// What the kernel tells of the IPv6 header.
struct Header {
    source: IpAddr,
    destination: IpAddr,
    hop_limit: u8,
}

impl Header {
    fn read(message: &RecvMsg<'_, '_, SockaddrIn6>) -> Result<Self, Failure> {
        let (mut destination, mut hop_limit) = (None, None);
        for control in message.cmsgs()? {
            if let ControlMessageOwned::Ipv6PacketInfo(info) = control {
                destination = Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into());
            } else if let ControlMessageOwned::Ipv6HopLimit(limit) = control {
                hop_limit = u8::try_from(limit).ok();
            }
        }
        Ok(Self {
            source: message.address.ok_or(Cause::Malformed)?.ip().into(),
            destination: destination.ok_or(Cause::Malformed)?,
            hop_limit: hop_limit.ok_or(Cause::Malformed)?,
        })
    }
}

/// Room for control messages, aligned as `struct cmsghdr` is.
#[repr(align(8))]
struct Control([u8; CONTROL_LEN]);

/// More than `CMSG_SPACE` of a struct in6_pktinfo and an int: 40 and 24 bytes.
const CONTROL_LEN: usize = 128;

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
