use std::{fs::File, time::Duration};

use ipvs_netlink::{Change, ErrorKind, Ipvs, Service, ServiceFlags, Timeouts};

use crate::support::{Kernel, address, id, ipvsadm, run, service, sorted};

pub(crate) fn what_is_added_is_listed_until_removed() {
    let mut kernel = Kernel::new();
    let wanted = service("-A -u [2001:db8::1]:53 -s sh -p 50 -M 64 --pe sip -o -b sh-fallback,sh-port");

    assert_eq!(kernel.ipvs.services().unwrap(), []);
    assert_eq!(kernel.ipvs.service(&wanted.id()).unwrap(), None);
    kernel.ipvs.add_service(&wanted).unwrap();

    assert_eq!(kernel.service(), wanted);
    let entry = kernel.ipvs.service(&wanted.id()).unwrap().unwrap();
    assert_eq!((entry.service, entry.stats.connections), (wanted, 0));
    assert_eq!(ipvsadm(), sorted(&wanted.to_string()));
    assert_eq!(kernel.ipvs.remove_service(&wanted.id()).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.services().unwrap(), []);
}

pub(crate) fn each_setting_can_be_edited() {
    let mut kernel = Kernel::with("-A -u 192.0.2.1:53 -s rr\n-a -u 192.0.2.1:53 -r 10.0.0.1:53 -m -w 7\n");
    let first = kernel.service();
    let kept = kernel.destination(&first.id());

    for edited in [
        "-s wrr",
        "-s wrr -p 300",
        "-s wrr -p 301",
        "-s wrr -p 301 -M 255.255.0.0",
        "-s wrr -p 301 -M 255.255.255.0 --pe sip",
        "-s wrr -p 301 -M 255.255.255.0",
        "-s wrr -p 301",
        "-s wrr",
        "-s sh -b sh-port",
        "-s sh -b sh-fallback,sh-port",
        "-s sh -o -b sh-fallback",
        "-s mh -o -b mh-fallback,mh-port",
        "-s mh",
        "-s none",
        "-s wlc -b flag-1,flag-2,flag-3",
        "-s rr",
    ] {
        let edited = service(&format!("-A -u 192.0.2.1:53 {edited}"));

        kernel.ipvs.edit_service(&edited).unwrap();

        assert_eq!(kernel.service(), edited);
        assert!(ipvsadm().contains(&edited.to_string()), "{edited}");
        assert_eq!(kernel.destination(&edited.id()), kept);
    }
    assert_eq!(kernel.service(), first);
}

pub(crate) fn putting_and_removing_twice_is_already_so() {
    let mut kernel = Kernel::new();
    let (one, other) = (service("-A -t 192.0.2.1:80 -s rr"), service("-A -t 192.0.2.1:80 -s wrr -p 9"));

    assert_eq!(kernel.ipvs.put_service(&one).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.put_service(&one).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.put_service(&other).unwrap(), Change::Made);
    assert_eq!(kernel.service(), other);
    assert_eq!(kernel.ipvs.add_service(&one).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(kernel.ipvs.remove_service(&one.id()).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.remove_service(&one.id()).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.edit_service(&one).unwrap_err().kind(), ErrorKind::NoSuchService);
}

pub(crate) fn a_service_of_either_version_of_ip_may_have_the_same_mark() {
    let mut kernel = Kernel::with("-A -f 7 -s rr\n-a -f 7 -r 10.0.0.1:0 -g -w 1\n-A -f 7 -6 -s wrr\n");

    assert_eq!(kernel.ipvs.destinations(&id("-f 7 -6")).unwrap(), []);
    assert_eq!(kernel.destination(&id("-f 7")).address(), address("10.0.0.1:0"));
    kernel.ipvs.remove_service(&id("-f 7")).unwrap();
    assert_eq!(kernel.service(), service("-A -f 7 -6 -s wrr"));
}

pub(crate) fn bits_of_the_flags_without_a_name_stay() {
    let mut kernel = Kernel::new();
    let with = |bits| {
        let flags = ServiceFlags::from_bits(bits).unwrap();
        Service::builder(id("-t 192.0.2.1:80")).flags(flags).build().unwrap()
    };

    kernel.ipvs.add_service(&with(0xff00)).unwrap();
    kernel.ipvs.edit_service(&with(0x8)).unwrap();

    assert_eq!(kernel.service().flags().bits(), 0xff08);
    assert_eq!(kernel.ipvs.put_service(&with(0x8)).unwrap(), Change::AlreadySo);
}

pub(crate) fn flush_removes_all_of_this_namespace() {
    let mut kernel =
        Kernel::with("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g\n-A -f 1 -s rr\n");
    let elsewhere = lab::Namespace::new().unwrap();
    let mut other = Ipvs::open_in(&elsewhere).unwrap();
    other.add_service(&service("-A -f 1")).unwrap();

    kernel.ipvs.flush().unwrap();
    kernel.ipvs.flush().unwrap();

    assert_eq!(kernel.ipvs.services().unwrap(), []);
    assert_eq!(other.services().unwrap().len(), 1);
}

pub(crate) fn zeroed_counters_begin_anew() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n-A -t 192.0.2.2:80 -s rr\n");

    kernel.ipvs.zero(&id("-t 192.0.2.1:80")).unwrap();
    kernel.ipvs.zero_all().unwrap();

    assert!(kernel.ipvs.services().unwrap().iter().all(|entry| entry.stats == Default::default()));
    let error = kernel.ipvs.zero(&id("-t 192.0.2.9:80")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NoSuchService);
}

pub(crate) fn timeouts_are_set_one_by_one() {
    let mut kernel = Kernel::new();
    let seconds = |seconds| Some(Duration::from_secs(seconds));

    let set = Timeouts::UNCHANGED.tcp(Duration::from_secs(1000)).unwrap();
    kernel.ipvs.set_timeouts(&set.udp(Duration::from_secs(30)).unwrap()).unwrap();
    kernel.ipvs.set_timeouts(&Timeouts::UNCHANGED.tcp_fin(Duration::from_secs(20)).unwrap()).unwrap();
    kernel.ipvs.set_timeouts(&Timeouts::UNCHANGED).unwrap();

    assert_eq!(kernel.ipvs.timeouts().unwrap().get(), [seconds(1000), seconds(20), seconds(30)]);
    assert_eq!(run("ipvsadm -Ln --timeout").trim(), "Timeout (tcp tcpfin udp): 1000 20 30");
}

pub(crate) fn the_kernel_tells_its_version() {
    let info = Kernel::new().ipvs.info().unwrap();

    let version = run("ipvsadm -Ln").lines().next().unwrap().to_owned();
    assert_eq!(
        version,
        format!("IP Virtual Server version {} (size={})", info.version, info.connection_table_size)
    );
}

pub(crate) fn another_namespace_can_be_served() {
    let mut here = Kernel::new();
    let elsewhere = lab::Namespace::new().unwrap();

    let mut there = Ipvs::open_in(&elsewhere).unwrap();
    there.add_service(&service("-A -f 3 -s rr")).unwrap();

    assert_eq!(here.ipvs.services().unwrap(), []);
    assert_eq!(elsewhere.run(ipvsadm).unwrap(), ["-A -f 3 -s rr"]);
    let no_namespace = Ipvs::open_in(File::open("/proc/self/status").unwrap()).unwrap_err();
    assert_eq!(
        no_namespace.to_string(),
        "cannot open a netlink socket in the network namespace: invalid argument"
    );
}

pub(crate) fn the_socket_stays_with_its_namespace() {
    let mut here = Kernel::new();
    let elsewhere = lab::Namespace::new().unwrap();

    elsewhere.run(|| here.ipvs.add_service(&service("-A -f 3 -s rr")).unwrap()).unwrap();

    assert_eq!(ipvsadm(), ["-A -f 3 -s rr"]);
    assert_eq!(elsewhere.run(ipvsadm).unwrap(), [""; 0]);
}
