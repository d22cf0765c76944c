//! The few requests of rtnetlink that build a LAN.

use std::{
    fmt::Display,
    io,
    net::Ipv4Addr,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::{Duration, Instant},
};

use neli::{
    FromBytesWithInput, Size, ToBytes,
    attr::Attribute,
    consts::{
        nl::NlmF,
        rtnl::{Ifa, Ifla, IflaInfo, RtAddrFamily, RtScope, RtaType, Rtm},
        socket::NlFamily,
    },
    neli_enum,
    nl::{NlPayload, NlmsghdrBuilder},
    rtnl::{IfaddrmsgBuilder, Ifinfomsg, IfinfomsgBuilder, RtAttrHandle, Rtattr, RtattrBuilder},
    socket::synchronous::NlSocketHandle,
    types::{Buffer, RtBuffer},
    utils::Groups,
};
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{MsgFlags, NetlinkAddr, bind, recv},
};
use socket2::{Domain, Protocol, Socket, Type};

/// A request socket in the namespace of the thread that opened it.
pub(crate) struct Rtnl {
    socket: NlSocketHandle,
}

impl Rtnl {
    pub(crate) fn open() -> io::Result<Self> {
        let socket = NlSocketHandle::connect(NlFamily::Route, None, Groups::empty()).map_err(other)?;
        Ok(Self { socket })
    }

    pub(crate) fn link(&self, name: &str) -> io::Result<Link> {
        let answer = self.request(Rtm::Getlink, NlmF::empty(), ifinfomsg(0, [text(Ifla::Ifname, name)])?)?;
        answer.as_ref().and_then(Link::read).ok_or_else(|| Errno::ENODEV.into())
    }

    pub(crate) fn set_up(&self, index: i32, up: bool) -> io::Result<()> {
        let change = IfinfomsgBuilder::default().ifi_family(RtAddrFamily::Unspecified).ifi_index(index);
        let change = if up { change.up() } else { change.down() };
        self.request(Rtm::Setlink, NlmF::empty(), change.build().map_err(other)?).map(drop)
    }

    /// Makes an interface a port of a bridge, or of none with `bridge` 0.
    pub(crate) fn set_bridge(&self, index: i32, bridge: i32) -> io::Result<()> {
        self.request(Rtm::Setlink, NlmF::empty(), ifinfomsg(index, [number(Ifla::Master, bridge)])?).map(drop)
    }

    /// Creates a bridge that forwards everything at once: no spanning tree, no snooping of multicast.
    pub(crate) fn create_bridge(&self, name: &str) -> io::Result<()> {
        let options = RtBuffer::from_iter([
            bytes(Bridge::ForwardDelay, 0_u32.to_ne_bytes()),
            bytes(Bridge::StpState, 0_u32.to_ne_bytes()),
            bytes(Bridge::McastSnooping, 0_u8.to_ne_bytes()),
        ]);
        self.create(name, "bridge", options)
    }

    /// Deletes an interface; of a virtual cable, both ends.
    pub(crate) fn delete(&self, index: i32) -> io::Result<()> {
        self.request(Rtm::Dellink, NlmF::empty(), ifinfomsg(index, [])?).map(drop)
    }

    /// Creates a virtual cable: one end here, the other as `peer` with a hardware address of its own in `namespace`.
    pub(crate) fn create_veth(
        &self,
        name: &str,
        peer: &str,
        mac: [u8; 6],
        namespace: BorrowedFd<'_>,
    ) -> io::Result<()> {
        let peer = ifinfomsg(
            0,
            [
                text(Ifla::Ifname, peer),
                bytes(Ifla::Address, mac),
                number(Ifla::NetNsFd, namespace.as_raw_fd()),
            ],
        )?;
        self.create(name, "veth", RtBuffer::from_iter([attribute(Veth::Peer, peer)]))
    }

    pub(crate) fn add_address(&self, index: i32, ip: Ipv4Addr, prefix_len: u8) -> io::Result<()> {
        let address = IfaddrmsgBuilder::default()
            .ifa_family(RtAddrFamily::Inet)
            .ifa_prefixlen(prefix_len)
            .ifa_scope(RtScope::Universe)
            .ifa_index(index.cast_unsigned())
            .rtattrs(RtBuffer::from_iter([bytes(Ifa::Local, ip.octets()), bytes(Ifa::Address, ip.octets())]))
            .build()
            .map_err(other)?;
        self.request(Rtm::Newaddr, NlmF::CREATE | NlmF::EXCL, address).map(drop)
    }

    fn create<T: RtaType>(&self, name: &str, kind: &str, options: RtBuffer<T, Buffer>) -> io::Result<()> {
        let info = RtBuffer::from_iter([text(IflaInfo::Kind, kind), attribute(IflaInfo::Data, options)]);
        let link = ifinfomsg(0, [text(Ifla::Ifname, name), attribute(Ifla::Linkinfo, info)])?;
        self.request(Rtm::Newlink, NlmF::CREATE | NlmF::EXCL, link).map(drop)
    }

    /// Sends one request and reads up to its acknowledgement, returning the object that came before it, if any.
    fn request<P>(&self, kind: Rtm, flags: NlmF, payload: P) -> io::Result<Option<Ifinfomsg>>
    where
        P: Size + ToBytes + FromBytesWithInput<Input = usize> + std::fmt::Debug,
    {
        let message = NlmsghdrBuilder::default()
            .nl_type(kind)
            .nl_flags(NlmF::REQUEST | NlmF::ACK | flags)
            .nl_payload(NlPayload::Payload(payload))
            .build()
            .map_err(other)?;
        self.socket.send(&message).map_err(other)?;
        let mut object = None;
        loop {
            let (answers, _) = self.socket.recv::<Rtm, Ifinfomsg>().map_err(other)?;
            for answer in answers {
                match answer.map_err(other)?.nl_payload() {
                    NlPayload::Ack(_) => return Ok(object),
                    NlPayload::Err(error) => return Err(io::Error::from_raw_os_error(-error.error())),
                    NlPayload::Payload(link) => object = Some(link.clone()),
                    NlPayload::DumpExtAck(_) | NlPayload::Empty => {}
                }
            }
        }
    }
}

/// What is to be known of an interface.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Link {
    pub(crate) index: i32,
    /// Up, and with something at the other end of the cable.
    pub(crate) running: bool,
    /// A port of a bridge, and let through.
    pub(crate) forwarding: bool,
}

impl Link {
    fn read(message: &Ifinfomsg) -> Option<Self> {
        let flags = message.ifi_flags().bits();
        let attributes = message.rtattrs().get_attr_handle();
        Some(Self {
            index: *message.ifi_index(),
            running: flags & libc::IFF_RUNNING.cast_unsigned() != 0,
            forwarding: port_state(&attributes) == Some(BR_STATE_FORWARDING),
        })
    }
}

fn port_state(attributes: &RtAttrHandle<'_, Ifla>) -> Option<u8> {
    let info = attributes.get_attribute(Ifla::Linkinfo)?.get_attr_handle::<IflaInfo>().ok()?;
    let port = info.get_attribute(IflaInfo::SlaveData)?.get_attr_handle::<BridgePort>().ok()?;
    port.get_attribute(BridgePort::State)?.payload().as_ref().first().copied()
}

/// Hears of every change of an interface in the namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct LinkMonitor {
    socket: Socket,
}

impl LinkMonitor {
    pub(crate) fn open() -> io::Result<Self> {
        let protocol = Some(Protocol::from(libc::NETLINK_ROUTE));
        let socket = Socket::new(Domain::from(libc::AF_NETLINK), Type::RAW.nonblocking(), protocol)?;
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, libc::RTMGRP_LINK.cast_unsigned()))?;
        Ok(Self { socket })
    }

    /// Asks `ready` now and after every change, until it says yes.
    pub(crate) fn wait_until(
        &self,
        what: &dyn Display,
        ready: impl Fn() -> io::Result<bool>,
    ) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.forget()?;
            if ready()? {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let text = format!("{what} is not so after {PATIENCE:?}");
                return Err(io::Error::new(io::ErrorKind::TimedOut, text));
            }
            let timeout = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            match poll(&mut [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)], timeout) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// Takes the events so far off the socket: the present is asked for anyway.
    fn forget(&self) -> io::Result<()> {
        loop {
            match recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
                Err(Errno::EAGAIN) => return Ok(()),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

fn ifinfomsg<const N: usize>(index: i32, attributes: [Rtattr<Ifla, Buffer>; N]) -> io::Result<Ifinfomsg> {
    IfinfomsgBuilder::default()
        .ifi_family(RtAddrFamily::Unspecified)
        .ifi_index(index)
        .rtattrs(RtBuffer::from_iter(attributes))
        .build()
        .map_err(other)
}

fn text<T: Size>(kind: T, value: &str) -> Rtattr<T, Buffer> {
    attribute(kind, Buffer::from([value.as_bytes(), &[0]].concat()))
}

fn number<T: Size>(kind: T, value: i32) -> Rtattr<T, Buffer> {
    bytes(kind, value.to_ne_bytes())
}

fn bytes<T: Size, const N: usize>(kind: T, value: [u8; N]) -> Rtattr<T, Buffer> {
    attribute(kind, Buffer::from(value.to_vec()))
}

fn attribute<T: Size, P: Size + ToBytes>(kind: T, value: P) -> Rtattr<T, Buffer> {
    RtattrBuilder::default().rta_type(kind).rta_payload(value).build().expect("type and value are given")
}

fn other(error: impl Display) -> io::Error {
    io::Error::other(error.to_string())
}

/// `IFLA_BR_*`, linux/if_link.h.
#[neli_enum(serialized_type = "u16")]
enum Bridge {
    ForwardDelay = 1,
    StpState = 5,
    McastSnooping = 23,
}

impl RtaType for Bridge {}

/// `IFLA_BRPORT_*`, linux/if_link.h.
#[neli_enum(serialized_type = "u16")]
enum BridgePort {
    State = 1,
}

impl RtaType for BridgePort {}

/// `VETH_INFO_*`, linux/veth.h.
#[neli_enum(serialized_type = "u16")]
enum Veth {
    Peer = 1,
}

impl RtaType for Veth {}

/// linux/if_bridge.h.
const BR_STATE_FORWARDING: u8 = 3;
const PATIENCE: Duration = Duration::from_secs(10);
