//! Which address is to be announced next, and when. Pure: it neither sends nor reads a clock.

use std::{
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    time::{Duration, Instant},
};

use super::Pacing;

/// The addresses to announce, each once, and a queue of those that have an announcement coming.
#[derive(Debug)]
pub(super) struct Schedule {
    pacing: Pacing,
    entries: HashMap<IpAddr, Entry>,
    queue: BTreeMap<Turn, IpAddr>,
    turns: u64,
    /// When the last announcement is far enough back.
    free_at: Option<Instant>,
    /// When to try again after a failure.
    retry_at: Option<Instant>,
}

/// What is to come for an address.
#[derive(Copy, Clone, Debug)]
struct Entry {
    /// Its place in the queue, if it is there.
    turn: Option<Turn>,
    /// How many announcements are left of the present set.
    left: u8,
    /// Whether the second set is to come.
    again: Again,
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Again {
    /// After the present set.
    ToCome,
    At(Instant),
    Done,
}

/// A place in the queue. The order of the fields is the queue's.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    lane: Lane,
    at: Instant,
    number: u64,
}

/// A new address does not wait for what others have said before.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Lane {
    First,
    Repeat,
}

impl Schedule {
    pub(super) fn new(pacing: Pacing) -> Self {
        Self {
            pacing,
            entries: HashMap::new(),
            queue: BTreeMap::new(),
            turns: 0,
            free_at: None,
            retry_at: None,
        }
    }

    pub(super) fn pacing(&self) -> &Pacing {
        &self.pacing
    }

    /// Begins with an address, or begins again with it.
    pub(super) fn begin(&mut self, now: Instant, ip: IpAddr) {
        self.retry_at = None;
        self.withdraw(ip);
        let again = if self.pacing.again_after().is_some() { Again::ToCome } else { Again::Done };
        let entry = Entry { turn: None, left: self.pacing.times(), again };
        if entry.left > 0 {
            self.enqueue(ip, entry, Lane::First, now);
        } else {
            self.finish_set(ip, entry, now);
        }
    }

    /// Begins again with all addresses.
    pub(super) fn begin_again(&mut self, now: Instant) {
        let mut ips: Vec<_> = self.entries.keys().copied().collect();
        ips.sort_unstable();
        ips.into_iter().for_each(|ip| self.begin(now, ip));
    }

    /// Forgets an address.
    pub(super) fn withdraw(&mut self, ip: IpAddr) {
        let entry = self.entries.remove(&ip);
        if let Some(turn) = entry.and_then(|entry| entry.turn) {
            self.queue.remove(&turn);
        }
    }

    /// Returns what is to be announced now, in its order.
    pub(super) fn due(&self, now: Instant) -> impl Iterator<Item = IpAddr> {
        let is_held = [self.free_at, self.retry_at].into_iter().flatten().any(|at| now < at);
        let room = match (is_held, self.pacing.least_gap()) {
            (true, _) => 0,
            (false, Duration::ZERO) => self.queue.len(),
            (false, _) => 1,
        };
        self.queue.iter().take_while(move |(turn, _)| turn.at <= now).take(room).map(|(_, ip)| *ip)
    }

    /// Notes that the first of those that are due were announced.
    pub(super) fn handle_sent(&mut self, now: Instant, count: usize) {
        for _ in 0..count {
            let Some((_, ip)) = self.queue.pop_first() else { return };
            let Some(mut entry) = self.entries.get(&ip).copied() else { return };
            if entry.left == 0 {
                entry.left = self.begin_set(&mut entry.again, now);
            }
            entry.left = entry.left.saturating_sub(1);
            if entry.left > 0 {
                self.enqueue(ip, entry, Lane::Repeat, now);
            } else {
                self.finish_set(ip, entry, now);
            }
            self.free_at = Some(now + self.pacing.least_gap());
        }
    }

    /// Keeps everything as it is until later.
    pub(super) fn hold(&mut self, until: Instant) {
        self.retry_at = Some(until);
    }

    /// Returns when there is something due: in the past, if now. `None` if never.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let (turn, _) = self.queue.first_key_value()?;
        [Some(turn.at), self.free_at, self.retry_at].into_iter().flatten().max()
    }

    /// Returns how many announcements the set has whose time has come.
    fn begin_set(&self, again: &mut Again, now: Instant) -> u8 {
        match *again {
            Again::At(at) if at <= now => {
                *again = Again::Done;
                self.pacing.times()
            }
            Again::At(_) | Again::ToCome | Again::Done => {
                self.pacing.refreshing().map_or(0, |refresh| refresh.times)
            }
        }
    }

    /// Has an address wait for its next set, if there is one.
    fn finish_set(&mut self, ip: IpAddr, mut entry: Entry, now: Instant) {
        if let (Again::ToCome, Some(delay)) = (entry.again, self.pacing.again_after()) {
            entry.again = Again::At(now + delay);
        }
        let again_at = match entry.again {
            Again::At(at) => Some(at),
            Again::ToCome | Again::Done => None,
        };
        let refresh_at = self.pacing.refreshing().map(|refresh| now + refresh.every);
        match [again_at, refresh_at].into_iter().flatten().min() {
            // Not in the past: it would come before those that are due now.
            Some(at) => self.enqueue(ip, entry, Lane::Repeat, at.max(now)),
            None => drop(self.entries.insert(ip, Entry { turn: None, ..entry })),
        }
    }

    fn enqueue(&mut self, ip: IpAddr, entry: Entry, lane: Lane, at: Instant) {
        self.turns += 1;
        let turn = Turn { lane, at, number: self.turns };
        self.queue.insert(turn, ip);
        self.entries.insert(ip, Entry { turn: Some(turn), ..entry });
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn everyone_has_a_turn_before_anyone_has_another() {
        let mut world = World::new(Pacing::default().burst(2, None));
        world.begin([1, 2, 3]);

        assert_eq!(world.run_until(0), [(0, 1), (0, 2), (0, 3), (0, 1), (0, 2), (0, 3)]);
        assert_eq!(world.schedule.poll_timeout(), None);
    }

    #[test]
    fn the_second_set_comes_a_delay_after_the_first_and_is_the_last() {
        let mut world = World::new(Pacing::default());
        world.begin([1]);

        assert_eq!(world.run_until(4_999), [(0, 1); 5]);
        assert_eq!(world.run_until(100_000), [(5_000, 1); 5]);
        assert_eq!(world.schedule.poll_timeout(), None);
    }

    #[test]
    fn an_address_is_refreshed_when_it_was_not_announced_for_so_long() {
        let pacing = Pacing::default().burst(1, Some(ms(5_000))).refresh(ms(2_000), 2);
        let mut world = World::new(pacing);
        world.begin([1]);

        let expected = [0, 2_000, 2_000, 4_000, 4_000, 5_000, 7_000, 7_000, 9_000, 9_000];
        assert_eq!(world.run_until(9_500), expected.map(|at| (at, 1)));
    }

    #[test]
    fn without_a_first_set_there_is_only_the_refresh() {
        let mut world = World::new(Pacing::default().burst(0, Some(ms(10))).refresh(ms(1_000), 1));
        world.begin([1]);

        assert_eq!(world.run_until(2_500), [(1_000, 1), (2_000, 1)]);
    }

    #[test]
    fn announcements_keep_their_gap_whatever_they_are_of() {
        let mut world = World::new(Pacing::default().burst(2, Some(ms(100))).gap(ms(30)));
        world.begin([1, 2]);

        let first = [(0, 1), (30, 2), (60, 1), (90, 2)];
        let second = [(160, 1), (190, 1), (220, 2), (250, 2)];
        assert_eq!(world.run_until(1_000), [first, second].concat());
    }

    #[test]
    fn a_late_call_does_not_make_up_for_gaps() {
        let mut world = World::new(Pacing::default().burst(5, None).gap(ms(10)));
        world.begin([1]);

        world.now += ms(1_000);

        assert_eq!(world.pass(), [1]);
        assert_eq!(world.schedule.poll_timeout(), Some(world.now + ms(10)));
    }

    #[test]
    fn a_new_address_does_not_wait_for_the_repetitions_of_others() {
        let mut world = World::new(Pacing::default().burst(2, None).gap(ms(10)));
        world.begin([1, 2, 3]);
        assert_eq!(world.run_until(25), [(0, 1), (10, 2), (20, 3)]);

        world.begin([4]);

        assert_eq!(world.run_until(100), [(30, 4), (40, 1), (50, 2), (60, 3), (70, 4)]);
    }

    #[test]
    fn what_is_withdrawn_is_not_announced_any_more() {
        let mut world = World::new(Pacing::default().burst(2, Some(ms(50))).gap(ms(10)));
        world.begin([1, 2]);
        assert_eq!(world.run_until(5), [(0, 1)]);

        world.schedule.withdraw(ip(2));
        world.schedule.withdraw(ip(3));

        assert_eq!(world.run_until(1_000), [(10, 1), (60, 1), (70, 1)]);
    }

    #[test]
    fn announcing_again_begins_anew_with_one_schedule() {
        let mut world = World::new(Pacing::default().burst(2, Some(ms(100))));
        world.begin([1]);
        assert_eq!(world.run_until(50), [(0, 1), (0, 1)]);

        world.begin([1]);
        assert_eq!(world.run_until(120), [(50, 1), (50, 1)]);
        world.schedule.begin_again(world.now);

        assert_eq!(world.run_until(1_000), [(120, 1), (120, 1), (220, 1), (220, 1)]);
    }

    #[test]
    fn all_that_is_over_can_begin_anew() {
        let mut world = World::new(Pacing::default().burst(1, None));
        world.begin([2, 1]);
        assert_eq!(world.run_until(10), [(0, 2), (0, 1)]);

        world.schedule.begin_again(world.now);

        assert_eq!(world.run_until(10), [(10, 1), (10, 2)]);
    }

    #[test]
    fn nothing_is_lost_while_it_is_held() {
        let mut world = World::new(Pacing::default().burst(1, Some(ms(100))));
        world.begin([1, 2]);
        world.schedule.handle_sent(world.now, 1);
        world.schedule.hold(world.now + ms(500));

        assert_eq!(world.run_until(2_000), [(500, 2), (500, 1), (600, 2)]);
    }

    #[test]
    fn a_new_announcement_ends_the_wait() {
        let mut world = World::new(Pacing::default().burst(1, None));
        world.begin([1]);
        world.schedule.hold(world.now + ms(500));
        assert_eq!(world.run_until(10), []);

        world.begin([2]);

        assert_eq!(world.run_until(20), [(10, 1), (10, 2)]);
    }

    #[test]
    fn durations_without_end_are_long() {
        let pacing = Pacing::default().burst(1, Some(Duration::MAX)).refresh(Duration::MAX, 1);
        let mut world = World::new(pacing.gap(Duration::MAX));
        world.begin([1, 2]);

        assert_eq!(world.run_until(u64::from(u32::MAX)), [(0, 1)]);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Wait(u64),
        Announce(Vec<u8>),
        Withdraw(Vec<u8>),
        /// Sends what is due, all of it or so many and then fails.
        Pass(Option<usize>),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0..300_u64).prop_map(Step::Wait),
            2 => vec(0..6_u8, 1..4).prop_map(Step::Announce),
            1 => vec(0..6_u8, 1..3).prop_map(Step::Withdraw),
            8 => Just(Step::Pass(None)),
            1 => (0..3_usize).prop_map(|sent| Step::Pass(Some(sent))),
        ]
    }

    proptest! {
        #[test]
        fn sets_are_whole_delays_and_gaps_are_kept_and_what_is_withdrawn_is_silent(
            times in 1..4_u8,
            delay in proptest::option::of(1..500_u64),
            refresh in proptest::option::of(1..500_u64),
            gap in prop_oneof![Just(0), 1..40_u64],
            steps in vec(step(), 1..150),
        ) {
            let pacing = Pacing::default().burst(times, delay.map(ms)).gap(ms(gap));
            let pacing = refresh.map_or(pacing, |every| pacing.refresh(ms(every), times));
            let mut world = World::new(pacing);
            // When each address was announced since it was begun with.
            let mut heard: HashMap<u8, Vec<Instant>> = HashMap::new();
            let mut last: Option<Instant> = None;
            let shortest = delay.into_iter().chain(refresh).min();
            let mut note = |heard: &mut HashMap<u8, Vec<Instant>>, number: u8, now: Instant| {
                prop_assert!(last.is_none_or(|last| last + ms(gap) <= now), "the gap");
                last = Some(now);
                let Some(so_far) = heard.get_mut(&number) else {
                    return Err(TestCaseError::fail("it was withdrawn"));
                };
                if so_far.len() % usize::from(times) == 0 && let Some(before) = so_far.last() {
                    let Some(shortest) = shortest else { return Err(TestCaseError::fail("too many")) };
                    // The second set may come soon after a refresh.
                    let first = so_far.get(usize::from(times) - 1);
                    let is_second = first.zip(delay).is_some_and(|(first, delay)| *first + ms(delay) <= now);
                    prop_assert!(*before + ms(shortest) <= now || is_second, "the delay");
                }
                so_far.push(now);
                let is_over = refresh.is_none() && so_far.len() > usize::from(times) * 2;
                prop_assert!(!is_over, "too many");
                Ok(())
            };

            for step in steps {
                match step {
                    Step::Wait(time) => world.now += ms(time),
                    Step::Announce(numbers) => {
                        heard.extend(numbers.iter().map(|number| (*number, Vec::new())));
                        world.begin(numbers);
                    }
                    Step::Withdraw(numbers) => for number in numbers {
                        heard.remove(&number);
                        world.schedule.withdraw(ip(number));
                    },
                    Step::Pass(None) => for number in world.pass() {
                        note(&mut heard, number, world.now)?;
                    },
                    Step::Pass(Some(most)) => {
                        let due: Vec<_> = world.schedule.due(world.now).take(most).collect();
                        for ip in &due {
                            note(&mut heard, number(*ip), world.now)?;
                        }
                        world.schedule.handle_sent(world.now, due.len());
                        world.schedule.hold(world.now + ms(20));
                    }
                }
                world.check()?;
            }
            // Whatever happened, the first set of each is whole in the end, and its second.
            let enough = ms(6 * u64::from(times) * 40 + 500) * 4;
            let end = world.now + enough;
            while let Some(at) = world.schedule.poll_timeout().filter(|at| *at <= end) {
                world.now = world.now.max(at);
                for number in world.pass() {
                    note(&mut heard, number, world.now)?;
                }
                world.check()?;
            }
            let sets = if delay.is_some() || refresh.is_some() { 2 } else { 1 };
            for so_far in heard.values() {
                prop_assert!(so_far.len() >= usize::from(times) * sets, "whole sets");
            }
        }
    }

    /// A schedule and its clock.
    struct World {
        schedule: Schedule,
        began: Instant,
        now: Instant,
    }

    impl World {
        fn new(pacing: Pacing) -> Self {
            let now = Instant::now();
            Self { schedule: Schedule::new(pacing), began: now, now }
        }

        fn begin(&mut self, numbers: impl IntoIterator<Item = u8>) {
            numbers.into_iter().for_each(|number| self.schedule.begin(self.now, ip(number)));
        }

        /// Announces what is due, in one go.
        fn pass(&mut self) -> Vec<u8> {
            let due: Vec<_> = self.schedule.due(self.now).collect();
            self.schedule.handle_sent(self.now, due.len());
            due.into_iter().map(number).collect()
        }

        /// Announces what there is up to a moment, in milliseconds since the beginning: returns what was when.
        fn run_until(&mut self, end: u64) -> Vec<(u64, u8)> {
            let end = self.began + ms(end);
            let mut heard = Vec::new();
            while let Some(at) = self.schedule.poll_timeout().filter(|at| *at <= end) {
                self.now = self.now.max(at);
                let at = (self.now - self.began).as_millis() as u64;
                let numbers = self.pass();
                assert!(!numbers.is_empty(), "woken for nothing");
                heard.extend(numbers.into_iter().map(|number| (at, number)));
            }
            self.now = end;
            heard
        }

        fn check(&self) -> Result<(), TestCaseError> {
            let is_time = self.schedule.poll_timeout().is_some_and(|at| at <= self.now);
            prop_assert_eq!(is_time, self.schedule.due(self.now).next().is_some(), "the deadline");
            let queued = self.schedule.entries.iter().filter_map(|(ip, entry)| Some((entry.turn?, *ip)));
            prop_assert_eq!(&queued.collect::<BTreeMap<_, _>>(), &self.schedule.queue);
            Ok(())
        }
    }

    fn ip(number: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, number).into()
    }

    fn number(ip: IpAddr) -> u8 {
        let IpAddr::V4(ip) = ip else { unreachable!() };
        ip.octets()[3]
    }

    fn ms(time: u64) -> Duration {
        Duration::from_millis(time)
    }
}
