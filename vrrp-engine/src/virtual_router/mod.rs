mod backup;
mod change;
mod master;
mod phase;
mod repeat;

#[cfg(feature = "auth")]
use alloc::boxed::Box;
use core::{net::IpAddr, time::Duration};

#[cfg(feature = "auth")]
use vrrp_proto::AhReplay;
use vrrp_proto::{
    Addresses, AdvertInterval, Advertisement, Authentication, Decoded, Endpoints, MULTICAST_V4, MULTICAST_V6,
    Notes, Priority, Verifier, Version, Violation,
};

pub(crate) use self::phase::{Listening, Phase, Reigning};
use crate::{
    Acquire, Advertise, Announce, Cause, Config, Discard, Farewell, Faults, Instant, OnPause, Output, Peer,
    Reason, Snapshot, State, Stats, Transition,
    announcements::{Announcing, Pace, Piece},
    config::List,
    output::{Holding, Pending},
    sync_group::Membership,
    time::Timeline,
    timers::{master_down_interval, skew_range, skew_time},
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
    phase: Phase,
    config: Config,
    /// The configured one, and what is tracked.
    priority: Priority,
    weights: i32,
    faults: Faults,
    membership: Membership,
    pending: Pending,
    stats: Stats,
    timeline: Timeline,
    pace: Pace,
    /// Addresses that were configured once and are to be let go.
    former: List,
    last: Option<(Instant, Transition)>,
    #[cfg(feature = "auth")]
    replay: Box<AhReplay>,
}

impl VirtualRouter {
    /// Makes a virtual router in state Initialize, where it does nothing until it is started.
    pub fn new(config: Config) -> Self {
        Self {
            phase: Phase::Initialize { start_at: None },
            priority: config.priority(),
            weights: 0,
            faults: Faults::default(),
            membership: Membership::Alone,
            pending: Pending::default(),
            stats: Stats::default(),
            timeline: Timeline::default(),
            pace: Pace::default(),
            former: List::new(config.family(), []),
            last: None,
            #[cfg(feature = "auth")]
            replay: Box::default(),
            config,
        }
    }

    /// Starts it, once the start delay is over: as Master if it owns the addresses, else as Backup; in Fault, if there is one.
    /// Started already, it stays as it is.
    pub fn start(&mut self, now: Instant) {
        let now = self.timeline.advance(now);
        if !matches!(self.phase, Phase::Initialize { start_at: None }) {
            return;
        }
        let delay = self.config.start_delay();
        if delay.is_zero() {
            self.begin(now, Reason::Startup, Cause::Caller);
            self.announce_what_is_due(now);
        } else {
            self.phase = Phase::Initialize { start_at: Some(now + delay) };
        }
    }

    /// Shuts it down. A Master says so to its Backups, with priority 0, and lets go of the addresses.
    ///
    /// Poll and carry out the output before you end the process.
    pub fn shutdown(&mut self, now: Instant) {
        let now = self.timeline.advance(now);
        let initialize = Phase::Initialize { start_at: None };
        match self.phase {
            Phase::Initialize { .. } => self.phase = initialize,
            Phase::Fault | Phase::Backup(_) | Phase::Master(_) => {
                self.enter(now, initialize, Reason::Shutdown, Cause::Caller);
            }
        }
    }

    /// Does what has become due. Called early, late or again, it does no harm.
    ///
    /// When both packets and a timeout wait, hand in the packets first: an advertisement that waited in the socket while
    /// this process did not run proves that the Master lives.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.timeline.advance(now);
        match self.phase {
            Phase::Initialize { start_at: Some(start_at) } if now >= start_at => {
                self.begin(now, Reason::Startup, Cause::Timer(now - start_at));
            }
            Phase::Backup(listening) if now >= listening.master_down_at => self.miss_master(now, listening),
            Phase::Master(reigning) => match self.overdue(now, &reigning) {
                Some(lateness) if self.steps_back() => self.step_back(now, lateness),
                overdue => {
                    overdue.into_iter().for_each(|lateness| self.note_pause(lateness));
                    self.do_masters_duties(now, reigning);
                }
            },
            Phase::Initialize { .. } | Phase::Fault | Phase::Backup(_) => {}
        }
        self.announce_what_is_due(now);
    }

    /// Takes a packet of this virtual router: makes the checks that depend on its configuration and its state, and hands
    /// the advertisement on. Returns what was unexpected in it.
    ///
    /// # Errors
    ///
    /// The first check that it fails, as a [`Discard`]; it is counted, and no deadline has moved.
    #[inline]
    pub fn handle_packet(&mut self, now: Instant, decoded: &Decoded<'_>) -> Result<Notes, Discard> {
        match self.check(decoded) {
            Ok(notes) => {
                let is_followed = self.hear(now, &decoded.packet().endpoints(), &decoded.advertisement);
                if notes != Notes::default() {
                    self.stats.note(notes);
                } else if is_followed {
                    self.keep_repeat(decoded);
                }
                Ok(notes)
            }
            Err(discard) => {
                self.stats.count(discard);
                Err(discard)
            }
        }
    }

    /// Takes an advertisement of this virtual router, sent from `source`, that has passed the checks of a caller who makes
    /// them himself: [`Config::rules`] are those of [`handle_packet`](Self::handle_packet). It is for callers who authenticate in
    /// a way of their own, or have no packets, as a simulation.
    ///
    /// # Errors
    ///
    /// [`Discard::NotRunning`] if it is neither Backup nor Master, a [`Violation`] if it is of
    /// another version; it is counted.
    pub fn handle_advertisement(
        &mut self,
        now: Instant,
        source: IpAddr,
        advertisement: &Advertisement<'_>,
    ) -> Result<(), Discard> {
        if !self.is_running() {
            self.stats.count(Discard::NotRunning);
            return Err(Discard::NotRunning);
        }
        if advertisement.version() != self.config.version() {
            let discard = Discard::Rule(Violation::Version(advertisement.version()));
            self.stats.count(discard);
            return Err(discard);
        }
        let from = match source {
            IpAddr::V4(source) => Endpoints::V4 { source, destination: MULTICAST_V4 },
            IpAddr::V6(source) => Endpoints::V6 { source, destination: MULTICAST_V6 },
        };
        self.hear(now, &from, advertisement);
        Ok(())
    }

    /// Returns the next order, in the order in which they are to be carried out; `None` when there are no more.
    ///
    /// There is at most one order of each kind, the newest. Polled late, transitions that nobody saw become one.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        // In two steps: no `if let`, for the borrow would last to the end.
        if self.next_destination().is_some() {
            return self.poll_advertisement();
        }
        let pending = &mut self.pending;
        if core::mem::take(&mut pending.release_former) {
            return Some(Output::Release(self.former.as_addresses()));
        }
        let addresses = self.config.addresses();
        if let Some(holding) = pending.holding.take() {
            return Some(match holding {
                Holding::Acquire => Output::Acquire(Acquire { addresses, accept: self.config.accept() }),
                Holding::Release => Output::Release(addresses),
            });
        }
        if let Some(Piece { range, times }) = pending.announce.take() {
            let addresses = match addresses {
                Addresses::V4(list) => Addresses::V4(list.get(range).unwrap_or(list)),
                Addresses::V6(list) => Addresses::V6(list.get(range).unwrap_or(list)),
            };
            return Some(Output::Announce(Announce { addresses, times }));
        }
        let overdue = pending.overdue.take().map(Output::Overdue);
        overdue.or_else(|| pending.take_transition().map(Output::Transition))
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due, if at all. Any other call may change it, and it may be
    /// now.
    #[must_use]
    #[inline]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.phase.due_at().map(|due| self.timeline.to_caller(due))
    }

    /// Returns the state.
    #[inline]
    pub const fn state(&self) -> State {
        self.phase.state()
    }

    /// Returns the priority that it advertises: the configured one and the weights of what it tracks.
    pub const fn priority(&self) -> Priority {
        self.priority
    }

    /// Returns why it is, or would be, in state Fault.
    pub const fn faults(&self) -> Faults {
        self.faults
    }

    /// Returns the Master this Backup has heard last, if it has heard one.
    pub const fn master(&self) -> Option<Peer> {
        match self.phase {
            Phase::Backup(Listening { heard, .. }) => heard,
            Phase::Initialize { .. } | Phase::Fault | Phase::Master(_) => None,
        }
    }

    /// Returns the Master_Adver_Interval: in version 3 what the Master heard last says of itself, else this router's own.
    pub const fn master_interval(&self) -> AdvertInterval {
        match self.phase {
            Phase::Backup(Listening { master_interval, .. }) => master_interval,
            Phase::Initialize { .. } | Phase::Fault | Phase::Master(_) => self.config.interval(),
        }
    }

    /// Returns the Skew_Time, of the priority and the Master's interval as they are now.
    pub const fn skew_time(&self) -> Duration {
        skew_time(self.config.version(), self.priority, self.master_interval())
    }

    /// Returns the Master_Down_Interval, of the priority and the Master's interval as they are now.
    pub const fn master_down_interval(&self) -> Duration {
        self.master_down_of(self.master_interval())
    }

    /// Returns what it was configured with.
    #[inline]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Returns its counters.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Returns all that there is to know of it at a moment: the operational state of RFC 8347.
    pub fn snapshot(&self, now: Instant) -> Snapshot<'_> {
        let since = self.last.map(|(since, _)| self.timeline.to_caller(since));
        Snapshot::new(self, since.map(|since| now - since), self.last.map(|(_, last)| last))
    }

    #[inline]
    pub(crate) const fn has_advertisement(&self) -> bool {
        self.pending.has_advertisement()
    }

    #[inline]
    pub(crate) const fn has_more_output(&self) -> bool {
        self.pending.has_more()
    }

    pub(crate) const fn stats_mut(&mut self) -> &mut Stats {
        &mut self.stats
    }

    /// The pace of its announcements, which it shares with others on its interface.
    pub(crate) const fn pace_mut(&mut self) -> &mut Pace {
        &mut self.pace
    }

    #[inline]
    const fn is_running(&self) -> bool {
        match self.phase {
            Phase::Backup(_) | Phase::Master(_) => true,
            Phase::Initialize { .. } | Phase::Fault => false,
        }
    }

    /// Takes the time of a call that is neither a packet nor a timeout. It may be the first after a pause, and must not hide it.
    fn wake(&mut self, now: Instant) -> Instant {
        let now = self.timeline.advance(now);
        match self.phase {
            Phase::Backup(listening) if self.steps_back() => {
                self.listens_after_pause(now, listening);
            }
            Phase::Master(reigning) if self.steps_back() => {
                if let Some(lateness) = self.overdue(now, &reigning) {
                    self.step_back(now, lateness);
                }
            }
            Phase::Initialize { .. } | Phase::Fault | Phase::Backup(_) | Phase::Master(_) => {}
        }
        now
    }

    /// Makes the checks of RFC 3768 §7.1 and RFC 9568 §7.1 that depend on the configuration and the state.
    #[inline]
    fn check(&mut self, decoded: &Decoded<'_>) -> Result<Notes, Discard> {
        if !self.is_running() {
            return Err(Discard::NotRunning);
        }
        let authentication = self.config.authentication();
        let verifier = match &authentication {
            Authentication::None => Verifier::None,
            Authentication::SimpleText(password) => Verifier::SimpleText(password),
            #[cfg(feature = "auth")]
            Authentication::Header => match self.config.ah_key() {
                Some(key) => Verifier::Ah { key, replay: &mut self.replay },
                None => Verifier::None,
            },
            #[cfg(not(feature = "auth"))]
            Authentication::Header => Verifier::None,
        };
        Ok(self.config.rules().check(decoded, verifier)?)
    }

    /// Takes an advertisement that has passed all checks; returns whether it was followed.
    #[inline]
    fn hear(&mut self, now: Instant, from: &Endpoints, advertisement: &Advertisement<'_>) -> bool {
        let now = self.timeline.advance(now);
        let told = Told { priority: advertisement.priority(), interval: advertisement.interval() };
        self.stats.advertisement_rcvd += 1;
        self.stats.priority_zero_pkts_rcvd += u64::from(told.priority.is_release());
        if let Phase::Master(reigning) = self.phase {
            match self.overdue(now, &reigning) {
                Some(lateness) if self.steps_back() => self.step_back(now, lateness),
                Some(_) | None => {
                    let peer = Peer { source: from.source(), priority: told.priority };
                    self.hear_as_master(now, reigning, peer, told.interval);
                    return false;
                }
            }
        }
        self.hear_as_backup(now, from, told)
    }

    /// Leaves Initialize, or Fault: RFC 3768 §6.4.1.
    fn begin(&mut self, now: Instant, reason: Reason, cause: Cause) {
        let is_alone = self.membership == Membership::Alone;
        if let Some(fault) = self.faults.iter().next() {
            self.enter(now, Phase::Fault, Reason::Fault(fault), cause);
        } else if self.priority.is_owner() && is_alone {
            self.become_master(now, reason, cause);
        } else {
            let mut listening = self.listening(now, self.config.interval(), None);
            if self.priority.is_owner() {
                // Its group's other members have a say in it.
                listening.master_down_at = now;
            }
            self.enter(now, Phase::Backup(listening), reason, cause);
        }
    }

    const fn master_down_of(&self, master_interval: AdvertInterval) -> Duration {
        let config = &self.config;
        master_down_interval(config.version(), self.priority, master_interval, config.down_multiplier())
    }

    /// What the Skew_Times of all routers lie within.
    const fn skew_range(&self) -> Duration {
        skew_range(self.config.version(), self.master_interval())
    }

    /// Steps back after a pause in which another may have taken over, without a word.
    fn step_back(&mut self, now: Instant, lateness: Duration) {
        self.note_pause(lateness);
        let backup = Phase::Backup(self.listening(now, self.config.interval(), None));
        self.enter(now, backup, Reason::Overdue(lateness), Cause::Timer(lateness));
    }

    fn note_pause(&mut self, lateness: Duration) {
        self.stats.pauses += 1;
        self.pending.overdue = Some(lateness);
    }

    const fn steps_back(&self) -> bool {
        matches!(self.config.on_pause(), OnPause::StepBack)
    }

    /// Returns the destination whose turn it is, where an advertisement is ordered.
    fn next_destination(&mut self) -> Option<Endpoints> {
        let (_, number) = self.pending.advertisement()?;
        let endpoints = self.config.endpoints(number);
        if endpoints.is_none() {
            self.pending.next_destination(None);
        }
        endpoints
    }

    fn poll_advertisement(&mut self) -> Option<Output<'_>> {
        let (priority, number) = self.pending.advertisement()?;
        let next = self.config.endpoints(number + 1).map(|_| (priority, number + 1));
        self.pending.next_destination(next);
        self.stats.advertisement_sent += 1;
        self.stats.priority_zero_pkts_sent += u64::from(priority.is_release());
        // A Master says its own interval. One that has given way says the new Master's in its farewell: in version 3, other
        // Backups learn from whomever they hear, and were they to learn a shorter one, they would miss that Master.
        let interval = self.master_interval();
        Some(Output::Advertise(Advertise {
            advertisement: self.config.advertisement(priority, interval),
            endpoints: self.config.endpoints(number)?,
            hop_limit: self.config.hop_limit(),
            checksum: self.config.checksum(),
            #[cfg(feature = "auth")]
            ah_key: self.config.ah_key(),
        }))
    }

    fn become_master(&mut self, now: Instant, reason: Reason, cause: Cause) {
        let master = Phase::Master(Reigning {
            advertise_at: now + self.config.interval().as_duration(),
            advertised_at: now,
            announcing: Announcing::begin(self.config.announcements(), now),
            contest: None,
        });
        self.enter(now, master, reason, cause);
    }

    /// Changes the state: orders what the new one asks for, and takes back what the old one had ordered.
    fn enter(&mut self, now: Instant, to: Phase, reason: Reason, cause: Cause) {
        let transition = Transition { from: self.state(), to: to.state(), reason, cause };
        let pending = &mut self.pending;
        match (transition.from, transition.to) {
            // What a predecessor has left there.
            (State::Initialize, State::Backup | State::Fault) => pending.holding = Some(Holding::Release),
            (State::Initialize | State::Fault | State::Backup, State::Master) => {
                pending.advertise(self.priority);
                pending.holding = Some(Holding::Acquire);
                self.stats.master_transitions += 1;
            }
            (State::Master, State::Backup) => {
                pending.claim_nothing();
                match (reason, self.config.farewell()) {
                    (Reason::BetterMaster(_), Farewell::Send) => pending.advertise(self.priority),
                    (Reason::AddressLost(_), _) => pending.advertise(Priority::RELEASE),
                    (_, Farewell::Send | Farewell::Omit) => {}
                }
                pending.holding = Some(Holding::Release);
                pending.announce = None;
            }
            (State::Master, State::Initialize | State::Fault) => {
                pending.advertise(Priority::RELEASE);
                pending.holding = Some(Holding::Release);
                pending.announce = None;
            }
            // The farewell of a Master that nobody has polled since.
            (State::Backup, State::Initialize | State::Fault) => pending.claim_nothing(),
            (State::Initialize, State::Initialize)
            | (State::Fault, State::Fault | State::Backup | State::Initialize)
            | (State::Backup, State::Backup)
            | (State::Master, State::Master) => {}
        }
        pending.transition(transition);
        self.last = Some((now, transition));
        self.phase = to;
    }
}

/// What another router says of itself.
#[derive(Clone, Copy, Debug)]
struct Told {
    priority: Priority,
    interval: AdvertInterval,
}

/// Whether the other router's claim goes before ours: the higher priority, and between equals the higher address, as a
/// number in network order.
fn outranks(peer: Peer, priority: Priority, source: IpAddr) -> bool {
    (peer.priority, peer.source) > (priority, source)
}

/// The version's Master_Adver_Interval: only version 3 goes by the Master's.
const fn master_interval_of(config: &Config, theirs: AdvertInterval) -> AdvertInterval {
    match config.version() {
        Version::V2 => config.interval(),
        Version::V3 => theirs,
    }
}
