use alloc::vec::Vec;

use crate::Instant;

/// The deadlines of many virtual routers, the earliest at hand: a heap of four children each that knows where each one is.
///
/// Memory is taken when a virtual router is added, never when a deadline moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadlineQueue {
    /// Each entry is due no later than its children, those from 4n + 1 to 4n + 4.
    heap: Vec<(Instant, usize)>,
    /// Where in the heap the entry of each virtual router is; [`NOWHERE`] if it has none.
    places: Vec<usize>,
}

impl DeadlineQueue {
    /// Makes room for one more virtual router, and returns its number.
    pub(crate) fn add(&mut self) -> usize {
        self.places.push(NOWHERE);
        self.heap.reserve(self.places.len() - self.heap.len());
        self.places.len() - 1
    }

    /// Returns the earliest deadline and whose it is. That one may have moved since: see [`hasten`](Self::hasten).
    #[inline]
    pub(crate) fn earliest(&self) -> Option<(Instant, usize)> {
        self.heap.first().copied()
    }

    /// Notes a deadline that may have moved: at once if it is earlier than before. One that is later is found to be so when the
    /// earlier moment comes up, for a Backup's moves with every packet and is hardly ever reached.
    #[inline]
    pub(crate) fn hasten(&mut self, whose: usize, deadline: Option<Instant>) {
        let place = self.places.get(whose).copied().unwrap_or(NOWHERE);
        let queued = self.heap.get(place).map(|(queued, _)| *queued);
        if let Some(deadline) = deadline
            && queued.is_none_or(|queued| deadline < queued)
        {
            self.set(whose, Some(deadline));
        }
    }

    /// Sets, moves or removes the deadline of a virtual router.
    pub(crate) fn set(&mut self, whose: usize, deadline: Option<Instant>) {
        let place = self.places.get(whose).copied().unwrap_or(NOWHERE);
        match (self.heap.get(place), deadline) {
            (None, None) => {}
            (None, Some(deadline)) => {
                self.heap.push((deadline, whose));
                self.rise(self.heap.len() - 1, (deadline, whose));
            }
            (Some((was, _)), Some(deadline)) if deadline < *was => self.rise(place, (deadline, whose)),
            (Some(_), Some(deadline)) => self.sink(place, (deadline, whose)),
            (Some(_), None) => self.remove(place, whose),
        }
    }

    fn remove(&mut self, place: usize, whose: usize) {
        self.note_place(whose, NOWHERE);
        let Some(last) = self.heap.pop() else { return };
        if place < self.heap.len() {
            // It comes from the bottom, but perhaps from under another parent.
            self.sink(place, last);
            let place = self.places.get(last.1).copied().unwrap_or(NOWHERE);
            self.rise(place, last);
        }
    }

    /// Puts an entry where a place is free, or above it: those that are due later move down.
    fn rise(&mut self, mut place: usize, entry: (Instant, usize)) {
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
    fn sink(&mut self, mut place: usize, entry: (Instant, usize)) {
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

    fn put(&mut self, place: usize, entry: (Instant, usize)) {
        if let Some(slot) = self.heap.get_mut(place) {
            *slot = entry;
            self.note_place(entry.1, place);
        }
    }

    fn note_place(&mut self, whose: usize, place: usize) {
        if let Some(slot) = self.places.get_mut(whose) {
            *slot = place;
        }
    }
}

const CHILDREN: usize = 4;
const NOWHERE: usize = usize::MAX;

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn agrees_with_a_plain_list(
            steps in prop::collection::vec((0usize..20, prop::option::of(0u64..50)), 0..200),
        ) {
            let mut queue = DeadlineQueue::default();
            let mut plain = [None; 20];
            for whose in 0..20 {
                prop_assert_eq!(queue.add(), whose);
            }
            for (whose, deadline) in steps {
                let deadline = deadline.map(|secs| Instant::from_epoch(Duration::from_secs(secs)));
                queue.set(whose, deadline);
                plain[whose] = deadline;
                prop_assert_eq!(queue.earliest().map(|(deadline, _)| deadline), plain.iter().flatten().min().copied());
                if let Some((deadline, whose)) = queue.earliest() {
                    prop_assert_eq!(plain[whose], Some(deadline));
                }
                for (whose, place) in queue.places.iter().enumerate() {
                    prop_assert_eq!(queue.heap.get(*place).copied(), plain[whose].map(|at| (at, whose)));
                }
            }
        }
    }
}
