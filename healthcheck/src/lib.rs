//! Is this server fit to serve?

#![warn(unsafe_code)]
#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod endpoint;
mod engine;
mod outcome;
mod probe;

pub use endpoint::{Close, Endpoint};
#[cfg(feature = "tokio")]
pub use engine::AsyncEngine;
pub use engine::{Budget, Check, CheckId, Ended, Engine, EngineError, Event, Limits, Stats, Turn};
pub use outcome::{Cause, Kind, Layer, Outcome, Verdict, WeightHint};
pub use probe::{Class, Echo, ExitMap, Expect, Pattern, PatternError, Probe, Script, Step, Tcp, Transport};
