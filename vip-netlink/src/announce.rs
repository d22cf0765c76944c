use std::{
    io,
    net::Ipv4Addr,
    os::fd::{AsFd, BorrowedFd},
};

use etherparse::{ArpEthIpv4Packet, ArpOperation, EtherType, Ethernet2Header};
use nix::libc;
use socket2::{Domain, SockAddr, SockAddrStorage, Socket, Type};

use crate::{
    error::{Cause, Error, Operation},
    link::{Interface, Name},
};

/// Tells the neighbours on an Ethernet that an address is now to be found at this interface (gratuitous ARP).
///
/// The frame is the announcement of RFC 5227 §2.3: a broadcast ARP request whose sender and target are both the address,
/// its target hardware address zero. A switch learns the port from it, and hosts that know the address replace what they
/// knew. The socket only sends and never blocks.
#[derive(Debug)]
pub struct Announcer {
    socket: Socket,
    broadcast: SockAddr,
    hardware_address: [u8; 6],
    interface: Name,
}

impl Announcer {
    /// Opens a packet socket to send on `interface`, from the MAC address it had when it was looked up. Needs
    /// `CAP_NET_RAW`.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted); [`Unsuitable`](crate::ErrorKind::Unsuitable) for an interface
    /// without ARP over Ethernet, such as loopback.
    pub fn open(interface: &Interface) -> Result<Self, Error> {
        let operation = || Operation::OpenAnnouncer(interface.short_name());
        let hardware_address = interface
            .hardware_address()
            .filter(|_| interface.supports_arp())
            .ok_or_else(|| operation().failed(Cause::NoArp))?;
        // Protocol 0: the kernel hands such a socket no frames, so that no queue fills unread.
        let socket = Socket::new(Domain::PACKET, Type::RAW.nonblocking(), None)
            .map_err(|error| operation().failed(error))?;
        Ok(Self {
            socket,
            broadcast: arp_broadcast(interface.index()),
            hardware_address,
            interface: interface.short_name(),
        })
    }

    /// Sends one announcement. Needs no privilege beyond that of [`open`](Self::open).
    ///
    /// Announcements get lost like any frame, and some hosts ignore one that follows another change within a second:
    /// send a few, some of them more than a second apart.
    ///
    /// # Errors
    ///
    /// [`InterfaceDown`](crate::ErrorKind::InterfaceDown), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface) when it
    /// was deleted, [`Busy`](crate::ErrorKind::Busy) when its queue is full.
    pub fn announce(&self, address: Ipv4Addr) -> Result<(), Error> {
        let frame = announcement(self.hardware_address, address);
        loop {
            match self.socket.send_to(&frame, &self.broadcast) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Operation::Announce(address, self.interface).failed(error)),
            }
        }
    }
}

impl AsFd for Announcer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Builds the frame, padded with zeros to Ethernet's minimum (without the frame check sequence).
fn announcement(hardware_address: [u8; 6], address: Ipv4Addr) -> [u8; FRAME_LEN] {
    let ethernet =
        Ethernet2Header { destination: BROADCAST, source: hardware_address, ether_type: EtherType::ARP };
    let arp = ArpEthIpv4Packet {
        operation: ArpOperation::REQUEST,
        sender_mac: hardware_address,
        sender_ipv4: address.octets(),
        target_mac: [0; 6],
        target_ipv4: address.octets(),
    };
    let mut frame = [0; FRAME_LEN];
    let bytes = ethernet.to_bytes().into_iter().chain(arp.to_bytes());
    frame.iter_mut().zip(bytes).for_each(|(place, byte)| *place = byte);
    frame
}

fn arp_broadcast(interface: u32) -> SockAddr {
    let [b0, b1, b2, b3, b4, b5] = BROADCAST;
    let address = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: EtherType::ARP.0.to_be(),
        sll_ifindex: interface.cast_signed(),
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [b0, b1, b2, b3, b4, b5, 0, 0],
    };
    let mut storage = SockAddrStorage::zeroed();
    // SAFETY: a sockaddr_ll is plain data and fits into the storage, which the length given covers.
    #[expect(unsafe_code, reason = "neither socket2 nor nix builds a sockaddr_ll")]
    unsafe {
        *storage.view_as() = address;
        SockAddr::new(storage, size_of::<libc::sockaddr_ll>() as libc::socklen_t)
    }
}

const BROADCAST: [u8; 6] = [0xff; 6];
const FRAME_LEN: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frame_is_an_arp_request_for_and_from_the_address() {
        let frame = announcement([2, 0, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 9));

        #[rustfmt::skip]
        let expected = [
            0xff, 0xff, 0xff, 0xff, 0xff, 0xff,  2, 0, 0, 0, 0, 1,  0x08, 0x06,
            0, 1,  0x08, 0x00,  6, 4,  0, 1,
            2, 0, 0, 0, 0, 1,  10, 0, 0, 9,
            0, 0, 0, 0, 0, 0,  10, 0, 0, 9,
        ];
        assert_eq!(frame[..42], expected);
        assert_eq!(frame[42..], [0; 18]);
    }
}
