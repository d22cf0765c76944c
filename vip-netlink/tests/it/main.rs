//! The crate against the kernel, in network namespaces of its own.

mod addresses;
mod alloc_free;
mod announce;
mod interfaces;
mod privileges;
mod support;
mod vrrp;

fn main() -> std::process::ExitCode {
    lab::run_tests(lab::tests![
        addresses::what_is_added_is_listed_until_removed,
        addresses::adding_and_removing_twice_is_already_so,
        addresses::another_prefix_length_is_another_address,
        addresses::only_the_addresses_of_the_interface_are_listed,
        addresses::an_interface_without_addresses_has_an_empty_list,
        addresses::a_thousand_addresses_are_listed,
        addresses::a_list_read_while_others_change_addresses_is_not_torn,
        addresses::the_first_of_a_subnet_takes_the_others_along,
        addresses::what_is_added_is_what_iproute2_shows,
        addresses::what_iproute2_adds_is_listed,
        interfaces::an_ethernet_interface_is_described,
        interfaces::loopback_has_neither_arp_nor_hardware_address,
        interfaces::up_and_running_follow_the_interface,
        interfaces::an_interface_that_does_not_exist_is_an_error,
        interfaces::a_deleted_interface_is_an_error_everywhere,
        privileges::without_capabilities_looking_works_and_changing_says_what_it_needs,
        announce::the_frame_on_the_wire_is_the_announcement,
        announce::a_neighbour_follows_the_address,
        announce::the_socket_receives_nothing,
        announce::loopback_is_refused,
        announce::an_interface_that_is_down_is_told_apart,
        vrrp::two_hosts_exchange_packets,
        vrrp::the_packet_on_the_wire_is_as_the_rfc_says,
        vrrp::own_packets_do_not_come_back,
        vrrp::other_interfaces_are_not_heard,
        vrrp::other_groups_are_not_heard,
        vrrp::other_protocols_are_not_heard,
        vrrp::a_packet_to_this_host_is_told_apart_by_its_destination,
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
        alloc_free::sending_and_receiving_allocate_nothing,
    ])
}
