use core::net::IpAddr;

/// What is remembered of each sender, for up to 16 of them: more than one virtual router has.
///
/// Nobody is pushed out for another one: who could do that with recorded packets could have others' packets taken twice.
#[derive(Clone, Debug)]
pub(crate) struct Senders<T> {
    entries: [Option<(IpAddr, T)>; MOST],
}

impl<T: Copy> Senders<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: [None; MOST] }
    }

    pub(crate) fn get(&self, sender: IpAddr) -> Option<T> {
        self.entries.iter().flatten().find(|(of, _)| *of == sender).map(|(_, value)| *value)
    }

    /// Remembers a value in place of the sender's last one, or in an empty place, or in one that does not matter any more.
    /// Tells whether there was one.
    pub(crate) fn put(&mut self, sender: IpAddr, value: T, matters: impl Fn(T) -> bool) -> bool {
        let is_its = |entry: &Option<(IpAddr, T)>| entry.is_some_and(|(of, _)| of == sender);
        let is_free = |entry: &Option<(IpAddr, T)>| entry.is_none_or(|(_, value)| !matters(value));
        let place = self.entries.iter().position(is_its).or_else(|| self.entries.iter().position(is_free));
        let entry = place.and_then(|place| self.entries.get_mut(place));
        entry.map(|entry| *entry = Some((sender, value))).is_some()
    }

    pub(crate) fn forget(&mut self, sender: IpAddr) {
        for entry in &mut self.entries {
            if entry.is_some_and(|(of, _)| of == sender) {
                *entry = None;
            }
        }
    }
}

pub(crate) const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_pushed_out_but_who_does_not_matter_any_more() {
        let sender = |number: u8| IpAddr::from([10, 0, 0, number]);
        let mut senders = Senders::new();
        for number in 0..16 {
            assert!(senders.put(sender(number), number, |_| true));
        }
        assert!(!senders.put(sender(16), 16, |_| true));
        assert!(senders.put(sender(3), 33, |_| true));
        assert_eq!((senders.get(sender(3)), senders.get(sender(16))), (Some(33), None));

        assert!(senders.put(sender(16), 16, |value| value != 5));
        assert_eq!((senders.get(sender(5)), senders.get(sender(16))), (None, Some(16)));
        senders.forget(sender(0));
        assert!(senders.put(sender(17), 17, |_| true));
        assert_eq!((senders.get(sender(0)), senders.get(sender(17))), (None, Some(17)));
    }
}
