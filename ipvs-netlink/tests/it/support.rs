use std::{
    fs,
    net::SocketAddr,
    process::{Command, Output},
    sync::{RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use ipvs_netlink::{Destination, Ipvs, Service, ServiceId, Table};

/// Held by tests while they use IPVS, and alone by those that unload it.
static LOADED: RwLock<()> = RwLock::new(());

/// IPVS in a test's own namespace.
#[derive(Debug)]
pub(crate) struct Kernel {
    pub(crate) ipvs: Ipvs,
    pub(crate) _loaded: RwLockReadGuard<'static, ()>,
}

impl Kernel {
    pub(crate) fn new() -> Self {
        let loaded = LOADED.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        Self { ipvs: Ipvs::open().unwrap(), _loaded: loaded }
    }

    /// With this in its table.
    pub(crate) fn with(table: &str) -> Self {
        let mut kernel = Self::new();
        kernel.make(table);
        kernel
    }

    /// Adds what a text says, one by one.
    pub(crate) fn make(&mut self, text: &str) {
        for server in table(text).servers() {
            self.ipvs.add_service(server.service()).unwrap();
            for destination in server.destinations() {
                self.ipvs.add_destination(&server.service().id(), destination).unwrap();
            }
        }
    }

    pub(crate) fn table(&mut self) -> Table {
        self.ipvs.table().unwrap()
    }

    /// The only service there is.
    pub(crate) fn service(&mut self) -> Service {
        let [entry] = self.ipvs.services().unwrap().try_into().unwrap();
        entry.service
    }

    /// The only destination of a service.
    pub(crate) fn destination(&mut self, id: &ServiceId) -> Destination {
        let [entry] = self.ipvs.destinations(id).unwrap().try_into().unwrap();
        entry.destination
    }
}

/// Keeps all tests that use IPVS away.
pub(crate) fn alone() -> RwLockWriteGuard<'static, ()> {
    LOADED.write().unwrap_or_else(|poisoned| poisoned.into_inner())
}

pub(crate) fn table(text: &str) -> Table {
    text.parse().unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) fn id(text: &str) -> ServiceId {
    text.parse().unwrap()
}

pub(crate) fn service(text: &str) -> Service {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn destination(text: &str) -> Destination {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// Runs a program in the calling thread's namespace, and returns what it printed.
pub(crate) fn run(command: &str) -> String {
    let output = attempt(command);
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn attempt(command: &str) -> Output {
    let mut words = command.split_whitespace();
    let program = lab::need(words.next().unwrap()).expect("the lab has it");
    Command::new(program).args(words).output().unwrap()
}

/// What `ipvsadm` shows, in order, as we would print it.
pub(crate) fn ipvsadm() -> Vec<String> {
    sorted(&run("ipvsadm -Sn"))
}

pub(crate) fn sorted(lines: &str) -> Vec<String> {
    let mut lines: Vec<_> = lines.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.sort();
    lines
}

/// Writes a setting of the calling thread's namespace.
pub(crate) fn sysctl(name: &str, value: &str) {
    fs::write(format!("/proc/sys/{name}"), value).unwrap_or_else(|error| panic!("{name}: {error}"));
}
