//! The follower, told what a kernel would tell.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::net::UnixDatagram,
};

use nix::libc;
use proptest::{collection::vec, prelude::*};

use super::{
    Event, EventKind, Follower, Lost, Monitor, Origin, Picture, picture::Identity, socket::EventSocket,
};
use crate::{ErrorKind, Netlink, address::AssignedAddress, link::Interface};
use lab::written::{attribute_bytes, message_bytes, ne16, ne32};

#[test]
fn what_changes_nothing_is_no_event() {
    let mut follower = Follower::default();

    for _ in 0..2 {
        follower.hear(&link(RUNNING, 2, "eth0", 0));
        follower.hear(&address(libc::RTM_NEWADDR, 2, 1, 0x80));
    }

    assert_eq!(
        follower.told(),
        ["added eth0", "usable eth0", "added 10.0.0.1/24"],
        "once, though it was said twice"
    );
}

#[test]
fn a_port_that_leaves_its_bridge_stays() {
    let mut follower = Follower::with_eth0();

    let payload = link_payload(BRIDGE, RUNNING, 2, "eth0", 0);
    follower.hear(&message_bytes(libc::RTM_NEWLINK, 0, 0, &payload));
    follower.hear(&message_bytes(libc::RTM_DELLINK, 0, 0, &payload));

    assert_eq!(follower.told(), [""; 0]);
    assert!(follower.picture().is_usable(2));
}

#[test]
fn an_event_of_a_wireless_driver_is_not_about_the_interface() {
    let mut follower = Follower::with_eth0();
    let header = [&[0; 4][..], &ne32(2), &[0; 8]].concat();
    let payload = [
        header,
        attribute_bytes(libc::IFLA_IFNAME, b"eth0\0"),
        attribute_bytes(libc::IFLA_WIRELESS, &[0; 8]),
    ];

    follower.hear(&message_bytes(libc::RTM_NEWLINK, 0, 0, &payload.concat()));

    assert_eq!(follower.told(), [""; 0]);
}

#[test]
fn an_interface_takes_its_addresses_along_once() {
    let mut follower = Follower::with_eth0();
    for last in [1, 2] {
        follower.hear(&address(libc::RTM_NEWADDR, 2, last, 0x80));
    }
    follower.told();

    follower.hear(&address(libc::RTM_DELADDR, 2, 1, 0x80));
    follower.hear(&gone(2, "eth0"));
    follower.hear(&address(libc::RTM_DELADDR, 2, 2, 0x80));

    assert_eq!(follower.told(), ["removed 10.0.0.1/24", "removed 10.0.0.2/24", "removed eth0"]);
    assert_eq!(follower.picture().addresses().len(), 0);
}

#[test]
fn a_macvlan_is_as_usable_as_its_parent() {
    let mut follower = Follower::with_eth0();
    follower.hear(&link(RUNNING, 3, "vrrp.51", 2));
    follower.told();

    follower.hear(&link(DOWN, 2, "eth0", 0));
    assert_eq!(follower.told(), ["changed eth0", "unusable eth0", "unusable vrrp.51"]);
    assert!(!follower.picture().is_usable(3));
    follower.hear(&link(RUNNING, 2, "eth0", 0));
    assert_eq!(follower.told(), ["changed eth0", "usable eth0", "usable vrrp.51"]);
    follower.hear(&gone(2, "eth0"));
    assert_eq!(follower.told(), ["removed eth0", "unusable vrrp.51"]);
}

#[test]
fn a_name_leads_to_whoever_has_it_now() {
    let mut follower = Follower::with_eth0();

    follower.hear(&link(RUNNING, 2, "wan", 0));
    follower.hear(&link(RUNNING, 3, "eth0", 0));
    follower.hear(&link(RUNNING, 4, "eth1", 0));
    follower.hear(&gone(4, "eth1"));

    let index = |name| follower.picture().interface_named(name).map(Interface::index);
    assert_eq!(["eth0", "wan", "eth1"].map(index), [Some(3), Some(2), None]);
}

#[test]
fn after_a_loss_an_index_of_another_interface_is_told_as_such() {
    let mut follower = Follower::with_eth0();
    follower.hear(&address(libc::RTM_NEWADDR, 2, 1, 0x80));
    follower.told();
    let mut payload = link_payload(libc::AF_UNSPEC, RUNNING, 2, "eth1", 0);
    let mac = payload.windows(6).position(|bytes| bytes == MAC).unwrap();
    payload[mac] = 6;

    follower.handle_lists(&[Interface::parse(&payload).unwrap()], &[], Lost::Overflow);

    assert_eq!(
        follower.told(),
        ["removed 10.0.0.1/24", "removed eth0", "added eth1", "usable eth1", "resynced"]
    );
}

#[test]
fn an_address_that_becomes_usable_has_changed() {
    let mut follower = Follower::with_eth0();
    let v6 = |flags: u8| {
        let payload = [&[10, 64, flags, 0][..], &ne32(2), &attribute_bytes(libc::IFA_ADDRESS, &[0xfd; 16])];
        message_bytes(libc::RTM_NEWADDR, 0, 0, &payload.concat())
    };

    follower.hear(&v6(0x40));
    follower.hear(&v6(0x80));

    let events: Vec<_> = std::iter::from_fn(|| follower.poll_event()).collect();
    let [
        Event { kind: EventKind::AddressAdded(first), .. },
        Event { kind: EventKind::AddressChanged { before, now }, .. },
    ] = events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!(first, before);
    assert_eq!((before.is_usable(), now.is_usable()), (false, true));
}

#[test]
fn what_cannot_be_understood_is_an_error_after_what_can() {
    let mut follower = Follower::default();
    let bytes = [link(RUNNING, 2, "eth0", 0), message_bytes(libc::RTM_NEWADDR, 0, 0, &[2, 24])].concat();

    let result = follower.handle_datagram(&bytes, |_, _| Origin::Unknown);

    assert!(result.is_err());
    assert_eq!(follower.told(), ["added eth0", "usable eth0"]);
}

#[test]
fn what_was_lost_is_asked_for_until_it_is_told() {
    let (kernel, requests) = UnixDatagram::pair().unwrap();
    let silent = kernel_netlink::open(libc::NETLINK_USERSOCK).unwrap();
    let answer = |sequence: u32, flags: u16, entries: &[Vec<u8>]| {
        let done = message_bytes(DONE, flags, sequence, &ne32(0));
        kernel.send(&[&entries.concat()[..], &done].concat()).unwrap();
    };
    let eth0 = |sequence| {
        message_bytes(libc::RTM_NEWLINK, 0, sequence, &link_payload(libc::AF_UNSPEC, RUNNING, 2, "eth0", 0))
    };
    (1..=3).for_each(|sequence| answer(sequence, 0, &[]));
    let mut monitor = Monitor::over(EventSocket::over(silent), Netlink::over(requests.into())).unwrap();
    assert_eq!(monitor.next_event().unwrap(), None);

    monitor.lost = Some(Lost::Malformed);
    // All attempts to list the interfaces are interrupted.
    (4..=11).for_each(|sequence| answer(sequence, INTERRUPTED, &[eth0(sequence)]));
    let error = monitor.next_event().unwrap_err();
    assert_eq!((error.kind(), monitor.is_stale()), (ErrorKind::KeptChanging, true));
    assert_eq!(monitor.picture().interfaces().len(), 0, "nothing is believed of them");

    answer(12, 0, &[eth0(12)]);
    answer(13, 0, &[message_bytes(libc::RTM_NEWADDR, 0, 13, &address_payload(2, 1, 0x80))]);
    answer(14, 0, &[]);
    let told = std::iter::from_fn(|| monitor.next_event().unwrap()).map(|event| text(&event.kind));
    assert_eq!(told.collect::<Vec<_>>(), ["added eth0", "usable eth0", "added 10.0.0.1/24", "resynced"]);
    assert!(!monitor.is_stale());
}

proptest! {
    /// Whatever happens, whatever part of it is lost, and however much of what the lists tell is told again by events.
    #[test]
    fn the_picture_ends_up_right_and_the_events_lead_to_it(
        happenings in vec(happening(), 0..60),
        mut moments in prop::array::uniform4(0_usize..60),
    ) {
        moments.sort_unstable();
        let [lost_from, lost_to, interfaces_listed, addresses_listed] = moments;
        let mut kernel = Kernel::default();
        let mut interfaces = Vec::new();
        let mut follower = Follower::default();
        let mut reader = Reader::default();
        let mut late = Vec::new();

        for moment in 0..=60 {
            if moment == interfaces_listed {
                interfaces = kernel.interfaces();
            }
            if moment == addresses_listed {
                follower.handle_lists(&interfaces, &kernel.addresses(), Lost::Overflow);
                late.drain(..).for_each(|message: Vec<u8>| follower.hear(&message));
            }
            let messages = happenings.get(moment).map(|one| kernel.make(*one)).unwrap_or_default();
            match moment {
                _ if moment < lost_from || moment >= addresses_listed => messages.iter().for_each(|m| follower.hear(m)),
                _ if moment < lost_to => {}
                _ => late.extend(messages),
            }
            reader.read(&mut follower);
        }

        let picture = follower.picture();
        prop_assert_eq!(picture.interfaces().copied().collect::<Vec<_>>(), kernel.interfaces());
        prop_assert_eq!(sorted(picture.addresses().copied()), sorted(kernel.addresses()));
        reader.expect(picture);
    }

    #[test]
    fn any_datagram_is_taken_in_or_refused(bytes in vec(any::<u8>(), 0..200), kind in 16_u16..23, cut: usize) {
        let (mut follower, mut reader) = (Follower::default(), Reader::default());
        let mut whole = link(RUNNING, 2, "eth0", 3);
        whole.extend(message_bytes(kind, 0, 0, &bytes));
        whole.truncate(cut % (whole.len() + 1));

        let _ = follower.handle_datagram(&whole, |_, _| Origin::Unknown);
        reader.read(&mut follower);
    }
}

/// Somebody who knows of a picture's changes by events alone, and believes them only if each fits what was before.
#[derive(Debug, Default)]
struct Reader {
    interfaces: BTreeMap<u32, Interface>,
    addresses: BTreeMap<Identity, AssignedAddress>,
    usable: BTreeSet<u32>,
}

impl Reader {
    fn read(&mut self, follower: &mut Follower) {
        while let Some(event) = follower.poll_event() {
            match event.kind {
                EventKind::InterfaceAdded(now) => assert_eq!(self.interfaces.insert(now.index(), now), None),
                EventKind::InterfaceChanged { before, now } => {
                    assert_eq!(self.interfaces.insert(now.index(), now), Some(before));
                }
                EventKind::InterfaceRemoved(before) => {
                    assert_eq!(self.interfaces.remove(&before.index()), Some(before));
                    assert!(self.addresses.values().all(|address| address.interface() != before.index()));
                    self.usable.remove(&before.index());
                }
                EventKind::InterfaceUsable(now) => assert!(self.usable.insert(now.index())),
                EventKind::InterfaceUnusable(now) => assert!(self.usable.remove(&now.index())),
                EventKind::AddressAdded(now) => {
                    assert_eq!(self.addresses.insert(Identity::of(&now), now), None);
                }
                EventKind::AddressChanged { before, now } => {
                    assert_eq!(self.addresses.insert(Identity::of(&now), now), Some(before));
                }
                EventKind::AddressRemoved(before) => {
                    assert_eq!(self.addresses.remove(&Identity::of(&before)), Some(before));
                }
                EventKind::Resynced(_) => {}
            }
        }
    }

    fn expect(&self, picture: &Picture) {
        assert!(self.interfaces.values().eq(picture.interfaces()));
        assert!(self.addresses.values().eq(picture.addresses()));
        let usable = picture.interfaces().map(Interface::index).filter(|index| picture.is_usable(*index));
        assert_eq!(self.usable, usable.collect());
    }
}

/// What a kernel holds, in its own words.
#[derive(Debug, Default)]
struct Kernel {
    links: BTreeMap<u32, Vec<u8>>,
    addresses: BTreeMap<(u32, u8), Vec<u8>>,
}

/// What happens to an interface, and to its address of a number.
#[derive(Copy, Clone, Debug)]
enum Happening {
    Put { index: u32, name: u8, flags: u32, parent: u32 },
    Delete { index: u32, tells: u8 },
    Assign { index: u32, last: u8, flags: u8 },
    Unassign { index: u32, last: u8 },
}

fn happening() -> impl Strategy<Value = Happening> {
    let (index, last) = (1_u32..5, 1_u8..4);
    prop_oneof![
        (index.clone(), 0_u8..4, prop::sample::select(vec![DOWN, UP, RUNNING]), 0_u32..5)
            .prop_map(|(index, name, flags, parent)| Happening::Put { index, name, flags, parent }),
        (index.clone(), 0_u8..4).prop_map(|(index, tells)| Happening::Delete { index, tells }),
        (index.clone(), last.clone(), prop::sample::select(vec![0x80_u8, 0xa0]))
            .prop_map(|(index, last, flags)| Happening::Assign { index, last, flags }),
        (index, last).prop_map(|(index, last)| Happening::Unassign { index, last }),
    ]
}

impl Kernel {
    /// Makes it happen, where it can, and returns the messages.
    fn make(&mut self, happening: Happening) -> Vec<Vec<u8>> {
        match happening {
            Happening::Put { index, name, flags, parent } => {
                let name = format!("eth{name}-{index}");
                let payload = link_payload(libc::AF_UNSPEC, flags, index, &name, parent);
                self.links.insert(index, payload.clone());
                vec![message_bytes(libc::RTM_NEWLINK, 0, 0, &payload)]
            }
            Happening::Delete { index, tells } => {
                let Some(link) = self.links.remove(&index) else { return Vec::new() };
                let all = std::mem::take(&mut self.addresses);
                let (gone, left): (BTreeMap<_, _>, _) = all.into_iter().partition(|(key, _)| key.0 == index);
                self.addresses = left;
                // Some are told to be gone before, the others not at all.
                let told = gone.iter().take(tells.into());
                let mut messages: Vec<_> =
                    told.map(|(_, payload)| message_bytes(libc::RTM_DELADDR, 0, 0, payload)).collect();
                messages.push(message_bytes(libc::RTM_DELLINK, 0, 0, &link));
                messages
            }
            Happening::Assign { index, last, flags } if self.links.contains_key(&index) => {
                let payload = address_payload(index, last, flags);
                self.addresses.insert((index, last), payload.clone());
                vec![message_bytes(libc::RTM_NEWADDR, 0, 0, &payload)]
            }
            Happening::Unassign { index, last } => {
                let gone = self.addresses.remove(&(index, last));
                gone.map(|payload| message_bytes(libc::RTM_DELADDR, 0, 0, &payload)).into_iter().collect()
            }
            Happening::Assign { .. } => Vec::new(),
        }
    }

    fn interfaces(&self) -> Vec<Interface> {
        self.links.values().map(|payload| Interface::parse(payload).unwrap()).collect()
    }

    fn addresses(&self) -> Vec<AssignedAddress> {
        self.addresses.values().filter_map(|payload| AssignedAddress::parse(payload).unwrap()).collect()
    }
}

impl Follower {
    fn with_eth0() -> Self {
        let mut follower = Self::default();
        follower.hear(&link(RUNNING, 2, "eth0", 0));
        follower.told();
        follower
    }

    fn hear(&mut self, message: &[u8]) {
        self.handle_datagram(message, |_, _| Origin::Unknown).unwrap();
    }

    fn told(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.poll_event()).map(|event| text(&event.kind)).collect()
    }
}

fn text(kind: &EventKind) -> String {
    match kind {
        EventKind::InterfaceAdded(one) => format!("added {}", one.name()),
        EventKind::InterfaceChanged { now, .. } => format!("changed {}", now.name()),
        EventKind::InterfaceRemoved(one) => format!("removed {}", one.name()),
        EventKind::InterfaceUsable(one) => format!("usable {}", one.name()),
        EventKind::InterfaceUnusable(one) => format!("unusable {}", one.name()),
        EventKind::AddressAdded(one) => format!("added {}", one.address()),
        EventKind::AddressChanged { now, .. } => format!("changed {}", now.address()),
        EventKind::AddressRemoved(one) => format!("removed {}", one.address()),
        EventKind::Resynced(_) => "resynced".to_owned(),
    }
}

fn link(flags: u32, index: u32, name: &str, parent: u32) -> Vec<u8> {
    message_bytes(libc::RTM_NEWLINK, 0, 0, &link_payload(libc::AF_UNSPEC, flags, index, name, parent))
}

fn gone(index: u32, name: &str) -> Vec<u8> {
    message_bytes(libc::RTM_DELLINK, 0, 0, &link_payload(libc::AF_UNSPEC, DOWN, index, name, 0))
}

fn link_payload(family: i32, flags: u32, index: u32, name: &str, parent: u32) -> Vec<u8> {
    let header = [&[family as u8, 0][..], &ne16(libc::ARPHRD_ETHER), &ne32(index), &ne32(flags), &ne32(0)];
    let attributes = [
        attribute_bytes(libc::IFLA_IFNAME, name.as_bytes()),
        attribute_bytes(libc::IFLA_ADDRESS, &MAC),
        attribute_bytes(libc::IFLA_MTU, &ne32(1500)),
        attribute_bytes(libc::IFLA_LINK, &ne32(parent)),
    ];
    [header.concat(), attributes.concat()].concat()
}

fn address(kind: u16, interface: u32, last: u8, flags: u8) -> Vec<u8> {
    message_bytes(kind, 0, 0, &address_payload(interface, last, flags))
}

fn address_payload(interface: u32, last: u8, flags: u8) -> Vec<u8> {
    [&[2, 24, flags, 0][..], &ne32(interface), &attribute_bytes(libc::IFA_LOCAL, &[10, 0, 0, last])].concat()
}

fn sorted(addresses: impl IntoIterator<Item = AssignedAddress>) -> Vec<AssignedAddress> {
    let mut addresses: Vec<_> = addresses.into_iter().collect();
    addresses.sort_by_key(Identity::of);
    addresses
}

const DONE: u16 = 3;
const INTERRUPTED: u16 = 0x10;
const BRIDGE: i32 = libc::AF_BRIDGE;
const DOWN: u32 = 0;
const UP: u32 = libc::IFF_UP as u32;
const RUNNING: u32 = UP | libc::IFF_RUNNING as u32;
const MAC: [u8; 6] = [2, 0, 0, 0, 0, 0x77];
