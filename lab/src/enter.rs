use std::{fs, io};

use nix::{
    errno::Errno,
    sched::{CloneFlags, unshare},
    unistd::{getegid, geteuid},
};

use crate::namespace::furnish;

/// Moves the process into a network namespace of its own, where it may do anything.
///
/// Call it first thing in `main`: with a second thread running the kernel refuses. Root gets a network namespace; anyone
/// else a user namespace around it, in which it is root. Sockets opened before stay where they were.
///
/// # Errors
///
/// Says which step the system refused. Containers often forbid all of it.
pub fn enter() -> Result<(), NotPermitted> {
    match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => {}
        Err(Errno::EPERM) => enter_user_namespace()?,
        Err(errno) => return Err(step("create a network namespace")(errno.into())),
    }
    furnish().map_err(step("set up the loopback interface"))
}

/// Why there can be no lab here.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}: {source}{}", hint(source))]
#[non_exhaustive]
pub struct NotPermitted {
    step: &'static str,
    source: io::Error,
}

fn enter_user_namespace() -> Result<(), NotPermitted> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET)
        .map_err(|errno| step("create a user and network namespace")(errno.into()))?;
    // Groups may be mapped by an ordinary user only after giving up setgroups(2): user_namespaces(7).
    fs::write("/proc/self/setgroups", "deny").map_err(step("write /proc/self/setgroups"))?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1")).map_err(step("write /proc/self/uid_map"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1")).map_err(step("write /proc/self/gid_map"))
}

/// What the kernel means by an error that says something else.
fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOSPC) => " (a limit in /proc/sys/user is reached)",
        Some(Errno::EPERM | Errno::EACCES) => " (this system keeps namespaces from ordinary users)",
        _ => "",
    }
}

fn step(step: &'static str) -> impl Fn(io::Error) -> NotPermitted {
    move |source| NotPermitted { step, source }
}
