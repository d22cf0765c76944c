//! Each preset against the table of its program: results in, health and time to the next run out.

use healthcheck::{
    Health, Initial, Jitter, Monitor, Outcome, Policy, PolicyError, Spread,
    presets::{Consul, Envoy, Haproxy, InitState, Keepalived, Seesaw, VrrpScript},
};

use super::{at, fail, local, ms, pass, wrong};

/// Plays results (`+` pass, `-` failure, `!` decisive failure, `?` failure of this host), each of which takes 100 ms;
/// returns, after each, the health (`U` up, `D` down, `?` unknown) and the milliseconds from its start to the next.
fn play(policy: &Policy, results: &str) -> Vec<(char, u128)> {
    let mut monitor = Monitor::new(policy.clone(), 1);
    monitor.start(at(0), 0, 1);
    let mut table = Vec::new();
    for result in results.chars() {
        let outcome: Outcome = match result {
            '+' => pass(),
            '-' => fail(),
            '!' => wrong(),
            _ => local(),
        };
        let started = monitor.next_start().unwrap();
        monitor.begin(started).unwrap();
        monitor.handle_outcome(started + ms(100), &outcome);
        table.push((letter(monitor.health()), (monitor.next_start().unwrap() - started).as_millis()));
    }
    table
}

fn letter(health: Health) -> char {
    match health {
        Health::Up => 'U',
        Health::Down => 'D',
        Health::Unknown | Health::Draining | Health::Maintenance => '?',
    }
}

/// Only the health.
fn letters(policy: &Policy, results: &str) -> String {
    play(policy, results).into_iter().map(|(letter, _)| letter).collect()
}

#[test]
fn keepalived_goes_down_after_n_retries_which_are_n_plus_1_failures_and_up_after_one_pass() {
    let check = Keepalived { delay_loop: ms(6000), retry: 2, ..Keepalived::TCP_CHECK };
    let policy = check.policy().unwrap();

    // A retry comes delay_before_retry after the end; down, and up, it is delay_loop.
    assert_eq!(
        play(&policy, "+---- -+".replace(' ', "").as_str()),
        [('U', 6000), ('U', 1100), ('U', 1100), ('D', 6000), ('D', 6000), ('D', 6000), ('U', 6000),]
    );
}

#[test]
fn keepalived_counts_retries_anew_after_a_pass() {
    let check = Keepalived { retry: 2, ..Keepalived::TCP_CHECK };
    assert_eq!(letters(&check.policy().unwrap(), "+--+--+---"), "UUUUUUUUUD");
}

#[test]
fn keepalived_retries_no_failure_of_the_first_run_with_or_without_alpha() {
    let check = Keepalived { retry: 5, ..Keepalived::TCP_CHECK };
    let alpha = Keepalived { alpha: true, ..check };
    assert_eq!(letters(&check.policy().unwrap(), "-+-----"), "DUUUUUU");
    assert_eq!(letters(&alpha.policy().unwrap(), "-+-----"), "DUUUUUU");
}

#[test]
fn keepalived_counts_a_real_server_as_up_before_its_first_run_unless_alpha() {
    let health = |check: Keepalived| Monitor::new(check.policy().unwrap(), 0).health();
    assert_eq!(health(Keepalived::TCP_CHECK), Health::Up);
    assert_eq!(health(Keepalived { alpha: true, ..Keepalived::TCP_CHECK }), Health::Down);
}

#[test]
fn keepalived_takes_a_failure_of_its_own_host_for_no_verdict_and_looks_again_after_delay_loop() {
    let check = Keepalived { delay_loop: ms(6000), retry: 1, ..Keepalived::TCP_CHECK };
    assert_eq!(
        play(&check.policy().unwrap(), "+-?????-"),
        [
            ('U', 6000),
            ('U', 1100),
            ('U', 6000),
            ('U', 6000),
            ('U', 6000),
            ('U', 6000),
            ('U', 6000),
            ('D', 6000),
        ]
    );
}

#[test]
fn keepalived_warms_up_for_a_second_and_a_random_part_of_the_warmup() {
    let of = |warmup, seed| {
        let check = Keepalived { warmup, delay_loop: ms(6000), ..Keepalived::TCP_CHECK };
        let mut monitor = Monitor::new(check.policy().unwrap(), seed);
        monitor.start(at(0), 0, 1);
        monitor.next_start().unwrap() - at(0)
    };
    assert_eq!(of(Some(ms(0)), 1), ms(1000));
    let waits: Vec<_> = (0..1000).map(|seed| of(None, seed)).collect();
    assert!(waits.iter().all(|wait| (ms(1000)..=ms(7000)).contains(wait)));
    assert!(waits.iter().any(|wait| *wait < ms(1500)) && waits.iter().any(|wait| *wait > ms(6500)));
}

#[test]
fn keepalived_checkers_have_the_defaults_of_their_types() {
    let of = |check: Keepalived| {
        let policy = check.policy().unwrap();
        (policy.fall(), policy.retry_delay().unwrap().as_secs(), policy.timeout().as_secs())
    };
    assert_eq!(of(Keepalived::TCP_CHECK), (2, 1, 5));
    assert_eq!(of(Keepalived::HTTP_GET), (2, 3, 5));
    assert_eq!(of(Keepalived::DNS_CHECK), (4, 60, 5));
    assert_eq!(of(Keepalived::MISC_CHECK), (1, 1, 60));
    let endless = Keepalived { retry: u32::MAX, ..Keepalived::TCP_CHECK };
    assert_eq!(endless.policy(), Err(PolicyError::TooMany { name: "retry", count: u32::MAX }));
}

#[test]
fn vrrp_script_believes_its_first_result_and_then_counts_rise_and_fall() {
    let script = VrrpScript { rise: 2, fall: 3, ..VrrpScript::default() };
    let policy = script.policy().unwrap();
    assert_eq!(policy.initial(), Initial::Unknown);
    assert_eq!(letters(&policy, "+---++"), "UUUDDU");
    assert_eq!(letters(&policy, "-+-++"), "DDDDU");
    assert_eq!(policy.timeout(), policy.interval());
}

#[test]
fn vrrp_script_with_init_fail_is_down_and_needs_rise_passes() {
    let script = VrrpScript { rise: 2, fall: 3, init_fail: true, ..VrrpScript::default() };
    let policy = script.policy().unwrap();
    assert_eq!(Monitor::new(policy.clone(), 0).health(), Health::Down);
    assert_eq!(letters(&policy, "++---"), "DUUUD");
}

#[test]
fn haproxy_counts_rise_and_fall_and_hurries_while_in_transition() {
    let server = Haproxy {
        fastinter: Some(ms(500)),
        downinter: Some(ms(8000)),
        init_state: InitState::FullyUp,
        ..Haproxy::default()
    };
    assert_eq!(
        play(&server.policy().unwrap(), "+---+-++-+"),
        [
            ('U', 2000),
            ('U', 500),
            ('U', 500),
            ('D', 8000),
            ('D', 500),
            ('D', 8000),
            ('D', 500),
            ('U', 2000),
            ('U', 500),
            ('U', 2000),
        ]
    );
}

#[test]
fn haproxy_has_four_initial_states() {
    let of = |init_state| Haproxy { init_state, ..Haproxy::default() }.policy().unwrap();
    for (init_state, before, passes, failures) in [
        (InitState::FullyUp, Health::Up, "UUU", "UUD"),
        (InitState::Up, Health::Up, "UUU", "DDD"),
        (InitState::Down, Health::Down, "UUU", "DDD"),
        (InitState::FullyDown, Health::Down, "DUU", "DDD"),
    ] {
        let policy = of(init_state);
        assert_eq!(Monitor::new(policy.clone(), 0).health(), before, "{init_state:?}");
        assert_eq!(letters(&policy, "+++"), passes, "{init_state:?}");
        assert_eq!(letters(&policy, "---"), failures, "{init_state:?}");
    }
}

#[test]
fn haproxy_counts_a_failure_of_its_own_host_and_spreads_its_checks() {
    let server = Haproxy { spread_checks: 5, ..Haproxy::default() };
    let policy = server.policy().unwrap();
    assert_eq!(letters(&policy, "+???"), "UUUD");
    assert_eq!((policy.jitter(), policy.spread()), (Jitter::Around(5), Spread::Even));
    assert_eq!(policy.timeout(), ms(2000));
}

#[test]
fn envoy_counts_network_failures_and_believes_wrong_answers() {
    let policy = Envoy::EXAMPLE.policy().unwrap();
    assert_eq!(letters(&policy, "+---"), "UUUD");
    assert_eq!(letters(&policy, "+!"), "UD");
    assert_eq!(letters(&policy, "+-!"), "UUD");
}

#[test]
fn envoy_is_down_at_first_believes_a_first_pass_and_then_asks_for_the_threshold() {
    let policy = Envoy::EXAMPLE.policy().unwrap();
    assert_eq!(Monitor::new(policy.clone(), 0).health(), Health::Down);
    assert_eq!(letters(&policy, "+"), "U");
    assert_eq!(letters(&policy, "-+-++"), "DDDDU");
}

#[test]
fn envoy_has_an_interval_for_each_edge() {
    let envoy = Envoy {
        unhealthy_interval: Some(ms(7000)),
        unhealthy_edge_interval: Some(ms(1000)),
        healthy_edge_interval: Some(ms(3000)),
        ..Envoy::EXAMPLE
    };
    assert_eq!(
        play(&envoy.policy().unwrap(), "+---++"),
        [('U', 5000), ('U', 1000), ('U', 1000), ('D', 7000), ('D', 3000), ('U', 5000),]
    );
}

#[test]
fn envoy_jitter_only_adds() {
    let policy = Envoy { interval_jitter_percent: 20, ..Envoy::EXAMPLE }.policy().unwrap();
    let waits: Vec<_> = play(&policy, &"+".repeat(500)).into_iter().map(|(_, wait)| wait).collect();
    assert!(waits.iter().all(|wait| (5000..=6000).contains(wait)));
    assert!(waits.iter().any(|wait| *wait > 5900));
}

#[test]
fn consul_is_critical_until_the_first_result_and_then_counts_both_ways() {
    let policy = Consul { success_before_passing: 2, failures_before_critical: 3, ..Consul::default() };
    let policy = policy.policy().unwrap();
    assert_eq!(Monitor::new(policy.clone(), 0).health(), Health::Down);
    assert_eq!(letters(&policy, "+---+-++"), "UUUDDDDU");
    assert_eq!(letters(&policy, "-+"), "DD");
    assert_eq!(letters(&Consul::default().policy().unwrap(), "+-+-"), "UDUD");
}

#[test]
fn seesaw_forgives_retries_of_a_healthy_target_only() {
    let policy = Seesaw { retries: 2, ..Seesaw::default() }.policy().unwrap();
    assert_eq!(policy.initial(), Initial::Unknown);
    assert_eq!(letters(&policy, "+---+"), "UUUDU");
    assert_eq!(letters(&policy, "-+"), "DU");
}
