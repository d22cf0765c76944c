use super::*;
use crate::{
    Digest, Expect,
    probe::play::{outcome_of, play},
};

const PAGE: &str = "HTTP/1.1 200 OK\r\nServer: test\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKS: &str =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nhe\r\n3\r\nllo\r\n0\r\nTrailer: x\r\n\r\n";
const UNTIL_CLOSE: &str = "HTTP/1.0 200 OK\n\nhello";

fn http() -> HttpBuilder {
    Http::builder("www.example.org")
}

fn said(builder: HttpBuilder, answer: &str) -> (Verdict, Kind, i32) {
    let outcome = outcome_of(&mut builder.build().unwrap(), answer.as_bytes());
    assert_eq!(outcome.cause.layer, Layer::Application);
    (outcome.verdict, outcome.cause.kind, outcome.cause.code)
}

const PASSED: (Verdict, Kind, i32) = (Verdict::Pass, Kind::Passed, 200);
const WRONG: (Verdict, Kind, i32) = (Verdict::Fail, Kind::WrongContent, 200);

#[test]
fn the_request_is_what_rfc_9112_asks_for() {
    let plain = http().path("/health?x=1").build().unwrap();
    let full = http()
        .method(Method::Head)
        .http_1_0()
        .header("host", "shop")
        .header("X-Check", "a b")
        .build()
        .unwrap();

    assert_eq!(
        plain.transmit(),
        b"GET /health?x=1 HTTP/1.1\r\nHost: www.example.org\r\nUser-Agent: healthcheck\r\nConnection: close\r\n\r\n"
    );
    assert_eq!(
        full.transmit(),
        b"HEAD / HTTP/1.0\r\nUser-Agent: healthcheck\r\nConnection: close\r\nhost: shop\r\nX-Check: a b\r\n\r\n"
    );
}

#[test]
fn what_cannot_be_asked_is_refused() {
    for (builder, sentence) in [
        (Http::builder("a b"), "'a b' is no name of a host"),
        (Http::builder(""), "'' is no name of a host"),
        (http().path("health"), "'health' is no path: it begins with / and has no spaces (write %20)"),
        (http().path("/a b"), "'/a b' is no path: it begins with / and has no spaces (write %20)"),
        (http().header("X\r\nY", "1"), "header 'X\r\nY' has characters that do not belong there"),
        (http().header("X", "1\r\nY: 2"), "header 'X' has characters that do not belong there"),
        (
            http().method(Method::Head).expect_body(Expect::contains(b"x")),
            "an answer to HEAD has no body to look at: use GET",
        ),
    ] {
        assert_eq!(builder.build().unwrap_err().to_string(), sentence);
    }
}

#[test]
fn the_status_decides() {
    let status = |line: &str| format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\n\r\n");

    assert_eq!(said(http(), &status("204 No Content")), (Verdict::Pass, Kind::Passed, 204));
    assert_eq!(said(http(), &status("301 Moved")), (Verdict::Fail, Kind::WrongStatus, 301));
    assert_eq!(
        said(http().statuses([200..=200, 301..=303]), &status("302")),
        (Verdict::Pass, Kind::Passed, 302)
    );
    assert_eq!(
        said(http().draining([503..=503]), &status("503 Draining")),
        (Verdict::Drain, Kind::Passed, 503)
    );
    let refused = outcome_of(&mut http().build().unwrap(), status("500 Oops").as_bytes());
    assert!(refused.decisive);
    assert_eq!(refused.detail.as_deref(), Some("HTTP/1.1 500 Oops"));
}

#[test]
fn interim_answers_are_passed_over() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";

    assert_eq!(said(http().expect_body(Expect::contains(b"llo")), &format!("{interim}{PAGE}")), PASSED);
}

#[test]
fn interim_answers_without_end_are_malformed() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\n".repeat(1000);
    let mut probe = http().build().unwrap();

    let outcome = play(&mut probe, &[interim.as_bytes()]);

    assert_eq!(outcome.cause.kind, Kind::Malformed);
    assert_eq!(outcome.detail.as_deref(), Some("the headers have more than 16 KiB"));
}

#[test]
fn a_body_is_the_same_however_it_is_framed() {
    let md5: Digest = "5d41402abc4b2a76b9719d911017c592".parse().unwrap();
    let sha256: Digest = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".parse().unwrap();
    let other: Digest = "00000000000000000000000000000000".parse().unwrap();
    for answer in [PAGE, CHUNKS, UNTIL_CLOSE] {
        assert_eq!(said(http(), answer), PASSED);
        assert_eq!(said(http().expect_body(Expect::starts_with(b"hel")), answer), PASSED);
        assert_eq!(said(http().expect_body(Expect::contains(b"lo")), answer), PASSED);
        assert_eq!(said(http().expect_body(Expect::contains(b"error").negated()), answer), PASSED);
        assert_eq!(said(http().expect_body(Expect::contains(b"error")), answer), WRONG);
        assert_eq!(said(http().digest(md5.clone()), answer), PASSED);
        assert_eq!(said(http().digest(sha256.clone()), answer), PASSED);
        assert_eq!(said(http().digest(other.clone()), answer), WRONG);
        assert_eq!(said(http().digest(md5.clone()).expect_body(Expect::contains(b"error")), answer), WRONG);
    }
}

/// The second fault of another: a digest that covered the framing, and an end that was waited for.
#[test]
fn fault_2_a_body_ends_where_its_framing_says() {
    let md5: Digest = "5d41402abc4b2a76b9719d911017c592".parse().unwrap();
    for answer in [PAGE, CHUNKS] {
        let mut probe = http().digest(md5.clone()).build().unwrap();
        probe.start(0);
        // The server does not close, and says more.
        assert!(
            matches!(probe.receive(answer.as_bytes()), Step::Done(outcome) if outcome.verdict == Verdict::Pass)
        );
    }
}

#[test]
fn an_answer_that_is_cut_short_is_closed_too_early() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let asked = http().digest("5d41402abc4b2a76b9719d911017c592".parse().unwrap());
        assert_eq!(said(asked, answer), (Verdict::Fail, Kind::Closed, 200), "{answer}");
    }
    for answer in ["", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", "HTTP/1."] {
        assert_eq!(said(http(), answer), (Verdict::Fail, Kind::Closed, 0), "{answer}");
    }
}

#[test]
fn what_is_no_http_is_said_to_be_none() {
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(20_000));
    for answer in [
        "SSH-2.0-OpenSSH_9.2\r\n",
        "220 mail.example.org ESMTP\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    ] {
        let (verdict, kind, _) = said(http(), answer);
        assert_eq!((verdict, kind), (Verdict::Fail, Kind::Malformed), "{answer}");
    }
    for chunks in ["x\r\n", "-1\r\nh", "fffffffffffffffff\r\n", "\r\nhello", "2\r\nhelp", "1 \nhx"] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let (_, kind, _) = said(http().expect_body(Expect::at_least(100)), &answer);
        assert_eq!(kind, Kind::Malformed, "{chunks}");
    }
    let mut probe = http().build().unwrap();
    assert_eq!(play(&mut probe, &[long.as_bytes()]).cause.kind, Kind::Malformed);
    assert_eq!(
        play(&mut probe, &long.as_bytes().chunks(1000).collect::<Vec<_>>()).cause.kind,
        Kind::Malformed
    );
}

#[test]
fn equal_content_lengths_are_one() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nContent-length: 5\r\n\r\nhello";
    assert_eq!(said(http().expect_body(Expect::contains(b"hello")), answer), PASSED);
}

#[test]
fn headers_decide() {
    let answer =
        "HTTP/1.1 200 OK\r\nX-Role: replica\r\nx-role: primary\r\nEmpty:\r\nContent-Length: 0\r\n\r\n";
    let expect = |name: &str, value| said(http().expect_header(name, value), answer);

    assert_eq!(expect("X-ROLE", Expect::starts_with(b"primary")), PASSED);
    assert_eq!(expect("x-role", Expect::starts_with(b"other")), WRONG);
    assert_eq!(expect("empty", Expect::contains(b"x").negated()), PASSED);
    assert_eq!(expect("missing", Expect::at_least(1)), WRONG);
    assert_eq!(expect("missing", Expect::at_least(1).negated()), PASSED);
}

#[test]
fn a_head_has_no_body_whatever_it_says() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n";
    assert_eq!(said(http().method(Method::Head), answer), PASSED);
}

#[test]
fn of_a_long_body_so_much_is_looked_at() {
    let body = "x".repeat(300);
    let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: 305\r\n\r\n{body}hello");
    let asked = |limit| http().body_limit(limit).expect_body(Expect::contains(b"hello"));

    assert_eq!(said(asked(305), &answer), PASSED);
    assert_eq!(said(asked(304), &answer), WRONG);
    let digest = http().body_limit(304).digest("00000000000000000000000000000000".parse().unwrap());
    assert_eq!(said(digest, &answer), WRONG);
}

#[test]
#[cfg(feature = "regex")]
fn regular_expressions_decide() {
    use crate::Found;
    let asked = |pattern: &str, found| http().regex(pattern, found).unwrap();
    for answer in [PAGE, CHUNKS, UNTIL_CLOSE] {
        assert_eq!(said(asked("^h.l+o$", Found::Somewhere), answer), PASSED);
        assert_eq!(said(asked("err(or)?", Found::Somewhere), answer), WRONG);
        assert_eq!(said(asked("err(or)?", Found::Nowhere), answer), PASSED);
        assert_eq!(said(asked("l{2}", Found::Nowhere), answer), WRONG);
    }
    assert!(
        http().regex("(", Found::Somewhere).unwrap_err().to_string().starts_with("no regular expression: ")
    );
}

#[test]
fn a_second_run_knows_nothing_of_the_first() {
    let mut probe = http().expect_body(Expect::contains(b"hello")).build().unwrap();
    for _ in 0..3 {
        assert_eq!(
            play(&mut probe, &[b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel"]).cause.kind,
            Kind::Closed
        );
        assert_eq!(play(&mut probe, &[PAGE.as_bytes()]).verdict, Verdict::Pass);
        assert_eq!(play(&mut probe, &[b"HTTP/1.1 200 O"]).cause.kind, Kind::Closed);
    }
}
