//! Keywords that keepalived has and that have no effect here, each with what happens instead.

use super::{tree::Item, values::Context};

/// Says of a keyword that nobody took what becomes of it.
pub(super) fn note(context: &Context, item: &Item) {
    let Some(word) = item.words.first() else { return };
    let keyword = item.keyword();
    let found = UNHEEDED.iter().find(|(keywords, _)| keywords.iter().any(|known| is(known, keyword)));
    match found {
        Some((_, "")) => {}
        Some((_, instead)) => context.warn(word, format!("{keyword} has no effect: {instead}")),
        None if item.block.is_some() => {
            context.warn(word, format!("{keyword} is not known here: it is left out, with its block"))
        }
        None => context.warn(word, format!("{keyword} is not known here: it is left out")),
    }
}

/// A pattern that ends with `*` is for all that begin so.
fn is(pattern: &str, keyword: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => keyword.starts_with(start),
        None => pattern == keyword,
    }
}

/// With the empty text, nothing is otherwise than the user wants it.
const UNHEEDED: &[(&[&str], &str)] = &[
    (
        &["snmp_*", "enable_snmp*", "enable_traps", "snmp_socket"],
        "there is no SNMP; metrics are at --metrics",
    ),
    (&["enable_dbus", "dbus_*"], "there is no D-Bus; how things are is told at --status"),
    (
        &["vrrp_iptables", "vrrp_ipsets", "nftables", "nftables_*", "iptables", "ipsets"],
        "packets are kept from addresses by an nftables table of this program's own",
    ),
    (
        &[
            "vrrp_priority",
            "checker_priority",
            "bfd_priority",
            "vrrp_rt_priority",
            "checker_rt_priority",
            "bfd_rt_priority",
            "*_rlimit_rttime",
            "vrrp_rlimit_rttime",
            "checker_rlimit_rttime",
            "bfd_rlimit_rttime",
            "vrrp_cpu_affinity",
            "checker_cpu_affinity",
            "bfd_cpu_affinity",
            "vrrp_no_swap",
            "checker_no_swap",
            "bfd_no_swap",
            "max_auto_priority",
            "min_auto_priority_delay",
        ],
        "set the process's priority, affinity and limits in its systemd unit",
    ),
    (
        &[
            "process_names",
            "process_name",
            "vrrp_process_name",
            "checker_process_name",
            "bfd_process_name",
            "use_pid_dir",
            "child_wait_time",
        ],
        "there is one process, and it has no pid file",
    ),
    (
        &["net_namespace", "net_namespace_ipvs", "namespace_with_ipsets", "instance"],
        "start it in the network namespace that it is for",
    ),
    (
        &[
            "linkbeat_use_polling",
            "linkbeat_interfaces",
            "garp_group",
            "garp_extra_if",
            "garp_interval",
            "gna_interval",
            "vmac_garp_intvl",
            "vrrp_garp_extra_if",
        ],
        "the kernel tells what becomes of interfaces, and announcements keep the global gap",
    ),
    (&["bfd_instance", "track_bfd", "BFD_CHECK"], "there is no BFD: what depends on it counts as well"),
    (
        &["use_ipvlan", "vmac_addr_prefix", "vmac_prefix", "use_vmac_addr", "vrf"],
        "addresses are held by the interface itself, or by a macvlan with use_vmac",
    ),
    (&["auth_hmac"], "instances with it are not authenticated here"),
    (&["debug", "checker_log_all_failures", "log_all_failures"], ""),
    (&["dynamic_interfaces", "track_src_ip"], ""),
    (&["skip_check_adv_addr", "vrrp_skip_check_adv_addr", "vrrp_check_unicast_src"], ""),
    (
        &[
            "kernel_rx_buf_size",
            "vrrp_rx_bufs_policy",
            "vrrp_rx_bufs_multiplier",
            "vrrp_netlink_*",
            "lvs_netlink_*",
            "process_monitor_rcv_bufs*",
        ],
        "buffers are as large as they have to be",
    ),
    (
        &["timer_expired_backup", "thread_timer_expired"],
        "a Master that was not run for too long steps back in any case",
    ),
    (&["unicast_fault_no_peer"], "without a peer, advertisements go to the group"),
    (&["vrrp_delay_after_boot"], "use vrrp_startup_delay"),
    (
        &[
            "disable_local_igmp",
            "use_symlink_paths",
            "set_supplementary_groups",
            "umask",
            "random_seed",
            "iproute_usr_dir",
            "iproute_etc_dir",
        ],
        "",
    ),
    (&["reload_check_config", "include_check"], "a configuration with an error is refused in any case"),
    (
        &[
            "reload_time_file",
            "reload_repeat",
            "reload_file",
            "config_save_dir",
            "tmp_config_directory",
            "data_use_instance",
            "json_version",
            "state_dump_file",
            "stats_dump_file",
            "json_dump_file",
        ],
        "how things are is told at --status, and SIGHUP reads the configuration again",
    ),
    (&["default_interface_delay"], ""),
    (&["password", "ca"], "certificates of servers are not verified, as keepalived does not"),
    (
        &["regex_options", "regex_min_offset", "regex_max_offset", "regex_stack"],
        "the whole answer is searched, with the options of the pattern itself: (?i) and the like",
    ),
    (&["nat_mask"], "it is unknown to keepalived too by now"),
];
