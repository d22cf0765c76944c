//! What it costs to put a thousand addresses on an interface and to take them off again, one iteration being both.
//!
//! The peers are `ip -batch`, with its start, and the crate `rtnetlink` on one thread. Runs in a network namespace of its
//! own; where that is not permitted it says so.
#![allow(missing_docs, reason = "criterion's macros make public items without docs")]

use std::{
    env, fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{self, Command},
};

use criterion::{Criterion, criterion_group};
use lab::{Lan, Namespace};
use rtnetlink::AddressMessageBuilder;
use tokio::runtime;
use vip_netlink::{Address, Batch, Change, Interface, Netlink};

fn vips() -> impl Iterator<Item = Ipv4Addr> {
    (0..1000_u16).map(|number| {
        let [high, low] = number.to_be_bytes();
        Ipv4Addr::new(198, 18, high, low)
    })
}

/// A host with one interface, `eth0`, in the namespace of this process.
fn host() -> (Lan, Netlink, Interface) {
    let mut lan = Lan::new().expect("a namespace");
    let here = Namespace::current().expect("a namespace");
    lan.attach(&here, "host", Ipv4Addr::new(10, 0, 0, 1), 24).expect("a veth");
    let mut netlink = Netlink::open().expect("a socket");
    let eth0 = netlink.interface("eth0").expect("it was just made");
    (lan, netlink, eth0)
}

fn add_remove(c: &mut Criterion) {
    let (_lan, mut netlink, eth0) = host();
    let mut group = c.benchmark_group("addresses");
    group.sample_size(20);

    let (mut additions, mut removals) = (Batch::new(), Batch::new());
    for vip in vips() {
        let vip = Address::new(vip, 32).expect("a host's");
        additions.add(&eth0, vip);
        removals.remove(&eth0, vip);
    }
    group.bench_function("vip_add_remove_1000", |b| {
        b.iter(|| {
            for batch in [&additions, &removals] {
                let results = netlink.carry_out(batch);
                assert!(results.iter().all(|result| matches!(result, Ok(Change::Made))));
            }
        });
    });
    group.bench_function("vip_add_remove_1000_one_by_one", |b| {
        b.iter(|| {
            for vip in vips() {
                netlink.add(&eth0, Address::new(vip, 32).expect("a host's")).expect("added");
            }
            for vip in vips() {
                netlink.remove(&eth0, Address::new(vip, 32).expect("a host's")).expect("removed");
            }
        });
    });

    if let Some(ip) = lab::need("ip") {
        let file = TemporaryFile::new("addresses");
        let lines =
            |verb: &str| vips().map(|vip| format!("address {verb} {vip}/32 dev eth0\n")).collect::<String>();
        fs::write(&file.path, lines("add") + &lines("del")).expect("a file");
        group.bench_function("peer_ip_batch_1000", |b| {
            b.iter(|| {
                let status = Command::new(&ip).arg("-batch").arg(&file.path).status();
                assert!(status.expect("ip runs").success());
            });
        });
    }

    let runtime = runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    group.bench_function("peer_rtnetlink_1000", |b| {
        let handle = runtime.block_on(async {
            let (connection, handle, _) = rtnetlink::new_connection().expect("a socket");
            tokio::spawn(connection);
            handle
        });
        b.iter(|| {
            runtime.block_on(async {
                for vip in vips() {
                    handle.address().add(eth0.index(), vip.into(), 32).execute().await.expect("added");
                }
                for vip in vips() {
                    let message =
                        AddressMessageBuilder::<Ipv4Addr>::new().index(eth0.index()).address(vip, 32);
                    handle.address().del(message.build()).execute().await.expect("removed");
                }
            });
        });
    });
}

/// A file in the system's directory for such, gone when this is dropped.
struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    fn new(name: &str) -> Self {
        Self { path: env::temp_dir().join(Path::new(&format!("failover-benches-{name}-{}", process::id()))) }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

criterion_group!(benches, add_remove);

fn main() {
    // `cargo test` and `cargo bench -- --list` only ask what there is.
    match lab::enter() {
        Ok(()) => {
            benches();
            Criterion::default().configure_from_args().final_summary();
        }
        Err(reason) => eprintln!("skipped: {reason}"),
    }
}
