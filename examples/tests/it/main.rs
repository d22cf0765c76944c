//! The composed crates on a LAN with real peers.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod interop;
mod keepalived;
mod node;
mod ours;
mod watch;

fn main() -> std::process::ExitCode {
    lab::run_tests(lab::tests![
        interop::ours_is_better_without_authentication,
        interop::ours_is_better_with_a_password,
        interop::keepalived_is_better_without_authentication,
        interop::keepalived_is_better_with_a_password,
        interop::ours_is_better_in_version_3,
        interop::keepalived_is_better_in_version_3,
        interop::a_wrong_password_makes_two_masters_and_says_why,
        node::an_owner_keeps_the_addresses_that_are_its_own,
        node::a_master_that_cannot_have_its_address_gives_up_its_office,
        node::what_cannot_be_is_refused_in_one_sentence,
    ])
}
