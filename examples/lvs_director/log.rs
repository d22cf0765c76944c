//! The log, on standard error: for people, or a JSON object a line.
//!
//! It is no more than this, because a subscriber of `tracing` would be a third of this program's memory.

use std::{
    fmt::Display,
    io::{self, Write},
    sync::atomic::{AtomicBool, Ordering},
    time::SystemTime,
};

use clap::ValueEnum;
use failover_examples::keepalived_conf::Diagnostic;
use serde_json::json;

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

static IS_JSON: AtomicBool = AtomicBool::new(false);

pub(crate) fn set_format(format: Format) {
    IS_JSON.store(format == Format::Json, Ordering::Relaxed);
}

/// Says something of somebody: an instance, a server, a script.
pub(crate) fn info(subject: &str, text: impl Display) {
    write("info", subject, &text);
}

/// Says that something is not as it should be, and that the director goes on.
pub(crate) fn warn(subject: &str, text: impl Display) {
    write("warning", subject, &text);
}

/// Says that something was not done.
pub(crate) fn error(subject: &str, text: impl Display) {
    write("error", subject, &text);
}

/// Says something of the configuration.
pub(crate) fn diagnostic(diagnostic: &Diagnostic) {
    if IS_JSON.load(Ordering::Relaxed) {
        let mut line = serde_json::to_string(&json!({ "configuration": diagnostic })).unwrap_or_default();
        line.push('\n');
        put(&line);
    } else {
        put(&format!("{diagnostic}\n"));
    }
}

fn write(level: &str, subject: &str, text: &dyn Display) {
    if IS_JSON.load(Ordering::Relaxed) {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let line = json!({ "time": time, "level": level, "subject": subject, "text": text.to_string() });
        put(&format!("{line}\n"));
    } else if level == "info" {
        put(&format!("{subject}: {text}\n"));
    } else {
        put(&format!("{level}: {subject}: {text}\n"));
    }
}

/// One write a line, so that lines stay whole. Where nobody takes them, there is nobody to tell.
fn put(line: &str) {
    let _ = io::stderr().write_all(line.as_bytes());
}
