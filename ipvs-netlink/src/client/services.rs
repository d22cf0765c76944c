use nix::libc;

use super::{Change, Ipvs};
use crate::{
    error::{Error, Operation},
    message::{Object, Request},
    service::{Family, Service, ServiceId},
    stats::Stats,
    table::{Table, VirtualServer},
};

/// A service as the kernel has it.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceEntry {
    /// Identity and settings.
    pub service: Service,
    /// What went through it.
    pub stats: Stats,
}

impl Ipvs {
    /// Lists all services with their destinations, of which there are as many requests as services, and one.
    ///
    /// The kernel reads its lists from where it was, counted in entries. While others remove some, entries that stay may be
    /// missing from the list, and nothing tells: who decides on such a list reads it again afterwards, as
    /// [`apply`](Self::apply) does.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn table(&mut self) -> Result<Table, Error> {
        let services = self.services()?;
        let servers = services.iter().map(|entry| {
            let destinations = self.destinations(&entry.service.id())?;
            let destinations = destinations.iter().map(|entry| entry.destination).collect();
            Ok(VirtualServer::from_kernel(entry.service, destinations))
        });
        Ok(Table::from_kernel(servers.collect::<Result<_, Error>>()?))
    }

    /// Lists the services with their counters, in the order in which the kernel hands them out, which means nothing.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn services(&mut self) -> Result<Vec<ServiceEntry>, Error> {
        self.dump(&Request::GetServices, Family::V4, entry)
            .map_err(|cause| Error::new(Operation::ListServices, cause))
    }

    /// Reads a service and its counters, `None` if there is none.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn service(&mut self, id: &ServiceId) -> Result<Option<ServiceEntry>, Error> {
        let mut found = None;
        match self.ask(&Request::GetService(id), |object| found = found.or_else(|| entry(object))) {
            Ok(()) => Ok(found),
            Err(cause) if cause.is_missing() => Ok(None),
            Err(cause) => Err(Error::new(Operation::ReadService(*id), cause)),
        }
    }

    /// Adds a service, without destinations.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists), whatever its settings are;
    /// [`NoSuchModule`](crate::ErrorKind::NoSuchModule) for its scheduler.
    pub fn add_service(&mut self, service: &Service) -> Result<(), Error> {
        self.tell(&Request::NewService(service))
            .map_err(|cause| Error::new(Operation::AddService(*service), cause))
    }

    /// Changes the settings of a service to these; its destinations and connections stay.
    ///
    /// # Errors
    ///
    /// [`NoSuchService`](crate::ErrorKind::NoSuchService); [`NoSuchModule`](crate::ErrorKind::NoSuchModule) for its
    /// scheduler.
    pub fn edit_service(&mut self, service: &Service) -> Result<(), Error> {
        self.tell(&Request::SetService(service))
            .map_err(|cause| Error::new(Operation::EditService(*service), cause))
    }

    /// Sees to it that there is this service with these settings: adds it, changes it, or leaves it as it is.
    ///
    /// # Errors
    ///
    /// [`NoSuchModule`](crate::ErrorKind::NoSuchModule) for its scheduler.
    pub fn put_service(&mut self, service: &Service) -> Result<Change, Error> {
        let there = self.service(&service.id())?;
        if there.is_some_and(|there| service.is_met_by(&there.service)) {
            return Ok(Change::AlreadySo);
        }
        let new = (Request::NewService(service), libc::EEXIST);
        let set = (Request::SetService(service), libc::ESRCH);
        let order = if there.is_some() { [set, new] } else { [new, set] };
        self.tell_one_of(order)
            .map(|()| Change::Made)
            .map_err(|cause| Error::new(Operation::AddService(*service), cause))
    }

    /// Removes a service with its destinations. Connections end where they are: their packets are no longer forwarded.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind). That there is none is no error.
    pub fn remove_service(&mut self, id: &ServiceId) -> Result<Change, Error> {
        match self.tell(&Request::DelService(id)) {
            Ok(()) => Ok(Change::Made),
            Err(cause) if cause.is_missing() => Ok(Change::AlreadySo),
            Err(cause) => Err(Error::new(Operation::RemoveService(*id), cause)),
        }
    }

    /// Removes all services of the namespace, whoever's they are.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn flush(&mut self) -> Result<(), Error> {
        self.tell(&Request::Flush).map_err(|cause| Error::new(Operation::Flush, cause))
    }

    /// Has the counters of a service and of its destinations begin anew.
    ///
    /// # Errors
    ///
    /// [`NoSuchService`](crate::ErrorKind::NoSuchService).
    pub fn zero(&mut self, id: &ServiceId) -> Result<(), Error> {
        self.tell(&Request::Zero(id)).map_err(|cause| Error::new(Operation::ZeroService(*id), cause))
    }

    /// Has all counters of the namespace begin anew.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn zero_all(&mut self) -> Result<(), Error> {
        self.tell(&Request::ZeroAll).map_err(|cause| Error::new(Operation::ZeroAll, cause))
    }
}

fn entry(object: Object) -> Option<ServiceEntry> {
    match object {
        Object::Service(service, stats) => Some(ServiceEntry { service, stats }),
        Object::Destination(..) | Object::Daemon(_) | Object::Timeouts(_) | Object::Info(_) => None,
    }
}
