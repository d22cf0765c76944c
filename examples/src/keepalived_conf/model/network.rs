use std::net::IpAddr;

use vip_netlink::{Metric, Prefix, RouteKind, RoutePreference, Rule, Scope, Table, VirtualAddress};

/// An entry of `virtual_ipaddress`, `virtual_ipaddress_excluded` or `static_ipaddress`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct AddressEntry {
    /// The address, and how it is held.
    pub address: VirtualAddress,
    /// `dev`, or the instance's interface: for static addresses, `default_interface`.
    pub interface: String,
    /// `dev` was said, so a virtual MAC does not take it.
    pub has_dev: bool,
    /// `no_track`: its loss is no reason for anything.
    pub no_track: bool,
}

/// An entry of `virtual_routes` or `static_routes`. Interfaces are names, for they may come later.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct RouteEntry {
    /// Where to.
    pub destination: Prefix,
    /// What becomes of such packets.
    pub kind: RouteKind,
    /// The ways: none for those that lead nowhere, one with an interface or a gateway or both, several for `nexthop`.
    pub hops: Vec<RouteHop>,
    /// `src`.
    pub source: Option<IpAddr>,
    /// `table`.
    pub table: Option<Table>,
    /// `metric`.
    pub metric: Option<u32>,
    /// `scope`.
    pub scope: Option<Scope>,
    /// `tos`.
    pub tos: Option<u8>,
    /// `mtu`, `advmss` and the like: the value, and whether it is locked.
    pub values: Vec<(Metric, u32, bool)>,
    /// `pref`.
    pub preference: Option<RoutePreference>,
    /// `no_track`.
    pub no_track: bool,
}

/// One way of a route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct RouteHop {
    /// `via`.
    pub gateway: Option<IpAddr>,
    /// `dev`.
    pub interface: Option<String>,
    /// `weight`, 1 to 256; 1 where it is not said.
    pub weight: u16,
    /// `onlink`.
    pub onlink: bool,
}

/// An entry of `virtual_rules` or `static_rules`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the reader fills it in, the program reads all of it")]
pub struct RuleEntry {
    /// The rule.
    pub rule: Rule,
    /// `no_track`.
    pub no_track: bool,
}
