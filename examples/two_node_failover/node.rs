//! The process that runs on a node, and how it talks to the stage: JSON, a line for each event, on its output.

use std::{
    io::{self, Write},
    os::fd::AsFd,
    time::Duration,
};

use failover_examples::{Event, Node, Settings, termination_signals};
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};
use vrrp_engine::State;

use crate::Result;

/// A line of a node's output.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Line {
    /// The time by `CLOCK_MONOTONIC`, which all processes of a machine share.
    pub(crate) at: Duration,
    pub(crate) says: Says,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Says {
    Transition { vrid: u8, from: Phase, to: Phase, reason: String },
    Note(String),
}

/// A [`State`] that can be sent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Phase {
    Initialize,
    Fault,
    Backup,
    Master,
}

impl From<State> for Phase {
    fn from(state: State) -> Self {
        match state {
            State::Initialize => Self::Initialize,
            State::Fault => Self::Fault,
            State::Backup => Self::Backup,
            State::Master => Self::Master,
        }
    }
}

impl From<Phase> for State {
    fn from(phase: Phase) -> Self {
        match phase {
            Phase::Initialize => Self::Initialize,
            Phase::Fault => Self::Fault,
            Phase::Backup => Self::Backup,
            Phase::Master => Self::Master,
        }
    }
}

/// Is a node until SIGTERM comes, or until the stage that started it is gone: its input then ends.
pub(crate) fn run(settings: &str) -> Result<()> {
    let settings: Settings = serde_json::from_str(settings)?;
    let signals = termination_signals()?;
    let mut node = Node::open(&settings)?;
    let mut log = |event: Event| {
        // Without anybody to read it, there is nobody to complain to either.
        let _ = say(&event);
    };
    node.start(&mut log)?;
    while !node.wait(&[signals.as_fd(), io::stdin().as_fd()])? {
        node.turn(&mut log)?;
    }
    node.shutdown(&mut log);
    Ok(())
}

fn say(event: &Event) -> Result<()> {
    let now = monotonic()?;
    let (at, says) = match event {
        Event::Transition { vrid, transition, age } => {
            let (from, to, reason) =
                (transition.from.into(), transition.to.into(), transition.reason.to_string());
            (now.saturating_sub(*age), Says::Transition { vrid: vrid.get(), from, to, reason })
        }
        Event::Released(_) | Event::Discarded { .. } | Event::Problem(_) | _ => {
            (now, Says::Note(event.to_string()))
        }
    };
    let mut line = serde_json::to_vec(&Line { at, says })?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;
    Ok(io::stdout().flush()?)
}

/// The time by `CLOCK_MONOTONIC`.
pub(crate) fn monotonic() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}
