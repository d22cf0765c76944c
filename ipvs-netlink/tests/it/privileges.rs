use std::{
    env,
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use ipvs_netlink::{ErrorKind, Ipvs};

use crate::support::Kernel;

/// In a child that has no capabilities: says what it is told.
pub(crate) fn as_child() -> Option<ExitCode> {
    env::var_os(CHILD)?;
    let error = Ipvs::open().and_then(|mut ipvs| ipvs.services()).unwrap_err();
    println!("{:?}: {error}", error.kind());
    Some(ExitCode::SUCCESS)
}

pub(crate) fn without_capabilities_it_is_said_what_is_needed() {
    let _kernel = Kernel::with("-A -f 1\n");

    let nobody =
        Command::new(env::current_exe().unwrap()).env(CHILD, "1").uid(65534).gid(65534).output().unwrap();

    let said = String::from_utf8(nobody.stdout).unwrap();
    let kind = ErrorKind::NotPermitted;
    assert_eq!(
        said.trim_end(),
        format!(
            "{kind:?}: cannot list the services: operation not permitted (needs CAP_NET_ADMIN in the initial user namespace, which root in a container may lack)"
        )
    );
}

const CHILD: &str = "IPVS_NETLINK_CHILD";
