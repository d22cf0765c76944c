//! Scripts, and who goes through them.

use std::{path::Path, process::Command, thread, time::Duration};

use healthcheck::{
    Policy,
    presets::{Haproxy, InitState, Keepalived},
};

use crate::{
    server::{Behaviour, Server},
    subject::{Program, Subject, Until, Us, observe},
};

pub(crate) fn has_ipvs() -> bool {
    let is_there = || Path::new("/proc/net/ip_vs").exists();
    // Loaded on demand where it can be.
    is_there() || (Command::new("modprobe").arg("ip_vs").status().is_ok() && is_there())
}

/// What both are shown, each by a server of its own at the same time, must look the same to both.
fn compare(
    peer: impl FnOnce(&Server) -> Program + Send,
    policy: Policy,
    script: &[(Behaviour, Until)],
) -> Vec<bool> {
    let theirs = || {
        let server = Server::start(8001);
        let mut program = peer(&server);
        (observe(&mut program, &server, script), program.log())
    };
    let ours = || {
        let server = Server::start(8002);
        let mut us = Us::watch(&server, policy);
        (observe(&mut us, &server, script), us.log())
    };
    let (theirs, ours) = thread::scope(|scope| {
        let here = lab::Namespace::current().unwrap();
        let theirs = scope.spawn(move || here.run(theirs).unwrap());
        (ours(), theirs.join().unwrap())
    });
    assert_eq!(theirs.0, ours.0, "theirs:\n{}\nours:\n{}", theirs.1, ours.1);
    theirs.0
}

pub(crate) fn haproxy_and_we_see_the_same_ups_and_downs() {
    let Some(program) = lab::need("haproxy") else { return };
    let (up, down) = (Until::Up, Until::Down);
    let script = [
        (Behaviour::Serves, Until::Checks(2)),
        // One failure less than it takes, and one pass less.
        (Behaviour::SaysUnavailable, Until::Checks(2)),
        (Behaviour::Serves, Until::Checks(2)),
        (Behaviour::Refuses, down),
        (Behaviour::Serves, Until::Checks(1)),
        (Behaviour::Hangs, Until::Checks(2)),
        (Behaviour::ServesInChunks, up),
        (Behaviour::Hangs, down),
        (Behaviour::Serves, up),
        (Behaviour::SaysUnavailable, down),
        (Behaviour::Serves, up),
        (Behaviour::BreaksOff, down),
        (Behaviour::Serves, up),
        (Behaviour::Drips, down),
        (Behaviour::Serves, up),
    ];
    let policy = Haproxy {
        inter: Duration::from_millis(300),
        fastinter: None,
        downinter: None,
        rise: 2,
        fall: 3,
        timeout_check: Some(Duration::from_millis(250)),
        init_state: InitState::FullyUp,
        spread_checks: 0,
    };
    let peer = |server: &Server| {
        Program::start(&program, &["-db", "-f", "conf"], &haproxy(server), |line| {
            let is_of_server = line.contains("Server shop/one is ");
            is_of_server.then(|| line.contains("Server shop/one is UP"))
        })
    };

    let seen = compare(peer, policy.policy().unwrap(), &script);

    assert_eq!(seen, [false, true].repeat(5));
}

fn haproxy(server: &Server) -> String {
    format!(
        "
        defaults
            mode http
            timeout connect 5s
            timeout client 5s
            timeout server 5s
            timeout check 250ms
        listen shop
            bind 127.0.0.1:8009
            option httpchk
            http-check send meth GET uri / ver HTTP/1.1 hdr Host shop.example
            http-check expect status 200
            server one {} check inter 300ms rise 2 fall 3
",
        server.address
    )
}

pub(crate) fn keepalived_and_we_see_the_same_ups_and_downs() {
    let Some(program) = lab::need("keepalived") else { return };
    let (up, down) = (Until::Up, Until::Down);
    let script = [
        (Behaviour::Serves, Until::Checks(2)),
        // One failure: the retry passes.
        (Behaviour::SaysUnavailable, Until::Checks(1)),
        (Behaviour::Serves, Until::Checks(2)),
        (Behaviour::Refuses, down),
        (Behaviour::ServesInChunks, up),
        (Behaviour::Hangs, down),
        (Behaviour::Serves, up),
        (Behaviour::SaysUnavailable, down),
        (Behaviour::Serves, up),
        (Behaviour::BreaksOff, down),
        (Behaviour::Serves, up),
    ];

    let seen = compare(keepalived(&program), keepalived_policy(), &script);

    assert_eq!(seen, [false, true].repeat(4));
}

pub(crate) fn fault_1_a_server_that_drips_is_up_for_keepalived_and_down_for_us() {
    let Some(program) = lab::need("keepalived") else { return };
    let server = Server::start(8002);
    let mut us = Us::watch(&server, keepalived_policy());
    let script = [(Behaviour::Serves, Until::Checks(1)), (Behaviour::Drips, Until::Down)];
    assert_eq!(observe(&mut us, &server, &script), [false]);
    drop(server);

    let server = Server::start(8001);
    let mut keepalived = keepalived(&program)(&server);
    observe(&mut keepalived, &server, &[(Behaviour::Serves, Until::Checks(1))]);
    server.behave(Behaviour::Drips);
    // Three times as long as two timeouts and the time between take.
    thread::sleep(Duration::from_secs(9));
    assert_eq!(keepalived.changes(), [], "keepalived has learned it: {}", keepalived.log());
}

fn keepalived(program: &Path) -> impl Fn(&Server) -> Program + Send {
    let arguments = ["-C", "-n", "-l", "-D", "-f", "conf", "-p", "pid", "-c", "checkers.pid"];
    move |server| {
        let (ip, port) = (server.address.ip(), server.address.port());
        let configuration = format!(
            "
            virtual_server 192.0.2.1 {port} {{
                delay_loop 1
                lb_algo rr
                lb_kind DR
                protocol TCP
                real_server {ip} {port} {{
                    HTTP_GET {{
                        url {{
                            path /
                            status_code 200
                        }}
                        warmup 0
                        connect_timeout 1
                        retry 1
                        delay_before_retry 1
                    }}
                }}
            }}
            "
        );
        Program::start(program, &arguments, &configuration, |line| {
            let (removes, adds) = (line.contains("Removing service"), line.contains("Adding service"));
            (removes || adds).then_some(adds)
        })
    }
}

fn keepalived_policy() -> Policy {
    let second = Duration::from_secs(1);
    let preset = Keepalived {
        delay_loop: second,
        retry: 1,
        delay_before_retry: Some(second),
        connect_timeout: second,
        warmup: Some(Duration::ZERO),
        alpha: false,
    };
    preset.policy().unwrap()
}
