//! The example `watch_advertisements`: what it says of captures, of what is wrong with them, and of a LAN.

/// The whole program; its `main` aside.
#[allow(dead_code, reason = "a test has a main of its own")]
#[path = "../../watch_advertisements/main.rs"]
mod program;

use std::{
    fs::{self, File},
    io::{self, Write},
    net::Ipv6Addr,
    os::fd::AsRawFd,
    process::{Command, Stdio},
    sync::mpsc::channel,
    thread,
    time::Duration,
};

use clap::Parser;
use lab::{Lan, Namespace, need};
use nix::sys::memfd::{MFdFlags, memfd_create};
use serde_json::{Value, json};
use vip_netlink::{Netlink, Protocol, Reception, VrrpSocket};
use vrrp_proto::{Addresses, Checksum, Endpoints, HmacKey, HmacSequence, PreparedHmac};

use self::program::{Args, Ending, Summary};
use super::captures::{
    Format, GROUP, PEER, RAW, SINCE_1970, SOURCE, file, ipv4, ipv6, keepalived, message, of_keepalived, raw,
    to_group, v2, v3,
};

pub(crate) fn it_says_of_each_packet_of_keepalived_what_tcpdump_says() {
    let (Some(tcpdump), Some(unshare)) = (need("tcpdump"), need("unshare")) else { return };
    // As root, tcpdump becomes another user, and an ordinary user's namespace has no other: there it is to be nobody.
    let mut command = if fs::read_to_string("/proc/self/uid_map").unwrap().contains("4294967295") {
        Command::new(tcpdump)
    } else {
        let mut command = Command::new(unshare);
        command.arg("--user").arg(tcpdump);
        command
    };
    command.args(["-nvr", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, capture) in keepalived() {
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(capture).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let output = String::from_utf8(output.stdout).unwrap();
        let theirs: Vec<_> =
            output.lines().filter(|line| line.contains(": VRRPv")).map(as_we_would_say).collect();
        assert!(theirs.len() >= 3, "{name}: {output}");

        // What tcpdump does not say is in front, the time, and behind, in parentheses.
        let ours: Vec<_> = lines(capture, &[])
            .iter()
            .map(|line| line[TIME_LEN..].split(" (").next().unwrap().to_owned())
            .collect();
        assert_eq!(ours, theirs, "{name}");
    }
}

/// Takes off what tcpdump says of IP, of the Authentication Header, and the password.
fn as_we_would_say(line: &str) -> String {
    let line = line.rsplit_once(") ").map_or(line, |(_, line)| line).trim();
    let line = line.split(" auth \"").next().unwrap();
    match line.split_once("AH(").and_then(|(before, rest)| Some((before, rest.split_once("): ")?.1))) {
        Some((before, after)) => format!("{before}{after}"),
        None => line.to_owned(),
    }
}

pub(crate) fn it_notes_what_tcpdump_does_not_say() {
    let of = |name| lines(of_keepalived(name), &[]);
    assert!(of("v2owner").first().unwrap().ends_with("addrs: 192.0.2.107 (owner)"));
    assert!(of("v2owner").last().unwrap().ends_with("addrs: 192.0.2.107 (gives up its office)"));
    assert!(of("v2ah").first().unwrap().ends_with("addrs: 192.0.2.103 (in an authentication header)"));

    let endpoints = Endpoints::V4 { source: SOURCE, destination: PEER };
    let advertisement = v3(Addresses::V4(&[[192, 0, 2, 100]]));
    for (checksum, note) in [
        (Checksum::PseudoHeader, "(unicast with hop limit 64)"),
        (Checksum::MessageOnly, "(unicast with hop limit 64; checksum without pseudo header)"),
        (
            Checksum::OldUnicast,
            "(unicast with hop limit 64; checksum with the group in its pseudo header, as keepalived's up to 1.3.6)",
        ),
    ] {
        let packet = ipv4(PEER, 64, &message(&advertisement, &endpoints, checksum));
        let line = lines(&raw(&[&packet]), &[]).remove(0);
        assert!(line.ends_with(&format!("addrs: 192.0.2.100 {note}")), "{line}");
    }

    let address = "2001:db8::100".parse::<Ipv6Addr>().unwrap().octets();
    let packet = ipv6(112, &ipv6_message(Addresses::V6(&[address])));
    let line = lines(&raw(&[&packet]), &[]).remove(0);
    assert!(line.ends_with("addrs: 2001:db8::100 (the first address is not link-local)"), "{line}");
}

pub(crate) fn it_says_why_a_packet_would_be_discarded_and_counts_it() {
    let good = to_group(150);
    let with = |at: usize, byte: u8| {
        let mut packet = good.clone();
        packet[at] = byte;
        packet
    };
    let packets =
        [with(26, 0), with(8, 254), with(20, 0x41), with(6, 0x20), with(3, 200), to_group(150), to_group(0)];
    let seen = read(&raw(&packets.each_ref().map(Vec::as_slice)), &[]);
    let lines: Vec<_> = seen.out.lines().map(|line| &line[TIME_LEN..]).collect();
    assert_eq!(
        lines[..5],
        [
            "192.0.2.1 > 224.0.0.18: DISCARD: checksum 0x0065 is wrong, 0x8665 would be right [checksum-errors]",
            "192.0.2.1 > 224.0.0.18: DISCARD: hop limit 254 is not 255: the packet was forwarded [ip-ttl-errors]",
            "192.0.2.1 > 224.0.0.18: DISCARD: VRRP version 4 is unknown [version-errors]",
            "192.0.2.1 > 224.0.0.18: DISCARD: a fragment [ip-header-errors]",
            "192.0.2.1 > 224.0.0.18: DISCARD: an IP total length of 200 bytes in a datagram of 40 \
             [packet-length-errors]",
        ]
    );
    assert_eq!(
        seen.summary,
        "packets seen: 7, accepted: 2, discarded: 5\n\
         discarded as Checksum [checksum-errors]: 1\n\
         discarded as Fragment [ip-header-errors]: 1\n\
         discarded as HopLimit [ip-ttl-errors]: 1\n\
         discarded as IpLength [packet-length-errors]: 1\n\
         discarded as Version [version-errors]: 1\n\
         virtual router 51 of IPv4: last Master 192.0.2.1, priority 150, which gave up its office\n"
    );
}

pub(crate) fn what_the_capture_cut_off_is_not_held_against_a_packet() {
    let whole = to_group(150);
    let line = |kept| lines(&file(RAW, &[&whole], kept), &[]).remove(0);
    assert_eq!(line(34)[TIME_LEN..], *"192.0.2.1 > 224.0.0.18: TRUNCATED: the capture has 34 of 40 bytes");
    assert_eq!(line(15)[TIME_LEN..], *"? > ?: TRUNCATED: the capture has 15 of 40 bytes");
    // Padding is no loss.
    let padded = [&whole[..], &[0; 6]].concat();
    let seen = read(&file(RAW, &[&padded], 40), &[]);
    assert!(seen.out.contains("VRRPv2, Advertisement"), "{}", seen.out);
    assert!(seen.summary.starts_with("packets seen: 1, accepted: 1, discarded: 0\n"), "{}", seen.summary);

    let whole = ipv6(112, &ipv6_message(Addresses::V6(&[LINK_LOCAL])));
    let line = lines(&file(RAW, &[&whole], 50), &[]).remove(0);
    assert_eq!(line[TIME_LEN..], *"fe80::1 > ff02::12: TRUNCATED: the capture has 50 of 64 bytes");
}

pub(crate) fn byte_order_and_unit_of_time_make_no_difference() {
    let packets = [to_group(150), to_group(151), to_group(0)];
    let packets = packets.each_ref().map(Vec::as_slice);
    let expected = lines(&raw(&packets), &[]);
    let times: Vec<_> = expected.iter().map(|line| line[..TIME_LEN].trim()).collect();
    assert_eq!(times, ["0.000000", "0.500000", "1.000000"]);
    for word in [u32::to_le_bytes, u32::to_be_bytes] {
        for (magic, unit) in [(0xa1b2_c3d4, 1_000_000), (0xa1b2_3c4d, 1_000_000_000)] {
            assert_eq!(lines(&file(Format { word, magic, unit, ..RAW }, &packets, 99), &[]), expected);
        }
    }
}

pub(crate) fn links_and_vlan_tags_make_no_difference() {
    let (v4, v6) = (to_group(150), ipv6(112, &ipv6_message(Addresses::V6(&[LINK_LOCAL]))));
    let expected = [lines(&raw(&[&v4]), &[]), lines(&raw(&[&v6]), &[])];
    assert!(expected.iter().all(|lines| lines[0].contains("Advertisement")), "{expected:?}");
    for (link_type, before, after) in [
        (1, &[0; 12][..], &[][..]),
        (1, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81, 0x00, 0x00, 0x07][..], &[][..]),
        (1, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0xa8, 0x00, 0x07, 0x81, 0x00, 0x00, 0x08][..], &[]),
        // With a frame check sequence, which the upper half of the link type tells of.
        (1 | 0x2400_0000, &[0; 12], &[]),
        (113, &[0; 14], &[]),
        (276, &[], &[0; 18]),
    ] {
        for (ip, ether_type, expected) in
            [(&v4, [0x08, 0x00], &expected[0]), (&v6, [0x86, 0xdd], &expected[1])]
        {
            let frame = [before, &ether_type, after, ip, &[0; 4]].concat();
            assert_eq!(&lines(&file(Format { link_type, ..RAW }, &[&frame], 99), &[]), expected);
        }
    }
    assert_eq!(lines(&file(Format { link_type: 228, ..RAW }, &[&v4], 99), &[]), expected[0]);
    assert_eq!(lines(&file(Format { link_type: 229, ..RAW }, &[&v6], 99), &[]), expected[1]);
    // ARP, and something of TCP.
    let mut tcp = v4.clone();
    tcp[9] = 6;
    let nothing = file(Format { link_type: 1, ..RAW }, &[&[&[0; 12][..], &[8, 6], &[0; 28]].concat()], 99);
    assert_eq!(read(&nothing, &[]).summary, "packets seen: 0, accepted: 0, discarded: 0\n");
    assert_eq!(read(&raw(&[&tcp]), &[]).summary, "packets seen: 0, accepted: 0, discarded: 0\n");
}

pub(crate) fn extension_headers_are_skipped_and_fragments_said_so() {
    let message = ipv6_message(Addresses::V6(&[LINK_LOCAL]));
    let line = |next: u8, headers: &[&[u8]]| {
        lines(&raw(&[&ipv6(next, &[&headers.concat()[..], &message].concat())]), &[]).pop()
    };
    let plain = line(112, &[]);
    assert!(plain.as_ref().unwrap().contains("VRRPv3, Advertisement, vrid 51"), "{plain:?}");
    let (options, routing) = ([112, 0, 1, 4, 0, 0, 0, 0], [60, 0, 0, 0, 0, 0, 0, 0]);
    let mut hop_by_hop = [0; 16];
    hop_by_hop[..3].copy_from_slice(&[43, 1, 1]);
    assert_eq!(line(0, &[&hop_by_hop, &routing, &options]), plain);
    assert_eq!(line(44, &[&[112, 0, 0, 0, 0, 0, 0, 1]]), plain, "a fragment that is all there is");

    let fragment = format!("{:>12} fe80::1 > ff02::12: DISCARD: a fragment [ip-header-errors]", "0.000000");
    assert_eq!(line(44, &[&[112, 0, 0, 1, 0, 0, 0, 1]]), Some(fragment.clone()));
    assert_eq!(line(44, &[&[112, 0, 0, 8, 0, 0, 0, 1]]), Some(fragment));
    assert_eq!(line(44, &[&[60, 0, 0, 8, 0, 0, 0, 1]]), None, "it may be anything");
}

pub(crate) fn keys_tell_what_is_authentic() {
    let verdict = |name, options: &[&str]| {
        let seen = read(of_keepalived(name), options).out;
        let line = seen.lines().next().unwrap();
        let discard = line.split_once("DISCARD: ").map(|(_, why)| why.split(": VRRP").next().unwrap());
        discard.unwrap_or(line.rsplit_once('(').map_or("", |(_, notes)| notes)).to_owned()
    };
    assert_eq!(verdict("v2pass", &["--password", "s3cr3t"]), "authentic)");
    assert_eq!(verdict("v2pass", &["--password", "secret"]), "the password is wrong [auth-failures]");
    assert_eq!(
        verdict("v2none", &["--password", "s3cr3t"]),
        "authentication type 0 is not ours, 1 [auth-type-mismatch]"
    );
    assert_eq!(verdict("v2ah", &["--ah-key", "k4lkey00"]), "in an authentication header; authentic)");
    assert_eq!(verdict("v2ah", &["--ah-key", "k4lkey01"]), "the digest is wrong [auth-failures]");
    // Each packet is checked with the key that fits it.
    let both = ["--password", "s3cr3t", "--ah-key", "k4lkey00"];
    assert_eq!(verdict("v2pass", &both), "authentic)");
    assert_eq!(verdict("v2ah", &both), "in an authentication header; authentic)");
}

pub(crate) fn a_trailer_is_checked_at_the_time_of_its_capture() {
    let endpoints = Endpoints::multicast(SOURCE.into());
    let sealed = |at: Duration| {
        let mut prepared = PreparedHmac::new(&v2(150), &endpoints, Checksum::default(), [0; 64]).unwrap();
        let key = HmacKey::new(7, [0x5a; 32]).unwrap();
        ipv4(GROUP, 255, prepared.seal(&key, HmacSequence::at(at)))
    };
    let start = Duration::from_secs(SINCE_1970.into());
    let [fresh, early] = [start, start - Duration::from_secs(60)].map(sealed);
    let capture = raw(&[&fresh, &fresh, &early, &to_group(150)]);

    let key = "5A".repeat(32);
    let ends = |options: &[&str], expected: [&str; 4]| {
        for (line, end) in lines(&capture, options).iter().zip(expected) {
            let line = line.split(": VRRP").next().filter(|_| line.contains("DISCARD")).unwrap_or(line);
            assert!(line.ends_with(end), "{line}");
        }
    };
    ends(&[], ["(auth_hmac with key 7)", "(auth_hmac with key 7)", "(auth_hmac with key 7)", "192.0.2.100"]);
    ends(
        &["--hmac-key", &format!("7:{key}"), "--hmac-key", &format!("8:{key}")],
        [
            "(auth_hmac with key 7; authentic)",
            ", which was [auth-failures]",
            "made 61s ago, which is too far off [auth-failures]",
            "the trailer of auth_hmac is missing [auth-failures]",
        ],
    );
    let unknown = "key 7 is not known [auth-failures]";
    let missing = "the trailer of auth_hmac is missing [auth-failures]";
    ends(&["--hmac-key", &format!("8:{key}")], [unknown, unknown, unknown, missing]);
}

pub(crate) fn json_holds_what_was_read_or_why_not() {
    let objects = |name, options: &[&str]| -> Vec<Value> {
        let options = [&["--json"], options].concat();
        lines(of_keepalived(name), &options).iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let mut accepted = objects("v3v6", &[]);
    assert_eq!(accepted.len(), 4);
    let time = accepted[0]["time"].take().as_f64().unwrap();
    assert!((time - 1_795_358_632.366_458).abs() < 1e-6, "{time}");
    assert_eq!(
        accepted[0],
        json!({
            "time": null,
            "source": "fe80::10",
            "destination": "ff02::12",
            "hop_limit": 255,
            "verdict": "accept",
            "advertisement": {
                "version": 3,
                "vrid": 55,
                "priority": 200,
                "interval_ms": 1000,
                "addresses": ["fe80::5555", "2001:db8::100"],
            },
            "checksum": "pseudo_header",
            "trailer": null,
            "authentication_header": false,
        })
    );
    assert_eq!(objects("v2pass", &["--password", "s3cr3t"])[0]["authentic"], true);

    let discarded = &objects("v2pass", &["--password", "secret"])[0];
    for (field, value) in [
        ("verdict", json!("discard")),
        ("reason", json!("the password is wrong")),
        ("counter", json!("auth-failures")),
        ("error", json!("Password")),
        ("authentic", json!(false)),
    ] {
        assert_eq!(discarded[field], value, "{discarded}");
    }
    assert_eq!(discarded["advertisement"]["vrid"], 52);

    let mut forwarded = to_group(150);
    forwarded[8] = 1;
    let line = lines(&raw(&[&forwarded]), &["--json"]).remove(0);
    assert_eq!(
        serde_json::from_str::<Value>(&line).unwrap(),
        json!({
            "time": f64::from(SINCE_1970),
            "source": "192.0.2.1",
            "destination": "224.0.0.18",
            "hop_limit": 1,
            "verdict": "discard",
            "reason": "hop limit 1 is not 255: the packet was forwarded",
            "counter": "ip-ttl-errors",
            "error": "HopLimit",
        })
    );
}

pub(crate) fn what_is_no_capture_is_refused_in_one_sentence() {
    let with_link_type = |link_type| file(Format { link_type, ..RAW }, &[], 0);
    let too_long = [&raw(&[])[..], &[0; 8], &u32::MAX.to_le_bytes(), &[0; 4]].concat();
    for (capture, words) in [
        (&b""[..], "the file is empty"),
        (b"\xd4\xc3\xb2", "3 bytes are too few for its header of 24"),
        (&raw(&[])[..23], "23 bytes are too few for its header of 24"),
        (b"frr version 8.4", "not a pcap file: it begins with 0x66727220"),
        (b"\x0a\x0d\x0d\x0a\0\0\0\0", "convert it with `tcpdump -r IN -w OUT`"),
        (&with_link_type(105), "link type 105 is unknown here"),
        (&too_long, "record 1 claims 4294967295 bytes"),
    ] {
        let error = read(capture, &[]).ending.unwrap_err();
        assert!(error.starts_with("cannot read /proc/self/fd/") && !error.contains('\n'), "{error}");
        assert!(error.contains(words), "{error}");
    }
    let no_file = Args::try_parse_from(["watch_advertisements", "--read", "/nonexistent"]).unwrap();
    assert!(program::open(&no_file).unwrap_err().to_string().starts_with("cannot read /nonexistent: "));
    let no_interface = Args::try_parse_from(["watch_advertisements", "eth9"]).unwrap();
    let error = program::open(&no_interface).unwrap_err().to_string();
    assert_eq!(error, "no interface named eth9 (`ip link` lists those there are)");
    assert!(Args::try_parse_from(["watch_advertisements"]).is_err());
    assert!(Args::try_parse_from(["watch_advertisements", "eth0", "--read", "file"]).is_err());
}

pub(crate) fn every_beginning_of_a_capture_is_read_as_far_as_it_goes() {
    let whole = raw(&[&to_group(150), &to_group(151), &to_group(152)]);
    let record = (whole.len() - 24) / 3;
    for len in 0..=whole.len() {
        let seen = read(&whole[..len], &[]);
        let complete = len.saturating_sub(24) / record;
        assert_eq!(seen.out.lines().count(), complete, "{len} bytes");
        match seen.ending {
            Ok(ending) => {
                assert_eq!(ending, Ending::Done);
                assert!(len >= 24 && (len - 24).is_multiple_of(record), "{len} bytes");
            }
            Err(error) if len >= 24 => {
                let words = format!("the file ends in the middle of record {}", complete + 1);
                assert!(error.ends_with(&words), "{len} bytes: {error}");
                assert!(seen.summary.starts_with(&format!("packets seen: {complete}, ")));
            }
            Err(_) => {}
        }
    }
}

pub(crate) fn no_damage_to_a_capture_is_more_than_an_error() {
    for name in ["v2ah", "v3v6"] {
        let mut capture = of_keepalived(name)[..600].to_vec();
        for at in 0..capture.len() {
            let was = capture[at];
            for byte in [was ^ 1, was ^ 0x80, 0, 0xff] {
                capture[at] = byte;
                // Whatever it says, it says something: the file ends in the middle of a record.
                read(&capture, &["--ah-key", "k4lkey00"]).ending.unwrap_err();
            }
            capture[at] = was;
        }
    }
}

pub(crate) fn a_reader_that_has_gone_is_no_error() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (_memory, args) = arguments(&raw(&[&to_group(150)]), &[]);
    let mut source = program::open(&args).unwrap();
    let ending = program::watch(&mut source, &args, &mut Gone, &mut Summary::default());
    assert_eq!(ending.unwrap(), Ending::ReaderGone);
}

pub(crate) fn on_a_lan_it_hears_a_group_that_its_host_has_not_joined() {
    let (mut lan, router, watcher) =
        (Lan::new().unwrap(), Namespace::new().unwrap(), Namespace::new().unwrap());
    lan.attach(&router, "router", SOURCE, 24).unwrap();
    lan.attach(&watcher, "watcher", PEER, 24).unwrap();
    let args = Args::try_parse_from(["watch_advertisements", "eth0", "--count", "2"]).unwrap();
    let mut source = watcher.run(|| program::open(&args).unwrap()).unwrap();

    router
        .run(|| {
            let interface = Netlink::open().unwrap().interface("eth0").unwrap();
            let group = GROUP.into();
            let socket =
                VrrpSocket::open(&interface, SOURCE.into(), Reception::Group(group), Protocol::Vrrp).unwrap();
            let packet = to_group(150);
            let mut message = packet[20..].to_vec();
            socket.send(group, &message).unwrap();
            message[6] = 0;
            socket.send(group, &message).unwrap();
        })
        .unwrap();

    // In a thread, so that a packet that never comes is a failure and not a wait.
    let (done, is_done) = channel();
    thread::spawn(move || {
        let (mut out, mut summary) = (Vec::new(), Summary::default());
        let ending = program::watch(&mut source, &args, &mut out, &mut summary).unwrap();
        let _ = done.send((ending, String::from_utf8(out).unwrap(), summary.to_string()));
    });
    let (ending, out, summary) = is_done.recv_timeout(PATIENCE).unwrap();
    assert_eq!(ending, Ending::Done);
    let lines: Vec<_> = out.lines().map(|line| &line[TIME_LEN..]).collect();
    assert_eq!(
        lines,
        [
            "192.0.2.1 > 224.0.0.18: VRRPv2, Advertisement, vrid 51, prio 150, authtype none, intvl 1s, length 20, \
             addrs: 192.0.2.100",
            "192.0.2.1 > 224.0.0.18: DISCARD: checksum 0x0065 is wrong, 0x8665 would be right [checksum-errors]",
        ]
    );
    assert!(summary.starts_with("packets seen: 2, accepted: 1, discarded: 1\n"), "{summary}");
}

pub(crate) fn an_interface_that_is_down_is_said_so() {
    let (mut lan, host) = (Lan::new().unwrap(), Namespace::new().unwrap());
    lan.attach(&host, "host", SOURCE, 24).unwrap();
    let args = Args::try_parse_from(["watch_advertisements", "eth0"]).unwrap();
    let mut source = host.run(|| program::open(&args).unwrap()).unwrap();
    host.link_down("eth0").unwrap();
    let ending = program::watch(&mut source, &args, &mut Vec::new(), &mut Summary::default());
    assert_eq!(
        ending.unwrap_err().to_string(),
        "cannot listen on eth0: it is down (`ip link set eth0 up`), or gone"
    );
}

/// What the program says of a capture.
struct Seen {
    out: String,
    summary: String,
    ending: Result<Ending, String>,
}

/// Has the program read a capture.
fn read(capture: &[u8], options: &[&str]) -> Seen {
    let (_memory, args) = arguments(capture, options);
    let (mut out, mut summary) = (Vec::new(), Summary::default());
    let ending = program::open(&args)
        .and_then(|mut source| program::watch(&mut source, &args, &mut out, &mut summary))
        .map_err(|error| error.to_string());
    Seen { out: String::from_utf8(out).unwrap(), summary: summary.to_string(), ending }
}

/// What the program prints for a capture that is in order.
fn lines(capture: &[u8], options: &[&str]) -> Vec<String> {
    let seen = read(capture, options);
    assert_eq!(seen.ending, Ok(Ending::Done));
    seen.out.lines().map(str::to_owned).collect()
}

/// Puts a capture into a file without a name, and says so on the command line.
fn arguments(capture: &[u8], options: &[&str]) -> (File, Args) {
    let mut memory = File::from(memfd_create("capture", MFdFlags::MFD_CLOEXEC).unwrap());
    memory.write_all(capture).unwrap();
    let path = format!("/proc/self/fd/{}", memory.as_raw_fd());
    let line = ["watch_advertisements", "--read", &path];
    (memory, Args::try_parse_from([&line, options].concat()).unwrap())
}

fn ipv6_message(addresses: Addresses<'_>) -> Vec<u8> {
    let source = "fe80::1".parse().unwrap();
    message(&v3(addresses), &Endpoints::multicast(source), Checksum::default())
}

/// fe80::51
const LINK_LOCAL: [u8; 16] = [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x51];
/// Of a line: the time and the space behind it.
const TIME_LEN: usize = 13;
const PATIENCE: Duration = Duration::from_secs(10);
