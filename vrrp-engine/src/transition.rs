use core::{fmt, net::IpAddr, time::Duration};

use vrrp_proto::Priority;

use crate::{Fault, RouterId};

/// A change of state, with its reason.
///
/// `Display` says from where to where and why; the alternate form (`{:#}`) adds the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Transition {
    /// The state left.
    pub from: State,
    /// The state entered.
    pub to: State,
    /// Why.
    pub reason: Reason,
    /// What made it happen now.
    pub cause: Cause,
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.reason)?;
        if f.alternate() { write!(f, " ({})", self.cause) } else { Ok(()) }
    }
}

/// The states of a virtual router (RFC 3768 §6.4), and keepalived's Fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "lowercase"))]
#[expect(clippy::exhaustive_enums, reason = "a new state must not go unnoticed in a match")]
pub enum State {
    /// Not started, or shut down: it neither sends nor listens.
    Initialize,
    /// Started, but something that it needs is missing: see [`Fault`]. It neither sends nor listens.
    Fault,
    /// It watches the Master, ready to take over.
    Backup,
    /// It holds the addresses and advertises. RFC 9568 says Active.
    Master,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Initialize => "Initialize",
            Self::Fault => "Fault",
            Self::Backup => "Backup",
            Self::Master => "Master",
        })
    }
}

/// Why a state was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The operator started it.
    Startup,
    /// The operator shut it down.
    Shutdown,
    /// No Master was heard at all for the Master_Down_Interval.
    NoMaster,
    /// The Master fell silent: nothing more from it for the Master_Down_Interval.
    MasterSilent(Peer),
    /// The Master gave up its office with priority 0, and nobody better took over within the Skew_Time.
    MasterReleased(Peer),
    /// There is a Master of lower priority, and this router preempts it.
    LowerPriorityMaster(Peer),
    /// Another Master has a higher priority, or the same priority and a higher address.
    BetterMaster(Peer),
    /// Something that it needs is missing.
    Fault(Fault),
    /// That, the last thing that was missing, is there again.
    Recovered(Fault),
    /// It was not run for so long past its deadline that another may have taken over.
    Overdue(Duration),
    /// Somebody has taken this address off the interface.
    AddressLost(IpAddr),
    /// It follows this member of its sync group.
    SyncGroup(RouterId),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Startup => f.write_str("started"),
            Self::Shutdown => f.write_str("shut down"),
            Self::NoMaster => f.write_str("no Master was heard"),
            Self::MasterSilent(peer) => write!(f, "Master {peer} fell silent"),
            Self::MasterReleased(peer) => write!(f, "Master {} gave up its office", peer.source),
            Self::LowerPriorityMaster(peer) => write!(f, "Master {peer} has a lower priority"),
            Self::BetterMaster(peer) => write!(f, "Master {peer} is better"),
            Self::Fault(fault) => fault.fmt(f),
            Self::Recovered(fault) => write!(f, "no longer so: {fault}"),
            Self::Overdue(lateness) => write!(f, "not run for {lateness:?} past its deadline"),
            Self::AddressLost(address) => write!(f, "{address} was taken off the interface"),
            Self::SyncGroup(RouterId { interface, vrid, .. }) => {
                write!(f, "follows virtual router {vrid} on interface {interface}, of its sync group")
            }
        }
    }
}

/// What made a change of state happen at its moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// An advertisement of this router's.
    Packet(Peer),
    /// A deadline that passed, and how much later it was noticed.
    Timer(Duration),
    /// A verb of the caller's: start, shut down, raise or clear a fault, report what is tracked.
    Caller,
    /// Another virtual router of the sync group.
    SyncGroup,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packet(peer) => write!(f, "advertisement from {peer}"),
            Self::Timer(lateness) => write!(f, "timer, {lateness:?} late"),
            Self::Caller => f.write_str("told so"),
            Self::SyncGroup => f.write_str("sync group"),
        }
    }
}

/// Another router of the group, as its last advertisement showed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Peer {
    /// The address it sends from.
    pub source: IpAddr,
    /// The priority it claims.
    pub priority: Priority,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (priority {})", self.source, self.priority)
    }
}
