//! The crate against a kernel that has IPVS: this one, or one in User-Mode Linux.

mod apply;
#[path = "../../src/arbitrary.rs"]
mod arbitrary;
mod daemons;
mod destinations;
mod drain;
mod dumps;
mod errno_table;
mod matrix;
mod privileges;
mod reload;
mod services;
mod site;
mod support;
#[cfg(feature = "tokio")]
mod with_tokio;

// What the crate is to `arbitrary`, in its own tests.
#[expect(clippy::wildcard_imports, reason = "as it is inside")]
use ipvs_netlink::*;

fn main() -> std::process::ExitCode {
    if let Some(code) = privileges::as_child() {
        return code;
    }
    #[cfg_attr(not(feature = "tokio"), expect(unused_mut, reason = "nothing is added then"))]
    let mut tests = lab::tests![
        matrix::every_service_is_held_and_shown_as_written,
        matrix::every_scheduler_is_known_or_said_to_be_missing,
        services::what_is_added_is_listed_until_removed,
        services::each_setting_can_be_edited,
        services::putting_and_removing_twice_is_already_so,
        services::a_service_of_either_version_of_ip_may_have_the_same_mark,
        services::bits_of_the_flags_without_a_name_stay,
        services::flush_removes_all_of_this_namespace,
        services::zeroed_counters_begin_anew,
        services::timeouts_are_set_one_by_one,
        services::the_kernel_tells_its_version,
        services::another_namespace_can_be_served,
        services::the_socket_stays_with_its_namespace,
        destinations::what_is_added_is_listed_until_removed,
        destinations::each_setting_can_be_edited,
        destinations::a_forgotten_tunnel_setting_does_not_stay,
        destinations::the_port_is_the_services_where_packets_keep_theirs,
        destinations::putting_and_removing_twice_is_already_so,
        destinations::either_version_of_ip_is_behind_a_tunnel,
        dumps::a_thousand_destinations_are_listed,
        dumps::a_thousand_services_are_listed,
        dumps::entries_missing_from_a_list_are_not_lost,
        errno_table::what_the_kernel_refuses_is_told_apart,
        errno_table::messages_that_the_crate_does_not_write_are_refused_as_the_table_says,
        errno_table::what_the_kernel_accepts_wrongly_does_not_reach_it,
        daemons::one_of_each_role_starts_and_stops,
        daemons::the_missing_acknowledgement_is_not_waited_for,
        daemons::what_cannot_be_is_explained,
        apply::any_table_becomes_the_desired_one,
        apply::any_two_states_are_one_plan_apart,
        apply::a_table_that_is_as_desired_is_not_written,
        apply::one_changed_weight_is_one_write,
        apply::what_ipvsadm_changes_between_plan_and_apply_is_put_right,
        apply::it_comes_to_rest_while_another_program_writes,
        apply::services_of_others_stay,
        apply::what_is_refused_leaves_its_service_what_it_had,
        apply::a_restored_table_is_what_ipvsadm_saved,
        drain::a_destination_without_connections_goes_at_once,
        drain::it_ends_when_somebody_else_ends_it,
        drain::it_can_be_taken_back,
        site::direct_routing_shares_three_to_one,
        site::direct_routing_of_ipv6_shares_three_to_one,
        site::masquerading_shares_three_to_one,
        site::masquerading_of_ipv6_shares_three_to_one,
        site::tunnels_share_three_to_one,
        site::tunnels_of_ipv6_share_three_to_one,
        site::a_firewall_mark_shares_three_to_one,
        site::a_drain_ends_no_connection,
        site::a_drain_cuts_off_at_its_deadline,
        privileges::without_capabilities_it_is_said_what_is_needed,
        reload::a_module_that_was_loaded_again_is_found,
        reload::a_module_that_cannot_be_loaded_is_said_to_be_missing,
    ];
    #[cfg(feature = "tokio")]
    tests.extend(lab::tests![
        with_tokio::calls_are_made_while_other_tasks_run,
        with_tokio::a_drain_is_waited_for,
    ]);
    lab::run_tests_where("IPVS", has_ipvs, tests)
}

/// Tells whether there is one, or who asks may not know.
fn has_ipvs() -> bool {
    let info = Ipvs::open().and_then(|mut ipvs| ipvs.info());
    !info.is_err_and(|error| error.kind() == ErrorKind::NotLoaded)
}
