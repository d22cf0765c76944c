use crate::{Cause, Class, Outcome, Probe, Step, Transport, Verdict};

/// Several questions to the same target, one after the other, each in a conversation of its own: keepalived's `url` blocks.
///
/// ```
/// use healthcheck::{InTurn, Rounds, Tcp};
///
/// let both = InTurn::new([Tcp::connect(), Tcp::connect().send(*b"hello")], Rounds::EveryRun);
/// # drop(both);
/// ```
#[derive(Debug)]
pub struct InTurn<P> {
    probes: Box<[P]>,
    rounds: Rounds,
    current: usize,
    /// Whether the next conversation is a run's first.
    is_new: bool,
}

/// How many of the questions are asked in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "all or one")]
pub enum Rounds {
    /// All, within the deadline of the run; the first that fails decides.
    #[default]
    EveryRun,
    /// One, in the next run the next one; one that failed is asked again first. keepalived's way.
    OneEachRun,
}

impl<P: Probe> InTurn<P> {
    /// Asks these; of none, all is well.
    pub fn new(probes: impl IntoIterator<Item = P>, rounds: Rounds) -> Self {
        Self { probes: probes.into_iter().collect(), rounds, current: 0, is_new: true }
    }

    fn probe(&mut self) -> Option<&mut P> {
        self.probes.get_mut(self.current)
    }

    /// What follows when the current one is done.
    fn after(&mut self, step: Step) -> Step {
        let Step::Done(outcome) = step else { return step };
        let has_passed = matches!(outcome.verdict, Verdict::Pass | Verdict::Drain);
        let is_last = self.current + 1 >= self.probes.len();
        match (has_passed, self.rounds) {
            (true, Rounds::EveryRun) if !is_last && outcome.verdict == Verdict::Pass => {
                self.current += 1;
                return Step::Reopen;
            }
            (true, Rounds::OneEachRun) => self.current = if is_last { 0 } else { self.current + 1 },
            (true | false, _) => {}
        }
        self.is_new = true;
        Step::Done(outcome)
    }
}

impl<P: Probe> Probe for InTurn<P> {
    fn transport(&self) -> Transport {
        self.probes.get(self.current).map_or(Transport::Stream, Probe::transport)
    }

    fn class(&self) -> Class {
        let classes = self.probes.iter().map(Probe::class);
        // The dearest counts.
        classes.max_by_key(|class| *class == Class::Tls).unwrap_or(Class::Stream)
    }

    fn start(&mut self, random: u64) -> Step {
        if self.is_new && self.rounds == Rounds::EveryRun {
            self.current = 0;
        }
        self.is_new = false;
        let step = self.probe().map(|probe| probe.start(random));
        let step = step.unwrap_or_else(|| Step::Done(Outcome::passed(crate::Layer::Network)));
        self.after(step)
    }

    fn transmit(&self) -> &[u8] {
        self.probes.get(self.current).map_or(&[], Probe::transmit)
    }

    fn sent(&mut self, count: usize) -> Step {
        let step = self.probe().map_or(Step::Continue, |probe| probe.sent(count));
        self.after(step)
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        let step = self.probe().map_or(Step::Continue, |probe| probe.receive(bytes));
        self.after(step)
    }

    fn end(&mut self) -> Step {
        let step = self.probe().map_or(Step::Continue, Probe::end);
        self.after(step)
    }

    fn broken(&mut self, cause: Cause) -> Outcome {
        let outcome = self.probe().map(|probe| probe.broken(cause));
        self.is_new = true;
        match self.after(Step::Done(outcome.unwrap_or_else(|| Outcome::failed(cause)))) {
            Step::Done(outcome) => outcome,
            // One that takes silence for health, and is not the last: the run is over all the same.
            Step::Continue | Step::Reopen => {
                self.is_new = true;
                Outcome::failed(cause)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Expect, Kind, Tcp, probe::play::play};

    /// Plays one conversation after the other until the run is over; returns how many there were.
    fn run(probe: &mut InTurn<Tcp>, answers: &[&[u8]]) -> (Verdict, usize) {
        let mut count = 0;
        for answer in answers {
            count += 1;
            let mut step = probe.start(0);
            if step == Step::Continue {
                step = probe.receive(answer);
            }
            if step == Step::Continue {
                step = probe.end();
            }
            if let Step::Done(outcome) = step {
                return (outcome.verdict, count);
            }
        }
        panic!("it goes on");
    }

    fn greets(text: &[u8]) -> Tcp {
        Tcp::connect().expect(Expect::starts_with(text))
    }

    #[test]
    fn all_are_asked_in_every_run_and_the_first_that_fails_decides() {
        let mut probe = InTurn::new([greets(b"a"), greets(b"b"), greets(b"c")], Rounds::EveryRun);

        assert_eq!(run(&mut probe, &[b"a", b"b", b"c"]), (Verdict::Pass, 3));
        assert_eq!(run(&mut probe, &[b"a", b"x"]), (Verdict::Fail, 2));
        assert_eq!(run(&mut probe, &[b"x"]), (Verdict::Fail, 1));
        assert_eq!(run(&mut probe, &[b"a", b"b", b"c"]), (Verdict::Pass, 3));
    }

    #[test]
    fn one_is_asked_each_run_and_one_that_failed_again() {
        let mut probe = InTurn::new([greets(b"a"), greets(b"b")], Rounds::OneEachRun);

        let verdicts = [b"a", b"x", b"b", b"a"].map(|answer: &[u8; 1]| run(&mut probe, &[answer]).0);

        assert_eq!(verdicts, [Verdict::Pass, Verdict::Fail, Verdict::Pass, Verdict::Pass]);
    }

    #[test]
    fn a_run_that_breaks_begins_with_the_first_again() {
        let mut probe = InTurn::new([greets(b"a"), greets(b"b")], Rounds::EveryRun);
        probe.start(0);
        assert_eq!(probe.receive(b"a"), Step::Reopen);
        probe.start(0);
        probe.broken(Cause::new(crate::Layer::Network, Kind::TimedOut, 0));

        assert_eq!(run(&mut probe, &[b"a", b"b"]), (Verdict::Pass, 2));
    }

    #[test]
    fn of_none_all_is_well() {
        let mut probe = InTurn::new([] as [Tcp; 0], Rounds::EveryRun);
        assert_eq!(play(&mut probe, &[]).verdict, Verdict::Pass);
    }
}
