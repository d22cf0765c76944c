//! Is this server fit to serve?

#![cfg_attr(not(test), warn(clippy::indexing_slicing, clippy::unwrap_used))]

mod dice;
mod guard;
mod health;
mod latency;
mod metrics;
mod monitor;
mod outcome;
mod policy;
mod pool;
mod probe;
mod push;
mod target;
mod words;

pub use guard::judge_silence;
pub use health::{Admin, Evidence, Health, Standing};
pub use latency::LatencyHistogram;
pub use metrics::{CheckLabels, OpenMetrics};
pub use monitor::{Change, LastResult, Monitor, MonitorEvent, MonitorSnapshot, MonitorStats, Reason};
pub use outcome::{Cause, Kind, Layer, Outcome, Verdict, WeightHint};
pub use policy::{
    First, Initial, Jitter, OnDecisive, OnLocalFailure, Policy, PolicyBuilder, PolicyError, Spread, presets,
};
pub use pool::{
    Action, Mode, OnDown, Pool, PoolConfig, PoolConfigBuilder, PoolConfigError, PoolEvent, PoolSnapshot,
    PoolStats, TargetSnapshot,
};
pub use probe::{Probe, Step, Transport};
pub use push::Push;
pub use target::{Rule, Target};
