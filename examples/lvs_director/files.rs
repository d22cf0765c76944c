//! Files whose number counts: `track_file` of an instance, FILE_CHECK of a real server.

use std::{
    collections::BTreeMap,
    io::{self, Read},
    os::fd::AsFd,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use failover_examples::open_regular;
use nix::{
    errno::Errno,
    sys::inotify::{AddWatchFlags, InitFlags, Inotify, WatchDescriptor},
};

use crate::{
    log,
    poll::{Poll, Token},
};

/// Watches the directories of some files, and says what number is in each: 0 where there is none.
#[derive(Debug)]
pub(crate) struct Files {
    inotify: Inotify,
    watches: BTreeMap<PathBuf, WatchDescriptor>,
    numbers: BTreeMap<PathBuf, i64>,
    /// A directory may come, or have been another.
    look_at: Instant,
}

impl Files {
    pub(crate) fn open(poll: &Poll) -> io::Result<Self> {
        let inotify = Inotify::init(InitFlags::IN_CLOEXEC | InitFlags::IN_NONBLOCK)?;
        poll.add(inotify.as_fd(), Token::Files)?;
        Ok(Self {
            inotify,
            watches: BTreeMap::new(),
            numbers: BTreeMap::new(),
            look_at: Instant::now() + LOOK,
        })
    }

    /// Makes these the files that count, and returns the number in each.
    pub(crate) fn watch(&mut self, paths: impl Iterator<Item = PathBuf>) -> Vec<(PathBuf, i64)> {
        self.numbers = paths.map(|path| (read(&path), path)).map(|(number, path)| (path, number)).collect();
        self.watch_directories();
        self.numbers.iter().map(|(path, number)| (path.clone(), *number)).collect()
    }

    fn watch_directories(&mut self) {
        let wanted: Vec<PathBuf> =
            self.numbers.keys().filter_map(|path| path.parent().map(Path::to_path_buf)).collect();
        let (stays, gone): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut self.watches).into_iter().partition(|(path, _)| wanted.contains(path));
        for watch in gone.into_values() {
            // Its directory may be gone.
            let _ = self.inotify.rm_watch(watch);
        }
        self.watches = stays;
        let flags = AddWatchFlags::IN_CLOSE_WRITE
            | AddWatchFlags::IN_MOVE
            | AddWatchFlags::IN_DELETE
            | AddWatchFlags::IN_ONLYDIR;
        for path in wanted {
            match self.inotify.add_watch(&path, flags) {
                Ok(watch) => drop(self.watches.insert(path, watch)),
                Err(Errno::ENOENT) => drop(self.watches.remove(&path)),
                Err(error) => {
                    log::warn(&path.display().to_string(), format_args!("cannot be watched: {error}"))
                }
            }
        }
    }

    /// Returns the files that have another number now.
    pub(crate) fn handle_readable(&mut self) -> Vec<(PathBuf, i64)> {
        // Which one does not matter: there are few, and each is read at once.
        while self.inotify.read_events().is_ok_and(|events| !events.is_empty()) {}
        self.changes()
    }

    /// Looks whether directories have come or gone.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<(PathBuf, i64)> {
        if now < self.look_at || self.numbers.is_empty() {
            return Vec::new();
        }
        self.look_at = now + LOOK;
        self.watch_directories();
        self.changes()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        (!self.numbers.is_empty()).then_some(self.look_at)
    }

    fn changes(&mut self) -> Vec<(PathBuf, i64)> {
        let mut changed = Vec::new();
        for (path, number) in &mut self.numbers {
            let now = read(path);
            if now != *number {
                *number = now;
                changed.push((path.clone(), now));
            }
        }
        changed
    }
}

/// Reads the number a file begins with.
fn read(path: &Path) -> i64 {
    let mut text = String::new();
    let Ok(file) = open_regular(path) else { return 0 };
    // A file that is no text has no number.
    let _ = file.take(LONGEST).read_to_string(&mut text);
    let text = text.trim_start();
    let end =
        text.char_indices().find(|(at, it)| !(it.is_ascii_digit() || (*at == 0 && matches!(it, '-' | '+'))));
    let number = end.map_or(text, |(end, _)| text.get(..end).unwrap_or_default());
    number.parse().unwrap_or(0)
}

const LOOK: Duration = Duration::from_secs(5);
const LONGEST: u64 = 64;
