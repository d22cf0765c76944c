//! Ethernet frames of the LAN: what they say, and how the client and the simulation make theirs.

use std::net::Ipv4Addr;

use etherparse::{
    ArpOperation, EtherType, Icmpv4Type, LinkSlice, NetSlice, PacketBuilder, SlicedPacket, TransportSlice,
};
use vrrp_proto::{Endpoints, HOP_LIMIT, PROTOCOL, Packet};

use crate::{
    plan::{CLIENT_ADDRESS, NODE_ADDRESSES, NODES, Plan},
    world::What,
};

/// The hardware address of a node's interface.
pub(crate) fn hardware_address(node: usize) -> [u8; 6] {
    [2, 0, 0, 0, 0, node as u8 + 1]
}

/// Tells which node sent a frame, and what it says, if it says anything of interest.
pub(crate) fn read(frame: &[u8], plan: &Plan) -> Option<(usize, What)> {
    let packet = SlicedPacket::from_ethernet(frame).ok()?;
    let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link else { return None };
    let node = NODES.into_iter().find(|node| hardware_address(*node) == ethernet.source())?;
    let NetSlice::Ipv4(ip) = packet.net? else { return None };
    if ip.header().protocol().0 == PROTOCOL {
        let (source, destination) = (ip.header().source_addr(), ip.header().destination_addr());
        let endpoints = Endpoints::V4 { source, destination };
        let packet = Packet::new(endpoints, ip.header().ttl(), ip.payload().payload);
        let advertisement = packet.decode().ok()?.advertisement;
        let (vrid, priority) = (advertisement.vrid().get(), advertisement.priority().get());
        return Some((node, What::Advertisement { router: plan.by_vrid(vrid)?, priority }));
    }
    let Some(TransportSlice::Icmpv4(icmp)) = packet.transport else { return None };
    let Icmpv4Type::EchoReply(_) = icmp.icmp_type() else { return None };
    let router = plan.by_vip(ip.header().source_addr())?;
    let number = u64::from_be_bytes(*icmp.payload().first_chunk()?);
    Some((node, What::Reply { router, number }))
}

/// The client's ping of an address, from its IP header on. It carries its number, which the answer repeats.
pub(crate) fn ping(to: Ipv4Addr, number: u64) -> Vec<u8> {
    let builder = PacketBuilder::ipv4(CLIENT_ADDRESS.octets(), to.octets(), 64)
        .icmpv4_echo_request(std::process::id() as u16, number as u16);
    written(|out| builder.write(out, &number.to_be_bytes()))
}

/// A node's advertisement as a frame.
pub(crate) fn advertisement(node: usize, group: Ipv4Addr, message: &[u8]) -> Vec<u8> {
    let [_, b, c, d] = group.octets();
    let builder = PacketBuilder::ethernet2(hardware_address(node), [1, 0, 0x5e, b & 0x7f, c, d]).ipv4(
        NODE_ADDRESSES[node].octets(),
        group.octets(),
        HOP_LIMIT,
    );
    written(|out| builder.write(out, PROTOCOL.into(), message))
}

/// A node's gratuitous ARP as a frame.
pub(crate) fn announcement(node: usize, vip: Ipv4Addr) -> Vec<u8> {
    let (mac, ip) = (hardware_address(node), vip.octets());
    let arp = etherparse::ArpPacket::new(
        etherparse::ArpHardwareId::ETHERNET,
        EtherType::IPV4,
        ArpOperation::REQUEST,
        &mac,
        &ip,
        &[0; 6],
        &ip,
    );
    let Ok(arp) = arp else { return Vec::new() };
    let builder = PacketBuilder::ethernet2(mac, [0xff; 6]).arp(arp);
    written(|out| builder.write(out))
}

fn written<E>(write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Vec<u8> {
    let mut out = Vec::new();
    // Writing to memory cannot fail, and these packets are far from any limit.
    let _ = write(&mut out);
    out
}
