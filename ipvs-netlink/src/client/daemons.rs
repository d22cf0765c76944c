use nix::libc;

use super::{Change, Ipvs};
use crate::{
    daemon::{SyncDaemon, SyncRole},
    error::{Cause, Error, Operation},
    message::{Object, Request},
    service::Family,
};

impl Ipvs {
    /// Lists the sync daemons that run in the namespace: none, one, or one of each role.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn daemons(&mut self) -> Result<Vec<SyncDaemon>, Error> {
        self.dump(&Request::GetDaemons, Family::V4, daemon)
            .map_err(|cause| Error::new(Operation::ListDaemons, cause))
    }

    /// Starts a sync daemon, if none [like it](SyncDaemon::meets) runs.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](crate::ErrorKind::AlreadyExists) if one of the role runs with other settings;
    /// [`NoSuchInterface`](crate::ErrorKind::NoSuchInterface); [`Refused`](crate::ErrorKind::Refused) while there are
    /// destinations of another version of IP than their service.
    pub fn start_daemon(&mut self, daemon: &SyncDaemon) -> Result<Change, Error> {
        let failed = |cause| Error::new(Operation::StartDaemon(*daemon), cause);
        match self.tell(&Request::NewDaemon(daemon)) {
            Ok(()) => Ok(Change::Made),
            Err(cause) if cause.is(libc::EEXIST) => {
                let running = self.daemons()?.into_iter().find(|running| running.role() == daemon.role());
                match running {
                    Some(running) if running.meets(daemon) => Ok(Change::AlreadySo),
                    Some(running) => Err(failed(Cause::Differs(running.to_string().into()))),
                    None => Err(failed(cause)),
                }
            }
            Err(cause) => Err(failed(cause)),
        }
    }

    /// Stops the sync daemon of a role, if one runs.
    ///
    /// # Errors
    ///
    /// See [`ErrorKind`](crate::ErrorKind).
    pub fn stop_daemon(&mut self, role: SyncRole) -> Result<Change, Error> {
        let failed = |cause| Error::new(Operation::StopDaemon(role), cause);
        // Of a daemon whose thread had not begun to run yet, the kernel stops it, says -EINTR to itself and nothing to us.
        // Another request behind it is answered in any case; what the kernel was silent about by then has succeeded.
        let mut results =
            self.batch(&[Request::DelDaemon(role), Request::GetInfo]).map_err(failed)?.into_iter();
        match results.next() {
            Some(Err(failure)) if failure.is(libc::ESRCH) => Ok(Change::AlreadySo),
            Some(Err(failure)) => Err(failed(failure.into())),
            Some(Ok(())) | None => Ok(Change::Made),
        }
    }
}

fn daemon(object: Object) -> Option<SyncDaemon> {
    match object {
        Object::Daemon(daemon) => Some(daemon),
        Object::Service(..) | Object::Destination(..) | Object::Timeouts(_) | Object::Info(_) => None,
    }
}
