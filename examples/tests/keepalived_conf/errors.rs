//! What is said of bad files.

use failover_examples::keepalived_conf::Severity;

use crate::{read, told};

const BAD: &str = "\
global_defs {
  vrrp_mcast_group4 10.0.0.1
  smtp_connect_timeout soon
}
vrrp_instance A {
  state WAITING
  interface eth0
  virtual_router_id 256
  virtual_ipaddress {
    192.0.2.300/24
    192.0.2.1/24 dev
  }
}
vrrp_instance B {
  interface eth0
  virtual_router_id 5
  virtual_ipaddress {
    192.0.2.5/24
  }
  track_script {
    gone
  }
}
vrrp_sync_group G {
  group {
    B C
  }
}
virtual_server 192.0.2.5 80 {
  protocol TCP
  lb_kind SIDEWAYS
  real_server 10.0.0.1 80 {
    HTTP_GET {
      url {
        status_code 99
      }
    }
  }
";

pub(crate) fn all_errors_of_a_file_are_told_with_line_and_column() {
    let reading = read(BAD);

    assert!(reading.config.is_none());
    let places: Vec<_> = reading
        .diagnostics
        .iter()
        .filter(|one| one.severity == Severity::Error)
        .map(|one| (one.line, one.column))
        .collect();
    let expected = [
        (2, 21),
        (3, 24),
        (5, 15),
        (6, 9),
        (8, 21),
        (10, 5),
        (11, 18),
        (21, 5),
        (26, 7),
        (29, 29),
        (31, 11),
        (35, 21),
    ];
    assert_eq!(places, expected, "{}", told(&reading));
    let caret =
        "test.conf:31:11: error: lb_kind SIDEWAYS: NAT, DR or TUN\n      lb_kind SIDEWAYS\n              ^";
    assert!(told(&reading).contains(caret), "{}", told(&reading));
}

pub(crate) fn what_has_no_effect_says_what_happens_instead() {
    let reading = read(
        "global_defs {\n enable_snmp_vrrp\n vrrp_priority 10\n}\nno_such_block {\n inside {\n }\n}\nbfd_instance b {\n neighbor_ip 192.0.2.1\n}\n",
    );

    assert!(reading.config.is_some());
    let told: Vec<_> =
        reading.diagnostics.iter().map(|one| (one.line, one.severity, one.message.as_str())).collect();
    assert_eq!(
        told,
        [
            (
                2,
                Severity::Warning,
                "enable_snmp_vrrp has no effect: there is no SNMP; metrics are at --metrics"
            ),
            (
                3,
                Severity::Warning,
                "vrrp_priority has no effect: set the process's priority, affinity and limits in its systemd unit"
            ),
            (5, Severity::Warning, "no_such_block is not known here: it is left out, with its block"),
            (
                9,
                Severity::Warning,
                "bfd_instance has no effect: there is no BFD: what depends on it counts as well"
            ),
        ]
    );
}

pub(crate) fn what_keepalived_adapts_is_adapted_and_told() {
    let reading = read(
        "vrrp_instance A {\n state MASTER\n interface eth0\n virtual_router_id 5\n priority 100\n advert_int 1.4\n nopreempt\n\
         authentication {\n auth_type PASS\n auth_pass 1234567890\n }\n virtual_ipaddress {\n 192.0.2.5/24\n }\n}\n\
         virtual_server 192.0.2.5 80 {\n lb_kind DR\n quorum 9\n real_server 10.0.0.1 8080 {\n }\n}\n",
    );

    let config = reading.config.as_ref().unwrap_or_else(|| panic!("{}", told(&reading)));
    let warned: Vec<_> = reading.diagnostics.iter().map(|one| one.line).collect();
    assert_eq!(warned, [6, 7, 10, 16, 18, 19], "{}", told(&reading));
    assert_eq!(config.instances[0].interval.as_secs(), Some(1));
    assert_eq!(config.virtual_servers[0].quorum, 1);
    assert_eq!(config.virtual_servers[0].real_servers[0].address.port(), 80);
    assert_eq!(config.virtual_servers[0].name, "[192.0.2.5]:udp:80");
}
