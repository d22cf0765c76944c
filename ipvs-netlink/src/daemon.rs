//! The sync daemon: a kernel thread that tells another director of this one's connections, or hears of the other's.

use std::{fmt, net::IpAddr};

use crate::{error::ConfigError, name::Name};

/// What a sync daemon does.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the kernel's two, of which both may run")]
pub enum SyncRole {
    /// It tells of the connections.
    Master,
    /// It hears of them.
    Backup,
}

impl SyncRole {
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        [Self::Master, Self::Backup].into_iter().find(|role| role.number() == number)
    }

    /// `IP_VS_STATE_*` of linux/ip_vs.h.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Master => 1,
            Self::Backup => 2,
        }
    }
}

impl fmt::Display for SyncRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master => write!(f, "master"),
            Self::Backup => write!(f, "backup"),
        }
    }
}

/// A sync daemon: of each role one may run.
///
/// Its `Display` is `ipvsadm`'s command: `--start-daemon master --mcast-interface eth0 --syncid 51`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct SyncDaemon {
    role: SyncRole,
    interface: Name,
    sync_id: u8,
    group: Option<IpAddr>,
    port: u16,
    ttl: u8,
    max_len: u16,
}

impl SyncDaemon {
    /// Builds a daemon of a sync id, which tells apart the pairs of directors on a network.
    pub fn builder(role: SyncRole, interface: &str, sync_id: u8) -> SyncDaemonBuilder {
        SyncDaemonBuilder {
            interface: interface.into(),
            daemon: Self {
                role,
                interface: Name::of_bytes(&[]),
                sync_id,
                group: None,
                port: 0,
                ttl: 0,
                max_len: 0,
            },
        }
    }

    pub(crate) fn from_kernel(
        role: SyncRole,
        interface: &[u8],
        sync_id: u8,
        group: Option<IpAddr>,
        [port, max_len]: [u16; 2],
        ttl: u8,
    ) -> Self {
        Self { role, interface: Name::of_bytes(interface), sync_id, group, port, ttl, max_len }
    }

    /// Returns what it does.
    pub fn role(&self) -> SyncRole {
        self.role
    }

    /// Returns the interface whose network the other director is on.
    pub fn interface(&self) -> &str {
        self.interface.as_str()
    }

    pub(crate) fn interface_name(&self) -> Name {
        self.interface
    }

    /// Returns the number that the other director has to have too.
    pub fn sync_id(&self) -> u8 {
        self.sync_id
    }

    /// Returns the multicast group, `None` for the kernel's choice, 224.0.0.81.
    pub fn group(&self) -> Option<IpAddr> {
        self.group
    }

    /// Returns the UDP port, `None` for the kernel's choice, 8848.
    pub fn port(&self) -> Option<u16> {
        (self.port != 0).then_some(self.port)
    }

    /// Returns the TTL or hop limit, `None` for the kernel's choice, 1.
    pub fn ttl(&self) -> Option<u8> {
        (self.ttl != 0).then_some(self.ttl)
    }

    /// Returns the longest message in bytes, `None` for the kernel's choice, what fits into the interface's MTU.
    pub fn max_len(&self) -> Option<u16> {
        (self.max_len != 0).then_some(self.max_len)
    }

    /// Tells whether it is what the other one asks for: what that leaves to the kernel may be anything.
    ///
    /// The kernel makes the longest message longer than was asked for, so that is not compared.
    pub fn meets(&self, asked: &Self) -> bool {
        fn as_asked<T: PartialEq>(asked: Option<T>, running: Option<T>) -> bool {
            asked.is_none() || asked == running
        }
        (self.role, self.interface, self.sync_id) == (asked.role, asked.interface, asked.sync_id)
            && as_asked(asked.group, self.group)
            && as_asked(asked.port(), self.port())
            && as_asked(asked.ttl(), self.ttl())
    }
}

impl fmt::Display for SyncDaemon {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, interface, sync_id, .. } = self;
        write!(f, "--start-daemon {role} --mcast-interface {interface} --syncid {sync_id}")?;
        if let Some(max_len) = self.max_len() {
            write!(f, " --sync-maxlen {max_len}")?;
        }
        if let Some(group) = self.group {
            write!(f, " --mcast-group {group}")?;
        }
        if let Some(port) = self.port() {
            write!(f, " --mcast-port {port}")?;
        }
        self.ttl().map_or(Ok(()), |ttl| write!(f, " --mcast-ttl {ttl}"))
    }
}

/// Settings of a [`SyncDaemon`] to be.
#[derive(Clone, Debug)]
#[must_use]
pub struct SyncDaemonBuilder {
    interface: Box<str>,
    daemon: SyncDaemon,
}

impl SyncDaemonBuilder {
    /// Sets the multicast group, of either version of IP. Since Linux 4.3, as what follows.
    pub fn group(mut self, group: IpAddr) -> Self {
        self.daemon.group = Some(group);
        self
    }

    /// Sets the UDP port. 0 is the kernel's choice.
    pub fn port(mut self, port: u16) -> Self {
        self.daemon.port = port;
        self
    }

    /// Sets the TTL or hop limit. 0 is the kernel's choice.
    pub fn ttl(mut self, ttl: u8) -> Self {
        self.daemon.ttl = ttl;
        self
    }

    /// Sets the longest message in bytes. 0 is the kernel's choice. The kernel may round it up.
    pub fn max_len(mut self, bytes: u16) -> Self {
        self.daemon.max_len = bytes;
        self
    }

    /// Checks the values.
    ///
    /// # Errors
    ///
    /// The name of an interface that is empty, not one word, or above 15 bytes; a group that is no multicast address.
    pub fn build(self) -> Result<SyncDaemon, ConfigError> {
        let Self { interface, mut daemon } = self;
        if let Some(group) = daemon.group.filter(|group| !group.is_multicast()) {
            return Err(ConfigError::Group { group });
        }
        daemon.interface = Name::new(&interface, INTERFACE_NAME_MAX).ok_or(ConfigError::Name {
            field: "interface",
            length: interface.len(),
            bound: INTERFACE_NAME_MAX,
        })?;
        Ok(daemon)
    }
}

/// `IP_VS_IFNAME_MAXLEN` of linux/ip_vs.h, less the NUL.
const INTERFACE_NAME_MAX: usize = 15;
