//! A process is killed, and the next finds what it left.

use std::{
    env,
    io::{Read, Write, stdin, stdout},
    process::{Child, Command, ExitCode, Stdio},
};

use vip_netlink::{Address, Batch, Change, Netlink, VirtualMac};

use crate::{
    support::{Host, address, texts},
    virtual_mac::{OTHER, everything, ip, ipv4, lone_host, set_ipv4, virtual_mac},
};

pub(crate) fn what_a_killed_process_left_is_flushed_and_nothing_else() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();
    host.inside(|netlink| put_foreign_things(&host, netlink));
    let before = host.inside(|_| everything());

    kill_after(&host, "things", 1);
    assert_ne!(host.inside(|_| everything()), before);
    host.inside(|netlink| netlink.flush().unwrap());

    assert_eq!(host.inside(|_| everything()), before);
}

pub(crate) fn what_a_killed_process_left_is_adopted() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();
    host.inside(|netlink| put_foreign_things(&host, netlink));
    let before = host.inside(|_| everything());
    kill_after(&host, "things", 1);

    host.inside(|netlink| {
        let left = netlink.interface("vrrp.51").unwrap();
        let kept = netlink.adopt_virtual_macs(|vmac| vmac.name() == "vrrp.51").unwrap();
        let addresses = netlink.adopt(|left| left.ip() != address("10.0.1.7").ip()).unwrap();
        let again = netlink.create_virtual_mac(&host.eth0, virtual_mac(51)).unwrap();

        assert_eq!(kept, [left]);
        assert_eq!(again, left);
        assert!(left.is_up() && left.is_running());
        assert!(netlink.interface("vrrp6.52").is_err());
        assert_eq!(addresses.len(), 49);
        assert_eq!(texts(&netlink.addresses(&left).unwrap()).len(), 49);
        assert_eq!((ipv4("eth0", "arp_ignore"), ipv4("eth0", "arp_announce")), (1, 2));
        assert_eq!(netlink.remove_virtual_mac(&again).unwrap(), Change::Made);
    });

    assert_eq!(host.inside(|_| everything()), before);
}

pub(crate) fn whenever_a_process_is_killed_nothing_stays() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();
    host.inside(|_| set_ipv4("eth0", "arp_ignore", 3));
    let before = host.inside(|_| everything());

    for steps in 1..=24 {
        kill_after(&host, "again and again", steps);
        host.inside(|netlink| netlink.flush().unwrap());

        assert_eq!(host.inside(|_| everything()), before, "after {steps} steps");
    }
}

pub(crate) fn whenever_a_process_that_removes_is_killed_nothing_stays() {
    let Some(_) = lab::need("ip") else { return };
    let (_lan, host) = lone_host();
    let before = host.inside(|_| everything());

    for steps in 1..=40 {
        kill_after(&host, "removals", steps);
        host.inside(|netlink| netlink.flush().unwrap());

        assert_eq!(host.inside(|_| everything()), before, "after {steps} steps");
    }
}

/// What is not ours: interfaces and addresses, with and without marks of others.
fn put_foreign_things(host: &Host, netlink: &mut Netlink) {
    ip("link add link eth0 name foreign address 00:00:5e:00:01:07 type macvlan mode private");
    ip("link add link eth0 name vrrp.8 address 00:00:5e:00:01:08 type macvlan mode private");
    ip("link set dev vrrp.8 alias keepalived");
    ip("link set dev foreign up");
    ip("address add 10.0.1.99/32 dev foreign");
    ip("address add 10.0.1.98/32 dev eth0");
    let of_another = &mut Netlink::open().unwrap().with_owner(OTHER);
    let theirs = of_another.create_virtual_mac(&host.eth0, virtual_mac(9)).unwrap();
    of_another.add(&theirs, address("10.0.1.97/32")).unwrap();
    // Set and left by them: their virtual MAC is still there.
    assert_eq!(ipv4("eth0", "arp_ignore"), 1);
    drop(netlink.adopt_virtual_macs(|_| panic!("nothing is ours")));
}

/// Starts a process that does what [`as_child`] says, and kills it after so many steps, wherever it is by then.
fn kill_after(host: &Host, what: &str, steps: usize) {
    let start = || {
        let mut command = Command::new(env::current_exe().unwrap());
        command.env(WHAT, what).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
    };
    let mut child: Child = host.namespace.run(start).unwrap().unwrap();
    let read = child.stdout.as_mut().unwrap().read_exact(&mut vec![0; steps]);
    child.kill().unwrap();
    let status = child.wait().unwrap();
    read.unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(nix::libc::SIGKILL));
}

/// What the process that is killed does, which is this test's binary once more. `None` in the test itself.
pub(crate) fn as_child() -> Option<ExitCode> {
    let what = env::var(WHAT).ok()?;
    let mut netlink = Netlink::open().unwrap();
    if what == "things" {
        leave_things(&mut netlink);
        tell();
        // Until it is killed: nothing comes.
        let _ = stdin().read(&mut [0]);
    } else if what == "again and again" {
        again_and_again(&mut netlink);
    } else {
        remove_again_and_again(&mut netlink);
    }
    Some(ExitCode::FAILURE)
}

fn leave_things(netlink: &mut Netlink) {
    let eth0 = netlink.interface("eth0").unwrap();
    let vmac = netlink.create_virtual_mac(&eth0, virtual_mac(51)).unwrap();
    let v6 = netlink.create_virtual_mac(&eth0, VirtualMac::ipv6(52).unwrap()).unwrap();
    netlink.bring_up(&vmac).unwrap();
    netlink.bring_up(&v6).unwrap();
    let mut batch = Batch::new();
    for last in 1..=50 {
        batch.add(&vmac, Address::new([10, 0, 1, last], 32).unwrap());
    }
    batch.add(&eth0, address("10.0.1.51/32")).add(&v6, address("fe80::100/64"));
    assert!(netlink.carry_out(&batch).iter().all(Result::is_ok));
    netlink.remove(&eth0, address("10.0.1.51/32")).unwrap();
}

fn again_and_again(netlink: &mut Netlink) {
    let eth0 = netlink.interface("eth0").unwrap();
    loop {
        tell();
        let vmac = netlink.create_virtual_mac(&eth0, virtual_mac(51)).unwrap();
        tell();
        netlink.bring_up(&vmac).unwrap();
        netlink.add(&vmac, address("10.0.1.1/32")).unwrap();
        tell();
        netlink.remove_virtual_mac(&vmac).unwrap();
    }
}

fn remove_again_and_again(netlink: &mut Netlink) {
    let eth0 = netlink.interface("eth0").unwrap();
    let both = ["10.0.2.1/24", "10.0.2.2/24"].map(address);
    loop {
        for vip in both {
            netlink.add(&eth0, vip).unwrap();
        }
        tell();
        for _ in 0..10 {
            netlink.remove(&eth0, both[0]).unwrap();
        }
        netlink.remove(&eth0, both[1]).unwrap();
    }
}

fn tell() {
    stdout().write_all(b".").and_then(|()| stdout().flush()).unwrap();
}

const WHAT: &str = "VIP_NETLINK_TEST_LEAVES";
