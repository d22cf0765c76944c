use std::{
    fmt::{self, Display, Write},
    time::{Duration, Instant, SystemTime},
};

use crate::{Health, LatencyHistogram, Mode, Monitor, MonitorSnapshot, Pool, PoolSnapshot, TargetSnapshot};

mod label;

use label::Escaped;

/// Writes what checks and pools have come to in the OpenMetrics text format, 1.0.
///
/// Each method may be called once, for a family of metrics must stand in one piece; so all checks go into one call. Labels are
/// names of the caller's and nothing else, so that their number is bounded.
///
/// ```
/// use std::time::{Instant, SystemTime};
/// use healthcheck::{CheckLabels, Layer, Monitor, OpenMetrics, Outcome, Policy};
///
/// let now = Instant::now();
/// let mut monitor = Monitor::new(Policy::default(), 0);
/// monitor.handle_outcome(now, &Outcome::passed(Layer::Network));
///
/// let mut metrics = OpenMetrics::new(String::new(), now, SystemTime::now());
/// metrics.checks([(CheckLabels { target: "web1", check: "port 80", kind: "tcp" }, &monitor)])?;
/// let text = metrics.finish()?;
/// assert!(text.contains("health_up{target=\"web1\",check=\"port 80\",kind=\"tcp\"} 1\n"));
/// assert!(text.ends_with("# EOF\n"));
/// # Ok::<(), std::fmt::Error>(())
/// ```
#[derive(Debug)]
pub struct OpenMetrics<W> {
    out: W,
    now: Instant,
    /// The same moment, since 1970.
    unix: Duration,
}

/// What a check is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "these three, or dashboards break")]
pub struct CheckLabels<'a> {
    /// Whom it looks at.
    pub target: &'a str,
    /// Which of the target's checks it is.
    pub check: &'a str,
    /// What kind of check it is: `tcp`, `http`.
    pub kind: &'a str,
}

impl<W: Write> OpenMetrics<W> {
    /// Begins; `now` and `wall_clock` are the same moment.
    pub fn new(out: W, now: Instant, wall_clock: SystemTime) -> Self {
        let unix = wall_clock.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self { out, now, unix }
    }

    /// Writes what is known of each check.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn checks<'a, I>(&mut self, checks: I) -> fmt::Result
    where
        I: IntoIterator<Item = (CheckLabels<'a>, &'a Monitor), IntoIter: Clone>,
    {
        let checks = checks.into_iter().map(|(labels, monitor)| (labels, monitor.snapshot()));
        self.gauges(UP, checks.clone(), |check| Some(u8::from(check.health.serves())))?;
        self.gauges(STATE, checks.clone(), |check| Some(state(check.health)))?;
        self.results(checks.clone())?;
        self.transitions(checks.clone())?;
        self.family(CONSECUTIVE)?;
        for (labels, check) in checks.clone() {
            for (result, count) in [("pass", check.passes), ("fail", check.failures)] {
                writeln!(self.out, "{}{{{labels},result=\"{result}\"}} {count}", CONSECUTIVE.name)?;
            }
        }
        let (now, unix) = (self.now, self.unix);
        let date = move |at: Instant| Seconds(unix.saturating_sub(now.saturating_duration_since(at)));
        self.gauges(LAST_CHECK, checks.clone(), |check| check.last.map(|(at, _)| date(at)))?;
        self.gauges(LAST_CHANGE, checks.clone(), |check| check.changed_at.map(date))?;
        self.gauges(NOT_AFTER, checks, |check| {
            let end = check.last?.1.certificate_ends?;
            Some(Seconds(end.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()))
        })
    }

    /// Writes what is known of each pool and of its targets.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn pools<'a, I, K, C>(&mut self, pools: I) -> fmt::Result
    where
        I: IntoIterator<Item = (&'a str, &'a Pool<K, C>), IntoIter: Clone>,
        K: Copy + Ord + Display + 'a,
        C: Copy + Ord + 'a,
    {
        let pools = pools.into_iter();
        let targets =
            || pools.clone().flat_map(|(name, pool)| pool.targets().map(move |target| (name, target)));
        self.targets(TARGET_STATE, targets(), |target| state(target.health).into())?;
        self.targets(WEIGHT, targets(), |target| target.entry.unwrap_or_default().into())?;
        self.of_pools(POOL_WEIGHT, "", pools.clone(), |pool| pool.weight)?;
        self.of_pools(POOL_QUORUM, "", pools.clone(), |pool| pool.needed)?;
        self.of_pools(POOL_QUORUM_UP, "", pools.clone(), |pool| pool.has_quorum.into())?;
        self.of_pools(POOL_FALLBACK, "", pools.clone(), |pool| (pool.mode == Mode::Fallback).into())?;
        self.of_pools(POOL_PANIC, "", pools.clone(), |pool| (pool.mode == Mode::Panic).into())?;
        self.of_pools(POOL_UNKNOWN, "", pools.clone(), |pool| pool.unknown.into())?;
        self.of_pools(POOL_LOSSES, "_total", pools, |pool| pool.stats.quorum_losses)
    }

    /// Writes how long runs took, for each kind of check.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn latencies<'a>(
        &mut self,
        latencies: impl IntoIterator<Item = (&'a str, &'a LatencyHistogram)>,
    ) -> fmt::Result {
        self.family(LATENCY)?;
        let name = LATENCY.name;
        for (kind, latency) in latencies {
            let kind = Escaped(kind);
            for (bound, count) in latency.buckets() {
                writeln!(self.out, "{name}_bucket{{kind=\"{kind}\",le=\"{}\"}} {count}", Seconds(bound))?;
            }
            let count = latency.count();
            writeln!(self.out, "{name}_bucket{{kind=\"{kind}\",le=\"+Inf\"}} {count}")?;
            writeln!(self.out, "{name}_count{{kind=\"{kind}\"}} {count}")?;
            writeln!(self.out, "{name}_sum{{kind=\"{kind}\"}} {}", Seconds(latency.sum()))?;
        }
        Ok(())
    }

    /// Writes the end, and returns the writer.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(mut self) -> Result<W, fmt::Error> {
        self.out.write_str("# EOF\n")?;
        Ok(self.out)
    }

    fn family(&mut self, Family { name, kind, help }: Family) -> fmt::Result {
        writeln!(self.out, "# TYPE {name} {kind}")?;
        if name.ends_with("_seconds") {
            writeln!(self.out, "# UNIT {name} seconds")?;
        }
        writeln!(self.out, "# HELP {name} {help}")
    }

    fn gauges<'a, V: Display>(
        &mut self,
        family: Family,
        checks: impl Iterator<Item = (CheckLabels<'a>, MonitorSnapshot)>,
        value: impl Fn(&MonitorSnapshot) -> Option<V>,
    ) -> fmt::Result {
        self.family(family)?;
        for (labels, check) in checks {
            if let Some(value) = value(&check) {
                writeln!(self.out, "{}{{{labels}}} {value}", family.name)?;
            }
        }
        Ok(())
    }

    fn results<'a>(
        &mut self,
        checks: impl Iterator<Item = (CheckLabels<'a>, MonitorSnapshot)>,
    ) -> fmt::Result {
        self.family(CHECKS)?;
        for (labels, MonitorSnapshot { stats, .. }) in checks {
            let counters = [
                ("pass", "passed", stats.passed),
                ("fail", "failed", stats.failed),
                ("fail", "timed_out", stats.timed_out),
                ("inconclusive", "local", stats.failed_locally),
                ("inconclusive", "held_up", stats.held_up),
                ("inconclusive", "other", stats.inconclusive),
            ];
            for (result, cause, count) in counters {
                let name = CHECKS.name;
                writeln!(self.out, "{name}_total{{{labels},result=\"{result}\",cause=\"{cause}\"}} {count}")?;
            }
        }
        Ok(())
    }

    fn transitions<'a>(
        &mut self,
        checks: impl Iterator<Item = (CheckLabels<'a>, MonitorSnapshot)>,
    ) -> fmt::Result {
        self.family(TRANSITIONS)?;
        for (labels, MonitorSnapshot { stats, .. }) in checks {
            for (to, count) in [("up", stats.ups), ("down", stats.downs)] {
                writeln!(self.out, "{}_total{{{labels},to=\"{to}\"}} {count}", TRANSITIONS.name)?;
            }
        }
        Ok(())
    }

    fn targets<'a, K: Display>(
        &mut self,
        family: Family,
        targets: impl Iterator<Item = (&'a str, TargetSnapshot<K>)>,
        value: impl Fn(&TargetSnapshot<K>) -> u64,
    ) -> fmt::Result {
        self.family(family)?;
        for (pool, target) in targets {
            let (name, pool, key) = (family.name, Escaped(pool), Escaped(&target.key));
            writeln!(self.out, "{name}{{pool=\"{pool}\",target=\"{key}\"}} {}", value(&target))?;
        }
        Ok(())
    }

    fn of_pools<'a, K: Copy + Ord + 'a, C: Copy + Ord + 'a>(
        &mut self,
        family: Family,
        suffix: &str,
        pools: impl Iterator<Item = (&'a str, &'a Pool<K, C>)>,
        value: impl Fn(&PoolSnapshot) -> u64,
    ) -> fmt::Result {
        self.family(family)?;
        for (pool, snapshot) in pools.map(|(name, pool)| (Escaped(name), pool.snapshot())) {
            writeln!(self.out, "{}{suffix}{{pool=\"{pool}\"}} {}", family.name, value(&snapshot))?;
        }
        Ok(())
    }
}

impl Display for CheckLabels<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [target, check, kind] = [self.target, self.check, self.kind].map(Escaped);
        write!(f, "target=\"{target}\",check=\"{check}\",kind=\"{kind}\"")
    }
}

/// Seconds as a decimal number, exact to the nanosecond and with a point, as the format wants bounds.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut fraction, mut digits) = (self.0.subsec_nanos(), 9);
        while digits > 1 && fraction % 10 == 0 {
            (fraction, digits) = (fraction / 10, digits - 1);
        }
        write!(f, "{}.{fraction:0digits$}", self.0.as_secs())
    }
}

const fn state(health: Health) -> u8 {
    match health {
        Health::Unknown => 0,
        Health::Up => 1,
        Health::Down => 2,
        Health::Draining => 3,
        Health::Maintenance => 4,
    }
}

#[derive(Clone, Copy)]
struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
}

const fn gauge(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: "gauge", help }
}

const fn counter(name: &'static str, help: &'static str) -> Family {
    Family { name, kind: "counter", help }
}

const UP: Family = gauge("health_up", "Whether the check takes its target for fit to serve.");
const STATE: Family = gauge("health_state", "0 unknown, 1 up, 2 down, 3 draining, 4 maintenance.");
const CHECKS: Family = counter("health_checks", "Runs, by what they found.");
const TRANSITIONS: Family = counter("health_transitions", "Times the target came up or went down.");
const CONSECUTIVE: Family =
    gauge("health_consecutive", "Results in a row that speak against what the target is.");
const LAST_CHECK: Family = gauge("health_last_check_timestamp_seconds", "When the last run ended.");
const LAST_CHANGE: Family = gauge("health_last_change_timestamp_seconds", "When the health last changed.");
const NOT_AFTER: Family =
    gauge("health_tls_not_after_timestamp_seconds", "Until when the certificate is valid that was shown.");
const LATENCY: Family =
    Family { name: "health_check_duration_seconds", kind: "histogram", help: "How long runs took." };
const TARGET_STATE: Family =
    gauge("health_target_state", "A target in its pool: 0 unknown, 1 up, 2 down, 3 draining, 4 maintenance.");
const WEIGHT: Family =
    gauge("health_effective_weight", "The weight that the balancer was told, 0 if not there.");
const POOL_WEIGHT: Family = gauge("health_pool_weight", "The weight that is up.");
const POOL_QUORUM: Family =
    gauge("health_pool_quorum", "The weight that gains the quorum, or below which it is lost.");
const POOL_QUORUM_UP: Family = gauge("health_pool_quorum_up", "Whether there is a quorum.");
const POOL_FALLBACK: Family = gauge("health_pool_fallback", "Whether the fallback serves.");
const POOL_PANIC: Family = gauge("health_pool_panic", "Whether all targets are taken for up.");
const POOL_UNKNOWN: Family = gauge("health_pool_unknown", "Targets that are not known yet.");
const POOL_LOSSES: Family = counter("health_pool_quorum_losses", "Times the quorum was lost.");
