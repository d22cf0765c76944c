use std::{
    error::Error,
    io,
    os::fd::{AsFd, BorrowedFd},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use vrrp_engine::{Clock, Instant, Output, RouterId, State, VrrpRouter};
use vrrp_proto::{Priority, Vrid};

use crate::{
    Alarm, Event, Settings,
    hands::{Hands, Place},
    packet::read_packet,
};

/// A host that takes part in virtual routers: the crates of the family, joined for one interface.
///
/// It owns no thread and never blocks but in [`wait`](Self::wait): start it, then wait and take a [`turn`](Self::turn),
/// for ever. Dropped without [`shutdown`](Self::shutdown) it leaves its addresses where they are, as a crash does.
#[derive(Debug)]
pub struct Node {
    clock: Clock,
    alarm: Alarm,
    router: VrrpRouter,
    hands: Hands,
    buffer: Box<[u8; LONGEST_PACKET]>,
}

impl Node {
    /// Opens the sockets and configures the virtual routers.
    ///
    /// Advertisements are sent from the interface's first address that does not float: a predecessor that crashed may have
    /// left those. The owner (priority 255) keeps, for good, the virtual addresses that it has now: they are its own.
    ///
    /// # Errors
    ///
    /// A value out of range; no such interface, or one without a usable address; no `CAP_NET_RAW`. Each is one sentence.
    pub fn open(settings: &Settings) -> Result<Self, Box<dyn Error>> {
        let place = Place::find(settings)?;
        let mut router = VrrpRouter::new();
        for one in &settings.routers {
            router.add(place.interface.index(), settings.config(one, place.source)?)?;
        }
        let hands = Hands::open(place, settings)?;
        Ok(Self {
            clock: Clock::new(),
            alarm: Alarm::new()?,
            router,
            hands,
            buffer: Box::new([0; LONGEST_PACKET]),
        })
    }

    /// Starts the virtual routers.
    ///
    /// # Errors
    ///
    /// As [`turn`](Self::turn).
    pub fn start(&mut self, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        let now = self.clock.now();
        self.router.start(now);
        self.carry_out(now, log)
    }

    /// Shuts the virtual routers down: Backups are told, addresses given up.
    pub fn shutdown(&mut self, log: &mut dyn FnMut(Event)) {
        let now = self.clock.now();
        self.router.shutdown(now);
        self.carry_out(now, log).unwrap_or_else(|error| log(Event::Problem(error)));
    }

    /// Changes the priority of a virtual router, which stays what it is: a Master advertises it at once, and a better router
    /// may then take over.
    ///
    /// # Errors
    ///
    /// No such virtual router; a priority that it cannot have; or as [`turn`](Self::turn). Each is one sentence.
    pub fn set_priority(
        &mut self,
        vrid: Vrid,
        priority: Priority,
        log: &mut dyn FnMut(Event),
    ) -> Result<(), Box<dyn Error>> {
        let found = self.router.iter().find(|(id, _)| id.vrid == vrid);
        let (id, router) = found.ok_or_else(|| format!("virtual router {vrid} is not configured"))?;
        let config = router.config().to_builder().priority(priority).build()?;
        let now = self.clock.now();
        self.router.reconfigure(now, id, config)?;
        Ok(self.carry_out(now, log)?)
    }

    /// Waits for a packet, for the next deadline, or for one of `others` to have something to read or to be closed;
    /// returns whether it was one of these.
    ///
    /// # Errors
    ///
    /// The kernel refused to wait.
    pub fn wait(&mut self, others: &[BorrowedFd<'_>]) -> io::Result<bool> {
        self.alarm.set(self.router.poll_timeout().map(|deadline| deadline - self.clock.now()))?;
        let own = [self.hands.as_fd(), self.alarm.as_fd()];
        let all = own.iter().chain(others);
        let mut fds: Vec<_> = all.map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(fds.iter().skip(own.len()).any(|fd| fd.any().unwrap_or(true)))
    }

    /// Does what there is to do: packets, deadlines, and what follows from them.
    ///
    /// # Errors
    ///
    /// An address could not be put on the interface, or there is no privilege to take one off (`CAP_NET_ADMIN`). A Master
    /// without its address would keep the others from serving it, so all virtual routers have been shut down. Any other
    /// trouble is logged, and passes or is somebody else's.
    pub fn turn(&mut self, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        // Packets before deadlines: an advertisement that has waited proves that its sender lives. But so many at the
        // most, for a flood of them must not keep a Master from advertising.
        for _ in 0..MOST_PACKETS_IN_A_TURN {
            let packet = match self.hands.receive(self.buffer.as_mut_slice()) {
                Ok(Some(packet)) => packet,
                Ok(None) => break,
                Err(error) => {
                    log(Event::Problem(error));
                    break;
                }
            };
            let source = packet.source;
            let now = self.clock.now();
            let taken = match read_packet(&packet) {
                Some(Ok(received)) => self.router.handle_packet(now, self.hands.interface(), &received),
                Some(Err(error)) => Err(error.into()),
                None => continue,
            };
            match (taken, packet.datagram) {
                (Ok(_), Some(datagram)) => self.hands.note(datagram),
                (Ok(_), None) => {}
                (Err(discard), _) => log(Event::Discarded { source, discard }),
            }
            self.carry_out(now, log)?;
        }
        let now = self.clock.now();
        self.router.handle_timeout(now);
        self.carry_out(now, log)
    }

    /// Returns the state of each virtual router.
    pub fn states(&self) -> impl Iterator<Item = (RouterId, State)> {
        self.router.iter().map(|(id, router)| (id, router.state()))
    }

    /// Carries out what follows from what the router was told at a moment.
    fn carry_out(&mut self, told: Instant, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
        let mut outcome = Ok(());
        while let Some((id, output)) = self.router.poll_output() {
            let done = match output {
                Output::Advertise(advertise) => {
                    self.hands.advertise(&advertise).or_else(|error| pass(error, log))
                }
                Output::Announce(announce) => {
                    self.hands.announce(&announce).or_else(|error| pass(error, log))
                }
                Output::Acquire(_) => self.hands.acquire(id.vrid),
                Output::Release(_) => self.hands.release(id.vrid, log),
                Output::Transition(transition) => {
                    let age = self.clock.now() - told;
                    log(Event::Transition { vrid: id.vrid, transition, age });
                    Ok(())
                }
                Output::Overdue(lateness) => {
                    log(Event::Overdue { vrid: id.vrid, lateness });
                    Ok(())
                }
            };
            match done {
                Ok(()) => {}
                Err(error) if outcome.is_ok() => {
                    outcome = Err(error);
                    self.router.shutdown(told);
                }
                Err(error) => log(Event::Problem(error)),
            }
        }
        outcome
    }
}

/// An interface that is down comes up again, a full queue drains: no reason to stop.
fn pass(error: vip_netlink::Error, log: &mut dyn FnMut(Event)) -> Result<(), vip_netlink::Error> {
    log(Event::Problem(error));
    Ok(())
}

/// No IPv4 packet is longer, whatever fragments it came in.
const LONGEST_PACKET: usize = 65535;

/// More than a socket's buffer holds of the shortest packets.
const MOST_PACKETS_IN_A_TURN: u32 = 1024;
