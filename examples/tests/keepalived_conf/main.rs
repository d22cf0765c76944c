//! The reader of keepalived.conf: what it makes of files, what it says of bad ones, and what keepalived itself says of the same.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that unwraps an error has failed")]

mod damage;
mod differential;
mod errors;
mod grammar;
mod values;

fn main() -> std::process::ExitCode {
    lab::run_tests(lab::tests![
        values::the_howtos_file_is_what_it_says,
        values::every_setting_of_an_instance_arrives,
        values::every_setting_of_a_virtual_server_arrives,
        values::defaults_of_the_globals_hold_wherever_they_are_said,
        values::checkers_take_what_they_do_not_say_from_around_them,
        grammar::comments_quotes_and_braces_are_where_keepalived_has_them,
        grammar::conditions_definitions_and_repetitions_are_worked_off,
        grammar::files_are_included_beside_the_one_that_includes_them,
        grammar::what_would_not_end_is_an_error,
        errors::all_errors_of_a_file_are_told_with_line_and_column,
        errors::what_has_no_effect_says_what_happens_instead,
        errors::what_keepalived_adapts_is_adapted_and_told,
        damage::no_damage_is_more_than_an_error_at_its_line,
        differential::keepalived_agrees_on_good_and_bad,
    ])
}

/// What a text says, where nothing of this host matters.
fn read(text: &str) -> failover_examples::keepalived_conf::Reading {
    failover_examples::keepalived_conf::read_text("test.conf", text.as_bytes(), &environment())
}

/// What a text says, which must be good and give no reason to say anything.
fn good(text: &str) -> failover_examples::keepalived_conf::model::Config {
    let reading = read(text);
    assert!(reading.diagnostics.is_empty(), "{}", told(&reading));
    reading.config.unwrap()
}

fn told(reading: &failover_examples::keepalived_conf::Reading) -> String {
    reading.diagnostics.iter().map(|one| format!("{one}\n")).collect()
}

fn environment() -> failover_examples::keepalived_conf::Environment {
    failover_examples::keepalived_conf::Environment {
        config_id: "here".into(),
        instance: Some("one".into()),
        host_name: "host".into(),
        may_look_around: false,
        most_lines: 10_000,
    }
}
