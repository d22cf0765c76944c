use std::{
    fs::File,
    io::{self, Read},
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::process::CommandExt,
    },
    process::{Command, Stdio},
};

use nix::{
    errno::Errno,
    fcntl::{FcntlArg, OFlag, fcntl},
    libc,
    sys::{
        epoll::{EpollEvent, EpollFlags},
        signal::{SigSet, Signal, killpg},
    },
    unistd::{Pid, pipe2},
};

use super::{io_loop::Io, socket, token};
use crate::{Cause, Kind, Layer, Outcome, Script};

/// A program that runs, the leader of a process group of its own.
///
/// Its group is killed before its status is taken: until then, the kernel gives its number to nobody else.
#[derive(Debug)]
pub(super) struct Child {
    pid: Pid,
    pidfd: OwnedFd,
    output: Option<File>,
    tail: Vec<u8>,
    pub(super) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    InTime,
    /// Its time is over, and it has been asked to end.
    Asked,
    Killed,
}

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Exited(i32),
    /// By the number: real-time signals have no names.
    Signalled(i32),
}

impl Child {
    pub(super) fn spawn(script: &Script, io: &Io, token: u64) -> Result<Self, Outcome> {
        let cannot = |error: io::Error| {
            let errno = error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
            socket::local(errno, format_args!("cannot run {}", script.program().display()))
        };
        let (output, input) = pipe2(OFlag::O_CLOEXEC).map_err(|errno| cannot(errno.into()))?;
        // Of this end only: a program does not expect its output to be refused.
        fcntl(&output, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(|errno| cannot(errno.into()))?;
        let mut child = command(script, input).map_err(cannot)?.spawn().map_err(cannot)?;
        let pid = Pid::from_raw(child.id().cast_signed());
        let event = EpollEvent::new(EpollFlags::EPOLLIN, token);
        let watched = pidfd_open(pid).and_then(|pidfd| {
            io.epoll.add(&pidfd, event)?;
            io.epoll.add(&output, event)?;
            Ok(pidfd)
        });
        match watched {
            Ok(pidfd) => {
                let output = Some(File::from(output));
                Ok(Self { pid, pidfd, output, tail: Vec::new(), stage: Stage::InTime })
            }
            // It has ended, and somebody else has taken its status: its number may be another's by now.
            Err(errno @ Errno::ESRCH) => Err(lost(errno)),
            Err(errno) => {
                // It has hardly begun; nothing of it is to stay.
                let _ = killpg(pid, Signal::SIGKILL);
                let _ = child.wait();
                Err(socket::local(errno, format_args!("cannot watch {}", script.program().display())))
            }
        }
    }

    /// Asks its group to end.
    pub(super) fn ask(&mut self) {
        self.signal(Signal::SIGTERM);
        self.stage = Stage::Asked;
    }

    /// Ends its group.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.stage = Stage::Killed;
    }

    /// Takes what it has printed; of much, some now, and the rest at the next call.
    pub(super) fn take_output(&mut self, buffer: &mut [u8]) {
        for _ in 0..READS {
            let Some(output) = &mut self.output else { return };
            match output.read(buffer) {
                Ok(count @ 1..) => self.keep(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(0) | Err(_) => self.output = None,
            }
        }
    }

    /// Kills what is left of its group and takes its status, if it has ended.
    pub(super) fn reap(&mut self) -> Option<Result<Status, Errno>> {
        match wait(&self.pidfd, libc::WNOWAIT) {
            Ok(None) | Err(Errno::EINTR) => return None,
            Ok(Some(_)) => {}
            // Somebody else has taken its status; its number may be another's by now.
            Err(errno) => return Some(Err(errno)),
        }
        self.signal(Signal::SIGKILL);
        wait(&self.pidfd, 0).transpose()
    }

    /// What its status says, and what it printed.
    pub(super) fn outcome(
        &mut self,
        status: Result<Status, Errno>,
        script: &Script,
        buffer: &mut [u8],
    ) -> (Outcome, Box<[u8]>) {
        self.take_output(buffer);
        let output = std::mem::take(&mut self.tail).into_boxed_slice();
        let outcome = match status {
            Ok(Status::Exited(status)) => script.exit_map().outcome(status),
            Ok(Status::Signalled(signal)) => {
                Outcome::failed(Cause::new(Layer::Script, Kind::Signalled, signal))
            }
            Err(errno) => lost(errno),
        };
        if outcome.detail.is_some() {
            return (outcome, output);
        }
        let first = output.split(|byte| *byte == b'\n').next().unwrap_or_default();
        match String::from_utf8_lossy(first).trim() {
            "" => (outcome, output),
            line => (outcome.with_detail(line), output),
        }
    }

    /// Ends it, and gives it to those whose status is still to be taken, which is told by their token.
    pub(super) fn orphan(mut self, io: &Io) -> Self {
        self.kill();
        if let Some(output) = self.output.take() {
            let _ = io.epoll.delete(&output);
        }
        let mut event = EpollEvent::new(EpollFlags::EPOLLIN, token::ORPHAN);
        let _ = io.epoll.modify(&self.pidfd, &mut event);
        self
    }

    /// Readable when it has ended.
    pub(super) fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.as_fd()
    }

    fn signal(&self, signal: Signal) {
        // ESRCH: there is nobody left. EPERM: those of another user whom a program with that right has started.
        let _ = killpg(self.pid, signal);
    }

    fn keep(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(TAIL_LEN)..).unwrap_or(bytes);
        let surplus = (self.tail.len() + bytes.len()).saturating_sub(TAIL_LEN);
        self.tail.drain(..surplus);
        self.tail.extend(bytes);
    }
}

fn command(script: &Script, output: OwnedFd) -> io::Result<Command> {
    let mut command = Command::new(script.program());
    command
        .args(script.arguments())
        .env_clear()
        .envs(script.environment())
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output);
    if let Some((user, group)) = script.user_and_group() {
        command.uid(user).gid(group);
    }
    if SigSet::thread_get_mask()? != SigSet::empty() {
        let_all_signals_through(&mut command);
    }
    Ok(command)
}

/// What this thread blocks, for a `signalfd` most likely, the program would block too: it could not be asked to end.
///
/// This costs the start by `vfork`, so it is not done for those who block nothing.
#[expect(unsafe_code, reason = "something is done between fork and exec")]
fn let_all_signals_through(command: &mut Command) {
    let let_through = || Ok(SigSet::empty().thread_set_mask()?);
    // SAFETY: of the functions that may be called after a fork (signal-safety(7)), it calls pthread_sigmask, and nothing else.
    unsafe { command.pre_exec(let_through) };
}

fn lost(errno: Errno) -> Outcome {
    Outcome::inconclusive(Cause::new(Layer::Local, Kind::Failed, errno as i32)).with_detail(
        "the exit status is lost: SIGCHLD is ignored in this process, or another part of it waits for all children",
    )
}

/// `pidfd_open(2)`.
#[expect(unsafe_code, reason = "nix has no call")]
fn pidfd_open(pid: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: it takes two numbers, and returns a descriptor (which closes on exec) that is nobody else's, or -1.
    unsafe {
        let fd = Errno::result(libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0))?;
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// `waitid(2)` for a program that may still run.
#[expect(unsafe_code, reason = "nix's call has an error for a program that a real-time signal has ended")]
fn wait(pidfd: &OwnedFd, flags: i32) -> nix::Result<Option<Status>> {
    let (pidfd, flags) = (pidfd.as_raw_fd() as libc::id_t, libc::WEXITED | libc::WNOHANG | flags);
    // SAFETY: all zeroes is a siginfo_t, and the kernel writes no more than one; its fields are those that waitid sets.
    let (pid, code, status) = unsafe {
        let mut info = std::mem::zeroed::<libc::siginfo_t>();
        Errno::result(libc::waitid(libc::P_PIDFD, pidfd, &raw mut info, flags))?;
        (info.si_pid(), info.si_code, info.si_status())
    };
    Ok(match (pid, code) {
        (0, _) => None,
        (_, libc::CLD_EXITED) => Some(Status::Exited(status)),
        (_, _) => Some(Status::Signalled(status)),
    })
}

const TAIL_LEN: usize = 4096;
/// A pipe holds 64 KiB, as the buffer does: what is there comes with the first.
const READS: usize = 2;
