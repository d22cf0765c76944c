//! The part of LVS direct routing that a real server plays.

mod faults;
mod problem;
mod settings;
mod turn;

use std::{fs::File, net::IpAddr};

pub use self::{problem::Problem, settings::SettingChange};
use self::{
    settings::{Setting, Sysctls},
    turn::Turn,
};
use crate::{
    address::{Address, AssignedAddress, Scope, VirtualAddress},
    error::{Cause, Error, Operation},
    link::Interface,
    netlink::{Batch, Change, Netlink, Owner},
};

/// What a real server of LVS direct routing does with virtual addresses: it holds them, so that it takes what the director
/// passes on to them, and is silent about them, so that the director alone is found by its neighbours.
///
/// The addresses go to the loopback interface: an IPv4 `/32` with [`Scope::HOST`], so that the kernel never chooses it as
/// the source of anything by itself; an IPv6 `/128`, about which neighbour discovery is silent on every other interface
/// anyway. ARP is not, so that with the first IPv4 address two sysctls of the namespace are set, before it is there, and
/// with the last one set back, after it has gone: `net.ipv4.conf.all.arp_ignore` to 1, unless it is 1, 2 or 8 already,
/// and `net.ipv4.conf.all.arp_announce` to 2.
///
/// The values before are kept as alternative names of the loopback interface, such as `vip-netlink.arp_ignore.was=0`, and
/// the addresses bear the mark [`OWNER`](Self::OWNER). Both live as long as the sysctls themselves, which is as long as the
/// network namespace: so processes may come, crash and go, each start may be of other addresses, and be repeated. Two
/// processes take turns.
///
/// ```no_run
/// use std::net::IpAddr;
///
/// use vip_netlink::RealServer;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let vips: [IpAddr; 2] = ["172.18.50.50".parse()?, "2001:db8::50".parse()?];
/// let mut real_server = RealServer::open()?;
/// real_server.start(&vips)?;
/// for problem in real_server.verify(&vips)? {
///     eprintln!("{problem} ({})", problem.hint());
/// }
/// real_server.stop(&vips)?;
/// # Ok(())
/// # }
/// ```
///
/// What it does not look after: the director must reach the real server without a router between them; the service listens on
/// the virtual address or on all, at the port of the virtual service, and answers a datagram from the address it came to; and
/// where answers leave by another interface than requests come by, `rp_filter` is 0 or 2 on the latter.
///
/// It needs `/proc`, and Linux 5.18, and acts on the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct RealServer {
    netlink: Netlink,
    sysctls: Sysctls,
    namespace: File,
}

impl RealServer {
    /// The mark of virtual addresses that a real server holds ([`AssignedAddress::owner`]), whichever process added them. It
    /// is not that of [`Owner::default`], so that no failover daemon on the same host takes them for what it left behind.
    pub const OWNER: Owner = Owner::new(92).unwrap();

    /// Opens what it takes to ask and to change. Needs no privilege.
    ///
    /// # Errors
    ///
    /// There is no `/proc`; the process or the system is out of file descriptors or memory.
    pub fn open() -> Result<Self, Error> {
        Ok(Self {
            netlink: Netlink::open()?.with_owner(Self::OWNER),
            sysctls: Sysctls::open()?,
            namespace: settings::open(turn::NAMESPACE)?,
        })
    }

    /// Begins to serve virtual addresses. Needs `CAP_NET_ADMIN`.
    ///
    /// An address that is there as it should be is [`Change::AlreadySo`]; if it does not bear the mark, somebody else added
    /// it, and [`stop`](Self::stop) will leave it. After an error everything is as it was before the call, unless the
    /// error says that it could not be undone; after [`TimedOut`](crate::ErrorKind::TimedOut) the address it names may be
    /// there, hidden.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), also where a container has a read-only `/proc/sys`, unless the
    /// sysctls are set already; [`Unsuitable`](crate::ErrorKind::Unsuitable) for what cannot be a virtual address here, and where
    /// IPv6 is disabled; [`Unsupported`](crate::ErrorKind::Unsupported) before Linux 5.18; [`Busy`](crate::ErrorKind::Busy) if another process does not come to an end.
    pub fn start(&mut self, vips: &[IpAddr]) -> Result<Started, Error> {
        let addresses = vips.iter().map(|vip| host_address(*vip)).collect::<Result<Vec<_>, _>>()?;
        let _turn = Turn::take(&self.namespace)?;
        let lo = self.netlink.interface(LOOPBACK)?;
        let mut settings = Vec::new();
        let mut made = Vec::new();
        let outcome = self
            .hide(&lo, &addresses, &mut settings)
            .and_then(|()| self.add(&lo, &addresses, &mut made))
            .and_then(|changes| self.expect_marks(&lo, &made).map(|()| changes));
        match outcome {
            Ok(changes) => Ok(Started { vips: vips.iter().copied().zip(changes).collect(), settings }),
            Err(error) => Err(match self.undo(&lo, &made) {
                Ok(()) => error,
                Err(left) => Operation::UndoStart(error.to_string().into()).failed(left.into_failure()),
            }),
        }
    }

    /// Ends serving virtual addresses, and with the last IPv4 address that bears the mark sets the sysctls back. Needs
    /// `CAP_NET_ADMIN`.
    ///
    /// Addresses that somebody else added stay. So does a sysctl that somebody has changed since: it is set back only where
    /// it still has the value that [`start`](Self::start) gave it.
    ///
    /// # Errors
    ///
    /// [`NotPermitted`](crate::ErrorKind::NotPermitted), [`Busy`](crate::ErrorKind::Busy); the first of them, after all was
    /// tried. Repeat the call: it goes on where it failed.
    pub fn stop(&mut self, vips: &[IpAddr]) -> Result<Stopped, Error> {
        let _turn = Turn::take(&self.namespace)?;
        let lo = self.netlink.interface(LOOPBACK)?;
        let held = self.netlink.addresses(&lo)?;
        let departures: Vec<_> = vips.iter().map(|vip| (*vip, Departure::of(*vip, &held))).collect();
        let ours: Vec<_> = held
            .iter()
            .filter(|one| is_ours(one) && vips.contains(&one.ip()))
            .map(|one| (*one).into())
            .collect();
        let removed = self.remove(&lo, &ours);
        let settings = self.show_again(&lo);
        removed?;
        Ok(Stopped { vips: departures, settings: settings? })
    }

    /// Lists the virtual addresses that were started and not stopped, by whichever process. Needs no privilege.
    ///
    /// # Errors
    ///
    /// As [`Netlink::addresses`].
    pub fn vips(&mut self) -> Result<Vec<IpAddr>, Error> {
        let lo = self.netlink.interface(LOOPBACK)?;
        let held = self.netlink.addresses(&lo)?;
        Ok(held.iter().filter(|one| is_ours(one)).map(AssignedAddress::ip).collect())
    }

    /// Looks for all that keeps this host from being a real server for the virtual addresses, whoever set it up. Nothing
    /// found is an empty list. Needs no privilege.
    ///
    /// # Errors
    ///
    /// [`Unsuitable`](crate::ErrorKind::Unsuitable) for what cannot be a virtual address;
    /// [`KeptChanging`](crate::ErrorKind::KeptChanging).
    pub fn verify(&mut self, vips: &[IpAddr]) -> Result<Vec<Problem>, Error> {
        vips.iter().try_for_each(|vip| host_address(*vip).map(drop))?;
        faults::find(&mut self.netlink, &self.sysctls, vips)
    }

    /// Makes ARP silent about what is on loopback, and remembers how it was. It is not called for, and stays, without an
    /// IPv4 address.
    fn hide(
        &mut self,
        lo: &Interface,
        addresses: &[Address],
        changes: &mut Vec<SettingChange>,
    ) -> Result<(), Error> {
        if addresses.iter().any(|address| address.ip().is_ipv4()) {
            for setting in Setting::ALL {
                changes.extend(self.sysctls.tighten(setting, lo, &mut self.netlink)?);
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        lo: &Interface,
        addresses: &[Address],
        made: &mut Vec<VirtualAddress>,
    ) -> Result<Vec<Change>, Error> {
        let mut batch = Batch::new();
        let wanted = addresses.iter().map(|address| VirtualAddress::from(*address).scope(Scope::HOST));
        let wanted: Vec<_> = wanted.collect();
        for one in &wanted {
            batch.add(lo, *one);
        }
        let results = self.netlink.carry_out(&batch);
        let is_made = |result: &Result<_, _>| matches!(result, Ok(Change::Made));
        made.extend(wanted.iter().zip(&results).filter(|(_, result)| is_made(result)).map(|(one, _)| *one));
        results.into_iter().collect()
    }

    /// Makes sure that what was added will be known as ours.
    fn expect_marks(&mut self, lo: &Interface, made: &[VirtualAddress]) -> Result<(), Error> {
        match unmarked(made, &self.netlink.addresses(lo)?) {
            Some(vip) => Err(Operation::Serve(vip).failed(Cause::NoMarks)),
            None => Ok(()),
        }
    }

    fn undo(&mut self, lo: &Interface, made: &[VirtualAddress]) -> Result<(), Error> {
        let removed = self.remove(lo, made);
        self.show_again(lo)?;
        removed
    }

    fn remove(&mut self, lo: &Interface, addresses: &[VirtualAddress]) -> Result<(), Error> {
        let mut batch = Batch::new();
        for address in addresses {
            batch.remove(lo, *address);
        }
        self.netlink.carry_out(&batch).into_iter().try_for_each(|result| result.map(drop))
    }

    /// Sets the sysctls back unless an IPv4 address still needs them.
    fn show_again(&mut self, lo: &Interface) -> Result<Vec<SettingChange>, Error> {
        let held = self.netlink.addresses(lo)?;
        let mut changes = Vec::new();
        if !held.iter().any(|one| is_ours(one) && one.ip().is_ipv4()) {
            for setting in Setting::ALL {
                changes.extend(self.sysctls.restore(setting, lo, &mut self.netlink)?);
            }
        }
        Ok(changes)
    }
}

/// What [`RealServer::start`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Started {
    /// For each address, in the order given, whether it was added to the loopback interface.
    pub vips: Vec<(IpAddr, Change)>,
    /// The sysctls that were set, none if they were fit already.
    pub settings: Vec<SettingChange>,
}

/// What [`RealServer::stop`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// For each address, in the order given, what became of it.
    pub vips: Vec<(IpAddr, Departure)>,
    /// The sysctls that were set back.
    pub settings: Vec<SettingChange>,
}

/// What became of an address that is not to be served any more.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no fourth way")]
pub enum Departure {
    /// It was taken off the loopback interface.
    Removed,
    /// The loopback interface did not have it.
    NotThere,
    /// Somebody else put it on the loopback interface: it stays there.
    NotOurs,
}

impl Departure {
    fn of(vip: IpAddr, held: &[AssignedAddress]) -> Self {
        let mut found = held.iter().filter(|one| one.ip() == vip).peekable();
        match (found.peek().is_some(), found.any(is_ours)) {
            (false, _) => Self::NotThere,
            (true, false) => Self::NotOurs,
            (true, true) => Self::Removed,
        }
    }
}

fn is_ours(assigned: &AssignedAddress) -> bool {
    assigned.owner() == Some(RealServer::OWNER)
}

fn unmarked(made: &[VirtualAddress], held: &[AssignedAddress]) -> Option<IpAddr> {
    let is_made = |one: &&AssignedAddress| made.iter().any(|made| made.address() == one.address());
    held.iter().filter(is_made).find(|one| !is_ours(one)).map(AssignedAddress::ip)
}

/// What others reach a single host by, and nothing else, can be served by a real server.
fn host_address(vip: IpAddr) -> Result<Address, Error> {
    let prefix_len = if vip.is_ipv4() { 32 } else { 128 };
    let address = Address::new(vip, prefix_len).ok().filter(|address| {
        // An IPv6 address of a link is one of that link, and loopback is another.
        !(vip.is_loopback() || vip.is_ipv6() && address.is_link_local())
    });
    address.ok_or_else(|| Operation::Serve(vip).failed(Cause::NotReachable))
}

const LOOPBACK: &str = "lo";

#[cfg(test)]
mod tests {
    use super::*;
    use lab::written::ne16;

    #[test]
    fn a_kernel_that_does_not_keep_the_mark_is_noticed() {
        let vip: Address = "10.0.0.100".parse().unwrap();
        let local = [&[2, 32, 0, 254, 1, 0, 0, 0][..], &ne16(8), &ne16(2), &[10, 0, 0, 100]].concat();
        let mark = |number| [&local[..], &ne16(5), &ne16(11), &[number, 0, 0, 0]].concat();
        let parse = |payload: &[u8]| AssignedAddress::parse(payload).unwrap().unwrap();

        for (held, unknown) in [(local.clone(), true), (mark(91), true), (mark(92), false)] {
            assert_eq!(unmarked(&[vip.into()], &[parse(&held)]), unknown.then_some(vip.ip()));
            assert_eq!(unmarked(&[], &[parse(&held)]), None, "what was there before does not count");
        }
    }
}
