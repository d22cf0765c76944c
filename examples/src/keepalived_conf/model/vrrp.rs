use std::{net::IpAddr, path::PathBuf, time::Duration};

use healthcheck::presets::VrrpScript;
use vrrp_engine::{Announcements, MemberWeights, Preempt, State, Tracker};
use vrrp_proto::{AcceptChecksum, AdvertInterval, Checksum, Password, Priority, UnicastPeer, Version, Vrid};

use super::{AddressEntry, Command, RouteEntry, RuleEntry};

/// `vrrp_instance`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Instance {
    /// Its name.
    pub name: String,
    /// `interface`.
    pub interface: String,
    /// `virtual_router_id`.
    pub vrid: Vrid,
    /// Whether it speaks IPv6: as its first address, or `native_ipv6`.
    pub is_ipv6: bool,
    /// `state`, as it was written: a wish.
    pub initial: Option<State>,
    /// `priority`.
    pub priority: Priority,
    /// `version`.
    pub version: Version,
    /// `advert_int`.
    pub interval: AdvertInterval,
    /// `down_timer_adverts`.
    pub down_multiplier: u8,
    /// `authentication`.
    pub auth: Auth,
    /// `use_vmac`.
    pub vmac: Option<Vmac>,
    /// `mcast_src_ip` or `unicast_src_ip`.
    pub source: Option<IpAddr>,
    /// `track_src_ip`: the loss of that address is a fault.
    pub track_source: bool,
    /// `mcast_dst_ip`, or the global group.
    pub group: IpAddr,
    /// `unicast_peer`. None of them: the group.
    pub peers: Vec<UnicastPeer>,
    /// `unicast_ttl`.
    pub unicast_ttl: Option<u8>,
    /// `virtual_ipaddress`: what is advertised.
    pub addresses: Vec<AddressEntry>,
    /// `virtual_ipaddress_excluded`.
    pub excluded: Vec<AddressEntry>,
    /// `virtual_routes`.
    pub routes: Vec<RouteEntry>,
    /// `virtual_rules`.
    pub rules: Vec<RuleEntry>,
    /// `preempt`, `nopreempt`, `preempt_delay`.
    pub preempt: Preempt,
    /// `garp_*`.
    pub announcements: Announcements,
    /// `lower_prio_no_advert`: a worse Master is not answered.
    pub lower_prio_no_advert: bool,
    /// `owner_ignore_adverts`.
    pub owner_ignore_adverts: bool,
    /// `accept`, `no_accept`, strict mode.
    pub accept: bool,
    /// What version 3 over IPv4 sends (`v3_checksum_as_v2`).
    pub checksum: Checksum,
    /// And what it takes.
    pub accept_checksum: AcceptChecksum,
    /// `promote_secondaries`.
    pub promote_secondaries: bool,
    /// `dont_track_primary`.
    pub dont_track_primary: bool,
    /// `track_interface`, `track_script`, `track_file`, `track_process`.
    pub track: Tracks,
    /// `notify_*`.
    pub notify: Notify,
    /// `smtp_alert`.
    pub mail: bool,
    /// `lvs_sync_daemon_interface`, an old way to say `lvs_sync_daemon`.
    pub sync_daemon_interface: Option<String>,
}

/// How version 2 authenticates.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "RFC 2338 knows no more")]
pub enum Auth {
    /// It does not.
    None,
    /// `auth_type PASS`.
    Password(Password),
    /// `auth_type AH`: a password that [`AhKey`](vrrp_proto::AhKey) takes.
    Header(String),
}

/// `use_vmac`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Vmac {
    /// The interface's name, if not `vrrp.VRID`.
    pub name: Option<String>,
    /// `vmac_xmit_base`: advertisements are sent from the interface below.
    pub sends_from_base: bool,
}

/// A tracked object, by name, and what it does.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Track {
    /// Its name: an interface, a script, a process.
    pub name: String,
    /// What its failure does.
    pub tracker: Tracker,
}

/// A tracked file, whose number counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct FileTracker {
    /// Its name.
    pub name: String,
    /// What its number is multiplied by. 0: a number that is not 0 is a fault.
    pub weight: i32,
    /// Whether that is turned round.
    pub reverse: bool,
}

/// What an instance or a group depends on.
#[derive(Clone, Debug, Default, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Tracks {
    /// `track_interface`.
    pub interfaces: Vec<Track>,
    /// `track_script`.
    pub scripts: Vec<Track>,
    /// `track_process`.
    pub processes: Vec<Track>,
    /// `track_file`.
    pub files: Vec<FileTracker>,
}

/// Who is told of what.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Notify {
    /// `notify_master`.
    pub master: Option<Command>,
    /// `notify_backup`.
    pub backup: Option<Command>,
    /// `notify_fault`.
    pub fault: Option<Command>,
    /// `notify_stop`.
    pub stop: Option<Command>,
    /// `notify_deleted`: taken out of the file.
    pub deleted: Option<Command>,
    /// `notify_master_rx_lower_pri`.
    pub master_rx_lower_pri: Option<Command>,
    /// `notify`: all of them, with arguments that say what.
    pub any: Option<Command>,
    /// `notify_priority_changes`.
    pub priority_changes: bool,
}

/// `vrrp_sync_group`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct SyncGroup {
    /// Its name.
    pub name: String,
    /// Its instances, by name.
    pub members: Vec<String>,
    /// `sync_group_tracking_weight`.
    pub weights: MemberWeights,
    /// What the whole group depends on.
    pub track: Tracks,
    /// `notify_*`.
    pub notify: Notify,
    /// `smtp_alert`.
    pub mail: bool,
}

/// `vrrp_script`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct WatchedScript {
    /// Its name.
    pub name: String,
    /// The program.
    pub command: Command,
    /// When it runs, and what its results mean.
    pub timing: VrrpScript,
}

/// `track_file`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct WatchedFile {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// `init_file`: what is written at start, and whether over what is there.
    pub init: Option<(i32, bool)>,
}

/// `vrrp_track_process`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct WatchedProcess {
    /// Its name in the file.
    pub name: String,
    /// Its command: the path or name, and with `full_command` or `param_match` what follows.
    pub command: Vec<String>,
    /// `full_command`: the command line is compared, not the process's name.
    pub full_command: bool,
    /// `param_match`: how the arguments are compared; `None`: not.
    pub params: Option<ParamMatch>,
    /// `quorum`.
    pub quorum: u32,
    /// `quorum_max`.
    pub quorum_max: Option<u32>,
    /// `fork_delay`: how long it must be there.
    pub fork_delay: Duration,
    /// `terminate_delay`: how long it must be gone.
    pub terminate_delay: Duration,
}

/// `param_match`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the file has no other word")]
pub enum ParamMatch {
    /// The first arguments are these.
    Initial,
    /// These, the last one only in part.
    Partial,
    /// All of them, and no more.
    Exact,
}

/// `interface_up_down_delays`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct InterfaceDelay {
    /// Of which interface.
    pub interface: String,
    /// How long it must be down to count as down.
    pub down: Duration,
    /// How long it must be up to count as up.
    pub up: Duration,
}
