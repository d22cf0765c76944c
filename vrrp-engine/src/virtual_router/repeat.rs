//! The same advertisement again: what a Backup receives from a Master that lives, second by second.

use vrrp_proto::{Decoded, Endpoints, Packet};

use super::{Phase, VirtualRouter};
use crate::Instant;

/// An advertisement that a Backup has taken for a sign of life, as it came.
///
/// Whatever was found out about it is true of the next one that is the same byte for byte, as long as state and
/// configuration are what they were: so it is kept with the state, and forgotten with it and with every other packet.
/// What is never the same twice, or must not be (a digest over a sequence number), is not kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Repeat {
    endpoints: Endpoints,
    hop_limit: u8,
    len: u8,
    bytes: [u8; LONGEST],
}

impl Repeat {
    fn of(decoded: &Decoded<'_>) -> Option<Self> {
        let packet = decoded.packet();
        if packet.has_ah() || decoded.trailer.is_some() {
            return None;
        }
        let (endpoints, hop_limit, message) = (packet.endpoints(), packet.hop_limit(), packet.message());
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..message.len())?.copy_from_slice(message);
        Some(Self { endpoints, hop_limit, len: message.len() as u8, bytes })
    }

    #[inline]
    fn is(&self, packet: &Packet<'_>) -> bool {
        self.bytes.get(..self.len.into()) == Some(packet.message())
            && self.hop_limit == packet.hop_limit()
            && self.endpoints == packet.endpoints()
            && !packet.has_ah()
    }
}

impl VirtualRouter {
    /// Takes a packet if it is the last one again, and returns when the Master will be missed now.
    #[inline]
    pub(crate) fn handle_repeated(&mut self, now: Instant, packet: &Packet<'_>) -> Option<Instant> {
        let Phase::Backup(listening) = &mut self.phase else { return None };
        if !listening.repeat.as_ref()?.is(packet) {
            return None;
        }
        let now = self.timeline.advance(now);
        self.stats.advertisement_rcvd += 1;
        listening.master_down_at = now + listening.master_down;
        Some(self.timeline.to_caller(listening.master_down_at))
    }

    /// Keeps a packet that was just followed.
    pub(super) fn keep_repeat(&mut self, decoded: &Decoded<'_>) {
        if let Phase::Backup(listening) = &mut self.phase {
            listening.repeat = Repeat::of(decoded);
        }
    }
}

/// Enough for ten IPv4 addresses in version 2, three of IPv6.
const LONGEST: usize = 56;
