//! Reads bytes as the client does.

/// Reads a datagram of a netlink socket in every way the crate does.
pub fn read_netlink(datagram: &[u8]) {
    std::hint::black_box(crate::message::read_everything(datagram));
}

/// Reads a text as a table, and what that prints again.
pub fn read_table(text: &str) {
    if let Ok(table) = text.parse::<crate::Table>() {
        assert_eq!(table.to_string().parse(), Ok(table));
    }
}
