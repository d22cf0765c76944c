use std::{fs, process::Command};

use ipvs_netlink::{ErrorKind, Ipvs};

use crate::support::{alone, id, service, table};

pub(crate) fn a_module_that_was_loaded_again_is_found() {
    let _alone = alone();
    let mut ipvs = Ipvs::open().unwrap();
    let wanted = service("-A -t 192.0.2.1:80 -s rr");
    let desired = table("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n");

    // Each kind of call comes first once.
    for turn in 0..4 {
        ipvs.add_service(&wanted).unwrap();
        ipvs.remove_service(&wanted.id()).unwrap();
        unload();
        match turn {
            0 => ipvs.add_service(&wanted).unwrap(),
            1 => assert_eq!(ipvs.services().unwrap(), []),
            2 => assert_eq!(ipvs.service(&id("-f 1")).unwrap(), None),
            _ => assert_eq!(ipvs.apply(&desired, |_| true).unwrap().writes, 2),
        }
        ipvs.flush().unwrap();
    }
}

pub(crate) fn a_module_that_cannot_be_loaded_is_said_to_be_missing() {
    let _alone = alone();
    let mut ipvs = Ipvs::open().unwrap();
    ipvs.info().unwrap();
    let modprobe = fs::read_to_string(MODPROBE).unwrap();

    unload();
    fs::write(MODPROBE, "/bin/false").unwrap();
    let errors = [ipvs.info().unwrap_err(), Ipvs::open().unwrap().services().unwrap_err()];
    fs::write(MODPROBE, modprobe.trim_end()).unwrap();

    for error in errors {
        assert_eq!(error.kind(), ErrorKind::NotLoaded);
        assert!(
            error.to_string().ends_with("ip_vs is not loaded, or this kernel has none (modprobe ip_vs)"),
            "{error}"
        );
    }
    ipvs.info().unwrap();
}

/// With its schedulers, all that are loaded.
fn unload() {
    let modules = fs::read_to_string("/proc/modules").unwrap();
    let names =
        modules.lines().filter_map(|line| line.split(' ').next()).filter(|name| name.starts_with("ip_vs_"));
    let modprobe = fs::read_to_string(MODPROBE).unwrap();
    for name in names.chain(["ip_vs"]) {
        let status = Command::new(modprobe.trim_end()).args(["-r", name]).status().unwrap();
        assert!(status.success(), "modprobe -r {name}");
    }
}

const MODPROBE: &str = "/proc/sys/kernel/modprobe";
