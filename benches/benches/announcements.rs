//! What it costs to announce a thousand addresses: in batches, beside one call for each.
//!
//! Run in a network namespace of its own, on one end of a cable whose other end is a bridge that forwards to nobody: what
//! remains is the system calls and the kernel's path to the next interface. Without root it needs user namespaces.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput, criterion_group};
use lab::{Lan, Namespace};
use vip_netlink::{Announcer, Netlink};

fn announce(c: &mut Criterion) {
    let mut lan = Lan::new().expect("a bridge");
    let host = Namespace::new().expect("a host");
    lan.attach(&host, "host", Ipv4Addr::new(10, 0, 0, 1), 8).expect("a cable");
    host.enable_ipv6("eth0").expect("IPv6");
    let open = || Announcer::open(&Netlink::open()?.interface("eth0")?);
    let announcer = host.run(open).expect("a thread").expect("a packet socket");
    let v4: Vec<_> =
        (0..1000_u16).map(|number| IpAddr::from([10, 1, (number >> 8) as u8, number as u8])).collect();
    let v6: Vec<_> = (0..1000).map(|number| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 1, number])).collect();

    let mut group = c.benchmark_group("announce_1000");
    group.throughput(Throughput::Elements(1000));
    for (family, ips) in [("ipv4", v4), ("ipv6", v6)] {
        group.bench_function(format!("{family}_in_batches"), |b| {
            b.iter(|| announcer.announce_all(ips.iter().copied()).expect("the interface is up"));
        });
        // What there is to gain.
        group.bench_function(format!("{family}_one_by_one"), |b| {
            b.iter(|| ips.iter().try_for_each(|ip| announcer.announce(*ip)).expect("the interface is up"));
        });
    }
    group.finish();
}

criterion_group!(benches, announce);

fn main() {
    // While there is one thread.
    match lab::enter() {
        Ok(()) => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
        Err(reason) => eprintln!("skipped, no lab: {reason}"),
    }
}
