use std::time::{Duration, Instant};

use ipvs_netlink::{Change, ErrorKind, SyncDaemon, SyncRole};

use crate::support::{Kernel, destination, id, run};

pub(crate) fn one_of_each_role_starts_and_stops() {
    let mut kernel = Kernel::new();
    with_an_interface();
    let master = SyncDaemon::builder(SyncRole::Master, "sync0", 51).build().unwrap();
    let backup = SyncDaemon::builder(SyncRole::Backup, "sync0", 52)
        .group("224.0.0.99".parse().unwrap())
        .port(8850)
        .ttl(3)
        .max_len(1000);
    let backup = backup.build().unwrap();

    assert_eq!(kernel.ipvs.daemons().unwrap(), []);
    assert_eq!(kernel.ipvs.start_daemon(&master).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.start_daemon(&backup).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.start_daemon(&backup).unwrap(), Change::AlreadySo);

    let running = kernel.ipvs.daemons().unwrap();
    assert_eq!(running.len(), 2);
    let [of_master, of_backup] = [SyncRole::Master, SyncRole::Backup]
        .map(|role| *running.iter().find(|daemon| daemon.role() == role).unwrap());
    assert!(of_master.meets(&master) && of_backup.meets(&backup), "{running:?}");
    assert_eq!(
        (of_master.group(), of_master.port(), of_master.ttl()),
        (Some("224.0.0.81".parse().unwrap()), Some(8848), Some(1))
    );
    let shown = run("ipvsadm -Ln --daemon");
    for part in [
        "master sync daemon (mcast=sync0, syncid=51",
        "backup sync daemon (mcast=sync0, syncid=52",
        "group=224.0.0.99, port=8850, ttl=3",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    assert_eq!(kernel.ipvs.stop_daemon(SyncRole::Master).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.stop_daemon(SyncRole::Master).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.daemons().unwrap(), [of_backup]);
    assert_eq!(kernel.ipvs.stop_daemon(SyncRole::Backup).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.daemons().unwrap(), []);
}

/// A daemon that is stopped before its thread has begun to run is gone, and the kernel acknowledges nothing. Whether it comes
/// to that is a race, so there are many.
pub(crate) fn the_missing_acknowledgement_is_not_waited_for() {
    let mut kernel = Kernel::new();
    with_an_interface();
    let start = Instant::now();

    for _ in 0..20 {
        for role in [SyncRole::Master, SyncRole::Backup] {
            let daemon = SyncDaemon::builder(role, "sync0", 7).build().unwrap();
            assert_eq!(kernel.ipvs.start_daemon(&daemon).unwrap(), Change::Made);
            assert_eq!(kernel.ipvs.stop_daemon(role).unwrap(), Change::Made);
            assert_eq!(kernel.ipvs.daemons().unwrap(), []);
        }
    }

    // Whoever waited for it once would take a second.
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

pub(crate) fn what_cannot_be_is_explained() {
    let mut kernel = Kernel::with("-A -f 1 -s rr\n");
    with_an_interface();
    let daemon = |id| SyncDaemon::builder(SyncRole::Master, "sync0", id).build().unwrap();

    kernel.ipvs.start_daemon(&daemon(1)).unwrap();
    let other = kernel.ipvs.start_daemon(&daemon(2)).unwrap_err();
    let mixed = kernel.ipvs.add_destination(&id("-f 1"), &destination("-r [2001:db8::1]:80 -i")).unwrap_err();
    kernel.ipvs.stop_daemon(SyncRole::Master).unwrap();
    kernel.ipvs.add_destination(&id("-f 1"), &destination("-r [2001:db8::1]:80 -i")).unwrap();
    let refused = kernel.ipvs.start_daemon(&daemon(1)).unwrap_err();

    assert_eq!(other.kind(), ErrorKind::AlreadyExists);
    assert!(other.to_string().contains("--syncid 1"), "{other}");
    assert!(mixed.to_string().contains("while a sync daemon runs"), "{mixed}");
    assert!(refused.to_string().contains("destinations of another version of IP"), "{refused}");
}

/// It needs an interface that has an address and knows multicast.
fn with_an_interface() {
    run("ip link add sync0 type dummy");
    run("ip address add 10.0.0.1/24 dev sync0");
    run("ip link set sync0 up");
}
