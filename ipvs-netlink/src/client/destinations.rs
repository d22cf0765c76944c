use std::net::SocketAddr;

use nix::libc;

use super::{Change, Ipvs};
use crate::{
    destination::Destination,
    error::{Error, Operation},
    message::{Object, Request},
    service::ServiceId,
    stats::{Connections, Stats},
};

/// A destination as the kernel has it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestinationEntry {
    /// Address and settings.
    pub destination: Destination,
    /// How many connections it has now.
    pub connections: Connections,
    /// What went to it.
    pub stats: Stats,
}

impl Ipvs {
    /// Lists the destinations of a service with their counters, in the order in which the kernel hands them out. Of a
    /// service that is not there the list is empty.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn destinations(&mut self, service: &ServiceId) -> Result<Vec<DestinationEntry>, Error> {
        self.dump(&Request::GetDestinations(service), service.family(), entry)
            .map_err(|cause| Error::new(Operation::ListDestinations(*service), cause))
    }

    /// Adds a destination to a service, as [`Destination::of_service`].
    ///
    /// One that was removed less than two minutes ago, and still has connections, comes back with these and its counters.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), whatever its settings are;
    /// [`NoSuchService`](crate::ErrorKind::NoSuchService); [`Refused`](crate::ErrorKind::Refused), of another version of IP
    /// than the service's without a tunnel, or while a sync daemon runs.
    pub fn add_destination(&mut self, service: &ServiceId, destination: &Destination) -> Result<(), Error> {
        let destination = destination.adjusted_to(service);
        self.tell(&Request::NewDestination(service, &destination))
            .map_err(|cause| Error::new(Operation::AddDestination(*service, destination.address()), cause))
    }

    /// Changes the settings of a destination to these; its connections stay.
    ///
    /// # Errors
    ///
    /// [`NoSuchDestination`](crate::ErrorKind::NoSuchDestination); [`NoSuchService`](crate::ErrorKind::NoSuchService).
    pub fn edit_destination(&mut self, service: &ServiceId, destination: &Destination) -> Result<(), Error> {
        let destination = destination.adjusted_to(service);
        self.tell(&Request::SetDestination(service, &destination))
            .map_err(|cause| Error::new(Operation::EditDestination(*service, destination.address()), cause))
    }

    /// Sees to it that the service has this destination with these settings: adds it, changes it, or leaves it as it is.
    ///
    /// To know which, it lists the service's destinations.
    ///
    /// # Errors
    ///
    /// [`NoSuchService`](crate::ErrorKind::NoSuchService), and as [`add_destination`](Self::add_destination).
    pub fn put_destination(
        &mut self,
        service: &ServiceId,
        destination: &Destination,
    ) -> Result<Change, Error> {
        let destination = destination.adjusted_to(service);
        let list = self.destinations(service)?;
        let there = list.iter().find(|there| there.destination.address() == destination.address());
        if there.is_some_and(|there| there.destination == destination) {
            return Ok(Change::AlreadySo);
        }
        let new = (Request::NewDestination(service, &destination), libc::EEXIST);
        let set = (Request::SetDestination(service, &destination), libc::ENOENT);
        let order = if there.is_some() { [set, new] } else { [new, set] };
        self.tell_one_of(order)
            .map(|()| Change::Made)
            .map_err(|cause| Error::new(Operation::AddDestination(*service, destination.address()), cause))
    }

    /// Removes a destination, by the address that the service has it under: that of direct routing and tunnels has the
    /// service's port, see [`Destination::of_service`]. Its connections end where they are: their packets are no longer forwarded. To let them end by
    /// themselves, see [`Drain`](crate::Drain).
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind). That the service has no such destination, or is not there, is no error.
    pub fn remove_destination(&mut self, service: &ServiceId, address: SocketAddr) -> Result<Change, Error> {
        match self.tell(&Request::DelDestination(service, address)) {
            Ok(()) => Ok(Change::Made),
            Err(cause) if cause.is_missing() => Ok(Change::AlreadySo),
            Err(cause) => Err(Error::new(Operation::RemoveDestination(*service, address), cause)),
        }
    }
}

fn entry(object: Object) -> Option<DestinationEntry> {
    match object {
        Object::Destination(destination, stats, connections) => {
            Some(DestinationEntry { destination, connections, stats })
        }
        Object::Service(..) | Object::Daemon(_) | Object::Timeouts(_) | Object::Info(_) => None,
    }
}
