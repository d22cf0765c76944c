/// What an [`Engine`](super::Engine) has done since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Calls of `turn`.
    pub turns: u64,
    /// Runs that were started, local failures to start included.
    pub started: u64,
    /// Runs that have ended.
    pub ended: u64,
    /// Of these: nothing came before the deadline.
    pub timed_out: u64,
    /// Of these: the deadline passed while the engine was not run, so that they say nothing.
    pub held_up: u64,
    /// Of these: failed on this host.
    pub local_failures: u64,
    /// Runs that had to wait because enough of their class were in flight.
    pub queued: u64,
}
