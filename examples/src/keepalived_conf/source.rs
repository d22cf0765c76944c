//! From files to plain lines: comments, includes, conditions, definitions and repetitions are worked off here.

use std::{
    cell::Cell,
    collections::BTreeMap,
    env, fs,
    io::Read,
    path::{Path, PathBuf},
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};

use super::{Diagnostic, Environment, Severity};
use crate::open_regular;

/// The lines of a configuration, and what was wrong on the way.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) lines: Vec<Line>,
    pub(super) files: Vec<PathBuf>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// A line with something on it.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) file: Rc<str>,
    pub(super) number: usize,
    pub(super) text: String,
}

/// What is known while lines are read.
struct Reader<'e> {
    source: Source,
    environment: &'e Environment,
    definitions: BTreeMap<String, String>,
    /// A definition or a repetition that goes on in the next line.
    open: Option<Open>,
    file: Rc<str>,
    directory: PathBuf,
    number: usize,
    depth: usize,
    seed: Cell<u64>,
    is_full: bool,
}

struct Open {
    name: String,
    text: String,
}

impl Source {
    pub(super) fn of_file(path: &Path, environment: &Environment) -> Self {
        let mut reader = Reader::new(environment);
        reader.file = path.display().to_string().into();
        match fs::read(path) {
            Ok(bytes) => reader.read_file(path, &bytes),
            Err(error) => reader.error(0, "", format!("cannot be read: {error}")),
        }
        reader.finish()
    }

    pub(super) fn of_text(name: &str, text: &[u8], environment: &Environment) -> Self {
        let mut reader = Reader::new(environment);
        reader.read_file(Path::new(name), text);
        reader.finish()
    }
}

impl<'e> Reader<'e> {
    fn new(environment: &'e Environment) -> Self {
        Self {
            source: Source { lines: Vec::new(), files: Vec::new(), diagnostics: Vec::new() },
            environment,
            definitions: BTreeMap::new(),
            open: None,
            file: "".into(),
            directory: PathBuf::new(),
            number: 0,
            depth: 0,
            seed: Cell::new(
                SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |it| it.as_nanos() as u64) | 1,
            ),
            is_full: false,
        }
    }

    fn finish(mut self) -> Source {
        if let Some(open) = self.open.take() {
            let message =
                format!("the definition of {} is not complete: its last line ends with \\", open.name);
            self.error(0, "", message);
        }
        self.source
    }

    fn read_file(&mut self, path: &Path, bytes: &[u8]) {
        self.source.files.push(path.to_owned());
        let directory = path.parent().map(Path::to_path_buf).unwrap_or_default();
        let former = (
            std::mem::replace(&mut self.file, path.display().to_string().into()),
            std::mem::replace(&mut self.directory, directory),
            std::mem::replace(&mut self.number, 0),
        );
        self.source
            .lines
            .reserve(bytes.iter().filter(|byte| **byte == b'\n').count().min(self.environment.most_lines));
        for line in bytes.split(|byte| *byte == b'\n') {
            self.number += 1;
            let text = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line));
            if let Some(at) = text.find('\0') {
                self.error(at, &text, "a NUL byte is no text".into());
                continue;
            }
            self.take_raw(&text);
            if self.is_full {
                break;
            }
        }
        (self.file, self.directory, self.number) = former;
    }

    /// Takes a line as it is in the file.
    fn take_raw(&mut self, text: &str) {
        let text = strip_comment(text);
        if let Some(mut open) = self.open.take() {
            let (line, goes_on) = continuation(text);
            if !open.text.is_empty() {
                open.text.push('\n');
            }
            open.text.push_str(line.trim());
            if goes_on {
                self.open = Some(open);
            } else {
                self.definitions.insert(open.name, open.text);
            }
            return;
        }
        self.take(text.trim_end(), 0);
    }

    /// Takes a line without comments.
    fn take(&mut self, text: &str, depth: usize) {
        let trimmed = text.trim_start();
        if trimmed.is_empty() || self.is_full {
            return;
        }
        if depth > DEEPEST {
            return self.error(
                0,
                text,
                format!("definitions are nested more than {DEEPEST} deep: does one contain itself?"),
            );
        }
        match trimmed.as_bytes().first() {
            Some(b'@') => self.condition(trimmed, depth),
            Some(b'$') if self.define(trimmed) => {}
            Some(b'~') => self.repeat(trimmed, depth),
            _ if is_include(trimmed) => self.include(trimmed),
            _ => self.put(text, depth),
        }
    }

    /// `@id rest` and `@^id rest`.
    fn condition(&mut self, text: &str, depth: usize) {
        let (id, rest) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        let id = id.trim_start_matches('@');
        let is_meant = match id.strip_prefix('^') {
            Some(id) => id != self.environment.config_id,
            None => id == self.environment.config_id,
        };
        if is_meant {
            self.take(rest, depth + 1);
        }
    }

    /// `$NAME=value`; returns whether it is one.
    fn define(&mut self, text: &str) -> bool {
        let Some((name, value)) = text.get(1..).and_then(|rest| rest.split_once('=')) else { return false };
        let name = name.trim_end();
        if name.is_empty() || !name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_') {
            return false;
        }
        let (value, goes_on) = continuation(value);
        let value = value.trim().to_owned();
        if goes_on {
            self.open = Some(Open { name: name.to_owned(), text: value });
        } else {
            self.definitions.insert(name.to_owned(), value);
        }
        true
    }

    /// `~SEQ(var, start, step, end) rest`, `~SEQx`, `~LST(var, a, b) rest`.
    fn repeat(&mut self, text: &str, depth: usize) {
        let Some((head, rest)) =
            text.find(')').and_then(|end| Some((text.get(1..end)?, text.get(end + 1..)?)))
        else {
            return self.error(
                0,
                text,
                "~ begins ~SEQ(variable, start, end) or ~LST(variable, values...)".into(),
            );
        };
        let Some((kind, arguments)) = head.split_once('(') else {
            return self.error(0, text, "~SEQ and ~LST have their arguments in parentheses".into());
        };
        match rounds(kind.trim(), arguments) {
            Ok(rounds) => {
                for round in rounds {
                    for (name, value) in round {
                        self.definitions.insert(name, value);
                    }
                    self.take(rest, depth + 1);
                    if self.is_full {
                        break;
                    }
                }
            }
            Err(message) => self.error(0, text, message),
        }
    }

    /// Takes other files in the place of a line.
    fn include(&mut self, text: &str) {
        let (keyword, pattern) = text.split_at(text.find(char::is_whitespace).unwrap_or(text.len()));
        let pattern = pattern.trim().trim_matches('"');
        if !self.environment.may_look_around {
            return self.error(0, text, "files cannot be included here".into());
        }
        if self.depth >= DEEPEST {
            return self.error(
                0,
                text,
                format!("files are included more than {DEEPEST} deep: does one include itself?"),
            );
        }
        let (paths, must_match) =
            (find_files(&self.directory.join(pattern)), keyword != "include" && keyword != "includer");
        if paths.is_empty() && must_match {
            self.error(0, text, format!("there is no file {pattern}"));
        } else if paths.is_empty() {
            self.warn(0, text, format!("there is no file {pattern}: nothing is included"));
        }
        for path in paths {
            let mut bytes = Vec::new();
            match open_regular(&path).and_then(|mut file| file.read_to_end(&mut bytes)) {
                Ok(_) => {
                    self.depth += 1;
                    self.read_file(&path, &bytes);
                    self.depth -= 1;
                }
                Err(error) => self.error(0, text, format!("{} cannot be read: {error}", path.display())),
            }
        }
    }

    /// Puts definitions into a line, and keeps it. What has become several lines is taken as such.
    fn put(&mut self, text: &str, depth: usize) {
        if !text.contains('$') {
            return self.keep(text);
        }
        match self.substitute(text, 0) {
            Ok(text) if text.contains('\n') => {
                for line in text.split('\n') {
                    self.take(strip_comment(line), depth + 1);
                }
            }
            Ok(text) if is_include(text.trim_start()) || text.trim_start().starts_with(['~', '@']) => {
                self.take(&text, depth + 1);
            }
            Ok(text) => {
                let text = strip_comment(&text).trim_end().to_owned();
                self.keep(&text);
            }
            Err(message) => self.error(text.find('$').unwrap_or(0), text, message),
        }
    }

    fn keep(&mut self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        if self.source.lines.len() >= self.environment.most_lines {
            self.is_full = true;
            let most = self.environment.most_lines;
            return self.error(
                0,
                text,
                format!("there are more than {most} lines, with all that is repeated"),
            );
        }
        let (file, number) = (Rc::clone(&self.file), self.number);
        self.source.lines.push(Line { file, number, text: text.to_owned() });
    }

    fn substitute(&self, text: &str, depth: usize) -> Result<String, String> {
        if depth > DEEPEST {
            return Err(format!("definitions are nested more than {DEEPEST} deep: does one contain itself?"));
        }
        let (mut done, mut rest) = (String::new(), text);
        while let Some(at) = rest.find('$') {
            let (before, after) = rest.split_at(at);
            done.push_str(before);
            let after = after.get(1..).unwrap_or_default();
            let (name, left) = match after.strip_prefix('{').and_then(|braced| braced.split_once('}')) {
                Some((name, left)) => (name, left),
                None => {
                    let end = after
                        .find(|it: char| !(it.is_ascii_alphanumeric() || it == '_'))
                        .unwrap_or(after.len());
                    after.split_at(end)
                }
            };
            match self.value(name.trim())? {
                Some(value) => done.push_str(&self.substitute(&value, depth + 1)?),
                None => {
                    done.push('$');
                    done.push_str(after.get(..after.len() - left.len()).unwrap_or_default());
                }
            }
            if done.len() > LONGEST {
                return Err(format!("with its definitions the line is longer than {LONGEST} bytes"));
            }
            rest = left;
        }
        done.push_str(rest);
        Ok(done)
    }

    /// What a name stands for.
    fn value(&self, name: &str) -> Result<Option<String>, String> {
        let mut words = name.split_whitespace();
        let (word, arguments): (_, Vec<&str>) = (words.next().unwrap_or_default(), words.collect());
        Ok(match word {
            "_PWD" => Some(self.directory.display().to_string()),
            "_INSTANCE" => Some(self.environment.instance.clone().unwrap_or_default()),
            "_HASH" => Some("#".into()),
            "_BANG" => Some("!".into()),
            "_ENV" if self.environment.may_look_around => {
                let name = arguments.first().copied().unwrap_or_default();
                Some(env::var(name).map_err(|_| format!("the environment has no {name}"))?)
            }
            "_RANDOM" => Some(self.random(&arguments).to_string()),
            _ => self.definitions.get(word).cloned(),
        })
    }

    /// A number of a range, 0 to 32767 where none is given. (xorshift64: no secret depends on it.)
    fn random(&self, bounds: &[&str]) -> u64 {
        let mut seed = self.seed.get();
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        self.seed.set(seed);
        let bound =
            |place: usize, default| bounds.get(place).and_then(|text| text.parse().ok()).unwrap_or(default);
        let (low, high): (u64, u64) = (bound(0, 0), bound(1, 32_767));
        low + seed % high.saturating_sub(low).saturating_add(1).max(1)
    }

    fn error(&mut self, at: usize, text: &str, message: String) {
        self.say(Severity::Error, at, text, message);
    }

    fn warn(&mut self, at: usize, text: &str, message: String) {
        self.say(Severity::Warning, at, text, message);
    }

    fn say(&mut self, severity: Severity, at: usize, text: &str, message: String) {
        if self.source.diagnostics.len() >= MOST_DIAGNOSTICS {
            return;
        }
        let column = text.get(..at).unwrap_or_default().chars().count() + 1;
        self.source.diagnostics.push(Diagnostic {
            severity,
            file: self.file.to_string(),
            line: self.number.max(1),
            column,
            message,
            text: text.chars().take(200).collect(),
        });
    }
}

/// Cuts what follows `#` or `!`, outside of quotes and not behind a backslash.
fn strip_comment(text: &str) -> &str {
    let (mut in_quotes, mut is_escaped) = (false, false);
    for (at, one) in text.char_indices() {
        match one {
            '#' | '!' if !in_quotes && !is_escaped => return text.get(..at).unwrap_or_default(),
            '"' if !is_escaped => in_quotes = !in_quotes,
            _ => {}
        }
        is_escaped = one == '\\' && !is_escaped;
    }
    text
}

fn continuation(text: &str) -> (&str, bool) {
    let text = text.trim_end();
    match text.strip_suffix('\\') {
        Some(line) => (line, true),
        None => (text, false),
    }
}

fn is_include(text: &str) -> bool {
    let keyword = text.split(char::is_whitespace).next().unwrap_or_default();
    keyword.strip_prefix("include").is_some_and(|kind| matches!(kind, "" | "r" | "m" | "w" | "b" | "a"))
}

/// The values of each round of a repetition.
fn rounds(kind: &str, arguments: &str) -> Result<Vec<Vec<(String, String)>>, String> {
    let parts: Vec<&str> = arguments.split(',').map(str::trim).collect();
    match kind {
        "SEQ" | "SEQx" => {
            let number = |text: &&str| text.parse::<i64>().map_err(|_| format!("{text} is no number"));
            let (name, numbers) = parts.split_first().ok_or("~SEQ has no variable")?;
            let numbers = numbers.iter().map(number).collect::<Result<Vec<_>, _>>()?;
            let (start, step, end) = match numbers[..] {
                [start, end] => (start, if start <= end { 1 } else { -1 }, end),
                [start, step, end] => (start, step, end),
                _ => return Err("~SEQ takes a variable, a start, perhaps a step, and an end".into()),
            };
            sequence(kind, name, start, step, end)
        }
        "LST" => {
            let (name, values) = parts.split_first().ok_or("~LST has no variable")?;
            if name.starts_with('{') {
                return Ok(tuples(arguments));
            }
            Ok(values.iter().map(|value| vec![((*name).to_owned(), (*value).to_owned())]).collect())
        }
        other => Err(format!("~{other} is not known: ~SEQ, ~SEQx or ~LST")),
    }
}

fn sequence(
    kind: &str,
    name: &str,
    start: i64,
    step: i64,
    end: i64,
) -> Result<Vec<Vec<(String, String)>>, String> {
    if step == 0 || (step > 0) != (start <= end) && start != end {
        return Err(format!("~SEQ from {start} to {end} by {step} does not end"));
    }
    let mut rounds = Vec::new();
    let mut now = start;
    while if step > 0 { now <= end } else { now >= end } {
        let value = if kind == "SEQx" { format!("{now:x}") } else { now.to_string() };
        rounds.push(vec![(name.to_owned(), value)]);
        if rounds.len() > MOST_ROUNDS {
            return Err(format!("~SEQ has more than {MOST_ROUNDS} rounds"));
        }
        match now.checked_add(step) {
            Some(next) => now = next,
            None => break,
        }
    }
    Ok(rounds)
}

/// `{a, b}, {1, 2}, {3, 4}`: the names, then the values of each round.
fn tuples(arguments: &str) -> Vec<Vec<(String, String)>> {
    let mut lists = arguments.split('{').skip(1).map(|list| {
        let list = list.split('}').next().unwrap_or_default();
        list.split(',').map(|part| part.trim().to_owned()).collect::<Vec<_>>()
    });
    let names = lists.next().unwrap_or_default();
    lists.map(|values| names.iter().cloned().zip(values).collect()).collect()
}

/// The files a pattern names, in order: `*` and `?` in its last part, and braces.
fn find_files(pattern: &Path) -> Vec<PathBuf> {
    let Some(text) = pattern.to_str() else { return Vec::new() };
    let mut found = Vec::new();
    for pattern in braces(text, 0) {
        let path = Path::new(&pattern);
        let last = path.file_name().and_then(|last| last.to_str()).unwrap_or_default();
        if !last.contains(['*', '?']) {
            found.extend(path.is_file().then(|| path.to_owned()));
            continue;
        }
        let directory =
            path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries
            .filter(|entry| {
                entry.file_name().to_str().is_some_and(|name| glob(last.as_bytes(), name.as_bytes()))
            })
            .map(|entry| entry.path())
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        found.extend(paths);
    }
    found
}

fn braces(text: &str, depth: usize) -> Vec<String> {
    let parts = text.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)));
    match parts {
        Some((before, (choices, after))) if depth < 4 => choices
            .split(',')
            .flat_map(|choice| braces(&format!("{before}{choice}{after}"), depth + 1))
            .collect(),
        _ => vec![text.to_owned()],
    }
}

fn glob(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        // A hidden file is not meant by a star.
        (Some((b'*', rest)), _) => {
            (0..=name.len()).any(|at| name.get(at..).is_some_and(|name| glob(rest, name)))
        }
        (Some((b'?', rest)), Some((_, name))) => glob(rest, name),
        (Some((one, rest)), Some((other, name))) => one == other && glob(rest, name),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

const DEEPEST: usize = 32;
const LONGEST: usize = 1 << 20;
const MOST_ROUNDS: usize = 1 << 20;
const MOST_DIAGNOSTICS: usize = 1000;
