use std::{collections::BTreeMap, fmt, io, net::Ipv4Addr, os::fd::AsFd};

use nix::libc;

use crate::{
    capture::Capture,
    namespace::Namespace,
    rtnl::{LinkMonitor, Rtnl},
};

/// An Ethernet: a bridge in a namespace of its own, with one port per host.
///
/// It forwards everything at once, learns where hardware addresses are, and does not look into multicast.
pub struct Lan {
    namespace: Namespace,
    rtnl: Rtnl,
    monitor: LinkMonitor,
    bridge: i32,
    ports: BTreeMap<String, Port>,
}

#[derive(Debug)]
struct Port {
    index: i32,
    /// The last byte of the host's hardware address.
    number: u8,
    /// Held only so that it does not go while it is plugged in, and the cable with it.
    _host: Namespace,
}

impl Lan {
    /// Makes a LAN without hosts.
    ///
    /// # Errors
    ///
    /// `EPERM` without [`enter`](crate::enter()) before; the kernel has no bridges.
    pub fn new() -> io::Result<Self> {
        let namespace = Namespace::new()?;
        let (rtnl, monitor) = open(&namespace)?;
        rtnl.create_bridge(BRIDGE).map_err(context(&"cannot create a bridge"))?;
        let bridge = rtnl.link(BRIDGE)?.index;
        rtnl.set_up(bridge, true)?;
        Ok(Self { namespace, rtnl, monitor, bridge, ports: BTreeMap::new() })
    }

    /// Plugs a host in: its end of the cable is `eth0` (`eth1` and so on where it is on other LANs already), with the
    /// address given and the hardware address 02:00:00:00:00:NN, where NN is the first number from 1 that no port of this
    /// LAN has; the bridge's end is called `name`. The LAN keeps the host alive.
    ///
    /// Returns when frames pass.
    ///
    /// # Errors
    ///
    /// The name is taken or longer than 15 bytes; the kernel has no veth.
    pub fn attach(
        &mut self,
        host: &Namespace,
        name: &str,
        address: Ipv4Addr,
        prefix_len: u8,
    ) -> io::Result<()> {
        let (rtnl, monitor) = open(host)?;
        let eth = free_name(&rtnl)?;
        let is_free = |number: &u8| self.ports.values().all(|port| port.number != *number);
        let number = (1..=u8::MAX).find(is_free).ok_or_else(|| io::Error::other("a LAN has 255 ports"))?;
        self.rtnl
            .create_veth(name, &eth, [2, 0, 0, 0, 0, number], host.as_fd())
            .map_err(context(&format_args!("cannot run a cable from {name} to {eth}")))?;
        let port = self.rtnl.link(name)?.index;
        self.ports.insert(name.to_owned(), Port { index: port, number, _host: host.try_clone()? });
        self.rtnl.set_bridge(port, self.bridge)?;
        self.rtnl.set_up(port, true)?;

        let index = rtnl.link(&eth)?.index;
        rtnl.add_address(index, address, prefix_len)
            .map_err(context(&format_args!("cannot add {address}/{prefix_len} to {eth} of {name}")))?;
        rtnl.set_up(index, true)?;
        monitor.wait_until(&format_args!("{eth} of {name} running"), || Ok(rtnl.link(&eth)?.running))?;
        self.wait_until_forwarding(name)
    }

    /// Takes a host's interface away, as when its driver is unloaded: it is gone, and so is all that was on it. The host
    /// can be attached again, by the same name too.
    ///
    /// # Errors
    ///
    /// No such port.
    pub fn detach(&mut self, name: &str) -> io::Result<()> {
        self.rtnl.delete(self.port(name)?)?;
        self.ports.remove(name);
        Ok(())
    }

    /// Cuts a host off without its noticing, as when a cable breaks beyond its first switch: the carrier stays, frames
    /// are lost. A [`Capture`] goes on.
    ///
    /// # Errors
    ///
    /// No such port.
    pub fn cut(&mut self, name: &str) -> io::Result<()> {
        self.rtnl.set_bridge(self.port(name)?, 0)
    }

    /// Undoes [`cut`](Self::cut). Returns when frames pass.
    ///
    /// # Errors
    ///
    /// No such port.
    pub fn mend(&mut self, name: &str) -> io::Result<()> {
        self.rtnl.set_bridge(self.port(name)?, self.bridge)?;
        self.wait_until_forwarding(name)
    }

    /// Pulls the plug: the host loses its carrier.
    ///
    /// # Errors
    ///
    /// No such port.
    pub fn unplug(&mut self, name: &str) -> io::Result<()> {
        self.rtnl.set_up(self.port(name)?, false)
    }

    /// Undoes [`unplug`](Self::unplug). Returns when the bridge lets frames pass; that the host sees its carrier may take
    /// it a moment longer.
    ///
    /// # Errors
    ///
    /// No such port.
    pub fn plug(&mut self, name: &str) -> io::Result<()> {
        self.rtnl.set_up(self.port(name)?, true)?;
        self.wait_until_forwarding(name)
    }

    /// Waits until frames pass at a port: for when the host itself took its interface down and up.
    ///
    /// # Errors
    ///
    /// No such port; the host's interface is down.
    pub fn settle(&self, name: &str) -> io::Result<()> {
        self.port(name)?;
        self.wait_until_forwarding(name)
    }

    /// Listens at a port: to all it sends to the host and receives from it, from now on.
    ///
    /// # Errors
    ///
    /// No such port.
    pub fn capture(&self, name: &str) -> io::Result<Capture> {
        let port = self.port(name)?;
        self.namespace.run(|| Capture::open(port))?
    }

    /// Returns the namespace the bridge is in.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    fn port(&self, name: &str) -> io::Result<i32> {
        let no_such_port = || io::Error::new(io::ErrorKind::NotFound, format!("the LAN has no port {name}"));
        self.ports.get(name).map(|port| port.index).ok_or_else(no_such_port)
    }

    fn wait_until_forwarding(&self, name: &str) -> io::Result<()> {
        self.monitor.wait_until(&format_args!("port {name} forwarding"), || {
            let port = self.rtnl.link(name)?;
            Ok(port.running && port.forwarding)
        })
    }
}

impl fmt::Debug for Lan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lan")
            .field("namespace", &self.namespace)
            .field("ports", &self.ports)
            .finish_non_exhaustive()
    }
}

/// Opens sockets in a namespace; they stay there wherever they are used.
fn open(namespace: &Namespace) -> io::Result<(Rtnl, LinkMonitor)> {
    namespace.run(|| Ok((Rtnl::open()?, LinkMonitor::open()?)))?
}

/// Finds the first of eth0, eth1, ... that the host does not have.
fn free_name(rtnl: &Rtnl) -> io::Result<String> {
    for number in 0..u8::MAX {
        let name = format!("eth{number}");
        match rtnl.link(&name) {
            Ok(_) => {}
            Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Ok(name),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("the host has too many interfaces"))
}

fn context(what: &dyn fmt::Display) -> impl Fn(io::Error) -> io::Error {
    let what = what.to_string();
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

const BRIDGE: &str = "lan";
