use alloc::vec::Vec;

use crate::Instant;

/// The deadlines of many virtual routers, the earliest at hand: a binary heap that knows where each one is.
///
/// Memory is taken when a virtual router is added, never when a deadline moves.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadlineQueue {
    /// Each entry is due no later than its children, those at 2n + 1 and 2n + 2.
    heap: Vec<(Instant, usize)>,
    /// Where in the heap the entry of each virtual router is.
    places: Vec<Option<usize>>,
}

impl DeadlineQueue {
    /// Makes room for one more virtual router, and returns its number.
    pub(crate) fn add(&mut self) -> usize {
        self.places.push(None);
        self.heap.reserve(self.places.len() - self.heap.len());
        self.places.len() - 1
    }

    /// Returns the earliest deadline and whose it is.
    pub(crate) fn earliest(&self) -> Option<(Instant, usize)> {
        self.heap.first().copied()
    }

    /// Sets, moves or removes the deadline of a virtual router.
    pub(crate) fn set(&mut self, whose: usize, deadline: Option<Instant>) {
        let place = self.places.get(whose).copied().flatten();
        match (place, deadline) {
            (None, None) => {}
            (None, Some(deadline)) => {
                self.heap.push((deadline, whose));
                self.settle(self.heap.len() - 1);
            }
            (Some(place), Some(deadline)) => {
                if let Some(entry) = self.heap.get_mut(place) {
                    entry.0 = deadline;
                }
                self.settle(place);
            }
            (Some(place), None) => {
                self.heap.swap_remove(place);
                self.note_place(whose, None);
                if place < self.heap.len() {
                    self.settle(place);
                }
            }
        }
    }

    /// Moves an entry up or down to where it belongs.
    fn settle(&mut self, mut place: usize) {
        while place > 0 && self.due(place) < self.due((place - 1) / 2) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let (left, right) = (2 * place + 1, 2 * place + 2);
            let sooner = if self.due(right) < self.due(left) { right } else { left };
            if self.due(place) <= self.due(sooner) {
                break;
            }
            self.swap(place, sooner);
            place = sooner;
        }
        if let Some(&(_, whose)) = self.heap.get(place) {
            self.note_place(whose, Some(place));
        }
    }

    /// Orders an entry that is not there behind all that are.
    fn due(&self, place: usize) -> (bool, Option<Instant>) {
        let deadline = self.heap.get(place).map(|&(deadline, _)| deadline);
        (deadline.is_none(), deadline)
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for place in [one, other] {
            if let Some(&(_, whose)) = self.heap.get(place) {
                self.note_place(whose, Some(place));
            }
        }
    }

    fn note_place(&mut self, whose: usize, place: Option<usize>) {
        if let Some(entry) = self.places.get_mut(whose) {
            *entry = place;
        }
    }
}

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
                    prop_assert_eq!(place.map(|place| queue.heap[place]), plain[whose].map(|at| (at, whose)));
                }
            }
        }
    }
}
