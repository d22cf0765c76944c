use std::{
    io,
    net::IpAddr,
    os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
};

use ::tokio::io::{Interest, unix::AsyncFd};
use nix::errno::Errno;

use crate::{
    error::{Error, Operation},
    link::{Interface, Name},
    monitor::{Event, Picture},
    netlink::Netlink,
    packet::Packet,
};

/// A [`Monitor`](crate::Monitor) that is waited on.
#[derive(Debug)]
pub struct Monitor {
    inner: AsyncFd<Source<crate::Monitor>>,
}

impl Monitor {
    /// Registers a monitor with the runtime that is running.
    ///
    /// # Errors
    ///
    /// The system is out of memory or of watched file descriptors.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, and in one without I/O, as tokio's own sockets do.
    pub fn new(monitor: crate::Monitor) -> Result<Self, Error> {
        let inner = register(monitor, Interest::READABLE);
        Ok(Self { inner: inner.map_err(|error| Operation::Watch.failed(error))? })
    }

    /// Waits for the next event. When the future is dropped, no event is lost.
    ///
    /// After a loss it lists everything anew without letting other tasks run meanwhile, as
    /// [`next_event`](crate::Monitor::next_event) does.
    ///
    /// # Errors
    ///
    /// Those of [`next_event`](crate::Monitor::next_event). After one of them call it again, a moment later: the monitor then
    /// tries again what failed.
    pub async fn next(&mut self) -> Result<Event, Error> {
        // It may have events while the file descriptor is not readable.
        if let Some(event) = self.inner.get_mut().0.next_event()? {
            return Ok(event);
        }
        loop {
            let ready = self.inner.readable_mut().await;
            let mut ready = ready.map_err(|error| Operation::Watch.failed(error))?;
            match ready.get_inner_mut().0.next_event()? {
                Some(event) => return Ok(event),
                None => ready.clear_ready(),
            }
        }
    }

    /// Counts what is done through a handle as done by us: [`recognize`](crate::Monitor::recognize).
    ///
    /// # Errors
    ///
    /// None that is known.
    pub fn recognize(&mut self, handle: &mut Netlink) -> Result<(), Error> {
        self.inner.get_mut().0.recognize(handle)
    }

    /// Returns the interfaces and addresses there are.
    pub fn picture(&self) -> &Picture {
        self.monitor().picture()
    }

    /// Returns the monitor, for what needs no waiting.
    pub fn monitor(&self) -> &crate::Monitor {
        &self.inner.get_ref().0
    }

    /// Takes the monitor back.
    pub fn into_inner(self) -> crate::Monitor {
        self.inner.into_inner().0
    }
}

/// A [`VrrpSocket`](crate::VrrpSocket) that is waited on.
#[derive(Debug)]
pub struct VrrpSocket {
    inner: AsyncFd<Source<crate::VrrpSocket>>,
}

impl VrrpSocket {
    /// Registers a socket with the runtime that is running.
    ///
    /// # Errors
    ///
    /// The system is out of memory or of watched file descriptors.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, and in one without I/O, as tokio's own sockets do.
    pub fn new(socket: crate::VrrpSocket) -> Result<Self, Error> {
        let interface = socket.interface();
        let inner = register(socket, Interest::READABLE | Interest::WRITABLE);
        Ok(Self { inner: inner.map_err(|error| Operation::OpenVrrp(interface).failed(error))? })
    }

    /// Waits for the next packet, as [`recv`](crate::VrrpSocket::recv) takes it. When the future is dropped, no packet is
    /// lost.
    ///
    /// # Errors
    ///
    /// Those of [`recv`](crate::VrrpSocket::recv).
    pub async fn recv<'b>(&self, buffer: &'b mut [u8]) -> Result<Packet<'b>, Error> {
        loop {
            let mut ready =
                self.inner.readable().await.map_err(|error| self.failed(Operation::Receive, error))?;
            let start = buffer.as_ptr();
            if let Some(packet) = self.socket().recv(buffer)? {
                let detached = packet.detach(start);
                return Ok(detached.attach(buffer));
            }
            ready.clear_ready();
        }
    }

    /// Sends one message, as [`send`](crate::VrrpSocket::send) does, and waits where the send queue is full. When the future
    /// is dropped before it is done, nothing was sent.
    ///
    /// # Errors
    ///
    /// Those of [`send`](crate::VrrpSocket::send). [`Busy`](crate::ErrorKind::Busy) means a queue that cannot be waited on
    /// (`ENOBUFS`).
    pub async fn send(&self, destination: IpAddr, message: &[u8]) -> Result<(), Error> {
        let is_full = |result: &Result<(), Error>| {
            result.as_ref().is_err_and(|error| error.raw_os_error() == Some(Errno::EAGAIN as i32))
        };
        loop {
            let ready = self.inner.writable().await;
            let mut ready = ready.map_err(|error| self.failed(Operation::Send, error))?;
            let result = self.socket().send(destination, message);
            if !is_full(&result) {
                return result;
            }
            ready.clear_ready();
        }
    }

    /// Puts the socket on an interface again, as [`rejoin`](crate::VrrpSocket::rejoin) does: it stays registered.
    ///
    /// # Errors
    ///
    /// Those of [`rejoin`](crate::VrrpSocket::rejoin).
    pub fn rejoin(&mut self, interface: &Interface, source: IpAddr) -> Result<(), Error> {
        self.inner.get_mut().0.rejoin(interface, source)
    }

    /// Returns the socket, for what needs no waiting.
    pub fn socket(&self) -> &crate::VrrpSocket {
        &self.inner.get_ref().0
    }

    /// Takes the socket back.
    pub fn into_inner(self) -> crate::VrrpSocket {
        self.inner.into_inner().0
    }

    fn failed(&self, operation: impl FnOnce(Name) -> Operation, error: io::Error) -> Error {
        operation(self.socket().interface()).failed(error)
    }
}

/// What is waited on, in the form that tokio asks for. Nobody else gets to replace it.
#[derive(Debug)]
struct Source<T>(T);

impl<T: AsFd> AsRawFd for Source<T> {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

fn register<T: AsFd>(source: T, interest: Interest) -> io::Result<AsyncFd<Source<T>>> {
    // SAFETY: the source owns its file descriptor, which is open and the same until `AsyncFd` has let go of it: no
    // function here, or of the source, closes or replaces it.
    #[expect(unsafe_code, reason = "tokio cannot know that of a type of ours")]
    let registered = unsafe { AsyncFd::register_with_interest(Source(source), interest) };
    registered.map_err(|error| error.into_parts().1)
}

impl AsFd for Monitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.monitor().as_fd()
    }
}

impl AsFd for VrrpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket().as_fd()
    }
}
