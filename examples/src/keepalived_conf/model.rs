//! What a keepalived.conf says, in the words of the crates: every value is in range, every default filled in, every name that
//! refers to something leads there.

mod balancing;
mod global;
mod network;
mod vrrp;

pub use self::{
    balancing::{Check, CheckKind, HttpCheck, HttpUrl, RealServer, Sorry, Tls, VirtualServer},
    global::{Command, Fifo, FlushOnStop, Globals, Mail, SyncDaemon, User},
    network::{AddressEntry, RouteEntry, RouteHop, RuleEntry},
    vrrp::{
        Auth, FileTracker, Instance, InterfaceDelay, Notify, ParamMatch, SyncGroup, Track, Tracks, Vmac,
        WatchedFile, WatchedProcess, WatchedScript,
    },
};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Config {
    /// `global_defs`.
    pub globals: Globals,
    /// `static_ipaddress`.
    pub static_addresses: Vec<AddressEntry>,
    /// `static_routes`.
    pub static_routes: Vec<RouteEntry>,
    /// `static_rules`.
    pub static_rules: Vec<RuleEntry>,
    /// `interface_up_down_delays`.
    pub interface_delays: Vec<InterfaceDelay>,
    /// `vrrp_script`.
    pub scripts: Vec<WatchedScript>,
    /// `track_file`.
    pub files: Vec<WatchedFile>,
    /// `vrrp_track_process`.
    pub processes: Vec<WatchedProcess>,
    /// `vrrp_sync_group`.
    pub groups: Vec<SyncGroup>,
    /// `vrrp_instance`.
    pub instances: Vec<Instance>,
    /// `virtual_server`, in the file's order.
    pub virtual_servers: Vec<VirtualServer>,
}
