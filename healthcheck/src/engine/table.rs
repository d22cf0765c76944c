use std::time::Duration;

use super::{
    CheckId,
    check::{Check, Work},
    child::Child,
    conversation::Conversation,
    echoes::Request,
    time::Time,
};
use crate::Class;

/// The checks. What is here is all that a check takes while it is idle, but for its probe.
#[derive(Debug, Default)]
pub(super) struct Table {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct Slot {
    /// Never 0.
    generation: u32,
    pub(super) work: Work,
    pub(super) class: Option<Class>,
    pub(super) timeout: Duration,
    pub(super) state: State,
    /// Whether it stands in the line of its class, though it may want nothing there any more.
    pub(super) is_in_line: bool,
}

#[derive(Debug)]
pub(super) enum State {
    /// There is no such check.
    Free,
    Idle,
    Planned(Time),
    /// For its turn among those of its class.
    Waiting(Time),
    Running(Run),
}

#[derive(Debug)]
pub(super) struct Run {
    pub(super) planned: Time,
    pub(super) started: Time,
    pub(super) deadline: Time,
    /// The plan for the next run, if it was made while this one goes on.
    pub(super) next: Option<Time>,
    pub(super) held_up: HeldUp,
    pub(super) doing: Doing,
    /// Whether it is among the unfinished.
    pub(super) is_unfinished: bool,
}

/// Whether the engine was kept from looking for too long while the run went on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeldUp {
    No,
    Yes,
}

#[derive(Debug)]
pub(super) enum Doing {
    /// Only within a turn.
    Starting,
    Talking(Conversation),
    Echoing(Request),
    Program(Box<Child>),
}

impl Table {
    /// Returns `None` when there are four billion.
    pub(super) fn insert(&mut self, check: Check) -> Option<CheckId> {
        let Check { work, class, timeout } = check;
        if let Some(index) = self.free.pop()
            && let Some(slot) = self.slots.get_mut(index as usize)
        {
            *slot = Slot {
                generation: slot.generation,
                work,
                class,
                timeout,
                state: State::Idle,
                is_in_line: false,
            };
            return Some(CheckId { index, generation: slot.generation });
        }
        let index = u32::try_from(self.slots.len()).ok().filter(|index| *index < u32::MAX)?;
        self.slots.push(Slot { generation: 1, work, class, timeout, state: State::Idle, is_in_line: false });
        Some(CheckId { index, generation: 1 })
    }

    /// Takes a check away; returns what it was.
    pub(super) fn remove(&mut self, id: CheckId) -> Option<(State, Work, Option<Class>)> {
        let slot = self.get_mut(id)?;
        let state = std::mem::replace(&mut slot.state, State::Free);
        let work = std::mem::replace(&mut slot.work, Work::Alarm);
        slot.generation = slot.generation.checked_add(1).unwrap_or(1);
        let class = slot.class;
        self.free.push(id.index);
        Some((state, work, class))
    }

    pub(super) fn get_mut(&mut self, id: CheckId) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id.index as usize)?;
        (slot.generation == id.generation && !matches!(slot.state, State::Free)).then_some(slot)
    }

    pub(super) fn get(&self, id: CheckId) -> Option<&Slot> {
        let slot = self.slots.get(id.index as usize)?;
        (slot.generation == id.generation && !matches!(slot.state, State::Free)).then_some(slot)
    }

    pub(super) fn id(&self, index: u32) -> Option<CheckId> {
        let slot = self.slots.get(index as usize)?;
        Some(CheckId { index, generation: slot.generation })
    }

    /// How many there are or were at once.
    pub(super) fn capacity(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn children_mut(&mut self) -> impl Iterator<Item = &mut Child> {
        self.slots.iter_mut().filter_map(|slot| {
            let State::Running(Run { doing: Doing::Program(child), .. }) = &mut slot.state else {
                return None;
            };
            Some(&mut **child)
        })
    }
}
