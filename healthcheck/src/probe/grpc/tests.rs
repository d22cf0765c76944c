use super::*;
use crate::{Verdict, probe::play::outcome_of};

/// A frame of the server's.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags, 0, 0, 0, stream]);
    bytes.extend(payload);
    bytes
}

fn settings() -> Vec<u8> {
    frame(4, 0, 0, &[0, 3, 0, 0, 0, 100])
}

/// Headers with `:status 200` and a content type, as servers send them.
fn headers() -> Vec<u8> {
    frame(1, 0x4, 1, b"\x88\x5f\x10application/grpc")
}

fn message(status: u8) -> Vec<u8> {
    frame(0, 0, 1, &[0, 0, 0, 0, 2, 0x08, status])
}

fn trailers(status: &str) -> Vec<u8> {
    let mut block = b"\x00\x0bgrpc-status".to_vec();
    block.push(u8::try_from(status.len()).unwrap());
    block.extend(status.as_bytes());
    frame(1, 0x5, 1, &block)
}

fn answer(parts: &[Vec<u8>]) -> Outcome {
    outcome_of(
        &mut Grpc::new("shop.example"),
        &[settings()].iter().chain(parts).flatten().copied().collect::<Vec<_>>(),
    )
}

fn wrong(parts: &[Vec<u8>]) -> (Kind, i32) {
    let outcome = answer(parts);
    assert_eq!(outcome.verdict, Verdict::Fail, "{outcome:?}");
    (outcome.cause.kind, outcome.cause.code)
}

#[test]
fn a_server_passes_that_says_it_is_serving() {
    let passed = Outcome::passed(Layer::Application);
    assert_eq!(answer(&[headers(), message(1), trailers("0")]), passed);
    // With an index into the table that is told to be none, sizes of it, padding, priority, and a block in pieces.
    let update = frame(1, 0x4 | 0x8 | 0x20, 1, b"\x01\0\0\0\0\x0f\x20\x88\xee");
    let pieces = [frame(1, 0x1, 1, b"\x40\x0bgrpc-st"), frame(9, 0x4, 1, b"atus\x010")].concat();
    let odd = [update, frame(8, 0, 0, &[0, 0, 1, 0]), frame(0x42, 0, 0, b"?"), message(1), pieces];
    assert_eq!(answer(&odd), passed);
    // As by a server that compresses.
    let compressed = frame(1, 0x5, 1, b"\x00\x88\x9a\xca\xc8\xb2\x12\x34\xda\x8f\x81\x07");
    assert_eq!(answer(&[headers(), message(1), compressed]), passed);
    // A server that is about to go still answers.
    let going = frame(7, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(answer(&[going, headers(), message(1), trailers("0")]), passed);
}

#[test]
fn anything_else_fails_by_its_name() {
    for (status, code) in [(0, 0), (2, 2), (3, 3)] {
        let parts = [headers(), message(status), trailers("0")];
        assert_eq!(wrong(&parts), (Kind::WrongContent, code));
    }
    assert_eq!(wrong(&[trailers("12")]), (Kind::WrongStatus, 12));
    assert_eq!(
        answer(&[trailers("5")]).detail.as_deref(),
        Some("NOT_FOUND: the server does not know this service")
    );
    assert_eq!(wrong(&[frame(1, 0x5, 1, b"\x8d")]), (Kind::WrongStatus, 404));
    assert_eq!(wrong(&[frame(1, 0x4, 1, b"\x08\x03503")]), (Kind::WrongStatus, 503));
    assert_eq!(wrong(&[frame(3, 0, 1, &[0, 0, 0, 7])]), (Kind::Closed, 7));
    assert_eq!(wrong(&[frame(7, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11])]), (Kind::Closed, 11));
    assert_eq!(wrong(&[headers(), message(1)]), (Kind::Closed, 0));
    assert_eq!(wrong(&[headers(), trailers("0")]), (Kind::Malformed, 0));
    assert_eq!(wrong(&[headers(), frame(0, 1, 1, &[0, 0, 0, 0, 2, 8, 1])]), (Kind::Malformed, 0));
}

#[test]
fn what_is_malformed_is_told() {
    for parts in [
        vec![frame(1, 0x4, 1, &[0xff, 0xff, 0xff, 0xff, 0xff])],
        vec![frame(1, 0x4, 1, &[0x80])],
        vec![frame(1, 0x4, 1, &[0xbe])],
        vec![frame(1, 0x4 | 0x8, 1, &[9, 1])],
        vec![frame(1, 0, 1, &[0x88]), message(1)],
        vec![frame(9, 4, 1, &[0x88])],
        vec![frame(1, 4, 3, &[0x88])],
        vec![frame(6, 0, 0, &[1])],
        vec![frame(5, 0, 1, &[0, 0, 0, 2])],
        vec![headers(), frame(0, 0, 1, &[1, 0, 0, 0, 2, 8, 1]), trailers("0")],
        vec![headers(), frame(0, 0, 1, &[0, 0, 0, 0, 2, 8, 0x81]), trailers("0")],
        vec![headers(), message(1), trailers("zero")],
        vec![headers(), vec![0, 0x41, 0, 0, 0, 0, 0, 0, 1]],
    ] {
        assert_eq!(wrong(&parts), (Kind::Malformed, 0), "{parts:02x?}");
    }
    for stranger in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"220 mail.example ESMTP\r\n", &frame(6, 0, 0, &[0; 8])]
    {
        let outcome = outcome_of(&mut Grpc::new("x"), stranger);
        assert_eq!(outcome.detail.as_deref(), Some("the answer is not HTTP/2"));
    }
}

#[test]
fn digits_are_read_compressed_or_not() {
    // 0 to 16, and what HTTP has: the codes of RFC 7541, appendix B, written out.
    for (bits, number) in
        [("00000", 0), ("00001", 1), ("011100", 6), ("00001011100", 16), ("0110110000000001", 501)]
    {
        let padded = format!("{bits}{}", "1".repeat((8 - bits.len() % 8) % 8));
        let bytes: Vec<u8> = (0..padded.len() / 8)
            .map(|index| u8::from_str_radix(&padded[index * 8..index * 8 + 8], 2).unwrap())
            .collect();
        let mut block = vec![0x08, 0x80 | u8::try_from(bytes.len()).unwrap()];
        block.extend(bytes);
        let mut status = Status::default();
        status.read(&block).unwrap();
        assert_eq!(status.http, Some(number), "{bits}");
    }
}

#[test]
fn pings_are_answered_but_not_without_end() {
    let mut probe = Grpc::new("shop.example");
    probe.start(0);
    let request = probe.transmit().len();
    probe.sent(request);
    probe.receive(&settings());
    probe.receive(&frame(6, 0, 0, b"12345678"));
    assert_eq!(probe.transmit(), [request::SETTINGS_ACK.to_vec(), frame(6, 1, 0, b"12345678")].concat());
    probe.sent(20);
    assert_eq!(probe.transmit(), &frame(6, 1, 0, b"12345678")[11..]);
    let flood = frame(6, 0, 0, b"12345678").repeat(500);
    let Step::Done(outcome) = probe.receive(&flood) else { panic!("it goes on") };
    assert_eq!(outcome.detail.as_deref(), Some("the server asks for more than it reads"));
}

#[test]
fn frames_of_no_meaning_are_passed_over() {
    let updates = frame(8, 0, 0, &[0, 0, 0, 1]).repeat(50);

    let outcome = answer(&[updates, headers(), message(1), trailers("0")]);

    assert_eq!(outcome.verdict, Verdict::Pass);
}

#[test]
fn long_names_are_written_whole() {
    let name = "n".repeat(300);
    let probe = Grpc::new(&name).service(&name).https();
    let text = probe.transmit();
    assert_eq!(text.windows(300).filter(|window| *window == name.as_bytes()).count(), 2);
    // HPACK: 127 and 173 more; protobuf: 300.
    assert!(text.windows(3).any(|window| window == [0x7f, 0xad, 0x01]));
    assert!(text.windows(3).any(|window| window == [0x0a, 0xac, 0x02]));
}
