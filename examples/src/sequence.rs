use std::time::{SystemTime, UNIX_EPOCH};

/// The sequence numbers of Authentication Headers: each greater than all before, of this process, of the ones before it,
/// and of whoever was heard.
///
/// keepalived has one counter for what it sends and what it hears, and drops what is not above it. So a number is the seconds
/// since 1970 or one more than the last, whichever is greater; and the last is that of a peer too, for a peer that has
/// sent more often than once a second is ahead of the clock, and would not hear us any more.
#[derive(Debug, Default)]
pub(crate) struct Sequence {
    last: u32,
}

impl Sequence {
    /// Returns the next number. After `u32::MAX`, in 2106, there is none: the key is to be changed before.
    pub(crate) fn next(&mut self) -> u32 {
        self.after(seconds_since_1970())
    }

    /// Notes the number of a packet that was found authentic.
    pub(crate) fn heard(&mut self, number: u32) {
        self.last = self.last.max(number);
    }

    fn after(&mut self, clock: u32) -> u32 {
        self.last = self.last.saturating_add(1).max(clock);
        self.last
    }
}

fn seconds_since_1970() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().try_into().unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_above_the_clock_and_all_that_were_sent_or_heard() {
        let mut sequence = Sequence::default();
        assert_eq!([100, 100, 103, 90].map(|clock| sequence.after(clock)), [100, 101, 103, 104]);
        sequence.heard(200);
        sequence.heard(150);
        assert_eq!([105, 106].map(|clock| sequence.after(clock)), [201, 202]);
        sequence.heard(u32::MAX);
        assert_eq!(sequence.after(107), u32::MAX);
    }
}
