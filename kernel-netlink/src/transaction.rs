//! Transactions of netfilter: many requests, carried out together or not at all.
//!
//! ```text
//! sequence   n      BATCH_BEGIN, names the subsystem    refused (EPERM, EOPNOTSUPP, a failed commit): the whole is
//!            n+1    request                             refused: so is the whole, but the rest is looked at too
//!            ...
//!            m      request, the last: asks for an      the answer to wait for: it comes after all refusals, and says
//!                   acknowledgement                     nothing of them
//!            m+1    BATCH_END                           not answered
//! ```
//!
//! The kernel starts over by itself when it had to load a module half-way (`EAGAIN`), without telling. A transaction may
//! name the generation of the ruleset it is meant for, and fails with `ERESTART` on another; none does here: what others
//! change meanwhile is in tables of their own.

use std::{
    os::fd::{AsFd, AsRawFd},
    time::Instant,
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        MsgFlags, send, setsockopt,
        sockopt::{SndBuf, SndBufForce},
    },
};

use crate::{
    Envelope, Failure, Messages, Reply, RequestSocket, TIMEOUT, Writer,
    socket::{receive, retry},
};

impl RequestSocket {
    /// Has a subsystem of netfilter carry out the requests that `write` makes, all or none. Without any it does nothing.
    pub fn transaction(
        &mut self,
        subsystem: u16,
        write: impl FnOnce(&mut Transaction<'_>),
    ) -> Result<(), Failure> {
        let first = self.sequence.wrapping_add(1);
        self.writer.clear();
        let mut transaction = Transaction { writer: &mut self.writer, sequence: self.sequence };
        transaction.bound(BATCH_BEGIN, subsystem);
        write(&mut transaction);
        let last = transaction.sequence;
        transaction.writer.acknowledge_last();
        transaction.bound(BATCH_END, subsystem);
        self.sequence = transaction.sequence;
        if last == first {
            return Ok(());
        }
        self.send_in_one()?;
        self.await_outcome(first, last)
    }

    /// Sends what is written, with a larger send buffer where it does not fit.
    fn send_in_one(&self) -> nix::Result<()> {
        let bytes = self.writer.bytes();
        let send = || retry(|| send(self.socket.as_raw_fd(), bytes, MsgFlags::empty())).map(drop);
        match send() {
            Err(Errno::EMSGSIZE) => {
                // The first is for those that have CAP_NET_ADMIN not in a user namespace only; the second has a limit, and
                // whether that was enough is seen next.
                let _ = setsockopt(&self.socket, SndBufForce, &bytes.len())
                    .or_else(|_| setsockopt(&self.socket, SndBuf, &bytes.len()));
                send()
            }
            result => result,
        }
    }

    fn await_outcome(&mut self, first: u32, last: u32) -> Result<(), Failure> {
        let deadline = Instant::now() + TIMEOUT;
        let mut outcome = Ok(());
        loop {
            let datagram = receive(self.socket.as_fd(), &mut self.buffer, deadline)?;
            for message in Messages::new(datagram) {
                let message = message?;
                // Any other is the late answer to a request that timed out.
                if message.sequence().wrapping_sub(first) > last.wrapping_sub(first) {
                    continue;
                }
                let Reply::End(answer) = message.read()? else { continue };
                // What fails first is why the others do.
                outcome = outcome.and(answer.into_result());
                let is_about_the_whole = message.sequence() == first && outcome.is_err();
                if is_about_the_whole || message.sequence() == last {
                    return outcome;
                }
            }
        }
    }
}

/// The requests of a transaction, one after the other.
#[derive(Debug)]
pub struct Transaction<'w> {
    writer: &'w mut Writer,
    sequence: u32,
}

impl Transaction<'_> {
    /// Begins the next request.
    pub fn request(&mut self) -> Envelope<'_> {
        self.sequence = self.sequence.wrapping_add(1);
        Envelope::new(self.writer, 0, self.sequence)
    }

    /// Writes where it begins or ends: a struct nfgenmsg (linux/netfilter/nfnetlink.h) that names the subsystem.
    fn bound(&mut self, kind: u16, subsystem: u16) {
        let [high, low] = subsystem.to_be_bytes();
        self.request().message(kind, 0, |payload| {
            payload.header([libc::AF_UNSPEC as u8, 0, high, low]);
        });
    }
}

/// linux/netfilter/nfnetlink.h.
const BATCH_BEGIN: u16 = 16;
const BATCH_END: u16 = 17;

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;

    use lab::written::{message_bytes, ne32};

    use super::*;

    #[test]
    fn the_last_request_alone_asks_for_an_answer() {
        let (mut socket, kernel) = scripted(&[answer(3, 0)]);

        two_requests(&mut socket).unwrap();

        let mut sent = [0; 256];
        let length = kernel.recv(&mut sent).unwrap();
        let expected = [
            message_bytes(16, 1, 1, &[0, 0, 0, 10]),
            message_bytes(0xa00, 1, 2, b"one."),
            message_bytes(0xa03, 1 | 4, 3, b"two."),
            message_bytes(17, 1, 4, &[0, 0, 0, 10]),
        ];
        assert_eq!(sent[..length], expected.concat());
    }

    #[test]
    fn the_first_refusal_is_the_reason() {
        let answers = [answer(2, libc::EEXIST), answer(3, libc::ENOENT)];
        let (mut socket, _kernel) = scripted(&answers);

        let failure = two_requests(&mut socket).unwrap_err();

        assert!(failure.is(libc::EEXIST));
    }

    #[test]
    fn an_acknowledged_last_request_does_not_hide_a_refusal_before_it() {
        for (answers, errno) in [
            // Nobody acknowledges a whole that is refused at once.
            (vec![answer(1, libc::EPERM)], libc::EPERM),
            // What failed was to commit what each request had done.
            (vec![answer(1, libc::ENOMEM), answer(3, 0)], libc::ENOMEM),
            (vec![answer(2, libc::EINVAL), answer(3, 0)], libc::EINVAL),
        ] {
            let (mut socket, _kernel) = scripted(&answers);

            let failure = two_requests(&mut socket).unwrap_err();

            assert!(failure.is(errno), "{failure:?}");
        }
    }

    #[test]
    fn a_late_answer_is_not_taken_for_this_ones() {
        let answers = [answer(1, libc::ENOMEM), answer(3, 0), answer(7, 0)];
        let (mut socket, _kernel) = scripted(&answers);

        assert!(two_requests(&mut socket).is_err());
        two_requests(&mut socket).unwrap();
    }

    #[test]
    fn nothing_to_do_is_not_sent() {
        let (mut socket, kernel) = scripted(&[]);

        socket.transaction(10, |_| ()).unwrap();

        kernel.set_nonblocking(true).unwrap();
        assert!(kernel.recv(&mut [0; 64]).is_err());
    }

    fn two_requests(socket: &mut RequestSocket) -> Result<(), Failure> {
        socket.transaction(10, |transaction| {
            transaction.request().message(0xa00, 0, |payload| {
                payload.header(*b"one.");
            });
            transaction.request().message(0xa03, 0, |payload| {
                payload.header(*b"two.");
            });
        })
    }

    fn answer(sequence: u32, errno: i32) -> Vec<u8> {
        let echoed = message_bytes(0, 0, sequence, &[]);
        message_bytes(2, 0x100, sequence, &[&ne32((-errno).cast_unsigned())[..], &echoed].concat())
    }

    fn scripted(answers: &[Vec<u8>]) -> (RequestSocket, UnixDatagram) {
        let (socket, kernel) = UnixDatagram::pair().unwrap();
        for answer in answers {
            kernel.send(answer).unwrap();
        }
        (RequestSocket::over(socket.into()), kernel)
    }
}
