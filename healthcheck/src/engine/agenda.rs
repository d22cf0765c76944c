use super::time::Time;

/// When each check wants to be looked at next, the earliest at hand: a heap of four children each that knows where each one is.
///
/// Memory is taken when a check is added, never when its moment changes.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// Each entry is due no later than its children, those from 4n + 1 to 4n + 4.
    heap: Vec<(Time, u32)>,
    /// Where in the heap the entry of each check is; [`NOWHERE`] if it has none.
    places: Vec<u32>,
}

impl Agenda {
    /// Makes room for checks of numbers below this one.
    pub(super) fn make_room(&mut self, count: usize) {
        if self.places.len() < count {
            self.places.resize(count, NOWHERE);
            self.heap.reserve(count - self.heap.len());
        }
    }

    pub(super) fn earliest(&self) -> Option<(Time, u32)> {
        self.heap.first().copied()
    }

    /// Sets, moves or removes the moment of a check.
    pub(super) fn set(&mut self, whose: u32, time: Option<Time>) {
        let place = self.place(whose);
        match (self.heap.get(place), time) {
            (None, None) => {}
            (None, Some(time)) => {
                self.heap.push((time, whose));
                self.rise(self.heap.len() - 1, (time, whose));
            }
            (Some((was, _)), Some(time)) if time < *was => self.rise(place, (time, whose)),
            (Some(_), Some(time)) => self.sink(place, (time, whose)),
            (Some(_), None) => self.remove(place, whose),
        }
    }

    fn remove(&mut self, place: usize, whose: u32) {
        self.note_place(whose, NOWHERE);
        let Some(last) = self.heap.pop() else { return };
        if place < self.heap.len() {
            // It comes from the bottom, but perhaps from under another parent.
            self.sink(place, last);
            self.rise(self.place(last.1), last);
        }
    }

    /// Puts an entry where a place is free, or above it: those that are due later move down.
    fn rise(&mut self, mut place: usize, entry: (Time, u32)) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            match self.heap.get(parent) {
                Some(above) if above.0 > entry.0 => self.put(place, *above),
                Some(_) | None => break,
            }
            place = parent;
        }
        self.put(place, entry);
    }

    /// Puts an entry where a place is free, or below it: those that are due earlier move up.
    fn sink(&mut self, mut place: usize, entry: (Time, u32)) {
        loop {
            let first = CHILDREN * place + 1;
            let end = self.heap.len().min(first + CHILDREN);
            let children = self.heap.get(first..end).unwrap_or_default();
            let Some((number, child)) = children.iter().enumerate().min_by_key(|(_, (due, _))| *due) else {
                break;
            };
            if child.0 >= entry.0 {
                break;
            }
            let child = *child;
            self.put(place, child);
            place = first + number;
        }
        self.put(place, entry);
    }

    fn put(&mut self, place: usize, entry: (Time, u32)) {
        if let Some(slot) = self.heap.get_mut(place) {
            *slot = entry;
            self.note_place(entry.1, place as u32);
        }
    }

    fn place(&self, whose: u32) -> usize {
        self.places.get(whose as usize).copied().unwrap_or(NOWHERE) as usize
    }

    fn note_place(&mut self, whose: u32, place: u32) {
        if let Some(slot) = self.places.get_mut(whose as usize) {
            *slot = place;
        }
    }
}

const CHILDREN: usize = 4;
const NOWHERE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::{collection::vec, option, prelude::*};

    use super::*;

    proptest! {
        #[test]
        fn the_earliest_is_always_at_hand(changes in vec((0..20_u32, option::of(0..50_u64)), 0..200)) {
            let mut agenda = Agenda::default();
            agenda.make_room(20);
            let mut model = BTreeMap::new();
            for (whose, time) in changes {
                let time = time.map(|time| Time::default().after(Duration::from_nanos(time)));
                agenda.set(whose, time);
                match time {
                    Some(time) => model.insert(whose, time),
                    None => model.remove(&whose),
                };

                let earliest = agenda.earliest();

                prop_assert_eq!(earliest.map(|(time, _)| time), model.values().min().copied());
                prop_assert!(earliest.is_none_or(|(time, whose)| model[&whose] == time));
            }
        }
    }
}
