//! Accept mode off: packets to virtual addresses are dropped, but for neighbour discovery.

mod destination;
mod nftables;
mod ruleset;

use std::{collections::BTreeSet, net::IpAddr};

use nix::libc;

use self::{
    destination::Destination,
    nftables::{OBJECT_COUNTER, SUBSYSTEM, Verb, counter_object},
};
use crate::{
    error::{Cause, Error, Failure, Operation},
    link::Interface,
    netlink::Change,
};
use kernel_netlink::{Attributes, Malformed, RequestSocket, find};

/// Keeps the host from accepting packets to virtual addresses it does not own, as a Master must whose `Accept_Mode` is
/// false (RFC 9568 §6.1, §6.4.3).
///
/// Such a Master answers to ARP and neighbour discovery for the address and forwards packets that are sent through it, but
/// does not take part in any other traffic with it: no ping, no TCP, no UDP. That goes for packets of the host itself too,
/// so that a check of the address's service has the same result on each host of the virtual router. Packets that the host
/// sends *from* the address are not looked at.
///
/// Block an address before it is added to the interface, and unblock it after it is removed. A Backup need not: it does
/// not have the address. The address's owner (priority 255) must not.
///
/// ```no_run
/// # use vip_netlink::{AcceptFilter, Address, Netlink};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut netlink = Netlink::open()?;
/// let mut filter = AcceptFilter::open()?;
/// let eth0 = netlink.interface("eth0")?;
/// let vip: Address = "192.0.2.10/32".parse()?;
///
/// filter.block(&eth0, &[vip.ip()])?;
/// netlink.add(&eth0, vip)?;
/// println!("{} packets were not for us", filter.dropped()?.ipv4.packets);
/// netlink.remove(&eth0, vip)?;
/// filter.unblock(&eth0, &[vip.ip()])?;
/// # Ok(())
/// # }
/// ```
///
/// # How
///
/// By an nftables table of its own, [`table`](Self::table), that belongs to this value's socket (`NFT_TABLE_F_OWNER`):
/// others can read but not change it, `nft flush ruleset` leaves it alone, and the kernel removes it when the value is
/// dropped and when the process ends, in whatever way; that takes it some milliseconds. (A child process that was forked
/// and has not called `exec` keeps it alive. Dropping the value lets all packets pass at once even so.)
/// Nothing is changed outside that table. Being let through by it is not being accepted: all other tables are asked as
/// well.
///
/// The packets are looked at where they would be delivered, at priority 101 of the hook `input`: after the usual filters
/// (priority 0), and after IPVS (99) has taken those for its virtual servers, which are forwarded, not accepted.
#[derive(Debug)]
pub struct AcceptFilter {
    socket: RequestSocket,
    table: Box<str>,
    blocked: BTreeSet<Destination>,
    /// Whether `blocked` is what the kernel has: not after a failure that may have been half of a success.
    is_certain: bool,
}

impl AcceptFilter {
    /// Makes a table that blocks nothing yet, in the network namespace of the calling thread. Needs `CAP_NET_ADMIN`.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) where the kernel has no nf_tables with the family `inet`, or is older
    /// than Linux 5.12 and does not know tables with an owner: a table without could outlive the process, and nobody would
    /// know why the address does not answer. [`NotPermitted`](crate::ErrorKind::NotPermitted). `EEXIST` if there is a table
    /// of the name already.
    pub fn open() -> Result<Self, Error> {
        let open = || -> Result<_, Failure> {
            let socket = RequestSocket::open(libc::NETLINK_NETFILTER)?;
            let port = socket.port()?;
            Ok((socket, port))
        };
        let (mut socket, port) = open().map_err(|failure| Operation::OpenFilter.failed(failure))?;
        // No other socket of the namespace has the same port while this one is open.
        let table = format!("vip_netlink_{port}").into_boxed_str();
        socket
            .transaction(SUBSYSTEM, |transaction| ruleset::create(transaction, &table))
            .map_err(|failure| Operation::CreateTable(table.clone()).failed(failure))?;
        Ok(Self { socket, table, blocked: BTreeSet::new(), is_certain: true })
    }

    /// Drops packets to these addresses from now on. Needs `CAP_NET_ADMIN`.
    ///
    /// It does not matter on which interface they arrive, since the host would accept them on any; of an IPv6 link-local
    /// address only those that arrive on this interface are meant. All of the addresses are blocked at the same moment, or
    /// on an error none.
    ///
    /// # Errors
    ///
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) for an unspecified, multicast or broadcast address.
    /// [`TooLong`](crate::ErrorKind::TooLong), where the process has its privilege in a user namespace only, for more
    /// addresses than the sysctl `net.core.wmem_max` lets through at once: some 15,000 in the usual 208 KiB. After
    /// [`TimedOut`](crate::ErrorKind::TimedOut) or [`Busy`](crate::ErrorKind::Busy) it is not known whether they are
    /// blocked; the next change, and so trying again, puts that right.
    pub fn block(&mut self, interface: &Interface, addresses: &[IpAddr]) -> Result<Change, Error> {
        let mut new = self.destinations(addresses.iter().map(|ip| (interface, *ip)))?;
        new.retain(|destination| !self.blocked.contains(destination));
        self.change(&BTreeSet::new(), &new)
    }

    /// Lets packets to these addresses pass again. Needs `CAP_NET_ADMIN`.
    ///
    /// # Errors
    ///
    /// As of [`block`](Self::block).
    pub fn unblock(&mut self, interface: &Interface, addresses: &[IpAddr]) -> Result<Change, Error> {
        let mut gone = self.destinations(addresses.iter().map(|ip| (interface, *ip)))?;
        gone.retain(|destination| self.blocked.contains(destination));
        self.change(&gone, &BTreeSet::new())
    }

    /// Drops packets to these addresses and no others from now on, in one step. Needs `CAP_NET_ADMIN`.
    ///
    /// # Errors
    ///
    /// As of [`block`](Self::block).
    pub fn block_only<'i>(
        &mut self,
        addresses: impl IntoIterator<Item = (&'i Interface, IpAddr)>,
    ) -> Result<Change, Error> {
        let wanted = self.destinations(addresses)?;
        let gone = self.blocked.difference(&wanted).copied().collect();
        let new = wanted.difference(&self.blocked).copied().collect();
        self.change(&gone, &new)
    }

    /// Returns the addresses that are blocked, in their order: a link-local address once for each interface.
    pub fn blocked(&self) -> impl Iterator<Item = IpAddr> {
        self.blocked.iter().map(Destination::ip)
    }

    /// Asks the kernel how much it has dropped since [`open`](Self::open). Needs `CAP_NET_ADMIN`.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted).
    pub fn dropped(&mut self) -> Result<Dropped, Error> {
        let [ipv4, ipv6] = [ruleset::IPV4, ruleset::IPV6].map(|name| {
            let outcome = self.counter(name);
            outcome.map_err(|failure| Operation::ReadTable(self.table.clone()).failed(failure))
        });
        Ok(Dropped { ipv4: ipv4?, ipv6: ipv6? })
    }

    /// Returns the table's name, as `nft list table inet NAME` takes it: it has the number of the socket in it, so that
    /// each process has another.
    pub fn table(&self) -> &str {
        &self.table
    }

    fn destinations<'i>(
        &self,
        addresses: impl IntoIterator<Item = (&'i Interface, IpAddr)>,
    ) -> Result<BTreeSet<Destination>, Error> {
        let refused = |ip| Operation::ChangeTable(self.table.clone()).failed(Cause::NotUnicast(ip));
        let destination = |(interface, ip)| Destination::new(interface, ip).ok_or_else(|| refused(ip));
        addresses.into_iter().map(destination).collect()
    }

    fn change(&mut self, gone: &BTreeSet<Destination>, new: &BTreeSet<Destination>) -> Result<Change, Error> {
        if self.is_certain && gone.is_empty() && new.is_empty() {
            return Ok(Change::AlreadySo);
        }
        let outcome = self.socket.transaction(SUBSYSTEM, |transaction| {
            let table = &*self.table;
            if self.is_certain {
                destination::write(transaction, table, Verb::DeleteElements, gone);
                destination::write(transaction, table, Verb::NewElements, new);
            } else {
                let wanted = self.blocked.difference(gone).chain(new);
                destination::write_flush(transaction, table);
                destination::write(transaction, table, Verb::NewElements, wanted);
            }
        });
        self.is_certain = outcome.is_ok();
        outcome.map_err(|failure| Operation::ChangeTable(self.table.clone()).failed(failure))?;
        for destination in gone {
            self.blocked.remove(destination);
        }
        self.blocked.extend(new);
        Ok(Change::Made)
    }

    fn counter(&mut self, name: &str) -> Result<Traffic, Failure> {
        let mut traffic = None;
        self.socket.request(
            |envelope| {
                Verb::GetObject.write(envelope, |payload| counter_object(payload, &self.table, name));
            },
            |kind, payload| {
                if kind == Verb::NewObject.kind() {
                    traffic = Some(Traffic::parse(payload)?);
                }
                Ok(())
            },
        )?;
        traffic.ok_or(Cause::Malformed.into())
    }
}

impl Drop for AcceptFilter {
    fn drop(&mut self) {
        // The kernel takes the table away with its socket, of which a process that another thread is just starting has a
        // copy. What is in the table is not to outlive the value by that.
        if !self.blocked.is_empty() || !self.is_certain {
            // If it fails, there is still the socket.
            let _ = self
                .socket
                .transaction(SUBSYSTEM, |transaction| destination::write_flush(transaction, &self.table));
        }
    }
}

/// What an [`AcceptFilter`] has dropped.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// To IPv4 addresses.
    pub ipv4: Traffic,
    /// To IPv6 addresses.
    pub ipv6: Traffic,
}

/// A number of packets, and of the bytes in them, IP headers included.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Traffic {
    /// How many packets.
    pub packets: u64,
    /// How many bytes, from the IP header on.
    pub bytes: u64,
}

impl Traffic {
    /// Reads the payload of an `NFT_MSG_NEWOBJ` that tells of a counter.
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, Malformed> {
        let attributes = payload.get(nftables::HEADER_LEN..).ok_or(Malformed)?;
        let kind = find(attributes, nftables::OBJ_TYPE)?.ok_or(Malformed)?;
        if kind.array()? != OBJECT_COUNTER.to_be_bytes() {
            return Err(Malformed);
        }
        let data = find(attributes, nftables::OBJ_DATA)?.ok_or(Malformed)?;
        let mut traffic = Self::default();
        for attribute in Attributes::new(data.value) {
            let attribute = attribute?;
            match attribute.kind {
                nftables::COUNTER_BYTES => traffic.bytes = u64::from_be_bytes(attribute.array()?),
                nftables::COUNTER_PACKETS => traffic.packets = u64::from_be_bytes(attribute.array()?),
                _ => {}
            }
        }
        Ok(traffic)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::error::ErrorKind;
    use kernel_netlink::Messages;
    use lab::written::{attribute_bytes, message_bytes, ne16, ne32};

    #[test]
    fn a_counter_is_read() {
        let bytes = object(OBJECT_COUNTER, 7, 700);

        assert_eq!(Traffic::parse(&bytes), Ok(Traffic { packets: 7, bytes: 700 }));
        assert_eq!(Traffic::parse(&object(2, 7, 700)), Err(Malformed), "a quota is no counter");
        for length in 0..bytes.len() {
            assert_eq!(Traffic::parse(&bytes[..length]), Err(Malformed), "{length} bytes");
        }
    }

    #[test]
    fn an_element_is_written_with_its_set() {
        let (mut filter, kernel) = scripted(&[answer(2)]);

        filter.block(&eth0(), &["fe80::1".parse().unwrap()]).unwrap();

        let nested = |kind: u16, inside: &[u8]| attribute_bytes(kind | 0x8000, inside);
        let address = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        let element = nested(1, &nested(1, &attribute_bytes(1, &[&address[..], &ne32(2)].concat())));
        let payload = [
            &[1, 0, 0, 0][..],
            &attribute_bytes(1, b"table\0"),
            &attribute_bytes(2, b"ipv6_link_local\0"),
            &nested(3, &element),
        ];
        let (request, acknowledge, create) = (0x1, 0x4, 0x400);
        let expected = [
            message_bytes(16, request, 1, &[0, 0, 0, 10]),
            message_bytes(0xa0c, request | acknowledge | create, 2, &payload.concat()),
            message_bytes(17, request, 3, &[0, 0, 0, 10]),
        ];
        assert_eq!(sent(&kernel), expected.concat());
    }

    #[test]
    fn after_an_answer_that_cannot_be_read_all_is_written_anew() {
        let (mut filter, kernel) = scripted(&[answer(2), vec![1, 2, 3], answer(11)]);
        let [one, other] = [[10, 0, 0, 1], [10, 0, 0, 2]].map(IpAddr::from);
        filter.block(&eth0(), &[one]).unwrap();
        let error = filter.block(&eth0(), &[other]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Malformed);
        assert_eq!(filter.blocked().collect::<Vec<_>>(), [one]);
        assert_eq!([kinds(&sent(&kernel)), kinds(&sent(&kernel))], [[16, 0xa0c, 17], [16, 0xa0c, 17]]);

        assert_eq!(filter.unblock(&eth0(), &[other]).unwrap(), Change::Made);

        assert_eq!(kinds(&sent(&kernel)), [16, 0xa0e, 0xa0e, 0xa0e, 0xa0c, 17]);
        assert_eq!(filter.blocked().collect::<Vec<_>>(), [one]);
    }

    #[test]
    fn what_is_blocked_is_let_through_before_the_socket_is_closed() {
        let (mut filter, kernel) = scripted(&[answer(2), answer(7)]);
        filter.block(&eth0(), &[IpAddr::from([10, 0, 0, 1])]).unwrap();
        assert_eq!(kinds(&sent(&kernel)), [16, 0xa0c, 17]);

        drop(filter);

        assert_eq!(kinds(&sent(&kernel)), [16, 0xa0e, 0xa0e, 0xa0e, 17]);
    }

    fn kinds(bytes: &[u8]) -> Vec<u16> {
        Messages::new(bytes).map(|message| message.unwrap().kind()).collect()
    }

    fn sent(kernel: &UnixDatagram) -> Vec<u8> {
        let mut bytes = vec![0; 4096];
        let length = kernel.recv(&mut bytes).unwrap();
        bytes.truncate(length);
        bytes
    }

    /// A filter whose kernel has answered already.
    fn scripted(answers: &[Vec<u8>]) -> (AcceptFilter, UnixDatagram) {
        let (socket, kernel) = UnixDatagram::pair().unwrap();
        for answer in answers {
            kernel.send(answer).unwrap();
        }
        let socket = RequestSocket::over(socket.into());
        (AcceptFilter { socket, table: "table".into(), blocked: BTreeSet::new(), is_certain: true }, kernel)
    }

    /// An acknowledgement.
    fn answer(sequence: u32) -> Vec<u8> {
        message_bytes(2, 0x100, sequence, &[&ne32(0)[..], &message_bytes(0, 0, sequence, &[])].concat())
    }

    /// The interface with the index 2.
    fn eth0() -> Interface {
        let header = [&[0; 4][..], &ne32(2), &[0; 8]].concat();
        let name = [ne16(8), ne16(libc::IFLA_IFNAME)].concat();
        Interface::parse(&[&header[..], &name, b"eth0"].concat()).unwrap()
    }

    /// The payload that tells of an object with the attributes of a counter.
    fn object(kind: u32, packets: u64, bytes: u64) -> Vec<u8> {
        let data = [attribute_bytes(1, &bytes.to_be_bytes()), attribute_bytes(2, &packets.to_be_bytes())];
        let attributes = [
            attribute_bytes(1, b"table\0"),
            attribute_bytes(2, b"ipv4\0"),
            attribute_bytes(3, &kind.to_be_bytes()),
            attribute_bytes(4, &data.concat()),
        ];
        [&[1, 0, 0, 0][..], &attributes.concat()].concat()
    }
}
