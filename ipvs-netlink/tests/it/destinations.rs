use ipvs_netlink::{Change, ErrorKind};

use crate::support::{Kernel, address, destination, id, ipvsadm};

const SERVICE: &str = "-t 192.0.2.1:80";

pub(crate) fn what_is_added_is_listed_until_removed() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n");
    let (service, wanted) = (id(SERVICE), destination("-r 10.0.0.1:8080 -m -w 2147483647 -x 100 -y 80"));

    kernel.ipvs.add_destination(&service, &wanted).unwrap();

    assert_eq!(kernel.destination(&service), wanted);
    let shown = "-a -t 192.0.2.1:80 -r 10.0.0.1:8080 -m -w 2147483647".to_owned();
    assert!(ipvsadm().contains(&shown));
    assert_eq!(kernel.ipvs.remove_destination(&service, wanted.address()).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.destinations(&service).unwrap(), []);
}

pub(crate) fn each_setting_can_be_edited() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -g -w 1\n");
    let service = id(SERVICE);

    for edited in [
        "-g -w 0",
        "-g -w 2147483647",
        "-m -w 3",
        "-m -w 3 -x 10",
        "-m -w 3 -x 10 -y 10",
        "-m -w 3 -x 2147483647 -y 2147483647",
        "-m -w 3 -x 9",
        "-m -w 3",
        "-i -w 3 --tun-type gue --tun-port 6080 --tun-nocsum",
        "-i -w 3 --tun-type gue --tun-port 6081 --tun-csum",
        "-i -w 3 --tun-type gue --tun-port 6081 --tun-remcsum",
        "-i -w 3 --tun-type gre --tun-csum",
        "-i -w 3 --tun-type gre --tun-nocsum",
        "-i -w 3 --tun-type ipip",
        "-g -w 1",
    ] {
        let edited = destination(&format!("-r 10.0.0.1:80 {edited}"));

        kernel.ipvs.edit_destination(&service, &edited).unwrap();

        assert_eq!(kernel.destination(&service), edited);
        if edited.upper_threshold().is_none() {
            assert!(ipvsadm().contains(&format!("-a {SERVICE} {edited}")), "{edited}");
        }
    }
}

pub(crate) fn a_forgotten_tunnel_setting_does_not_stay() {
    let mut kernel =
        Kernel::with("-A -f 1 -s rr\n-a -f 1 -r 10.0.0.1:80 -i --tun-type gue --tun-port 6080 --tun-csum\n");
    let service = id("-f 1");

    kernel.ipvs.edit_destination(&service, &destination("-r 10.0.0.1:80 -g")).unwrap();
    assert_eq!(kernel.destination(&service), destination("-r 10.0.0.1:80 -g"));
    kernel.ipvs.edit_destination(&service, &destination("-r 10.0.0.1:80 -i")).unwrap();
    assert_eq!(kernel.destination(&service), destination("-r 10.0.0.1:80 -i --tun-type ipip"));
}

pub(crate) fn the_port_is_the_services_where_packets_keep_theirs() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n");
    let service = id(SERVICE);

    for (method, port) in [("-g", 80), ("-i", 80), ("-m", 81)] {
        let wanted = destination(&format!("-r 10.0.0.1:81 {method}"));
        assert_eq!(kernel.ipvs.put_destination(&service, &wanted).unwrap(), Change::Made);
        assert_eq!(kernel.ipvs.put_destination(&service, &wanted).unwrap(), Change::AlreadySo);
        let held = kernel.destination(&service);
        assert_eq!(held.address().port(), port, "{method}");
        kernel.ipvs.remove_destination(&service, held.address()).unwrap();
    }
}

pub(crate) fn putting_and_removing_twice_is_already_so() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n");
    let service = id(SERVICE);
    let (one, other) = (destination("-r 10.0.0.1:80 -g -w 1"), destination("-r 10.0.0.1:80 -g -w 2"));

    assert_eq!(kernel.ipvs.put_destination(&service, &one).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.put_destination(&service, &one).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.put_destination(&service, &other).unwrap(), Change::Made);
    assert_eq!(kernel.destination(&service), other);
    assert_eq!(kernel.ipvs.add_destination(&service, &one).unwrap_err().kind(), ErrorKind::AlreadyExists);
    assert_eq!(kernel.ipvs.remove_destination(&service, one.address()).unwrap(), Change::Made);
    assert_eq!(kernel.ipvs.remove_destination(&service, one.address()).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.remove_destination(&id("-f 9"), one.address()).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.put_destination(&id("-f 9"), &one).unwrap_err().kind(), ErrorKind::NoSuchService);
}

pub(crate) fn either_version_of_ip_is_behind_a_tunnel() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n-A -t [2001:db8::1]:80 -s rr\n");
    let (v4, v6) = (id(SERVICE), id("-t [2001:db8::1]:80"));
    let (to_v4, to_v6) = (destination("-r 10.0.0.1:80 -i"), destination("-r [2001:db8::9]:80 -i"));

    kernel.ipvs.add_destination(&v4, &to_v6).unwrap();
    kernel.ipvs.add_destination(&v6, &to_v4).unwrap();

    assert_eq!((kernel.destination(&v4), kernel.destination(&v6)), (to_v6, to_v4));
    // An IPv4 destination whose bytes begin as the IPv6 one's do is another.
    assert_eq!(kernel.ipvs.remove_destination(&v4, address("32.1.13.184:80")).unwrap(), Change::AlreadySo);
    assert_eq!(kernel.ipvs.remove_destination(&v4, to_v6.address()).unwrap(), Change::Made);
}
