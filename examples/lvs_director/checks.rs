//! The checkers of real servers, in healthcheck's words.

use std::{
    error::Error,
    io::{self, Read},
    path::Path,
    sync::Arc,
};

use failover_examples::{
    keepalived_conf::model::{self, CheckKind, HttpCheck, HttpUrl},
    open_regular,
};
use healthcheck::{
    Check, Dns, Echo, Endpoint, ExitMap, Expect, Found, Http, InTurn, Policy, Rounds, Script, Smtp, Tcp, Tls,
    TlsConfig, Udp,
};

/// Says what is asked, and when.
pub(crate) fn build(model: &model::Check) -> Result<(Check, Arc<Policy>), Box<dyn Error>> {
    let policy = Arc::new(model.timing.policy()?);
    let endpoint = endpoint(model);
    let check = match &model.kind {
        CheckKind::Tcp => Check::new(endpoint, Tcp::connect()),
        CheckKind::Http(http) => http_check(endpoint, http)?,
        CheckKind::Smtp { helo_name } => Check::new(endpoint, Smtp::new(helo_name)?),
        CheckKind::Dns { record, name } => Check::new(endpoint, Dns::new(name, *record)?),
        CheckKind::Misc { command, dynamic } => {
            let exit_map = if *dynamic { ExitMap::Keepalived } else { ExitMap::Plain };
            let mut script = Script::new(&command.program, exit_map).args(&command.args);
            if let Some(user) = command.user {
                script = script.user(user.uid, user.gid);
            }
            Check::script(script)
        }
        CheckKind::Udp { payload, reply, reply_length } => {
            let mut udp = Udp::new(payload.clone());
            if let Some(reply) = reply {
                udp = udp.expect(Expect::starts_with(reply));
                if *reply_length.start() > 0 {
                    udp = udp.expect(Expect::at_least(u32::from(*reply_length.start())));
                }
            }
            Check::new(endpoint, udp)
        }
        CheckKind::Ping => Check::new(endpoint, Echo::new()),
        // It does not run: what is in the file is reported.
        CheckKind::File { .. } => Check::alarm(),
    };
    Ok((check, policy))
}

fn endpoint(model: &model::Check) -> Endpoint {
    let mut endpoint = Endpoint::new(model.address);
    if let Some(source) = model.source {
        endpoint = endpoint.source(source.ip());
    }
    if let Some(interface) = &model.interface {
        endpoint = endpoint.interface(interface);
    }
    if let Some(mark) = model.mark {
        endpoint = endpoint.mark(mark);
    }
    endpoint
}

fn http_check(endpoint: Endpoint, model: &HttpCheck) -> Result<Check, Box<dyn Error>> {
    let urls = model.urls.iter().map(|url| http(model, url)).collect::<Result<Vec<_>, _>>()?;
    let rounds = if model.fast_recovery { Rounds::EveryRun } else { Rounds::OneEachRun };
    let Some(tls) = &model.tls else {
        return Ok(Check::new(endpoint, InTurn::new(urls, rounds)));
    };
    // keepalived verifies nobody.
    let mut config = TlsConfig::danger_without_verification();
    if let Some((certificate, key)) = &tls.client {
        config = config.client_certificate(&read(certificate)?, &read(key)?);
    }
    if tls.sni.is_none() {
        config = config.without_sni();
    }
    let config = config.build()?;
    let address = endpoint.address().ip().to_string();
    let name = tls.sni.as_deref().unwrap_or(&address);
    let urls = urls.into_iter().map(|url| Tls::new(&config, name, url)).collect::<Result<Vec<_>, _>>()?;
    Ok(Check::new(endpoint, InTurn::new(urls, rounds)))
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn http(check: &HttpCheck, url: &HttpUrl) -> Result<Http, Box<dyn Error>> {
    let mut http = Http::builder(&url.host).path(&url.path).header("User-Agent", "KeepAliveClient");
    if check.http_1_0 {
        http = http.http_1_0();
    }
    if !url.statuses.is_empty() {
        http = http.statuses(url.statuses.iter().cloned());
    }
    if let Some(digest) = &url.digest {
        http = http.digest(digest.clone());
    }
    for (pattern, must_not) in &url.regexes {
        http = http.regex(pattern, if *must_not { Found::Nowhere } else { Found::Somewhere })?;
    }
    Ok(http.build()?)
}
