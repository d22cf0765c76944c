//! The calls.

mod apply;
mod daemons;
mod destinations;
mod drain;
mod services;
mod tune;

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    panic::resume_unwind,
    thread,
};

use kernel_netlink::{Failure, RequestSocket};
use nix::{
    libc,
    sched::{CloneFlags, setns},
};

pub use self::{
    apply::{Applied, ApplyError, Refusal},
    destinations::DestinationEntry,
    drain::{Drain, Draining, Ending},
    services::ServiceEntry,
};
use crate::{
    error::{Cause, Error, Operation},
    generic,
    message::{FAMILY, Object, Request},
    service::Family,
};

/// The load balancer of one network namespace.
///
/// It is one netlink socket and knows nothing of what it did before: other programs may use the same table at the same time.
/// Calls end when the kernel has done what they say, mostly after some microseconds; a change of scheduler and a flush take
/// milliseconds. None waits for an answer longer than about a second.
#[derive(Debug)]
pub struct Ipvs {
    socket: RequestSocket,
    /// The number of the generic netlink family, which is another one after each time that the module was loaded.
    family: Option<u16>,
}

/// Whether a call had to change something.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::exhaustive_enums, reason = "there is no third way")]
pub enum Change {
    /// The kernel carried it out.
    Made,
    /// It was so before.
    AlreadySo,
}

impl Ipvs {
    /// Opens that of the calling thread's network namespace, and stays with it wherever it is used.
    ///
    /// The module is loaded by the first call, not by this one.
    ///
    /// # Errors
    ///
    /// The kernel has no generic netlink; no file descriptor is left.
    pub fn open() -> Result<Self, Error> {
        match RequestSocket::open(libc::NETLINK_GENERIC) {
            Ok(socket) => Ok(Self::over(socket)),
            Err(error) => Err(Error::new(Operation::Open, error)),
        }
    }

    /// Opens that of another network namespace: `/run/netns/NAME` where `ip netns add NAME` made it, or
    /// `/proc/PID/ns/net`.
    ///
    /// The caller stays where it is: a thread that ends at once goes there.
    ///
    /// # Errors
    ///
    /// `CAP_SYS_ADMIN` is missing; the file is no network namespace.
    pub fn open_in(namespace: impl AsFd) -> Result<Self, Error> {
        let namespace = namespace.as_fd();
        let socket = thread::scope(|scope| {
            let thread = thread::Builder::new().name("ipvs".into()).spawn_scoped(scope, || {
                setns(namespace, CloneFlags::CLONE_NEWNET)?;
                RequestSocket::open(libc::NETLINK_GENERIC)
            });
            thread?.join().unwrap_or_else(|panic| resume_unwind(panic))
        });
        socket.map(Self::over).map_err(|error: io::Error| Error::new(Operation::OpenIn, error))
    }

    fn over(socket: RequestSocket) -> Self {
        Self { socket, family: None }
    }

    /// Sends a request and takes the objects of the answer.
    fn ask(&mut self, request: &Request<'_>, mut on_object: impl FnMut(Object)) -> Result<(), Cause> {
        self.with_family(|socket, family| {
            socket.request(
                |envelope| request.write(envelope, family),
                |_, payload| {
                    on_object(Object::read(payload, Family::V4)?);
                    Ok(())
                },
            )
        })
    }

    /// Sends a request that is answered with yes or no.
    fn tell(&mut self, request: &Request<'_>) -> Result<(), Cause> {
        self.ask(request, |_| ())
    }

    /// Sends the first, and the second if somebody else was quicker to add or to remove it: each says which `errno` means that.
    fn tell_one_of(
        &mut self,
        [(first, overtaken), (second, _)]: [(Request<'_>, i32); 2],
    ) -> Result<(), Cause> {
        match self.tell(&first) {
            Err(cause) if cause.is(overtaken) => self.tell(&second),
            result => result,
        }
    }

    /// Asks for a list; `read` takes from each object what it wants of it.
    fn dump<T>(
        &mut self,
        request: &Request<'_>,
        family_of_service: Family,
        read: impl Fn(Object) -> Option<T>,
    ) -> Result<Vec<T>, Cause> {
        self.with_family(|socket, family| {
            socket.dump(
                |envelope| request.write(envelope, family),
                |_, payload| Object::read(payload, family_of_service).map(&read),
            )
        })
    }

    /// Sends many requests, and returns how each of them ended.
    fn batch(&mut self, requests: &[Request<'_>]) -> Result<Vec<Result<(), Failure>>, Cause> {
        let family = self.family()?;
        let mut results = write_all(&mut self.socket, family, requests.iter());
        if results.iter().any(|result| is(result, libc::ENOENT))
            && let Some(family) = self.family_anew()?
        {
            // Those that nobody took: the module was loaded again before them.
            let lost: Vec<_> = results.iter().map(|result| is(result, libc::ENOENT)).collect();
            let again: Vec<_> =
                requests.iter().zip(&lost).filter_map(|(request, lost)| lost.then_some(request)).collect();
            let second = write_all(&mut self.socket, family, again.into_iter());
            let places = results.iter_mut().zip(&lost).filter_map(|(result, lost)| lost.then_some(result));
            for (place, result) in places.zip(second) {
                *place = result;
            }
        }
        Ok(results)
    }

    /// Sends what needs the family's number, and again under its new number when the old one is nobody's: what that is
    /// answered with, `ENOENT`, may have other reasons.
    fn with_family<T>(
        &mut self,
        mut ask: impl FnMut(&mut RequestSocket, u16) -> Result<T, Failure>,
    ) -> Result<T, Cause> {
        let family = self.family()?;
        let answer = ask(&mut self.socket, family);
        if is(&answer, libc::ENOENT)
            && let Some(family) = self.family_anew()?
        {
            return Ok(ask(&mut self.socket, family)?);
        }
        Ok(answer?)
    }

    fn family(&mut self) -> Result<u16, Cause> {
        match self.family {
            Some(family) => Ok(family),
            None => self.resolve(),
        }
    }

    /// Asks for the family's number, `Some` if it is not the one it was.
    fn family_anew(&mut self) -> Result<Option<u16>, Cause> {
        let before = self.family;
        let family = self.resolve()?;
        Ok((before != Some(family)).then_some(family))
    }

    /// Asks for the family's number, which loads the module.
    fn resolve(&mut self) -> Result<u16, Cause> {
        self.family = None;
        match generic::resolve(&mut self.socket, FAMILY) {
            Ok(family) => {
                self.family = Some(family);
                Ok(family)
            }
            Err(failure) if failure.is(libc::ENOENT) => Err(Cause::NotLoaded),
            Err(failure) => Err(failure.into()),
        }
    }
}

impl AsFd for Ipvs {
    /// Returns the socket, of which there is nothing to wait for: answers come in the course of each call.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn write_all<'r>(
    socket: &mut RequestSocket,
    family: u16,
    requests: impl ExactSizeIterator<Item = &'r Request<'r>>,
) -> Vec<Result<(), Failure>> {
    let count = requests.len();
    let mut requests = requests.fuse();
    socket.batch(count, |_, envelope| {
        if let Some(request) = requests.next() {
            request.write(envelope, family);
        }
    })
}

fn is<T>(result: &Result<T, Failure>, errno: i32) -> bool {
    result.as_ref().is_err_and(|failure| failure.is(errno))
}

#[cfg(test)]
mod tests;
