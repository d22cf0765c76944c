//! What would help.

use nix::libc;

use super::{ErrorKind, Operation};

impl Operation {
    /// Tells what would help against a failure, where that is known.
    pub(super) fn hint(&self, kind: ErrorKind, errno: Option<i32>) -> Option<&'static str> {
        match (self, kind, errno) {
            (Self::ChangeSetting(..), _, Some(libc::EROFS)) => {
                Some("/proc/sys is read-only in this container: set it from outside")
            }
            (_, ErrorKind::NotPermitted, _) => self.privilege(),
            (Self::Add(..) | Self::AddRoute(_), ErrorKind::Unsuitable, Some(libc::EACCES)) => {
                Some("is the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 set?")
            }
            (Self::AddRoute(_), ErrorKind::NoWayToGateway, _) => {
                Some("is the gateway in a subnet of an interface that is up?")
            }
            (Self::AddRoute(route), _, Some(libc::EINVAL)) if route.source().is_some() => {
                Some("is the source an address of this host?")
            }
            (Self::CreateVirtualMac(..), _, Some(errno)) => no_virtual_mac(errno),
            (Self::OpenFilter | Self::CreateTable(_), ErrorKind::Unsupported, _) => {
                Some("needs Linux 5.12 or later with nf_tables")
            }
            (Self::CreateTable(_), ErrorKind::Taken, _) => Some("and it is not ours"),
            (Self::ChangeTable(_), ErrorKind::TooLong, _) => {
                Some("there are more addresses than the sysctl net.core.wmem_max lets through at once")
            }
            (Self::OpenFile(_), _, Some(libc::ENOENT)) => Some("is /proc mounted?"),
            (Self::OpenVrrp(_), _, Some(libc::EAFNOSUPPORT)) => Some("this kernel has no IPv6"),
            (Self::Send(_), _, Some(libc::ENETUNREACH | libc::EINVAL)) => {
                Some("is the interface up, and the source still its address?")
            }
            (_, ErrorKind::InterfaceDown, _) => Some("is the interface up?"),
            _ => None,
        }
    }

    fn privilege(&self) -> Option<&'static str> {
        match self {
            Self::Add(..)
            | Self::Remove(..)
            | Self::AddRoute(_)
            | Self::RemoveRoute(_)
            | Self::AddRule(_)
            | Self::RemoveRule(_)
            | Self::CreateVirtualMac(..)
            | Self::RemoveVirtualMac(_)
            | Self::BringUp(_)
            | Self::TakeDown(_)
            | Self::CreateTable(_)
            | Self::ChangeTable(_)
            | Self::ReadTable(_)
            | Self::ChangeSetting(..)
            | Self::KeepSetting(_)
            | Self::ForgetSetting(_) => Some("needs CAP_NET_ADMIN"),
            Self::OpenAnnouncer(_) | Self::OpenVrrp(_) | Self::Rejoin(_) => Some("needs CAP_NET_RAW"),
            Self::OpenNetlink
            | Self::FindInterface(_)
            | Self::ListInterfaces
            | Self::ListAddresses(_)
            | Self::ListOwned
            | Self::ListAllAddresses
            | Self::ListRoutes
            | Self::ListRules
            | Self::OpenMonitor
            | Self::Watch
            | Self::Announce(..)
            | Self::SetFilter(_)
            | Self::SetHopLimit(_)
            | Self::Send(_)
            | Self::Receive(_)
            | Self::OpenFilter
            | Self::OpenFile(_)
            | Self::ReadSetting(_)
            | Self::Serve(_)
            | Self::BeRealServer
            | Self::UndoStart(_) => None,
        }
    }
}

fn no_virtual_mac(errno: i32) -> Option<&'static str> {
    match errno {
        libc::EBUSY => Some("does it serve a bridge or bond? That is the parent then"),
        libc::EINVAL => Some("is there a macvlan in mode passthru over it?"),
        libc::EOPNOTSUPP => Some("macvlan is not loaded: modprobe macvlan"),
        libc::ENETDOWN => Some("is the interface up?"),
        _ => None,
    }
}
