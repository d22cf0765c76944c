//! Mails, as keepalived words them.
//!
//! Each is sent by a process of its own, this program again: a name that takes long to resolve and a server that never answers
//! hold up the next mail and nothing else.

use std::{
    error::Error,
    io::{self, Read},
    time::Duration,
};

use failover_examples::keepalived_conf::model::{self, Command};
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Mailbox, header::ContentType},
    transport::smtp::extension::ClientId,
};
use serde::{Deserialize, Serialize};

use crate::commands::Run;

/// What the process that sends it is told.
#[derive(Debug, Serialize, Deserialize)]
struct Job {
    from: String,
    to: Vec<String>,
    server: String,
    port: u16,
    helo_name: String,
    timeout_ms: u64,
    subject: String,
    body: String,
}

/// Makes a mail of it, if there is somebody to send it to.
pub(crate) fn compose(mail: &model::Mail, router_id: &str, subject: &str, body: &str) -> Option<Run> {
    let (server, port) = mail.server.clone()?;
    if mail.to.is_empty() {
        return None;
    }
    let job = Job {
        from: mail.from.clone(),
        to: mail.to.clone(),
        server,
        port,
        helo_name: mail.helo_name.clone(),
        timeout_ms: mail.timeout.as_millis().try_into().unwrap_or(u64::MAX),
        subject: format!("[{router_id}] {subject}"),
        body: format!("{body}\n"),
    };
    let command = Command { program: OURSELVES.into(), args: vec!["mail".into()], user: None };
    Some(Run { command, input: Some(serde_json::to_vec(&job).ok()?) })
}

/// Sends the mail that standard input describes.
pub(crate) fn send_from_stdin() -> Result<(), Box<dyn Error>> {
    let mut input = Vec::new();
    io::stdin().take(LONGEST).read_to_end(&mut input)?;
    let job: Job = serde_json::from_slice(&input)?;
    let mut message = Message::builder().from(mailbox(&job.from)?).subject(&job.subject);
    for to in &job.to {
        message = message.to(mailbox(to)?);
    }
    let message = message.header(ContentType::TEXT_PLAIN).body(job.body)?;
    SmtpTransport::builder_dangerous(&job.server)
        .port(job.port)
        .hello_name(ClientId::Domain(job.helo_name))
        .timeout(Some(Duration::from_millis(job.timeout_ms)))
        .build()
        .send(&message)
        .map_err(|error| format!("mail \"{}\" to {}:{}: {error}", job.subject, job.server, job.port))?;
    Ok(())
}

fn mailbox(text: &str) -> Result<Mailbox, String> {
    text.parse().map_err(|error| format!("{text} is no mail address: {error}"))
}

/// This program as it runs, not what may have taken its place on the disk: an upgrade does not wait for the last mail.
const OURSELVES: &str = "/proc/self/exe";
const LONGEST: u64 = 1 << 20;
