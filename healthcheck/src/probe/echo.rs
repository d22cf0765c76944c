use crate::{Cause, Kind, Layer, Outcome, Probe, Step, Transport};

/// Does the host answer a ping (ICMP echo, RFC 792 and RFC 4443 §4)?
///
/// A reply counts if it returns what was sent, of which eight bytes are random: a late one of an earlier run does not.
///
/// The engine sends it over one socket for all hosts of a family. That is allowed to the groups in the sysctl
/// `net.ipv4.ping_group_range` (which is for IPv6 too) and to those with `CAP_NET_RAW`; for anybody else each run is
/// [`Inconclusive`](crate::Verdict::Inconclusive), and says so.
#[derive(Clone, Debug)]
pub struct Echo {
    payload: Box<[u8]>,
    is_sent: bool,
}

impl Echo {
    /// Asks with 56 bytes, as ping(8) does.
    #[must_use]
    pub fn new() -> Self {
        Self::with_payload(56)
    }

    /// Asks with so many bytes, 8 to 65,000: others are taken for the nearest of these.
    ///
    /// A request that is larger than a link's MTU finds links that lose large packets.
    #[must_use]
    pub fn with_payload(length: usize) -> Self {
        let bytes = (0..length.clamp(8, 65_000)).map(|number| number as u8);
        Self { payload: bytes.collect(), is_sent: false }
    }
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Probe for Echo {
    fn transport(&self) -> Transport {
        Transport::Echo
    }

    fn start(&mut self, random: u64) -> Step {
        self.is_sent = false;
        if let Some(cookie) = self.payload.first_chunk_mut() {
            *cookie = random.to_ne_bytes();
        }
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        if self.is_sent { &[] } else { &self.payload }
    }

    fn sent(&mut self, _count: usize) -> Step {
        self.is_sent = true;
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        if *bytes == *self.payload { Step::Done(Outcome::passed(Layer::Network)) } else { Step::Continue }
    }

    fn end(&mut self) -> Step {
        Step::Done(Outcome::failed(Cause::new(Layer::Network, Kind::Closed, 0)))
    }
}
