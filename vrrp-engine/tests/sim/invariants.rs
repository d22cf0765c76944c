//! What must hold, each under a name: of one host at every moment, and of the LAN when its trouble is over.

use std::{collections::BTreeMap, env, net::IpAddr, sync::LazyLock};

use super::{
    host::{Count, Did, Farewell, Preempt, Refusal, Sight},
    model::{Model, Orders, State},
    spec::{Nanos, Role},
};

/// Says which invariant does not hold, and what was seen instead.
#[derive(Clone, Debug)]
pub(crate) struct Broken {
    pub(crate) invariant: &'static str,
    pub(crate) seen: String,
}

pub(crate) type Verdict = Result<(), Broken>;

fn ensure(invariant: &'static str, holds: bool, seen: impl FnOnce() -> String) -> Verdict {
    if holds || is_left_out(invariant) { Ok(()) } else { Err(Broken { invariant, seen: seen() }) }
}

/// Whether `SIM_WITHOUT` names it: so it can be seen which others would notice a fault.
fn is_left_out(invariant: &str) -> bool {
    static WITHOUT: LazyLock<String> = LazyLock::new(|| env::var("SIM_WITHOUT").unwrap_or_default());
    WITHOUT.split(',').any(|name| name == invariant)
}

// One host, after every call.

/// What a virtual router was told to do by one call, and its states before and after.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) role: &'a Role,
    pub(crate) before: State,
    pub(crate) after: State,
    pub(crate) did: &'a [Did],
}

impl Answer<'_> {
    fn has(&self, wanted: impl Fn(&Did) -> bool) -> bool {
        self.did.iter().any(wanted)
    }
}

/// Each transition leaves the state that the one before it entered, and the last enters the state that is.
pub(crate) fn transitions_are_a_chain(answer: &Answer<'_>) -> Verdict {
    let mut told = answer.before;
    for did in answer.did {
        if let Did::Transition(from, to, _) = did {
            ensure("transitions_are_a_chain", *from == told && from != to, || format!("{answer:?}"))?;
            told = *to;
        }
    }
    ensure("transitions_are_a_chain", told == answer.after, || format!("told of {told:?}: {answer:?}"))
}

/// Orders come once each: advertisement, addresses, announcement, pause, transition.
pub(crate) fn orders_come_in_their_order(answer: &Answer<'_>) -> Verdict {
    let rank = |did: &Did| match did {
        Did::Advertise(..) => 0,
        Did::Acquire | Did::Release => 1,
        Did::Announce => 2,
        Did::Overdue => 3,
        Did::Transition(..) => 4,
    };
    let in_order = answer.did.is_sorted_by(|one, next| rank(one) < rank(next));
    ensure("orders_come_in_their_order", in_order, || format!("{answer:?}"))
}

/// Who is not Master advertises nothing, but for priority 0 at its end and the [`Farewell`] of one that gives way.
pub(crate) fn only_a_master_advertises(answer: &Answer<'_>) -> Verdict {
    let Answer { role, before, after, did } = *answer;
    for did in did {
        let Did::Advertise(priority, _) = did else { continue };
        let says_farewell =
            role.farewell == Farewell::Send && (before, after) == (State::Master, State::Backup);
        let may = match priority {
            0 => (before, after) == (State::Master, State::Initialize),
            priority => *priority == role.priority && (after == State::Master || says_farewell),
        };
        ensure("only_a_master_advertises", may, || format!("{answer:?}"))?;
    }
    Ok(())
}

/// Who announces the addresses is Master.
pub(crate) fn only_a_master_announces(answer: &Answer<'_>) -> Verdict {
    let may = answer.after == State::Master || !answer.has(|did| matches!(did, Did::Announce));
    ensure("only_a_master_announces", may, || format!("{answer:?}"))
}

/// A Master that ceases to be one is told to release the addresses before it is told that it has ceased.
pub(crate) fn a_release_precedes_the_end(answer: &Answer<'_>) -> Verdict {
    let released = answer.did.iter().position(|did| matches!(did, Did::Release));
    let ended = answer.did.iter().position(|did| matches!(did, Did::Transition(State::Master, ..)));
    let in_time = ended.is_none_or(|ended| released.is_some_and(|released| released < ended));
    ensure("a_release_precedes_the_end", in_time, || format!("{answer:?}"))
}

/// When its orders are carried out, a host holds the addresses exactly while it is Master.
pub(crate) fn addresses_are_held_exactly_while_master(answer: &Answer<'_>, holds: bool) -> Verdict {
    let right = holds == (answer.after == State::Master);
    ensure("addresses_are_held_exactly_while_master", right, || format!("holds: {holds}, {answer:?}"))
}

/// The engine orders what the RFCs' plain machine does, is in its state, and waits for the same moment.
pub(crate) fn follows_the_model(
    answer: &Answer<'_>,
    deadline: Option<Nanos>,
    model: &Model,
    expected: Orders,
) -> Verdict {
    let mut ordered = Orders::default();
    for did in answer.did {
        match did {
            Did::Advertise(priority, _) => ordered.advertise = Some(*priority),
            Did::Acquire => ordered.hold = Some(true),
            Did::Release => ordered.hold = Some(false),
            Did::Announce | Did::Overdue | Did::Transition(..) => {}
        }
    }
    let in_time = match model.state {
        State::Initialize => deadline.is_none(),
        State::Backup => deadline == Some(model.timer),
        // An announcement may be due before the advertisement.
        State::Master => deadline.is_some_and(|deadline| deadline <= model.timer),
    };
    let agrees = ordered == expected && answer.after == model.state && in_time;
    ensure("follows_the_model", agrees, || {
        format!("{answer:?}, deadline {deadline:?}, where the model says {expected:?}, {model:?}")
    })
}

/// After a timeout was handled, the next one is in the future.
pub(crate) fn deadlines_lie_ahead(now: Nanos, deadline: Option<Nanos>) -> Verdict {
    let ahead = deadline.is_none_or(|deadline| deadline > now);
    ensure("deadlines_lie_ahead", ahead, || format!("{deadline:?} at {now}"))
}

/// A timeout that is handled early, or again, changes nothing and orders nothing.
pub(crate) fn an_early_or_repeated_timeout_does_nothing(
    before: &Sight,
    after: &Sight,
    ordered: bool,
) -> Verdict {
    ensure("an_early_or_repeated_timeout_does_nothing", before == after && !ordered, || {
        format!("from {before:?} to {after:?}, orders: {ordered}")
    })
}

/// A packet that is refused moves no deadline, changes no state, and orders nothing.
pub(crate) fn rejected_input_changes_only_counters(
    refusal: Refusal,
    before: &Sight,
    after: &Sight,
    ordered: bool,
) -> Verdict {
    ensure("rejected_input_changes_only_counters", before == after && !ordered, || {
        format!("{refusal:?}: from {before:?} to {after:?}, orders: {ordered}")
    })
}

/// What a peer has sent is taken, unless the virtual router is not here or not started; what is spoilt is refused for
/// that very fault.
pub(crate) fn packets_meet_their_fate(
    expected: Result<usize, Refusal>,
    got: Result<usize, Refusal>,
) -> Verdict {
    ensure("packets_meet_their_fate", expected == got, || format!("{got:?} instead of {expected:?}"))
}

/// A Master gives way to nobody but a Master of higher priority, or of the same and a higher address; or to the thought that
/// there may be one, after a pause.
pub(crate) fn only_a_better_one_displaces_a_master(
    answer: &Answer<'_>,
    own: IpAddr,
    sender: (u8, IpAddr),
) -> Verdict {
    let displaced = answer.before == State::Master && answer.after != State::Master;
    let was_paused = answer.did.iter().any(|did| matches!(did, Did::Overdue));
    let better = was_paused || sender > (answer.role.priority, own);
    ensure("only_a_better_one_displaces_a_master", !displaced || better, || {
        format!("{answer:?} of {own}, by {sender:?}")
    })
}

/// Every counter has the number that was counted from outside, and every packet handed in is in exactly one of them.
pub(crate) fn counters_add_up(
    counters: &[Count],
    tally: &BTreeMap<(Option<usize>, &'static str), u64>,
) -> Verdict {
    for Count { role, name, value, .. } in counters {
        let expected = tally.get(&(*role, *name)).copied().unwrap_or(0);
        ensure("counters_add_up", *value == expected, || {
            format!("{name} of {role:?} is {value}, where {expected} were counted")
        })?;
    }
    let known = |key: &(Option<usize>, &str)| counters.iter().any(|count| (count.role, count.name) == *key);
    let unknown = tally.keys().find(|key| !known(key));
    ensure("counters_add_up", unknown.is_none(), || format!("{unknown:?} has no counter"))?;
    let received = tally.get(&(None, "received")).copied().unwrap_or(0);
    let ends: u64 = counters.iter().filter(|count| count.is_a_packets_end).map(|count| count.value).sum();
    ensure("counters_add_up", ends == received, || format!("{received} packets came to {ends} ends"))
}

/// Answers do not answer each other for ever.
pub(crate) fn there_is_no_storm(packets: u64, bound: u64) -> Verdict {
    ensure("there_is_no_storm", packets <= bound, || format!("{packets} packets are more than {bound}"))
}

// The LAN, when the trouble is over.

/// Once settled, at most one host is Master of a virtual router.
pub(crate) fn at_most_one_master(vr: usize, masters: &[usize]) -> Verdict {
    ensure("at_most_one_master", masters.len() <= 1, || format!("virtual router {vr}: {masters:?}"))
}

/// Once settled, a host is Master of each virtual router that any host runs.
pub(crate) fn never_without_a_master(vr: usize, masters: &[usize]) -> Verdict {
    ensure("never_without_a_master", !masters.is_empty(), || format!("virtual router {vr} has none"))
}

/// When a Master dies or says that it stops, another is there within the Master_Down_Interval or Skew_Time of the first
/// Backup whose timer ends.
pub(crate) fn a_backup_takes_over_in_time(vr: usize, gap: Nanos, bound: Nanos) -> Verdict {
    ensure("a_backup_takes_over_in_time", gap <= bound, || {
        format!("virtual router {vr} was without a Master for {gap} ns, where the protocol allows {bound}")
    })
}

/// Who is Master keeps its office while nothing happens to it.
pub(crate) fn a_calm_lan_keeps_its_master(vr: usize, before: &[usize], after: &[usize]) -> Verdict {
    ensure("a_calm_lan_keeps_its_master", before == after, || {
        format!("virtual router {vr}: {before:?} gave way to {after:?}")
    })
}

/// Nobody is Backup of a Master that it preempts; so where all do, the Master's priority is the highest.
///
/// Among equals, the higher address decides only between two Masters: see [`only_a_better_one_displaces_a_master`].
pub(crate) fn the_best_is_master(vr: usize, master: &Role, running: &[(usize, Role)]) -> Verdict {
    let willing = |role: &Role| role.preempt == Preempt::Allow || role.priority == 255;
    let better = running.iter().find(|(_, role)| willing(role) && role.priority > master.priority);
    ensure("the_best_is_master", better.is_none(), || {
        format!("virtual router {vr}: {better:?} lets {master:?} be Master")
    })
}
