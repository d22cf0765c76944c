use super::{
    CheckId, Ended, Engine, Event,
    check::Work,
    child::{Child, Stage},
    conversation::{self, Conversation, Progress},
    echoes,
    table::{Doing, HeldUp, Run, State},
    time::Time,
    token,
    turn::CHECKPOINTS,
};
use crate::{Cause, Kind, Layer, Outcome, Step, Transport, Verdict};

impl Engine {
    /// Starts a run, for which a place is taken.
    pub(super) fn start(&mut self, check: CheckId, planned: Time) {
        let started = self.clock.now();
        let Some(slot) = self.table.get_mut(check) else { return };
        let deadline = started.after(slot.timeout);
        slot.state = State::Running(Run {
            planned,
            started,
            deadline,
            next: None,
            held_up: HeldUp::No,
            doing: Doing::Starting,
            is_unfinished: false,
        });
        self.stats.started += 1;
        match &mut slot.work {
            Work::Probe { probe, .. } if probe.transport() == Transport::Echo => self.start_echo(check),
            Work::Probe { endpoint, probe } => match Conversation::open(endpoint, &mut **probe) {
                Ok(conversation) => {
                    self.set_doing(check, Doing::Talking(conversation));
                    self.advance(check);
                }
                Err(outcome) => self.end(check, outcome),
            },
            Work::Script(script) => match Child::spawn(script, &self.io, token::check(check)) {
                Ok(child) => self.set_doing(check, Doing::Program(Box::new(child))),
                Err(outcome) => self.end(check, outcome),
            },
            Work::Alarm => {}
        }
        self.watch(check, started);
    }

    /// Something may have happened to what the check is doing.
    pub(super) fn advance(&mut self, check: CheckId) {
        let Some(slot) = self.table.get_mut(check) else { return };
        let State::Running(run) = &mut slot.state else { return };
        match (&mut run.doing, &mut slot.work) {
            (Doing::Talking(conversation), Work::Probe { endpoint, probe }) => {
                match conversation.advance(&mut self.io, token::check(check), endpoint, &mut **probe) {
                    Progress::Waiting => {}
                    Progress::Unfinished if run.is_unfinished => {}
                    Progress::Unfinished => {
                        run.is_unfinished = true;
                        self.unfinished.push_back(check);
                    }
                    Progress::Done(outcome) => self.end(check, outcome),
                }
            }
            (Doing::Program(child), Work::Script(script)) => {
                child.take_output(&mut self.io.buffer);
                if let Some(status) = child.reap() {
                    let (mut outcome, output) = child.outcome(status, script, &mut self.io.buffer);
                    if child.stage != Stage::InTime && status.is_ok() {
                        outcome = late(run.held_up, Layer::Script, outcome.detail);
                    }
                    self.end_with_output(check, outcome, Some(output));
                }
            }
            _ => {}
        }
    }

    /// Its turn has come again, after others had theirs.
    pub(super) fn go_on(&mut self, check: CheckId) {
        if let Some(slot) = self.table.get_mut(check)
            && let State::Running(run) = &mut slot.state
        {
            run.is_unfinished = false;
        }
        self.advance(check);
    }

    /// Receives from a socket of pings; returns whether there may be more.
    pub(super) fn take_reply(&mut self, index: usize) -> bool {
        let reply = match self.echoes.receive(index, &mut self.io) {
            None => return false,
            Some(None) => return true,
            Some(Some(reply)) => reply,
        };
        let check = reply.check;
        let Some(slot) = self.table.get_mut(check) else { return true };
        if let (State::Running(_), Work::Probe { endpoint, probe }) = (&slot.state, &mut slot.work)
            && echoes::is_from(endpoint.address(), reply.source)
        {
            let payload = self.io.buffer.get(reply.payload).unwrap_or_default();
            match probe.receive(payload) {
                Step::Done(outcome) => self.end(check, outcome),
                Step::Continue if probe.transmit().is_empty() => {}
                Step::Continue => self.send_echo(check),
                Step::Reopen => self.start_echo(check),
            }
        }
        true
    }

    /// The deadline of a conversation has passed: one last look, and then it is over.
    pub(super) fn end_late(&mut self, check: CheckId) {
        self.look_again(check);
        let Some(slot) = self.table.get_mut(check) else { return };
        let State::Running(run) = &slot.state else { return };
        let layer = match &run.doing {
            Doing::Talking(conversation) => conversation.layer(),
            Doing::Starting | Doing::Echoing(_) | Doing::Program(_) => Layer::Network,
        };
        let held_up = run.held_up;
        let outcome = match &mut slot.work {
            Work::Probe { probe, .. } => probe.broken(Cause::new(layer, Kind::TimedOut, 0)),
            Work::Script(_) | Work::Alarm => Outcome::failed(Cause::new(layer, Kind::TimedOut, 0)),
        };
        // A probe that takes silence for health takes it for health of whatever length.
        let outcome = if outcome.verdict == Verdict::Fail && held_up == HeldUp::Yes {
            late(held_up, outcome.cause.layer, outcome.detail)
        } else {
            outcome
        };
        self.end(check, outcome);
    }

    /// The time of a program is over, or that of its grace.
    pub(super) fn end_program(&mut self, check: CheckId, now: Time) {
        self.advance(check);
        let Some(slot) = self.table.get_mut(check) else { return };
        let (State::Running(run), Work::Script(script)) = (&mut slot.state, &slot.work) else { return };
        let Doing::Program(child) = &mut run.doing else { return };
        match child.stage {
            Stage::InTime => {
                child.ask();
                run.deadline = now.after(script.grace_time());
                self.agenda.set(check.index, Some(run.deadline));
            }
            // When it has ended, its pidfd says so.
            Stage::Asked => child.kill(),
            Stage::Killed => {}
        }
    }

    /// Stops what somebody was doing whose check is no more.
    pub(super) fn give_up(&mut self, doing: Doing, work: &Work) {
        match (doing, work) {
            (Doing::Talking(conversation), Work::Probe { endpoint, .. }) => conversation.close(endpoint),
            (Doing::Echoing(request), _) => self.echoes.forget(request),
            (Doing::Program(child), _) => {
                let mut child = child.orphan(&self.io);
                if child.reap().is_none() {
                    self.orphans.push(child);
                }
            }
            (Doing::Starting | Doing::Talking(_), _) => {}
        }
    }

    fn start_echo(&mut self, check: CheckId) {
        let random = self.io.random();
        let Some(slot) = self.table.get_mut(check) else { return };
        let Work::Probe { probe, .. } = &mut slot.work else { return };
        match probe.start(random) {
            Step::Continue | Step::Reopen => self.send_echo(check),
            Step::Done(outcome) => self.end(check, outcome),
        }
    }

    fn send_echo(&mut self, check: CheckId) {
        let Some(slot) = self.table.get_mut(check) else { return };
        let (State::Running(run), Work::Probe { endpoint, probe }) = (&mut slot.state, &mut slot.work) else {
            return;
        };
        if let Doing::Echoing(request) = run.doing {
            self.echoes.forget(request);
        }
        let payload = probe.transmit();
        let count = payload.len();
        match self.echoes.send(&mut self.io, endpoint, check, payload) {
            Ok(request) => {
                run.doing = Doing::Echoing(request);
                if let Step::Done(outcome) = probe.sent(count) {
                    self.end(check, outcome);
                }
            }
            Err(outcome) => {
                let outcome = conversation::explain(outcome, &mut **probe);
                self.end(check, outcome);
            }
        }
    }

    /// Looks at what may have come without having been told.
    fn look_again(&mut self, check: CheckId) {
        let Some(slot) = self.table.get_mut(check) else { return };
        if let State::Running(Run { doing: Doing::Echoing(request), .. }) = &slot.state {
            // Replies to others may be before it.
            let index = request.index();
            while self.take_reply(index) {}
        } else {
            self.advance(check);
        }
    }

    /// Has the run woken for its deadline, if it goes on.
    fn watch(&mut self, check: CheckId, started: Time) {
        let Some(slot) = self.table.get_mut(check) else { return };
        if let State::Running(run) = &slot.state {
            let next = run.deadline.min(started.after(slot.timeout / CHECKPOINTS));
            self.agenda.set(check.index, Some(next));
        }
    }

    fn set_doing(&mut self, check: CheckId, doing: Doing) {
        if let Some(slot) = self.table.get_mut(check)
            && let State::Running(run) = &mut slot.state
        {
            run.doing = doing;
        }
    }

    fn end(&mut self, check: CheckId, outcome: Outcome) {
        self.end_with_output(check, outcome, None);
    }

    fn end_with_output(&mut self, check: CheckId, outcome: Outcome, output: Option<Box<[u8]>>) {
        let now = self.clock.now();
        let Some(slot) = self.table.get_mut(check) else { return };
        let State::Running(run) = std::mem::replace(&mut slot.state, State::Idle) else { return };
        self.agenda.set(check.index, None);
        if let Some(next) = run.next {
            slot.state = State::Planned(next);
            self.agenda.set(check.index, Some(next));
        }
        if let Some(class) = slot.class {
            self.lines.leave(class);
        }
        match (run.doing, &slot.work) {
            (Doing::Talking(conversation), Work::Probe { endpoint, .. }) => conversation.close(endpoint),
            (Doing::Echoing(request), _) => self.echoes.forget(request),
            (Doing::Starting | Doing::Talking(_) | Doing::Program(_), _) => {}
        }
        self.count(&outcome);
        self.events.push_back(Event::Ended(Ended {
            check,
            planned: self.clock.instant(run.planned),
            started: self.clock.instant(run.started),
            outcome: Outcome { latency: now.since(run.started), ..outcome },
            output,
        }));
    }

    fn count(&mut self, outcome: &Outcome) {
        self.stats.ended += 1;
        self.stats.timed_out += u64::from(outcome.cause.kind == Kind::TimedOut);
        self.stats.held_up += u64::from(outcome.cause.kind == Kind::HeldUp);
        self.stats.local_failures += u64::from(outcome.cause.layer == Layer::Local);
    }
}

/// The outcome of a run whose deadline has passed.
fn late(held_up: HeldUp, layer: Layer, detail: Option<Box<str>>) -> Outcome {
    let outcome = match held_up {
        HeldUp::No => Outcome::failed(Cause::new(layer, Kind::TimedOut, 0)),
        HeldUp::Yes => Outcome::inconclusive(Cause::new(layer, Kind::HeldUp, 0)),
    };
    Outcome { detail, ..outcome }
}
