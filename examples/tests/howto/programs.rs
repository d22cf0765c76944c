//! The programs that a director starts: who may have written them, and what they can be told.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use nix::sys::signal::Signal;

use crate::{
    director::{Director, Kind},
    host::{Host, until},
};

pub(crate) fn scripts_of_root_are_root_s_and_can_be_told_to_end() {
    let folder = Folder::new("scripts");
    folder.script("notify", "echo $3 $(grep SigBlk /proc/self/status) >> ${0%/*}/told");
    fs::create_dir(folder.path("open")).unwrap();
    folder.script("open/check", "exit 1");
    folder.script("open/program", "touch ${0%/*}/run");
    fs::set_permissions(folder.path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    // Looks like root's own; where it leads, anybody could have put it.
    symlink(folder.path("open/program"), folder.path("link")).unwrap();
    fs::write(folder.path("secret"), "").unwrap();
    symlink(folder.path("secret"), folder.path("fifo")).unwrap();
    let place = folder.0.display();
    let (_lan, host) = Host::alone();

    let mut director = Director::start(
        &host,
        Kind::Ours,
        &format!(
            "global_defs {{
                 enable_script_security
                 script_user root
                 startup_script {place}/link
                 notify_fifo {place}/fifo nobody
             }}
             vrrp_script fails {{
                 script {place}/open/check
                 interval 1
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
                 track_script {{
                     fails
                 }}
                 notify_master {place}/link
                 notify {place}/notify
             }}"
        ),
    );
    let told = || fs::read_to_string(folder.path("told")).unwrap_or_default();
    until("it is Master, whatever a script says that is not run", PATIENCE, || told().contains("MASTER"));
    director.stop();

    assert_eq!(fs::metadata(folder.path("secret")).unwrap().uid(), 0, "a link was followed");
    assert!(!folder.path("open/run").exists(), "{}", director.log());
    for line in told().lines() {
        assert!(line.ends_with("SigBlk: 0000000000000000"), "{line}");
    }
}

pub(crate) fn a_start_up_script_that_hangs_keeps_nobody_from_ending_it() {
    let (_lan, host) = Host::alone();
    let mut director =
        Director::start(&host, Kind::Ours, "global_defs {\n startup_script \"/bin/sleep 3600\"\n}");
    let pid = director.pid();
    let children = || fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    until("the script runs", PATIENCE, || !children().is_empty());
    let script = format!("/proc/{}", children().trim());

    director.signal(Signal::SIGTERM);

    until("it has ended", PATIENCE, || director.has_ended());
    assert!(!Path::new(&script).exists(), "the script goes on");
}

pub(crate) fn as_many_files_may_be_open_as_the_host_allows() {
    let (_lan, host) = Host::alone();

    let director = Director::start(&host, Kind::Ours, "");
    director.until_ready();

    let limits = fs::read_to_string(format!("/proc/{}/limits", director.pid())).unwrap();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    let [soft, hard, _] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
    assert_eq!(soft, hard);
}

/// A folder that is root's, as are those above it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new("/run").join(format!("howto-{name}-{}", process::id()));
        fs::create_dir(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn script(&self, name: &str, text: &str) {
        fs::write(self.path(name), format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const PATIENCE: Duration = Duration::from_secs(30);
