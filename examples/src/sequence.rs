use std::time::{SystemTime, UNIX_EPOCH};

use vrrp_proto::AH_PROTOCOL;

/// The sequence numbers of Authentication Headers: each greater than all before, of this process and of the ones before it,
/// and than those that peers have sent, or have gone on to send where they could not be heard.
///
/// keepalived has one counter for what it sends and what it hears, drops what is not above it, and adds one for each
/// advertisement. So a number is the seconds since 1970, and above the last. A peer that has sent more often than once a
/// second is ahead of the clock, and after a split would not hear who is not: so what is sent keeps ahead of the clock by what
/// any peer was, and a little more.
#[derive(Debug, Default)]
pub struct Sequence {
    last: u32,
    /// How far any peer was ahead of the clock, and the margin.
    lead: u32,
}

impl Sequence {
    /// Returns the next number. After `u32::MAX`, in 2106, there is none: the key is to be changed before.
    pub fn advance(&mut self) -> u32 {
        self.next_at(seconds_since_1970())
    }

    /// Notes the number of a datagram that was found authentic.
    pub fn heard(&mut self, datagram: &[u8]) {
        self.heard_at(number_of(datagram).unwrap_or_default(), seconds_since_1970());
    }

    fn next_at(&mut self, clock: u32) -> u32 {
        self.last = self.last.saturating_add(1).max(clock.saturating_add(self.lead));
        self.last
    }

    fn heard_at(&mut self, number: u32, clock: u32) {
        if let Some(ahead) = number.checked_sub(clock) {
            self.lead = self.lead.max(ahead.saturating_add(MARGIN));
        }
    }
}

/// Reads the sequence number of an Authentication Header, behind the IPv4 header (RFC 2402 §2).
fn number_of(datagram: &[u8]) -> Option<u32> {
    let (first, protocol) = (datagram.first()?, datagram.get(9)?);
    let header = datagram.get(usize::from(first & 0xf) * 4..)?;
    let number = header.get(8..)?.first_chunk()?;
    (*protocol == AH_PROTOCOL).then(|| u32::from_be_bytes(*number))
}

fn seconds_since_1970() -> u32 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.as_secs().try_into().unwrap_or(u32::MAX)
}

/// For fractions of a second, here and at the peer's.
const MARGIN: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_above_the_clock_and_the_last() {
        let mut sequence = Sequence::default();
        assert_eq!([100, 100, 103, 90].map(|clock| sequence.next_at(clock)), [100, 101, 103, 104]);
    }

    #[test]
    fn a_peer_ahead_of_the_clock_stays_behind_even_unheard() {
        let mut sequence = Sequence::default();
        sequence.heard_at(7, 100);
        assert_eq!(sequence.next_at(100), 100, "a peer that has just begun is no reason to hurry");
        sequence.heard_at(105, 101);
        // Unheard, it goes on once a second: 109 by now.
        assert_eq!(sequence.next_at(105), 111);
        sequence.heard_at(u32::MAX, 106);
        assert_eq!(sequence.next_at(107), u32::MAX);
    }
}
