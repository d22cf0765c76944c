use std::net::{IpAddr, SocketAddr};

/// Where a check goes, and by which way.
///
/// The ways are for checks that must take the one of the traffic they stand for: a service checked through the virtual address
/// (LVS by direct routing or tunnels) is told apart by a mark, and its check must not leave from that same address.
///
/// ```
/// use healthcheck::{Close, Endpoint};
///
/// let through_the_vip = Endpoint::new("192.0.2.10:443".parse()?)
///     .source("198.51.100.1".parse()?)
///     .mark(0x1_0007)
///     .close(Close::Reset);
/// # assert_eq!(through_the_vip.address().port(), 443);
/// # Ok::<(), std::net::AddrParseError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Endpoint {
    address: SocketAddr,
    close: Close,
    /// Apart, for most have none, and there may be ten thousand.
    way: Option<Box<Way>>,
}

/// How packets leave this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) source: Option<IpAddr>,
    pub(crate) interface: Option<Box<str>>,
    pub(crate) mark: Option<u32>,
}

/// How a connection is given up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Close {
    /// In order (FIN), as a client does that is done. This side then keeps the port for a minute (TIME_WAIT).
    #[default]
    Fin,
    /// At once (RST), which leaves nothing on either side; some servers log it as an error.
    Reset,
}

impl Endpoint {
    /// Names an address to be reached as the routing table says.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, close: Close::Fin, way: None }
    }

    /// Has packets leave from this address of the host, of the same family. The port is the kernel's choice for each connection,
    /// and not used up by the number of connections (`IP_BIND_ADDRESS_NO_PORT`).
    #[must_use]
    pub fn source(mut self, source: IpAddr) -> Self {
        self.way_mut().source = Some(source);
        self
    }

    /// Has packets leave through this interface, and answers come in through it (`SO_BINDTODEVICE`).
    #[must_use]
    pub fn interface(mut self, name: &str) -> Self {
        self.way_mut().interface = Some(name.into());
        self
    }

    /// Marks packets for routing rules and the firewall (`SO_MARK`, which needs `CAP_NET_ADMIN`, or `CAP_NET_RAW` since Linux
    /// 5.17). It is set before the route is chosen.
    #[must_use]
    pub fn mark(mut self, mark: u32) -> Self {
        self.way_mut().mark = Some(mark);
        self
    }

    /// Sets how connections are given up.
    #[must_use]
    pub fn close(self, close: Close) -> Self {
        Self { close, ..self }
    }

    /// Returns the address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn closing(&self) -> Close {
        self.close
    }

    pub(crate) fn way(&self) -> Option<&Way> {
        self.way.as_deref()
    }

    fn way_mut(&mut self) -> &mut Way {
        self.way.get_or_insert_default()
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::new(address)
    }
}
