//! Servers as packages have them: what a check is for.

use std::path::PathBuf;

use healthcheck::{Dns, Grpc, Kind, Outcome, Probe, RecordType, Redis, Smtp, Verdict};

use crate::{
    server::{Files, Server, loopback, need_python},
    support::ask,
};

fn fails(outcome: &Outcome) -> (Kind, i32) {
    assert_eq!(outcome.verdict, Verdict::Fail, "{outcome:?}");
    (outcome.cause.kind, outcome.cause.code)
}

fn passes(port: u16, probe: impl Probe + 'static) {
    let outcome = ask(loopback(port), probe);
    assert_eq!(outcome.verdict, Verdict::Pass, "{outcome:?}");
}

pub(crate) fn redis_says_pong_to_whoever_has_the_password() {
    let Some(program) = lab::need("redis-server") else { return };
    let arguments = ["--port", "6379", "--bind", "127.0.0.1", "--save", "", "--requirepass", "s3cr3t"];
    let _redis = Server::start(&program, &arguments, Files::new(), loopback(6379));

    passes(6379, Redis::new().auth("", "s3cr3t"));
    passes(6379, Redis::new().auth("default", "s3cr3t"));
    let outcome = ask(loopback(6379), Redis::new());
    assert_eq!(fails(&outcome), (Kind::WrongStatus, 0));
    assert!(outcome.detail.unwrap().starts_with("NOAUTH"));
    let wrong = ask(loopback(6379), Redis::new().auth("", "guess"));
    assert!(wrong.detail.unwrap().starts_with("WRONGPASS"));
}

pub(crate) fn a_mail_server_greets_and_is_left_in_order() {
    let Some(python) = need_python("aiosmtpd") else { return };
    let arguments = ["-m", "aiosmtpd", "--nosetuid", "--listen", "127.0.0.1:2525"];
    let _server = Server::start(&python, &arguments, Files::new(), loopback(2525));

    passes(2525, Smtp::new("checker.example").unwrap());
}

pub(crate) fn a_name_server_answers_what_it_should() {
    let Some(_) = lab::need("dnsmasq") else { return };
    let _server = dnsmasq();
    let dns = |name: &str, record| Dns::new(name, record).unwrap();

    passes(5353, dns("www.example.com", RecordType::A));
    passes(5353, dns("www.example.com", RecordType::A).expect_address([192, 0, 2, 80].into()));
    passes(5353, dns("www.example.com", RecordType::A).over_tcp());
    passes(5353, dns("www.example.com", RecordType::Aaaa).or_no_record());
    // Too long for a datagram: asked again by TCP.
    passes(5353, dns("long.example.com", RecordType::Txt));

    let ask = |probe| ask(loopback(5353), probe);
    let other = dns("www.example.com", RecordType::A).expect_address([192, 0, 2, 81].into());
    assert_eq!(fails(&ask(other)), (Kind::WrongContent, 0));
    assert_eq!(fails(&ask(dns("www.example.com", RecordType::Aaaa))), (Kind::WrongContent, 0));
    let unknown = ask(dns("nowhere.example.com", RecordType::A).or_no_record());
    assert_eq!((fails(&unknown), unknown.detail.as_deref()), ((Kind::WrongStatus, 3), Some("NXDOMAIN")));
    let refused = ask(dns("example.org", RecordType::A).or_no_record());
    assert_eq!((fails(&refused), refused.detail.as_deref()), ((Kind::WrongStatus, 5), Some("REFUSED")));
}

fn dnsmasq() -> Server {
    let long = format!("--txt-record=long.example.com{}", format!(",{}", "x".repeat(250)).repeat(4));
    let arguments = [
        "--no-daemon",
        "--conf-file=/dev/null",
        "--pid-file=",
        "--port=5353",
        "--listen-address=127.0.0.1",
        "--bind-interfaces",
        "--no-resolv",
        "--no-hosts",
        "--local=/example.com/",
        "--host-record=www.example.com,192.0.2.80",
        &long,
    ];
    Server::start(&lab::need("dnsmasq").unwrap(), &arguments, Files::new(), loopback(5353))
}

pub(crate) fn a_grpc_server_says_how_its_services_are() {
    let Some(python) = need_python("grpc") else { return };
    let server = grpc(python);

    passes(50051, Grpc::new("localhost:50051"));
    passes(50051, Grpc::new("localhost:50051").service("shop.Cart"));
    let ask = |service: &str| ask(loopback(50051), Grpc::new("localhost:50051").service(service));
    assert_eq!(fails(&ask("shop.Stock")), (Kind::WrongContent, 2));
    let unknown = ask("shop.Nothing");
    assert_eq!(fails(&unknown), (Kind::WrongStatus, 5));
    assert!(unknown.detail.unwrap().starts_with("NOT_FOUND"));
    drop(server);

    // A program that knows no health service.
    let files = Files::new().write("server.py", GRPC_SERVER.replace("grpc.health.v1.Health", "shop.v1.Shop"));
    let python = need_python("grpc").unwrap();
    let _other = Server::start(&python, &["server.py"], files, loopback(50051));
    assert_eq!(fails(&ask("")), (Kind::WrongStatus, 12));
}

fn grpc(python: PathBuf) -> Server {
    let files = Files::new().write("server.py", GRPC_SERVER);
    Server::start(&python, &["server.py"], files, loopback(50051))
}

/// The health service by hand: messages of one field need no generated code.
const GRPC_SERVER: &str = r#"
import grpc
from concurrent import futures

SERVING = {b"": 1, b"\x0a\x09shop.Cart": 1, b"\x0a\x0ashop.Stock": 2}

def check(request, context):
    if request not in SERVING:
        context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
    return bytes([8, SERVING[request]])

server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
methods = {"Check": grpc.unary_unary_rpc_method_handler(check)}
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("grpc.health.v1.Health", methods),))
server.add_insecure_port("127.0.0.1:50051")
server.start()
server.wait_for_termination()
"#;
