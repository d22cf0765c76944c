//! The engine and its probes against real sockets and programs, in network namespaces of their own.

mod alloc_free;
mod checker;
mod echo;
mod held_up;
mod leaks;
mod local;
#[cfg(all(feature = "http", feature = "tls"))]
mod nginx;
mod schedule;
mod scripts;
mod server;
mod servers;
mod support;
mod tcp;
#[cfg(feature = "tokio")]
mod tokio;
mod way;

fn main() -> std::process::ExitCode {
    #[cfg_attr(
        not(any(all(feature = "http", feature = "tls"), feature = "tokio")),
        expect(unused_mut, reason = "nothing is added then")
    )]
    let mut tests = lab::tests![
        tcp::a_target_that_listens_passes,
        tcp::a_port_that_is_closed_fails_at_once_in_the_network,
        tcp::a_socket_that_is_connected_to_itself_is_nobody_who_listens,
        tcp::a_full_backlog_is_silence_in_the_network,
        tcp::a_target_that_accepts_and_says_nothing_is_silence_of_the_application,
        tcp::fault_1_a_byte_now_and_then_does_not_move_the_deadline,
        tcp::fault_12_an_answer_counts_however_it_is_cut,
        tcp::what_is_expected_decides,
        tcp::an_answer_that_ends_too_early_is_closed,
        tcp::a_connection_that_is_reset_fails_in_the_network,
        tcp::much_is_sent_as_the_target_takes_it,
        tcp::an_answer_without_end_keeps_nobody_else_waiting,
        tcp::answers_without_end_do_not_hold_up_the_talk_of_others,
        tcp::a_connection_is_closed_in_order_or_reset_as_asked,
        tcp::ipv6_is_as_ipv4,
        schedule::fault_10_a_check_never_overlaps_itself,
        schedule::fault_11_dead_targets_do_not_hold_up_the_living,
        schedule::fault_12_the_first_run_is_when_it_was_planned,
        schedule::no_more_run_at_once_than_may_and_the_first_to_come_is_the_first_to_run,
        schedule::the_time_of_a_run_begins_when_it_starts,
        schedule::a_check_that_waits_stands_in_line_once,
        schedule::a_check_that_is_removed_says_nothing_any_more,
        schedule::what_is_due_by_the_timer_but_not_by_the_callers_clock_is_told_again,
        schedule::a_check_that_is_cancelled_does_not_start,
        schedule::a_removed_check_is_not_mistaken_for_its_successor,
        schedule::an_alarm_is_told_when_it_is_due,
        schedule::starts_are_spread_evenly,
        schedule::a_turn_does_no_more_than_its_budget_and_the_descriptor_tells_of_the_rest,
        schedule::the_engine_can_be_polled_within_another_event_loop,
        schedule::a_probe_may_reopen_and_change_the_transport,
        schedule::a_probe_that_goes_on_after_the_end_keeps_nobody_busy,
        schedule::a_datagram_that_is_refused_fails,
        held_up::a_timeout_that_a_late_loop_sees_says_nothing,
        held_up::a_late_loop_excuses_also_those_whom_it_sees_in_a_later_turn,
        held_up::a_loop_that_stood_still_before_the_deadline_was_late_too,
        held_up::an_answer_that_came_while_the_loop_stood_still_counts,
        held_up::a_loop_that_is_in_time_sees_failures,
        held_up::a_thread_that_really_stood_still_is_excused,
        local::without_descriptors_nothing_is_said_of_the_target,
        local::a_source_that_is_not_ours_is_this_hosts_failure,
        local::an_interface_that_is_not_there_is_this_hosts_failure,
        local::a_network_without_a_route_is_a_failure_of_the_network,
        local::the_descriptors_needed_are_enough,
        way::a_connection_comes_from_the_source_given,
        way::a_connection_leaves_through_the_interface_given,
        way::fault_8_the_mark_is_there_before_the_route_is_chosen,
        echo::a_host_that_answers_passes_over_ipv4_and_ipv6,
        echo::a_host_that_is_not_there_fails,
        echo::fault_8_a_thousand_hosts_share_one_socket,
        echo::replies_that_a_turn_leaves_are_left_for_the_next,
        echo::fault_8_sequence_numbers_come_round,
        echo::where_pings_are_forbidden_the_outcome_says_what_would_help,
        scripts::the_exit_status_decides,
        scripts::what_was_printed_is_kept_the_end_of_it,
        scripts::a_program_gets_its_arguments_and_environment_and_nothing_else,
        scripts::a_program_that_is_not_there_is_this_hosts_failure,
        scripts::a_program_that_ends_by_a_signal_has_failed,
        scripts::a_program_that_ends_by_a_signal_without_a_name_has_failed,
        scripts::a_program_that_heeds_sigterm_ends_before_the_grace,
        scripts::what_the_caller_blocks_the_program_does_not,
        scripts::fault_9_a_hundred_programs_that_ignore_sigterm_leave_nothing_behind,
        scripts::fault_9_what_a_program_leaves_behind_is_killed_when_it_ends,
        scripts::no_more_programs_run_at_once_than_may,
        scripts::a_program_may_run_as_another_user,
        scripts::a_program_whose_check_is_removed_is_killed,
        scripts::programs_do_not_outlive_the_engine,
        scripts::a_status_that_is_lost_says_nothing,
        checker::a_target_goes_down_and_comes_up_as_its_policy_says,
        checker::pools_follow_their_checks,
        checker::what_an_operator_orders_holds_at_once_for_each,
        checker::a_check_that_is_stopped_does_not_run_until_it_is_resumed,
        checker::a_check_that_is_stopped_before_it_was_started_stays_so,
        checker::a_check_that_is_removed_is_forgotten,
        checker::a_run_at_once_and_a_report_are_as_any_other,
        servers::redis_says_pong_to_whoever_has_the_password,
        servers::a_mail_server_greets_and_is_left_in_order,
        servers::a_name_server_answers_what_it_should,
        servers::a_grpc_server_says_how_its_services_are,
        leaks::ten_thousand_checks_leave_no_descriptor_and_no_child,
        alloc_free::checks_that_pass_or_are_refused_allocate_nothing,
        alloc_free::memory_is_taken_when_a_check_is_added,
    ];
    #[cfg(all(feature = "http", feature = "tls"))]
    tests
        .extend(lab::tests![nginx::pages_pass_as_they_should_be, nginx::the_certificate_of_a_server_decides]);
    #[cfg(feature = "tokio")]
    tests
        .extend(lab::tests![tokio::outcomes_are_awaited, tokio::a_check_scheduled_while_others_wait_is_run,]);
    lab::run_tests(tests)
}

#[global_allocator]
static ALLOCATOR: lab::CountingAllocator = lab::CountingAllocator;
