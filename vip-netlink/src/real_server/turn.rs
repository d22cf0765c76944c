//! One process at a time.

use std::{
    fs::File,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use crate::error::{Cause, Error, Failure, Operation};

/// The right to start or stop a real server in a network namespace, until dropped, or until the process ends.
///
/// It is a lock on the file that stands for the namespace, which is the same for all processes in it, whatever `/proc` they
/// see. Any user can hold it up, and then nothing worse happens than the error that says so.
#[derive(Debug)]
pub(super) struct Turn {
    _lock: Flock<File>,
}

impl Turn {
    /// Waits for seconds at most: others need milliseconds.
    pub(super) fn take(namespace: &File) -> Result<Self, Error> {
        Self::wait(namespace, PATIENCE).map_err(|failure| Operation::BeRealServer.failed(failure))
    }

    fn wait(namespace: &File, patience: Duration) -> Result<Self, Failure> {
        let deadline = Instant::now() + patience;
        let mut file = namespace.try_clone()?;
        loop {
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(lock) => return Ok(Self { _lock: lock }),
                Err((back, Errno::EAGAIN | Errno::EINTR)) if Instant::now() < deadline => file = back,
                Err((_, Errno::EAGAIN | Errno::EINTR)) => return Err(Cause::Occupied.into()),
                Err((_, errno)) => return Err(errno.into()),
            }
            thread::sleep(INTERVAL);
        }
    }
}

pub(super) const NAMESPACE: &str = "/proc/thread-self/ns/net";
const PATIENCE: Duration = Duration::from_secs(5);
const INTERVAL: Duration = Duration::from_millis(2);

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn one_at_a_time_and_nobody_waits_for_ever() {
        let [one, other] = [(); 2].map(|()| File::open(env::current_exe().unwrap()).unwrap());
        let patience = Duration::from_millis(20);

        let turn = Turn::wait(&one, patience).unwrap();
        let failure = Turn::wait(&other, patience).unwrap_err();
        drop(turn);
        Turn::wait(&other, patience).unwrap();

        let error = Operation::BeRealServer.failed(failure);
        assert_eq!(error.kind(), crate::ErrorKind::Busy);
        assert_eq!(
            error.to_string(),
            "cannot start or stop a real server: another process has been at it for seconds (`lslocks` shows which)"
        );
    }
}
