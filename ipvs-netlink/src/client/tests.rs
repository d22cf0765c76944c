//! Against a kernel that answers as it is told.

use std::{os::unix::net::UnixDatagram, thread, time::Instant};

use kernel_netlink::{Envelope, Messages, Writer};
use lab::written::{attribute_bytes, message_bytes, ne16, ne32};

use super::*;
use crate::{Destination, ErrorKind, Service, Table};

#[test]
fn a_number_of_the_family_that_is_nobodys_any_more_is_asked_for_anew() {
    let (mut ipvs, kernel) =
        scripted(&[family(1, 28), refusal(2, libc::ENOENT), family(3, 29), refusal(4, 0)]);

    ipvs.flush().unwrap();

    assert_eq!(asked(&kernel), [16, 28, 16, 29]);
}

#[test]
fn a_missing_object_is_not_asked_for_again() {
    let (mut ipvs, kernel) = scripted(&[family(1, 28), refusal(2, libc::ENOENT), family(3, 28)]);
    let service = service();

    let error = ipvs.add_service(&service).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::NoSuchModule);
    assert_eq!(asked(&kernel), [16, 28, 16]);
}

#[test]
fn in_a_batch_just_what_nobody_took_is_sent_again() {
    let answers =
        [[refusal(2, libc::ENOENT), refusal(3, libc::ESRCH)].concat(), family(4, 29), refusal(5, 0)];
    let (mut ipvs, kernel) = scripted(&[&[family(1, 28)][..], &answers].concat());

    let results = ipvs.batch(&[Request::Flush, Request::Zero(&service().id())]).unwrap();

    assert_eq!(results, [Ok(()), Err(Failure::Os { errno: libc::ESRCH, text: None })]);
    assert_eq!(asked(&kernel), [16, 28, 28, 16, 29]);
}

#[test]
fn a_module_that_is_gone_is_said_to_be_so() {
    let (mut ipvs, _kernel) = scripted(&[
        family(1, 28),
        refusal(2, libc::ENOENT),
        refusal(3, libc::ENOENT),
        family(4, 30),
        refusal(5, 0),
    ]);

    assert_eq!(ipvs.flush().unwrap_err().kind(), ErrorKind::NotLoaded);
    ipvs.flush().unwrap();
}

#[test]
fn a_kernel_that_does_not_answer_is_not_waited_for() {
    let (mut ipvs, _kernel) = scripted(&[family(1, 28)]);

    assert_eq!(ipvs.flush().unwrap_err().kind(), ErrorKind::TimedOut);
}

#[test]
fn what_a_list_passed_over_is_found_by_the_next() {
    let [one, other] = ["10.0.0.1:80", "10.0.0.2:80"].map(destination);
    let (whole, lacking) = (vec![one, other], vec![other]);
    let (mut ipvs, kernel) = scripted(&[
        family(1, 28),
        services(2),
        destinations(3, &lacking),
        refusal(4, libc::EEXIST),
        services(5),
        destinations(6, &whole),
        services(7),
        destinations(8, &whole),
    ]);

    let applied = ipvs.apply(&desired(&whole), |_| true).unwrap();

    assert_eq!((applied.writes, applied.reads), (0, 3));
    assert_eq!(asked(&kernel).len(), 8);
}

#[test]
fn what_a_list_hid_is_removed_when_the_next_shows_it() {
    let [wanted, spare] = ["10.0.0.1:80", "10.0.0.2:80"].map(destination);
    let (clean, whole) = (vec![wanted], vec![wanted, spare]);
    let (mut ipvs, _kernel) = scripted(&[
        family(1, 28),
        services(2),
        destinations(3, &clean),
        services(4),
        destinations(5, &whole),
        refusal(6, 0),
        services(7),
        destinations(8, &clean),
        services(9),
        destinations(10, &clean),
    ]);

    let applied = ipvs.apply(&desired(&clean), |_| true).unwrap();

    assert_eq!((applied.writes, applied.reads), (1, 4));
}

#[test]
fn who_undoes_it_each_time_is_not_fought_for_ever() {
    let wanted = vec![destination("10.0.0.1:80")];
    let mut answers = vec![family(1, 28)];
    for turn in 0..READS {
        let first = 2 + 3 * turn;
        answers.extend([services(first), destinations(first + 1, &[]), refusal(first + 2, 0)]);
    }
    let (mut ipvs, _kernel) = scripted(&answers);

    let error = ipvs.apply(&desired(&wanted), |_| true).unwrap_err();

    assert_eq!(
        error.to_string(),
        "cannot bring the table to rest: another program keeps changing it, 1 difference is left"
    );
}

#[test]
fn nothing_is_taken_from_a_service_in_which_somebody_else_was_quicker() {
    let [old, new] = ["10.0.0.1:80", "10.0.0.2:80"].map(destination);
    let idle = new.with_weight(0).unwrap();
    let (mut ipvs, _kernel) = scripted(&[
        family(1, 28),
        services(2),
        destinations(3, &[old]),
        // It is there by now, and who knows with which weight.
        refusal(4, libc::EEXIST),
        services(5),
        destinations(6, &[old, idle]),
        refusal(7, 0),
        refusal(8, 0),
        services(9),
        destinations(10, &[new]),
        services(11),
        destinations(12, &[new]),
    ]);

    let applied = ipvs.apply(&desired(&[new]), |_| true).unwrap();

    assert_eq!((applied.writes, applied.reads), (2, 4));
}

#[test]
fn what_is_refused_does_not_keep_from_looking_twice() {
    let [hidden, bad] = ["10.0.0.1:80", "10.0.0.2:80"].map(destination);
    let light = vec![hidden.with_weight(0).unwrap()];
    let done = vec![hidden];
    let refused = |sequence| refusal(sequence, libc::EINVAL);
    let (mut ipvs, kernel) = scripted(&[
        family(1, 28),
        services(2),
        destinations(3, &[]),
        [refusal(4, libc::EEXIST), refused(5)].concat(),
        services(6),
        destinations(7, &light),
        refused(9),
        services(10),
        destinations(11, &done),
        refused(12),
        services(13),
        destinations(14, &done),
        refused(15),
    ]);

    let error = ipvs.apply(&desired(&[hidden, bad]), |_| true).unwrap_err();

    let ApplyError::Refused(refusals) = error else { panic!("{error}") };
    assert_eq!(refusals.len(), 1);
    assert_eq!(asked(&kernel).len(), 15);
}

#[test]
fn what_a_refused_service_lacks_is_no_reason_to_look_for_ever() {
    let answers = |first| {
        [
            list(first, &[]),
            [refusal(first + 1, libc::ENOENT), refusal(first + 2, libc::ESRCH)].concat(),
            family(first + 3, 28),
        ]
    };
    let (mut ipvs, kernel) = scripted(&[&[family(1, 28)][..], &answers(2), &answers(6)].concat());

    let error = ipvs.apply(&desired(&[destination("10.0.0.1:80")]), |_| true).unwrap_err();

    assert!(matches!(&error, ApplyError::Refused(refusals) if refusals.len() == 1), "{error}");
    assert_eq!(asked(&kernel).len(), 9);
}

#[test]
fn a_last_look_that_agrees_is_followed_by_another() {
    let wanted = vec![destination("10.0.0.1:80")];
    let mut answers = vec![family(1, 28)];
    for turn in 0..READS - 1 {
        let first = 2 + 3 * turn;
        answers.extend([services(first), destinations(first + 1, &[]), refusal(first + 2, 0)]);
    }
    let last = 2 + 3 * (READS - 1);
    for first in [last, last + 2] {
        answers.extend([services(first), destinations(first + 1, &wanted)]);
    }
    let (mut ipvs, _kernel) = scripted(&answers);

    let applied = ipvs.apply(&desired(&wanted), |_| true).unwrap();

    assert_eq!((applied.writes, applied.reads), (9, 11));
}

#[test]
fn a_destination_that_one_list_lacks_is_not_gone() {
    let server = destination("10.0.0.1:80");
    let quiesced = vec![server.with_weight(0).unwrap()];
    let (mut ipvs, _kernel) = scripted(&[
        family(1, 28),
        destinations(2, &[]),
        destinations(3, &[server]),
        refusal(4, 0),
        destinations(5, &[]),
        destinations(6, &quiesced),
        refusal(7, 0),
        destinations(8, &[]),
        destinations(9, &[]),
    ]);
    let now = Instant::now();

    let mut drain = Drain::start(&mut ipvs, &service().id(), server.address(), now).unwrap();

    assert_eq!(drain.poll(&mut ipvs, now).unwrap(), Draining::Over(Ending::Drained));
    assert_eq!(drain.poll(&mut ipvs, now).unwrap(), Draining::Over(Ending::Gone));
}

fn service() -> Service {
    "-A -t 192.0.2.1:80 -s rr".parse().unwrap()
}

fn destination(address: &str) -> Destination {
    Destination::builder(address.parse().unwrap()).build().unwrap()
}

fn desired(destinations: &[Destination]) -> Table {
    let server = crate::VirtualServer::new(service(), destinations.iter().copied()).unwrap();
    Table::new([server]).unwrap()
}

/// What the family's number is.
fn family(sequence: u32, number: u16) -> Vec<u8> {
    let payload = [&[1, 2, 0, 0][..], &attribute_bytes(1, &ne16(number))].concat();
    [message_bytes(16, 0, sequence, &payload), refusal(sequence, 0)].concat()
}

/// An acknowledgement where `errno` is 0.
fn refusal(sequence: u32, errno: i32) -> Vec<u8> {
    let echoed = message_bytes(0, 0, sequence, &[]);
    message_bytes(2, 0x100, sequence, &[&ne32(errno.wrapping_neg().cast_unsigned())[..], &echoed].concat())
}

fn services(sequence: u32) -> Vec<u8> {
    list(sequence, &[payload(&Request::NewService(&service()), 1)])
}

fn destinations(sequence: u32, destinations: &[Destination]) -> Vec<u8> {
    let id = service().id();
    let payloads: Vec<_> =
        destinations.iter().map(|one| payload(&Request::NewDestination(&id, one), 5)).collect();
    list(sequence, &payloads)
}

fn list(sequence: u32, payloads: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes: Vec<u8> =
        payloads.iter().flat_map(|payload| message_bytes(28, 2, sequence, payload)).collect();
    bytes.extend(message_bytes(3, 2, sequence, &ne32(0)));
    bytes
}

/// What a request carries, as an answer.
fn payload(request: &Request<'_>, command: u8) -> Vec<u8> {
    let mut writer = Writer::default();
    request.write(Envelope::new(&mut writer, 0, 0), 28);
    let mut payload = writer.bytes()[16..].to_vec();
    payload[0] = command;
    payload
}

fn scripted(answers: &[Vec<u8>]) -> (Ipvs, UnixDatagram) {
    let (socket, kernel) = UnixDatagram::pair().unwrap();
    let (answering, answers) = (kernel.try_clone().unwrap(), answers.to_vec());
    // A system may hold no more than ten at a time. What is not asked for is not waited for.
    thread::spawn(move || answers.iter().try_for_each(|answer| answering.send(answer).map(drop)));
    (Ipvs::over(RequestSocket::over(socket.into())), kernel)
}

/// The families that requests were for.
fn asked(kernel: &UnixDatagram) -> Vec<u16> {
    kernel.set_nonblocking(true).unwrap();
    let mut buffer = [0; 4096];
    let mut asked = Vec::new();
    while let Ok(length) = kernel.recv(&mut buffer) {
        asked.extend(Messages::new(&buffer[..length]).map(|message| message.unwrap().kind()));
    }
    asked
}

/// How often the table is read before it is given up.
const READS: u32 = 10;
