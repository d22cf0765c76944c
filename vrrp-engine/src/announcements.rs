//! When a Master tells the neighbours where the addresses are.

use core::{ops::Range, time::Duration};

use crate::Instant;

/// When, how often and how fast a Master announces its addresses: gratuitous ARP, or unsolicited neighbour advertisements.
///
/// The defaults are keepalived's: five times at once on becoming Master, and five times more 5 s later, for switches that
/// were not ready; the same after a worse Master was heard, for it may have misled neighbours (once an advertisement interval
/// at the most, so that one that keeps claiming cannot make a storm of it).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Announcements {
    first: Burst,
    lower: Burst,
    refresh: Option<(Duration, u8)>,
    gap: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Burst {
    times: u8,
    again_after: Option<Duration>,
}

impl Announcements {
    /// Sets how often each address is announced on becoming Master (default 5; 0 for not at all), and after what delay as
    /// often again (default 5 s). keepalived's `garp_master_repeat` and `garp_master_delay`.
    #[must_use]
    pub const fn on_master(mut self, times: u8, again_after: Option<Duration>) -> Self {
        self.first = Burst { times, again_after };
        self
    }

    /// Sets the same for when a worse Master was heard. keepalived's `garp_lower_prio_repeat` and `garp_lower_prio_delay`.
    #[must_use]
    pub const fn on_worse_master(mut self, times: u8, again_after: Option<Duration>) -> Self {
        self.lower = Burst { times, again_after };
        self
    }

    /// Has each address announced so often every so often as long as this router is Master (default: not).
    /// keepalived's `garp_master_refresh` and `garp_master_refresh_repeat`.
    #[must_use]
    pub const fn refresh(mut self, every: Duration, times: u8) -> Self {
        self.refresh = if every.is_zero() { None } else { Some((every, times)) };
        self
    }

    /// Sets the time between two announcements on an interface, whichever virtual routers they are of (default 0).
    /// keepalived's `garp_interval` and `gna_interval`.
    ///
    /// With a gap, addresses are announced one by one, the list from its start to its end and then again; without, all in one
    /// order.
    #[must_use]
    pub const fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }
}

impl Default for Announcements {
    fn default() -> Self {
        let burst = Burst { times: 5, again_after: Some(Duration::from_secs(5)) };
        Self { first: burst, lower: burst, refresh: None, gap: Duration::ZERO }
    }
}

/// When an interface is free for the next announcement. All who announce on it share it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pace {
    free_at: Instant,
}

impl Pace {
    /// Takes the next free moment, for one announcement.
    fn reserve(&mut self, now: Instant, gap: Duration) -> Instant {
        let at = self.free_at.max(now);
        self.free_at = at + gap;
        at
    }

    /// Notes that one goes out now, perhaps later than it had reserved.
    fn use_now(&mut self, now: Instant, gap: Duration) {
        self.free_at = self.free_at.max(now + gap);
    }
}

/// What a Master has yet to announce.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Announcing {
    /// How often each address is yet to be announced.
    rounds: u8,
    /// Whose turn it is, and how many have had theirs in this round.
    turn: usize,
    done: usize,
    next: Option<Next>,
    /// A burst to come, and how often each address is then announced.
    again: Option<(Instant, u8)>,
    refresh_at: Option<Instant>,
    /// A worse Master was heard, and this is when its burst may begin.
    lower_at: Option<Instant>,
    burst_at: Instant,
}

/// When the next address may be announced.
#[derive(Clone, Copy, Debug)]
enum Next {
    /// As soon as the interface is free.
    Wanted(Instant),
    /// At this moment, which the interface is kept free for.
    Reserved(Instant),
}

impl Next {
    const fn at(self) -> Instant {
        match self {
            Self::Wanted(at) | Self::Reserved(at) => at,
        }
    }
}

/// Some of the addresses, and how often each is to be announced now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) range: Range<usize>,
    pub(crate) times: u8,
}

impl Piece {
    /// Adds a piece to one that nobody has carried out yet.
    pub(crate) fn and(self, other: &Self) -> Self {
        if self.range.end == other.range.start && self.times == other.times {
            return Self { range: self.range.start..other.range.end, times: self.times };
        }
        let range = self.range.start.min(other.range.start)..self.range.end.max(other.range.end);
        Self { range, times: self.times.max(other.times) }
    }
}

impl Announcing {
    /// Begins: this router has become Master.
    pub(crate) fn begin(plan: &Announcements, now: Instant) -> Self {
        let refresh_at = plan.refresh.map(|(every, _)| now + every);
        let mut announcing = Self { refresh_at, ..Self::default() };
        announcing.burst(plan.first, now);
        announcing
    }

    /// Goes by another plan from now on: what was ordered stays, the refresh begins anew.
    pub(crate) fn change_plan(&mut self, plan: &Announcements, now: Instant) {
        self.refresh_at = plan.refresh.map(|(every, _)| now + every);
    }

    /// Begins anew: the addresses have changed.
    pub(crate) fn begin_again(&mut self, plan: &Announcements, now: Instant) {
        *self = Self::begin(plan, now);
    }

    /// A worse Master was heard, who may have misled neighbours.
    pub(crate) fn heard_worse(&mut self, now: Instant, interval: Duration) {
        if self.lower_at.is_none() {
            self.lower_at = Some(now.max(self.burst_at + interval));
        }
    }

    /// Returns when there is something to do.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        let again_at = self.again.map(|(at, _)| at);
        [self.next.map(Next::at), again_at, self.refresh_at, self.lower_at].into_iter().flatten().min()
    }

    /// Returns what of `count` addresses is to be announced now.
    pub(crate) fn handle_timeout(
        &mut self,
        plan: &Announcements,
        count: usize,
        pace: &mut Pace,
        now: Instant,
    ) -> Option<Piece> {
        if self.lower_at.is_some_and(|at| at <= now) {
            self.lower_at = None;
            self.burst(plan.lower, now);
        }
        if let Some((_, times)) = self.again.filter(|(at, _)| *at <= now) {
            self.again = None;
            self.add(times, now);
        }
        if let (Some((every, times)), Some(true)) = (plan.refresh, self.refresh_at.map(|at| at <= now)) {
            self.refresh_at = Some(now + every);
            self.add(times, now);
        }
        let next = self.next.filter(|next| next.at() <= now)?;
        if plan.gap.is_zero() {
            let piece = Piece { range: 0..count, times: self.rounds };
            (self.rounds, self.next) = (0, None);
            return Some(piece);
        }
        self.next_one(next, plan.gap, count, pace, now)
    }

    fn next_one(
        &mut self,
        next: Next,
        gap: Duration,
        count: usize,
        pace: &mut Pace,
        now: Instant,
    ) -> Option<Piece> {
        if let Next::Wanted(_) = next {
            let at = pace.reserve(now, gap);
            if at > now {
                self.next = Some(Next::Reserved(at));
                return None;
            }
        }
        pace.use_now(now, gap);
        let turn = self.turn;
        self.turn = (turn + 1) % count;
        self.done += 1;
        if self.done >= count {
            self.done = 0;
            self.rounds -= 1;
        }
        self.next = (self.rounds > 0).then(|| Next::Reserved(pace.reserve(now, gap)));
        Some(Piece { range: turn..turn + 1, times: 1 })
    }

    /// Begins a burst.
    fn burst(&mut self, burst: Burst, now: Instant) {
        self.add(burst.times, now);
        // One that was to come still comes, and at its time: who claims again and again does not put it off.
        let new = burst.again_after.map(|after| (now + after, burst.times));
        self.again = match (self.again, new) {
            (Some((at, times)), Some((_, more))) => Some((at, times.max(more))),
            (before, new) => before.or(new),
        };
        self.burst_at = now;
    }

    /// Has each address announced so often from now on, what is still left of earlier ones included.
    fn add(&mut self, times: u8, now: Instant) {
        if times == 0 {
            return;
        }
        self.rounds = self.rounds.max(times);
        self.done = 0;
        self.next = self.next.or(Some(Next::Wanted(now)));
    }
}
