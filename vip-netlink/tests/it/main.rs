//! The crate against the kernel, in network namespaces of its own.

mod addresses;
mod addresses_v6;
mod ah;
mod alloc_free;
mod announce;
mod interfaces;
mod keepalived;
mod monitor;
mod privileges;
mod support;
mod unicast;
mod vrrp;
mod vrrp_v6;
#[cfg(feature = "tokio")]
mod with_tokio;

fn main() -> std::process::ExitCode {
    #[cfg_attr(not(feature = "tokio"), expect(unused_mut, reason = "nothing is added then"))]
    let mut tests = lab::tests![
        addresses::what_is_added_is_listed_until_removed,
        addresses::adding_and_removing_twice_is_already_so,
        addresses::another_prefix_length_is_another_address,
        addresses::only_the_addresses_of_the_interface_are_listed,
        addresses::an_interface_without_addresses_has_an_empty_list,
        addresses::a_thousand_addresses_are_listed,
        addresses::a_list_read_while_others_change_addresses_is_not_torn,
        addresses::the_first_of_a_subnet_leaves_the_others_where_they_are,
        addresses::what_is_added_is_what_iproute2_shows,
        addresses::what_iproute2_adds_is_listed,
        addresses_v6::what_is_added_is_listed_until_removed,
        addresses_v6::both_families_are_listed_that_of_version_4_first,
        addresses_v6::a_floating_address_is_usable_at_once,
        addresses_v6::a_floating_host_address_is_not_chosen_as_a_source,
        addresses_v6::the_link_local_address_is_found_and_a_tentative_one_told_apart,
        addresses_v6::adding_a_tentative_address_makes_it_usable,
        addresses_v6::adding_a_duplicate_address_makes_it_usable,
        addresses_v6::another_prefix_length_is_an_error_that_says_which,
        addresses_v6::where_ipv6_is_disabled_the_error_says_so,
        addresses_v6::a_list_read_while_others_change_addresses_is_not_torn,
        addresses_v6::what_is_added_is_what_iproute2_shows,
        interfaces::an_ethernet_interface_is_described,
        interfaces::loopback_has_neither_arp_nor_hardware_address,
        interfaces::up_and_running_follow_the_interface,
        interfaces::an_interface_that_does_not_exist_is_an_error,
        interfaces::a_deleted_interface_is_an_error_everywhere,
        monitor::after_5000_changes_it_slept_through_the_picture_is_what_iproute2_shows,
        monitor::while_others_go_on_it_catches_up,
        monitor::a_big_buffer_holds_thousands_of_events,
        monitor::a_vip_deleted_by_hand_is_told_within_10_ms,
        monitor::what_we_did_is_told_from_what_others_did,
        monitor::what_we_add_and_others_remove_at_once_is_told,
        monitor::an_interface_that_is_renamed_deleted_and_created_anew_is_told,
        monitor::a_port_of_a_bridge_comes_and_goes_and_stays_an_interface,
        monitor::ipv6_addresses_vanish_when_the_interface_goes_down_and_ipv4_stays,
        monitor::duplicate_address_detection_is_told_to_its_end,
        monitor::a_macvlan_is_unusable_while_its_parent_is_down,
        monitor::what_is_of_no_interest_allocates_nothing,
        privileges::without_capabilities_looking_works_and_changing_says_what_it_needs,
        announce::the_frame_on_the_wire_is_the_announcement,
        announce::a_neighbour_follows_the_address,
        announce::the_frame_on_the_wire_is_the_neighbour_advertisement,
        announce::the_router_flag_is_as_the_interface_or_the_caller_says,
        announce::a_neighbour_follows_the_ipv6_address,
        announce::the_socket_receives_nothing,
        announce::loopback_is_refused,
        announce::an_interface_that_is_down_is_told_apart,
        vrrp::two_hosts_exchange_packets,
        vrrp::the_packet_on_the_wire_is_as_the_rfc_says,
        vrrp::own_packets_do_not_come_back,
        vrrp::other_interfaces_are_not_heard,
        vrrp::other_groups_are_not_heard,
        vrrp::other_protocols_are_not_heard,
        vrrp::the_ttl_is_as_it_arrived,
        vrrp::ip_options_are_skipped,
        vrrp::the_source_is_the_one_given,
        vrrp::the_source_stays_when_a_virtual_address_comes,
        vrrp::a_source_that_is_no_address_of_the_host_is_refused,
        vrrp::a_source_that_went_is_an_error_until_it_is_back,
        vrrp::a_packet_longer_than_the_buffer_is_an_error,
        vrrp::an_empty_payload_arrives,
        vrrp::a_group_that_is_no_group_is_refused,
        vrrp::it_works_again_after_the_interface_was_down,
        vrrp_v6::two_hosts_exchange_packets,
        vrrp_v6::the_packet_on_the_wire_is_as_the_rfc_says,
        vrrp_v6::own_packets_do_not_come_back,
        vrrp_v6::other_groups_are_not_heard,
        vrrp_v6::the_hop_limit_is_as_it_arrived,
        vrrp_v6::the_source_stays_when_a_virtual_address_comes,
        vrrp_v6::the_source_may_be_a_global_address,
        vrrp_v6::a_source_that_is_no_usable_address_of_the_host_is_refused,
        vrrp_v6::families_are_not_mixed,
        vrrp_v6::a_packet_longer_than_the_buffer_is_an_error,
        vrrp_v6::it_works_again_after_the_interface_was_down,
        vrrp_v6::a_source_that_went_is_an_error_until_it_is_back,
        vrrp_v6::a_deleted_interface_is_an_error,
        unicast::two_peers_exchange_packets,
        unicast::one_socket_sends_to_many_peers,
        unicast::no_packet_arrives_at_both_kinds_of_sockets,
        unicast::the_hop_limit_to_peers_can_be_set,
        unicast::the_source_is_the_one_given_even_of_a_deprecated_address,
        unicast::nothing_from_before_it_was_set_up_is_received,
        ah::a_datagram_arrives_as_it_was_sent,
        ah::a_datagram_goes_to_one_peer,
        ah::own_datagrams_do_not_come_back,
        ah::with_and_without_the_header_are_kept_apart,
        ah::what_is_no_datagram_is_not_sent,
        keepalived::keepalived_is_heard_in_every_way_it_speaks,
        alloc_free::sending_and_receiving_allocate_nothing,
    ];
    #[cfg(feature = "tokio")]
    tests.extend(lab::tests![
        with_tokio::an_event_wakes_whoever_waits_for_it,
        with_tokio::a_packet_wakes_whoever_waits_for_it,
    ]);
    lab::run_tests(tests)
}
