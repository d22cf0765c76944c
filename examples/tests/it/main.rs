//! The composed crates on a LAN with real peers.
#![allow(clippy::unwrap_used, reason = "a test that unwraps an error has failed")]

mod captures;
mod node;
mod paused;
mod real_server;
mod watch_advertisements;

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args().skip(1);
    if let (Some(paused::BE_A_NODE), Some(settings)) = (arguments.next().as_deref(), arguments.next()) {
        paused::be_a_node(&settings);
        return std::process::ExitCode::SUCCESS;
    }
    match std::env::args().nth(1).as_deref() {
        Some(real_server::BE_A_REAL_SERVER) => return real_server::run(),
        Some(real_server::START_AND_STOP) => real_server::start_and_stop(),
        _ => {}
    }
    lab::run_tests(lab::tests![
        node::an_owner_keeps_the_addresses_that_are_its_own,
        node::what_an_owner_left_when_it_crashed_is_not_its_own,
        node::a_master_that_cannot_have_its_address_gives_up_its_office,
        node::what_cannot_be_is_refused_in_one_sentence,
        node::what_is_left_out_has_its_default,
        node::a_priority_is_changed_while_it_runs,
        paused::a_paused_master_that_may_not_preempt_does_not_come_back,
        paused::a_paused_master_that_preempts_listens_first,
        real_server::each_order_says_what_it_did,
        real_server::json_says_the_same,
        real_server::what_fails_is_one_sentence_and_another_exit_code,
        real_server::killed_at_any_moment_it_never_answers_and_a_stop_puts_all_right,
        watch_advertisements::it_says_of_each_packet_of_keepalived_what_tcpdump_says,
        watch_advertisements::it_notes_what_tcpdump_does_not_say,
        watch_advertisements::it_says_why_a_packet_would_be_discarded_and_counts_it,
        watch_advertisements::what_the_capture_cut_off_is_not_held_against_a_packet,
        watch_advertisements::byte_order_and_unit_of_time_make_no_difference,
        watch_advertisements::links_and_vlan_tags_make_no_difference,
        watch_advertisements::extension_headers_are_skipped_and_fragments_said_so,
        watch_advertisements::keys_tell_what_is_authentic,
        watch_advertisements::a_trailer_is_checked_at_the_time_of_its_capture,
        watch_advertisements::json_holds_what_was_read_or_why_not,
        watch_advertisements::what_is_no_capture_is_refused_in_one_sentence,
        watch_advertisements::every_beginning_of_a_capture_is_read_as_far_as_it_goes,
        watch_advertisements::no_damage_to_a_capture_is_more_than_an_error,
        watch_advertisements::a_reader_that_has_gone_is_no_error,
        watch_advertisements::on_a_lan_it_hears_a_group_that_its_host_has_not_joined,
        watch_advertisements::an_interface_that_is_down_is_said_so,
    ])
}
