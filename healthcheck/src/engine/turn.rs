use std::time::{Duration, Instant};

use nix::sys::epoll::EpollTimeout;

use super::{
    CheckId, Engine, Event, Gap,
    check::Work,
    table::{Doing, HeldUp, Run, State},
    time::Time,
    token::{self, Token},
};

/// How much a [`turn`](Engine::turn) may do: for threads that have other things to do in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    steps: u32,
    time: Duration,
}

impl Budget {
    /// Allows so many steps, at least 1: a check that starts, a socket that is looked at, a deadline.
    #[must_use]
    pub fn steps(self, steps: u32) -> Self {
        Self { steps: steps.max(1), ..self }
    }

    /// Begins no further step after so long. A connection takes some 20 µs, the start of a program some 500 µs.
    #[must_use]
    pub fn time(self, time: Duration) -> Self {
        Self { time, ..self }
    }
}

impl Default for Budget {
    /// 256 steps, 5 ms.
    fn default() -> Self {
        Self { steps: 256, time: Duration::from_millis(5) }
    }
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Turn {
    /// There is nothing more to do before the descriptor is readable.
    Finished,
    /// The budget is used up; the descriptor is readable, or about to be.
    Unfinished,
}

/// What is left of a budget, or of a part of it.
#[derive(Debug)]
struct Allowance {
    steps: u32,
    until: Option<Instant>,
    is_untouched: bool,
}

impl Allowance {
    fn new(steps: u32, time: Duration) -> Self {
        Self { steps, until: Instant::now().checked_add(time), is_untouched: true }
    }

    fn with_one_more(self) -> Self {
        Self { is_untouched: true, ..self }
    }

    /// Takes a step. There is always one, or what comes first could keep the rest waiting for good.
    fn take(&mut self) -> bool {
        let is_in_time = || self.until.is_none_or(|until| Instant::now() < until);
        let may = self.is_untouched || self.steps > 0 && is_in_time();
        self.is_untouched = false;
        self.steps = self.steps.saturating_sub(1);
        may
    }
}

impl Engine {
    /// Does what there is to do now, without waiting, as far as the budget allows.
    ///
    /// Call it when the descriptor is readable; calls at other times are harmless. `now` is the time at which it is called, as
    /// [`Instant::now`] says.
    ///
    /// Sockets come first, with half of the budget, then runs that have waited for a place, then what is due: of a loop that is late, answers are seen
    /// before deadlines.
    pub fn turn(&mut self, now: Instant, budget: Budget) -> Turn {
        let now = self.clock.begin_turn(now);
        self.note_gap(now);
        self.stats.turns += 1;
        let half = budget.steps / 2;
        let mut sockets = Allowance::new(half, budget.time / 2);
        self.look_at_sockets(&mut sockets);
        self.go_on_with_the_unfinished(&mut sockets.with_one_more());
        let mut allowance = Allowance::new(budget.steps - half, budget.time / 2);
        self.start_those_who_wait(&mut allowance);
        let is_rest_due = self.do_what_is_due(now, &mut allowance);
        self.alarm = self.alarm.filter(|alarm| *alarm > self.clock.alarm(now));
        self.set_alarm();
        if is_rest_due || self.has_more() { Turn::Unfinished } else { Turn::Finished }
    }

    /// Notes for how long nobody has looked. It holds for all that was due meanwhile, also for those that this turn does not come to.
    fn note_gap(&mut self, now: Time) {
        let gap = now.since(self.looked);
        self.looked = self.looked.max(now);
        let is_past = self.agenda.earliest().is_none_or(|(time, _)| time > self.gap.until);
        if is_past || gap >= self.gap.length {
            self.gap = Gap { until: now, length: gap };
        }
    }

    fn look_at_sockets(&mut self, allowance: &mut Allowance) {
        loop {
            if self.ready.next == self.ready.end {
                let room = self.ready.events.len();
                match self.io.ready(&mut self.ready.events, EpollTimeout::ZERO) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => (self.ready.next, self.ready.end) = (0, count.min(room)),
                }
            }
            while let Some(event) =
                self.ready.events.get(self.ready.next..self.ready.end).and_then(<[_]>::first)
            {
                let token = token::read(event.data());
                if token != Token::Timer && !allowance.take() {
                    return;
                }
                self.ready.next += 1;
                self.look_at(token, allowance);
            }
            if self.ready.end < self.ready.events.len() {
                return;
            }
        }
    }

    /// Those who have much to say come after those who have little, for these would wait for their whole time.
    fn go_on_with_the_unfinished(&mut self, allowance: &mut Allowance) {
        for _ in 0..self.unfinished.len() {
            if !allowance.take() {
                return;
            }
            if let Some(check) = self.unfinished.pop_front() {
                self.go_on(check);
            }
        }
    }

    fn look_at(&mut self, token: Token, allowance: &mut Allowance) {
        match token {
            // It tells once, and the caller's clock may not be there yet.
            Token::Timer => self.alarm = None,
            Token::Check(check) => self.advance(check),
            Token::Orphan => self.orphans.retain_mut(|orphan| orphan.reap().is_none()),
            // Many for a step: a reply that waits may be one that the next has no room for.
            Token::Echo(index) => {
                while (0..REPLIES).all(|_| self.take_reply(index)) {
                    if !allowance.take() {
                        // The rest is for the next turn, which comes by itself: not every loop is told of it again.
                        self.ready.next -= 1;
                        return;
                    }
                }
            }
        }
    }

    fn start_those_who_wait(&mut self, allowance: &mut Allowance) {
        while self.lines.has_next() && allowance.take() {
            let Some((class, check)) = self.lines.next() else { return };
            let slot = self.table.get_mut(check);
            match slot.map(|slot| (&slot.state, &mut slot.is_in_line)) {
                Some((State::Waiting(planned), is_in_line)) => {
                    *is_in_line = false;
                    let planned = *planned;
                    self.start(check, planned);
                }
                other => {
                    other.into_iter().for_each(|(_, is_in_line)| *is_in_line = false);
                    self.lines.leave(class);
                }
            }
        }
    }

    /// Returns whether there is more.
    fn do_what_is_due(&mut self, now: Time, allowance: &mut Allowance) -> bool {
        while let Some((time, index)) = self.agenda.earliest() {
            if time > now {
                return false;
            }
            if !allowance.take() {
                return true;
            }
            self.agenda.set(index, None);
            if let Some(check) = self.table.id(index) {
                let gap = if time <= self.gap.until { self.gap.length } else { Duration::ZERO };
                self.meet(check, gap);
            }
        }
        false
    }

    /// The moment that the check has in the agenda has come.
    fn meet(&mut self, check: CheckId, gap: Duration) {
        let Some(slot) = self.table.get_mut(check) else { return };
        match &mut slot.state {
            State::Planned(planned) => {
                let planned = *planned;
                match slot.class {
                    Some(class) if self.lines.enter(class) => self.start(check, planned),
                    Some(class) => {
                        slot.state = State::Waiting(planned);
                        if !std::mem::replace(&mut slot.is_in_line, true) {
                            self.lines.wait(class, check);
                            self.stats.queued += 1;
                        }
                    }
                    None => {
                        debug_assert!(matches!(slot.work, Work::Alarm));
                        slot.state = State::Idle;
                        self.events.push_back(Event::Due { check, planned: self.clock.instant(planned) });
                    }
                }
            }
            State::Running(run) => {
                if gap > slot.timeout / 4 {
                    run.held_up = HeldUp::Yes;
                }
                self.look_at_the_clock(check);
            }
            State::Free | State::Idle | State::Waiting(_) => {}
        }
    }

    /// A run is woken to see whether its time is over, and so that it can be seen whether the engine was.
    fn look_at_the_clock(&mut self, check: CheckId) {
        let now = self.clock.now();
        let Some(slot) = self.table.get_mut(check) else { return };
        let State::Running(Run { deadline, doing, .. }) = &slot.state else { return };
        let (deadline, timeout) = (*deadline, slot.timeout);
        let is_program = matches!(doing, Doing::Program(_));
        if now < deadline {
            let next = deadline.min(now.after(timeout / CHECKPOINTS));
            self.agenda.set(check.index, Some(next));
        } else if is_program {
            self.end_program(check, now);
        } else {
            self.end_late(check);
        }
    }
}

/// So many replies to pings cost as much as one connection.
const REPLIES: u32 = 32;
/// How often in its timeout a run has the engine woken.
pub(super) const CHECKPOINTS: u32 = 8;
