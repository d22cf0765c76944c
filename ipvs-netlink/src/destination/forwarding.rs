//! How packets get to a destination.

use std::{fmt, num::NonZeroU16};

use crate::error::ConfigError;

/// How packets get to a destination (`IP_VS_CONN_F_FWD_MASK` of linux/ip_vs.h).
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Forwarding {
    /// Network address translation: the destination address and port are replaced, answers come back through the director.
    Masquerade,
    /// To this host's own sockets.
    Local,
    /// In a tunnel to the server, which has the service's address too.
    Tunnel(Tunnel),
    /// On the same link to the server's hardware address; the server has the service's address too.
    DirectRouting,
    /// As if there was no service.
    Bypass,
    /// What somebody else has put into the kernel, which takes the numbers 5 to 7 too. No destination can be made with it.
    Other(u8),
}

impl Forwarding {
    pub(crate) fn from_number(number: u32, tunnel: Tunnel) -> Self {
        match number & FORWARD_MASK {
            0 => Self::Masquerade,
            1 => Self::Local,
            2 => Self::Tunnel(tunnel),
            3 => Self::DirectRouting,
            4 => Self::Bypass,
            other => Self::Other(other as u8),
        }
    }

    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Masquerade => 0,
            Self::Local => 1,
            Self::Tunnel(_) => 2,
            Self::DirectRouting => 3,
            Self::Bypass => 4,
            Self::Other(number) => number.into(),
        }
    }

    /// The option of `ipvsadm`, which has none for those that only the kernel and its sync daemon use.
    pub(super) fn option(self) -> &'static str {
        match self {
            Self::Masquerade => "-m",
            Self::Local => "--local",
            Self::Tunnel(_) => "-i",
            Self::DirectRouting => "-g",
            Self::Bypass => "--bypass",
            Self::Other(_) => "--unknown",
        }
    }

    pub(super) fn check(self) -> Result<(), ConfigError> {
        match self {
            Self::Other(number) => Err(ConfigError::Forwarding { number }),
            Self::Tunnel(tunnel) => tunnel.check(),
            Self::Masquerade | Self::Local | Self::DirectRouting | Self::Bypass => Ok(()),
        }
    }
}

/// What packets are wrapped in on their way to the server.
///
/// Its `Display` is `ipvsadm`'s: `--tun-type gue --tun-port 6080 --tun-nocsum`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Tunnel {
    kind: u8,
    port: u16,
    flags: u16,
}

impl Tunnel {
    /// IP in IP (RFC 2003, RFC 2473).
    pub const IPIP: Self = Self { kind: 0, port: 0, flags: 0 };

    /// Generic UDP encapsulation to a port, since Linux 5.3.
    pub const fn gue(port: NonZeroU16, checksum: Checksum) -> Self {
        Self { kind: GUE, port: port.get(), flags: checksum.flags() }
    }

    /// Generic routing encapsulation (RFC 2784), since Linux 5.3. [`Checksum::Remote`] is GUE's alone:
    /// no destination can be built with it here.
    pub const fn gre(checksum: Checksum) -> Self {
        Self { kind: GRE, port: 0, flags: checksum.flags() }
    }

    pub(crate) const fn from_kernel(kind: u8, port: u16, flags: u16) -> Self {
        Self { kind, port, flags }
    }

    /// The numbers of the attributes `TUN_TYPE`, `TUN_PORT` and `TUN_FLAGS`.
    pub(crate) fn to_kernel(self) -> (u8, u16, u16) {
        (self.kind, self.port, self.flags)
    }

    /// The combinations that the kernel gives a meaning.
    fn check(self) -> Result<(), ConfigError> {
        let Self { kind, port, flags } = self;
        match (kind, port, flags) {
            (IPIP, 0, 0) | (GRE, 0, 0 | CSUM) => Ok(()),
            (GUE, 1.., 0 | CSUM | REMCSUM) => Ok(()),
            _ => Err(ConfigError::Tunnel { kind, port, flags }),
        }
    }
}

impl fmt::Display for Tunnel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, port, flags } = *self;
        let checksum = match flags {
            0 => "--tun-nocsum",
            CSUM => "--tun-csum",
            REMCSUM => "--tun-remcsum",
            _ => "--tun-csum --tun-remcsum",
        };
        match kind {
            IPIP => write!(f, "--tun-type ipip"),
            GUE => write!(f, "--tun-type gue --tun-port {port} {checksum}"),
            GRE => write!(f, "--tun-type gre {checksum}"),
            kind => write!(f, "--tun-type {kind} --tun-port {port} {checksum}"),
        }
    }
}

/// What protects a packet in its tunnel.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the bits of linux/ip_vs.h, of which one may be set")]
pub enum Checksum {
    /// Nothing.
    None,
    /// The tunnel's own checksum.
    Tunnel,
    /// Remote checksum offload, of GUE only.
    Remote,
}

impl Checksum {
    const fn flags(self) -> u16 {
        match self {
            Self::None => 0,
            Self::Tunnel => CSUM,
            Self::Remote => REMCSUM,
        }
    }
}

/// linux/ip_vs.h.
const FORWARD_MASK: u32 = 0x7;
const IPIP: u8 = 0;
const GUE: u8 = 1;
const GRE: u8 = 2;
const CSUM: u16 = 0x1;
const REMCSUM: u16 = 0x2;
