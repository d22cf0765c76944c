use std::{array, fmt, io::IoSliceMut, os::fd::BorrowedFd};

use super::many::{self, BATCH, Envelope};

/// Buffers for the packets that one call of [`VrrpSocket::recv_batch`](super::VrrpSocket::recv_batch) takes, to be used again
/// and again, for any socket.
pub struct ReceiveBatch {
    bytes: Box<[u8]>,
    packet_len: usize,
    envelopes: Box<[Envelope; BATCH]>,
    /// How many packets came last.
    received: usize,
}

impl ReceiveBatch {
    /// How many packets there is room for.
    pub const PACKETS: usize = BATCH;

    /// Makes room for [`PACKETS`](Self::PACKETS) packets of up to so many bytes each, the IPv4 header included. This is the
    /// only time it allocates.
    pub fn new(packet_len: usize) -> Self {
        let packet_len = packet_len.clamp(1, LONGEST_PACKET);
        Self {
            bytes: vec![0; packet_len * BATCH].into(),
            packet_len,
            envelopes: Box::new([Envelope::EMPTY; BATCH]),
            received: 0,
        }
    }

    /// Tells whether the last call that received into it had room for no more: there may be more then.
    pub fn was_filled(&self) -> bool {
        self.received == BATCH
    }

    /// Fills it, and returns what has come: each envelope with the whole buffer its packet was to fit into.
    pub(super) fn fill<'b>(
        &'b mut self,
        socket: BorrowedFd<'_>,
    ) -> nix::Result<impl Iterator<Item = (&'b Envelope, &'b [u8])> + use<'b>> {
        let mut buffers = self.bytes.chunks_exact_mut(self.packet_len);
        let buffers = array::from_fn(|_| IoSliceMut::new(buffers.next().unwrap_or_default()));
        self.received = 0;
        self.received = many::receive(socket, buffers, &mut self.envelopes)?;
        Ok(self.envelopes.iter().zip(self.bytes.chunks_exact(self.packet_len)).take(self.received))
    }
}

impl fmt::Debug for ReceiveBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiveBatch").field("packet_len", &self.packet_len).finish_non_exhaustive()
    }
}

/// What the length fields of IPv4 and IPv6 can say.
const LONGEST_PACKET: usize = 65535;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_length_is_taken_for_the_nearest_there_is() {
        for (asked, room) in [(0, 1), (2048, 2048), (usize::MAX, 65535)] {
            let batch = ReceiveBatch::new(asked);

            assert_eq!(batch.bytes.chunks_exact(room).len(), ReceiveBatch::PACKETS);
        }
    }
}
