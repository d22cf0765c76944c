//! What went through a service or to a destination.

/// Counters of a service or a destination, from when it was added or last zeroed.
///
/// The kernel takes them together every 2 seconds, and has the rates from there. What goes back to the client does not pass
/// the director with direct routing and tunnels, and is not counted then.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Stats {
    /// Connections scheduled.
    pub connections: u64,
    /// Packets from clients.
    pub incoming_packets: u64,
    /// Packets to clients.
    pub outgoing_packets: u64,
    /// Bytes from clients.
    pub incoming_bytes: u64,
    /// Bytes to clients.
    pub outgoing_bytes: u64,
    /// Connections per second.
    pub connection_rate: u64,
    /// Packets from clients per second.
    pub incoming_packet_rate: u64,
    /// Packets to clients per second.
    pub outgoing_packet_rate: u64,
    /// Bytes from clients per second.
    pub incoming_byte_rate: u64,
    /// Bytes to clients per second.
    pub outgoing_byte_rate: u64,
}

/// How many connections a destination has.
#[derive(Copy, Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Connections {
    /// Established ones; of UDP there are none.
    pub active: u32,
    /// All others that the kernel still knows.
    pub inactive: u32,
    /// Clients that persistence has bound to it.
    pub persistent: u32,
}
