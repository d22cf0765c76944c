//! The OpenMetrics text, read back.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use healthcheck::{CheckLabels, LatencyHistogram, Monitor, OpenMetrics, Pool, PoolConfig, Standing, Target};
use proptest::prelude::*;

use super::{at, exact, fail, held_up, local, monitor, ms, pass, run, up};

type Labels = BTreeMap<String, String>;

/// Reads a text as the format has it: families in one piece, each sample of the family before it; returns the samples.
fn parse(text: &str) -> Vec<(String, Labels, f64)> {
    let body = text.strip_suffix("# EOF\n").expect("an end");
    let mut families: Vec<(String, String)> = Vec::new();
    let mut samples = Vec::new();
    for line in body.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').unwrap();
            assert!(families.iter().all(|(other, _)| other != name), "{name} in two pieces");
            families.push((name.to_owned(), kind.to_owned()));
        } else if let Some(rest) = line.strip_prefix("# HELP ").or(line.strip_prefix("# UNIT ")) {
            let name = rest.split(' ').next().unwrap();
            assert_eq!(families.last().unwrap().0, name);
        } else {
            let (name, labels, value) = sample(line);
            let (family, kind) = families.last().unwrap();
            let suffix = name.strip_prefix(family.as_str()).unwrap_or_else(|| panic!("{name} in {family}"));
            let allowed: &[&str] = match kind.as_str() {
                "gauge" => &[""],
                "counter" => &["_total"],
                _ => &["_bucket", "_count", "_sum"],
            };
            assert!(allowed.contains(&suffix), "{name} in {kind} {family}");
            samples.push((name, labels, value));
        }
    }
    samples
}

fn sample(line: &str) -> (String, Labels, f64) {
    let (name, mut rest) = line.split_once('{').unwrap();
    let mut labels = Labels::new();
    while !rest.starts_with('}') {
        let (label, quoted) = rest.trim_start_matches(',').split_once("=\"").unwrap();
        let (value, after) = unquote(quoted);
        assert_eq!(labels.insert(label.to_owned(), value), None, "{label} twice");
        rest = after;
    }
    (name.to_owned(), labels, rest[1..].trim().parse().unwrap())
}

/// A value up to its closing quote, and what follows.
fn unquote(quoted: &str) -> (String, &str) {
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    while let Some((place, char)) = chars.next() {
        match char {
            '"' => return (value, &quoted[place + 1..]),
            '\\' => value.push(match chars.next().unwrap().1 {
                'n' => '\n',
                escaped => escaped,
            }),
            char => value.push(char),
        }
    }
    panic!("no end of {quoted}");
}

fn check<'a>(target: &'a str, monitor: &'a Monitor) -> (CheckLabels<'a>, &'a Monitor) {
    (CheckLabels { target, check: "main", kind: "tcp" }, monitor)
}

fn unix(secs: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

/// The one value of that name with these labels.
fn value(samples: &[(String, Labels, f64)], name: &str, labels: &[(&str, &str)]) -> f64 {
    let fits =
        |all: &Labels| labels.iter().all(|(label, value)| all.get(*label).is_some_and(|is| is == value));
    let found: Vec<_> = samples.iter().filter(|(other, all, _)| other == name && fits(all)).collect();
    assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
    found[0].2
}

#[test]
fn checks_are_written_as_they_are() {
    let mut web1 = up(exact().fall(3));
    for outcome in [fail(), held_up(), local(), fail()] {
        run(&mut web1, &outcome, 0);
    }
    let web2 = monitor(exact());

    let mut metrics = OpenMetrics::new(String::new(), at(10_000), unix(1_000_000));
    metrics.checks([check("web1", &web1), check("web2", &web2)]).unwrap();
    let samples = parse(&metrics.finish().unwrap());

    let of = |name: &str, labels: &[(&str, &str)]| {
        value(&samples, name, &[labels, &[("target", "web1"), ("kind", "tcp")]].concat())
    };
    assert_eq!((of("health_up", &[]), of("health_state", &[])), (1.0, 1.0));
    assert_eq!(of("health_checks_total", &[("result", "pass")]), 1.0);
    assert_eq!(of("health_checks_total", &[("result", "fail"), ("cause", "failed")]), 2.0);
    assert_eq!(of("health_checks_total", &[("cause", "held_up")]), 1.0);
    assert_eq!(of("health_checks_total", &[("cause", "local")]), 1.0);
    assert_eq!(of("health_transitions_total", &[("to", "up")]), 1.0);
    assert_eq!(of("health_consecutive", &[("result", "fail")]), 2.0);
    assert_eq!(of("health_last_check_timestamp_seconds", &[]), 1_000_000.0 - 2.0);
    assert_eq!(of("health_last_change_timestamp_seconds", &[]), 1_000_000.0 - 10.0);
    assert_eq!(value(&samples, "health_state", &[("target", "web2")]), 0.0);
    let dates = samples.iter().filter(|(name, _, _)| name == "health_last_check_timestamp_seconds");
    assert_eq!(dates.count(), 1, "nothing is said of what has not been");
}

#[test]
fn pools_are_written_as_they_are() {
    let mut pool = Pool::new(at(0), PoolConfig::builder().quorum(3).fallback(9u8).build().unwrap());
    pool.set_targets(
        at(0),
        [(1, Target::new(2).check(1, Standing::UP)), (2, Target::new(5).check(2, Standing::UP))],
    );
    let _ = pool.poll_actions();
    pool.handle_check(at(1), 2, Standing::DOWN);
    let _ = pool.poll_actions();

    let mut metrics = OpenMetrics::new(String::new(), at(1), unix(0));
    metrics.pools([("https", &pool)]).unwrap();
    let samples = parse(&metrics.finish().unwrap());

    for (name, expected) in [
        ("health_pool_weight", 2.0),
        ("health_pool_quorum", 3.0),
        ("health_pool_quorum_up", 0.0),
        ("health_pool_fallback", 1.0),
        ("health_pool_panic", 0.0),
        ("health_pool_quorum_losses_total", 1.0),
    ] {
        assert_eq!(value(&samples, name, &[("pool", "https")]), expected, "{name}");
    }
    let target = |name, key| value(&samples, name, &[("pool", "https"), ("target", key)]);
    assert_eq!((target("health_effective_weight", "1"), target("health_target_state", "2")), (0.0, 2.0));
}

#[test]
fn latencies_are_written_as_a_histogram() {
    let mut tcp = LatencyHistogram::new();
    for latency in [ms(0), ms(1), ms(3), ms(700), ms(20_000)] {
        tcp.record(latency);
    }
    let mut metrics = OpenMetrics::new(String::new(), at(0), unix(0));
    metrics.latencies([("tcp", &tcp)]).unwrap();
    let text = metrics.finish().unwrap();
    let samples = parse(&text);
    let bucket = |le| value(&samples, "health_check_duration_seconds_bucket", &[("le", le)]);
    assert_eq!(["0.001", "0.005", "0.5", "1.0", "10.0", "+Inf"].map(bucket), [2.0, 3.0, 3.0, 4.0, 4.0, 5.0]);
    assert_eq!(value(&samples, "health_check_duration_seconds_sum", &[]), 20.704);
    assert_eq!(value(&samples, "health_check_duration_seconds_count", &[]), 5.0);
}

proptest! {
    #[test]
    fn any_name_can_be_read_back(target in "\\PC*|[\\\\\"\n{},=]*", name in "[a\\\\\"\n}]{0,8}") {
        let monitor = { let mut monitor = monitor(exact()); monitor.handle_outcome(at(0), &pass()); monitor };
        let labels = CheckLabels { target: &target, check: &name, kind: "tcp" };
        let mut metrics = OpenMetrics::new(String::new(), at(0), unix(0));
        metrics.checks([(labels, &monitor)]).unwrap();
        for (_, labels, _) in parse(&metrics.finish().unwrap()) {
            prop_assert_eq!(&labels["target"], &target);
            prop_assert_eq!(&labels["check"], &name);
        }
    }
}
