//! The howto, step by step: two directors, two real servers, a client, all of them hosts on one LAN, in a kernel that has IPVS.
//! The files beside this one are the howto's.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that unwraps an error has failed")]

mod director;
mod faults;
mod host;
mod mailbox;
mod news;
mod play;
mod programs;
mod reload;
mod site;
mod suspension;
mod ways;

use std::process::ExitCode;

use ipvs_netlink::{ErrorKind, Ipvs};

fn main() -> ExitCode {
    // Two kernels share them, every other one each: about the same time for both.
    let tests = lab::tests![
        play::the_howto_plays_whoever_the_directors_are,
        reload::a_thousand_reloads_cost_nothing_that_stays,
        faults::a_director_that_stands_still_gives_way_and_all_is_right_afterwards,
        ways::every_way_to_speak_is_keepalived_s_too,
        faults::what_others_change_in_the_tables_is_put_right,
        news::fifos_and_scripts_are_told_what_keepalived_tells_them,
        faults::news_that_nobody_takes_hold_nobody_up,
        faults::an_interface_that_goes_and_comes_takes_its_address_along,
        faults::a_clock_that_is_set_back_moves_no_address,
        faults::an_interface_that_is_deleted_and_made_again_is_used_again,
        faults::two_capabilities_are_enough,
        faults::a_director_that_is_killed_under_load_comes_back_to_its_own_table,
        reload::one_weight_changed_among_thousands_is_one_write,
        programs::scripts_of_root_are_root_s_and_can_be_told_to_end,
        reload::what_a_configuration_no_longer_has_goes_whoever_put_it_there,
        programs::a_start_up_script_that_hangs_keeps_nobody_from_ending_it,
        suspension::checks_wait_for_their_address,
        programs::as_many_files_may_be_open_as_the_host_allows,
    ];
    lab::run_tests_where("IPVS", has_ipvs, tests)
}

fn has_ipvs() -> bool {
    let info = Ipvs::open().and_then(|mut ipvs| ipvs.info());
    !info.is_err_and(|error| error.kind() == ErrorKind::NotLoaded)
}
