use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use nix::errno::Errno;

use super::{Change, DestinationEntry, Ipvs};
use crate::{
    error::{Error, Operation},
    service::{ServiceId, plain},
    stats::Connections,
};

/// A destination that is being taken out of service: its connections go on, it gets no new ones, and when the last has
/// ended, or at a deadline, it is removed.
///
/// It waits for nothing itself: [`poll`](Self::poll) says when to be called next. Whoever drops it leaves the destination
/// with weight 0.
///
/// Who brings the table to a desired one meanwhile ([`Ipvs::apply`]) names the destination in it with weight 0 until it is
/// over: with another weight it is revived, and without it it is removed at once, with its connections.
///
/// ```no_run
/// # use std::{thread, time::{Duration, Instant}};
/// # use ipvs_netlink::{Drain, Draining, Ipvs, ServiceId};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let mut ipvs = Ipvs::open()?;
/// let service: ServiceId = "-t 192.0.2.1:80".parse()?;
/// let deadline = Instant::now() + Duration::from_secs(300);
/// let mut drain = Drain::start(&mut ipvs, &service, "10.0.0.1:80".parse()?, deadline)?;
/// let ending = loop {
///     match drain.poll(&mut ipvs, Instant::now())? {
///         // A program that has other things to do sets a timer.
///         Draining::Waiting { next, .. } => thread::sleep(next.saturating_duration_since(Instant::now())),
///         Draining::Over(ending) => break ending,
///     }
/// };
/// println!("{ending:?}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "the destination has weight 0 and stays, unless it is polled"]
pub struct Drain {
    service: ServiceId,
    address: SocketAddr,
    weight: u32,
    deadline: Instant,
}

/// How far a [`Drain`] is.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "it goes on or it is over")]
pub enum Draining {
    /// It has connections.
    Waiting {
        /// Those it has.
        connections: Connections,
        /// When to poll again: in a second, or at the deadline.
        next: Instant,
    },
    /// There is nothing more to do.
    Over(Ending),
}

/// How a [`Drain`] ended.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// It had no connections any more, and is removed.
    Drained,
    /// At the deadline it still had these, and is removed.
    CutOff(Connections),
    /// Somebody else removed it, or its service.
    Gone,
    /// Somebody else gave it a weight again: it stays.
    Revived,
}

impl Drain {
    /// Gives a destination of a service the weight 0.
    ///
    /// With a persistent service, a client that has been there before goes on getting connections to it until its
    /// persistence ends, unless the sysctl `net.ipv4.vs.expire_quiescent_template` is set; it counts as a connection.
    ///
    /// # Errors
    ///
    /// [`NoSuchService`](crate::ErrorKind::NoSuchService); [`NoSuchDestination`](crate::ErrorKind::NoSuchDestination).
    pub fn start(
        ipvs: &mut Ipvs,
        service: &ServiceId,
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let Some(entry) = find(ipvs, service, address)? else {
            let missing = if ipvs.service(service)?.is_some() { Errno::ENOENT } else { Errno::ESRCH };
            return Err(Error::new(Operation::EditDestination(*service, address), missing));
        };
        ipvs.edit_destination(service, &entry.destination.quiesced())?;
        Ok(Self { service: *service, address, weight: entry.destination.weight(), deadline })
    }

    /// Looks how many connections it has, and removes it when there are none or the deadline has come.
    ///
    /// Connections that are being closed count too: for a director that sees only what comes from clients (direct routing,
    /// tunnels), the server may still be sending. So does what the kernel remembers of UDP.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind). It can be polled again.
    pub fn poll(&mut self, ipvs: &mut Ipvs, now: Instant) -> Result<Draining, Error> {
        let Some(entry) = find(ipvs, &self.service, self.address)? else {
            return Ok(Draining::Over(Ending::Gone));
        };
        if entry.destination.weight() != 0 {
            return Ok(Draining::Over(Ending::Revived));
        }
        let connections = entry.connections;
        let is_idle = connections == Connections::default();
        if !is_idle && now < self.deadline {
            return Ok(Draining::Waiting { connections, next: self.deadline.min(now + POLL_INTERVAL) });
        }
        let removed = ipvs.remove_destination(&self.service, self.address)?;
        Ok(Draining::Over(match removed {
            Change::AlreadySo => Ending::Gone,
            Change::Made if is_idle => Ending::Drained,
            Change::Made => Ending::CutOff(connections),
        }))
    }

    /// Gives it back the weight that it had, if it is still there and nobody gave it another.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn cancel(self, ipvs: &mut Ipvs) -> Result<Change, Error> {
        match find(ipvs, &self.service, self.address)? {
            Some(entry) if entry.destination.weight() == 0 && self.weight != 0 => {
                ipvs.edit_destination(&self.service, &entry.destination.weighing(self.weight))?;
                Ok(Change::Made)
            }
            Some(_) | None => Ok(Change::AlreadySo),
        }
    }
}

/// Finds a destination. A list that is read while others remove some may lack it: it takes two to say that it is gone.
fn find(
    ipvs: &mut Ipvs,
    service: &ServiceId,
    address: SocketAddr,
) -> Result<Option<DestinationEntry>, Error> {
    let address = plain(address);
    for _ in 0..LOOKS {
        let mut list = ipvs.destinations(service)?.into_iter();
        if let Some(entry) = list.find(|entry| entry.destination.address() == address) {
            return Ok(Some(entry));
        }
    }
    Ok(None)
}

/// Connections end at any time, and nobody is waiting.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
const LOOKS: u32 = 2;
