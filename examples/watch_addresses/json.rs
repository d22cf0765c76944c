//! An event for a program.

use serde_json::{Value, json};
use vip_netlink::{AssignedAddress, Event, EventKind, Interface, Origin, Picture};

/// One object. What changed is there as it is now, what is gone as it was.
pub(crate) fn json(event: &Event, picture: &Picture) -> Value {
    let (name, subject) = match &event.kind {
        EventKind::InterfaceAdded(one) => ("interface_added", interface(one)),
        EventKind::InterfaceChanged { now, .. } => ("interface_changed", interface(now)),
        EventKind::InterfaceRemoved(one) => ("interface_removed", interface(one)),
        EventKind::InterfaceUsable(one) => ("interface_usable", interface(one)),
        EventKind::InterfaceUnusable(one) => ("interface_unusable", interface(one)),
        EventKind::AddressAdded(one) => ("address_added", address(one, picture)),
        EventKind::AddressChanged { now, .. } => ("address_changed", address(now, picture)),
        EventKind::AddressRemoved(one) => ("address_removed", address(one, picture)),
        EventKind::Resynced(_) | _ => ("resynced", Value::Null),
    };
    let origin = match event.origin {
        Origin::Us => "us",
        Origin::Others => "others",
        Origin::Unknown => "unknown",
    };
    json!({ "event": name, "subject": subject, "origin": origin })
}

fn interface(one: &Interface) -> Value {
    json!({
        "index": one.index(),
        "name": one.name(),
        "up": one.is_up(),
        "running": one.is_running(),
        "mtu": one.mtu(),
        "parent": one.parent(),
    })
}

fn address(one: &AssignedAddress, picture: &Picture) -> Value {
    json!({
        "interface": picture.interface(one.interface()).map(Interface::name),
        "index": one.interface(),
        "address": one.address().to_string(),
        "usable": one.is_usable(),
        "owner": one.owner().map(|owner| owner.get()),
    })
}
