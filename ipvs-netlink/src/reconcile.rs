//! What to change so that the kernel has what is desired.

use std::{cmp::Ordering, fmt};

use crate::{
    destination::Destination,
    service::{Service, ServiceId},
    table::{Table, VirtualServer},
};

/// Compares the desired table with the kernel's, and says what to write.
///
/// Whatever the desired table names is made as it says. A service that it does not name is removed if `owned` says that it
/// is ours, and left alone else; the destinations of a service are all whoever's the service is.
///
/// Nothing but the identity of a service or a destination is beyond change (another identity is another one, added before
/// this one is removed), so that nothing is ever removed to be added again, which would end its connections. Both tables
/// are in order: the time taken is proportional to their length, and nothing is allocated where nothing differs.
#[must_use]
pub fn plan(desired: &Table, actual: &Table, mut owned: impl FnMut(&Service) -> bool) -> Plan {
    let mut phases = Phases::default();
    for pair in pairs(desired.servers(), actual.servers(), VirtualServer::id) {
        match pair {
            Pair::Missing(server) => phases.add(server),
            Pair::Both(desired, actual) => phases.change(desired, actual),
            Pair::Spare(server) if owned(server.service()) => {
                phases.remove_services.push(Step::RemoveService(server.clone()));
            }
            Pair::Spare(_) => {}
        }
    }
    let Phases { mut raise, lower, remove_destinations, remove_services } = phases;
    raise.extend(lower.into_iter().chain(remove_destinations).chain(remove_services));
    Plan { steps: raise }
}

/// What to write to the kernel, in this order: what takes more connections first, what takes fewer after it, so that no
/// service is without a destination in between that has one before and after.
///
/// Its `Display` is a diff in `ipvsadm`'s form, a line for each service or destination: `+` what is added, `-` what is
/// removed, `~` what is changed, with what it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    steps: Vec<Step>,
}

impl Plan {
    /// Returns the writes, in their order.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Tells whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// Adds a service, without destinations.
    AddService(Service),
    /// Changes the settings of a service.
    EditService {
        /// What it is now.
        from: Service,
        /// What it becomes.
        to: Service,
    },
    /// Removes a service, and its destinations with it.
    RemoveService(VirtualServer),
    /// Adds a destination.
    AddDestination {
        /// Its service.
        service: ServiceId,
        /// The destination.
        destination: Destination,
    },
    /// Changes the settings of a destination.
    EditDestination {
        /// Its service.
        service: ServiceId,
        /// What it is now.
        from: Destination,
        /// What it becomes.
        to: Destination,
    },
    /// Removes a destination.
    RemoveDestination {
        /// Its service.
        service: ServiceId,
        /// The destination.
        destination: Destination,
    },
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddService(service) => write!(f, "+ {service}"),
            Self::EditService { from, to } => write!(f, "~ {to} (was {})", from.settings()),
            Self::RemoveService(server) => {
                write!(f, "- {}", server.service())?;
                let id = server.id();
                server.destinations().iter().try_for_each(|one| write!(f, "\n- -a {id} {one}"))
            }
            Self::AddDestination { service, destination } => write!(f, "+ -a {service} {destination}"),
            Self::EditDestination { service, from, to } => {
                write!(f, "~ -a {service} {to} (was {})", from.settings())
            }
            Self::RemoveDestination { service, destination } => write!(f, "- -a {service} {destination}"),
        }
    }
}

/// The steps that come before others.
#[derive(Default)]
struct Phases {
    raise: Vec<Step>,
    lower: Vec<Step>,
    remove_destinations: Vec<Step>,
    remove_services: Vec<Step>,
}

impl Phases {
    fn add(&mut self, server: &VirtualServer) {
        let service = server.id();
        self.raise.push(Step::AddService(*server.service()));
        let destinations = server.destinations().iter();
        self.raise.extend(
            destinations.map(|destination| Step::AddDestination { service, destination: *destination }),
        );
    }

    fn change(&mut self, desired: &VirtualServer, actual: &VirtualServer) {
        let service = desired.id();
        let (from, to) = (actual.service(), desired.service());
        if !to.is_met_by(from) {
            self.raise.push(Step::EditService { from: *from, to: *to });
        }
        for pair in pairs(desired.destinations(), actual.destinations(), Destination::address) {
            match pair {
                Pair::Missing(destination) => {
                    self.raise.push(Step::AddDestination { service, destination: *destination });
                }
                Pair::Both(to, from) if to == from => {}
                Pair::Both(to, from) => {
                    let phase = if to.weight() == 0 { &mut self.lower } else { &mut self.raise };
                    phase.push(Step::EditDestination { service, from: *from, to: *to });
                }
                Pair::Spare(destination) => {
                    let step = Step::RemoveDestination { service, destination: *destination };
                    self.remove_destinations.push(step);
                }
            }
        }
    }
}

enum Pair<'t, T> {
    /// Desired and not there.
    Missing(&'t T),
    /// Desired, and there.
    Both(&'t T, &'t T),
    /// There and not desired.
    Spare(&'t T),
}

/// Goes through two lists that are in order of their keys, side by side.
fn pairs<'t, T, K: Ord>(
    desired: &'t [T],
    actual: &'t [T],
    key: fn(&T) -> K,
) -> impl Iterator<Item = Pair<'t, T>> {
    let (mut desired, mut actual) = (desired.iter().peekable(), actual.iter().peekable());
    std::iter::from_fn(move || {
        let order = match (desired.peek(), actual.peek()) {
            (None, None) => return None,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(one), Some(other)) => key(one).cmp(&key(other)),
        };
        match order {
            Ordering::Less => desired.next().map(Pair::Missing),
            Ordering::Equal => Some(Pair::Both(desired.next()?, actual.next()?)),
            Ordering::Greater => actual.next().map(Pair::Spare),
        }
    })
}

#[cfg(test)]
mod tests;
