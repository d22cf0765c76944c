//! What good files say.

use std::time::Duration;

use failover_examples::keepalived_conf::model::{Auth, CheckKind};
use ipvs_netlink::Forwarding;
use vrrp_engine::{Preempt, State};
use vrrp_proto::Version;

use crate::{good, read};

pub(crate) fn the_howtos_file_is_what_it_says() {
    let config = good(include_str!("../howto/node1.conf"));

    assert_eq!(config.globals.router_id, "node1");
    assert_eq!(config.globals.group_v4.to_string(), "224.0.100.50");
    assert_eq!(config.globals.mail.to, ["root@localhost"]);
    assert_eq!(config.globals.mail.server, Some(("127.0.0.1".into(), 25)));
    let [one, two] = &config.instances[..] else { panic!("{:?}", config.instances) };
    assert_eq!((one.name.as_str(), one.interface.as_str(), one.vrid.get()), ("myroute1", "eth2", 50));
    assert_eq!((one.initial, one.priority.get(), one.version), (Some(State::Master), 100, Version::V2));
    assert_eq!(one.interval.as_duration(), Duration::from_secs(1));
    assert!(matches!(&one.auth, Auth::Password(password) if password.as_wire() == b"123456\0\0"));
    assert_eq!(one.addresses[0].address.address().to_string(), "172.18.50.50/16");
    let master = one.notify.master.as_ref().unwrap();
    assert_eq!(
        (master.program.to_str(), &master.args[..]),
        (Some("/etc/keepalived/notify.sh"), &["master".into()][..])
    );
    assert_eq!((two.initial, two.priority.get()), (Some(State::Backup), 98));

    let [server, _] = &config.virtual_servers[..] else { panic!() };
    assert_eq!(server.name, "[172.18.50.50]:tcp:80");
    assert_eq!(server.services[0].to_string(), "-A -t 172.18.50.50:80 -s wrr");
    assert_eq!(server.sorry.as_ref().unwrap().address.to_string(), "127.0.0.1:80");
    let real = &server.real_servers[0];
    assert_eq!(
        (real.address.to_string().as_str(), real.forwarding),
        ("172.18.200.100:80", Forwarding::DirectRouting)
    );
    let check = &real.checks[0];
    assert_eq!((check.timing.delay_loop, check.timing.retry), (Duration::from_secs(6), 3));
    let CheckKind::Http(http) = &check.kind else { panic!("{check:?}") };
    assert_eq!((http.urls[0].path.as_str(), &http.urls[0].statuses[..]), ("/", &[200..=200][..]));
}

pub(crate) fn every_setting_of_an_instance_arrives() {
    let config = good(
        "vrrp_script up {\n script \"/bin/check 'a b' c\"\n interval 2\n weight -20\n rise 2\n fall 3\n}\n\
         track_file load {\n file /tmp/load\n}\n\
         vrrp_instance V {\n state BACKUP\n interface eth0\n virtual_router_id 7\n priority 150\n version 3\n\
         advert_int 0.25\n nopreempt\n unicast_src_ip 192.0.2.1\n unicast_peer {\n 192.0.2.2\n 192.0.2.3 min_ttl 250\n }\n\
         virtual_ipaddress {\n 192.0.2.100/24 brd + dev eth1 label eth1:vip\n 192.0.2.101\n }\n\
         virtual_ipaddress_excluded {\n 2001:db8::1/64\n }\n\
         virtual_routes {\n default via 192.0.2.254 dev eth0 table 100 metric 5\n }\n\
         virtual_rules {\n from 192.0.2.0/24 table 100 priority 77\n }\n\
         track_interface {\n eth1\n eth2 weight 10\n }\n track_script {\n up\n }\n track_file {\n load weight 2\n }\n\
         garp_master_delay 1\n garp_master_repeat 2\n accept\n smtp_alert\n notify \"/bin/tell me\"\n}\n",
    );

    let one = &config.instances[0];
    assert_eq!((one.preempt, one.interval.as_centis()), (Preempt::Forbid, Some(25)));
    assert_eq!(
        one.peers.iter().map(|peer| (peer.address.to_string(), *peer.hop_limits.start())).collect::<Vec<_>>(),
        [("192.0.2.2".into(), 0), ("192.0.2.3".into(), 250)]
    );
    let [first, second] = &one.addresses[..] else { panic!("{:?}", one.addresses) };
    assert_eq!((first.interface.as_str(), first.has_dev), ("eth1", true));
    assert_eq!(
        (second.address.address().to_string().as_str(), second.interface.as_str()),
        ("192.0.2.101/32", "eth0")
    );
    assert_eq!(one.excluded[0].address.ip().to_string(), "2001:db8::1");
    assert_eq!(one.routes[0].hops[0].gateway.unwrap().to_string(), "192.0.2.254");
    assert_eq!(one.rules[0].rule.priority(), 77);
    assert_eq!(one.track.interfaces.len(), 2);
    assert_eq!(one.track.files[0].weight, 2);
    assert_eq!(config.scripts[0].command.args, ["a b", "c"]);
    assert_eq!((config.scripts[0].timing.rise, config.scripts[0].timing.fall), (2, 3));
    assert!(one.mail && one.accept);
}

pub(crate) fn every_setting_of_a_virtual_server_arrives() {
    let config = good(
        "virtual_server_group G {\n 192.0.2.1-3 80\n fwmark 5\n}\n\
         virtual_server group G {\n lb_algo mh mh-port mh-fallback\n lvs_method TUN type gue port 6080 nocsum\n protocol TCP\n\
         persistence_timeout 60\n persistence_granularity 255.255.255.0\n quorum 3\n hysteresis 1\n alpha\n omega\n\
         quorum_up \"/bin/up\"\n sorry_server 10.0.0.9 80\n\
         real_server 10.0.0.1 80 {\n weight 2\n inhibit_on_failure\n uthreshold 100\n notify_down \"/bin/down\"\n TCP_CHECK {\n connect_port 81\n }\n }\n\
         real_server 10.0.0.2 80 {\n weight 2\n lvs_method NAT\n MISC_CHECK {\n misc_path \"/bin/misc -x\"\n misc_dynamic\n misc_timeout 7\n }\n }\n}\n",
    );

    let server = &config.virtual_servers[0];
    assert_eq!(server.name, "G");
    assert_eq!(server.services.len(), 4);
    assert_eq!(server.services[3].id().mark(), Some(5));
    assert_eq!(
        server.services[0].to_string(),
        "-A -t 192.0.2.1:80 -s mh -p 60 -M 255.255.255.0 -b mh-fallback,mh-port"
    );
    assert_eq!((server.quorum, server.hysteresis, server.omega), (3, 1, true));
    let [one, two] = &server.real_servers[..] else { panic!() };
    assert!(matches!(one.forwarding, Forwarding::Tunnel(_)) && one.inhibit && one.checks[0].timing.alpha);
    assert_eq!(one.checks[0].address.to_string(), "10.0.0.1:81");
    assert_eq!(
        (two.forwarding, two.checks[0].timing.connect_timeout),
        (Forwarding::Masquerade, Duration::from_secs(7))
    );
}

pub(crate) fn defaults_of_the_globals_hold_wherever_they_are_said() {
    let instance = "vrrp_instance V {\n interface eth0\n virtual_router_id 7\n virtual_ipaddress {\n 192.0.2.100/24\n }\n}\n";
    let globals = "global_defs {\n vrrp_version 3\n vrrp_mcast_group4 224.0.0.99\n smtp_alert_vrrp\n vrrp_down_timer_adverts 5\n}\n";

    let before = good(&format!("{globals}{instance}"));
    let after = good(&format!("{instance}{globals}"));

    assert_eq!(before, after);
    let one = &after.instances[0];
    assert_eq!((one.version, one.down_multiplier, one.mail), (Version::V3, 5, true));
    assert_eq!(one.group.to_string(), "224.0.0.99");
}

pub(crate) fn checkers_take_what_they_do_not_say_from_around_them() {
    let config = good(
        "virtual_server 192.0.2.1 443 {\n protocol TCP\n delay_loop 9\n retry 5\n virtualhost all.example\n\
         real_server 10.0.0.1 443 {\n retry 4\n SSL_GET {\n retry 2\n enable_sni\n url {\n path /a\n }\n url {\n path /b\n virtualhost b.example\n }\n }\n TCP_CHECK {\n }\n }\n\
         real_server 10.0.0.2 443 {\n PING_CHECK {\n }\n }\n}\n",
    );

    let [one, two] = &config.virtual_servers[0].real_servers[..] else { panic!() };
    let retries: Vec<_> = one.checks.iter().chain(&two.checks).map(|check| check.timing.retry).collect();
    assert_eq!(retries, [2, 4, 5]);
    assert!(one.checks.iter().all(|check| check.timing.delay_loop == Duration::from_secs(9)));
    let CheckKind::Http(http) = &one.checks[0].kind else { panic!() };
    assert_eq!(
        http.urls.iter().map(|url| url.host.as_str()).collect::<Vec<_>>(),
        ["all.example", "b.example"]
    );
    assert_eq!(http.tls.as_ref().unwrap().sni.as_deref(), Some("all.example"));
    assert!(read("").config.is_some(), "nothing is a configuration");
}
