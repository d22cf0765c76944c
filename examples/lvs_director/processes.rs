//! Processes that have to be there (`vrrp_track_process`), looked for once a second.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    time::{Duration, Instant},
};

use failover_examples::keepalived_conf::model::{ParamMatch, WatchedProcess};

/// Counts the processes that match.
#[derive(Debug)]
pub(crate) struct Processes {
    watched: Vec<Watched>,
    look_at: Instant,
}

#[derive(Debug)]
struct Watched {
    model: WatchedProcess,
    /// What was told, if anything.
    is_up: Option<bool>,
    /// What it is to be told as, and when.
    pending: Option<(bool, Instant)>,
}

impl Processes {
    pub(crate) fn new(now: Instant) -> Self {
        Self { watched: Vec::new(), look_at: now }
    }

    /// Makes these the ones that matter. One that is the same as before stays what it was.
    pub(crate) fn watch(&mut self, models: &[WatchedProcess], now: Instant) {
        let mut former = std::mem::take(&mut self.watched);
        for model in models {
            let place = former.iter().position(|watched| watched.model == *model);
            let watched = place.map(|place| former.swap_remove(place));
            self.watched.push(watched.unwrap_or(Watched {
                model: model.clone(),
                is_up: None,
                pending: None,
            }));
        }
        self.look_at = now;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.watched.is_empty()).then_some(self.look_at)
    }

    /// Returns who has changed, by name.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<(String, bool)> {
        if self.watched.is_empty() || now < self.look_at {
            return Vec::new();
        }
        self.look_at = now + LOOK;
        let counts = count(&self.watched);
        self.watched.iter_mut().zip(counts).filter_map(|(watched, count)| watched.note(count, now)).collect()
    }
}

impl Watched {
    fn note(&mut self, count: u32, now: Instant) -> Option<(String, bool)> {
        let is_up = count >= self.model.quorum && self.model.quorum_max.is_none_or(|most| count <= most);
        if self.is_up == Some(is_up) {
            self.pending = None;
            return None;
        }
        let delay = if is_up { self.model.fork_delay } else { self.model.terminate_delay };
        let delay = if self.is_up.is_none() { Duration::ZERO } else { delay };
        let (_, at) = *self.pending.get_or_insert((is_up, now + delay));
        if now < at {
            return None;
        }
        (self.is_up, self.pending) = (Some(is_up), None);
        Some((self.model.name.clone(), is_up))
    }
}

fn count(watched: &[Watched]) -> Vec<u32> {
    let mut counts = vec![0; watched.len()];
    let Ok(processes) = fs::read_dir("/proc") else { return counts };
    for process in processes.flatten() {
        let name = process.file_name();
        if !name.as_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        let path = process.path();
        // It may have ended by now.
        let (Ok(comm), Ok(line)) = (fs::read(path.join("comm")), fs::read(path.join("cmdline"))) else {
            continue;
        };
        let words: Vec<&[u8]> = line.strip_suffix(b"\0").unwrap_or(&line).split(|byte| *byte == 0).collect();
        for (watched, count) in watched.iter().zip(&mut counts) {
            *count += u32::from(matches(&watched.model, comm.trim_ascii_end(), &words));
        }
    }
    counts
}

fn matches(model: &WatchedProcess, comm: &[u8], words: &[&[u8]]) -> bool {
    let Some((program, args)) = model.command.split_first() else { return false };
    let (Some(first), rest) = (words.first(), words.get(1..).unwrap_or_default()) else { return false };
    let base = Path::new(OsStr::from_bytes(first)).file_name().map(OsStr::as_bytes);
    let is_program = *first == program.as_bytes() || base == Some(program.as_bytes());
    let wanted: Vec<&[u8]> = args.iter().map(String::as_bytes).collect();
    match (model.params, model.full_command) {
        (None, false) => is_program || comm == program.as_bytes().get(..COMM).unwrap_or(program.as_bytes()),
        (None, true) | (Some(ParamMatch::Exact), _) => is_program && rest == wanted,
        (Some(ParamMatch::Initial), _) => is_program && rest.starts_with(&wanted),
        (Some(ParamMatch::Partial), _) => {
            let (last, before) = match wanted.split_last() {
                Some((last, before)) => (*last, before),
                None => return is_program,
            };
            is_program
                && rest.starts_with(before)
                && rest.get(before.len()).is_some_and(|word| word.starts_with(last))
        }
    }
}

/// What the kernel keeps of a process's name (`TASK_COMM_LEN`).
const COMM: usize = 15;
const LOOK: Duration = Duration::from_secs(1);
