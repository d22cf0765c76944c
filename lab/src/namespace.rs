use std::{
    fs::{self, File},
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    panic::resume_unwind,
    thread,
};

use nix::sched::{CloneFlags, setns, unshare};

use crate::rtnl::Rtnl;

/// A host: a network namespace, held by a file descriptor.
///
/// It lives as long as this value, a LAN it is attached to, a thread or child process inside, or a socket opened there.
#[derive(Debug)]
pub struct Namespace {
    fd: OwnedFd,
}

impl Namespace {
    /// Makes a host with nothing but loopback, which is up. IPv6 is disabled where the system lets us, so that nobody
    /// solicits routers on its LANs.
    ///
    /// # Errors
    ///
    /// `EPERM` without [`enter`](crate::enter()) before.
    pub fn new() -> io::Result<Self> {
        in_a_thread("lab", || {
            unshare(CloneFlags::CLONE_NEWNET)?;
            furnish()?;
            Self::current()
        })
    }

    /// Takes hold of the namespace that the calling thread is in.
    ///
    /// # Errors
    ///
    /// `/proc` is not there, or file descriptors are used up.
    pub fn current() -> io::Result<Self> {
        Ok(Self { fd: File::open("/proc/thread-self/ns/net")?.into() })
    }

    /// Takes hold of the namespace once more.
    ///
    /// # Errors
    ///
    /// File descriptors are used up.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { fd: self.fd.try_clone()? })
    }

    /// Takes an interface administratively down, as `ip link set NAME down` does.
    ///
    /// # Errors
    ///
    /// No such interface.
    pub fn link_down(&self, name: &str) -> io::Result<()> {
        self.run(|| set_up(name, false))?
    }

    /// Brings an interface up. Its LAN lets frames pass a moment later: [`Lan::settle`](crate::Lan::settle).
    ///
    /// # Errors
    ///
    /// No such interface.
    pub fn link_up(&self, name: &str) -> io::Result<()> {
        self.run(|| set_up(name, true))?
    }

    /// Enables IPv6, as far as the system lets us: the interface that is named gets a link-local address a moment later. It
    /// neither looks for duplicates of it nor solicits routers.
    ///
    /// # Errors
    ///
    /// The namespace cannot be entered.
    pub fn enable_ipv6(&self, interface: &str) -> io::Result<()> {
        self.run(|| {
            set_ipv6(interface, "accept_dad", "0");
            set_ipv6(interface, "router_solicitations", "0");
            set_ipv6("all", "disable_ipv6", "0");
        })
    }

    /// Runs `f` in a thread that is in this namespace, and waits for it. A panic in `f` goes on here.
    ///
    /// The sockets it opens and the child processes it starts stay in the namespace. Of `/proc`, what is about the
    /// network here is under `/proc/thread-self/net`, not `/proc/net`.
    ///
    /// # Errors
    ///
    /// The thread could not be started, or could not enter.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> io::Result<T> {
        // The same name, so that a panic message still says which test it is.
        self.run_named(thread::current().name().unwrap_or("lab"), f)
    }

    pub(crate) fn run_named<T: Send>(&self, name: &str, f: impl FnOnce() -> T + Send) -> io::Result<T> {
        in_a_thread(name, || {
            setns(&self.fd, CloneFlags::CLONE_NEWNET)?;
            Ok(f())
        })
    }
}

impl AsFd for Namespace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Prepares the calling thread's new namespace.
pub(crate) fn furnish() -> io::Result<()> {
    for interfaces in ["all", "default"] {
        set_ipv6(interfaces, "disable_ipv6", "1");
    }
    set_up("lo", true)
}

/// Changes a setting of an interface in the calling thread's namespace.
fn set_ipv6(interface: &str, setting: &str, value: &str) {
    // A kernel without IPv6 has no such file, and some containers do not let it be written: no reason to stop.
    let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{interface}/{setting}"), value);
}

fn set_up(name: &str, up: bool) -> io::Result<()> {
    let rtnl = Rtnl::open()?;
    rtnl.set_up(rtnl.link(name)?.index, up)
}

fn in_a_thread<T: Send>(name: &str, f: impl FnOnce() -> io::Result<T> + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread = thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, f)?;
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}
