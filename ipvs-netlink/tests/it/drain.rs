use std::time::{Duration, Instant};

use ipvs_netlink::{Change, Drain, Draining, Ending, ErrorKind};

use crate::support::{Kernel, address, destination, id};

const TABLE: &str = "-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m -w 7\n";

pub(crate) fn a_destination_without_connections_goes_at_once() {
    let mut kernel = Kernel::with(TABLE);
    let service = id("-t 192.0.2.1:80");
    let now = Instant::now();

    let mut drain = Drain::start(&mut kernel.ipvs, &service, address("10.0.0.1:80"), now + HOUR).unwrap();

    assert_eq!(kernel.destination(&service), destination("-r 10.0.0.1:80 -m -w 0"));
    assert_eq!(drain.poll(&mut kernel.ipvs, now).unwrap(), Draining::Over(Ending::Drained));
    assert_eq!(kernel.ipvs.destinations(&service).unwrap(), []);
    assert_eq!(drain.poll(&mut kernel.ipvs, now).unwrap(), Draining::Over(Ending::Gone));
}

pub(crate) fn it_ends_when_somebody_else_ends_it() {
    let mut kernel = Kernel::with(TABLE);
    let (service, server) = (id("-t 192.0.2.1:80"), address("10.0.0.1:80"));
    let now = Instant::now();

    let mut drain = Drain::start(&mut kernel.ipvs, &service, server, now + HOUR).unwrap();
    kernel.ipvs.edit_destination(&service, &destination("-r 10.0.0.1:80 -m -w 3")).unwrap();
    assert_eq!(drain.poll(&mut kernel.ipvs, now).unwrap(), Draining::Over(Ending::Revived));
    assert_eq!(kernel.destination(&service).weight(), 3);

    kernel.ipvs.remove_service(&service).unwrap();
    assert_eq!(drain.poll(&mut kernel.ipvs, now).unwrap(), Draining::Over(Ending::Gone));
    let error = Drain::start(&mut kernel.ipvs, &service, server, now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchService);

    kernel.make("-A -t 192.0.2.1:80 -s rr\n");
    let error = Drain::start(&mut kernel.ipvs, &service, server, now).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchDestination);
}

pub(crate) fn it_can_be_taken_back() {
    let mut kernel = Kernel::with(TABLE);
    let (service, server) = (id("-t 192.0.2.1:80"), address("10.0.0.1:80"));

    let drain = Drain::start(&mut kernel.ipvs, &service, server, Instant::now() + HOUR).unwrap();
    assert_eq!(drain.clone().cancel(&mut kernel.ipvs).unwrap(), Change::Made);
    assert_eq!(kernel.destination(&service).weight(), 7);
    assert_eq!(drain.cancel(&mut kernel.ipvs).unwrap(), Change::AlreadySo);
}

const HOUR: Duration = Duration::from_secs(3600);
