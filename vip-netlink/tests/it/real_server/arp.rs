//! Who answers for the virtual address, and who asks in its name.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::AsFd,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Instant,
};

use lab::{Capture, Lan};
use socket2::{Domain, Socket, Type};
use vip_netlink::{Address, Problem, Scope, VirtualAddress};

use super::{Server, ip, vip, vip6};
use crate::support::{Host, PATIENCE, capture, eventually, wait_readable};

pub(crate) fn clients_find_the_director_alone() {
    let Scene { lan, client, mut server } = Scene::new();
    let mut asker = Asker::new(&lan, &client, "host3");
    assert!(!asker.hears_of(vip()));

    // What this is for: an address on loopback is answered for.
    server.add_to("lo", "10.0.0.100/32");
    assert!(asker.hears_of(vip()));
    server.remove_from("lo", "10.0.0.100/32");

    server.real_server.start(&[vip()]).unwrap();
    let mut director = Asker::new(&lan, &client, "host2");
    for _ in 0..10 {
        assert!(!asker.hears_of(vip()), "the real server answered");
        assert!(director.hears_of(vip()), "the director did not answer");
    }
    server.real_server.stop(&[vip()]).unwrap();
    assert!(!asker.hears_of(vip()));
}

pub(crate) fn no_answer_slips_out_while_it_starts_and_stops() {
    let Scene { lan, client, mut server } = Scene::new();
    let mut asker = Asker::new(&lan, &client, "host3");

    // What would be seen: the same two steps in the other order, over in less than a millisecond.
    asker.while_asking(|_, heard| {
        eventually("an answer slips out", || {
            server.add_to("lo", "10.0.0.100/32");
            server.set("all/arp_ignore", 1);
            server.remove_from("lo", "10.0.0.100/32");
            server.set("all/arp_ignore", 0);
            heard.load(Ordering::Relaxed) > 0
        });
    });

    let mut cycles = 0;
    let heard = asker.while_asking(|asked, _| {
        while cycles < 50 || asked.load(Ordering::Relaxed) < 2000 {
            server.real_server.start(&[vip()]).unwrap();
            server.real_server.stop(&[vip()]).unwrap();
            cycles += 1;
        }
    });
    assert_eq!(heard, 0, "in {cycles} cycles");
    assert_eq!(server.settings(), (0, 0));
}

pub(crate) fn the_address_is_never_the_sender_of_an_arp_request() {
    let Scene { lan, mut server, .. } = Scene::new();
    let mut wire = lan.capture("host3").unwrap();

    // What this is for: an answer from an address is preceded by a question from it.
    server.add_to("lo", "10.0.0.100/32");
    assert_eq!(asks_in_the_name_of(&server.host, &mut wire, 201), Ipv4Addr::new(10, 0, 0, 100));
    server.remove_from("lo", "10.0.0.100/32");

    server.real_server.start(&[vip()]).unwrap();
    for target in 202..212 {
        assert_eq!(asks_in_the_name_of(&server.host, &mut wire, target), server.host.ip);
    }
}

pub(crate) fn a_host_without_an_address_does_not_ask_in_the_name_of_the_virtual_one() {
    let Scene { lan, mut server, .. } = Scene::new();
    let mut wire = lan.capture("host3").unwrap();
    server.remove_from("eth0", "10.0.0.3/24");
    if !ip(&server.host, "route add 10.0.0.0/24 dev eth0") {
        return;
    }

    server.real_server.start(&[vip()]).unwrap();
    assert_eq!(asks_in_the_name_of(&server.host, &mut wire, 201), Ipv4Addr::UNSPECIFIED);

    // This is what the scope is for: `arp_announce` alone does not help here.
    let lo = server.host.netlink.interface("lo").unwrap();
    let address = Address::new(vip(), 32).unwrap();
    server.host.netlink.remove(&lo, address).unwrap();
    server.host.netlink.add(&lo, VirtualAddress::from(address).scope(Scope::GLOBAL)).unwrap();
    assert_eq!(server.settings(), (1, 2));
    assert_eq!(asks_in_the_name_of(&server.host, &mut wire, 202), vip());
}

pub(crate) fn what_it_says_of_the_settings_is_what_the_kernel_does() {
    let Scene { lan, client, mut server } = Scene::new();
    let mut asker = Asker::new(&lan, &client, "host3");
    let mut wire = lan.capture("host3").unwrap();
    let lo = server.host.netlink.interface("lo").unwrap();
    let address = Address::new(vip(), 32).unwrap();
    let pairs = |values: &[i32]| -> Vec<_> {
        values.iter().flat_map(|all| values.iter().map(|own| (*all, *own))).collect()
    };
    let set = |server: &Server, name: &str, (all, own): (i32, i32)| {
        server.set(&format!("all/{name}"), all);
        server.set(&format!("eth0/{name}"), own);
    };

    set(&server, "arp_announce", (2, 0));
    for scope in [Scope::HOST, Scope::GLOBAL] {
        server.host.netlink.remove(&lo, address).unwrap();
        server.host.netlink.add(&lo, VirtualAddress::from(address).scope(scope)).unwrap();
        // Not 8, with which nothing at all is answered.
        for pair @ (all, own) in pairs(&[-1, 0, 1, 2, 3, 4, 7, 9]) {
            set(&server, "arp_ignore", pair);
            let problem = Problem::ArpIgnore { interface: "eth0".into(), all, own };
            let problems = if asker.hears_of(vip()) { vec![problem] } else { vec![] };
            assert_eq!(server.real_server.verify(&[vip()]).unwrap(), problems, "{pair:?} {scope:?}");
        }
    }
    set(&server, "arp_ignore", (1, 0));
    for (pair @ (all, own), target) in pairs(&[-1, 0, 1, 2, 3]).into_iter().zip(200..) {
        set(&server, "arp_announce", pair);
        let problem = Problem::ArpAnnounce { interface: "eth0".into(), all, own };
        let is_wrong = asks_in_the_name_of(&server.host, &mut wire, target) == vip();
        let problems = if is_wrong { vec![problem] } else { vec![] };
        assert_eq!(server.real_server.verify(&[vip()]).unwrap(), problems, "{pair:?}");
    }
}

pub(crate) fn ipv6_neighbours_find_the_director_alone() {
    let mut lan = Lan::new().unwrap();
    let client = Host::with_ipv6(&mut lan, 1);
    let mut director = Host::with_ipv6(&mut lan, 2);
    let mut server = Server::with_ipv6(&mut lan, 3);
    director.netlink.add(&director.eth0, Address::new(vip6(), 128).unwrap()).unwrap();

    server.real_server.start(&[vip6()]).unwrap();

    let mut at_director = Asker::new(&lan, &client, "host2");
    let mut at_server = Asker::new(&lan, &client, "host3");
    // A moment after the address is there, it is the director's own.
    eventually("the director answers", || at_director.hears_of(vip6()));
    for _ in 0..10 {
        assert!(!at_server.hears_of(vip6()), "the real server answered");
        assert!(at_director.hears_of(vip6()), "the director did not answer");
    }
}

/// A client, the director, which has the virtual address, and a real server, which does not yet.
struct Scene {
    lan: Lan,
    client: Host,
    server: Server,
}

impl Scene {
    fn new() -> Self {
        let mut lan = Lan::new().unwrap();
        let (client, mut director) = (Host::new(&mut lan, 1), Host::new(&mut lan, 2));
        let server = Server::new(&mut lan, 3);
        director.netlink.add(&director.eth0, Address::new(vip(), 32).unwrap()).unwrap();
        Self { lan, client, server }
    }
}

/// Asks a host on its cable who has an address.
struct Asker {
    socket: Socket,
    wire: Capture,
    /// What the host is known to answer for: when that answer comes, there is none to the question before it.
    known: [IpAddr; 2],
    number: u8,
}

impl Asker {
    fn new(lan: &Lan, client: &Host, port: &str) -> Self {
        let number = port.trim_start_matches("host").parse().unwrap();
        let open = || {
            let socket = Socket::new(Domain::PACKET, Type::RAW, None)?;
            let index = client.eth0.index().cast_signed();
            socket.bind(&lab::all_frames_of(index)).map(|()| socket)
        };
        let known = [
            Ipv4Addr::new(10, 0, 0, number).into(),
            Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into()).into(),
        ];
        let socket = client.namespace.run(open).unwrap().unwrap();
        Self { socket, wire: lan.capture(port).unwrap(), known, number }
    }

    /// Asks for the virtual address all the time, while `act` sees how often, and how often there was an answer; returns the
    /// latter.
    fn while_asking(&mut self, act: impl FnOnce(&AtomicU32, &AtomicU32)) -> u32 {
        let (asked, heard, is_over) = (AtomicU32::new(0), AtomicU32::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            let asking = scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    self.socket.send(&question(self.number, vip())).unwrap();
                    heard.fetch_add(self.answers_so_far(vip()), Ordering::Relaxed);
                    asked.fetch_add(1, Ordering::Relaxed);
                }
                heard.fetch_add(self.hears_of(vip()).into(), Ordering::Relaxed);
            });
            // Over too if it panics.
            let acting = Acting(&is_over);
            act(&asked, &heard);
            drop(acting);
            asking.join().unwrap();
        });
        heard.into_inner()
    }

    fn answers_so_far(&mut self, target: IpAddr) -> u32 {
        let (mut answers, mut buffer) = (0, [0; 2048]);
        while let Some(frame) = self.wire.next(&mut buffer).unwrap() {
            answers += u32::from(!frame.outgoing && answer(frame.bytes) == Some(target));
        }
        answers
    }

    /// Whether the host answers.
    fn hears_of(&mut self, target: IpAddr) -> bool {
        let [v4, v6] = self.known;
        let known = if target.is_ipv4() { v4 } else { v6 };
        self.socket.send(&question(self.number, target)).unwrap();
        self.socket.send(&question(self.number, known)).unwrap();
        let mut answered = false;
        let mut buffer = [0; 2048];
        let deadline = Instant::now() + PATIENCE;
        while wait_readable(self.wire.as_fd(), deadline) {
            let Some(frame) = self.wire.next(&mut buffer).unwrap() else { continue };
            match (frame.outgoing, answer(frame.bytes)) {
                (false, Some(ip)) if ip == known => return answered,
                (false, Some(ip)) if ip == target => answered = true,
                _ => {}
            }
        }
        panic!("no answer in {PATIENCE:?}, not even for {known}");
    }
}

struct Acting<'a>(&'a AtomicBool);

impl Drop for Acting<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// An ARP request, or a neighbour solicitation, from host 1 to the hardware address of another.
fn question(host: u8, target: IpAddr) -> Vec<u8> {
    let (to, from) = ([2, 0, 0, 0, 0, host], [2, 0, 0, 0, 0, 1]);
    match target {
        IpAddr::V4(target) => {
            let head = [&to[..], &from, &[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]].concat();
            [&head[..], &from, &[10, 0, 0, 1], &[0; 6], &target.octets()].concat()
        }
        IpAddr::V6(target) => {
            let source = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            let body = [&[135, 0, 0, 0, 0, 0, 0, 0][..], &target.octets(), &[1, 1], &from].concat();
            let mut body = body;
            let sum = checksum(
                &[&source.octets()[..], &target.octets(), &[0, 0, 0, 32, 0, 0, 0, 58], &body].concat(),
            );
            body[2..4].copy_from_slice(&sum.to_be_bytes());
            let head = [&to[..], &from, &[0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255]].concat();
            [&head[..], &source.octets(), &target.octets(), &body].concat()
        }
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes.chunks_exact(2).map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]]))).sum();
    !((sum & 0xffff) + (sum >> 16)) as u16
}

/// The address that an ARP reply or a neighbour advertisement is about.
fn answer(frame: &[u8]) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [8, 6] if frame.get(20..22)? == [0, 2] => frame[28..].first_chunk::<4>().map(|ip| (*ip).into()),
        [0x86, 0xdd] if frame.get(54)? == &136 => frame[62..].first_chunk::<16>().map(|ip| (*ip).into()),
        _ => None,
    }
}

/// Has a host send from the virtual address to one it does not know, and returns who asks for it by ARP.
fn asks_in_the_name_of(host: &Host, wire: &mut Capture, target: u8) -> Ipv4Addr {
    let socket = host.namespace.run(|| UdpSocket::bind((vip(), 0))).unwrap().unwrap();
    socket.send_to(b"answer", SocketAddr::from(([10, 0, 0, target], 9))).unwrap();
    let request = capture(wire, |frame| {
        !frame.outgoing && frame.bytes[12..14] == [8, 6] && frame.bytes[38..42] == [10, 0, 0, target]
    });
    <[u8; 4]>::try_from(&request[28..32]).unwrap().into()
}
