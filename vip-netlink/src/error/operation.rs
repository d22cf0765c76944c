use std::{fmt, net::IpAddr};

use super::{Error, Failure, cause::Mac};
use crate::{address::Address, link::Name, route::Route, rule::Rule};

/// What was tried, on which object. Holds names inline where the packet path may fail, so that failing allocates
/// nothing there either.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    OpenNetlink,
    FindInterface(Box<str>),
    ListInterfaces,
    ListAddresses(Name),
    ListOwned,
    ListAllAddresses,
    OpenMonitor,
    Watch,
    Add(Address, Name),
    Remove(Address, Name),
    AddRoute(Box<Route>),
    RemoveRoute(Box<Route>),
    ListRoutes,
    AddRule(Box<Rule>),
    RemoveRule(Box<Rule>),
    ListRules,
    /// A hardware address, and the parent.
    CreateVirtualMac([u8; 6], Name),
    RemoveVirtualMac(Name),
    BringUp(Name),
    TakeDown(Name),
    OpenAnnouncer(Name),
    Announce(IpAddr, Name),
    OpenVrrp(Name),
    Rejoin(Name),
    SetFilter(Name),
    SetHopLimit(Name),
    Send(Name),
    Receive(Name),
    OpenFilter,
    CreateTable(Box<str>),
    ChangeTable(Box<str>),
    ReadTable(Box<str>),
    OpenFile(&'static str),
    ReadSetting(&'static str),
    ChangeSetting(&'static str, i32),
    /// In the form of this alternative name of the loopback interface.
    KeepSetting(Box<str>),
    ForgetSetting(Box<str>),
    Serve(IpAddr),
    BeRealServer,
    /// It failed for this reason.
    UndoStart(Box<str>),
}

impl Operation {
    pub(crate) fn failed(self, failure: impl Into<Failure>) -> Error {
        let Failure { cause, kernel_message } = failure.into();
        Error { operation: self, cause, kernel_message }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenNetlink => write!(f, "open a netlink socket"),
            Self::FindInterface(name) => write!(f, "look up interface {name}"),
            Self::ListInterfaces => write!(f, "list the interfaces"),
            Self::ListOwned => write!(f, "list what is ours"),
            Self::ListAllAddresses => write!(f, "list the addresses of all interfaces"),
            Self::OpenMonitor => write!(f, "open a monitor"),
            Self::Watch => write!(f, "watch interfaces and addresses"),
            Self::ListAddresses(name) => write!(f, "list the addresses of {name}"),
            Self::Add(address, name) => write!(f, "add {address} to {name}"),
            Self::Remove(address, name) => write!(f, "remove {address} from {name}"),
            Self::AddRoute(route) => write!(f, "add the route {route}"),
            Self::RemoveRoute(route) => write!(f, "remove the route {route}"),
            Self::ListRoutes => write!(f, "list the routes"),
            Self::AddRule(rule) => write!(f, "add the rule {rule}"),
            Self::RemoveRule(rule) => write!(f, "remove the rule {rule}"),
            Self::ListRules => write!(f, "list the rules"),
            Self::CreateVirtualMac(mac, parent) => write!(f, "create {} over {parent}", Mac(*mac)),
            Self::RemoveVirtualMac(name) => write!(f, "remove the virtual MAC {name}"),
            Self::BringUp(name) => write!(f, "bring {name} up"),
            Self::TakeDown(name) => write!(f, "take {name} down"),
            Self::OpenAnnouncer(name) => write!(f, "open an announcer on {name}"),
            Self::Announce(address, name) => write!(f, "announce {address} on {name}"),
            Self::OpenVrrp(name) => write!(f, "open a VRRP socket on {name}"),
            Self::Rejoin(name) => write!(f, "rejoin on {name}"),
            Self::SetFilter(name) => write!(f, "set the filter on {name}"),
            Self::SetHopLimit(name) => write!(f, "set the hop limit on {name}"),
            Self::Send(name) => write!(f, "send on {name}"),
            Self::Receive(name) => write!(f, "receive on {name}"),
            Self::OpenFilter => write!(f, "open a netlink socket of netfilter"),
            Self::CreateTable(name) => write!(f, "create the nftables table {name}"),
            Self::ChangeTable(name) => write!(f, "change what the nftables table {name} drops"),
            Self::ReadTable(name) => write!(f, "read the counters of the nftables table {name}"),
            Self::OpenFile(path) => write!(f, "open {path}"),
            Self::ReadSetting(name) => write!(f, "read {name}"),
            Self::ChangeSetting(name, value) => write!(f, "set {name} to {value}"),
            Self::KeepSetting(name) => write!(f, "keep the old value as the name {name} of lo"),
            Self::ForgetSetting(name) => write!(f, "take the name {name} off lo"),
            Self::Serve(vip) => write!(f, "serve {vip}"),
            Self::BeRealServer => write!(f, "start or stop a real server"),
            Self::UndoStart(reason) => write!(f, "undo a start that failed ({reason})"),
        }
    }
}
