//! Why an operation failed, in one sentence.

mod cause;
mod hint;
mod kind;
mod operation;

use std::{error, fmt};

pub use self::kind::ErrorKind;
pub(crate) use self::{
    cause::{Cause, Difference, Failure},
    operation::Operation,
};

/// Why the kernel, or this crate on its behalf, refused an operation.
///
/// Its `Display` is one sentence: what was tried, on what, why not, and what would help where that is known. For a
/// decision use [`kind`](Self::kind); a daemon goes on running after every one of them.
#[derive(Debug)]
pub struct Error {
    operation: Operation,
    cause: Cause,
    kernel_message: Option<Box<str>>,
}

impl Error {
    /// Takes the cause out, to tell it of another operation.
    pub(crate) fn into_failure(self) -> Failure {
        Failure { cause: self.cause, kernel_message: self.kernel_message }
    }

    /// Returns the class of the failure, to decide on.
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::of(&self.operation, &self.cause)
    }

    /// Returns the `errno` the kernel answered with, `None` where no system call failed.
    pub fn raw_os_error(&self) -> Option<i32> {
        self.cause.os_error()?.raw_os_error()
    }

    /// Returns the kernel's own words (netlink's extended acknowledgement).
    ///
    /// Which errors come with a text, and which, differs from one kernel to the next.
    pub fn kernel_message(&self) -> Option<&str> {
        self.kernel_message.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Operation::FindInterface(name), ErrorKind::NoSuchInterface) = (&self.operation, self.kind()) {
            return write!(f, "no interface named {name} (`ip link` lists those there are)");
        }
        write!(f, "cannot {}: {}", self.operation, self.cause)?;
        let hint = self.operation.hint(self.kind(), self.raw_os_error());
        match (self.kernel_message(), hint) {
            (None, None) => Ok(()),
            (Some(text), None) | (None, Some(text)) => write!(f, " ({text})"),
            (Some(text), Some(hint)) => write!(f, " ({text}; {hint})"),
        }
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        self.cause.os_error().map(|error| error as _)
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error as _, io, net::IpAddr};

    use nix::libc;

    use super::*;
    use crate::{address::Address, link::Name};

    #[test]
    fn says_what_was_tried_why_not_and_what_would_help() {
        let eth0 = Name::new("eth0").unwrap();
        let address: Address = "10.0.0.1/24".parse().unwrap();
        let ipv6: Address = "2001:db8::1".parse().unwrap();

        let cases = [
            (
                Operation::Add(address, eth0).failed(os(libc::EPERM)),
                "cannot add 10.0.0.1/24 to eth0: operation not permitted (needs CAP_NET_ADMIN)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::OpenVrrp(eth0).failed(os(libc::EPERM)),
                "cannot open a VRRP socket on eth0: operation not permitted (needs CAP_NET_RAW)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::FindInterface("eth9".into()).failed(os(libc::ENODEV)),
                "no interface named eth9 (`ip link` lists those there are)",
                ErrorKind::NoSuchInterface,
            ),
            (
                Operation::Remove(address, eth0).failed(Failure {
                    kernel_message: Some("ipv4: Device not found".into()),
                    ..os(libc::ENODEV).into()
                }),
                "cannot remove 10.0.0.1/24 from eth0: no such device (ipv4: Device not found)",
                ErrorKind::NoSuchInterface,
            ),
            (
                Operation::Send(eth0).failed(os(libc::ENETUNREACH)),
                "cannot send on eth0: network is unreachable (is the interface up, and the source still its address?)",
                ErrorKind::InterfaceDown,
            ),
            (
                Operation::Receive(eth0).failed(Cause::TooLong { length: 1500, room: 128 }),
                "cannot receive on eth0: a datagram of 1500 bytes does not fit into a buffer of 128",
                ErrorKind::TooLong,
            ),
            (
                Operation::Add(ipv6, eth0).failed(os(libc::EACCES)),
                "cannot add 2001:db8::1/128 to eth0: permission denied (is the sysctl net.ipv6.conf.INTERFACE.disable_ipv6 set?)",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::Add(ipv6, eth0)
                    .failed(Cause::OtherPrefixLength("2001:db8::1/64".parse().unwrap())),
                "cannot add 2001:db8::1/128 to eth0: it is there as 2001:db8::1/64 (remove that first)",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::CreateVirtualMac([0, 0, 0x5e, 0, 1, 51], eth0).failed(os(libc::EOPNOTSUPP)),
                "cannot create 00:00:5e:00:01:33 over eth0: operation not supported on transport endpoint (macvlan is not loaded: modprobe macvlan)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::CreateVirtualMac([0, 0, 0x5e, 0, 2, 51], eth0)
                    .failed(Cause::NameTaken(eth0, Difference::Parent)),
                "cannot create 00:00:5e:00:02:33 over eth0: there is another interface eth0, which has another parent",
                ErrorKind::Taken,
            ),
            (
                Operation::BringUp(eth0).failed(os(libc::EADDRINUSE)),
                "cannot bring eth0 up: address already in use",
                ErrorKind::Taken,
            ),
            (
                Operation::CreateTable("vip_netlink_7".into()).failed(os(libc::EPERM)),
                "cannot create the nftables table vip_netlink_7: operation not permitted (needs CAP_NET_ADMIN)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::CreateTable("vip_netlink_7".into()).failed(os(libc::EEXIST)),
                "cannot create the nftables table vip_netlink_7: file exists (and it is not ours)",
                ErrorKind::Taken,
            ),
            (
                Operation::OpenFilter.failed(os(libc::EPROTONOSUPPORT)),
                "cannot open a netlink socket of netfilter: protocol not supported (needs Linux 5.12 or later with nf_tables)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::CreateTable("vip_netlink_7".into()).failed(os(libc::EINVAL)),
                "cannot create the nftables table vip_netlink_7: invalid argument (needs Linux 5.12 or later with nf_tables)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::ChangeTable("vip_netlink_7".into()).failed(os(libc::EINVAL)),
                "cannot change what the nftables table vip_netlink_7 drops: invalid argument",
                ErrorKind::Other,
            ),
            (
                Operation::ChangeTable("vip_netlink_7".into()).failed(os(libc::EMSGSIZE)),
                "cannot change what the nftables table vip_netlink_7 drops: message too long (there are more addresses than the sysctl net.core.wmem_max lets through at once)",
                ErrorKind::TooLong,
            ),
            (
                Operation::OpenVrrp(eth0).failed(Cause::NotMulticast(IpAddr::from([127, 0, 0, 1]))),
                "cannot open a VRRP socket on eth0: 127.0.0.1 is not a multicast address",
                ErrorKind::Unsuitable,
            ),
            (
                Operation::ChangeSetting("net.ipv4.conf.all.arp_ignore", 1).failed(os(libc::EROFS)),
                "cannot set net.ipv4.conf.all.arp_ignore to 1: read-only file system (/proc/sys is read-only in this container: set it from outside)",
                ErrorKind::NotPermitted,
            ),
            (
                Operation::OpenFile("/proc/thread-self/ns/net").failed(os(libc::ENOENT)),
                "cannot open /proc/thread-self/ns/net: no such file or directory (is /proc mounted?)",
                ErrorKind::Other,
            ),
            (
                Operation::Serve(ipv6.ip()).failed(Cause::NoMarks),
                "cannot serve 2001:db8::1: this kernel would not know later who put it there (Linux does since 5.18)",
                ErrorKind::Unsupported,
            ),
            (
                Operation::UndoStart("cannot add 10.0.0.1/24 to eth0: no such device".into())
                    .failed(Operation::Remove(address, eth0).failed(Cause::TimedOut).into_failure()),
                "cannot undo a start that failed (cannot add 10.0.0.1/24 to eth0: no such device): the kernel did not answer in time",
                ErrorKind::TimedOut,
            ),
        ];

        for (error, text, kind) in cases {
            assert_eq!(error.to_string(), text);
            assert_eq!(error.kind(), kind, "{text}");
            assert_eq!(error.source().is_some(), error.raw_os_error().is_some(), "{text}");
        }
    }

    fn os(errno: i32) -> io::Error {
        io::Error::from_raw_os_error(errno)
    }
}
