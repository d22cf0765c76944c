//! An event for a person.

use vip_netlink::{AssignedAddress, Event, EventKind, Interface, Lost, Origin, Picture};

/// One line.
pub(crate) fn line(event: &Event, picture: &Picture) -> String {
    let what = match &event.kind {
        EventKind::InterfaceAdded(now) => format!("{} added: {}", now.name(), state(now)),
        EventKind::InterfaceChanged { before, now } if before.name() != now.name() => {
            format!("{} renamed to {}: {}", before.name(), now.name(), state(now))
        }
        EventKind::InterfaceChanged { now, .. } => format!("{} changed: {}", now.name(), state(now)),
        EventKind::InterfaceRemoved(gone) => format!("{} removed", gone.name()),
        EventKind::InterfaceUsable(now) => format!("{} usable", now.name()),
        EventKind::InterfaceUnusable(now) => format!("{} unusable", now.name()),
        EventKind::AddressAdded(now) => format!("{} added: {:?}", place(now, picture), now.state()),
        EventKind::AddressChanged { now, .. } => {
            format!("{} changed: {:?}", place(now, picture), now.state())
        }
        EventKind::AddressRemoved(gone) => format!("{} removed", place(gone, picture)),
        EventKind::Resynced(Lost::Overflow) => {
            return "there was more to tell than the buffer holds".to_owned();
        }
        EventKind::Resynced(_) | _ => return "some events were lost".to_owned(),
    };
    match event.origin {
        Origin::Us => format!("{what} (by us)"),
        Origin::Others => format!("{what} (by others)"),
        Origin::Unknown => what,
    }
}

fn state(one: &Interface) -> String {
    let up = if one.is_up() { "up" } else { "down" };
    let running = if one.is_running() { "running" } else { "not running" };
    format!("{up}, {running}, MTU {}", one.mtu())
}

fn place(one: &AssignedAddress, picture: &Picture) -> String {
    // The interface may be gone already.
    let name = picture.interface(one.interface()).map(Interface::name);
    let name = name.map_or_else(|| format!("interface {}", one.interface()), Into::into);
    format!("{} on {name}", one.address())
}
