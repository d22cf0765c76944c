//! Listens on an interface: packet(7).

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::Duration,
};

use lab::all_frames_of;
use nix::{
    cmsg_space,
    errno::Errno,
    libc,
    sys::socket::{
        ControlMessageOwned, LinkAddr, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns,
    },
    time::{ClockId, clock_gettime},
};
use socket2::{Domain, SockFilter, Socket, Type};
use vip_netlink::Netlink;
use vrrp_proto::{AH_PROTOCOL, PROTOCOL};

use super::{
    Result,
    ip::{DESTINATION_OPTIONS, FRAGMENT, HOP_BY_HOP, PROTOCOL_AT, ROUTING},
    link::{IPV4, IPV6, LinkType, VLANS},
    source::Frame,
};

/// A look at what an interface sends and receives.
#[derive(Debug)]
pub(crate) struct Capture {
    interface: String,
    socket: Socket,
    header: Header,
    control: Vec<u8>,
    buffer: Box<[u8]>,
}

impl Capture {
    /// Opens a packet socket.
    pub(crate) fn open(interface: &str, listen: Listen) -> Result<Self> {
        let index = Netlink::open()?.interface(interface)?.index();
        let index = i32::try_from(index)?;
        let opened = open(index, listen).map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => format!(
                "not permitted to listen on {interface}: CAP_NET_RAW is needed, be root or `setcap cap_net_raw+ep` \
                 this program"
            ),
            _ => format!("cannot listen on {interface}: {error}"),
        });
        let (socket, header) = opened?;
        Ok(Self {
            interface: interface.to_owned(),
            socket,
            header,
            control: cmsg_space!(libc::timespec),
            buffer: vec![0; LONGEST_FRAME].into_boxed_slice(),
        })
    }

    /// Takes the next frame; `None` if there is none now.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Received>> {
        let mut space = [IoSliceMut::new(&mut self.buffer)];
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
        let received =
            recvmsg::<LinkAddr>(self.socket.as_raw_fd(), &mut space, Some(&mut self.control), flags);
        let message = match received {
            Ok(message) => message,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
            Err(Errno::ENETDOWN) => {
                let text = format!("it is down (`ip link set {} up`), or gone", self.interface);
                return Err(io::Error::other(text));
            }
            Err(errno) => return Err(errno.into()),
        };
        let Some(sender) = message.address else { return Ok(None) };
        // What a host sends to itself goes out and comes in, and is to be seen once.
        if sender.hatype() == libc::ARPHRD_LOOPBACK && sender.pkttype() == libc::PACKET_OUTGOING {
            return Ok(None);
        }
        let stamp = message.cmsgs()?.find_map(|control| {
            if let ControlMessageOwned::ScmTimestampns(stamp) = control { Some(stamp) } else { None }
        });
        let at = match stamp {
            Some(stamp) => stamp.into(),
            None => clock_gettime(ClockId::CLOCK_REALTIME)?.into(),
        };
        let link = match self.header {
            Header::Ethernet => LinkType::Ethernet,
            Header::TakenOff => LinkType::Cooked(u16::from_be(sender.protocol())),
        };
        Ok(Some(Received { at, link, len: message.bytes }))
    }

    /// Returns a frame that was received just now.
    pub(crate) fn frame(&self, received: Received) -> Frame<'_> {
        let Received { at, link, len } = received;
        let bytes = self.buffer.get(..len).unwrap_or(&self.buffer);
        Frame { at, link, bytes, missing: len - bytes.len() }
    }
}

impl AsFd for Capture {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What was received, but for its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Received {
    at: Duration,
    link: LinkType,
    len: usize,
}

/// What the network card is asked to let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listen {
    /// What is for this host, and for all groups, whether the host has joined them or not.
    ToHostAndGroups,
    /// What is for other hosts too.
    ToAll,
}

/// What is in front of the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Header {
    /// Ethernet's: the kernel takes one VLAN tag off, and others may follow.
    Ethernet,
    /// Nothing: the kernel knows how to take off what links of other kinds have.
    TakenOff,
}

fn open(interface: i32, listen: Listen) -> io::Result<(Socket, Header)> {
    let socket = open_as(Type::RAW, interface, listen)?;
    match hardware_type(&socket)? {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Ok((socket, Header::Ethernet)),
        _ => Ok((open_as(Type::DGRAM, interface, listen)?, Header::TakenOff)),
    }
}

fn open_as(kind: Type, interface: i32, listen: Listen) -> io::Result<Socket> {
    // Protocol 0 receives nothing, so that nothing comes from other interfaces before `bind` names this one, and nothing
    // past the filter.
    let socket = Socket::new(Domain::PACKET, kind.nonblocking().cloexec(), None)?;
    socket.attach_filter(&filter())?;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    let membership = match listen {
        Listen::ToHostAndGroups => libc::PACKET_MR_ALLMULTI,
        Listen::ToAll => libc::PACKET_MR_PROMISC,
    };
    add_membership(&socket, interface, membership as libc::c_ushort)?;
    socket.bind(&all_frames_of(interface))?;
    Ok(socket)
}

/// Lets through what may be VRRP, so that a busy interface does not drown it. `ip::find` has the last word.
fn filter() -> Vec<SockFilter> {
    let [ethernet_type, network] = [libc::SKF_AD_OFF + libc::SKF_AD_PROTOCOL, libc::SKF_NET_OFF];
    let in_ipv4 = [PROTOCOL, AH_PROTOCOL];
    let in_ipv6 = [PROTOCOL, HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS];
    let mut program = Vec::new();
    program.push(load(libc::BPF_H, ethernet_type));
    for tag in VLANS {
        program.extend([unless(tag.into(), 1), ACCEPT]);
    }
    for (ether_type, protocol_at, protocols) in
        [(IPV4, PROTOCOL_AT, &in_ipv4[..]), (IPV6, NEXT_HEADER_AT, &in_ipv6[..])]
    {
        let mut of_version = vec![load(libc::BPF_B, network + protocol_at as i32)];
        for protocol in protocols {
            of_version.extend([unless((*protocol).into(), 1), ACCEPT]);
        }
        of_version.push(REFUSE);
        program.push(unless(ether_type.into(), of_version.len() as u8));
        program.extend(of_version);
    }
    program.push(REFUSE);
    program
}

/// Loads a byte or a word.
const fn load(size: u32, at: i32) -> SockFilter {
    SockFilter::new((libc::BPF_LD | size | libc::BPF_ABS) as u16, 0, 0, at.cast_unsigned())
}

/// Skips so many instructions unless what was loaded is `value`.
const fn unless(value: u32, skipped: u8) -> SockFilter {
    SockFilter::new((libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16, 0, skipped, value)
}

const ACCEPT: SockFilter = SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, u32::MAX);
const REFUSE: SockFilter = SockFilter::new((libc::BPF_RET | libc::BPF_K) as u16, 0, 0, 0);

/// Asks the network card for more than it would let through by itself, for as long as the socket lives.
fn add_membership(socket: &Socket, interface: i32, kind: libc::c_ushort) -> io::Result<()> {
    let request = libc::packet_mreq { mr_ifindex: interface, mr_type: kind, mr_alen: 0, mr_address: [0; 8] };
    // SAFETY: the kernel reads as many bytes of the request as it is long.
    #[expect(unsafe_code, reason = "neither socket2 nor nix has this option")]
    let outcome = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            (&raw const request).cast(),
            size_of_val(&request) as libc::socklen_t,
        )
    };
    Ok(Errno::result(outcome).map(drop)?)
}

/// Returns what kind of link a bound socket is on: `ARPHRD_*` of linux/if_arp.h.
fn hardware_type(socket: &Socket) -> io::Result<u16> {
    let mut storage = socket.local_addr()?.as_storage();
    // SAFETY: a sockaddr_ll is plain data and fits into the storage, which was zeroed before the kernel wrote to it.
    #[expect(
        unsafe_code,
        reason = "socket2 cannot read a sockaddr_ll, and nix takes none as short as Ethernet's"
    )]
    let address = unsafe { storage.view_as::<libc::sockaddr_ll>() };
    Ok(address.sll_hatype)
}

/// Of IPv6.
const NEXT_HEADER_AT: usize = 6;
/// What IP can say of its length, and a link's header: more than any frame has but those that the card will split.
const LONGEST_FRAME: usize = 0xffff + 64;
