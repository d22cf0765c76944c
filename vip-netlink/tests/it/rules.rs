//! Rules come, are asked, and go.

use vip_netlink::{Action, Batch, Change, ErrorKind, Prefix, Route, Rule, RuleBuilder, Table};

use crate::{
    routes::{TARGET, TARGET_V6, ip, lone_host, receive, run_ip, show, three_hosts},
    support::address,
};

pub(crate) fn what_is_added_is_listed_until_removed() {
    let (_lan, mut host) = lone_host();
    let rules = all_kinds();

    let added: Vec<_> = rules.iter().map(|rule| host.netlink.add_rule(rule).unwrap()).collect();
    let again: Vec<_> = rules.iter().map(|rule| host.netlink.add_rule(rule).unwrap()).collect();
    let listed = host.netlink.rules().unwrap();
    let removed: Vec<_> = rules.iter().map(|rule| host.netlink.remove_rule(rule).unwrap()).collect();
    let gone: Vec<_> = rules.iter().map(|rule| host.netlink.remove_rule(rule).unwrap()).collect();

    assert_eq!(added, vec![Change::Made; rules.len()]);
    assert_eq!(again, vec![Change::AlreadySo; rules.len()]);
    assert_eq!(listed, rules);
    assert_eq!(removed, vec![Change::Made; rules.len()]);
    assert_eq!(gone, vec![Change::AlreadySo; rules.len()]);
    assert_eq!(host.netlink.rules().unwrap(), []);
}

pub(crate) fn what_is_added_is_what_iproute2_shows() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    for rule in all_kinds() {
        host.netlink.add_rule(&rule).unwrap();
    }

    let shown = show(&host, &["-4", "rule"]);
    let find = |priority: u32| shown.iter().find(|one| one["priority"] == priority).unwrap().clone();
    assert_eq!((&find(500)["src"], &find(500)["table"]), (&"192.0.2.10".into(), &"100".into()));
    let full = find(501);
    for (key, value) in [
        ("src", "10.0.0.0"),
        ("dst", "192.0.2.0"),
        ("tos", "0x10"),
        ("fwmark", "0x5"),
        ("fwmask", "0xff"),
        ("iif", "lo"),
        ("oif", "eth7"),
        ("ipproto", "tcp"),
        ("table", "100000"),
        ("protocol", "91"),
    ] {
        assert_eq!(full[key], value, "{full}");
    }
    assert_eq!((&full["srclen"], &full["dstlen"]), (&8.into(), &24.into()));
    assert_eq!(
        (&full["sport_start"], &full["sport_end"], &full["dport"]),
        (&5.into(), &9.into(), &80.into())
    );
    assert_eq!(full["suppress_prefixlen"], 0);
    assert!(find(502).get("not").is_some(), "{shown:?}");
    for (priority, action) in [(502, "blackhole"), (503, "unreachable"), (504, "prohibit")] {
        assert_eq!(find(priority)["action"], action);
    }
    assert_eq!(find(505)["goto"], 600);

    let shown = show(&host, &["-6", "rule"]);
    let rule = shown.iter().find(|one| one["priority"] == 500).unwrap();
    assert_eq!((&rule["src"], &rule["table"]), (&"2001:db8:10::10".into(), &"100".into()));
}

pub(crate) fn just_the_rule_that_is_named_comes_and_goes() {
    let (_lan, mut host) = lone_host();
    let rule = || Rule::ipv4(500, Action::Lookup(Table::MAIN));
    // Each is taken by the kernel for one of those before it, or for one that says less.
    let from = |text: &str| rule().from(text.parse().unwrap());
    let all = [
        from("192.0.2.10").mark(1, 1),
        from("192.0.2.10"),
        from("192.0.2.10").inverted(),
        rule(),
        rule().mark(0, 1),
        rule().mark(0, 3),
        rule().protocol(6).source_ports(5..=5),
        rule().protocol(6),
        Rule::ipv4(500, Action::Goto(600)),
        Rule::ipv4(500, Action::Goto(700)),
    ]
    .map(|rule| rule.build().unwrap());

    for (index, gone) in all.iter().enumerate() {
        let made: Vec<_> = all.iter().map(|rule| host.netlink.add_rule(rule).unwrap()).collect();
        assert_eq!(made, [Change::Made; 10]);

        assert_eq!(host.netlink.remove_rule(gone).unwrap(), Change::Made);

        let left = host.netlink.rules().unwrap();
        assert_eq!((left.len(), left.contains(gone)), (9, false), "{index}: {gone}");
        assert!(all.iter().all(|rule| rule == gone || left.contains(rule)), "{index}: {left:?}");
        host.netlink.flush().unwrap();
        assert_eq!(host.netlink.rules().unwrap(), []);
    }
}

pub(crate) fn what_is_not_ours_stays() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    run_ip(&host, "rule add priority 500 from 192.0.2.10 lookup 100");
    run_ip(&host, "rule add priority 500 from 192.0.2.10 lookup 100 proto 200");
    run_ip(&host, "-6 rule add priority 500 from 2001:db8:10::10 lookup 100");
    let before = [show(&host, &["-4", "rule"]), show(&host, &["-6", "rule"])];
    let rules = all_kinds();

    for rule in &rules {
        assert_eq!(host.netlink.remove_rule(rule).unwrap(), Change::AlreadySo);
        assert_eq!(host.netlink.add_rule(rule).unwrap(), Change::Made);
    }
    let kept = host.netlink.adopt_rules(|rule| rule.is_ipv6()).unwrap();
    let listed = host.netlink.rules().unwrap();
    host.netlink.flush().unwrap();

    assert_eq!(kept, rules[6..]);
    assert_eq!(listed, kept);
    assert_eq!([show(&host, &["-4", "rule"]), show(&host, &["-6", "rule"])], before);
}

pub(crate) fn a_rule_that_cannot_be_put_back_is_not_removed() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, mut host) = lone_host();
    run_ip(&host, "rule add priority 500 lookup main suppress_ifgroup 5 proto 91");
    let rule = Rule::ipv4(500, Action::Lookup(Table::MAIN)).build().unwrap();
    host.netlink.add_rule(&rule).unwrap();

    let error = host.netlink.remove_rule(&rule).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unsuitable);
    assert_eq!(
        error.to_string(),
        "cannot remove the rule from all lookup 254 priority 500: the kernel would remove from all lookup 254 priority 500, \
         which has more to it, in its place (remove that first)"
    );
    assert_eq!(host.netlink.rules().unwrap().len(), 2);
    host.netlink.flush().unwrap();
    assert_eq!(host.netlink.rules().unwrap(), []);
}

pub(crate) fn a_goto_without_target_is_taken() {
    let (_lan, mut host) = lone_host();
    let rule = Rule::ipv6(500, Action::Goto(900)).build().unwrap();

    assert_eq!(host.netlink.add_rule(&rule).unwrap(), Change::Made);

    assert_eq!(host.netlink.rules().unwrap(), [rule]);
}

pub(crate) fn packets_from_the_virtual_address_take_the_other_gateway() {
    let (_lan, [mut host, near, far]) = three_hosts();
    let table = Table::new(100).unwrap();
    for (vip, all, gateways, target) in [
        ("192.0.2.10", Prefix::ALL_IPV4, ["10.0.0.2", "10.0.0.3"], TARGET),
        ("2001:db8:10::10", Prefix::ALL_IPV6, ["2001:db8::2", "2001:db8::3"], TARGET_V6),
    ] {
        let [near_gateway, far_gateway] = gateways.map(ip);
        let vip = address(vip);
        let main = Route::to(all).gateway(near_gateway).build().unwrap();
        host.netlink.add_route(&main).unwrap();
        let own = Route::to(all).gateway(far_gateway).source(vip.ip()).table(table).build().unwrap();
        let lookup = Action::Lookup(table);
        let rule = if vip.ip().is_ipv4() { Rule::ipv4(500, lookup) } else { Rule::ipv6(500, lookup) };
        let rule = rule.from(vip.ip().into()).build().unwrap();
        let (at_near, at_far) = (near.listen(target), far.listen(target));
        let (mut take, mut give) = (Batch::new(), Batch::new());
        take.add(&host.eth0, vip).add_route(&own).add_rule(&rule);
        give.remove_rule(&rule).remove_route(&own);
        let from_vip = vip.ip().to_string();

        host.netlink
            .carry_out(&take)
            .into_iter()
            .for_each(|result| assert_eq!(result.unwrap(), Change::Made));
        host.send(&from_vip, target, b"by the rule");
        let by_the_rule = receive(&at_far);
        let own_ip = if vip.ip().is_ipv4() { "10.0.0.1" } else { "2001:db8::1" };
        host.send(own_ip, target, b"by the main table");
        let by_the_main_table = receive(&at_near);
        host.netlink
            .carry_out(&give)
            .into_iter()
            .for_each(|result| assert_eq!(result.unwrap(), Change::Made));
        host.send(&from_vip, target, b"without the rule");
        let without = receive(&at_near);

        assert_eq!(by_the_rule, (vip.ip(), b"by the rule".to_vec()));
        assert_eq!(by_the_main_table, (ip(own_ip), b"by the main table".to_vec()));
        assert_eq!(without, (vip.ip(), b"without the rule".to_vec()));
    }
}

fn all_kinds() -> Vec<Rule> {
    let table = Action::Lookup(Table::new(100).unwrap());
    let from = |rule: RuleBuilder, text: &str| rule.from(text.parse().unwrap());
    [
        from(Rule::ipv4(500, table), "192.0.2.10"),
        from(Rule::ipv4(501, Action::Lookup(Table::new(100_000).unwrap())), "10.0.0.0/8")
            .to("192.0.2.0/24".parse().unwrap())
            .tos(0x10)
            .mark(5, 0xff)
            .incoming("lo")
            .outgoing("eth7")
            .protocol(6)
            .source_ports(5..=9)
            .destination_ports(80..=80)
            .suppress_prefix_length(0),
        from(Rule::ipv4(502, Action::Blackhole), "192.0.2.10").inverted().mark(0, 1),
        from(Rule::ipv4(503, Action::Unreachable), "192.0.2.11"),
        from(Rule::ipv4(504, Action::Prohibit), "192.0.2.11"),
        Rule::ipv4(505, Action::Goto(600)),
        from(Rule::ipv6(500, table), "2001:db8:10::10"),
        from(Rule::ipv6(501, Action::Prohibit), "2001:db8:11::/48")
            .tos(0x10)
            .protocol(17)
            .destination_ports(53..=53),
    ]
    .map(|rule| rule.build().unwrap())
    .to_vec()
}
