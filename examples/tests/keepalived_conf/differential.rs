//! keepalived's word on the same files: `keepalived -t`.

use std::{env, fmt::Write, fs, process::Command};

use lab::need;

use crate::{read, told};

/// What both call good.
const GOOD: &[&str] = &[
    "",
    "global_defs {\n router_id here\n}\n",
    "global_defs {\n notification_email {\n a@b.example\n c@d.example\n }\n notification_email_from x@y.example\n smtp_server 192.0.2.1\n smtp_connect_timeout 30\n}\n",
    "global_defs {\n vrrp_garp_master_delay 3\n vrrp_garp_master_repeat 2\n vrrp_version 3\n}\n",
    "static_ipaddress {\n 192.0.2.1/24 dev eth0\n}\n",
    "static_routes {\n 198.51.100.0/24 via 192.0.2.254 dev eth0\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 255\n priority 254\n state BACKUP\n nopreempt\n virtual_ipaddress {\n 192.0.2.1/24 dev eth0 label eth0:1\n 192.0.2.2 scope link\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n version 3\n advert_int 0.1\n virtual_ipaddress {\n 2001:db8::1/64\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n unicast_src_ip 192.0.2.9\n unicast_peer {\n 192.0.2.8\n }\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n authentication {\n auth_type AH\n auth_pass 1111\n }\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n virtual_routes {\n 198.51.100.0/24 dev eth0\n blackhole 203.0.113.0/24 no_track\n }\n}\n",
    "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n}\nvrrp_instance B {\n interface eth0\n virtual_router_id 2\n virtual_ipaddress {\n 192.0.2.2\n }\n}\nvrrp_sync_group G {\n group {\n A\n B\n }\n}\n",
    "virtual_server 192.0.2.1 80 {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 127.0.0.1 8080 {\n TCP_CHECK {\n connect_timeout 3\n }\n }\n}\n",
    "virtual_server fwmark 7 {\n lb_algo wlc\n lb_kind DR\n real_server 127.0.0.1 0 {\n weight 5\n }\n}\n",
    "virtual_server_group G {\n 192.0.2.1 80\n 192.0.2.2-4 80\n}\nvirtual_server group G {\n lb_algo rr\n lb_kind NAT\n protocol TCP\n real_server 127.0.0.1 80 {\n }\n}\n",
    "virtual_server 192.0.2.1 80 {\n protocol TCP\n delay_loop 3\n lb_algo sh\n sh-port\n lb_kind TUN\n persistence_timeout 60\n sorry_server 127.0.0.1 80\n quorum 1\n alpha\n omega\n real_server 127.0.0.1 80 {\n HTTP_GET {\n url {\n path /\n status_code 200\n }\n retry 2\n delay_before_retry 1\n }\n }\n}\n",
    "virtual_server 192.0.2.1 53 {\n protocol UDP\n lb_algo rr\n lb_kind NAT\n real_server 127.0.0.1 53 {\n DNS_CHECK {\n type A\n name example.org\n }\n }\n}\n",
    "virtual_server 192.0.2.1 25 {\n protocol TCP\n lb_algo rr\n lb_kind NAT\n real_server 127.0.0.1 25 {\n SMTP_CHECK {\n helo_name me\n }\n }\n}\n",
    "virtual_server 192.0.2.1 25 {\n protocol UDP\n lb_algo rr\n lb_kind NAT\n real_server 127.0.0.1 25 {\n UDP_CHECK {\n }\n }\n real_server 127.0.0.2 25 {\n PING_CHECK {\n }\n }\n}\n",
    "$X=192.0.2.1\nvrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n ${X}/24\n }\n}\n",
    "! only\n# comments\n",
];

/// What both call bad.
const BAD: &[&str] = &[
    "~SEQ(N, 1, 3) global_defs {\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 0\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 256\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.256\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n priority 300\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n",
    "vrrp_instance V {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n}\nvrrp_instance W {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.2\n }\n}\n",
    "virtual_server 192.0.2.1 80 {\n lb_kind SIDEWAYS\n protocol TCP\n real_server 127.0.0.1 80 {\n }\n}\n",
    "virtual_server 192.0.2.1 99999 {\n lb_kind NAT\n protocol TCP\n real_server 127.0.0.1 80 {\n }\n}\n",
    "virtual_server 192.0.2.1 80 {\n lb_kind NAT\n protocol ICMP\n real_server 127.0.0.1 80 {\n }\n}\n",
];

pub(crate) fn keepalived_agrees_on_good_and_bad() {
    let Some(keepalived) = need("keepalived") else { return };
    let mut lan = lab::Lan::new().unwrap();
    let host = lab::Namespace::new().unwrap();
    lan.attach(&host, "host", [192, 0, 2, 9].into(), 24).unwrap();
    let path = env::temp_dir().join(format!("keepalived-conf-differential-{}", std::process::id()));
    let mut differences = String::new();
    let all = GOOD.iter().map(|text| (text, true)).chain(BAD.iter().map(|text| (text, false)));
    for (text, is_good) in all {
        let reading = read(text);
        if reading.config.is_some() != is_good {
            writeln!(differences, "ours of:\n{text}{}", told(&reading)).unwrap();
        }
        fs::write(&path, text).unwrap();
        let output = host.run(|| Command::new(&keepalived).args(["-t", "-l", "-f"]).arg(&path).output());
        let output = output.unwrap().unwrap();
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        if output.status.success() != is_good {
            writeln!(differences, "keepalived of:\n{text}{said}").unwrap();
        }
    }
    fs::remove_file(path).unwrap();
    assert!(differences.is_empty(), "{differences}");
}
