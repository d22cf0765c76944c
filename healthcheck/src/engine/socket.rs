use std::{
    net::{IpAddr, SocketAddr},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        self, AddressFamily, SockFlag, SockProtocol, SockType, SockaddrStorage, setsockopt, sockopt,
    },
};

use crate::{Cause, Kind, Layer, Outcome, endpoint::Way};

/// What a connection is after it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connecting {
    Stands,
    Begun,
}

/// Opens a socket that never blocks and leaves by the way given.
pub(super) fn open(
    to: IpAddr,
    kind: SockType,
    protocol: Option<SockProtocol>,
    way: Option<&Way>,
) -> Result<OwnedFd, Outcome> {
    let family = if to.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let socket = socket::socket(family, kind, flags, protocol)
        .map_err(|errno| local(errno, format_args!("cannot open a socket to {to}")))?;
    if let Some(way) = way {
        choose_way(&socket, way)?;
    }
    Ok(socket)
}

/// Asks for the connection; asked again, tells what has become of it.
pub(super) fn connect(socket: &OwnedFd, to: SocketAddr) -> Result<Connecting, Errno> {
    match socket::connect(socket.as_raw_fd(), &SockaddrStorage::from(to)) {
        // The kernel may choose the very port that nobody listens at, and connect the socket to itself.
        Ok(()) | Err(Errno::EISCONN) if is_own(socket, to) => Err(Errno::ECONNREFUSED),
        Ok(()) | Err(Errno::EISCONN) => Ok(Connecting::Stands),
        // EINTR: it goes on all the same.
        Err(Errno::EINPROGRESS | Errno::EALREADY | Errno::EINTR) => Ok(Connecting::Begun),
        Err(errno) => Err(errno),
    }
}

/// Whether it is the address of the socket itself.
fn is_own(socket: &OwnedFd, address: SocketAddr) -> bool {
    let own = socket::getsockname::<SockaddrStorage>(socket.as_raw_fd());
    own.is_ok_and(|own| own == SockaddrStorage::from(address))
}

/// Has `close` end the connection at once, without ever waiting.
pub(super) fn reset_on_close(socket: &OwnedFd) {
    // If it fails, the connection ends in order.
    let _ = setsockopt(socket, sockopt::Linger, &libc::linger { l_onoff: 1, l_linger: 0 });
}

/// Why a call that begins something failed: on this host, or, as its routes say, on the way.
pub(super) fn cause_of_beginning(errno: Errno) -> Cause {
    let layer = if is_local(errno) { Layer::Local } else { Layer::Network };
    Cause::new(layer, Kind::Failed, errno as i32)
}

/// Why something that had begun came to an end: nobody but the network can do that.
pub(super) fn cause_of_end(errno: Errno) -> Cause {
    Cause::new(Layer::Network, Kind::Failed, errno as i32)
}

/// The outcome of a run that this host did not let begin.
pub(super) fn local(errno: Errno, what: impl std::fmt::Display) -> Outcome {
    let cause = Cause::new(Layer::Local, Kind::Failed, errno as i32);
    let hint = HINTS.iter().find(|(known, _)| *known == errno).map_or("", |(_, hint)| *hint);
    Outcome::inconclusive(cause).with_detail(&format!("{what}: {}{hint}", errno.desc().to_lowercase()))
}

fn choose_way(socket: &OwnedFd, way: &Way) -> Result<(), Outcome> {
    if let Some(mark) = way.mark {
        setsockopt(socket, sockopt::Mark, &mark)
            .map_err(|errno| local(errno, format_args!("cannot set the mark {mark:#x}")))?;
    }
    if let Some(interface) = &way.interface {
        setsockopt(socket, sockopt::BindToDevice, &interface.as_ref().into())
            .map_err(|errno| local(errno, format_args!("cannot bind to the interface {interface}")))?;
    }
    if let Some(source) = way.source {
        // Without it, a port would be taken for all destinations together. A socket without ports refuses it.
        let _ = setsockopt(socket, sockopt::IpBindAddressNoPort, &true);
        let address = SockaddrStorage::from(SocketAddr::new(source, 0));
        socket::bind(socket.as_raw_fd(), &address)
            .map_err(|errno| local(errno, format_args!("cannot bind to the source {source}")))?;
    }
    Ok(())
}

/// What says that the target was not even asked. Not what a route says (`ENETUNREACH`, `EHOSTUNREACH`): that the target cannot be
/// reached is what was to be found out.
fn is_local(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::EMFILE
            | Errno::ENFILE
            | Errno::ENOBUFS
            | Errno::ENOMEM
            | Errno::EAGAIN
            | Errno::EADDRNOTAVAIL
            | Errno::EADDRINUSE
            | Errno::EPERM
            | Errno::EACCES
            | Errno::EINVAL
            | Errno::EAFNOSUPPORT
            | Errno::EMSGSIZE
            | Errno::ENETDOWN
            | Errno::ENODEV
            | Errno::ENXIO
    )
}

const HINTS: [(Errno, &str); 3] = [
    (Errno::EMFILE, " (raise RLIMIT_NOFILE)"),
    (Errno::EPERM, " (a capability is missing, or the firewall refuses)"),
    (Errno::EADDRNOTAVAIL, " (not an address of this host, or no port is free)"),
];
