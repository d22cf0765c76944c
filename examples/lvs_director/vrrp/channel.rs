//! The sockets that advertisements come and go through: one for all instances that speak in the same way on an interface.

use std::{io, net::IpAddr, num::NonZeroU8};

use failover_examples::{Sequence, keepalived_conf::model};
use vip_netlink::{AssignedAddress, Interface, Picture, Protocol, Reception, VrrpSocket};

use crate::{
    log,
    poll::{Poll, Token},
};

/// Who shares a socket: what is different here cannot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    pub(crate) interface: String,
    pub(crate) is_ipv6: bool,
    /// The source that is configured; without, the interface's own address.
    pub(crate) source: Option<IpAddr>,
    pub(crate) reception: Reception,
    pub(crate) protocol: Protocol,
    pub(crate) hop_limit: Option<u8>,
}

/// A socket, once its interface is there and has an address.
#[derive(Debug)]
pub(crate) struct Channel {
    pub(crate) key: Key,
    pub(crate) socket: Option<VrrpSocket>,
    /// What it advertises from; `None` as long as there is no such address.
    pub(crate) source: Option<IpAddr>,
    /// The interface that the socket is on.
    index: u32,
    /// The numbers that are let in.
    vrids: Vec<u8>,
    pub(crate) sequence: Sequence,
    has_complained: bool,
}

/// What has become of a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It is as it was.
    AsBefore,
    /// It has another source, or has one again.
    Source(IpAddr),
    /// It has none any more.
    NoSource,
}

impl Key {
    pub(crate) fn of(model: &model::Instance) -> Self {
        Self {
            interface: model.interface.clone(),
            is_ipv6: model.is_ipv6,
            source: model.source,
            reception: if model.peers.is_empty() {
                Reception::Group(model.group)
            } else {
                Reception::Unicast
            },
            protocol: match model.auth {
                model::Auth::Header(_) => Protocol::Ah,
                model::Auth::None | model::Auth::Password(_) => Protocol::Vrrp,
            },
            hop_limit: model.unicast_ttl,
        }
    }
}

impl Channel {
    pub(crate) fn new(key: Key) -> Self {
        Self {
            key,
            socket: None,
            source: None,
            index: 0,
            vrids: Vec::new(),
            sequence: Sequence::default(),
            has_complained: false,
        }
    }

    /// Has the kernel let in what is for these numbers, and nothing else.
    pub(crate) fn listen_for(&mut self, mut vrids: Vec<u8>) {
        vrids.sort_unstable();
        self.vrids = vrids;
        if let Some(socket) = &self.socket
            && let Err(error) = socket.receive_only(self.vrids.iter().copied())
        {
            log::error(&self.key.interface, error);
        }
    }

    /// Goes with its interface and its address: opens the socket, or puts it where they are now.
    pub(crate) fn settle(
        &mut self,
        number: u32,
        poll: &Poll,
        picture: &Picture,
        floats: impl Fn(&AssignedAddress) -> bool,
    ) -> Settled {
        let interface = picture.interface_named(&self.key.interface).copied();
        let found =
            interface.and_then(|interface| Some((interface, self.find_source(picture, &interface, floats)?)));
        let Some((interface, source)) = found else {
            return if self.source.take().is_some() { Settled::NoSource } else { Settled::AsBefore };
        };
        if self.source == Some(source) && self.index == interface.index() {
            return Settled::AsBefore;
        }
        match self.put(number, poll, &interface, source) {
            Ok(()) => {
                self.has_complained = false;
                (self.source, self.index) = (Some(source), interface.index());
                Settled::Source(source)
            }
            Err(error) => {
                if !self.has_complained {
                    log::error(&self.key.interface, error);
                }
                self.has_complained = true;
                if self.source.take().is_some() { Settled::NoSource } else { Settled::AsBefore }
            }
        }
    }

    fn put(&mut self, number: u32, poll: &Poll, interface: &Interface, source: IpAddr) -> io::Result<()> {
        if let Some(socket) = &mut self.socket {
            return socket.rejoin(interface, source).map_err(io::Error::other);
        }
        let Key { reception, protocol, hop_limit, .. } = self.key;
        let socket = VrrpSocket::open(interface, source, reception, protocol).map_err(io::Error::other)?;
        if let Some(hop_limit) = hop_limit.and_then(NonZeroU8::new) {
            socket.set_unicast_hop_limit(hop_limit).map_err(io::Error::other)?;
        }
        socket.receive_only(self.vrids.iter().copied()).map_err(io::Error::other)?;
        poll.add(&socket, Token::Channel(number))?;
        self.socket = Some(socket);
        Ok(())
    }

    /// Finds what is configured, if the interface has it; or its first address that does not float, of IPv6 its link-local one
    /// (RFC 9568 §5.1.2.1).
    fn find_source(
        &self,
        picture: &Picture,
        interface: &Interface,
        floats: impl Fn(&AssignedAddress) -> bool,
    ) -> Option<IpAddr> {
        let is_unicast = self.key.reception == Reception::Unicast;
        let is_fit = |address: &&AssignedAddress| {
            let ip = address.ip();
            ip.is_ipv6() == self.key.is_ipv6
                && (!ip.is_ipv6() || is_unicast || address.address().is_link_local())
        };
        let mut usable =
            picture.addresses_of(interface.index()).filter(|address| address.is_usable() && !floats(address));
        match self.key.source {
            Some(source) => {
                // A source may be on another interface, as the loopback of a router.
                let mut all = picture.addresses().filter(|address| address.is_usable());
                all.find(|address| address.ip() == source).map(AssignedAddress::ip)
            }
            None => usable.find(is_fit).map(AssignedAddress::ip),
        }
    }
}
