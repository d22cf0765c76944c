use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd},
    time::{Duration, Instant},
};

use neli::{consts::socket::NlFamily, socket::NlSocket, utils::Groups};
use nix::{
    errno::Errno,
    libc,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::socket::{MsgFlags, NetlinkAddr, connect, recv, send},
};

use crate::{
    address::{Address, AssignedAddress},
    error::{Cause, Error, Failure, Operation},
    link::{Interface, Name},
    message::{self, Family, Malformed, Messages, Reply},
};

/// A socket to ask the kernel about interfaces and addresses, and to change addresses.
///
/// It acts on the network namespace that the thread was in when it was opened. No request waits for its answer longer than
/// about a second. A call is one request, but for [`addresses`](Self::addresses), and for [`add`](Self::add) where it finds
/// an IPv6 address to be there: they may take a few.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
    buffer: Vec<u8>,
}

impl Netlink {
    /// Opens a socket. Needs no privilege.
    ///
    /// # Errors
    ///
    /// The process or the system is out of file descriptors or memory.
    pub fn open() -> Result<Self, Error> {
        let socket = open_socket().map_err(|error| Operation::OpenNetlink.failed(error))?;
        Ok(Self { socket, sequence: 0, buffer: vec![0; BUFFER_LEN] })
    }

    /// Looks up an interface by its name (`RTM_GETLINK`). Needs no privilege.
    ///
    /// # Errors
    ///
    /// [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface).
    pub fn interface(&mut self, name: &str) -> Result<Interface, Error> {
        let operation = || Operation::FindInterface(name.into());
        let no_such_interface = || operation().failed(Errno::ENODEV);

        let wanted = Name::new(name).ok_or_else(no_such_interface)?;
        let sequence = self.next_sequence();
        let mut found = None;
        self.request(&message::get_link(sequence, wanted), sequence, |kind, payload| {
            if kind == libc::RTM_NEWLINK {
                found = Some(Interface::parse(payload)?);
            }
            Ok(())
        })
        .map_err(|failure| operation().failed(failure))?;
        found.ok_or_else(no_such_interface)
    }

    /// Lists the addresses of an interface in the kernel's order, those of IPv4 first (`RTM_GETADDR`). Needs no privilege.
    ///
    /// When the kernel says that the list changed while it was read, it is read again. A list of hundreds of addresses, read
    /// while another program removes some, may still lack one that stays, in rare cases: the kernel notices a change a
    /// moment after making it.
    ///
    /// An address with a peer (`192.0.2.20 peer 203.0.113.1/32`, on a point-to-point link) is listed by its own part, with
    /// the peer's prefix length; [`add`](Self::add) and [`remove`](Self::remove) know no peers, so it is not theirs.
    ///
    /// Left out is what [`Address`] cannot hold, such as 0.0.0.0, though the kernel lets a user add it.
    ///
    /// # Errors
    ///
    /// [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging), after some attempts, when other programs change addresses so
    /// fast that no consistent list can be read.
    pub fn addresses(&mut self, interface: &Interface) -> Result<Vec<AssignedAddress>, Error> {
        self.list(interface)
            .map_err(|failure| Operation::ListAddresses(interface.short_name()).failed(failure))
    }

    fn list(&mut self, interface: &Interface) -> Result<Vec<AssignedAddress>, Failure> {
        let mut addresses = self.list_family(interface, Family::V4)?;
        addresses.extend(self.list_family(interface, Family::V6)?);
        if addresses.is_empty() {
            // No addresses, or no interface?
            let sequence = self.next_sequence();
            let question = message::get_link_at(sequence, interface.index());
            self.request(&question, sequence, |_, _| Ok(()))?;
        }
        Ok(addresses)
    }

    fn list_family(
        &mut self,
        interface: &Interface,
        family: Family,
    ) -> Result<Vec<AssignedAddress>, Failure> {
        for _ in 0..DUMP_ATTEMPTS {
            let sequence = self.next_sequence();
            let mut addresses = Vec::new();
            let question = message::get_addresses(sequence, family);
            let dump = self.request(&question, sequence, |kind, payload| {
                if kind == libc::RTM_NEWADDR
                    && let Some((index, assigned)) = AssignedAddress::parse(payload)?
                    && index == interface.index()
                    && Family::of(assigned.ip()) == family
                {
                    addresses.push(assigned);
                }
                Ok(())
            })?;
            match dump {
                Dump::Interrupted => {}
                Dump::Consistent => return Ok(addresses),
            }
        }
        Err(Cause::KeptChanging.into())
    }

    /// Adds a floating address to an interface (`RTM_NEWADDR`). Needs `CAP_NET_ADMIN`.
    ///
    /// Adding what is there changes nothing and is [`Change::AlreadySo`]. The same IPv4 address with another prefix length,
    /// or any on another interface, is another address.
    ///
    /// An IPv6 address is usable at once: it is added without duplicate address detection (`IFA_F_NODAD`), and one that
    /// is there but not usable ([`is_usable`](AssignedAddress::is_usable)) is removed and added again. A `/128` gets a
    /// preferred lifetime of 0, so that the kernel does not choose it as the source of this host's own packets.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface);
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) for an IPv6 address where IPv6 is disabled on the interface, or where
    /// it has the address with another prefix length.
    pub fn add(&mut self, interface: &Interface, address: Address) -> Result<Change, Error> {
        self.add_usable(interface, address)
            .map_err(|failure| Operation::Add(address, interface.short_name()).failed(failure))
    }

    fn add_usable(&mut self, interface: &Interface, address: Address) -> Result<Change, Failure> {
        let change = self.try_add(interface, address)?;
        if change == Change::Made || address.ip().is_ipv4() {
            return Ok(change);
        }
        // It is there, but how?
        let assigned = self
            .list_family(interface, Family::V6)?
            .into_iter()
            .find(|assigned| assigned.ip() == address.ip());
        match assigned {
            Some(other) if other.address() != address => {
                Err(Cause::OtherPrefixLength(other.address()).into())
            }
            Some(assigned) if assigned.is_usable() => Ok(Change::AlreadySo),
            Some(_) => {
                self.try_remove(interface, address)?;
                self.try_add(interface, address)
            }
            // It went meanwhile.
            None => self.try_add(interface, address),
        }
    }

    fn try_add(&mut self, interface: &Interface, address: Address) -> Result<Change, Failure> {
        let sequence = self.next_sequence();
        self.change(&message::new_address(sequence, interface.index(), address), sequence, libc::EEXIST)
    }

    /// Removes an address from an interface (`RTM_DELADDR`). Needs `CAP_NET_ADMIN`.
    ///
    /// Removing what is not there changes nothing and is [`Change::AlreadySo`]. When the address is the first of its
    /// subnet on the interface, the kernel removes the others of that subnet too, unless the sysctl
    /// `promote_secondaries` is set; a `/32` is a subnet of its own. Those of IPv6 stay.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface).
    pub fn remove(&mut self, interface: &Interface, address: Address) -> Result<Change, Error> {
        self.try_remove(interface, address)
            .map_err(|failure| Operation::Remove(address, interface.short_name()).failed(failure))
    }

    fn try_remove(&mut self, interface: &Interface, address: Address) -> Result<Change, Failure> {
        let sequence = self.next_sequence();
        let request = message::delete_address(sequence, interface.index(), address);
        self.change(&request, sequence, libc::EADDRNOTAVAIL)
    }

    fn change(&mut self, request: &[u8], sequence: u32, already_so: i32) -> Result<Change, Failure> {
        match self.request(request, sequence, |_, _| Ok(())) {
            Ok(_) => Ok(Change::Made),
            Err(Failure { cause: Cause::Os(error), .. }) if error.raw_os_error() == Some(already_so) => {
                Ok(Change::AlreadySo)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Sends a request and hands each object of the answer to `on_data`, until the kernel says that this was all.
    fn request(
        &mut self,
        request: &[u8],
        sequence: u32,
        mut on_data: impl FnMut(u16, &[u8]) -> Result<(), Malformed>,
    ) -> Result<Dump, Failure> {
        let deadline = Instant::now() + TIMEOUT;
        retry(|| send(self.socket.as_raw_fd(), request, MsgFlags::empty()))?;
        let mut dump = Dump::Consistent;
        loop {
            let datagram = receive(self.socket.as_fd(), &mut self.buffer, deadline)?;
            for message in Messages::new(datagram) {
                let message = message?;
                if message.sequence() != sequence {
                    continue; // The late answer to a request that timed out.
                }
                if message.is_dump_interrupted() {
                    dump = Dump::Interrupted;
                }
                match message.read()? {
                    Reply::Data { kind, payload } => on_data(kind, payload)?,
                    Reply::End(outcome) if outcome.errno == 0 => return Ok(dump),
                    Reply::End(outcome) => {
                        return Err(Failure {
                            cause: Cause::Os(io::Error::from_raw_os_error(outcome.errno)),
                            kernel_message: outcome.text.map(Into::into),
                        });
                    }
                    Reply::Nothing => {}
                }
            }
        }
    }

    fn next_sequence(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// What adding or removing did.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Change {
    /// The kernel carried it out.
    Made,
    /// It was so before.
    AlreadySo,
}

impl From<Malformed> for Failure {
    fn from(Malformed: Malformed) -> Self {
        Cause::Malformed.into()
    }
}

#[derive(Copy, Clone, Debug)]
enum Dump {
    Consistent,
    Interrupted,
}

fn open_socket() -> io::Result<OwnedFd> {
    let socket = NlSocket::connect(NlFamily::Route, None, Groups::empty())?;
    socket.enable_ext_ack(true).or_else(accept_an_old_kernel)?;
    socket.enable_strict_checking(true).or_else(accept_an_old_kernel)?;
    let socket = into_owned_fd(socket);
    // A connected netlink socket takes messages from its peer alone: here from the kernel, not from other processes.
    connect(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
    Ok(socket)
}

/// Options that only bring more detail or less data; without them the answers are read just the same.
fn accept_an_old_kernel(error: io::Error) -> io::Result<()> {
    if error.raw_os_error() == Some(libc::ENOPROTOOPT) { Ok(()) } else { Err(error) }
}

fn into_owned_fd(socket: NlSocket) -> OwnedFd {
    // SAFETY: `into_raw_fd` gives up the only owner of an open file descriptor.
    #[expect(unsafe_code, reason = "neli's socket converts to nothing safer than a raw descriptor")]
    unsafe {
        OwnedFd::from_raw_fd(socket.into_raw_fd())
    }
}

fn receive<'b>(socket: BorrowedFd<'_>, buffer: &'b mut [u8], deadline: Instant) -> Result<&'b [u8], Failure> {
    loop {
        // With MSG_TRUNC the result is the datagram's length, even where that is more than fits.
        match retry(|| recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC)) {
            Ok(length) => {
                let room = buffer.len();
                return buffer.get(..length).ok_or_else(|| Cause::TooLong { length, room }.into());
            }
            Err(Errno::EAGAIN) => wait(socket, deadline)?,
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn wait(socket: BorrowedFd<'_>, deadline: Instant) -> Result<(), Failure> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(Cause::TimedOut.into());
    }
    let timeout = PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX);
    match poll(&mut [PollFd::new(socket, PollFlags::POLLIN)], timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn retry<T>(mut call: impl FnMut() -> nix::Result<T>) -> nix::Result<T> {
    loop {
        match call() {
            Err(Errno::EINTR) => {}
            result => return result,
        }
    }
}

const TIMEOUT: Duration = Duration::from_secs(1);
const DUMP_ATTEMPTS: usize = 8;
/// The kernel's dumps come in datagrams of at most this size.
const BUFFER_LEN: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::{
        ErrorKind,
        message::written::{message_bytes, ne32},
    };

    #[test]
    fn a_kernel_that_does_not_answer_is_given_up() {
        let (mut netlink, _kernel) = scripted(&[]);
        let start = Instant::now();

        let error = netlink.interface("eth0").unwrap_err();

        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert_eq!(error.to_string(), "cannot look up interface eth0: the kernel did not answer in time");
        assert!((TIMEOUT..2 * TIMEOUT).contains(&start.elapsed()));
    }

    #[test]
    fn the_late_answer_to_an_earlier_request_is_skipped() {
        let late = [message_bytes(RTM_NEWADDR, MULTI, 0, &address(2, 9)), end(0)];
        let ours = [message_bytes(RTM_NEWADDR, MULTI, 1, &address(2, 1)), end(1)];
        let (mut netlink, _kernel) = scripted(&[late.concat(), ours.concat(), end(2)]);

        let addresses = netlink.addresses(&eth0()).unwrap();

        assert_eq!(texts(&addresses), ["10.0.0.1/24"]);
    }

    #[test]
    fn an_unfiltered_dump_is_filtered_here() {
        let entries =
            [(2, 1), (3, 2), (2, 3)].map(|(i, last)| message_bytes(RTM_NEWADDR, MULTI, 1, &address(i, last)));
        let (mut netlink, _kernel) = scripted(&[entries.concat(), end(1), end(2)]);

        let addresses = netlink.addresses(&eth0()).unwrap();

        assert_eq!(texts(&addresses), ["10.0.0.1/24", "10.0.0.3/24"]);
    }

    #[test]
    fn a_kernel_without_ipv6_answers_with_the_other_family() {
        let answer =
            |sequence| [message_bytes(RTM_NEWADDR, MULTI, sequence, &address(2, 1)), end(sequence)].concat();
        let (mut netlink, _kernel) = scripted(&[answer(1), answer(2)]);

        let addresses = netlink.addresses(&eth0()).unwrap();

        assert_eq!(texts(&addresses), ["10.0.0.1/24"]);
    }

    #[test]
    fn an_interrupted_dump_is_read_again() {
        // The flag is on one message alone, and not on the last.
        let interrupted = [message_bytes(RTM_NEWADDR, MULTI | INTERRUPTED, 1, &address(2, 1)), end(1)];
        let complete = [
            message_bytes(RTM_NEWADDR, MULTI, 2, &address(2, 1)),
            message_bytes(RTM_NEWADDR, MULTI, 2, &address(2, 2)),
            end(2),
        ];
        let (mut netlink, _kernel) = scripted(&[interrupted.concat(), complete.concat(), end(3)]);

        assert_eq!(netlink.addresses(&eth0()).unwrap().len(), 2);
    }

    #[test]
    fn a_dump_interrupted_every_time_is_given_up() {
        let answers: Vec<_> =
            (1..=8).map(|n| message_bytes(DONE, MULTI | INTERRUPTED, n, &ne32(0))).collect();
        let (mut netlink, _kernel) = scripted(&answers);

        let error = netlink.addresses(&eth0()).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::KeptChanging);
        assert_eq!(
            error.to_string(),
            "cannot list the addresses of eth0: they kept changing while they were read"
        );
    }

    #[test]
    fn an_error_at_the_end_of_a_dump_is_an_error() {
        let (mut netlink, _kernel) = scripted(&[message_bytes(DONE, MULTI, 1, &ne32(19_u32.wrapping_neg()))]);

        assert_eq!(netlink.addresses(&eth0()).unwrap_err().kind(), ErrorKind::NoSuchInterface);
    }

    #[test]
    fn what_cannot_be_understood_is_an_error() {
        for (answer, kind) in [
            (vec![1, 2, 3], ErrorKind::Malformed),
            (message_bytes(RTM_NEWADDR, MULTI, 1, &[2, 24]), ErrorKind::Malformed),
            (vec![0; BUFFER_LEN + 1], ErrorKind::TooLong),
        ] {
            let (mut netlink, _kernel) = scripted(&[answer]);

            assert_eq!(netlink.addresses(&eth0()).unwrap_err().kind(), kind);
        }
    }

    /// A socket whose kernel has answered already.
    fn scripted(answers: &[Vec<u8>]) -> (Netlink, UnixDatagram) {
        let (socket, kernel) = UnixDatagram::pair().unwrap();
        for answer in answers {
            kernel.send(answer).unwrap();
        }
        (Netlink { socket: socket.into(), sequence: 0, buffer: vec![0; BUFFER_LEN] }, kernel)
    }

    fn end(sequence: u32) -> Vec<u8> {
        message_bytes(DONE, MULTI, sequence, &ne32(0))
    }

    fn texts(addresses: &[AssignedAddress]) -> Vec<String> {
        addresses.iter().map(|assigned| assigned.address().to_string()).collect()
    }

    /// The interface with the index 2.
    fn eth0() -> Interface {
        let header = [&[0; 4][..], &ne32(2), &[0; 8]].concat();
        let name = [8_u16, libc::IFLA_IFNAME].map(u16::to_ne_bytes).concat();
        Interface::parse(&[&header[..], &name, b"eth0"].concat()).unwrap()
    }

    /// The payload that says: 10.0.0.`last`/24 is on an interface.
    fn address(interface: u32, last: u8) -> Vec<u8> {
        [&[2, 24, 0, 0][..], &ne32(interface), &8_u16.to_ne_bytes(), &2_u16.to_ne_bytes(), &[10, 0, 0, last]]
            .concat()
    }

    const RTM_NEWADDR: u16 = libc::RTM_NEWADDR;
    const DONE: u16 = 3;
    const MULTI: u16 = 2;
    const INTERRUPTED: u16 = 0x10;
}
