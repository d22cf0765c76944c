use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    path::PathBuf,
    time::Duration,
};

use vrrp_proto::{MULTICAST_V4, MULTICAST_V6};

/// `global_defs`: what is not said again for each instance. Defaults of instances and servers are filled in there.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Globals {
    /// `router_id`, or the name of the host.
    pub router_id: String,
    /// Where mails go.
    pub mail: Mail,
    /// `vrrp_mcast_group4`.
    pub group_v4: Ipv4Addr,
    /// `vrrp_mcast_group6`.
    pub group_v6: Ipv6Addr,
    /// `enable_script_security`: scripts of root that others could have written are not run.
    pub script_security: bool,
    /// `startup_script`, and how long it is waited for.
    pub startup_script: Option<(Command, Option<Duration>)>,
    /// `shutdown_script`, and how long it is waited for.
    pub shutdown_script: Option<(Command, Option<Duration>)>,
    /// `notify_fifo`: everything.
    pub fifo: Option<Fifo>,
    /// `vrrp_notify_fifo`: instances and groups.
    pub vrrp_fifo: Option<Fifo>,
    /// `lvs_notify_fifo`: virtual and real servers.
    pub lvs_fifo: Option<Fifo>,
    /// `fifo_write_vrrp_states_on_reload`.
    pub fifo_states_on_reload: bool,
    /// `lvs_timeouts`.
    pub lvs_timeouts: Option<ipvs_netlink::Timeouts>,
    /// `lvs_flush`: the kernel's table is emptied at start.
    pub lvs_flush: bool,
    /// `lvs_flush_on_stop`.
    pub lvs_flush_on_stop: FlushOnStop,
    /// `lvs_sync_daemon`.
    pub sync_daemon: Option<SyncDaemon>,
    /// `rs_init_notifies`: the first result of a real server is told even if it is no change.
    pub rs_init_notifies: bool,
    /// `vrrp_startup_delay`.
    pub startup_delay: Duration,
    /// `vrrp_garp_interval` and `vrrp_gna_interval`, the longer of both: between two announcements on an interface.
    pub announcement_gap: Duration,
    /// `log_unknown_vrids`.
    pub log_unknown_vrids: bool,
}

impl Default for Globals {
    fn default() -> Self {
        Self {
            router_id: String::new(),
            mail: Mail::default(),
            group_v4: MULTICAST_V4,
            group_v6: MULTICAST_V6,
            script_security: false,
            startup_script: None,
            shutdown_script: None,
            fifo: None,
            vrrp_fifo: None,
            lvs_fifo: None,
            fifo_states_on_reload: false,
            lvs_timeouts: None,
            lvs_flush: false,
            lvs_flush_on_stop: FlushOnStop::default(),
            sync_daemon: None,
            rs_init_notifies: false,
            startup_delay: Duration::ZERO,
            announcement_gap: Duration::ZERO,
            log_unknown_vrids: false,
        }
    }
}

/// Where mails go. Whether an instance or a server sends any is said there.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Mail {
    /// `notification_email`; nobody, if there is no `smtp_server`.
    pub to: Vec<String>,
    /// `notification_email_from`, or keepalived at this host.
    pub from: String,
    /// `smtp_server`: a name or an address, and a port.
    pub server: Option<(String, u16)>,
    /// `smtp_helo_name`, or the name of the host.
    pub helo_name: String,
    /// `smtp_connect_timeout`: how long each step may take.
    pub timeout: Duration,
    /// `no_email_faults`.
    pub no_faults: bool,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            to: Vec::new(),
            from: String::new(),
            server: None,
            helo_name: String::new(),
            timeout: Duration::from_secs(30),
            no_faults: false,
        }
    }
}

/// A program to run: its path and arguments, without a shell.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Command {
    /// Its absolute path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Who runs it: `script_user`, the command's own user, or `None` for whoever runs this program.
    pub user: Option<User>,
}

/// A user and a group, by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the kernel knows no more of them")]
pub struct User {
    /// The user.
    pub uid: u32,
    /// The group.
    pub gid: u32,
}

/// A FIFO that is told what happens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Fifo {
    /// Where it is.
    pub path: PathBuf,
    /// Who may read it, if somebody else.
    pub user: Option<User>,
    /// Who reads it, if it is for this program to start: it gets the path as its last argument.
    pub script: Option<Command>,
}

/// What becomes of the kernel's table at the end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the file has no other word")]
pub enum FlushOnStop {
    /// What is configured is taken out, one by one.
    #[default]
    Own,
    /// What is configured is taken out, virtual servers as a whole.
    VirtualServers,
    /// All of it, whoever put it there.
    All,
}

/// `lvs_sync_daemon`: open connections are told to the other director.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct SyncDaemon {
    /// The interface it uses.
    pub interface: String,
    /// The instance it follows, by name; without one, both roles run always.
    pub instance: Option<String>,
    /// `id`, or the instance's number.
    pub id: u8,
    /// `maxlen`.
    pub max_len: Option<u16>,
    /// `port`.
    pub port: Option<u16>,
    /// `ttl`.
    pub ttl: Option<u8>,
    /// `group`.
    pub group: Option<IpAddr>,
}
