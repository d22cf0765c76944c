//! Many changes in one go.

use std::mem::discriminant;

use nix::libc;

use super::{Change, Netlink, Owner};
use crate::{
    address::VirtualAddress,
    error::{Error, Failure, Operation},
    link::{Interface, Name},
    monitor::Monitors,
    route::{self, Route},
    rule::{self, Rule},
};
use kernel_netlink::Envelope;

/// Changes to be made one after the other, in as few system calls as possible.
///
/// Their order matters: a route is refused until the address it names as its source is there, and a rule sends packets to a
/// table as soon as it stands. So, to take over, addresses come first, then routes, then rules; to give back, the reverse.
///
/// ```no_run
/// # use vip_netlink::{Address, Batch, Change, Netlink};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut netlink = Netlink::open()?;
/// let eth0 = netlink.interface("eth0")?;
/// let mut batch = Batch::new();
/// for last in 1..=200 {
///     batch.add(&eth0, Address::new([198, 51, 100, last], 32)?);
/// }
/// for result in netlink.carry_out(&batch) {
///     if let Err(error) = result {
///         eprintln!("{error}");
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Batch {
    requests: Vec<Request>,
}

impl Batch {
    /// Begins without any.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts an address on an interface, as [`Netlink::add`] does.
    pub fn add(&mut self, interface: &Interface, address: impl Into<VirtualAddress>) -> &mut Self {
        self.push(Request::AddAddress(Place::of(interface), address.into()))
    }

    /// Takes an address off an interface, as [`Netlink::remove`] does.
    pub fn remove(&mut self, interface: &Interface, address: impl Into<VirtualAddress>) -> &mut Self {
        self.push(Request::RemoveAddress(Place::of(interface), address.into()))
    }

    /// Adds a route, as [`Netlink::add_route`] does.
    pub fn add_route(&mut self, route: &Route) -> &mut Self {
        self.push(Request::AddRoute(Box::new(route.clone())))
    }

    /// Removes a route, as [`Netlink::remove_route`] does.
    pub fn remove_route(&mut self, route: &Route) -> &mut Self {
        self.push(Request::RemoveRoute(Box::new(route.clone())))
    }

    /// Adds a rule, as [`Netlink::add_rule`] does.
    pub fn add_rule(&mut self, rule: &Rule) -> &mut Self {
        self.push(Request::AddRule(Box::new(rule.clone())))
    }

    /// Removes a rule, as [`Netlink::remove_rule`] does.
    pub fn remove_rule(&mut self, rule: &Rule) -> &mut Self {
        self.push(Request::RemoveRule(Box::new(rule.clone())))
    }

    /// Returns how many changes there are.
    pub fn len(&self) -> usize {
        self.requests.len()
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    pub(super) fn push(&mut self, request: Request) -> &mut Self {
        self.requests.push(request);
        self
    }

    pub(super) fn requests(&self) -> &[Request] {
        &self.requests
    }
}

impl Netlink {
    /// Makes the changes of a batch, in its order, and returns what became of each. Needs `CAP_NET_ADMIN`.
    ///
    /// One that fails does not keep the others from being made. The kernel takes about a hundred of one kind in a system
    /// call; what it does for others meanwhile is between them, so a batch is not atomic.
    ///
    /// # Errors
    ///
    /// Each change has its own, as if it were the only one. After [`TimedOut`](crate::ErrorKind::TimedOut) or
    /// [`Busy`](crate::ErrorKind::Busy) it is not known whether it was made; trying it again does no harm.
    pub fn carry_out(&mut self, batch: &Batch) -> Vec<Result<Change, Error>> {
        let mut results = Vec::with_capacity(batch.len());
        // Those of one kind together, so that one kind is settled before the next begins.
        for run in batch.requests().chunk_by(|one, next| discriminant(one) == discriminant(next)) {
            let outcomes = match run.first() {
                Some(Request::RemoveAddress(..)) => self.remove_addresses(run),
                Some(Request::RemoveRoute(_)) => self.remove_routes(run),
                Some(Request::RemoveRule(_)) => self.remove_rules(run),
                Some(Request::AddAddress(..) | Request::AddRoute(_) | Request::AddRule(_)) | None => {
                    self.ask_and_settle(run)
                }
            };
            let named = |(request, result): (&Request, Result<_, Failure>)| {
                result.map_err(|failure| request.operation().failed(failure))
            };
            results.extend(run.iter().zip(outcomes).map(named));
        }
        results
    }

    /// Has the kernel carry out requests, and looks after those of which it says that they are so already.
    fn ask_and_settle(&mut self, requests: &[Request]) -> Vec<Result<Change, Failure>> {
        let owner = self.owner;
        for request in requests {
            request.announce_to(&self.monitors);
        }
        let outcomes = self.socket.batch(requests.len(), |index, envelope| {
            if let Some(request) = requests.get(index) {
                request.write(envelope, owner);
            }
        });
        let mut results: Vec<_> =
            requests.iter().zip(outcomes).map(|(request, outcome)| request.change(outcome)).collect();
        for (request, result) in requests.iter().zip(&results) {
            request.report_to(&self.monitors, result);
        }
        self.make_usable(requests, &mut results);
        self.settle_routes(requests, &mut results);
        self.settle_rules(requests, &mut results);
        results
    }

    /// Makes one change.
    pub(super) fn carry_out_one(&mut self, request: Request) -> Result<Change, Error> {
        let mut results = self.carry_out(&Batch { requests: vec![request] });
        results.pop().unwrap_or(Ok(Change::AlreadySo))
    }
}

/// One change.
#[derive(Clone, Debug)]
pub(super) enum Request {
    AddAddress(Place, VirtualAddress),
    RemoveAddress(Place, VirtualAddress),
    AddRoute(Box<Route>),
    RemoveRoute(Box<Route>),
    AddRule(Box<Rule>),
    RemoveRule(Box<Rule>),
}

impl Request {
    pub(super) fn write(&self, envelope: Envelope<'_>, owner: Owner) {
        match self {
            Self::AddAddress(place, address) => address.write_add(envelope, place.index, owner),
            Self::RemoveAddress(place, address) => address.write_remove(envelope, place.index),
            Self::AddRoute(route) => route.write_add(envelope, owner, route::Addition::New),
            Self::RemoveRoute(route) => route.write_remove(envelope, owner),
            Self::AddRule(rule) => rule.write_add(envelope, owner, rule::Addition::New),
            Self::RemoveRule(rule) => rule.write_remove(envelope, owner),
        }
    }

    /// The `errno` by which the kernel says that it is so already.
    fn already_so(&self) -> i32 {
        match self {
            Self::AddAddress(..) | Self::AddRoute(_) | Self::AddRule(_) => libc::EEXIST,
            Self::RemoveAddress(..) => libc::EADDRNOTAVAIL,
            Self::RemoveRoute(_) => libc::ESRCH,
            Self::RemoveRule(_) => libc::ENOENT,
        }
    }

    /// Tells the monitors what is about to be done: the kernel does not always tell them whose doing it is.
    pub(super) fn announce_to(&self, monitors: &Monitors) {
        match self {
            Self::AddAddress(place, address) => monitors.adding(place.index, address.ip()),
            Self::RemoveAddress(place, address) => monitors.removing(place.index, address.ip()),
            // Nobody watches them.
            Self::AddRoute(_) | Self::RemoveRoute(_) | Self::AddRule(_) | Self::RemoveRule(_) => {}
        }
    }

    /// Tells them how it ended.
    pub(super) fn report_to(&self, monitors: &Monitors, result: &Result<Change, Failure>) {
        let is_made = matches!(result, Ok(Change::Made));
        match self {
            Self::AddAddress(place, address) => monitors.added(place.index, address.ip(), is_made),
            Self::RemoveAddress(place, address) => monitors.removed(place.index, address.ip(), is_made),
            Self::AddRoute(_) | Self::RemoveRoute(_) | Self::AddRule(_) | Self::RemoveRule(_) => {}
        }
    }

    fn operation(&self) -> Operation {
        match self {
            Self::AddAddress(place, address) => Operation::Add(address.address(), place.name),
            Self::RemoveAddress(place, address) => Operation::Remove(address.address(), place.name),
            Self::AddRoute(route) => Operation::AddRoute(route.clone()),
            Self::RemoveRoute(route) => Operation::RemoveRoute(route.clone()),
            Self::AddRule(rule) => Operation::AddRule(rule.clone()),
            Self::RemoveRule(rule) => Operation::RemoveRule(rule.clone()),
        }
    }

    pub(super) fn change(&self, outcome: Result<(), kernel_netlink::Failure>) -> Result<Change, Failure> {
        match outcome {
            Ok(()) => Ok(Change::Made),
            Err(failure) if failure.is(self.already_so()) => Ok(Change::AlreadySo),
            Err(failure) => Err(failure.into()),
        }
    }
}

/// An interface, as far as requests and errors need it.
#[derive(Copy, Clone, Debug)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) name: Name,
}

impl Place {
    pub(super) fn of(interface: &Interface) -> Self {
        Self { index: interface.index(), name: interface.short_name() }
    }
}
