//! The same server, the same faults: what others say of it, and what we say. keepalived's checkers need a kernel with IPVS, so
//! all of this runs on one that has.

mod peers;
mod server;
mod subject;

fn main() -> std::process::ExitCode {
    let tests = lab::tests![
        peers::haproxy_and_we_see_the_same_ups_and_downs,
        peers::keepalived_and_we_see_the_same_ups_and_downs,
        peers::fault_1_a_server_that_drips_is_up_for_keepalived_and_down_for_us,
    ];
    lab::run_tests_where("IPVS", peers::has_ipvs, tests)
}
