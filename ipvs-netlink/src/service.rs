//! Services: what clients connect to, and how their connections are distributed.

mod flags;
mod id;
mod persistence;
mod scheduler;

use std::fmt;

pub(crate) use self::{flags::Persistent, id::plain};
pub use self::{
    flags::ServiceFlags,
    id::{Family, Protocol, ServiceId},
    persistence::{Granularity, Persistence},
    scheduler::Scheduler,
};
use crate::{error::ConfigError, name::Name};

/// A virtual service: its identity and its settings, without its destinations.
///
/// Its `Display` is the line that `ipvsadm -Sn` prints, and what `FromStr` reads: `-A -t 192.0.2.1:80 -s wrr -p 300`.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
pub struct Service {
    id: ServiceId,
    scheduler: Scheduler,
    persistence: Option<Persistence>,
    engine: Option<Name>,
    flags: ServiceFlags,
}

impl Service {
    /// Builds a service that is scheduled by `wlc`, without persistence and flags.
    pub fn builder(id: ServiceId) -> ServiceBuilder {
        ServiceBuilder {
            service: Self {
                id,
                scheduler: Scheduler::default(),
                persistence: None,
                engine: None,
                flags: ServiceFlags::EMPTY,
            },
            engine: None,
        }
    }

    /// Takes a service as the kernel holds it, which accepts more than a [`ServiceBuilder`] does.
    pub(crate) fn from_kernel(
        id: ServiceId,
        scheduler: Scheduler,
        persistence: Option<Persistence>,
        engine: Option<Name>,
        flags: ServiceFlags,
    ) -> Self {
        Self { id, scheduler, persistence, engine, flags }
    }

    /// Returns what tells the service from all others; everything else can be changed.
    pub fn id(&self) -> ServiceId {
        self.id
    }

    /// Returns what chooses the destination of a connection.
    pub fn scheduler(&self) -> Scheduler {
        self.scheduler
    }

    /// Returns how long a client keeps its destination, `None` where each connection is scheduled anew.
    pub fn persistence(&self) -> Option<Persistence> {
        self.persistence
    }

    /// Returns the name of what tells clients apart instead of their addresses.
    pub fn persistence_engine(&self) -> Option<&str> {
        self.engine.as_ref().map(Name::as_str)
    }

    /// Returns the flags, without those that [`persistence`](Self::persistence) implies and that the kernel sets itself.
    pub fn flags(&self) -> ServiceFlags {
        self.flags
    }

    /// Tells whether writing its settings over the other's would change nothing. Bits of the flags that nobody asked for are
    /// not written.
    pub(crate) fn is_met_by(&self, actual: &Self) -> bool {
        self.scheduler == actual.scheduler
            && self.persistence == actual.persistence
            && self.engine == actual.engine
            && self.flags.is_met_by(actual.flags)
    }

    pub(crate) fn id_ref(&self) -> &ServiceId {
        &self.id
    }

    pub(crate) fn engine(&self) -> Option<Name> {
        self.engine
    }

    /// Returns what is left when the identity is taken away, for an edit to say what was.
    pub(crate) fn settings(&self) -> impl fmt::Display {
        struct Settings<'s>(&'s Service);
        impl fmt::Display for Settings<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt_settings(f)
            }
        }
        Settings(self)
    }

    fn fmt_settings(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-s {}", self.scheduler)?;
        if let Some(persistence) = self.persistence {
            write!(f, " {persistence}")?;
        }
        if let Some(engine) = self.engine {
            write!(f, " --pe {engine}")?;
        }
        self.flags.fmt_of(self.scheduler, f)
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "-A {} ", self.id)?;
        self.fmt_settings(f)
    }
}

/// Settings of a [`Service`] to be.
#[derive(Clone, Debug)]
#[must_use]
pub struct ServiceBuilder {
    service: Service,
    engine: Option<Box<str>>,
}

impl ServiceBuilder {
    /// Sets what chooses the destination of a connection. `wlc` if not set, as with `ipvsadm`.
    pub fn scheduler(mut self, scheduler: Scheduler) -> Self {
        self.service.scheduler = scheduler;
        self
    }

    /// Has clients keep their destination.
    pub fn persistence(mut self, persistence: Persistence) -> Self {
        self.service.persistence = Some(persistence);
        self
    }

    /// Has a persistence engine tell clients apart. The kernel has one, `sip`, for SIP over UDP.
    pub fn persistence_engine(mut self, name: &str) -> Self {
        self.engine = Some(name.into());
        self
    }

    /// Sets the flags.
    pub fn flags(mut self, flags: ServiceFlags) -> Self {
        self.service.flags = flags;
        self
    }

    /// Checks what one setting says about another.
    ///
    /// # Errors
    ///
    /// Port 0, which is every port, without persistence; one-packet scheduling of TCP or SCTP; a granularity of the
    /// other version of IP; the name of a persistence engine that is empty, not one word, or above 16 bytes.
    pub fn build(self) -> Result<Service, ConfigError> {
        let Self { mut service, engine } = self;
        let id = service.id;
        if id.address().is_some_and(|address| address.port() == 0) && service.persistence.is_none() {
            return Err(ConfigError::EveryPort);
        }
        if let Some(protocol) = id.protocol().filter(|protocol| *protocol != Protocol::Udp)
            && service.flags.contains(ServiceFlags::ONE_PACKET)
        {
            return Err(ConfigError::OnePacket { protocol });
        }
        if let Some(persistence) = &mut service.persistence {
            *persistence = persistence.of_family(id.family())?;
        }
        service.engine = engine.map(|name| engine_name(&name)).transpose()?;
        Ok(service)
    }
}

fn engine_name(name: &str) -> Result<Name, ConfigError> {
    Name::new(name, ENGINE_NAME_MAX).ok_or(ConfigError::Name {
        field: "persistence engine",
        length: name.len(),
        bound: ENGINE_NAME_MAX,
    })
}

/// `IP_VS_PENAME_MAXLEN` of linux/ip_vs.h.
const ENGINE_NAME_MAX: usize = 16;
