//! What others do is told, and what it leads to is what there is.

use std::{
    ffi::OsStr,
    fs,
    io::Write,
    net::IpAddr,
    os::{fd::AsFd, unix::ffi::OsStrExt},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use lab::{Namespace, Stalls, allocations};
use vip_netlink::{Address, AssignedAddress, Event, EventKind, Lost, Monitor, Netlink, Origin, Owner};

use crate::support::{PATIENCE, Queueing, address, now, wait_readable};

pub(crate) fn after_5000_changes_it_slept_through_the_picture_is_what_iproute2_shows() {
    let Some(host) = Host::new() else { return };
    let kept = address("192.0.2.10/32");
    host.netlink().add(&host.interface("veth0"), kept).unwrap();
    for round in 0..5 {
        let mut monitor = Monitor::with_receive_buffer(SMALL).unwrap();

        host.batch(&changes(round));
        let events = until(&mut monitor, |event| event.kind == EventKind::Resynced(Lost::Overflow));

        assert!(monitor.next_event().unwrap().is_none());
        assert!(!monitor.is_stale());
        assert_eq!(pictured(&monitor), host.shown());
        let vip_told = events.iter().filter(|event| told_address(event) == Some(kept));
        assert_eq!(vip_told.count(), 0, "what stayed is not told");
        let (changes, _) = events.split_at(events.len() - 1);
        assert_eq!(changes.len(), 1000, "differences, not what came and went");
        assert!(changes.iter().all(|event| event.origin == Origin::Unknown), "{changes:?}");
        host.batch(&undone(round));
    }
}

pub(crate) fn while_others_go_on_it_catches_up() {
    let Some(host) = Host::new() else { return };
    let mut monitor = Monitor::with_receive_buffer(SMALL).unwrap();
    host.batch(&(changes(0) + &undone(0)));
    let is_resynced = |event: &Event| matches!(event.kind, EventKind::Resynced(_));

    let mut resynced = thread::scope(|scope| {
        let namespace = Namespace::current().unwrap();
        let host = &host;
        let others = scope.spawn(move || {
            let all = || (1..10).for_each(|round| host.batch(&(changes(round) + &undone(round))));
            namespace.run(all).unwrap();
        });
        let mut resynced = false;
        while !others.is_finished() {
            wait_readable(monitor.as_fd(), Instant::now() + Duration::from_millis(1));
            match monitor.next_event() {
                Ok(event) => resynced |= event.as_ref().is_some_and(is_resynced),
                Err(error) => {
                    assert_eq!(error.kind(), vip_netlink::ErrorKind::KeptChanging, "{error}");
                    assert!(monitor.is_stale());
                }
            }
        }
        resynced
    });
    while let Some(event) = monitor.next_event().unwrap() {
        resynced |= is_resynced(&event);
    }

    assert_eq!(pictured(&monitor), host.shown());
    assert!(resynced, "the buffer had overflowed when they went on");
}

pub(crate) fn a_big_buffer_holds_thousands_of_events() {
    let Some(host) = Host::new() else { return };
    let mut monitor = Monitor::open().unwrap();
    let holds_all = monitor.receive_buffer().unwrap() > 6_000_000;

    host.batch(&changes(1));
    let mut events = Vec::new();
    while let Some(event) = monitor.next_event().unwrap() {
        events.push(event);
    }

    // An ordinary user gets the small one that everybody may have.
    if holds_all {
        assert_eq!(events.len(), 5000);
    }
    assert_eq!(pictured(&monitor), host.shown());
}

pub(crate) fn a_vip_deleted_by_hand_is_told_within_10_ms() {
    let Some(host) = Host::with_ipv6() else { return };
    let stalls = Stalls::watch().unwrap();
    let mut monitor = Monitor::open().unwrap();
    let (mut netlink, mut by_hand) = (host.netlink(), host.netlink());
    let veth0 = host.interface("veth0");
    monitor.recognize(&mut netlink).unwrap();
    let vips = ["192.0.2.10/32", "2001:db8::10/128"].map(address).repeat(20);
    let (tell, told) = mpsc::channel();

    thread::scope(|scope| {
        let watched = vips.clone();
        scope.spawn(move || {
            for vip in watched {
                until(&mut monitor, |event| told_address(event) == Some(vip));
                let mut queueing = Queueing::of_this_thread();
                tell.send(None).unwrap();
                let event = next(&mut monitor);
                let at = now();
                tell.send(Some((event, at, queueing.since_last()))).unwrap();
            }
        });
        for vip in vips {
            netlink.add(&veth0, vip).unwrap();
            assert!(told.recv().unwrap().is_none());
            by_hand.remove(&veth0, vip).unwrap();
            // It is gone since a moment before: not since it was asked for, as others may have held the kernel's lock.
            let gone = now();
            let (event, at, waited) = told.recv().unwrap().unwrap();

            let is_it = matches!(event.kind, EventKind::AddressRemoved(gone) if gone.address() == vip);
            assert!(is_it, "{event:?}");
            assert_ne!(event.origin, Origin::Us);
            let late = at.saturating_sub(gone);
            let excused = stalls.between(gone, at.max(gone)) + waited;
            assert!(late < Duration::from_millis(10) + excused, "{vip}: {late:?}, excused {excused:?}");
        }
    });
}

pub(crate) fn an_address_that_we_add_twice_is_ours() {
    let Some(host) = Host::with_ipv6() else { return };
    let mut netlink = host.netlink();
    let mut monitor = Monitor::open().unwrap();
    monitor.recognize(&mut netlink).unwrap();
    let veth0 = host.interface("veth0");

    for vip in ["192.0.2.10/32", "2001:db8::10/128"].map(address) {
        // Before anything is told of the first time.
        netlink.add(&veth0, vip).unwrap();
        assert_eq!(netlink.add(&veth0, vip).unwrap(), vip_netlink::Change::AlreadySo);

        let event = next(&mut monitor);
        assert!(matches!(event.kind, EventKind::AddressAdded(new) if new.address() == vip), "{event:?}");
        assert_eq!(event.origin, Origin::Us, "{vip}");
    }
}

pub(crate) fn an_interface_whose_name_is_no_text_hides_no_other() {
    let Some(host) = Host::new() else { return };
    let mut monitor = Monitor::open().unwrap();
    let name = OsStr::from_bytes(b"a\xffb");

    let mut ip = Command::new(&host.ip);
    ip.args(["link", "add"]).arg(name).args(["type", "veth", "peer", "name", "veth3"]);
    assert!(ip.status().unwrap().success());
    let is_it = |event: &Event| matches!(event.kind, EventKind::InterfaceAdded(one) if one.name() == "a?b");
    until(&mut monitor, is_it);
    drain(&mut monitor);

    assert!(Monitor::open().unwrap().picture().interface_named("veth0").is_some());
    assert_eq!(host.netlink().interfaces().unwrap().len(), monitor.picture().interfaces().len());
    host.netlink().flush().unwrap();
}

pub(crate) fn a_receive_buffer_larger_than_there_can_be_is_the_largest() {
    let size = |bytes| Monitor::with_receive_buffer(bytes).unwrap().receive_buffer().unwrap();

    assert_eq!(size(usize::MAX), size(i32::MAX as usize));
    assert!(size(usize::MAX) >= size(SMALL));
}

pub(crate) fn what_we_did_is_told_from_what_others_did() {
    let Some(host) = Host::with_ipv6() else { return };
    let veth0 = host.interface("veth0");
    let (v4, v6) = (address("192.0.2.10/32"), address("2001:db8::10/128"));
    let mut ours = host.netlink(); // The first socket of a namespace has the port that the next one gets after it.
    let mut monitor = Monitor::open().unwrap();
    monitor.recognize(&mut ours).unwrap();
    let mut others = host.netlink().with_owner(Owner::new(92).unwrap());
    let origins = |netlink: &mut Netlink, monitor: &mut Monitor| {
        [v4, v6].map(|vip| {
            netlink.add(&veth0, vip).unwrap();
            let mut events = until(monitor, |event| told_address(event) == Some(vip));
            netlink.remove(&veth0, vip).unwrap();
            events.extend(until(monitor, |event| removed(event) == Some(vip)));
            let told = events.iter().filter(|event| {
                matches!(event.kind, EventKind::AddressAdded(_) | EventKind::AddressRemoved(_))
            });
            told.map(|event| event.origin).collect::<Vec<_>>()
        })
    };

    let of_ours = origins(&mut ours, &mut monitor);
    let of_others = origins(&mut others, &mut monitor);
    // What it removes in vain is nobody's.
    ours.remove(&veth0, v6).unwrap();
    others.add(&veth0, v6).unwrap();
    until(&mut monitor, |event| told_address(event) == Some(v6));
    others.remove(&veth0, v6).unwrap();
    let in_vain = until(&mut monitor, |event| removed(event) == Some(v6));
    // Its last change is read after it is closed.
    ours.add(&veth0, v4).unwrap();
    drop(ours);
    let last = next(&mut monitor);
    (0..2).for_each(|_| drain(&mut monitor));
    let mut heir = host.netlink();
    heir.remove(&veth0, v4).unwrap();
    let of_heir = next(&mut monitor);

    assert_eq!(of_ours, [[Origin::Us; 2]; 2]);
    assert_eq!(of_others, [[Origin::Others; 2], [Origin::Unknown; 2]]);
    assert!(in_vain.iter().all(|event| event.origin == Origin::Unknown), "{in_vain:?}");
    assert_eq!(last.origin, Origin::Us);
    assert_eq!((removed(&of_heir), of_heir.origin), (Some(v4), Origin::Others));
}

pub(crate) fn what_we_add_and_others_remove_at_once_is_told() {
    let Some(host) = Host::with_ipv6() else { return };
    let (mut netlink, mut by_hand) = (host.netlink(), host.netlink());
    let mut monitor = Monitor::open().unwrap();
    monitor.recognize(&mut netlink).unwrap();
    let veth0 = host.interface("veth0");

    for vip in ["192.0.2.10/32", "2001:db8::10/128"].map(address).repeat(20) {
        netlink.add(&veth0, vip).unwrap();
        by_hand.remove(&veth0, vip).unwrap();

        let events = until(&mut monitor, |event| removed(event) == Some(vip));
        assert_eq!(events.first().map(|event| event.origin), Some(Origin::Us), "{events:?}");
        assert_ne!(events.last().map(|event| event.origin), Some(Origin::Us), "{events:?}");
        assert!(monitor.next_event().unwrap().is_none());
    }
}

pub(crate) fn an_interface_that_is_renamed_deleted_and_created_anew_is_told() {
    let Some(host) = Host::new() else { return };
    let mut monitor = Monitor::open().unwrap();
    let first = *monitor.picture().interface_named("veth0").unwrap();

    host.ip("link set veth0 down");
    host.ip("link set veth0 name wan0");
    let events = until(
        &mut monitor,
        |event| matches!(event.kind, EventKind::InterfaceChanged { now, .. } if now.name() == "wan0"),
    );
    let EventKind::InterfaceChanged { before, now } = events.last().unwrap().kind else {
        panic!("{events:?}")
    };
    assert_eq!((before.name(), before.index(), now.index()), ("veth0", first.index(), first.index()));
    assert!(monitor.picture().interface_named("veth0").is_none());
    host.ip("link set wan0 name veth0");

    host.ip("link delete veth0");
    let gone = until(
        &mut monitor,
        |event| matches!(event.kind, EventKind::InterfaceRemoved(gone) if gone.index() == first.index()),
    );
    assert!(gone.iter().any(|event| removed(event) == Some(address("10.0.0.1/24"))), "{gone:?}");
    host.ip("link add veth0 type veth peer name veth1");
    host.ip("link set veth1 up");
    host.ip("link set veth0 up");
    let events = until(&mut monitor, |event| is_usable(event, "veth0"));

    let second = *monitor.picture().interface_named("veth0").unwrap();
    assert_ne!(second.index(), first.index());
    let added = events
        .iter()
        .find(|event| matches!(event.kind, EventKind::InterfaceAdded(new) if new.index() == second.index()));
    assert!(added.is_some(), "{events:?}");
    assert!(monitor.picture().interface(first.index()).is_none());
    assert_eq!(pictured(&monitor), host.shown());
}

pub(crate) fn a_port_of_a_bridge_comes_and_goes_and_stays_an_interface() {
    let Some(host) = Host::new() else { return };
    host.ip("link add br0 type bridge");
    host.ip("link set br0 up");
    let mut monitor = Monitor::open().unwrap();
    let mut netlink = host.netlink();

    host.ip("link set veth0 master br0");
    host.ip("link set veth0 nomaster");
    let marker = address("192.0.2.10/32");
    netlink.add(&host.interface("veth0"), marker).unwrap();
    let events = until(&mut monitor, |event| told_address(event) == Some(marker));

    let is_removal = |event: &Event| matches!(event.kind, EventKind::InterfaceRemoved(_));
    assert!(!events.iter().any(is_removal), "{events:?}");
    assert!(monitor.picture().interface_named("veth0").unwrap().is_up());
}

pub(crate) fn ipv6_addresses_vanish_when_the_interface_goes_down_and_ipv4_stays() {
    let Some(host) = Host::with_ipv6() else { return };
    let (v4, v6) = (address("192.0.2.10/32"), address("2001:db8::10/128"));
    let mut netlink = host.netlink();
    let veth0 = host.interface("veth0");
    let mut monitor = Monitor::open().unwrap();
    monitor.recognize(&mut netlink).unwrap();
    netlink.add(&veth0, v4).unwrap();
    netlink.add(&veth0, v6).unwrap();
    drain(&mut monitor);

    host.ip("link set veth0 down");
    let events = until(&mut monitor, |event| removed(event) == Some(v6));
    assert!(!monitor.picture().is_usable(veth0.index()));
    assert_eq!(events.last().unwrap().origin, Origin::Unknown, "not by us, nor by anybody's request");
    host.ip("link set veth0 up");
    let more = until(&mut monitor, |event| is_usable(event, "veth0"));

    let gone: Vec<_> = events.iter().chain(&more).filter_map(removed).collect();
    assert!(!gone.contains(&v4), "{gone:?}");
    let holds = |vip: Address| monitor.picture().addresses_with(veth0.index(), vip.ip()).count();
    assert_eq!((holds(v4), holds(v6)), (1, 0));
    assert_eq!(netlink.add(&veth0, v6).unwrap(), vip_netlink::Change::Made);
}

pub(crate) fn duplicate_address_detection_is_told_to_its_end() {
    let Some(host) = Host::with_ipv6() else { return };
    for (name, value) in [("veth0", "1"), ("veth1", "0")] {
        fs::write(format!("/proc/sys/net/ipv6/conf/{name}/accept_dad"), value).unwrap();
    }
    let (free, taken) = (address("2001:db8::10/64"), address("2001:db8::11/64"));
    host.ip("address add 2001:db8::11/64 dev veth1 nodad");
    let mut monitor = Monitor::open().unwrap();

    host.ip("address add 2001:db8::10/64 dev veth0");
    host.ip("address add 2001:db8::11/64 dev veth0");

    let mut states = [Vec::new(), Vec::new()];
    let settled = |states: &[Vec<_>; 2]| states.iter().all(|states| states.len() >= 2);
    while !settled(&states) {
        let event = next(&mut monitor);
        let Some(now) = event.kind.address() else { continue };
        for (vip, states) in [free, taken].iter().zip(&mut states) {
            if now.address() == *vip
                && monitor.picture().interface(now.interface()).unwrap().name() == "veth0"
            {
                states.push(now.state());
            }
        }
    }
    use vip_netlink::AddressState::{Duplicate, Preferred, Tentative};
    assert_eq!(states, [[Tentative, Preferred], [Tentative, Duplicate]]);
}

pub(crate) fn a_macvlan_is_unusable_while_its_parent_is_down() {
    let Some(host) = Host::new() else { return };
    host.ip("link add link veth0 name vrrp.51 type macvlan mode private");
    host.ip("link set vrrp.51 up");
    let mut monitor = Monitor::open().unwrap();
    let vmac = *monitor.picture().interface_named("vrrp.51").unwrap();
    let parent = host.interface("veth0");
    assert_eq!(vmac.parent(), Some(parent.index()));
    assert!(monitor.picture().is_usable(vmac.index()));

    host.ip("link set veth0 down");
    let down = until(
        &mut monitor,
        |event| matches!(event.kind, EventKind::InterfaceUnusable(one) if one.index() == vmac.index()),
    );
    host.ip("link set veth0 up");
    let up = until(&mut monitor, |event| is_usable(event, "vrrp.51"));
    host.ip("link set veth1 down"); // The carrier.
    until(
        &mut monitor,
        |event| matches!(event.kind, EventKind::InterfaceUnusable(one) if one.index() == vmac.index()),
    );
    host.ip("link set veth1 up");
    until(&mut monitor, |event| is_usable(event, "vrrp.51"));
    host.ip("link delete veth0");
    let gone = until(
        &mut monitor,
        |event| matches!(event.kind, EventKind::InterfaceRemoved(one) if one.name() == "veth0"),
    );

    drain(&mut monitor);

    assert!(!down.is_empty() && !up.is_empty());
    let usable_again = gone.iter().any(|event| is_usable(event, "vrrp.51"));
    assert!(!usable_again, "{gone:?}");
    assert_eq!(pictured(&monitor), host.shown());
}

pub(crate) fn what_is_of_no_interest_allocates_nothing() {
    let Some(host) = Host::with_ipv6() else { return };
    host.ip("address add 2001:db8::10/64 dev veth0 nodad");
    let mut monitor = Monitor::open().unwrap();
    let mut events = 0;
    let mut allocated = 0;

    for lifetime in 1000..1010 {
        host.ip(&format!("link set veth0 promisc {}", if lifetime % 2 == 0 { "on" } else { "off" }));
        host.ip(&format!(
            "address change 2001:db8::10/64 dev veth0 valid_lft {lifetime} preferred_lft {lifetime}"
        ));
        assert!(wait_readable(monitor.as_fd(), Instant::now() + PATIENCE));
        let before = allocations();
        while monitor.next_event().unwrap().is_some() {
            events += 1;
        }
        allocated += allocations() - before;
    }

    assert_eq!((events, allocated), (0, 0));
}

/// The test's own namespace, which has a virtual cable from veth0, with 10.0.0.1/24, to veth1.
struct Host {
    ip: std::path::PathBuf,
}

impl Host {
    fn new() -> Option<Self> {
        let host = Self { ip: lab::need("ip")? };
        host.furnish();
        Some(host)
    }

    fn with_ipv6() -> Option<Self> {
        let host = Self { ip: lab::need("ip")? };
        let namespace = Namespace::current().unwrap();
        namespace.enable_ipv6("default").unwrap();
        namespace.enable_ipv6("lo").unwrap();
        host.furnish();
        Some(host)
    }

    fn furnish(&self) {
        self.ip("link add veth0 type veth peer name veth1");
        self.ip("address add 10.0.0.1/24 dev veth0");
        self.ip("link set veth1 up");
        self.ip("link set veth0 up");
        let mut monitor = Monitor::open().unwrap();
        let deadline = Instant::now() + PATIENCE;
        while !["veth0", "veth1"].iter().all(|name| {
            let picture = monitor.picture();
            let one = picture.interface_named(name).unwrap();
            let v6: Vec<_> = picture.addresses_of(one.index()).filter(|own| own.ip().is_ipv6()).collect();
            picture.is_usable(one.index()) && (has_no_ipv6(name) || v6.iter().any(|own| own.is_usable()))
        }) {
            assert!(wait_readable(monitor.as_fd(), deadline), "the cable does not come up");
            drain(&mut monitor);
        }
    }

    fn netlink(&self) -> Netlink {
        Netlink::open().unwrap()
    }

    fn interface(&self, name: &str) -> vip_netlink::Interface {
        self.netlink().interface(name).unwrap()
    }

    fn ip(&self, words: &str) {
        let status = Command::new(&self.ip).args(words.split(' ')).status().unwrap();
        assert!(status.success(), "ip {words}");
    }

    fn batch(&self, lines: &str) {
        let mut child = Command::new(&self.ip).args(["-batch", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }

    /// Interface, address, prefix length and whether it is usable, as `ip -json address` has them, and whether the interface
    /// is up.
    fn shown(&self) -> Vec<String> {
        let output = Command::new(&self.ip).args(["-json", "address"]).output().unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut lines = Vec::new();
        for interface in shown.as_array().unwrap() {
            let name = interface["ifname"].as_str().unwrap();
            let is_up = interface["flags"].as_array().unwrap().iter().any(|flag| flag == "UP");
            lines.push(format!("{} {name} {} {is_up}", interface["ifindex"], interface["mtu"]));
            for address in interface["addr_info"].as_array().unwrap() {
                let ip: IpAddr = address["local"].as_str().unwrap().parse().unwrap();
                let is_usable = address["tentative"] != true && address["dadfailed"] != true;
                lines.push(format!("{name} {ip}/{} {is_usable}", address["prefixlen"]));
            }
        }
        lines.sort();
        lines
    }
}

/// The same as a monitor has them.
fn pictured(monitor: &Monitor) -> Vec<String> {
    let picture = monitor.picture();
    let interfaces = picture.interfaces();
    let mut lines: Vec<_> = interfaces
        .map(|one| format!("{} {} {} {}", one.index(), one.name(), one.mtu(), one.is_up()))
        .collect();
    lines.extend(picture.addresses().map(|one| {
        let name = picture.interface(one.interface()).unwrap().name();
        format!("{name} {} {}", one.address(), one.is_usable())
    }));
    lines.sort();
    lines
}

/// 5000 changes for `ip -batch`: 3000 addresses come, 2000 of them go.
fn changes(round: u8) -> String {
    let line = |verb: &str, number: u16| {
        let [high, low] = number.to_be_bytes();
        format!("address {verb} 198.{round}.{high}.{low}/32 dev veth0\n")
    };
    let added = (0..3000).map(|number| line("add", number));
    added.chain((0..2000).map(|number| line("delete", number))).collect()
}

/// Takes away what is left of them.
fn undone(round: u8) -> String {
    let line = |number: u16| {
        let [high, low] = number.to_be_bytes();
        format!("address delete 198.{round}.{high}.{low}/32 dev veth0\n")
    };
    (2000..3000).map(line).collect()
}

fn has_no_ipv6(interface: &str) -> bool {
    let path = "/proc/thread-self/net/if_inet6";
    let disabled = fs::read_to_string(format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6"));
    !Path::new(path).exists() || disabled.is_ok_and(|value| value.trim() == "1")
}

/// Waits for the next event.
fn next(monitor: &mut Monitor) -> Event {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(event) = monitor.next_event().unwrap() {
            return event;
        }
        assert!(wait_readable(monitor.as_fd(), deadline), "no event in {PATIENCE:?}");
    }
}

/// Waits for an event, and returns it behind those that came before.
fn until(monitor: &mut Monitor, is_last: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut events = Vec::new();
    loop {
        events.push(next(monitor));
        if events.last().is_some_and(&is_last) {
            return events;
        }
    }
}

fn drain(monitor: &mut Monitor) {
    while monitor.next_event().unwrap().is_some() {}
}

fn is_usable(event: &Event, name: &str) -> bool {
    matches!(event.kind, EventKind::InterfaceUsable(one) if one.name() == name)
}

fn removed(event: &Event) -> Option<Address> {
    told_address(event).filter(|_| matches!(event.kind, EventKind::AddressRemoved(_)))
}

fn told_address(event: &Event) -> Option<Address> {
    event.kind.address().map(AssignedAddress::address)
}

/// What a socket has that asks for nothing, of which the kernel grants twice as much: room for some 256 events.
const SMALL: usize = 106_496;
