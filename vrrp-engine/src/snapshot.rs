use core::{fmt, net::IpAddr, time::Duration};

use vrrp_proto::{Addresses, AdvertInterval, Priority, Version, Vrid};

use crate::{Fault, Faults, Reason, State, Stats, Transition, VirtualRouter};

/// All that there is to know of a virtual router at a moment: the operational state of RFC 8347, and what it lacks.
///
/// With the feature `serde` it can be written as JSON or anything else, in RFC 8347's units where it has the value. Dates are the caller's: `discontinuity-datetime` is when it
/// made the virtual router.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub struct Snapshot<'a> {
    /// The virtual router's number.
    pub vrid: Vrid,
    /// The version of the protocol.
    pub version: Version,
    /// The state.
    pub state: State,
    /// Whether this router owns the addresses.
    pub is_owner: bool,
    /// The priority configured.
    pub priority: Priority,
    /// The priority advertised: with the weights of what is tracked.
    pub effective_priority: Priority,
    /// Where the last advertisement taken came from, as Backup.
    pub last_adv_source: Option<IpAddr>,
    /// How long it has been in this state; `None` before it was started. In data, in seconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "seconds"))]
    pub in_state_for: Option<Duration>,
    /// The Master_Adver_Interval; in data, in milliseconds.
    pub master_adv_interval: AdvertInterval,
    /// The Master_Down_Interval; in data, in hundredths of a second.
    #[cfg_attr(feature = "serde", serde(serialize_with = "centiseconds"))]
    pub master_down_interval: Duration,
    /// The Skew_Time; in data, in microseconds.
    #[cfg_attr(feature = "serde", serde(serialize_with = "microseconds"))]
    pub skew_time: Duration,
    /// What happened last.
    pub last_event: LastEvent,
    /// How this router became Master.
    pub new_master_reason: NewMasterReason,
    /// Why it is in state Fault.
    pub faults: Faults,
    /// The virtual addresses.
    pub addresses: Addresses<'a>,
    /// The counters.
    pub statistics: Stats,
}

impl<'a> Snapshot<'a> {
    pub(crate) fn new(
        router: &'a VirtualRouter,
        in_state_for: Option<Duration>,
        last: Option<Transition>,
    ) -> Self {
        let config = router.config();
        Self {
            vrid: config.vrid(),
            version: config.version(),
            state: router.state(),
            is_owner: config.priority().is_owner(),
            priority: config.priority(),
            effective_priority: router.priority(),
            last_adv_source: router.master().map(|peer| peer.source),
            in_state_for,
            master_adv_interval: router.master_interval(),
            master_down_interval: router.master_down_interval(),
            skew_time: router.skew_time(),
            last_event: last.map_or(LastEvent::None, |last| LastEvent::of(last.reason)),
            new_master_reason: NewMasterReason::of(router.state(), last),
            faults: router.faults(),
            addresses: config.addresses(),
            statistics: router.stats(),
        }
    }
}

/// A line for a log.
impl fmt::Display for Snapshot<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { vrid, state, effective_priority, .. } = self;
        write!(f, "virtual router {vrid}: {state}, priority {effective_priority}")?;
        if let Some(source) = self.last_adv_source {
            write!(f, ", Master {source}")?;
        }
        if let Some(in_state_for) = self.in_state_for {
            write!(f, ", for {in_state_for:.1?}")?;
        }
        self.faults.iter().try_for_each(|fault| write!(f, ", {fault}"))
    }
}

/// The last event, as RFC 8347 tells them apart (`last-event`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum LastEvent {
    /// Nothing has happened.
    None,
    /// It was started.
    Startup,
    /// It was shut down.
    Shutdown,
    /// Another router is better.
    HigherPriorityBackup,
    /// The Master was not heard in time, or gave up its office.
    MasterTimeout,
    /// The interface came up.
    InterfaceUp,
    /// The interface went down.
    InterfaceDown,
    /// The interface lost its last address.
    NoPrimaryIpAddress,
    /// The interface got an address.
    PrimaryIpAddress,
    /// A Master of lower priority was preempted.
    LowerPriorityMaster,
    /// A virtual address was lost, which RFC 8347 has no word for.
    VirtualAddressLost,
    /// It was not run in time, which RFC 8347 has no word for.
    Paused,
    /// Something tracked has failed or recovered, which RFC 8347 has no word for.
    Tracking,
    /// It followed its sync group, which RFC 8347 has no word for.
    SyncGroup,
}

impl LastEvent {
    const fn of(reason: Reason) -> Self {
        match reason {
            Reason::Startup => Self::Startup,
            Reason::Shutdown => Self::Shutdown,
            Reason::NoMaster | Reason::MasterSilent(_) | Reason::MasterReleased(_) => Self::MasterTimeout,
            Reason::LowerPriorityMaster(_) => Self::LowerPriorityMaster,
            Reason::BetterMaster(_) => Self::HigherPriorityBackup,
            Reason::Fault(Fault::InterfaceDown) => Self::InterfaceDown,
            Reason::Recovered(Fault::InterfaceDown) => Self::InterfaceUp,
            Reason::Fault(Fault::NoSourceAddress) => Self::NoPrimaryIpAddress,
            Reason::Recovered(Fault::NoSourceAddress) => Self::PrimaryIpAddress,
            Reason::Fault(Fault::SyncGroup) | Reason::Recovered(Fault::SyncGroup) | Reason::SyncGroup(_) => {
                Self::SyncGroup
            }
            Reason::Fault(Fault::Tracker | Fault::DuplicateVrid | Fault::Operator)
            | Reason::Recovered(Fault::Tracker | Fault::DuplicateVrid | Fault::Operator) => Self::Tracking,
            Reason::Overdue(_) => Self::Paused,
            Reason::AddressLost(_) => Self::VirtualAddressLost,
        }
    }
}

/// How this router became Master (RFC 8347's `new-master-reason`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum NewMasterReason {
    /// It is not Master.
    NotMaster,
    /// It owns the addresses.
    Priority,
    /// It preempted another.
    Preempted,
    /// There was no other, or it fell silent.
    NoResponse,
}

impl NewMasterReason {
    const fn of(state: State, last: Option<Transition>) -> Self {
        match (state, last) {
            (State::Master, Some(Transition { reason: Reason::LowerPriorityMaster(_), .. })) => {
                Self::Preempted
            }
            (State::Master, Some(Transition { reason: Reason::Startup | Reason::Recovered(_), .. })) => {
                Self::Priority
            }
            (State::Master, _) => Self::NoResponse,
            (State::Initialize | State::Fault | State::Backup, _) => Self::NotMaster,
        }
    }
}

#[cfg(feature = "serde")]
fn seconds<S: serde::Serializer>(time: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    serde::Serialize::serialize(&time.map(|time| time.as_secs_f64()), serializer)
}

#[cfg(feature = "serde")]
fn centiseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_millis() as u64 / 10)
}

#[cfg(feature = "serde")]
fn microseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_micros() as u64)
}
