//! Routes as messages.
//!
//! ```text
//! +---------------+---------------+---------------+---------------+
//! |    family     | prefix length | source length |      tos      |  rtmsg (linux/rtnetlink.h): what the table's eight
//! +---------------+---------------+---------------+---------------+  bits cannot hold is in RTA_TABLE
//! |     table     |   protocol    |     scope     |     kind      |
//! +---------------+---------------+---------------+---------------+
//! |                             flags                             |
//! +---------------------------------------------------------------+
//! ```

use std::net::IpAddr;

use nix::libc;

use super::{Metrics, NextHop, Prefix, Route, RouteKind, RoutePreference, Table};
use crate::{
    address::{Family, Scope},
    netlink::Owner,
};
use kernel_netlink::{
    Attribute, Attributes, Envelope, Malformed, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE, Payload,
};

/// A route of the kernel's, whoever put it there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Installed {
    pub(crate) route: Route,
    /// `rtm_protocol`: 0 to 4 are the kernel's and the administrator's.
    pub(crate) protocol: u8,
}

/// What to do if something is there.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Addition {
    /// Fail with `EEXIST`.
    New,
    /// Take its place.
    Replacing,
}

impl Route {
    pub(crate) fn write_add(&self, envelope: Envelope<'_>, owner: Owner, addition: Addition) {
        let flags = match addition {
            Addition::New => NLM_F_EXCL,
            Addition::Replacing => NLM_F_REPLACE,
        };
        envelope.message(libc::RTM_NEWROUTE, NLM_F_CREATE | flags, |payload| {
            self.write_identity(payload, owner);
            if let Some(source) = self.source {
                write_ip(payload, libc::RTA_PREFSRC, source);
            }
            if self.metrics != Metrics::default() {
                payload.nested(libc::RTA_METRICS, |inside| {
                    for (number, value) in self.metrics.all() {
                        inside.number(number, value);
                    }
                });
            }
            if self.preference != RoutePreference::Medium {
                payload.attribute(RTA_PREF, &[self.preference.number()]);
            }
        });
    }

    /// Writes the request to remove it, which fails with `ESRCH` where this owner does not have it. Of a route that was
    /// listed it removes just that one.
    pub(crate) fn write_remove(&self, envelope: Envelope<'_>, owner: Owner) {
        envelope.message(libc::RTM_DELROUTE, 0, |payload| self.write_identity(payload, owner));
    }

    fn write_identity(&self, payload: &mut Payload<'_>, owner: Owner) {
        let table = u8::try_from(self.table.get()).unwrap_or(libc::RT_TABLE_UNSPEC);
        let onlink = match self.next_hops.as_slice() {
            [one] if one.is_onlink => RTNH_F_ONLINK,
            _ => 0,
        };
        payload
            .header([self.family().number(), self.destination.length(), 0, self.tos])
            .header([table, owner.get(), self.scope.get(), self.kind.number()])
            .header(u32::from(onlink).to_ne_bytes());
        write_ip(payload, libc::RTA_DST, self.destination.ip());
        payload.number(libc::RTA_TABLE, self.table.get());
        if self.metric != 0 {
            payload.number(libc::RTA_PRIORITY, self.metric);
        }
        match self.next_hops.as_slice() {
            // The kernel knows next hops here that we do not, and removes it by the rest.
            _ if !self.is_whole => {}
            [] => {}
            [one] => {
                if let Some(interface) = one.interface {
                    payload.number(libc::RTA_OIF, interface);
                }
                self.write_gateway(payload, one);
            }
            several => {
                payload.attribute_of(libc::RTA_MULTIPATH, |inside| {
                    for one in several {
                        self.write_next_hop(inside, one);
                    }
                });
            }
        }
    }

    /// Writes a struct rtnexthop (linux/rtnetlink.h): length, flags, weight less one, interface; then attributes.
    fn write_next_hop(&self, payload: &mut Payload<'_>, one: &NextHop) {
        let flags = if one.is_onlink { RTNH_F_ONLINK } else { 0 };
        let hops = u8::try_from(one.weight.saturating_sub(1)).unwrap_or(u8::MAX);
        let [i0, i1, i2, i3] = one.interface.unwrap_or(0).to_ne_bytes();
        payload.record([flags, hops, i0, i1, i2, i3], |inside| self.write_gateway(inside, one));
    }

    fn write_gateway(&self, payload: &mut Payload<'_>, one: &NextHop) {
        match one.gateway {
            Some(gateway) if Family::of(gateway) == self.family() => {
                write_ip(payload, libc::RTA_GATEWAY, gateway);
            }
            Some(gateway) => {
                payload.attribute_of(RTA_VIA, |inside| {
                    inside.raw(&u16::from(Family::of(gateway).number()).to_ne_bytes());
                    match gateway {
                        IpAddr::V4(ip) => inside.raw(&ip.octets()),
                        IpAddr::V6(ip) => inside.raw(&ip.octets()),
                    };
                });
            }
            None => {}
        }
    }
}

impl Installed {
    /// Reads the payload of an `RTM_NEWROUTE`, if it is a route that [`Route`] can name: none of another family, none that
    /// the kernel only remembers (`RTM_F_CLONED`), none for certain sources.
    pub(crate) fn parse(payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let (header, attributes) = payload.split_first_chunk::<12>().ok_or(Malformed)?;
        let &[family, length, source_length, tos, table, protocol, scope, kind, f0, f1, f2, f3] = header;
        let flags = u32::from_ne_bytes([f0, f1, f2, f3]);
        let (Some(family), Some(kind)) = (Family::from_number(family), RouteKind::from_number(kind)) else {
            return Ok(None);
        };
        if source_length != 0 || flags & RTM_F_CLONED != 0 {
            return Ok(None);
        }
        let all = match family {
            Family::V4 => Prefix::ALL_IPV4,
            Family::V6 => Prefix::ALL_IPV6,
        };
        let (mut ip, mut table, mut metric) = (all.ip(), u32::from(table), 0);
        let (mut source, mut metrics, mut is_whole) = (None, Metrics::default(), true);
        let (mut preference, mut several) = (RoutePreference::Medium, Vec::new());
        let mut single = NextHop { is_onlink: is_onlink(flags), ..NextHop::NOWHERE };
        for attribute in Attributes::new(attributes) {
            let attribute = attribute?;
            match attribute.kind {
                libc::RTA_DST => ip = family.read(attribute.value)?,
                libc::RTA_TABLE => table = attribute.number()?,
                libc::RTA_PRIORITY => metric = attribute.number()?,
                libc::RTA_PREFSRC => source = Some(family.read(attribute.value)?),
                libc::RTA_OIF => single.interface = Some(attribute.number()?).filter(|index| *index != 0),
                libc::RTA_GATEWAY | RTA_VIA => single.gateway = Some(read_gateway(family, &attribute)?),
                libc::RTA_MULTIPATH => several = read_next_hops(family, attribute.value, &mut is_whole)?,
                libc::RTA_METRICS => is_whole &= read_metrics(attribute.value, &mut metrics)?,
                RTA_PREF => {
                    let [number] = attribute.array()?;
                    preference = RoutePreference::from_number(number);
                }
                kind => is_whole &= !says_more(kind),
            }
        }
        let (Ok(destination), Ok(table)) = (Prefix::new(ip, length), Table::new(table)) else {
            return Ok(None);
        };
        let next_hops = match (kind.leads_somewhere(), single == NextHop::NOWHERE) {
            // The kernel names the loopback interface for such IPv6 routes.
            (false, _) => Vec::new(),
            (true, true) => several,
            (true, false) => vec![single],
        };
        let scope = match family {
            Family::V4 => Scope::new(scope),
            Family::V6 => Scope::GLOBAL,
        };
        let route = Route {
            destination,
            kind,
            next_hops,
            source,
            table,
            metric,
            scope,
            tos,
            metrics,
            preference,
            is_whole,
        };
        Ok(Some(Self { route, protocol }))
    }
}

fn read_next_hops(family: Family, bytes: &[u8], is_whole: &mut bool) -> Result<Vec<NextHop>, Malformed> {
    let mut next_hops = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let &[l0, l1, flags, hops, i0, i1, i2, i3] = rest.first_chunk().ok_or(Malformed)?;
        let length = usize::from(u16::from_ne_bytes([l0, l1]));
        let mut one = NextHop {
            gateway: None,
            interface: Some(u32::from_ne_bytes([i0, i1, i2, i3])).filter(|index| *index != 0),
            weight: u16::from(hops) + 1,
            is_onlink: is_onlink(flags.into()),
        };
        for attribute in Attributes::new(rest.get(8..length).ok_or(Malformed)?) {
            let attribute = attribute?;
            match attribute.kind {
                libc::RTA_GATEWAY | RTA_VIA => one.gateway = Some(read_gateway(family, &attribute)?),
                kind => *is_whole &= !says_more(kind),
            }
        }
        next_hops.push(one);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(next_hops)
}

/// Reads a gateway: an address of the family, or one that says which it is of (`struct rtvia`).
fn read_gateway(family: Family, attribute: &Attribute<'_>) -> Result<IpAddr, Malformed> {
    if attribute.kind != RTA_VIA {
        return family.read(attribute.value);
    }
    let (number, ip) = attribute.value.split_first_chunk().ok_or(Malformed)?;
    let number = u8::try_from(u16::from_ne_bytes(*number)).map_err(|_| Malformed)?;
    Family::from_number(number).ok_or(Malformed)?.read(ip)
}

/// Reads values, and tells whether these were all.
fn read_metrics(bytes: &[u8], metrics: &mut Metrics) -> Result<bool, Malformed> {
    let mut are_all = true;
    for attribute in Attributes::new(bytes) {
        let attribute = attribute?;
        are_all &= attribute.number().is_ok_and(|value| metrics.put(attribute.kind, value));
    }
    Ok(are_all)
}

/// Tells whether an attribute says something of a route that [`Route`] cannot hold. Ages and the like do not.
fn says_more(kind: u16) -> bool {
    matches!(kind, libc::RTA_FLOW | RTA_NEWDST | RTA_ENCAP | RTA_NH_ID)
}

fn is_onlink(flags: u32) -> bool {
    flags & u32::from(RTNH_F_ONLINK) != 0
}

fn write_ip(payload: &mut Payload<'_>, kind: u16, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => payload.attribute(kind, &ip.octets()),
        IpAddr::V6(ip) => payload.attribute(kind, &ip.octets()),
    };
}

/// linux/rtnetlink.h.
const RTNH_F_ONLINK: u8 = 4;
const RTM_F_CLONED: u32 = 0x200;
const RTA_VIA: u16 = 18;
const RTA_NEWDST: u16 = 19;
const RTA_PREF: u16 = 20;
const RTA_ENCAP: u16 = 22;
const RTA_NH_ID: u16 = 30;

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::Metric;
    use kernel_netlink::{Messages, NLM_F_ACK, Writer};
    use lab::written::{ne16, ne32};

    #[test]
    fn adding_a_route_is_this_request() {
        let route = Route::to("192.0.2.0/24".parse().unwrap())
            .gateway([10, 0, 0, 2])
            .source([10, 0, 0, 10])
            .table(Table::new(1000).unwrap())
            .value(Metric::Mtu, 1400);
        let mut writer = Writer::default();
        let envelope = Envelope::new(&mut writer, NLM_F_ACK, 7);

        route.build().unwrap().write_add(envelope, Owner::default(), Addition::New);

        #[rustfmt::skip]
        let expected = [
            &ne32(72)[..], &ne16(24), &ne16(0x1 | 0x4 | 0x200 | 0x400), &ne32(7), &ne32(0), // nlmsghdr
            &[2, 24, 0, 0, 0, 91, 0, 1], &ne32(0), // rtmsg
            &ne16(8), &ne16(1), &[192, 0, 2, 0], // RTA_DST
            &ne16(8), &ne16(15), &ne32(1000), // RTA_TABLE
            &ne16(8), &ne16(5), &[10, 0, 0, 2], // RTA_GATEWAY
            &ne16(8), &ne16(7), &[10, 0, 0, 10], // RTA_PREFSRC
            &ne16(12), &ne16(8 | 0x8000), // RTA_METRICS
                &ne16(8), &ne16(2), &ne32(1400),
        ]
        .concat();
        assert_eq!(writer.bytes(), expected);
    }

    #[test]
    fn what_a_route_cannot_hold_is_noticed() {
        let payload = |rest: &[u8]| {
            let header = [2, 24, 0, 0, 254, 91, 0, 1, 0, 0, 0, 0];
            [&header[..], &ne16(8), &ne16(1), &[192, 0, 2, 0], &ne16(8), &ne16(4), &ne32(3), rest].concat()
        };
        for (attribute, is_whole) in
            [(libc::RTA_FLOW, false), (RTA_ENCAP, false), (RTA_NH_ID, false), (libc::RTA_CACHEINFO, true)]
        {
            let payload = payload(&[&ne16(8)[..], &ne16(attribute), &ne32(5)].concat());

            let route = Installed::parse(&payload).unwrap().unwrap().route;

            assert_eq!(route.to_string(), "192.0.2.0/24 dev if3");
            assert_eq!((route.is_whole, route.is_met_by(&route)), (is_whole, is_whole), "{attribute}");
        }
    }

    #[test]
    fn a_next_hop_that_does_not_fit_is_malformed() {
        for hop in [&[7, 0, 0, 0, 0, 0, 0, 0][..], &[12, 0, 0, 0, 0, 0, 0, 0], &[8, 0, 0], &[0; 8]] {
            assert_eq!(read_next_hops(Family::V4, hop, &mut true), Err(Malformed), "{hop:?}");
        }
    }

    proptest! {
        #[test]
        fn a_route_is_read_as_it_was_written(route in routes(), owner in 5_u8..) {
            let owner = Owner::new(owner).unwrap();
            let mut writer = Writer::default();
            route.write_add(Envelope::new(&mut writer, 0, 1), owner, Addition::New);

            let message = Messages::new(writer.bytes()).next().unwrap().unwrap();
            let read = Installed::parse(message.payload()).unwrap().unwrap();

            prop_assert!(route.is_met_by(&read.route));
            prop_assert_eq!(read, Installed { route, protocol: owner.get() });
        }

        #[test]
        fn a_damaged_route_is_read_without_panic(route in routes(), at: prop::sample::Index, byte: u8) {
            let mut writer = Writer::default();
            route.write_add(Envelope::new(&mut writer, 0, 1), Owner::default(), Addition::New);
            let mut bytes = writer.bytes().to_vec();
            *at.get_mut(&mut bytes) = byte;

            crate::fuzzing::read_netlink(&bytes);
        }
    }

    /// Routes of all kinds, with whatever fits.
    fn routes() -> impl Strategy<Value = Route> {
        let next_hop = (option::of(ips()), option::of(1_u32..), 1_u16..=256, any::<bool>()).prop_map(
            |(gateway, interface, weight, is_onlink)| NextHop { gateway, interface, weight, is_onlink },
        );
        let parts = (prefixes(), 0_usize..9, vec(next_hop, 0..4), option::of(ips()), 1_u32.., any::<u32>());
        let more = (any::<bool>(), 0_u8..64, option::of(1_u32..65_000), 0_u8..3);
        (parts, more).prop_filter_map("it does not fit", |(parts, (is_locked, tos, mtu, preference))| {
            let (prefix, kind, next_hops, source, table, metric) = parts;
            let mut route = Route::to(prefix).kind(RouteKind::ALL[kind]);
            if RouteKind::ALL[kind].leads_somewhere() {
                route = route.next_hops(next_hops);
                if let Some(source) = source.filter(|ip| Family::of(*ip) == prefix.family()) {
                    route = route.source(source);
                }
            }
            match prefix.family() {
                Family::V4 => route = route.tos(tos * 4),
                Family::V6 => {
                    let all = [RoutePreference::Low, RoutePreference::Medium, RoutePreference::High];
                    route = route.preference(all[usize::from(preference)]);
                }
            }
            if let Some(mtu) = mtu {
                route = route.value(Metric::Mtu, mtu).value(Metric::AdvertisedMss, mtu);
            }
            if is_locked {
                route = route.lock(Metric::Mtu);
            }
            route.table(Table::new(table).unwrap()).metric(metric).build().ok()
        })
    }

    fn prefixes() -> impl Strategy<Value = Prefix> {
        prop_oneof![
            any::<[u8; 3]>().prop_map(|[a, b, c]| Prefix::new([a, b, c, 0], 24).unwrap()),
            any::<u32>().prop_map(|bits| Prefix::from(IpAddr::from(bits.to_be_bytes()))),
            any::<u128>().prop_map(|bits| Prefix::new((bits >> 64 << 64).to_be_bytes(), 64).unwrap()),
            Just(Prefix::ALL_IPV4),
            Just(Prefix::ALL_IPV6),
        ]
    }

    fn ips() -> impl Strategy<Value = IpAddr> {
        prop_oneof![
            any::<[u8; 3]>().prop_map(|[a, b, c]| [10, a, b, c].into()),
            any::<[u16; 3]>().prop_map(|[a, b, c]| [0x2001, 0xdb8, 0, 0, 0, a, b, c].into()),
        ]
    }
}
