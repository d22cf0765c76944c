//! Is this server fit to serve?

#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod outcome;
mod probe;

pub use outcome::{Cause, Kind, Layer, Outcome, Verdict, WeightHint};
pub use probe::{Probe, Step, Transport};
