//! The socket that events come from.

use std::{
    io::{self, IoSliceMut},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        MsgFlags, NetlinkAddr, bind, getsockopt, recv, recvmsg, setsockopt,
        sockopt::{RcvBuf, RcvBufForce},
    },
};

use crate::error::Failure;
use kernel_netlink::{BUFFER_LEN, open};

/// A socket in the groups of interfaces and addresses.
#[derive(Debug)]
pub(super) struct EventSocket {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// What comes of reading.
#[derive(Debug)]
pub(super) enum Arrival<'b> {
    Datagram(&'b [u8]),
    /// Nothing is waiting.
    Nothing,
    /// Something did not fit into the receive buffer, and is lost.
    Overflow,
    /// A datagram did not fit into ours.
    Oversized,
}

impl EventSocket {
    /// Opens a socket whose receive buffer has at least so many bytes, if the system lets it.
    pub(super) fn open(receive_buffer: usize) -> io::Result<Self> {
        let socket = open(libc::NETLINK_ROUTE)?;
        // A larger one than an int holds would be taken for a negative one, and that for none.
        let receive_buffer = receive_buffer.min(i32::MAX as usize);
        match setsockopt(&socket, RcvBufForce, &receive_buffer) {
            // Without CAP_NET_ADMIN, as much as net.core.rmem_max allows.
            Err(Errno::EPERM) => setsockopt(&socket, RcvBuf, &receive_buffer)?,
            result => result?,
        }
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
        Ok(Self::over(socket))
    }

    pub(super) fn over(socket: OwnedFd) -> Self {
        Self { socket, buffer: vec![0; BUFFER_LEN] }
    }

    /// Returns the size of the receive buffer as the kernel counts it, its own bookkeeping included.
    pub(super) fn receive_buffer(&self) -> io::Result<usize> {
        Ok(getsockopt(&self.socket, RcvBuf)?)
    }

    pub(super) fn receive(&mut self) -> Result<Arrival<'_>, Failure> {
        let fd = self.socket.as_raw_fd();
        let length = loop {
            let mut room = [IoSliceMut::new(&mut self.buffer)];
            match recvmsg::<NetlinkAddr>(fd, &mut room, None, MsgFlags::MSG_DONTWAIT) {
                Ok(message) if message.flags.contains(MsgFlags::MSG_TRUNC) => return Ok(Arrival::Oversized),
                // Another process, privileged to do so: it is not the one to believe.
                Ok(message) if message.address.is_some_and(|sender| sender.pid() != 0) => {}
                Ok(message) => break message.bytes,
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return Ok(Arrival::Nothing),
                Err(Errno::ENOBUFS) => return Ok(Arrival::Overflow),
                Err(errno) => return Err(errno.into()),
            }
        };
        Ok(Arrival::Datagram(self.buffer.get(..length).unwrap_or_default()))
    }

    /// Throws away what is waiting.
    ///
    /// After an overflow the kernel queues nothing more, and tells of nothing more, until the queue has been empty
    /// (`netlink_overrun`, `netlink_rcv_wake`, net/netlink/af_netlink.c). So it is emptied, once: it holds no more than fits,
    /// and what comes afterwards is news.
    pub(super) fn discard_backlog(&self) -> Result<(), Failure> {
        let at_most = self.receive_buffer()? / LEAST_CHARGE;
        for _ in 0..=at_most {
            match recv(self.socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(Errno::EAGAIN) => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }
}

impl AsFd for EventSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

const GROUPS: u32 = (libc::RTMGRP_LINK | libc::RTMGRP_IPV4_IFADDR | libc::RTMGRP_IPV6_IFADDR) as u32;
/// A lower bound of what the kernel charges a datagram with: its `struct sk_buff` alone is not much shorter.
const LEAST_CHARGE: usize = 128;
