//! Pages of a real web server, plain and over TLS.

use std::path::Path;

use healthcheck::{
    Digest, Expect, Http, HttpBuilder, InTurn, Kind, Layer, Method, Outcome, Probe, Rounds, Tls, TlsConfig,
    Verdict,
};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};

use crate::{
    server::{Files, Server, loopback},
    support::ask,
};

const PAGE: &str = "<html><title>Shop</title><p>All is well.</p></html>\n";

fn http(path: &str) -> HttpBuilder {
    Http::builder("shop.example").path(path)
}

fn outcome(port: u16, probe: impl Probe + 'static) -> Outcome {
    ask(loopback(port), probe)
}

fn page(page: HttpBuilder) -> Outcome {
    outcome(8080, page.build().unwrap())
}

fn wrong(outcome: &Outcome) -> (Layer, Kind, i32) {
    assert_eq!(outcome.verdict, Verdict::Fail, "{outcome:?}");
    (outcome.cause.layer, outcome.cause.kind, outcome.cause.code)
}

fn nginx(program: &Path, files: Files) -> Server {
    let files = files.write("nginx.conf", CONFIGURATION).write("page.html", PAGE);
    let files = files.write("parts.html", "<!--# include virtual=\"/page.html\" --><p>And more.</p>\n");
    let files = files.write("large.bin", vec![b'x'; 300_000]);
    Server::start(program, &["-p", ".", "-c", "nginx.conf"], files, loopback(8080))
}

pub(crate) fn pages_pass_as_they_should_be() {
    let Some(program) = lab::need("nginx") else { return };
    let _server = nginx(&program, certificates(&Authority::new("Test")));

    let passing = [
        http("/page.html"),
        http("/page.html").method(Method::Head),
        http("/page.html").http_1_0(),
        http("/page.html").expect_body(Expect::contains(b"All is well")),
        http("/page.html").expect_header("Content-Type", Expect::starts_with(b"text/html")),
        http("/page.html").digest(md5(PAGE)),
        // Put together by the server, so in chunks.
        http("/parts.html").expect_header("Transfer-Encoding", Expect::starts_with(b"chunked")),
        http("/parts.html").expect_body(Expect::contains(b"And more")),
        http("/parts.html").digest(md5(&format!("{PAGE}<p>And more.</p>\n"))),
        http("/moved").statuses([301..=301]),
        http("/large.bin").body_limit(300_000).digest(md5(&"x".repeat(300_000))),
        Http::builder("other.example").path("/").expect_body(Expect::starts_with(b"other")),
    ];
    for builder in passing {
        let outcome = page(builder.clone());
        assert_eq!(outcome.verdict, Verdict::Pass, "{builder:?}: {outcome:?}");
    }
    assert_eq!(page(http("/leaving").draining([503..=503])).verdict, Verdict::Drain);

    let application = |kind, code| (Layer::Application, kind, code);
    assert_eq!(wrong(&page(http("/nothing"))), application(Kind::WrongStatus, 404));
    assert_eq!(wrong(&page(http("/leaving"))), application(Kind::WrongStatus, 503));
    assert_eq!(wrong(&page(http("/moved"))), application(Kind::WrongStatus, 301));
    let other = page(http("/page.html").digest(md5("something else")));
    assert_eq!(wrong(&other), application(Kind::WrongContent, 200));
    let other = page(http("/page.html").expect_body(Expect::contains(b"All is lost")));
    assert_eq!(wrong(&other), application(Kind::WrongContent, 200));

    let pages = |second: &str| {
        let pages = ["/page.html", second].map(|path| http(path).build().unwrap());
        outcome(8080, InTurn::new(pages, Rounds::EveryRun))
    };
    assert_eq!(pages("/parts.html").verdict, Verdict::Pass);
    assert_eq!(wrong(&pages("/nothing")), application(Kind::WrongStatus, 404));
}

pub(crate) fn the_certificate_of_a_server_decides() {
    let Some(program) = lab::need("nginx") else { return };
    let authority = Authority::new("Test");
    let _server = nginx(&program, certificates(&authority));
    let trusted = TlsConfig::builder(authority.pem.as_bytes()).build().unwrap();
    let over_tls = |config: &TlsConfig, port| {
        let page = http("/page.html").expect_body(Expect::contains(b"All is well")).build().unwrap();
        outcome(port, Tls::new(config, "shop.example", page).unwrap())
    };

    let passed = over_tls(&trusted, 8443);
    assert_eq!(passed.verdict, Verdict::Pass, "{passed:?}");
    assert!(passed.certificate_ends.is_some());

    let strangers = TlsConfig::builder(Authority::new("Strangers").pem.as_bytes()).build().unwrap();
    let anybody = TlsConfig::danger_without_verification().build().unwrap();
    // Expired, another's name, an unknown issuer.
    for (config, port, problem) in
        [(&trusted, 8444, "expired"), (&trusted, 8445, "name"), (&strangers, 8443, "UnknownIssuer")]
    {
        let refused = over_tls(config, port);
        assert_eq!(wrong(&refused), (Layer::Tls, Kind::Certificate, 0));
        assert!(refused.detail.as_deref().unwrap().contains(problem), "{refused:?}");
        assert_eq!(over_tls(&anybody, port).verdict, Verdict::Pass);
    }

    // A server that wants to know who asks.
    let (certificate, key) = authority.certificate("checker.example", 2050);
    let known = TlsConfig::builder(authority.pem.as_bytes());
    let known = known.client_certificate(certificate.as_bytes(), key.as_bytes()).build().unwrap();
    assert_eq!(over_tls(&known, 8446).verdict, Verdict::Pass);
    assert_eq!(wrong(&over_tls(&trusted, 8446)), (Layer::Application, Kind::WrongStatus, 400));

    // TLS where there is none, and none where there is.
    assert_eq!(wrong(&over_tls(&trusted, 8080)), (Layer::Tls, Kind::Malformed, 0));
    let plain = outcome(8443, http("/page.html").build().unwrap());
    assert_eq!(wrong(&plain), (Layer::Application, Kind::WrongStatus, 400));

    let several = ["/page.html", "/parts.html"].map(|path| http(path).build().unwrap());
    let several = Tls::new(&trusted, "shop.example", InTurn::new(several, Rounds::EveryRun)).unwrap();
    assert_eq!(outcome(8443, several).verdict, Verdict::Pass);
}

fn md5(text: &str) -> Digest {
    use md5::{Digest as _, Md5};
    let digest: String = Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    digest.parse().unwrap()
}

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// A certificate and its key.
    fn certificate(&self, name: &str, last_year: i32) -> (String, String) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(last_year, 1, 1));
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// Those that the server shows.
fn certificates(authority: &Authority) -> Files {
    let mut files = Files::new().write("authority.pem", &authority.pem);
    for (file, name, last_year) in
        [("good", "shop.example", 2050), ("expired", "shop.example", 2020), ("other", "other.example", 2050)]
    {
        let (certificate, key) = authority.certificate(name, last_year);
        files = files.write(&format!("{file}.pem"), certificate).write(&format!("{file}.key"), key);
    }
    files
}

const CONFIGURATION: &str = r#"
daemon off;
user root;
master_process off;
error_log stderr;
pid nginx.pid;
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    types { text/html html; }
    root .;
    ssl_certificate good.pem;
    ssl_certificate_key good.key;
    server {
        listen 127.0.0.1:8080;
        listen 127.0.0.1:8443 ssl;
        server_name shop.example;
        location /parts.html { ssi on; }
        location /moved { return 301 /page.html; }
        location /leaving { return 503; }
    }
    server {
        listen 127.0.0.1:8080;
        server_name other.example;
        return 200 "other";
    }
    server { listen 127.0.0.1:8444 ssl; ssl_certificate expired.pem; ssl_certificate_key expired.key; }
    server { listen 127.0.0.1:8445 ssl; ssl_certificate other.pem; ssl_certificate_key other.key; }
    server { listen 127.0.0.1:8446 ssl; ssl_client_certificate authority.pem; ssl_verify_client on; }
}
"#;
