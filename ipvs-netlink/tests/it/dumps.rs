use std::{
    fmt::Write,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use ipvs_netlink::{Ipvs, Protocol, Service};

use crate::support::{Kernel, id, ipvsadm, service, sorted, table};

fn a_thousand_destinations() -> String {
    let mut text = String::from("-A -t 192.0.2.1:80 -s wrr\n");
    for number in 0..1000 {
        writeln!(text, "-a -t 192.0.2.1:80 -r 10.0.{}.{}:80 -g -w {number}", number / 250, number % 250 + 1)
            .unwrap();
    }
    text
}

pub(crate) fn a_thousand_destinations_are_listed() {
    let desired = table(&a_thousand_destinations());
    let mut kernel = Kernel::with(&a_thousand_destinations());

    assert_eq!(kernel.ipvs.destinations(&id("-t 192.0.2.1:80")).unwrap().len(), 1000);
    assert_eq!(kernel.table(), desired);
    assert_eq!(ipvsadm(), sorted(&desired.to_string()));
}

pub(crate) fn a_thousand_services_are_listed() {
    let mut text = String::new();
    for number in 1..=1000 {
        writeln!(text, "-A -f {number} -s rr -p {number}").unwrap();
    }
    let mut kernel = Kernel::with(&text);

    assert_eq!(kernel.table(), table(&text));
}

/// The kernel counts where in its list it was. Whoever removes entries meanwhile makes it pass over others, and it does not
/// say so: that is why `apply` looks twice.
pub(crate) fn entries_missing_from_a_list_are_not_lost() {
    let mut text = String::new();
    for number in 1..=250 {
        writeln!(text, "-A -t 192.0.2.{number}:80 -s rr\n-a -t 192.0.2.{number}:80 -r 10.0.0.1:80 -g")
            .unwrap();
    }
    let mut kernel = Kernel::with(&text);
    let (desired, stop) = (table(&text), AtomicBool::new(false));
    let is_ours = |service: &Service| service.id().protocol() == Some(Protocol::Tcp);

    thread::scope(|scope| {
        scope.spawn(|| toggle(&stop));
        for _ in 0..10 {
            kernel.ipvs.apply(&desired, is_ours).unwrap();
        }
        stop.store(true, Ordering::Relaxed);
    });

    let left = kernel.ipvs.plan(&desired, is_ours).unwrap();
    assert!(left.is_empty(), "{left}");
}

/// Adds services and removes them, as long as may be.
fn toggle(stop: &AtomicBool) {
    let mut ipvs = Ipvs::open().unwrap();
    let foreign: Vec<_> =
        (1..=50).map(|number| service(&format!("-A -u 192.0.2.{number}:53 -s rr"))).collect();
    while !stop.load(Ordering::Relaxed) {
        for service in &foreign {
            ipvs.put_service(service).unwrap();
        }
        for service in &foreign {
            ipvs.remove_service(&service.id()).unwrap();
        }
    }
}
