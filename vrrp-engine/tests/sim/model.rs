//! RFC 3768 §6.4 and RFC 9568 §6.4 written down as plainly as can be. It shares no line with the engine.

use std::{cmp::Ordering, net::IpAddr};

use super::{
    host::{Farewell, OnPause, Preempt, Reassert},
    spec::{Nanos, Role, Version},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    Initialize,
    Backup,
    Master,
}

/// What the RFCs have a router do. The announcements are not modelled: they decide nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Orders {
    /// With this priority.
    pub(crate) advertise: Option<u8>,
    /// To hold the addresses, or to let go of them.
    pub(crate) hold: Option<bool>,
}

/// One virtual router on one host.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    role: Role,
    source: IpAddr,
    pub(crate) state: State,
    /// The Master_Down_Timer of a Backup, the Adver_Timer of a Master.
    pub(crate) timer: Nanos,
    /// When it advertised last.
    advertised: Nanos,
    /// Whether the timer is one that a pause has started.
    was_paused: bool,
    /// Master_Adver_Interval.
    master_interval: Nanos,
}

impl Model {
    pub(crate) const fn new(role: Role, source: IpAddr) -> Self {
        Self {
            role,
            source,
            state: State::Initialize,
            timer: 0,
            advertised: 0,
            was_paused: false,
            master_interval: role.interval(),
        }
    }

    pub(crate) fn startup(&mut self, now: Nanos) -> Orders {
        match self.state {
            State::Initialize if self.role.priority == 255 => self.become_master(now),
            State::Initialize => self.become_backup(now, self.role.interval()),
            State::Backup | State::Master => Orders::default(),
        }
    }

    pub(crate) fn shutdown(&mut self) -> Orders {
        match std::mem::replace(&mut self.state, State::Initialize) {
            State::Master => Orders { advertise: Some(0), hold: Some(false) },
            State::Backup | State::Initialize => Orders::default(),
        }
    }

    /// Time has passed; perhaps more than until the timer.
    pub(crate) fn wake(&mut self, now: Nanos) -> Orders {
        match self.state {
            // All others would have taken over by now, had there been no Master.
            State::Backup if self.is_to_listen(now) => {
                self.timer = now + master_down(&self.role, self.master_interval);
                self.was_paused = true;
                Orders::default()
            }
            State::Backup if now >= self.timer => self.become_master(now),
            State::Master if self.is_overdue(now) => self.become_backup(now, self.role.interval()),
            State::Master if now >= self.timer => {
                // The beat does not drift with lateness, and a missed one is not made up for.
                self.timer += self.role.interval();
                if self.timer <= now {
                    self.timer = now + self.role.interval();
                }
                self.advertise(now)
            }
            State::Initialize | State::Backup | State::Master => Orders::default(),
        }
    }

    /// A packet has passed the receive checks.
    pub(crate) fn hear(&mut self, now: Nanos, from: IpAddr, priority: u8, interval: Nanos) -> Orders {
        if self.is_overdue(now) {
            let orders = self.become_backup(now, self.role.interval());
            self.hear(now, from, priority, interval);
            return orders;
        }
        let better = (priority, from).cmp(&(self.role.priority, self.source)) == Ordering::Greater;
        let preempts = self.role.preempt == Preempt::Allow || self.role.priority == 255;
        match self.state {
            State::Backup if priority == 0 => self.timer = now + skew(&self.role, self.master_interval),
            // It waits for its timer: that is how it preempts.
            State::Backup if preempts && priority < self.role.priority => {}
            State::Backup => {
                self.become_backup(now, interval);
            }
            State::Master if priority == 0 => {
                self.timer = now + self.role.interval();
                return self.advertise(now);
            }
            State::Master if better => {
                let farewell = (self.role.farewell == Farewell::Send).then_some(self.role.priority);
                return Orders { advertise: farewell, ..self.become_backup(now, interval) };
            }
            // Out of turn: the beat stays, and what it proves is counted from the beat.
            State::Master if self.role.reassert == Reassert::Advertise => {
                return Orders { advertise: Some(self.role.priority), hold: None };
            }
            State::Master | State::Initialize => {}
        }
        Orders::default()
    }

    const fn steps_back(&self) -> bool {
        matches!(self.role.on_pause, OnPause::StepBack)
    }

    /// Whether all other Backups would have taken over; once after each pause, unless it is a long one.
    fn is_to_listen(&self, now: Nanos) -> bool {
        let lateness = now.saturating_sub(self.timer);
        let has_listened = self.was_paused && lateness <= master_down(&self.role, self.master_interval);
        self.steps_back() && lateness > self.skew_range() && !has_listened
    }

    /// Whether the best Backup there can be may have taken over: the engine's own policy, no RFC's.
    fn is_overdue(&self, now: Nanos) -> bool {
        let best = Role { priority: 254, ..self.role };
        let patience = master_down(&best, self.role.interval());
        let is_late = now > self.timer && now >= self.advertised + patience;
        self.steps_back() && self.state == State::Master && is_late
    }

    fn skew_range(&self) -> Nanos {
        if self.role.version == Version::V2 { 1_000_000_000 } else { self.master_interval }
    }

    fn become_master(&mut self, now: Nanos) -> Orders {
        self.state = State::Master;
        self.timer = now + self.role.interval();
        Orders { hold: Some(true), ..self.advertise(now) }
    }

    /// Version 2 has but one interval; version 3 learns the Master's.
    fn become_backup(&mut self, now: Nanos, interval: Nanos) -> Orders {
        self.state = State::Backup;
        self.was_paused = false;
        self.master_interval = if self.role.version == Version::V3 { interval } else { self.role.interval() };
        self.timer = now + master_down(&self.role, self.master_interval);
        Orders { advertise: None, hold: Some(false) }
    }

    fn advertise(&mut self, now: Nanos) -> Orders {
        self.advertised = now;
        Orders { advertise: Some(self.role.priority), hold: None }
    }
}

/// Skew_Time.
pub(crate) fn skew(role: &Role, master_interval: Nanos) -> Nanos {
    let whole = if role.version == Version::V2 { 1_000_000_000 } else { master_interval };
    (256 - Nanos::from(role.priority)) * whole / 256
}

/// Master_Down_Interval.
pub(crate) fn master_down(role: &Role, master_interval: Nanos) -> Nanos {
    3 * master_interval + skew(role, master_interval)
}
