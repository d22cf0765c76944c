//! tcpdump and tshark read what we write, and agree with what we say of it.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use etherparse::{IpNumber, Ipv4Header, Ipv6FlowLabel, Ipv6Header};
use vrrp_proto::{
    Addresses, Advertisement, AhKey, Authentication, Checksum, Endpoints, HOP_LIMIT, HmacKey, HmacSequence,
    PROTOCOL, PreparedAh, PreparedHmac, Version,
};

use super::{SOURCE, VIPS, VIPS_V6, encoded_for, multicast, password, v2, v3};

#[test]
fn tcpdump_reads_what_we_write_and_says_the_same() {
    let Some(tcpdump) = lab::need("tcpdump") else { return };
    let packets = packets();

    let printed = run(&tcpdump, &["-nv", "-r", "-"], &pcap(&packets));

    // Each packet has two lines: what is around it, and what is in it.
    let printed: Vec<_> = printed.lines().map(str::trim).filter(|line| line.contains("VRRPv")).collect();
    assert_eq!(printed.len(), packets.len(), "{printed:#?}");
    for (Written { endpoints, said, .. }, line) in packets.iter().zip(printed) {
        let read = line.split(") ").last().unwrap_or(line);
        // IPv6's headers are on the same line, and an Authentication Header is in between.
        assert!(read.starts_with(&format!("{endpoints}: ")), "{read}");
        let message = &read[read.find("VRRPv").unwrap()..];
        // The password is tcpdump's to show.
        let message = message.split(" auth \"").next().unwrap();
        assert_eq!(message, said);
        for complaint in ["bad", "[|", "invalid", "ttl"] {
            assert!(!read.contains(complaint), "{read}");
        }
    }
}

#[test]
fn tshark_reads_what_we_write_and_says_the_same() {
    let Some(tshark) = lab::need("tshark") else { return };
    let packets = packets();
    let fields = [
        "version",
        "type",
        "virt_rtr_id",
        "prio",
        "addr_count",
        "adver_int",
        "short_adver_int",
        "auth_type",
        "checksum.status",
        "ip_addr",
        "ipv6_addr",
    ];
    let fields: Vec<_> = fields.iter().flat_map(|field| ["-e".to_owned(), format!("vrrp.{field}")]).collect();
    let arguments: Vec<_> =
        ["-n", "-r", "-", "-T", "fields"].into_iter().chain(fields.iter().map(String::as_str)).collect();

    let printed = run(&tshark, &arguments, &pcap(&packets));

    let printed: Vec<_> = printed.lines().collect();
    assert_eq!(printed.len(), packets.len(), "{printed:#?}");
    for (Written { fields, .. }, line) in packets.iter().zip(printed) {
        assert_eq!(line, fields);
    }
}

/// A datagram, and what a reader must say of it.
struct Written {
    endpoints: Endpoints,
    said: String,
    fields: String,
    bytes: Vec<u8>,
}

/// One of every kind that this crate writes.
fn packets() -> Vec<Written> {
    let list: Vec<_> = (1..=255).map(|last| [10, 0, 0, last]).collect();
    let list_v6: Vec<_> =
        (1..=255).map(|last| [&VIPS_V6[0][..15], &[last]].concat().try_into().unwrap()).collect();
    let to_group = [v2(&VIPS, Authentication::None), v2(&VIPS[..1], password("s3cr3t"))].into_iter().chain([
        v2(&list, Authentication::None),
        v3(Addresses::V4(&VIPS)),
        v3(Addresses::V4(&list)),
        v3(Addresses::V6(&VIPS_V6)),
        v3(Addresses::V6(&list_v6)),
        v3(Addresses::V4(&VIPS)).with_priority(vrrp_proto::Priority::RELEASE),
    ]);
    let mut packets: Vec<_> = to_group
        .map(|advertisement| plain(&advertisement, multicast(advertisement.addresses().family())))
        .collect();
    let unicast = Endpoints::new(SOURCE.into(), [192, 0, 2, 20].into()).unwrap();
    packets.push(plain(&v3(Addresses::V4(&VIPS)), unicast));

    let sealed = v2(&VIPS, Authentication::Header);
    let endpoints = multicast(sealed.addresses().family());
    let mut prepared = PreparedAh::new(&sealed, &endpoints, HOP_LIMIT, vec![0; 100]).unwrap();
    let bytes = prepared.seal(&AhKey::new("k4lkey00").unwrap(), 7).to_vec();
    packets.push(Written { endpoints, said: sealed.to_string(), fields: fields(&sealed), bytes });
    packets
}

fn plain(advertisement: &Advertisement<'_>, endpoints: Endpoints) -> Written {
    let message = encoded_for(advertisement, &endpoints, Checksum::PseudoHeader);
    let bytes = datagram(&endpoints, &message);
    Written { endpoints, said: advertisement.to_string(), fields: fields(advertisement), bytes }
}

/// What tshark must print of it: its fields, tab by tab. It calls a right checksum 1.
fn fields(advertisement: &Advertisement<'_>) -> String {
    let addresses: Vec<_> = advertisement.addresses().iter().map(|address| address.to_string()).collect();
    let addresses = addresses.join(",");
    let interval = advertisement.interval();
    let (secs, centis, auth_type) = match advertisement.version() {
        Version::V2 => {
            let auth_type = advertisement.authentication().auth_type().to_string();
            (interval.as_secs().unwrap().to_string(), String::new(), auth_type)
        }
        Version::V3 => (String::new(), interval.as_centis().unwrap().to_string(), String::new()),
    };
    let (v4, v6) = match advertisement.addresses() {
        Addresses::V4(_) => (addresses, String::new()),
        Addresses::V6(_) => (String::new(), addresses),
    };
    let (version, vrid, priority) = (advertisement.version(), advertisement.vrid(), advertisement.priority());
    let count = advertisement.addresses().len();
    format!("{version}\t1\t{vrid}\t{priority}\t{count}\t{secs}\t{centis}\t{auth_type}\t1\t{v4}\t{v6}")
}

/// tcpdump does not know the trailer: it must take the packet in front of it for what it is, and no more.
#[test]
fn tcpdump_is_not_misled_by_a_trailer() {
    let Some(tcpdump) = lab::need("tcpdump") else { return };
    let advertisement = v3(Addresses::V4(&VIPS));
    let endpoints = multicast(advertisement.addresses().family());
    let mut prepared = PreparedHmac::new(&advertisement, &endpoints, Checksum::MessageOnly, [0; 64]).unwrap();
    let message =
        prepared.seal(&HmacKey::new(1, [7; 32]).unwrap(), HmacSequence::at(super::secs(9).as_duration()));
    let written = Written {
        endpoints,
        said: String::new(),
        fields: String::new(),
        bytes: datagram(&endpoints, message),
    };
    let printed = run(&tcpdump, &["-nv", "-r", "-"], &pcap(&[written]));
    assert!(
        printed.contains("VRRPv3, Advertisement, vrid 10, prio 200, intvl 100cs, length 44"),
        "{printed}"
    );
}

fn run(program: &Path, arguments: &[&str], input: &[u8]) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn pcap(packets: &[Written]) -> Vec<u8> {
    const LINKTYPE_RAW: u32 = 101;
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, LINKTYPE_RAW] {
        pcap.extend(u32::to_le_bytes(word));
    }
    for Written { bytes, .. } in packets {
        for word in [0, 0, bytes.len() as u32, bytes.len() as u32] {
            pcap.extend(u32::to_le_bytes(word));
        }
        pcap.extend(bytes);
    }
    pcap
}

fn datagram(endpoints: &Endpoints, message: &[u8]) -> Vec<u8> {
    let len = message.len() as u16;
    match endpoints {
        Endpoints::V4 { source, destination } => {
            let (source, destination) = (source.octets(), destination.octets());
            let mut ip = Ipv4Header::new(len, HOP_LIMIT, IpNumber(PROTOCOL), source, destination).unwrap();
            ip.header_checksum = ip.calc_header_checksum();
            [&ip.to_bytes()[..], message].concat()
        }
        Endpoints::V6 { source, destination } => {
            let ip = Ipv6Header {
                traffic_class: vrrp_proto::TRAFFIC_CLASS,
                flow_label: Ipv6FlowLabel::ZERO,
                payload_length: len,
                next_header: IpNumber(PROTOCOL),
                hop_limit: HOP_LIMIT,
                source: source.octets(),
                destination: destination.octets(),
            };
            [&ip.to_bytes()[..], message].concat()
        }
    }
}
