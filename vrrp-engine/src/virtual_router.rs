use core::{cmp::Ordering, net::IpAddr, time::Duration};

use vrrp_proto::{
    AdvertInterval, Advertisement, Authentication, Decoded, Notes, Priority, Verifier, Version,
};

use crate::{
    Advertise, Config, Discard, Farewell, Instant, Output, Peer, Preempt, Reason, Reassert, State, Stats,
    Transition,
    output::{Holding, Pending},
};

/// One virtual router, as one of its routers sees it: the state machine of RFC 3768 §6.4 and RFC 9568
/// §6.4.
///
/// Its methods are of four kinds: getters; `handle_*` for what the world does; verbs for what the operator does; and
/// `poll_*` for what the caller must do next. After each call of the second and third kind, call
/// [`poll_output`](Self::poll_output) until it returns `None`, then wait until [`poll_timeout`](Self::poll_timeout) or
/// the next packet.
///
/// [`VrrpRouter`](crate::VrrpRouter) holds many, checks whole packets and finds the virtual router they are for; use it
/// unless you have just one and a decoder of your own.
#[derive(Clone, Debug)]
pub struct VirtualRouter {
    config: Config,
    phase: Phase,
    pending: Pending,
    stats: Stats,
}

impl VirtualRouter {
    /// Makes a virtual router in state Initialize, where it does nothing until it is started.
    pub fn new(config: Config) -> Self {
        Self { config, phase: Phase::Initialize, pending: Pending::default(), stats: Stats::default() }
    }

    /// Starts it: as Master if it owns the addresses, else as Backup. Started already, it stays as it is.
    pub fn start(&mut self, now: Instant) {
        match self.phase {
            Phase::Initialize if self.config.priority().is_owner() => {
                self.become_master(now, Reason::Startup)
            }
            Phase::Initialize => {
                self.enter(self.backup(now, self.config.interval(), None), Reason::Startup);
            }
            Phase::Backup(_) | Phase::Master(_) => {}
        }
    }

    /// Shuts it down. A Master says so to its Backups, with priority 0, and lets go of the addresses.
    ///
    /// Poll and carry out the output before you end the process. The time is not needed by the RFCs' machine.
    pub fn shutdown(&mut self, _now: Instant) {
        match self.phase {
            Phase::Initialize => {}
            Phase::Backup(_) | Phase::Master(_) => self.enter(Phase::Initialize, Reason::Shutdown),
        }
    }

    /// Does what has become due. Called early, late or again, it does no harm.
    ///
    /// When both packets and a timeout wait, hand in the packets first: an advertisement that waited in the socket while
    /// this process did not run proves that the Master lives.
    pub fn handle_timeout(&mut self, now: Instant) {
        match self.phase {
            Phase::Initialize => {}
            Phase::Backup(Listening { master_down_at, heard, .. }) if now >= master_down_at => {
                self.become_master(now, self.takeover_reason(heard));
            }
            Phase::Backup(_) => {}
            Phase::Master(deadlines) => self.do_masters_duties(now, deadlines),
        }
    }

    /// Takes a packet of this virtual router: makes the checks that depend on its configuration and its state, and hands
    /// the advertisement on.
    ///
    /// # Errors
    ///
    /// The first check that it fails, as a [`Discard`]; it is counted, and no deadline has moved.
    pub fn handle_packet(&mut self, now: Instant, decoded: &Decoded<'_>) -> Result<(), Discard> {
        let notes = self.check(decoded).inspect_err(|discard| self.stats.count(*discard))?;
        self.stats.address_list_errors += u64::from(notes.other_addresses);
        self.stats.interval_mismatches += u64::from(notes.other_interval);
        self.handle_advertisement(now, decoded.packet().endpoints().source(), &decoded.advertisement)
    }

    /// Takes an advertisement of this virtual router, sent from `source`, that has passed the checks of a caller who makes
    /// them himself: [`Config::rules`] are those of [`handle_packet`](Self::handle_packet).
    ///
    /// # Errors
    ///
    /// [`Discard::NotRunning`] if it is not started; it is counted.
    pub fn handle_advertisement(
        &mut self,
        now: Instant,
        source: IpAddr,
        advertisement: &Advertisement<'_>,
    ) -> Result<(), Discard> {
        let peer = Peer { source, priority: advertisement.priority() };
        match self.phase {
            Phase::Initialize => {
                self.stats.count(Discard::NotRunning);
                return Err(Discard::NotRunning);
            }
            Phase::Backup(listening) => self.hear_as_backup(now, listening, peer, advertisement.interval()),
            Phase::Master(deadlines) => self.hear_as_master(now, deadlines, peer, advertisement.interval()),
        }
        self.stats.advertisement_rcvd += 1;
        self.stats.priority_zero_pkts_rcvd += u64::from(advertisement.priority().is_release());
        Ok(())
    }

    /// Returns the next order, in the order in which they are to be carried out; `None` when there are no more.
    ///
    /// There is at most one order of each kind, the newest. Polled late, transitions that nobody saw become one.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        let pending = &mut self.pending;
        if let Some(priority) = pending.advertise.take() {
            self.stats.advertisement_sent += 1;
            self.stats.priority_zero_pkts_sent += u64::from(priority.is_release());
            return Some(Output::Advertise(Advertise {
                advertisement: self.config.advertisement(priority),
                endpoints: self.config.endpoints(),
                checksum: self.config.checksum(),
            }));
        }
        let addresses = self.config.addresses();
        if let Some(holding) = pending.holding.take() {
            return Some(match holding {
                Holding::Acquire => Output::Acquire(addresses),
                Holding::Release => Output::Release(addresses),
            });
        }
        if core::mem::take(&mut pending.announce) {
            return Some(Output::Announce(addresses));
        }
        pending.take_transition().map(Output::Transition)
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due, if at all. Any other call may change it.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.phase {
            Phase::Initialize => None,
            Phase::Backup(Listening { master_down_at, .. }) => Some(master_down_at),
            Phase::Master(Deadlines { advertise_at, announce_at, .. }) => {
                Some(announce_at.map_or(advertise_at, |announce_at| announce_at.min(advertise_at)))
            }
        }
    }

    /// Returns the state.
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// Returns the Master this Backup has heard last, if it has heard one.
    pub const fn master(&self) -> Option<Peer> {
        match self.phase {
            Phase::Backup(Listening { heard, .. }) => heard,
            Phase::Initialize | Phase::Master(_) => None,
        }
    }

    /// Returns the Master_Adver_Interval: in version 3 what the Master heard last says of itself, else this router's own.
    pub const fn master_interval(&self) -> AdvertInterval {
        match self.phase {
            Phase::Backup(Listening { master_interval, .. }) => master_interval,
            Phase::Initialize | Phase::Master(_) => self.config.interval(),
        }
    }

    /// Returns what it was configured with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns its counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    pub(crate) const fn has_output(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Makes the checks of RFC 3768 §7.1 and RFC 9568 §7.1 that depend on the configuration and the state.
    fn check(&self, decoded: &Decoded<'_>) -> Result<Notes, Discard> {
        if self.state() == State::Initialize {
            return Err(Discard::NotRunning);
        }
        let authentication = self.config.authentication();
        let verifier = match &authentication {
            Authentication::None | Authentication::Header => Verifier::None,
            Authentication::SimpleText(password) => Verifier::SimpleText(password),
        };
        Ok(self.config.rules().check(decoded, verifier)?)
    }

    /// RFC 3768 §6.4.2, RFC 9568 §6.4.2.
    fn hear_as_backup(&mut self, now: Instant, listening: Listening, peer: Peer, interval: AdvertInterval) {
        let heard = Some(peer);
        self.phase = if peer.priority.is_release() {
            let master_down_at = now + self.config.skew_time_at(listening.master_interval);
            Phase::Backup(Listening { master_down_at, heard, ..listening })
        } else if self.preempts(peer) {
            // Its timer runs on: that is how a better Backup gets its turn.
            Phase::Backup(Listening { heard, ..listening })
        } else if interval == listening.master_interval {
            Phase::Backup(Listening { master_down_at: now + listening.master_down, heard, ..listening })
        } else {
            self.backup(now, interval, heard)
        };
    }

    /// RFC 3768 §6.4.3, RFC 9568 §6.4.3.
    fn hear_as_master(&mut self, now: Instant, deadlines: Deadlines, peer: Peer, interval: AdvertInterval) {
        if self.config.priority().is_owner() {
            // RFC 3768 §7.1: the owner of the addresses gives way to nobody and answers nobody.
            self.stats.owner_ignored += 1;
            self.reannounce(now, deadlines);
        } else if peer.priority.is_release() {
            self.pending.advertise = Some(self.config.priority());
            let advertise_at = now + self.config.interval().as_duration();
            self.reannounce(now, Deadlines { advertise_at, ..deadlines });
        } else if self.loses_to(peer) {
            self.enter(self.backup(now, interval, Some(peer)), Reason::BetterMaster(peer));
        } else {
            if self.config.reassert() == Reassert::Advertise {
                // The beat stays as it is.
                self.pending.advertise = Some(self.config.priority());
            }
            self.reannounce(now, deadlines);
        }
    }

    /// Backup from now on, of a Master that advertises so often. Only version 3 goes by the Master's interval.
    fn backup(&self, now: Instant, interval: AdvertInterval, heard: Option<Peer>) -> Phase {
        let master_interval = match self.config.version() {
            Version::V2 => self.config.interval(),
            Version::V3 => interval,
        };
        let master_down = self.config.master_down_interval_at(master_interval);
        Phase::Backup(Listening { master_down_at: now + master_down, master_down, master_interval, heard })
    }

    fn preempts(&self, peer: Peer) -> bool {
        let willing = self.config.preempt() == Preempt::Allow || self.config.priority().is_owner();
        willing && peer.priority < self.config.priority()
    }

    /// The higher priority wins, and between equals the higher address, as a number in network order.
    fn loses_to(&self, peer: Peer) -> bool {
        match peer.priority.cmp(&self.config.priority()) {
            Ordering::Greater => true,
            Ordering::Equal => peer.source > self.config.source(),
            Ordering::Less => false,
        }
    }

    fn takeover_reason(&self, heard: Option<Peer>) -> Reason {
        match heard {
            None => Reason::NoMaster,
            Some(peer) if peer.priority.is_release() => Reason::MasterReleased(peer),
            Some(peer) if self.preempts(peer) => Reason::LowerPriorityMaster(peer),
            Some(peer) => Reason::MasterSilent(peer),
        }
    }

    fn become_master(&mut self, now: Instant, reason: Reason) {
        let advertise_at = now + self.config.interval().as_duration();
        self.enter(Phase::Master(Deadlines { advertise_at, announced_at: now, announce_at: None }), reason);
    }

    fn do_masters_duties(&mut self, now: Instant, mut deadlines: Deadlines) {
        if now >= deadlines.advertise_at {
            self.pending.advertise = Some(self.config.priority());
            deadlines.advertise_at =
                next_beat(deadlines.advertise_at, self.config.interval().as_duration(), now);
        }
        if deadlines.announce_at.is_some_and(|announce_at| now >= announce_at) {
            self.pending.announce = true;
            deadlines = Deadlines { announced_at: now, announce_at: None, ..deadlines };
        }
        self.phase = Phase::Master(deadlines);
    }

    /// Has the addresses announced again: somebody else has claimed them, and neighbours may have believed it.
    ///
    /// At most once in an advertisement interval, so that a peer that keeps claiming cannot make a storm of it.
    fn reannounce(&mut self, now: Instant, mut deadlines: Deadlines) {
        let earliest = deadlines.announced_at + self.config.interval().as_duration();
        if now >= earliest {
            self.pending.announce = true;
            deadlines = Deadlines { announced_at: now, announce_at: None, ..deadlines };
        } else {
            deadlines.announce_at = Some(earliest);
        }
        self.phase = Phase::Master(deadlines);
    }

    /// Changes the state: orders what the new one asks for, and takes back what the old one had ordered.
    fn enter(&mut self, to: Phase, reason: Reason) {
        let transition = Transition { from: self.state(), to: to.state(), reason };
        let pending = &mut self.pending;
        match (transition.from, transition.to) {
            (State::Initialize, State::Backup) => pending.holding = Some(Holding::Release),
            (State::Initialize | State::Backup, State::Master) => {
                pending.advertise = Some(self.config.priority());
                pending.holding = Some(Holding::Acquire);
                pending.announce = true;
                self.stats.master_transitions += 1;
            }
            (State::Master, State::Backup) => {
                pending.advertise = match self.config.farewell() {
                    Farewell::Send => Some(self.config.priority()),
                    Farewell::Omit => None,
                };
                pending.holding = Some(Holding::Release);
                pending.announce = false;
            }
            (State::Master, State::Initialize) => {
                pending.advertise = Some(Priority::RELEASE);
                pending.holding = Some(Holding::Release);
                pending.announce = false;
            }
            (State::Backup, State::Initialize) => pending.advertise = None,
            (State::Initialize, State::Initialize)
            | (State::Backup, State::Backup)
            | (State::Master, State::Master) => {}
        }
        pending.transition(transition);
        self.phase = to;
    }
}

/// A state and its deadlines.
#[derive(Clone, Copy, Debug)]
enum Phase {
    Initialize,
    Backup(Listening),
    Master(Deadlines),
}

impl Phase {
    const fn state(&self) -> State {
        match self {
            Self::Initialize => State::Initialize,
            Self::Backup(_) => State::Backup,
            Self::Master(_) => State::Master,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Listening {
    master_down_at: Instant,
    /// The Master_Down_Interval.
    master_down: Duration,
    /// The Master_Adver_Interval of version 3, which it is computed from; in version 2, our own.
    master_interval: AdvertInterval,
    /// The last advertisement taken since this state was entered, or the one that it was entered for.
    heard: Option<Peer>,
}

#[derive(Clone, Copy, Debug)]
struct Deadlines {
    advertise_at: Instant,
    announced_at: Instant,
    announce_at: Option<Instant>,
}

/// Returns the next beat of a rhythm that does not drift with the lateness of `now`, unless a whole beat was missed.
fn next_beat(due: Instant, interval: Duration, now: Instant) -> Instant {
    let next = due + interval;
    if next > now { next } else { now + interval }
}
