//! A real server of LVS direct routing: it takes what is for the virtual address, and is silent about having it.

mod arp;
mod faults;
mod lifecycle;

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    process::Command,
};

use lab::Lan;
use vip_netlink::{Address, RealServer};

pub(crate) use self::{arp::*, faults::*, lifecycle::*};
use crate::support::{Host, address, texts};

/// A host that may be a real server.
struct Server {
    host: Host,
    real_server: RealServer,
}

impl Server {
    fn new(lan: &mut Lan, number: u8) -> Self {
        Self::over(Host::new(lan, number))
    }

    fn with_ipv6(lan: &mut Lan, number: u8) -> Self {
        Self::over(Host::with_ipv6(lan, number))
    }

    /// Opened in the host's namespace, it is driven from the test's.
    fn over(host: Host) -> Self {
        let real_server = host.namespace.run(RealServer::open).unwrap().unwrap();
        Self { host, real_server }
    }

    /// Another process, as it were.
    fn again(&self) -> RealServer {
        self.host.namespace.run(RealServer::open).unwrap().unwrap()
    }

    /// `all.arp_ignore` and `all.arp_announce`.
    fn settings(&self) -> (i32, i32) {
        (self.sysctl("all/arp_ignore"), self.sysctl("all/arp_announce"))
    }

    fn sysctl(&self, name: &str) -> i32 {
        let read = || fs::read_to_string(format!("/proc/sys/net/ipv4/conf/{name}"));
        self.host.namespace.run(read).unwrap().unwrap().trim().parse().unwrap()
    }

    fn set(&self, name: &str, value: i32) {
        let write = || fs::write(format!("/proc/sys/net/ipv4/conf/{name}"), value.to_string());
        self.host.namespace.run(write).unwrap().unwrap();
    }

    /// What is on loopback, but for 127.0.0.1 and ::1.
    fn on_lo(&mut self) -> Vec<String> {
        let lo = self.host.netlink.interface("lo").unwrap();
        let mut addresses = self.host.netlink.addresses(&lo).unwrap();
        addresses.retain(|one| !one.ip().is_loopback());
        texts(&addresses)
    }

    fn add_to(&mut self, interface: &str, text: &str) {
        let interface = self.host.netlink.interface(interface).unwrap();
        self.host.netlink.add(&interface, address(text)).unwrap();
    }

    fn remove_from(&mut self, interface: &str, text: &str) {
        let interface = self.host.netlink.interface(interface).unwrap();
        self.host.netlink.remove(&interface, address(text)).unwrap();
    }
}

/// Runs `ip` in a host; `false` where there is none.
fn ip(host: &Host, arguments: &str) -> bool {
    let Some(ip) = lab::need("ip") else { return false };
    let run = || Command::new(ip).args(arguments.split(' ')).output();
    let output = host.namespace.run(run).unwrap().unwrap();
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

/// Says something to a service over TCP and returns what came back.
fn converse(client: &Host, server: &Host, vip: IpAddr) -> (SocketAddr, Vec<u8>) {
    let listener = server.namespace.run(|| TcpListener::bind((vip, 4000))).unwrap().unwrap();
    let mut stream = client.namespace.run(|| TcpStream::connect((vip, 4000))).unwrap().unwrap();
    let (mut served, _) = listener.accept().unwrap();
    served.write_all(b"hello").unwrap();
    drop(served);
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).unwrap();
    (stream.peer_addr().unwrap(), heard)
}

fn vip() -> IpAddr {
    Address::new([10, 0, 0, 100], 32).unwrap().ip()
}

fn vip6() -> IpAddr {
    address("2001:db8::100").ip()
}

pub(crate) fn what_the_director_passes_on_is_taken_and_answered_from_the_address() {
    let mut lan = Lan::new().unwrap();
    // Whoever sends on to the hardware address of the real server, as a director does.
    let director = Host::with_ipv6(&mut lan, 1);
    let mut server = Server::with_ipv6(&mut lan, 2);
    for vip in [vip(), vip6()] {
        if !ip(&director, &format!("neighbour add {vip} lladdr 02:00:00:00:00:02 dev eth0 nud permanent")) {
            return;
        }
    }
    // Where answers leave by the interface that requests come by, the strict filter lets them pass.
    for interface in ["all", "eth0"] {
        server.set(&format!("{interface}/rp_filter"), 1);
    }

    server.real_server.start(&[vip(), vip6()]).unwrap();

    for vip in [vip(), vip6()] {
        assert_eq!(converse(&director, &server.host, vip), (SocketAddr::new(vip, 4000), b"hello".to_vec()));
    }
    assert_eq!(server.real_server.verify(&[vip(), vip6()]).unwrap(), []);
}
