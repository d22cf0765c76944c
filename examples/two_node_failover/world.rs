//! What a stage must be able to do, and what can be seen on it.

use std::time::Duration;

use vrrp_engine::State;

use crate::Result;

/// A LAN with two nodes and a client that pings every virtual address.
pub(crate) trait World {
    /// The time since the world began.
    fn now(&self) -> Duration;

    /// Waits for the next thing to be seen, until a moment at most.
    fn next(&mut self, until: Duration) -> Result<Option<Seen>>;

    /// Starts the node's process.
    fn start(&mut self, node: usize) -> Result<()>;

    /// Ends it with SIGTERM: it may say goodbye.
    fn stop(&mut self, node: usize) -> Result<()>;

    /// Ends it with SIGKILL: its addresses stay on its interface, and its kernel goes on answering for them.
    fn kill(&mut self, node: usize) -> Result<()>;

    /// Tells whether the node's process is there.
    fn is_running(&self, node: usize) -> bool;

    /// Tells whether the address of a router, by its place in the plan, is on the node's interface.
    fn holds(&self, node: usize, router: usize) -> Result<bool>;

    /// Cuts the cable between the node and the LAN; the node does not notice.
    fn cut(&mut self, node: usize) -> Result<()>;

    /// Mends it.
    fn mend(&mut self, node: usize) -> Result<()>;

    /// How long the machine itself stood still between two moments: nobody's fault on this stage.
    fn stalled(&self, from: Duration, to: Duration) -> Duration;

    /// Writes what is left to be written.
    fn finish(&mut self) -> Result<()>;
}

/// Something that happened on a node, or was seen at the client's end of the LAN.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// When, since the world began.
    pub(crate) at: Duration,
    /// The node it is about, or [`CLIENT`](crate::plan::CLIENT).
    pub(crate) node: usize,
    pub(crate) what: What,
}

impl Seen {
    /// Tells whether it is an advertisement of that router by that node.
    pub(crate) fn is_advertisement(&self, router: usize, node: usize) -> bool {
        self.node == node && matches!(self.what, What::Advertisement { router: of, .. } if of == router)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    /// An advertisement of a virtual router, by its place in the plan.
    Advertisement { router: usize, priority: u8 },
    /// A ping of its address by the client.
    Ping { router: usize, number: u64 },
    /// The answer to one.
    Reply { router: usize, number: u64 },
    /// A change of its state, as the node tells it.
    Transition { router: usize, from: State, to: State, reason: String },
    /// Its process is gone.
    Gone,
    /// Anything else the node has to say.
    Note(String),
}

/// The person at the keyboard has had enough.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; everything is cleaned up")
    }
}

impl std::error::Error for Interrupted {}
