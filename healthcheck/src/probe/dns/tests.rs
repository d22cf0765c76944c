use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, ResourceRecord, TYPE, rdata};

use super::*;
use crate::{Verdict, probe::play::outcome_of};

const NAME: &str = "www.example.com";
const ADDRESS: [u8; 4] = [192, 0, 2, 80];

/// The probe, which has asked, and the number that it gave its question.
fn asked(mut probe: Dns) -> (Dns, u16) {
    probe.start(0x1234_5678_9abc_def0);
    let query = Packet::parse(probe.transmit()).unwrap();
    assert!(query.has_flags(PacketFlag::RECURSION_DESIRED));
    let id = query.id();
    let count = probe.transmit().len();
    probe.sent(count);
    assert_eq!(probe.transmit(), b"");
    (probe, id)
}

fn answer(id: u16, name: &str) -> Packet<'_> {
    let mut packet = Packet::new_reply(id);
    let question = Question::new(Name::new(name).unwrap(), TYPE::A.into(), CLASS::IN.into(), false);
    packet.questions.push(question);
    packet
}

fn with_address(id: u16, name: &str) -> Packet<'_> {
    let mut packet = answer(id, name);
    let alias = rdata::RData::CNAME(Name::new("web.example.com").unwrap().into());
    let address = rdata::RData::A(std::net::Ipv4Addr::from(ADDRESS).into());
    packet.answers.push(ResourceRecord::new(Name::new(name).unwrap(), CLASS::IN, 60, alias));
    let owner = Name::new("web.example.com").unwrap();
    packet.answers.push(ResourceRecord::new(owner, CLASS::IN, 60, address));
    packet
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    packet.build_bytes_vec_compressed().unwrap()
}

fn judged(probe: Dns, packet: impl Fn(u16) -> Vec<u8>) -> Step {
    let (mut probe, id) = asked(probe);
    probe.receive(&packet(id))
}

fn cause(step: Step) -> (Verdict, Kind, i32) {
    let Step::Done(outcome) = step else { panic!("{step:?}") };
    (outcome.verdict, outcome.cause.kind, outcome.cause.code)
}

#[test]
fn a_record_of_the_type_asked_for_passes() {
    let address = || Dns::new(NAME, RecordType::A).unwrap();
    let with = |id| bytes(&with_address(id, NAME));
    let without = |id| bytes(&answer(id, NAME));

    assert_eq!(judged(address(), with), Step::Done(Outcome::passed(Layer::Application)));
    assert_eq!(judged(address().expect_address(ADDRESS.into()), with), judged(address(), with));
    let other = address().expect_address([192, 0, 2, 81].into());
    assert_eq!(cause(judged(other, with)), (Verdict::Fail, Kind::WrongContent, 0));
    assert_eq!(cause(judged(address(), without)), (Verdict::Fail, Kind::WrongContent, 0));
    assert_eq!(cause(judged(address().or_no_record(), without)).0, Verdict::Pass);
}

#[test]
fn a_response_code_is_told_by_its_name() {
    for (rcode, number, name) in [
        (RCODE::FormatError, 1, "FORMERR"),
        (RCODE::ServerFailure, 2, "SERVFAIL"),
        (RCODE::NameError, 3, "NXDOMAIN"),
        (RCODE::Refused, 5, "REFUSED"),
        (RCODE::NOTAUTH, 9, "RCODE9"),
    ] {
        let probe = Dns::new(NAME, RecordType::A).unwrap().or_no_record();
        let step = judged(probe, |id| {
            let mut packet = answer(id, NAME);
            *packet.rcode_mut() = rcode;
            bytes(&packet)
        });
        let Step::Done(outcome) = &step else { panic!("{step:?}") };
        assert_eq!(outcome.detail.as_deref(), Some(name));
        assert_eq!(cause(step), (Verdict::Fail, Kind::WrongStatus, number));
    }
}

#[test]
fn fault_3_what_is_no_answer_to_the_question_is_passed_over() {
    let (mut probe, id) = asked(Dns::new(NAME, RecordType::A).unwrap());
    let mut of_other_type = answer(id, NAME);
    of_other_type.questions[0].qtype = TYPE::AAAA.into();
    let mut query = Packet::new_query(id);
    query.questions.clone_from(&answer(id, NAME).questions);
    for stranger in [
        bytes(&with_address(id.wrapping_add(1), NAME)),
        bytes(&with_address(id, "www.example.org")),
        bytes(&of_other_type),
        bytes(&query),
        Vec::new(),
        bytes(&with_address(id, NAME))[..20].to_vec(),
    ] {
        assert_eq!(probe.receive(&stranger), Step::Continue, "{stranger:02x?}");
    }
    let shouted = bytes(&with_address(id, "WWW.Example.COM"));
    assert_eq!(cause(probe.receive(&shouted)).0, Verdict::Pass);
}

#[test]
fn a_truncated_answer_is_asked_for_again_by_tcp_and_the_next_run_begins_with_udp() {
    let (mut probe, id) = asked(Dns::new(NAME, RecordType::A).unwrap());
    let mut packet = answer(id, NAME);
    packet.set_flags(PacketFlag::TRUNCATION);
    assert_eq!(probe.receive(&bytes(&packet)), Step::Reopen);
    assert_eq!(probe.transport(), Transport::Stream);

    probe.start(7);
    let query = probe.transmit().to_vec();
    assert_eq!(usize::from(u16::from_be_bytes([query[0], query[1]])), query.len() - 2);
    assert_eq!(Packet::parse(&query[2..]).unwrap().id(), 7);
    probe.sent(query.len());
    let answer = framed(&bytes(&with_address(7, NAME)));
    assert_eq!(cause(probe.receive(&answer)).0, Verdict::Pass);
    assert_eq!(probe.transport(), Transport::Datagram);
}

#[test]
fn an_answer_by_tcp_may_come_in_any_pieces_and_must_be_whole() {
    let id = 0xcdef; // what `play` gives
    let mut probe = Dns::new(NAME, RecordType::A).unwrap().over_tcp();
    let good = framed(&bytes(&with_address(id, NAME)));
    assert_eq!(outcome_of(&mut probe, &good).verdict, Verdict::Pass);
    assert_eq!(outcome_of(&mut probe, &good[..good.len() - 1]).cause.kind, Kind::Closed);
    let of_another = framed(&bytes(&with_address(id, "www.example.org")));
    assert_eq!(outcome_of(&mut probe, &of_another).cause.kind, Kind::Malformed);
}

#[test]
fn an_answer_cut_anywhere_or_changed_anywhere_does_no_harm() {
    let (probe, id) = asked(Dns::new(NAME, RecordType::A).unwrap());
    let good = bytes(&with_address(id, NAME));
    for end in 0..good.len() {
        let passed = probe.clone().receive(&good[..end]) == Step::Done(Outcome::passed(Layer::Application));
        assert!(!passed, "{end} of {} bytes", good.len());
    }
    for index in 0..good.len() {
        for bit in 0..8 {
            let mut changed = good.clone();
            changed[index] ^= 1 << bit;
            let _ = probe.clone().receive(&changed);
        }
    }
}

#[test]
fn names_and_types_are_read_as_written() {
    let long = "a".repeat(64);
    for name in ["", "a..b", ".a", long.as_str(), &["a"; 128].join(".")] {
        let is_root = name.is_empty();
        assert_eq!(Dns::new(name, RecordType::A).is_ok(), is_root, "{name}");
    }
    for name in [".", "a", "a.", "xn--bcher-kva.example."] {
        let probe = Dns::new(name, RecordType::Mx).unwrap();
        let query = Packet::parse(probe.transmit()).unwrap();
        let written = query.questions[0].qname.to_string();
        assert_eq!(written.trim_end_matches('.'), name.trim_end_matches('.'));
    }
    for (text, record) in
        [("A", RecordType::A), ("aaaa", RecordType::Aaaa), ("TYPE65534", RecordType::Other(65534))]
    {
        assert_eq!(text.parse::<RecordType>().unwrap(), record);
        assert_eq!(record.to_string(), text.to_uppercase());
    }
    assert!("TYPE".parse::<RecordType>().is_err());
    assert!("Ä".parse::<RecordType>().is_err());
}

fn framed(message: &[u8]) -> Vec<u8> {
    let length = u16::try_from(message.len()).unwrap();
    [&length.to_be_bytes(), message].concat()
}
