//! `ha_suspend`: checks that run only where the address is.

use std::{fs, thread, time::Duration};

use crate::{
    director::{Director, Kind},
    host::{Host, until},
    programs::Folder,
};

pub(crate) fn checks_wait_for_their_address() {
    let folder = Folder::new("suspension");
    // It takes a while, so that the address goes in the midst of a run.
    folder.script("one", "echo >> ${0%/*}/ran-one; sleep 0.5");
    folder.script("two", "echo >> ${0%/*}/ran-two");
    let runs = |name: &str| fs::read_to_string(folder.path(name)).map_or(0, |text| text.len());
    let number = folder.path("number");
    fs::write(&number, "0").unwrap();
    let config = |waits: &str, checks: &[&str]| {
        let checks = checks.iter().map(|name| {
            let program = folder.path(name);
            format!("MISC_CHECK {{\n misc_path {}\n misc_timeout 10\n }}", program.display())
        });
        format!(
            "global_defs {{
                 script_user root
             }}
             vrrp_track_file number {{
                 file {}
             }}
             vrrp_instance it {{
                 interface eth0
                 virtual_router_id 51
                 priority 150
                 version 3
                 advert_int 0.2
                 virtual_ipaddress {{
                     192.0.2.100
                 }}
                 track_file {{
                     number weight 0
                 }}
             }}
             virtual_server 192.0.2.100 80 {{
                 {waits}
                 delay_loop 1
                 lb_algo rr
                 lb_kind DR
                 protocol TCP
                 real_server 192.0.2.7 80 {{
                     {}
                 }}
             }}",
            number.display(),
            checks.collect::<Vec<_>>().join("\n"),
        )
    };
    let (_lan, host) = Host::alone();
    let director = Director::start(&host, Kind::Ours, &config("ha_suspend", &["one"]));
    let suspended = || director.log().matches("checks suspended").count();
    let wait_for_another_run = |name: &str| {
        let before = runs(name);
        until("it is checked again", PATIENCE, || runs(name) > before);
    };
    wait_for_another_run("ran-one");
    assert_eq!(suspended(), 1, "before it had the address: {}", director.log());

    wait_for_another_run("ran-one");
    fs::write(&number, "1").unwrap();
    until("the address is gone", PATIENCE, || suspended() == 2);
    let before = runs("ran-one");
    director.reload(&config("ha_suspend", &["one", "two"]));
    until("it is read", PATIENCE, || director.status()["reloads"]["taken"] == 1);
    // Three times the distance of two runs.
    thread::sleep(Duration::from_secs(3));
    assert_eq!((runs("ran-one"), runs("ran-two")), (before, 0), "{}", director.log());

    fs::write(&number, "0").unwrap();
    wait_for_another_run("ran-one");
    wait_for_another_run("ran-two");

    fs::write(&number, "1").unwrap();
    until("the address is gone", PATIENCE, || suspended() == 3);
    director.reload(&config("", &["one", "two"]));
    wait_for_another_run("ran-one");
    wait_for_another_run("ran-two");
}

const PATIENCE: Duration = Duration::from_secs(30);
