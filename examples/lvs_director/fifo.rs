//! The FIFOs that are told what happens, a line each.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    process::{Child, Command as Process, Stdio},
};

use failover_examples::keepalived_conf::model;
use nix::{
    errno::Errno,
    libc,
    sys::{signal::Signal, stat::Mode},
    unistd::{Gid, Uid, fchown, mkfifo},
};
use std::os::unix::process::CommandExt;

use crate::{commands::kill_group, log};

/// One FIFO. A reader that does not read costs it lines, and nobody else anything.
#[derive(Debug)]
pub(crate) struct Fifo {
    model: model::Fifo,
    file: Option<File>,
    made: bool,
    reader: Option<Child>,
    lost: u64,
    is_losing: bool,
}

impl Fifo {
    /// Makes it, if it is not there, and starts who reads it. What fails is tried again with the next line.
    pub(crate) fn open(model: &model::Fifo) -> Self {
        let mut fifo =
            Self { model: model.clone(), file: None, made: false, reader: None, lost: 0, is_losing: false };
        if let Err(error) = fifo.prepare() {
            log::error(&fifo.name(), error);
        }
        fifo.start_reader();
        fifo
    }

    pub(crate) fn model(&self) -> &model::Fifo {
        &self.model
    }

    /// How many lines nobody took.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Writes a line, whole or not at all.
    pub(crate) fn tell(&mut self, line: &str) {
        let outcome = self.prepare().and_then(|()| match &mut self.file {
            Some(file) => file.write_all(format!("{line}\n").as_bytes()),
            None => Ok(()),
        });
        match outcome {
            Ok(()) => self.is_losing = false,
            Err(error) => {
                self.lost += 1;
                if !self.is_losing {
                    log::warn(
                        &self.name(),
                        format_args!("a line is lost: {error}; more may be until it is read"),
                    );
                }
                self.is_losing = true;
                if error.kind() != io::ErrorKind::WouldBlock {
                    self.file = None;
                }
            }
        }
    }

    /// Opens it for both directions, so that it opens without a reader and is no broken pipe when one goes.
    fn prepare(&mut self) -> io::Result<()> {
        if self.file.is_some() {
            return Ok(());
        }
        let path = &self.model.path;
        match mkfifo(path, Mode::S_IRUSR | Mode::S_IWUSR) {
            Ok(()) => self.made = true,
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
        // Of anything else not even the opening: that of a device may do something.
        let is_fifo = |data: fs::Metadata| match data.file_type().is_fifo() {
            true => Ok(()),
            false => Err(io::Error::other("it is there, and no FIFO")),
        };
        is_fifo(fs::symlink_metadata(path)?)?;
        let flags = libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
        // What the path names may be something else by now, and what is opened is what is given away.
        is_fifo(file.metadata()?)?;
        if let Some(user) = self.model.user {
            fchown(&file, Some(Uid::from_raw(user.uid)), Some(Gid::from_raw(user.gid)))?;
        }
        self.file = Some(file);
        Ok(())
    }

    fn start_reader(&mut self) {
        let Some(command) = &self.model.script else { return };
        let mut process = Process::new(&command.program);
        process
            .args(&command.args)
            .arg(&self.model.path)
            .stdin(Stdio::null())
            .process_group(0)
            .current_dir("/");
        if let Some(user) = command.user {
            process.uid(user.uid).gid(user.gid);
        }
        match process.spawn() {
            Ok(child) => self.reader = Some(child),
            Err(error) => {
                log::error(&self.name(), format_args!("cannot run {}: {error}", command.program.display()))
            }
        }
    }

    /// Buries a reader that has ended: after each SIGCHLD.
    pub(crate) fn advance(&mut self) {
        let Some(reader) = &mut self.reader else { return };
        if let Ok(Some(status)) = reader.try_wait() {
            self.reader = None;
            log::warn(&self.name(), format_args!("who reads it has ended: {status}"));
        }
    }

    /// Asks who reads it to end. That they have is for the caller to see to.
    pub(crate) fn dismiss(&mut self) -> Option<Child> {
        self.reader.take().inspect(|reader| kill_group(reader, Signal::SIGTERM))
    }

    fn name(&self) -> String {
        self.model.path.display().to_string()
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        self.dismiss();
        if self.made {
            let _ = fs::remove_file(&self.model.path);
        }
    }
}
