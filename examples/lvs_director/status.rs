//! `lvs_director status`: asks a running director, and prints what it says for people.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value;

/// Prints how things are, once or every second.
pub(crate) fn show(socket: &Path, watch: bool, is_json: bool) -> Result<(), Box<dyn Error>> {
    loop {
        let answer = ask(socket)?;
        let text = if is_json { format!("{answer}\n") } else { describe(&answer) };
        let mut out = io::stdout().lock();
        if watch && !is_json {
            out.write_all(CLEAR)?;
        }
        match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            // Whoever read it has enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(()),
            result => result?,
        }
        if !watch {
            return Ok(());
        }
        drop(out);
        thread::sleep(Duration::from_secs(1));
    }
}

fn ask(socket: &Path) -> Result<Value, Box<dyn Error>> {
    let hint = "is it running, with --status on this path?";
    let mut stream = UnixStream::connect(socket)
        .map_err(|error| format!("no director answers at {}: {error}; {hint}", socket.display()))?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(serde_json::from_str(&text)?)
}

fn describe(answer: &Value) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = describe_instances(&mut text, answer).and_then(|()| describe_servers(&mut text, answer));
    text
}

fn describe_instances(text: &mut String, answer: &Value) -> std::fmt::Result {
    let instances = list(answer, "instances");
    if !instances.is_empty() {
        writeln!(
            text,
            "{:<20} {:<10} {:>4} {:<10} {:>8}  {:<24} {:<10}",
            "INSTANCE", "INTERFACE", "VRID", "STATE", "PRIORITY", "MASTER", "FOR"
        )?;
    }
    for instance in instances {
        let is_master = string(instance, "state") == "master";
        let master = if is_master { "this host" } else { string(instance, "last-adv-source") };
        let since = instance.get("since").and_then(Value::as_f64).unwrap_or_default();
        writeln!(
            text,
            "{:<20} {:<10} {:>4} {:<10} {:>8}  {:<24} {:<10}",
            string(instance, "name"),
            string(instance, "interface"),
            number(instance, "vrid"),
            string(instance, "state"),
            number(instance, "effective-priority"),
            master,
            age(since),
        )?;
        let faults: Vec<_> = list(instance, "faults").iter().filter_map(Value::as_str).collect();
        if !faults.is_empty() {
            writeln!(text, "  fault: {}", faults.join(", "))?;
        }
    }
    for group in list(answer, "groups") {
        writeln!(text, "group {}: {}", string(group, "name"), string(group, "state"))?;
    }
    for script in list(answer, "scripts") {
        writeln!(text, "script {}: {}", string(script, "name"), string(script, "health"))?;
    }
    Ok(())
}

fn describe_servers(text: &mut String, answer: &Value) -> std::fmt::Result {
    for server in list(answer, "virtual_servers") {
        let quorum = format!("weight {} of {} needed", number(server, "weight"), number(server, "needed"));
        write!(text, "\n{}: {}, {quorum}", string(server, "name"), string(server, "mode"))?;
        let is = |key: &str| server.get(key).and_then(Value::as_bool).unwrap_or_default();
        if is("suspended") {
            write!(text, ", checks suspended")?;
        }
        writeln!(text, "{}", if is("in_order") { "" } else { ", NOT AS IT SHOULD BE IN THE KERNEL" })?;
        for real in list(server, "real_servers") {
            let weight =
                real.get("weight").filter(|weight| !weight.is_null()).map_or("-".into(), ToString::to_string);
            writeln!(
                text,
                "  {:<28} {:<10} weight {weight}",
                string(real, "address"),
                string(real, "health")
            )?;
            for check in list(real, "checks") {
                let last = check.get("last").filter(|last| !last.is_null());
                let last = last.map_or("not run yet".to_owned(), |last| string(last, "cause").to_owned());
                writeln!(text, "    {:<12} {:<10} {last}", string(check, "kind"), string(check, "health"))?;
            }
        }
        if let Some(sorry) = server.get("sorry_server").filter(|sorry| !sorry.is_null()) {
            let serves = sorry.get("serves").and_then(Value::as_bool).unwrap_or_default();
            writeln!(
                text,
                "  {:<28} {}",
                string(sorry, "address"),
                if serves { "sorry server: serves" } else { "sorry server" }
            )?;
        }
    }
    Ok(())
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn string<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or("-")
}

fn number(value: &Value, key: &str) -> u64 {
    value.get(key).and_then(Value::as_u64).unwrap_or_default()
}

fn age(since: f64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let seconds = (now - since).max(0.0) as u64;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// To the upper left, and nothing below.
const CLEAR: &[u8] = b"\x1b[H\x1b[J";
