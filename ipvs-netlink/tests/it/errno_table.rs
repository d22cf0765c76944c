use ipvs_netlink::{
    Destination, ErrorKind, Family, Forwarding, Persistence, Protocol, Service, ServiceFlags, ServiceId,
    SyncDaemon, SyncRole,
};
use kernel_netlink::{Failure, NLM_F_DUMP, Payload, RequestSocket};
use nix::libc;

use crate::support::{Kernel, address, destination, id, service};

pub(crate) fn what_the_kernel_refuses_is_told_apart() {
    let mut kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n");
    let (ours, missing) = (id("-t 192.0.2.1:80"), id("-t 192.0.2.2:80"));
    let there = destination("-r 10.0.0.1:80 -m");
    let absent = destination("-r 10.0.0.2:80 -m");
    let of_v6 = destination("-r [2001:db8::1]:80 -m");
    let ipvs = &mut kernel.ipvs;

    for (error, errno, kind) in [
        (
            ipvs.add_service(&service("-A -t 192.0.2.1:80 -s wrr")).unwrap_err(),
            libc::EEXIST,
            ErrorKind::AlreadyExists,
        ),
        (
            ipvs.add_service(&service("-A -t 192.0.2.3:80 -s no-such")).unwrap_err(),
            libc::ENOENT,
            ErrorKind::NoSuchModule,
        ),
        (
            ipvs.add_service(&service("-A -t 192.0.2.3:80 -s rr --pe no-such")).unwrap_err(),
            libc::ENOENT,
            ErrorKind::NoSuchModule,
        ),
        (
            ipvs.edit_service(&service("-A -t 192.0.2.1:80 -s no-such")).unwrap_err(),
            libc::ENOENT,
            ErrorKind::NoSuchModule,
        ),
        (
            ipvs.edit_service(&service("-A -t 192.0.2.2:80 -s rr")).unwrap_err(),
            libc::ESRCH,
            ErrorKind::NoSuchService,
        ),
        (ipvs.zero(&missing).unwrap_err(), libc::ESRCH, ErrorKind::NoSuchService),
        (ipvs.add_destination(&missing, &there).unwrap_err(), libc::ESRCH, ErrorKind::NoSuchService),
        (ipvs.edit_destination(&missing, &there).unwrap_err(), libc::ESRCH, ErrorKind::NoSuchService),
        (ipvs.add_destination(&ours, &there).unwrap_err(), libc::EEXIST, ErrorKind::AlreadyExists),
        (ipvs.edit_destination(&ours, &absent).unwrap_err(), libc::ENOENT, ErrorKind::NoSuchDestination),
        (ipvs.add_destination(&ours, &of_v6).unwrap_err(), libc::EINVAL, ErrorKind::Refused),
        (
            ipvs.add_destination(&ours, &destination("-r 127.255.255.255:80 -m")).unwrap_err(),
            libc::EINVAL,
            ErrorKind::Refused,
        ),
        (ipvs.start_daemon(&daemon("no-such")).unwrap_err(), libc::ENODEV, ErrorKind::NoSuchInterface),
    ] {
        assert_eq!((error.raw_os_error(), error.kind()), (Some(errno), kind), "{error}");
    }
    assert_eq!(ipvs.service(&missing).unwrap(), None);
    assert_eq!(ipvs.destinations(&missing).unwrap(), []);
    assert_eq!(kernel.service(), service("-A -t 192.0.2.1:80 -s rr"));
    assert_eq!(kernel.destination(&ours), there);
}

fn daemon(interface: &str) -> SyncDaemon {
    SyncDaemon::builder(SyncRole::Master, interface, 1).build().unwrap()
}

/// What is in a request, beyond what the crate's types can say.
type Write = fn(&mut Payload<'_>);

pub(crate) fn messages_that_the_crate_does_not_write_are_refused_as_the_table_says() {
    let _kernel = Kernel::with("-A -t 192.0.2.1:80 -s rr\n-a -t 192.0.2.1:80 -r 10.0.0.1:80 -m\n");
    let mut raw = Raw::open();

    let cases: [(&str, u8, Write, i32); 24] = [
        ("no service", NEW_SERVICE, |_| (), libc::EINVAL),
        (
            "no family",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    tuple(s, &[]);
                    rest(s);
                })
            },
            libc::EINVAL,
        ),
        (
            "family 99",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    tuple(s, &99_u16.to_ne_bytes());
                    rest(s);
                })
            },
            libc::EAFNOSUPPORT,
        ),
        (
            "no tuple",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    s.attribute(1, &AF_INET);
                    rest(s);
                })
            },
            libc::EINVAL,
        ),
        ("no settings", NEW_SERVICE, |m| nest(m, 1, |s| tuple(s, &AF_INET)), libc::EINVAL),
        (
            "a scheduler of 16 bytes",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    s.text(6, "abcdefghijklmnop");
                    tuple(s, &AF_INET);
                    rest(s);
                })
            },
            libc::EINVAL,
        ),
        (
            "no scheduler's name",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    tuple(s, &AF_INET);
                    named(s, "");
                })
            },
            libc::ENOENT,
        ),
        (
            "an address of 20 bytes",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    s.attribute(3, &[1; 20]);
                    tuple(s, &AF_INET);
                    rest(s);
                })
            },
            libc::EINVAL,
        ),
        (
            "a port of one byte",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    s.attribute(4, &[1]);
                    tuple(s, &AF_INET);
                    rest(s);
                })
            },
            libc::EINVAL,
        ),
        (
            "an IPv6 prefix of 0",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    tuple(s, &AF_INET6);
                    masked(s, 0);
                })
            },
            libc::EINVAL,
        ),
        (
            "an IPv6 prefix of 129",
            NEW_SERVICE,
            |m| {
                nest(m, 1, |s| {
                    tuple(s, &AF_INET6);
                    masked(s, 129);
                })
            },
            libc::EINVAL,
        ),
        ("no destination", NEW_DEST, |m| ours(m), libc::EINVAL),
        (
            "half a destination",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| server(d, [10, 0, 0, 2]));
            },
            libc::EINVAL,
        ),
        (
            "weight -1",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [10, 0, 0, 2]);
                    numbers(d, [0, u32::MAX, 0, 0]);
                });
            },
            libc::ERANGE,
        ),
        (
            "lower above upper",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [10, 0, 0, 2]);
                    numbers(d, [0, 1, 1, 2]);
                });
            },
            libc::ERANGE,
        ),
        (
            "lower without upper",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [10, 0, 0, 2]);
                    numbers(d, [0, 1, 0, 2]);
                });
            },
            libc::ERANGE,
        ),
        (
            "a multicast destination",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [224, 0, 0, 2]);
                    numbers(d, [0, 1, 0, 0]);
                });
            },
            libc::EINVAL,
        ),
        (
            "destination 0.0.0.0",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [0; 4]);
                    numbers(d, [0, 1, 0, 0]);
                });
            },
            libc::EINVAL,
        ),
        (
            "a destination of family 99",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [10, 0, 0, 2]);
                    d.attribute(11, &99_u16.to_ne_bytes());
                    numbers(d, [0, 1, 0, 0]);
                });
            },
            libc::EAFNOSUPPORT,
        ),
        (
            "gue without a port",
            NEW_DEST,
            |m| {
                ours(m);
                nest(m, 2, |d| {
                    server(d, [10, 0, 0, 2]);
                    numbers(d, [2, 1, 0, 0]);
                    d.attribute(13, &[1]);
                });
            },
            libc::EINVAL,
        ),
        (
            "a daemon of state 3",
            NEW_DAEMON,
            |m| {
                nest(m, 3, |d| {
                    d.number(1, 3).text(2, "lo").number(3, 1);
                })
            },
            libc::EINVAL,
        ),
        (
            "a daemon of a group that is none",
            NEW_DAEMON,
            |m| {
                nest(m, 3, |d| {
                    d.number(1, 1).text(2, "lo").number(3, 1).attribute(5, &[10, 0, 0, 1]);
                })
            },
            libc::EINVAL,
        ),
        (
            "a timeout of INT_MAX",
            SET_CONFIG,
            |m| {
                m.number(4, i32::MAX.cast_unsigned());
            },
            libc::EINVAL,
        ),
        ("a command of the kernel's", 14, |_| (), libc::EOPNOTSUPP),
    ];
    for (name, command, write, errno) in cases {
        assert_eq!(raw.ask(command, write), Err(errno), "{name}");
    }
    assert_eq!(raw.ask(GET_DEST, ours), Err(libc::EOPNOTSUPP), "a list that is not asked for as one");
    assert_eq!(raw.dump(GET_DEST, |_| ()), Ok(0), "the destinations of no service");
    assert_eq!(raw.dump(GET_DEST, ours), Ok(1), "the destinations of ours");
}

/// The kernel takes all of these, and does something else or nothing.
pub(crate) fn what_the_kernel_accepts_wrongly_does_not_reach_it() {
    let ip = address("192.0.2.1:80");
    let refused = [
        ServiceId::firewall_mark(0, Family::V4).unwrap_err().to_string(),
        ServiceId::new(Protocol::Other(1), ip).unwrap_err().to_string(),
        ServiceId::new(Protocol::Tcp, address("224.0.0.1:80")).unwrap_err().to_string(),
        Service::builder(id("-t 192.0.2.1:80"))
            .flags(ServiceFlags::ONE_PACKET)
            .build()
            .unwrap_err()
            .to_string(),
        Service::builder(id("-t 192.0.2.1:0")).build().unwrap_err().to_string(),
        Persistence::new(std::time::Duration::from_secs(u32::MAX.into())).unwrap_err().to_string(),
        Destination::builder(ip).forwarding(Forwarding::Other(5)).build().unwrap_err().to_string(),
        Destination::builder(ip).upper_threshold(u32::MAX).build().unwrap_err().to_string(),
    ];
    assert!(refused.iter().all(|sentence| !sentence.is_empty()));

    // Here is what it would have done with the first of them.
    let mut kernel = Kernel::new();
    let mark_0: Write = |m| {
        nest(m, 1, |s| {
            s.attribute(1, &AF_INET).number(5, 0);
            rest(s);
        })
    };
    assert_eq!(Raw::open().ask(NEW_SERVICE, mark_0), Ok(()));
    assert_eq!(kernel.service().id().to_string(), "-t 0.0.0.0:0");
    // Even that can be removed.
    let odd = kernel.service().id();
    kernel.ipvs.remove_service(&odd).unwrap();
    assert_eq!(kernel.ipvs.services().unwrap(), []);
}

/// Messages by hand.
struct Raw {
    socket: RequestSocket,
    family: u16,
}

impl Raw {
    fn open() -> Self {
        let mut socket = RequestSocket::open(libc::NETLINK_GENERIC).unwrap();
        let mut family = 0;
        let by_name = |envelope: kernel_netlink::Envelope<'_>| {
            envelope.message(0x10, 0, |payload| {
                payload.header([3, 1, 0, 0]).text(2, "IPVS");
            });
        };
        socket
            .request(by_name, |_, payload| {
                let number = kernel_netlink::find(&payload[4..], 1)?.unwrap();
                family = u16::from_ne_bytes(number.array()?);
                Ok(())
            })
            .unwrap();
        Self { socket, family }
    }

    fn ask(&mut self, command: u8, write: Write) -> Result<(), i32> {
        let family = self.family;
        let answer =
            self.socket.request(|envelope| message(envelope, family, 0, command, write), |_, _| Ok(()));
        answer.map_err(errno)
    }

    fn dump(&mut self, command: u8, write: Write) -> Result<usize, i32> {
        let family = self.family;
        let list = self
            .socket
            .dump(|envelope| message(envelope, family, NLM_F_DUMP, command, write), |_, _| Ok(Some(())));
        list.map(|list| list.len()).map_err(errno)
    }
}

fn message(envelope: kernel_netlink::Envelope<'_>, family: u16, flags: u16, command: u8, write: Write) {
    envelope.message(family, flags, |payload| write(payload.header([command, 1, 0, 0])));
}

fn errno(failure: Failure) -> i32 {
    let Failure::Os { errno, .. } = failure else { panic!("{failure}") };
    errno
}

fn nest(message: &mut Payload<'_>, kind: u16, inside: fn(&mut Payload<'_>)) {
    message.nested(kind, inside);
}

/// The service that is there.
fn ours(message: &mut Payload<'_>) {
    nest(message, 1, |service| {
        service.attribute(1, &AF_INET).attribute(2, &6_u16.to_ne_bytes());
        service.attribute(3, &[192, 0, 2, 1]).attribute(4, &80_u16.to_be_bytes());
    });
}

/// Another service, in its family if there is one.
fn tuple(service: &mut Payload<'_>, family: &[u8]) {
    if !family.is_empty() {
        service.attribute(1, family);
    }
    service.attribute(2, &6_u16.to_ne_bytes()).attribute(3, &[192; 16]).attribute(4, &80_u16.to_be_bytes());
}

fn rest(service: &mut Payload<'_>) {
    named(service, "rr");
}

fn named(service: &mut Payload<'_>, scheduler: &str) {
    service.text(6, scheduler).attribute(7, &[0; 8]).number(8, 0).attribute(9, &[255; 4]);
}

fn masked(service: &mut Payload<'_>, prefix: u32) {
    service.text(6, "rr").attribute(7, &[0; 8]).number(8, 0).number(9, prefix);
}

fn server(destination: &mut Payload<'_>, ip: [u8; 4]) {
    destination.attribute(1, &ip).attribute(2, &80_u16.to_be_bytes());
}

/// Method, weight, upper and lower threshold.
fn numbers(destination: &mut Payload<'_>, [method, weight, upper, lower]: [u32; 4]) {
    destination.number(3, method).number(4, weight).number(5, upper).number(6, lower);
}

const NEW_SERVICE: u8 = 1;
const NEW_DEST: u8 = 5;
const GET_DEST: u8 = 8;
const NEW_DAEMON: u8 = 9;
const SET_CONFIG: u8 = 12;
const AF_INET: [u8; 2] = 2_u16.to_ne_bytes();
const AF_INET6: [u8; 2] = 10_u16.to_ne_bytes();
