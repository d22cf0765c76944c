//! A client, a director and two real servers on one Ethernet. The client is in another subnet than the servers: only what is
//! masqueraded comes back through the director.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    process::Command,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use ipvs_netlink::{Drain, Draining, Ending, Family, Ipvs, Timeouts};
use nix::sys::socket::{Shutdown, shutdown};

use crate::support::{Kernel, id, run, sysctl, table};

pub(crate) fn direct_routing_shares_three_to_one() {
    Site::new(Family::V4, Way::DirectRouting).shares_three_to_one("-t 10.1.0.100:80", "-g");
}

pub(crate) fn direct_routing_of_ipv6_shares_three_to_one() {
    Site::new(Family::V6, Way::DirectRouting).shares_three_to_one("-t [fd01::100]:80", "-g");
}

pub(crate) fn masquerading_shares_three_to_one() {
    Site::new(Family::V4, Way::Masquerade).shares_three_to_one("-t 10.1.0.100:80", "-m");
}

pub(crate) fn masquerading_of_ipv6_shares_three_to_one() {
    Site::new(Family::V6, Way::Masquerade).shares_three_to_one("-t [fd01::100]:80", "-m");
}

pub(crate) fn tunnels_share_three_to_one() {
    Site::new(Family::V4, Way::Tunnel).shares_three_to_one("-t 10.1.0.100:80", "-i");
}

pub(crate) fn tunnels_of_ipv6_share_three_to_one() {
    Site::new(Family::V6, Way::Tunnel).shares_three_to_one("-t [fd01::100]:80", "-i");
}

pub(crate) fn a_firewall_mark_shares_three_to_one() {
    let mut site = Site::new(Family::V4, Way::DirectRouting);
    if lab::need("iptables-legacy").is_none() {
        return;
    }
    let mark = "-p tcp --dport 80 -d 10.1.0.100 -j MARK --set-mark 7";
    site.on_director(|| drop(run(&format!("iptables-legacy -t mangle -A PREROUTING {mark}"))));
    site.shares_three_to_one("-f 7", "-g");
}

pub(crate) fn a_drain_ends_no_connection() {
    let mut site = Site::new(Family::V4, Way::DirectRouting);
    let service = id("-t 10.1.0.100:80");
    site.serve("-t 10.1.0.100:80", "-g", [1, 1]);
    let (mut held, others): (Vec<_>, Vec<_>) = site.connect(8).into_iter().partition(|one| one.server == 'a');
    assert_eq!((held.len(), others.len()), (4, 4));
    // So that what is closed is not remembered for two minutes.
    let short = Timeouts::UNCHANGED.tcp_fin(Duration::from_secs(1)).unwrap();
    site.kernel.ipvs.set_timeouts(&short).unwrap();

    let deadline = Instant::now() + Duration::from_secs(120);
    let first = site.server(0);
    let mut drain = Drain::start(&mut site.kernel.ipvs, &service, first, deadline).unwrap();

    assert_eq!(site.shares(20), BTreeMap::from([('b', 20)]));
    assert!(matches!(
        drain.poll(&mut site.kernel.ipvs, Instant::now()).unwrap(),
        Draining::Waiting { connections, .. } if connections.active == 4
    ));
    held.iter_mut().for_each(Connection::echoes);
    drop(held);
    let ending = loop {
        match drain.poll(&mut site.kernel.ipvs, Instant::now()).unwrap() {
            Draining::Waiting { next, .. } => thread::sleep(next.saturating_duration_since(Instant::now())),
            Draining::Over(ending) => break ending,
        }
    };
    assert_eq!(ending, Ending::Drained);
    assert_eq!(site.kernel.ipvs.destinations(&service).unwrap().len(), 1);
    drop(others);
}

pub(crate) fn a_drain_cuts_off_at_its_deadline() {
    let mut site = Site::new(Family::V4, Way::Masquerade);
    let service = id("-t 10.1.0.100:80");
    site.serve("-t 10.1.0.100:80", "-m", [1, 0]);
    let _held = site.connect(2);
    let (first, now) = (site.server(0), Instant::now());
    let deadline = now + Duration::from_secs(1);

    let mut drain = Drain::start(&mut site.kernel.ipvs, &service, first, deadline).unwrap();

    let waiting = drain.poll(&mut site.kernel.ipvs, now).unwrap();
    assert!(matches!(waiting, Draining::Waiting { next, .. } if next == deadline), "{waiting:?}");
    let over = drain.poll(&mut site.kernel.ipvs, now + Duration::from_secs(1)).unwrap();
    assert!(
        matches!(over, Draining::Over(Ending::CutOff(connections)) if connections.active == 2),
        "{over:?}"
    );
    assert_eq!(site.kernel.ipvs.destinations(&service).unwrap().len(), 1);
}

/// How packets come to the servers, for which those have to be prepared.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Way {
    DirectRouting,
    Masquerade,
    Tunnel,
}

struct Site {
    family: Family,
    kernel: Kernel,
    client: lab::Namespace,
    director: lab::Namespace,
    _servers: [Server; 2],
    _lan: lab::Lan,
}

impl Site {
    fn new(family: Family, way: Way) -> Self {
        let [client, director, a, b] = [(); 4].map(|()| lab::Namespace::new().unwrap());
        let mut lan = lab::Lan::new().unwrap();
        let hosts = [
            (&client, "client", [10, 1, 0, 2]),
            (&director, "director", [10, 1, 0, 1]),
            (&a, "a", [10, 2, 0, 11]),
            (&b, "b", [10, 2, 0, 12]),
        ];
        for (host, name, ip) in hosts {
            lan.attach(host, name, Ipv4Addr::from(ip), 24).unwrap();
        }
        if way == Way::Tunnel {
            let module = if family == Family::V4 { "ipip" } else { "ip6_tunnel" };
            let modprobe = fs::read_to_string("/proc/sys/kernel/modprobe").unwrap();
            assert!(
                Command::new(modprobe.trim_end()).arg(module).status().unwrap().success(),
                "modprobe {module}"
            );
        }
        for host in [&client, &director, &a, &b].into_iter().filter(|_| family == Family::V6) {
            host.enable_ipv6("eth0").unwrap();
        }
        client.run(|| prepare_client(family)).unwrap();
        director.run(|| prepare_director(family)).unwrap();
        a.run(|| prepare_server(family, way, "11")).unwrap();
        b.run(|| prepare_server(family, way, "12")).unwrap();
        let servers = [('a', a), ('b', b)].map(|(name, host)| Server::start(name, &host));
        let mut kernel = Kernel::new();
        kernel.ipvs = Ipvs::open_in(&director).unwrap();
        Self { family, kernel, client, director, _servers: servers, _lan: lan }
    }

    fn on_director(&self, act: impl FnOnce() + Send) {
        self.director.run(act).unwrap();
    }

    fn virtual_address(&self) -> SocketAddr {
        self.family_address("10.1.0.100:80", "[fd01::100]:80")
    }

    fn server(&self, number: usize) -> SocketAddr {
        match number {
            0 => self.family_address("10.2.0.11:80", "[fd02::11]:80"),
            _ => self.family_address("10.2.0.12:80", "[fd02::12]:80"),
        }
    }

    fn family_address(&self, v4: &str, v6: &str) -> SocketAddr {
        match self.family {
            Family::V4 => v4.parse().unwrap(),
            Family::V6 => v6.parse().unwrap(),
        }
    }

    fn serve(&mut self, id: &str, method: &str, weights: [u32; 2]) {
        let mut text = format!("-A {id} -s wrr\n");
        for (number, weight) in weights.into_iter().enumerate() {
            text += &format!("-a {id} -r {} {method} -w {weight}\n", self.server(number));
        }
        self.kernel.ipvs.apply(&table(&text), |_| true).unwrap();
    }

    fn shares_three_to_one(&mut self, id: &str, method: &str) {
        self.serve(id, method, [3, 1]);

        assert_eq!(self.shares(400), BTreeMap::from([('a', 300), ('b', 100)]));

        let entries = self.kernel.ipvs.services().unwrap();
        let [entry] = entries.as_slice() else { panic!("{entries:?}") };
        let connections = |number| {
            let list = self.kernel.ipvs.destinations(&entry.service.id()).unwrap();
            let ip: IpAddr = self.server(number).ip();
            let one = list.iter().find(|one| one.destination.address().ip() == ip).unwrap();
            one.connections.active + one.connections.inactive
        };
        assert_eq!([0, 1].map(connections), [300, 100], "the kernel remembers as many");
    }

    /// Which server answers how many of so many connections, one after the other.
    fn shares(&self, count: usize) -> BTreeMap<char, usize> {
        let mut shares = BTreeMap::new();
        let virtual_address = self.virtual_address();
        self.client
            .run(|| (0..count).map(|_| Connection::open(virtual_address).server).collect::<Vec<_>>())
            .unwrap()
            .into_iter()
            .for_each(|server| *shares.entry(server).or_default() += 1);
        shares
    }

    fn connect(&self, count: usize) -> Vec<Connection> {
        let virtual_address = self.virtual_address();
        self.client.run(|| (0..count).map(|_| Connection::open(virtual_address)).collect()).unwrap()
    }
}

struct Connection {
    stream: TcpStream,
    server: char,
}

impl Connection {
    fn open(virtual_address: SocketAddr) -> Self {
        let mut stream = TcpStream::connect_timeout(&virtual_address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut name = [0];
        stream.read_exact(&mut name).unwrap();
        Self { stream, server: name[0].into() }
    }

    fn echoes(&mut self) {
        self.stream.write_all(b"still there?").unwrap();
        let mut answer = [0; 12];
        self.stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"still there?");
    }
}

/// Says its name to whoever connects, and what it is told.
struct Server {
    listener: Arc<TcpListener>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(name: char, host: &lab::Namespace) -> Self {
        let listener =
            host.run(|| TcpListener::bind("[::]:80").or_else(|_| TcpListener::bind("0.0.0.0:80"))).unwrap();
        let listener = Arc::new(listener.unwrap());
        let accepting = Arc::clone(&listener);
        let thread = thread::spawn(move || {
            while let Ok((stream, _)) = accepting.accept() {
                thread::spawn(move || serve(name, stream));
            }
        });
        Self { listener, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = shutdown(std::os::fd::AsRawFd::as_raw_fd(&self.listener), Shutdown::Both);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn serve(name: char, mut stream: TcpStream) {
    let mut bytes = [0; 64];
    let mut length = 1;
    bytes[0] = name as u8;
    while stream.write_all(&bytes[..length]).is_ok() {
        length = stream.read(&mut bytes).unwrap_or_default();
        if length == 0 {
            return;
        }
    }
}

fn prepare_client(family: Family) {
    if family == Family::V6 {
        run("ip address add fd01::2/64 dev eth0 nodad");
    }
}

fn prepare_director(family: Family) {
    run("ip address add 10.2.0.1/24 dev eth0");
    for setting in ["send_redirects", "rp_filter"] {
        sysctl(&format!("net/ipv4/conf/all/{setting}"), "0");
        sysctl(&format!("net/ipv4/conf/eth0/{setting}"), "0");
    }
    sysctl("net/ipv4/ip_forward", "1");
    match family {
        Family::V4 => {
            run("ip address add 10.1.0.100/32 dev eth0");
        }
        Family::V6 => {
            sysctl("net/ipv6/conf/all/forwarding", "1");
            for address in ["fd01::1/64", "fd02::1/64", "fd01::100/128"] {
                run(&format!("ip address add {address} dev eth0 nodad"));
            }
        }
    }
}

fn prepare_server(family: Family, way: Way, number: &str) {
    let (tunnel, clients, director) = match family {
        Family::V4 => ("tunl0", "10.1.0.0/24", "10.2.0.1"),
        Family::V6 => ("ip6tnl0", "fd01::/64", "fd02::1"),
    };
    if family == Family::V6 {
        run(&format!("ip address add fd02::{number}/64 dev eth0 nodad"));
    }
    if way == Way::Masquerade {
        // The director sees that clients are on the same link, and says so. Whoever believes it answers them directly.
        let version = if family == Family::V4 { "ipv4" } else { "ipv6" };
        for interface in ["all", "eth0"] {
            sysctl(&format!("net/{version}/conf/{interface}/accept_redirects"), "0");
        }
        run(&format!("ip route add {clients} via {director}"));
        return;
    }
    run(&format!("ip route add {clients} dev eth0"));
    if way == Way::Tunnel {
        run(&format!("ip link set {tunnel} up"));
    }
    match family {
        Family::V4 => {
            for (setting, value) in [("rp_filter", "0"), ("arp_ignore", "1"), ("arp_announce", "2")] {
                sysctl(&format!("net/ipv4/conf/all/{setting}"), value);
            }
            if way == Way::Tunnel {
                sysctl("net/ipv4/conf/tunl0/rp_filter", "0");
            }
            run("ip address add 10.1.0.100/32 dev lo");
        }
        Family::V6 => {
            run("ip address add fd01::100/128 dev lo nodad");
        }
    }
}

/// Of which a fraction is used, unless something is lost.
const PATIENCE: Duration = Duration::from_secs(20);
