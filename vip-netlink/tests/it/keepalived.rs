//! What keepalived sends in the next namespace is heard.

use std::{
    env, fs,
    net::IpAddr,
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
};

use lab::Namespace;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use vip_netlink::{Protocol, Reception, VrrpSocket};

use crate::support::{GROUP, GROUP_V6, address, link_local, receive, two_hosts_with_ipv6};

pub(crate) fn keepalived_is_heard_in_every_way_it_speaks() {
    let Some(program) = lab::need("keepalived") else { return };
    let (_lan, first, second) = two_hosts_with_ipv6();
    let [global, of_keepalived] = ["2001:db8::1", "2001:db8::2"].map(|text| address(text).ip());
    let open = |source, reception, protocol| {
        first.namespace.run(|| VrrpSocket::open(&first.eth0, source, reception, protocol)).unwrap().unwrap()
    };
    let v4 = IpAddr::from(first.ip);
    // Peers of IPv6 get the system's hop limit from it, unless configured otherwise.
    let ways = [
        (open(link_local(1), Reception::Group(GROUP_V6), Protocol::Vrrp), link_local(2), GROUP_V6, 255),
        (open(global, Reception::Unicast, Protocol::Vrrp), of_keepalived, global, 64),
        (open(v4, Reception::Unicast, Protocol::Vrrp), second.ip.into(), v4, 255),
        (open(v4, Reception::Group(GROUP), Protocol::Ah), second.ip.into(), GROUP, 255),
    ];

    let _keepalived = Keepalived::start(&program, &second.namespace);

    // Version 3, version 3, version 2, and the next header and length of an Authentication Header.
    let starts = [[0x31, 1], [0x31, 2], [0x21, 3], [112, 4]];
    for ((socket, source, destination, hop_limit), start) in ways.into_iter().zip(starts) {
        let packet = receive(&socket);

        assert_eq!((packet.source, packet.destination, packet.hop_limit), (source, destination, hop_limit));
        assert_eq!(packet.bytes[..2], start);
        assert_eq!(packet.datagram.is_some(), source.is_ipv4());
        while let Some(packet) = socket.recv(&mut [0; 2048]).unwrap() {
            assert_eq!(packet.bytes[..2], start, "each way has a socket of its own");
        }
    }
}

/// Its VRRP part, in the foreground. Dropped, it is ended with its child, and its files removed.
struct Keepalived {
    process: Child,
    directory: PathBuf,
}

impl Keepalived {
    fn start(program: &Path, host: &Namespace) -> Self {
        let directory = env::temp_dir().join(format!("vip-netlink-it-keepalived-{}", process::id()));
        fs::create_dir(&directory).unwrap();
        fs::write(directory.join("conf"), CONFIGURATION).unwrap();
        let start = || {
            Command::new(program)
                .args(["--dont-fork", "--log-console", "--vrrp", "--use-file"])
                .arg(directory.join("conf"))
                .arg("--pid")
                .arg(directory.join("pid"))
                .arg("--vrrp_pid")
                .arg(directory.join("vrrp.pid"))
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
        };
        let process = host.run(start).unwrap().unwrap();
        Self { process, directory }
    }
}

impl Drop for Keepalived {
    fn drop(&mut self) {
        // Terminated, it takes its child along. It is waited for, so that its number is nobody else's.
        let _ = kill(Pid::from_raw(self.process.id().cast_signed()), Signal::SIGTERM);
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

const CONFIGURATION: &str = "
vrrp_instance one {
    version 3
    state MASTER
    interface eth0
    virtual_router_id 1
    virtual_ipaddress {
        fe80::100
    }
}
vrrp_instance two {
    version 3
    state MASTER
    interface eth0
    virtual_router_id 2
    unicast_src_ip 2001:db8::2
    unicast_peer {
        2001:db8::1
    }
    virtual_ipaddress {
        2001:db8::101
    }
}
vrrp_instance three {
    version 2
    state MASTER
    interface eth0
    virtual_router_id 3
    unicast_src_ip 10.0.0.2
    unicast_peer {
        10.0.0.1
    }
    virtual_ipaddress {
        10.0.0.102
    }
}
vrrp_instance four {
    version 2
    state MASTER
    interface eth0
    virtual_router_id 4
    authentication {
        auth_type AH
        auth_pass secret
    }
    virtual_ipaddress {
        10.0.0.103
    }
}
";
