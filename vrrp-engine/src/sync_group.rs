//! Virtual routers that are Master together or not at all.

use alloc::vec::Vec;

/// What part a virtual router has in a sync group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Membership {
    Alone,
    /// The one that decides where two groups contend.
    Leader,
    Follower,
}

/// Names a sync group of a [`VrrpRouter`](crate::VrrpRouter).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub(crate) usize);

/// Whether the weights of what its members track count in a sync group: keepalived's `sync_group_tracking_weight`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "they count or they do not")]
pub enum MemberWeights {
    /// They do not, as in keepalived: members that differ in priority would contend. Faults count, and the group's own
    /// trackers.
    #[default]
    Ignore,
    /// They do.
    Apply,
}

/// The members of a sync group, by their places in the router.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    /// The leader first.
    pub(crate) members: Vec<usize>,
    pub(crate) member_weights: MemberWeights,
}
