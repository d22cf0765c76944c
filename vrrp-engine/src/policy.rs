//! The switches of a virtual router: what it does where the RFCs, their errata, keepalived and operators differ.

use core::time::Duration;

/// Whether, and when, a Backup takes over from a live Master of lower priority: RFC 3768's Preempt_Mode and what became of
/// it.
///
/// The owner of the addresses (priority 255) preempts whatever this says, as the RFCs ask. A Master that falls silent or
/// gives up its office is replaced without any of these delays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Preempt {
    /// It takes over a Master_Down_Interval after it has started or was last outranked. RFC 3768's default.
    #[default]
    Allow,
    /// It waits until that Master is gone.
    Forbid,
    /// It takes over once that Master has been worse for so long: RFC 8347's `hold-time`.
    ///
    /// The time starts when this router, as Backup, first hears an advertisement of lower priority than its own; one of equal
    /// or higher priority stops it. When it is over, this router takes over at once, but never sooner than with
    /// [`Allow`](Self::Allow).
    HoldTime(Duration),
    /// keepalived's `preempt_delay`: the time starts and stops as [`HoldTime`](Self::HoldTime)'s; when it is over, that
    /// Master's advertisements are no longer taken for a sign of life, and the Master_Down_Interval since the last one that
    /// was runs out. So it takes over up to a Master_Down_Interval later.
    Delay(Duration),
}

/// Whether a Master that gives way to a better one sends a last advertisement with its own priority.
///
/// After a split that left two Masters, only the loser can know that neighbours may have learned the wrong one: the
/// winner stays Master and, by RFC 3768, says nothing. Told by this last advertisement, it announces the addresses
/// again, and no neighbour keeps sending to the loser. keepalived, as the winner, does likewise; as the loser it says
/// nothing unless it is configured with `higher_prio_send_advert`. It is one packet that RFC 3768 does not ask for, and
/// that its routers discard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it is sent or it is not")]
pub enum Farewell {
    /// It does.
    #[default]
    Send,
    /// It falls silent at once, to the letter of RFC 3768 §6.4.3.
    Omit,
}

/// Whether a Master that hears a worse one advertises at once, to make it give way sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it answers or it does not")]
pub enum Reassert {
    /// It does: RFC 9568 §6.4.3. The beat of its advertisements stays as it is.
    Advertise,
    /// It does not: RFC 3768 §6.4.3, and keepalived's `lower_prio_no_advert`.
    Stay,
}

/// Whether a Master that does not own the addresses accepts packets to them: RFC 9568's Accept_Mode. It is for the caller to
/// carry out: [`Acquire`](crate::Acquire) says it with each order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the RFC's switch has two positions")]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
pub enum Accept {
    /// It does, as keepalived: a service that listens on the addresses is what they are for.
    #[default]
    Allow,
    /// It does not, the RFCs' default; ARP and neighbour discovery excepted.
    Forbid,
}

/// What becomes of two owners of the same addresses, each of priority 255: a mistake of the operator's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "the RFCs' text, or its erratum")]
pub enum Owners {
    /// The one with the higher address stays Master, the other becomes Backup: an election as between any equals, which
    /// erratum 8298 to RFC 9568 makes possible. An owner gives way to nobody else.
    #[default]
    Elect,
    /// An owner discards all advertisements (RFC 3768 §7.1): both stay Masters.
    Ignore,
}

/// What becomes of a router that was not run for so long that another may have taken over: a stopped guest, a machine that
/// stood still.
///
/// For a Master that is the case when Master_Down_Interval of the best possible Backup has passed since it last
/// advertised; for a Backup, when every other would have taken over, had the Master fallen silent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it asserts itself or it does not")]
pub enum OnPause {
    /// It listens for a Master_Down_Interval first, as Backup, without a word: who holds the addresses now keeps them or is
    /// preempted by the rules. A router without others is away for that long. It does so once for each pause: a Backup that is
    /// late again after that takes over, unless it was not run for a whole Master_Down_Interval. A Master that is always later
    /// than about three of its intervals cannot stay Master.
    #[default]
    StepBack,
    /// It goes on as if nothing had happened: the RFCs' machine. There may be two Masters until one has heard the other.
    GoOn,
}

/// What becomes of a Master that was told that somebody has taken a virtual address off its interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "it stays or it does not")]
pub enum OnAddressLoss {
    /// It gives up its office with priority 0, listens for its Skew_Time, and then comes back and acquires the addresses anew,
    /// unless a Backup of higher priority, which has a shorter one, was there. keepalived's way.
    #[default]
    StepBack,
    /// It stays Master, and acquires and announces the addresses again at once. If somebody else insists, for ever.
    Restore,
}
