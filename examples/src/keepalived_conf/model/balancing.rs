use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf};

use healthcheck::{Digest, RecordType, presets::Keepalived};
use ipvs_netlink::{Forwarding, Service};

use super::Command;

/// `virtual_server`: one set of real servers, behind one address, one firewall mark, or all of a `virtual_server_group`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct VirtualServer {
    /// As keepalived writes it: `[192.0.2.1]:tcp:80`, `FWM 3` or the group's name.
    pub name: String,
    /// The services of the kernel: one, or those of the group.
    pub services: Vec<Service>,
    /// `real_server`.
    pub real_servers: Vec<RealServer>,
    /// `sorry_server`.
    pub sorry: Option<Sorry>,
    /// `quorum`.
    pub quorum: u32,
    /// `hysteresis`.
    pub hysteresis: u32,
    /// `quorum_up`.
    pub quorum_up: Option<Command>,
    /// `quorum_down`.
    pub quorum_down: Option<Command>,
    /// `smtp_alert`: for the quorum.
    pub mail: bool,
    /// `omega`: at the end it is told as if all went down.
    pub omega: bool,
    /// `ha_suspend`: checked only while this host has the address.
    pub ha_suspend: bool,
}

/// `real_server`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct RealServer {
    /// Where it is.
    pub address: SocketAddr,
    /// `lvs_method`, or the virtual server's `lb_kind`.
    pub forwarding: Forwarding,
    /// `weight`.
    pub weight: u32,
    /// `uthreshold`.
    pub upper_threshold: Option<u32>,
    /// `lthreshold`.
    pub lower_threshold: Option<u32>,
    /// `inhibit_on_failure`.
    pub inhibit: bool,
    /// `notify_up`.
    pub notify_up: Option<Command>,
    /// `notify_down`.
    pub notify_down: Option<Command>,
    /// `smtp_alert`.
    pub mail: bool,
    /// All of which must pass.
    pub checks: Vec<Check>,
}

/// `sorry_server`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Sorry {
    /// Where it is.
    pub address: SocketAddr,
    /// `sorry_server_lvs_method`, or the virtual server's `lb_kind`.
    pub forwarding: Forwarding,
    /// `sorry_server_inhibit`: with weight 0 in the table while it is not needed.
    pub inhibit: bool,
}

/// One checker of a real server.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Check {
    /// What it asks.
    pub kind: CheckKind,
    /// Where: `connect_ip`, `connect_port`, or the real server.
    pub address: SocketAddr,
    /// `bindto` and `bind_port`, whose port, if it is not 0, is not supported.
    pub source: Option<SocketAddr>,
    /// `bind_if`.
    pub interface: Option<String>,
    /// `fwmark`.
    pub mark: Option<u32>,
    /// When, and what a result means.
    pub timing: Keepalived,
}

/// What a checker asks.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_enums, reason = "the program asks each of them")]
pub enum CheckKind {
    /// `TCP_CHECK`.
    Tcp,
    /// `HTTP_GET`, `SSL_GET`.
    Http(Box<HttpCheck>),
    /// `SMTP_CHECK`: with this name.
    Smtp {
        /// `helo_name`.
        helo_name: String,
    },
    /// `DNS_CHECK`.
    Dns {
        /// `type`.
        record: RecordType,
        /// `name`.
        name: String,
    },
    /// `MISC_CHECK`.
    Misc {
        /// `misc_path`.
        command: Command,
        /// `misc_dynamic`.
        dynamic: bool,
    },
    /// `UDP_CHECK`.
    Udp {
        /// `payload`.
        payload: Vec<u8>,
        /// `require_reply`: what the reply begins with; `None`: silence is good.
        reply: Option<Vec<u8>>,
        /// `min_reply_length` and `max_reply_length`.
        reply_length: RangeInclusive<u16>,
    },
    /// `PING_CHECK`.
    Ping,
    /// `FILE_CHECK`.
    File {
        /// Which file's number.
        path: PathBuf,
        /// What it is multiplied by to be added to the weight.
        weight: i32,
        /// Whether the sign is turned round.
        reverse: bool,
    },
}

/// `HTTP_GET` and `SSL_GET`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct HttpCheck {
    /// `SSL_GET`.
    pub tls: Option<Tls>,
    /// `url`, in turn.
    pub urls: Vec<HttpUrl>,
    /// `http_protocol 1.0`; else 1.1.
    pub http_1_0: bool,
    /// `fast_recovery`.
    pub fast_recovery: bool,
}

/// One `url`.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct HttpUrl {
    /// `path`.
    pub path: String,
    /// `virtualhost`, or what is used without: the address, and its port where it is not the default.
    pub host: String,
    /// `status_code`; 200 to 299 without.
    pub statuses: Vec<RangeInclusive<u16>>,
    /// `digest`.
    pub digest: Option<Digest>,
    /// `regex`, and whether it must not be found.
    pub regexes: Vec<(String, bool)>,
}

/// `SSL_GET`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct Tls {
    /// `enable_sni`, `sni_name`: the name asked for; `None`: none.
    pub sni: Option<String>,
    /// `SSL { certificate key }`.
    pub client: Option<(PathBuf, PathBuf)>,
}
