//! What an argument may be, and what is said of one that is not.

use std::{
    cell::{Cell, RefCell},
    fmt::Display,
    net::IpAddr,
    ops::RangeInclusive,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use super::{
    Diagnostic, Environment, Severity,
    model::{Command, User},
    tree::{Item, Lines, Word},
};

/// The file, and all that was said of it so far.
pub(super) struct Context {
    pub(super) lines: Lines,
    diagnostics: RefCell<Vec<(usize, Diagnostic)>>,
    pub(super) environment: Environment,
    /// As keepalived, rules without a priority are counted down from here.
    pub(super) next_priority: Cell<u32>,
}

impl Context {
    pub(super) fn new(lines: Lines, diagnostics: Vec<Diagnostic>, environment: Environment) -> Self {
        // What was wrong with lines is put before what is wrong with words.
        let diagnostics = diagnostics.into_iter().map(|one| (0, one)).collect();
        Self { lines, diagnostics: RefCell::new(diagnostics), environment, next_priority: Cell::new(16_384) }
    }

    pub(super) fn into_diagnostics(self) -> Vec<Diagnostic> {
        let mut diagnostics = self.diagnostics.into_inner();
        diagnostics.sort_by_key(|(line, one)| (*line, one.column));
        diagnostics.dedup_by(|(_, one), (_, other)| one == other);
        diagnostics.into_iter().map(|(_, one)| one).collect()
    }

    pub(super) fn error(&self, word: &Word, message: String) {
        self.say(Severity::Error, word, message);
    }

    pub(super) fn warn(&self, word: &Word, message: String) {
        self.say(Severity::Warning, word, message);
    }

    fn say(&self, severity: Severity, word: &Word, message: String) {
        let Some(line) = self.lines.0.get(word.line) else { return };
        let mut diagnostics = self.diagnostics.borrow_mut();
        if diagnostics.len() >= MOST {
            return;
        }
        let column = line.text.get(..word.at).unwrap_or_default().chars().count() + 1;
        diagnostics.push((
            word.line + 1,
            Diagnostic {
                severity,
                file: line.file.to_string(),
                line: line.number,
                column,
                message,
                text: line.text.chars().take(200).collect(),
            },
        ));
    }

    /// The first argument; an error where there is none.
    pub(super) fn needs<'i>(&self, item: &'i Item) -> Option<&'i Word> {
        let argument = item.arg(1);
        if let (None, Some(word)) = (argument, item.words.first()) {
            self.error(word, format!("{} needs a value", item.keyword()));
        }
        argument
    }

    /// A value that can be read from a word.
    pub(super) fn parse<T: FromStr<Err: Display>>(&self, word: &Word) -> Option<T> {
        match word.text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.error(word, format!("{}: {error}", word.text));
                None
            }
        }
    }

    /// An item's first argument, read from the word.
    pub(super) fn value<T: FromStr<Err: Display>>(&self, item: &Item) -> Option<T> {
        self.parse(self.needs(item)?)
    }

    /// A whole number of a range, as an item's first argument.
    pub(super) fn number<T>(&self, item: &Item, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + Display + Copy + Into<i64>,
    {
        self.number_of(item.keyword(), self.needs(item)?, range)
    }

    /// A whole number of a range.
    pub(super) fn number_of<T>(&self, what: &str, word: &Word, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + Display + Copy + Into<i64>,
    {
        let (low, high) = (*range.start(), *range.end());
        let number = word.text.parse::<i64>().ok().filter(|it| (low.into()..=high.into()).contains(it));
        match number.and_then(|number| T::try_from(number).ok()) {
            Some(number) => Some(number),
            None => {
                self.error(word, format!("{what} {} is out of range: {low} to {high}", word.text));
                None
            }
        }
    }

    /// Seconds, with fractions.
    pub(super) fn seconds(&self, item: &Item, range: RangeInclusive<f64>) -> Option<Duration> {
        self.seconds_of(item.keyword(), self.needs(item)?, range)
    }

    pub(super) fn seconds_of(&self, what: &str, word: &Word, range: RangeInclusive<f64>) -> Option<Duration> {
        let number = word.text.parse::<f64>().ok().filter(|number| range.contains(number));
        match number.and_then(|number| Duration::try_from_secs_f64(number).ok()) {
            Some(time) => Some(time),
            None => {
                let (low, high) = (range.start(), range.end());
                self.error(word, format!("{what} {} is out of range: {low} to {high} seconds", word.text));
                None
            }
        }
    }

    /// `on`, `off` and their like; without a value it is on.
    pub(super) fn switch(&self, item: &Item) -> bool {
        let Some(word) = item.arg(1) else { return true };
        match word.text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" => true,
            "off" | "false" | "no" => false,
            other => {
                self.error(
                    word,
                    format!("{} {other}: it is on or off, true or false, yes or no", item.keyword()),
                );
                false
            }
        }
    }

    pub(super) fn text(&self, item: &Item) -> Option<String> {
        self.needs(item).map(|word| word.text.clone())
    }

    pub(super) fn ip(&self, word: &Word) -> Option<IpAddr> {
        match word.text.parse() {
            Ok(ip) => Some(ip),
            Err(_) => {
                self.error(word, format!("{} is no IP address", word.text));
                None
            }
        }
    }

    /// A program with its arguments, and who runs it: `"program argument" user group`.
    pub(super) fn command(&self, item: &Item, default: Option<User>) -> Option<Command> {
        let word = self.needs(item)?;
        let user = match item.arg(2) {
            Some(user) => self.user(user, item.arg(3)),
            None => default,
        };
        self.command_of(word, user)
    }

    pub(super) fn command_of(&self, word: &Word, user: Option<User>) -> Option<Command> {
        let mut words = split_command(&word.text).into_iter();
        let Some(program) = words.next().filter(|program| !program.is_empty()) else {
            self.error(word, "a program has to be named".into());
            return None;
        };
        let program = match find_program(&program, self.environment.may_look_around) {
            Some(path) => path,
            None => {
                self.warn(word, format!("there is no program {program} now: it is tried when it is needed"));
                PathBuf::from(program)
            }
        };
        Some(Command { program, args: words.collect(), user })
    }

    /// A user and perhaps a group, by name or number.
    pub(super) fn user(&self, user: &Word, group: Option<&Word>) -> Option<User> {
        if !self.environment.may_look_around {
            return None;
        }
        let found = match user.text.parse::<u32>() {
            Ok(uid) => Some((uid, uid)),
            Err(_) => nix::unistd::User::from_name(&user.text)
                .ok()
                .flatten()
                .map(|user| (user.uid.as_raw(), user.gid.as_raw())),
        };
        let Some((uid, own_gid)) = found else {
            self.error(user, format!("there is no user {}", user.text));
            return None;
        };
        let gid = match group {
            None => own_gid,
            Some(group) => {
                let found = group.text.parse().ok().or_else(|| {
                    let found = nix::unistd::Group::from_name(&group.text).ok().flatten();
                    found.map(|group| group.gid.as_raw())
                });
                match found {
                    Some(gid) => gid,
                    None => {
                        self.error(group, format!("there is no group {}", group.text));
                        return None;
                    }
                }
            }
        };
        Some(User { uid, gid })
    }
}

/// Words of a command line: quotes of both kinds, and a backslash takes the next character as it is.
fn split_command(text: &str) -> Vec<String> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut rest = text.chars();
    while let Some(one) = rest.next() {
        match (one, quote) {
            ('\\', _) => word.get_or_insert_default().extend(rest.next()),
            ('\'' | '"', None) => {
                quote = Some(one);
                word.get_or_insert_default();
            }
            (one, Some(open)) if one == open => quote = None,
            (one, None) if one.is_whitespace() => words.extend(word.take()),
            (one, _) => word.get_or_insert_default().push(one),
        }
    }
    words.extend(word);
    words
}

/// Finds a program by its path, or where programs are.
fn find_program(name: &str, may_look: bool) -> Option<PathBuf> {
    let path = Path::new(name);
    if !may_look {
        return Some(path.to_owned());
    }
    if name.contains('/') {
        return path.is_file().then(|| path.to_owned());
    }
    let places = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    places.iter().map(|place| Path::new(place).join(name)).find(|path| path.is_file())
}

const MOST: usize = 10_000;
