//! tcpdump reads what we encode, and has nothing to complain about.

use std::{
    io::Write,
    path::Path,
    process::{Command, Stdio},
};

use etherparse::{IpNumber, Ipv4Header};
use vrrp_proto::{Authentication, HOP_LIMIT, MULTICAST_V4, PROTOCOL};

use super::{advertisement, encoded, password, usual};

#[test]
fn tcpdump_reads_what_we_encode() {
    let Some(tcpdump) = lab::need("tcpdump") else { return };
    let many: Vec<_> = (1..=255).map(|last| [10, 0, 0, last]).collect();
    let messages = [
        encoded(&usual()),
        encoded(&advertisement(&[[192, 0, 2, 100]], password("s3cr3t"))),
        encoded(&advertisement(&many, Authentication::None)),
    ];

    let printed = printed_by(&tcpdump, &messages);

    let printed: Vec<_> = printed.lines().map(str::trim).filter(|line| line.contains("VRRPv2")).collect();
    assert_eq!(printed.len(), 3, "{printed:?}");
    assert_eq!(
        printed[0],
        "192.0.2.251 > 224.0.0.18: VRRPv2, Advertisement, vrid 10, prio 200, authtype none, intvl 1s, length 24, \
         addrs(2): 192.0.2.1,192.0.2.2"
    );
    assert!(printed[1].contains("authtype simple, intvl 1s, length 20, addrs: 192.0.2.100 auth \"s3cr3t"));
    assert!(printed[2].contains("length 1036, addrs(255): 10.0.0.1,") && printed[2].ends_with(",10.0.0.255"));
    for line in printed {
        assert!(!line.contains("bad") && !line.contains("[|") && !line.contains("ttl"), "{line}");
    }
}

/// What `tcpdump -nv` prints of the messages, each in an IPv4 datagram.
fn printed_by(tcpdump: &Path, messages: &[Vec<u8>]) -> String {
    let mut tcpdump = Command::new(tcpdump)
        .args(["-nv", "-r", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    tcpdump.stdin.take().unwrap().write_all(&pcap(messages)).unwrap();
    let output = tcpdump.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn pcap(messages: &[Vec<u8>]) -> Vec<u8> {
    const LINKTYPE_IPV4: u32 = 228;
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 65535, LINKTYPE_IPV4] {
        pcap.extend(u32::to_le_bytes(word));
    }
    for message in messages {
        let source = [192, 0, 2, 251];
        let len = message.len() as u16;
        let mut ip =
            Ipv4Header::new(len, HOP_LIMIT, IpNumber(PROTOCOL), source, MULTICAST_V4.octets()).unwrap();
        ip.header_checksum = ip.calc_header_checksum();
        let packet = [&ip.to_bytes()[..], message].concat();
        for word in [0, 0, packet.len() as u32, packet.len() as u32] {
            pcap.extend(u32::to_le_bytes(word));
        }
        pcap.extend(packet);
    }
    pcap
}
