//! A decoder that stands alone: prints each VRRP packet of an interface or of a capture file, or why a router would
//! discard it.
//!
//! `cargo run --example watch_advertisements -- eth0`, with `CAP_NET_RAW`, or `-- --read FILE.pcap`, with nothing.
//!
//! - `pcap`, `live`: where frames come from; `source`: either of them, until a signal;
//! - `link`, `ip`: what is around a packet, taken off;
//! - `keys`, `verdict`: what a router makes of it;
//! - `line`, `json`: the same for a person and for a program; `summary`: what remains of it.

mod ip;
mod json;
mod keys;
mod line;
mod link;
mod live;
mod pcap;
mod source;
mod summary;
mod verdict;

use std::{
    error::Error,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

use clap::{ArgGroup, Parser};
use failover_examples::termination_signals;
use vrrp_proto::{AhKey, HmacKey, Password};

pub(crate) use self::summary::Summary;
use self::{keys::Keys, live::Listen, source::Source, verdict::Sighting};

pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Prints each VRRP packet of an interface or of a capture file, or why a router would discard it.
///
/// The time is in seconds since the first packet. In brackets is the counter that a discarded packet belongs to, under
/// RFC 8347's name where it has one. A summary is written to standard error at the end of the file, and on Ctrl-C.
#[derive(Debug, Parser)]
#[command(name = "watch_advertisements", group(ArgGroup::new("from").required(true).args(["interface", "read"])))]
pub(crate) struct Args {
    /// Listen on this interface.
    interface: Option<String>,
    /// Read a capture file (pcap) instead; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    read: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
    /// Stop after so many VRRP packets.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Listen to frames for other hosts too: unicast VRRP at a mirror port.
    #[arg(long, requires = "interface")]
    promiscuous: bool,
    /// Check simple text authentication against this password of 1 to 8 bytes.
    #[arg(long, value_name = "WORD", value_parser = |word: &str| Password::new(word))]
    password: Option<Password>,
    /// Check Authentication Headers with this key of 1 to 8 bytes.
    #[arg(long, value_name = "WORD", value_parser = |word: &str| AhKey::new(word))]
    ah_key: Option<AhKey>,
    /// Check keepalived's auth_hmac with this key of 32 to 64 bytes and its number, 1 to 255; may be repeated.
    #[arg(long, value_name = "ID:HEX", value_parser = keys::parse_hmac_key)]
    hmac_key: Vec<HmacKey>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let mut summary = Summary::default();
    let outcome = open(&args).and_then(|mut source| {
        let ending = watch(&mut source, &args, &mut io::stdout().lock(), &mut summary);
        if !matches!(ending, Ok(Ending::ReaderGone)) {
            // Without anybody to read it, there is nobody to complain to either.
            let _ = write!(io::stderr(), "{summary}");
        }
        ending
    });
    match outcome {
        Ok(Ending::Done | Ending::ReaderGone) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Why a watch has ended, if nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// The file is at its end, the packets asked for have been seen, or a signal came.
    Done,
    /// Whoever read the output has gone (`| head`).
    ReaderGone,
}

/// Opens what is to be watched.
pub(crate) fn open(args: &Args) -> Result<Source> {
    let signals = termination_signals()?;
    let listen = if args.promiscuous { Listen::ToAll } else { Listen::ToHostAndGroups };
    match (&args.interface, &args.read) {
        (Some(interface), _) => Source::live(interface, listen, signals),
        (None, Some(path)) => Source::file(path, signals),
        (None, None) => Err("an interface or --read FILE is needed".into()),
    }
}

/// Prints what there is to see, until there is no more.
pub(crate) fn watch(
    source: &mut Source,
    args: &Args,
    out: &mut dyn Write,
    summary: &mut Summary,
) -> Result<Ending> {
    let mut keys = Keys::new(args.password, args.ah_key.as_ref(), &args.hmac_key);
    let mut first = None;
    while args.count.is_none_or(|count| summary.seen() < count) {
        let Some(frame) = source.next()? else { break };
        let Some(found) = ip::find(&frame) else { continue };
        let sighting = Sighting::of(found, frame.at, &mut keys);
        let first = *first.get_or_insert(sighting.at);
        summary.add(&sighting);
        let mut line = if args.json { json::line(&sighting)? } else { line::line(&sighting, first) };
        line.push('\n');
        match out.write_all(line.as_bytes()).and_then(|()| out.flush()) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(Ending::ReaderGone),
            Err(error) => return Err(format!("cannot write: {error}").into()),
        }
    }
    Ok(Ending::Done)
}
