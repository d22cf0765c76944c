use std::{
    error::Error,
    net::IpAddr,
    num::NonZeroU8,
    os::fd::{AsFd, BorrowedFd},
};

use vip_netlink::{
    Address, Announcer, AssignedAddress, Batch, Change, ErrorKind, Interface, Netlink, Protocol, Reception,
    VrrpSocket,
};
use vrrp_engine::{Advertise, Announce};
use vrrp_proto::{Advertisement, PreparedAh, Priority, Vrid};

use crate::{AuthenticationSettings, Event, RouterSettings, Settings, sequence::Sequence};

/// Where a node is: what there is to know before sockets are opened.
#[derive(Debug)]
pub(crate) struct Place {
    netlink: Netlink,
    pub(crate) interface: Interface,
    virtual_addresses: Vec<VirtualAddresses>,
    /// The address that is advertised from.
    pub(crate) source: IpAddr,
}

impl Place {
    /// Looks at the interface.
    pub(crate) fn find(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let mut netlink = Netlink::open()?;
        let interface = netlink.interface(&settings.interface)?;
        let mut present = netlink.addresses(&interface)?;
        // With our mark it floats: a predecessor that crashed has left it.
        present.retain(|address| address.owner() != Some(netlink.owner()));
        let virtual_addresses: Vec<_> = settings
            .routers
            .iter()
            .map(|router| VirtualAddresses::of(router, &present))
            .collect::<Result<_, _>>()?;
        let source = match settings.source {
            Some(source) => source,
            None => find_source(settings, &present, &virtual_addresses)?,
        };
        Ok(Self { netlink, interface, virtual_addresses, source })
    }
}

/// What carries the engine's orders out.
#[derive(Debug)]
pub(crate) struct Hands {
    interface: Interface,
    netlink: Netlink,
    announcer: Announcer,
    socket: VrrpSocket,
    sequence: Sequence,
    virtual_addresses: Vec<VirtualAddresses>,
}

impl Hands {
    /// Opens the sockets.
    pub(crate) fn open(place: Place, settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let Place { interface, netlink, virtual_addresses, source } = place;
        let reception = match settings.peers[..] {
            [] => Reception::Group(settings.group_for(source)),
            [..] => Reception::Unicast,
        };
        let protocol = match settings.authentication {
            AuthenticationSettings::Header(_) => Protocol::Ah,
            AuthenticationSettings::None | AuthenticationSettings::Password(_) => Protocol::Vrrp,
        };
        let socket = VrrpSocket::open(&interface, source, reception, protocol)?;
        if let Some(hop_limit) = NonZeroU8::new(settings.hop_limit) {
            socket.set_unicast_hop_limit(hop_limit)?;
        }
        socket.receive_only(virtual_addresses.iter().map(|addresses| addresses.vrid.get()))?;
        let announcer = Announcer::open(&interface)?;
        Ok(Self { interface, netlink, announcer, socket, sequence: Sequence::default(), virtual_addresses })
    }

    pub(crate) fn interface(&self) -> u32 {
        self.interface.index()
    }

    /// Takes the next packet into `buffer`.
    pub(crate) fn receive<'b>(
        &self,
        buffer: &'b mut [u8],
    ) -> Result<Option<vip_netlink::Packet<'b>>, vip_netlink::Error> {
        self.socket.recv(buffer)
    }

    /// Notes a packet that the engine has taken.
    pub(crate) fn note(&mut self, datagram: &[u8]) {
        self.sequence.heard(datagram);
    }

    pub(crate) fn advertise(&mut self, advertise: &Advertise<'_>) -> Result<(), vip_netlink::Error> {
        let mut buffer = [0; Advertisement::MAX_LEN + PreparedAh::<&mut [u8]>::OVERHEAD];
        let sequence = &mut self.sequence;
        let has_header =
            matches!(advertise.advertisement.authentication(), vrrp_proto::Authentication::Header);
        let encoded = if has_header {
            advertise.seal(sequence.advance(), &mut buffer).and_then(Result::ok)
        } else {
            advertise.encode(&mut buffer).ok().map(|message| message.len())
        };
        // The buffer takes the longest there is.
        let Some(message) = encoded.and_then(|len| buffer.get(..len)) else { return Ok(()) };
        self.socket.send(advertise.endpoints.destination(), message)
    }

    pub(crate) fn acquire(&mut self, vrid: Vrid) -> Result<(), vip_netlink::Error> {
        let mut batch = Batch::new();
        for address in of(&self.virtual_addresses, vrid).flat_map(|addresses| &addresses.list) {
            batch.add(&self.interface, *address);
        }
        self.netlink.carry_out(&batch).into_iter().try_for_each(|result| result.map(drop))
    }

    pub(crate) fn release(
        &mut self,
        vrid: Vrid,
        log: &mut dyn FnMut(Event),
    ) -> Result<(), vip_netlink::Error> {
        let (mut batch, mut floating) = (Batch::new(), Vec::new());
        for addresses in of(&self.virtual_addresses, vrid) {
            for address in addresses.list.iter().copied().filter(|address| !addresses.are_own(*address)) {
                batch.remove(&self.interface, address);
                floating.push(address);
            }
        }
        for (address, result) in floating.into_iter().zip(self.netlink.carry_out(&batch)) {
            match result {
                Ok(Change::Made) => log(Event::Released(address)),
                Ok(Change::AlreadySo) => {}
                Err(error) if error.kind() == ErrorKind::NotPermitted => return Err(error),
                Err(error) => log(Event::Problem(error)),
            }
        }
        Ok(())
    }

    pub(crate) fn announce(&self, announce: &Announce<'_>) -> Result<(), vip_netlink::Error> {
        for _ in 0..announce.times {
            self.announcer.announce_all(announce.addresses.iter())?;
        }
        Ok(())
    }
}

impl AsFd for Hands {
    /// Readable when there is a packet.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The addresses of one virtual router.
#[derive(Debug)]
struct VirtualAddresses {
    vrid: Vrid,
    list: Vec<Address>,
    /// Those that are the host's own: an owner's that it had before.
    own: Vec<Address>,
}

impl VirtualAddresses {
    fn of(settings: &RouterSettings, present: &[AssignedAddress]) -> Result<Self, Box<dyn Error>> {
        let vrid = Vrid::new(settings.vrid)?;
        let list = settings.parse_addresses()?;
        let is_owner = Priority::new(settings.priority).is_owner();
        let is_present = |address: &Address| present.iter().any(|one| one.address() == *address);
        let own = list.iter().copied().filter(|address| is_owner && is_present(address)).collect();
        Ok(Self { vrid, list, own })
    }

    fn are_own(&self, address: Address) -> bool {
        self.own.contains(&address)
    }

    fn float(&self, address: Address) -> bool {
        !self.are_own(address) && self.list.iter().any(|vip| vip.ip() == address.ip())
    }
}

fn of(all: &[VirtualAddresses], vrid: Vrid) -> impl Iterator<Item = &VirtualAddresses> {
    all.iter().filter(move |addresses| addresses.vrid == vrid)
}

/// Finds the interface's first address that does not float, of the family of the virtual ones: over IPv6 a link-local one
/// (RFC 9568 §5.1.2.1).
fn find_source(
    settings: &Settings,
    present: &[AssignedAddress],
    virtual_addresses: &[VirtualAddresses],
) -> Result<IpAddr, String> {
    let is_ipv6 = virtual_addresses.iter().flat_map(|of| &of.list).any(|address| address.ip().is_ipv6());
    let is_fit =
        |address: &Address| address.ip().is_ipv6() == is_ipv6 && (!is_ipv6 || address.is_link_local());
    let usable = present.iter().filter(|one| one.is_usable()).map(AssignedAddress::address);
    let mut own =
        usable.filter(|address| is_fit(address) && !virtual_addresses.iter().any(|of| of.float(*address)));
    let kind = if is_ipv6 { "usable link-local " } else { "" };
    own.next()
        .map(|address| address.ip())
        .ok_or_else(|| format!("{} has no {kind}address to advertise from: add one", settings.interface))
}
