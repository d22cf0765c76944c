//! The language of the file.

use std::{env, fs};

use failover_examples::keepalived_conf::{Environment, read as read_file};

use crate::{environment, good, read, told};

pub(crate) fn comments_quotes_and_braces_are_where_keepalived_has_them() {
    let config = good(
        "! a comment\r\nglobal_defs { # another\n router_id \"a # b ! c\"\n}\n\
         vrrp_instance V\n{\n interface eth0\n virtual_router_id 7\n virtual_ipaddress { 192.0.2.1/24 }\n}\n",
    );

    assert_eq!(config.globals.router_id, "a # b ! c");
    assert_eq!(config.instances[0].addresses.len(), 1);
}

pub(crate) fn conditions_definitions_and_repetitions_are_worked_off() {
    let config = good(
        "$PRIO=120\n$BODY= \\\n interface eth0 \\\n priority ${PRIO}\n\
         vrrp_instance A {\n $BODY\n @here virtual_router_id 1\n @there virtual_router_id 2\n @^there advert_int 2\n virtual_ipaddress {\n 192.0.2.1/24\n }\n}\n\
         $MANY=vrrp_instance V$N { \\\n interface eth0 \\\n virtual_router_id $N \\\n virtual_ipaddress { 192.0.2.$N/24 } \\\n}\n\
         ~SEQ(N, 10, 12) $MANY\n",
    );

    let [a, rest @ ..] = &config.instances[..] else { panic!() };
    assert_eq!((a.priority.get(), a.vrid.get(), a.interval.as_secs()), (120, 1, Some(2)));
    let rest: Vec<_> = rest.iter().map(|one| (one.name.as_str(), one.vrid.get())).collect();
    assert_eq!(rest, [("V10", 10), ("V11", 11), ("V12", 12)]);
}

pub(crate) fn files_are_included_beside_the_one_that_includes_them() {
    let directory = env::temp_dir().join(format!("keepalived-conf-include-{}", std::process::id()));
    fs::create_dir_all(directory.join("conf.d")).unwrap();
    let instance = |name: &str, vrid: u8| {
        format!(
            "vrrp_instance {name} {{\n interface eth0\n virtual_router_id {vrid}\n virtual_ipaddress {{\n 192.0.2.{vrid}/24\n }}\n}}\n"
        )
    };
    fs::write(directory.join("main.conf"), "include conf.d/*.conf\nincludem none.conf\n").unwrap();
    fs::write(directory.join("conf.d/a.conf"), instance("A", 1)).unwrap();
    fs::write(directory.join("conf.d/b.conf"), instance("B", 2) + "no_such_word\n").unwrap();

    let reading =
        read_file(&directory.join("main.conf"), &Environment { may_look_around: true, ..environment() });

    fs::remove_dir_all(&directory).unwrap();
    assert_eq!(reading.files.len(), 3);
    let told: Vec<_> = reading
        .diagnostics
        .iter()
        .map(|one| (one.file.rsplit('/').next().unwrap().to_owned(), one.line))
        .collect();
    assert_eq!(told, [("main.conf".to_owned(), 2), ("b.conf".to_owned(), 8)]);
    assert!(reading.config.is_none(), "a file that must be there is not");
}

pub(crate) fn what_would_not_end_is_an_error() {
    for text in [
        "$A=$B\n$B=$A\nvrrp_instance $A {\n}\n",
        "~SEQ(N, 1, 0, 5) router_id $N\n",
        "~SEQ(N, 1, 9000000) router_id $N\n",
        "$X=~SEQ(N, 1, 1000) $Y\n$Y=~SEQ(M, 1, 1000) router_id $N$M\n$X\n",
        "include /dev/zero\n",
        &"a {\n".repeat(100_000),
    ] {
        let reading = read(text);
        let shown: String = text.chars().take(60).collect();
        assert!(reading.config.is_none() && !reading.diagnostics.is_empty(), "{shown}: {}", told(&reading));
    }
}
