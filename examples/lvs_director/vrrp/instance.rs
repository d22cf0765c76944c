//! One `vrrp_instance`: what it was told to be, and what became of it.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::{Instant, SystemTime},
};

use failover_examples::keepalived_conf::model::{self, AddressEntry, Auth, Globals};
use vip_netlink::{Address, Picture, VirtualMac, VrrpSocket};
use vrrp_engine::{Accept, Config, ConfigError, Farewell, Owners, Reassert, RouterId, State};
use vrrp_proto::{AhKey, Authentication};

/// An instance that takes part.
#[derive(Debug)]
pub(crate) struct Instance {
    pub(crate) model: model::Instance,
    pub(crate) id: RouterId,
    /// The state that was last told.
    pub(crate) state: State,
    pub(crate) since: SystemTime,
    /// The priority that was last told.
    pub(crate) priority: u8,
    /// An owner's addresses that the host had before: its own, and not to be taken away.
    pub(crate) own: Vec<Address>,
    /// Addresses of a predecessor that was killed are still there. They stay until somebody else is heard to be Master: so
    /// who alone serves them, or is back in time, serves them without a gap.
    pub(crate) has_left_behind: bool,
    /// The interface with the virtual router's hardware address, by name.
    pub(crate) vmac: Option<VirtualMac>,
    /// The socket on it, while it is Master.
    pub(crate) vmac_socket: Option<VrrpSocket>,
    /// When to try again, after its addresses could not be put on the interface.
    pub(crate) retry_at: Option<Instant>,
    pub(crate) announcements: u64,
}

impl Instance {
    pub(crate) fn new(model: model::Instance, id: RouterId, picture: &Picture) -> Self {
        let own = own_addresses(&model, picture);
        let vmac = virtual_mac(&model);
        Self {
            priority: model.priority.get(),
            model,
            id,
            state: State::Initialize,
            since: SystemTime::now(),
            own,
            has_left_behind: false,
            vmac,
            vmac_socket: None,
            retry_at: None,
            announcements: 0,
        }
    }

    /// Returns what it holds as Master, each with its interface's name.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&AddressEntry, &str)> {
        entries(&self.model).map(|entry| (entry, self.interface_of(entry)))
    }

    /// Returns the interface that an address goes to: the virtual MAC's, unless another was named.
    pub(crate) fn interface_of<'a>(&'a self, entry: &'a AddressEntry) -> &'a str {
        match &self.vmac {
            Some(vmac) if !entry.has_dev || entry.interface == self.model.interface => vmac.name(),
            Some(_) | None => &entry.interface,
        }
    }

    pub(crate) fn is_own(&self, entry: &AddressEntry) -> bool {
        self.own.contains(&entry.address.address())
    }

    /// Whether what it sends leaves from the virtual MAC.
    pub(crate) fn sends_from_vmac(&self) -> bool {
        let vmac = self.model.vmac.as_ref();
        vmac.is_some_and(|vmac| !vmac.sends_from_base) && self.model.peers.is_empty()
    }
}

pub(crate) fn entries(model: &model::Instance) -> impl Iterator<Item = &AddressEntry> {
    model.addresses.iter().chain(&model.excluded)
}

fn virtual_mac(model: &model::Instance) -> Option<VirtualMac> {
    let number = model.vrid.get();
    let vmac = if model.is_ipv6 { VirtualMac::ipv6(number) } else { VirtualMac::ipv4(number) };
    match &model.vmac.as_ref()?.name {
        Some(name) => vmac?.named(name),
        None => vmac,
    }
}

/// What an owner has before it starts is the host's.
fn own_addresses(model: &model::Instance, picture: &Picture) -> Vec<Address> {
    if !model.priority.is_owner() {
        return Vec::new();
    }
    let is_present =
        |address: &Address| picture.addresses().any(|one| one.address() == *address && one.owner().is_none());
    entries(model).map(|entry| entry.address.address()).filter(is_present).collect()
}

/// Says it in the engine's words. Without a source it is one that nobody has, until there is one: the instance is in state Fault
/// until then.
pub(crate) fn config(
    model: &model::Instance,
    globals: &Globals,
    source: Option<IpAddr>,
) -> Result<Config, ConfigError> {
    let source = source.unwrap_or(if model.is_ipv6 { NOBODY_V6.into() } else { NOBODY_V4.into() });
    let addresses = model.addresses.iter().map(|entry| entry.address.ip());
    let mut config = Config::builder(model.vrid, source, addresses)
        .version(model.version)
        .priority(model.priority)
        .interval(model.interval)
        .down_multiplier(model.down_multiplier)
        .start_delay(globals.startup_delay)
        .preempt(model.preempt)
        .farewell(Farewell::Send)
        .reassert(if model.lower_prio_no_advert { Reassert::Stay } else { Reassert::Advertise })
        .owners(if model.owner_ignore_adverts { Owners::Ignore } else { Owners::Elect })
        .accept(if model.accept { Accept::Allow } else { Accept::Forbid })
        .announcements(model.announcements)
        .checksum(model.checksum)
        .accept_checksum(model.accept_checksum)
        .group(model.group);
    if !model.peers.is_empty() {
        config = config.peers(model.peers.iter().cloned());
        if let Some(ttl) = model.unicast_ttl {
            config = config.hop_limit(ttl);
        }
    }
    config = match &model.auth {
        Auth::None => config,
        Auth::Password(password) => config.authentication(Authentication::SimpleText(*password)),
        Auth::Header(text) => match AhKey::new(text) {
            Ok(key) => config.authentication_header(key),
            // The reader has tried it; without a key the engine refuses the rest.
            Err(_) => config.authentication(Authentication::Header),
        },
    };
    config.build()
}

/// The dummy address of RFC 7600, and one of the prefix that RFC 6666 says to discard.
const NOBODY_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 0, 8);
const NOBODY_V6: Ipv6Addr = Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1);
