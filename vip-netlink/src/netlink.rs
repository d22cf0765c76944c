//! The handle through which the kernel is asked and told.

mod addresses;
mod batch;
mod links;
mod names;
mod routes;
mod rules;
mod settings;
mod virtual_macs;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{errno::Errno, libc};

pub use self::batch::Batch;
pub(crate) use self::{settings::Ipv4Setting, virtual_macs::Link};
use crate::{
    error::{Error, Operation},
    link::{Interface, Name},
    monitor::Monitors,
};
use kernel_netlink::{Envelope, RequestSocket};

/// A socket to ask the kernel about interfaces and addresses, and to change addresses, virtual MACs, routes and rules.
///
/// It acts on the network namespace that the thread was in when it was opened. No request waits for its answer longer than
/// about a second.
#[derive(Debug)]
pub struct Netlink {
    socket: RequestSocket,
    owner: Owner,
    monitors: Monitors,
}

impl Netlink {
    /// Opens a socket. Needs no privilege.
    ///
    /// # Errors
    ///
    /// The process or the system is out of file descriptors or memory.
    pub fn open() -> Result<Self, Error> {
        let socket = RequestSocket::open(libc::NETLINK_ROUTE);
        let socket = socket.map_err(|error| Operation::OpenNetlink.failed(error))?;
        Ok(Self { socket, owner: Owner::default(), monitors: Monitors::default() })
    }

    #[cfg(test)]
    pub(crate) fn over(socket: std::os::fd::OwnedFd) -> Self {
        let (owner, monitors) = (Owner::default(), Monitors::default());
        Self { socket: RequestSocket::over(socket), owner, monitors }
    }

    /// Marks what is added through this socket as this owner's, and takes no other for its own.
    #[must_use]
    pub fn with_owner(self, owner: Owner) -> Self {
        Self { owner, ..self }
    }

    /// Returns whose mark is put on what is added.
    pub fn owner(&self) -> Owner {
        self.owner
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
        let mut found = None;
        self.socket
            .request(
                |envelope| get_link(envelope, 0, Some(wanted)),
                |kind, payload| {
                    if kind == libc::RTM_NEWLINK {
                        found = Some(Interface::parse(payload)?);
                    }
                    Ok(())
                },
            )
            .map_err(|failure| operation().failed(failure))?;
        found.ok_or_else(no_such_interface)
    }

    /// Lists all interfaces of the namespace (`RTM_GETLINK`). Needs no privilege.
    ///
    /// # Errors
    ///
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging), after some attempts.
    pub fn interfaces(&mut self) -> Result<Vec<Interface>, Error> {
        self.list_links(Interface::parse).map_err(|failure| Operation::ListInterfaces.failed(failure))
    }

    /// Returns the socket's own address, which the kernel puts into the events that its requests cause.
    pub(crate) fn port(&self) -> io::Result<u32> {
        self.socket.port()
    }

    /// Returns the monitors that this handle notes its changes for.
    pub(crate) fn monitors(&mut self) -> &mut Monitors {
        &mut self.monitors
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Asks for an interface by name or index, or, without either, for all.
fn get_link(envelope: Envelope<'_>, index: u32, name: Option<Name>) {
    envelope.message(libc::RTM_GETLINK, 0, |payload| {
        link_header(payload, index, 0, 0);
        if let Some(name) = name {
            payload.text(libc::IFLA_IFNAME, name.as_str());
        }
    });
}

/// Writes a struct ifinfomsg (linux/rtnetlink.h): of the flags only those in `mask` are to change.
fn link_header(payload: &mut kernel_netlink::Payload<'_>, index: u32, flags: u32, mask: u32) {
    payload.header([0; 4]); // Family, padding and hardware type.
    for number in [index, flags, mask] {
        payload.header(number.to_ne_bytes());
    }
}

/// Who put an address, route or rule where it is: a mark that the kernel keeps with it (`IFA_PROTO`, `rtm_protocol`,
/// `FRA_PROTOCOL`), and that outlives the process.
///
/// Two programs that use this crate on one host, and are not to take each other's leftovers away, need two of them. Many
/// numbers are taken: iproute2 lists them in `rt_protos`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(u8);

impl Owner {
    /// Makes an owner of a number from 5 to 255: those below are the kernel's and the administrator's (linux/rtnetlink.h).
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            0..=4 => None,
            5..=u8::MAX => Some(Self(number)),
        }
    }

    /// Returns the number.
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl Default for Owner {
    /// 91, which no known program uses.
    fn default() -> Self {
        Self(91)
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

#[cfg(test)]
mod tests {
    use std::{os::unix::net::UnixDatagram, time::Instant};

    use super::*;
    use crate::{Address, AssignedAddress, Batch, ErrorKind};
    use kernel_netlink::{BUFFER_LEN, TIMEOUT};
    use lab::written::{message_bytes, ne16, ne32};

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
            ([message_bytes(RTM_NEWADDR, MULTI, 1, &[2, 24]), end(1)].concat(), ErrorKind::Malformed),
            (vec![0; BUFFER_LEN + 1], ErrorKind::TooLong),
        ] {
            let (mut netlink, _kernel) = scripted(&[answer]);

            assert_eq!(netlink.addresses(&eth0()).unwrap_err().kind(), kind);
        }
    }

    #[test]
    fn in_a_batch_silence_is_success() {
        let (mut netlink, _kernel) =
            scripted(&[refusal(2, libc::EPERM), refusal(3, libc::EEXIST), refusal(4, 0)]);

        let results = netlink.carry_out(&batch(4));

        assert_eq!(
            results.iter().map(|result| result.as_ref().map_err(Error::kind)).collect::<Vec<_>>(),
            [Ok(&Change::Made), Err(ErrorKind::NotPermitted), Ok(&Change::AlreadySo), Ok(&Change::Made)],
        );
    }

    #[test]
    fn a_batch_without_its_last_answer_does_not_know_what_was_made() {
        let answers = [refusal(1, libc::EPERM), vec![1, 2, 3]];
        let (mut netlink, _kernel) = scripted(&answers);

        let results = netlink.carry_out(&batch(3));

        let kinds = results.into_iter().map(|result| result.unwrap_err().kind());
        assert_eq!(
            kinds.collect::<Vec<_>>(),
            [ErrorKind::NotPermitted, ErrorKind::Malformed, ErrorKind::Malformed]
        );
    }

    #[test]
    fn leftovers_that_went_with_their_interface_are_no_error() {
        let mark = [&ne16(5)[..], &ne16(11), &[Owner::default().get(), 0, 0, 0]].concat();
        let left = [&address(2, 1)[..], &mark].concat();
        let link = [&[0; 4][..], &ne32(2), &[0; 8], &ne16(8), &ne16(libc::IFLA_IFNAME), b"eth0"].concat();
        let (mut netlink, _kernel) = scripted(&[
            [message_bytes(RTM_NEWADDR, MULTI, 1, &left), end(1)].concat(),
            end(2),
            [message_bytes(libc::RTM_NEWLINK, MULTI, 3, &link), end(3)].concat(),
            refusal(4, libc::ENODEV), // The settings are asked for.
            refusal(5, libc::ENODEV),
            end(6),
            end(7),
        ]);

        assert_eq!(netlink.adopt(|_| false).unwrap(), []);
    }

    fn batch(count: u8) -> Batch {
        let mut batch = Batch::new();
        for last in 1..=count {
            batch.add(&eth0(), Address::new([10, 0, 0, last], 32).unwrap());
        }
        batch
    }

    /// An answer with an error, or 0.
    fn refusal(sequence: u32, errno: i32) -> Vec<u8> {
        let request = message_bytes(RTM_NEWADDR, 0, sequence, &[]);
        message_bytes(2, 0x100, sequence, &[&(-errno).to_ne_bytes()[..], &request].concat())
    }

    /// A socket whose kernel has answered already.
    fn scripted(answers: &[Vec<u8>]) -> (Netlink, UnixDatagram) {
        let (socket, kernel) = UnixDatagram::pair().unwrap();
        for answer in answers {
            kernel.send(answer).unwrap();
        }
        (Netlink::over(socket.into()), kernel)
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
        let name = [ne16(8), ne16(libc::IFLA_IFNAME)].concat();
        Interface::parse(&[&header[..], &name, b"eth0"].concat()).unwrap()
    }

    /// The payload that says: 10.0.0.`last`/24 is on an interface.
    fn address(interface: u32, last: u8) -> Vec<u8> {
        [&[2, 24, 0, 0][..], &ne32(interface), &ne16(8), &ne16(2), &[10, 0, 0, last]].concat()
    }

    const RTM_NEWADDR: u16 = libc::RTM_NEWADDR;
    const DONE: u16 = 3;
    const MULTI: u16 = 2;
    const INTERRUPTED: u16 = 0x10;
}
