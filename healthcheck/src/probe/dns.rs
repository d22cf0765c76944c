use std::{fmt, net::IpAddr};

use crate::{Cause, Kind, Layer, Outcome, Probe, Step, Transport};

mod message;
mod record;

use message::{Answer, Unreadable};
pub use record::{RecordType, RecordTypeError};

/// Does a name server answer (RFC 1035)?
///
/// It asks by UDP, and by TCP when the answer is cut short (TC). An answer counts only if it has the number and the question of
/// what was asked; anything else that comes is not the server's word, and is passed over. The server passes if it says `NOERROR`
/// and has a record of the type that was asked for.
///
/// ```
/// use healthcheck::{Dns, RecordType};
///
/// let resolver = Dns::new("www.example.com", RecordType::A)?.expect_address("192.0.2.80".parse()?);
/// let keepalived = Dns::new(".", RecordType::Soa)?.or_no_record();
/// # drop((resolver, keepalived));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Dns {
    name: Box<str>,
    record: RecordType,
    /// With its length in front, as TCP wants it.
    query: Box<[u8]>,
    wanted: Wanted,
    starts_with: Transport,
    /// What the next or current conversation runs over.
    transport: Transport,
    /// How much of the query was sent by TCP.
    sent: usize,
    /// What came by TCP.
    heard: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Reply,
    Record,
    Address(IpAddr),
}

impl Dns {
    /// Asks for records of one type of a name, as `www.example.com` or `.`, recursion desired.
    ///
    /// # Errors
    ///
    /// What is no name: a label that is empty or longer than 63 bytes, more than 253 bytes in all.
    pub fn new(name: &str, record: RecordType) -> Result<Self, DnsError> {
        let query = message::query(name, record).ok_or_else(|| DnsError(name.into()))?;
        Ok(Self {
            name: name.into(),
            record,
            query,
            wanted: Wanted::Record,
            starts_with: Transport::Datagram,
            transport: Transport::Datagram,
            sent: 0,
            heard: Vec::new(),
        })
    }

    /// Lets an answer without records pass too: keepalived's way.
    #[must_use]
    pub fn or_no_record(self) -> Self {
        Self { wanted: Wanted::Reply, ..self }
    }

    /// Wants this address among the answers, for a question about [`RecordType::A`] or [`RecordType::Aaaa`].
    #[must_use]
    pub fn expect_address(self, address: IpAddr) -> Self {
        Self { wanted: Wanted::Address(address), ..self }
    }

    /// Asks by TCP from the beginning.
    #[must_use]
    pub fn over_tcp(self) -> Self {
        Self { starts_with: Transport::Stream, transport: Transport::Stream, ..self }
    }

    /// The query, as one datagram.
    fn datagram(&self) -> &[u8] {
        self.query.get(LENGTH_LEN..).unwrap_or_default()
    }

    fn judge(&mut self, message: &[u8]) -> Step {
        let answer = match Answer::read(message, self.datagram()) {
            Ok(answer) => answer,
            // Late, forged or misled: the server may still speak.
            Err(Unreadable::NotOurs) if self.transport == Transport::Datagram => return Step::Continue,
            Err(Unreadable::NotOurs) => {
                return self.fail(Kind::Malformed, 0, "the answer is to another question");
            }
            Err(Unreadable::Malformed) => return self.fail(Kind::Malformed, 0, "the answer is malformed"),
        };
        if answer.is_truncated() && self.transport == Transport::Datagram {
            self.transport = Transport::Stream;
            return Step::Reopen;
        }
        let rcode = answer.rcode();
        if rcode != 0 {
            return self.decided(Kind::WrongStatus, rcode, &record::rcode_name(rcode));
        }
        let found = match self.wanted {
            Wanted::Reply => Ok(true),
            Wanted::Record => answer.has_record(self.record),
            Wanted::Address(address) => answer.has_address(address),
        };
        match found {
            Ok(true) => self.done(Outcome::passed(Layer::Application)),
            Ok(false) => self.decided(Kind::WrongContent, 0, &format!("no such {} record", self.record)),
            Err(_) => self.fail(Kind::Malformed, 0, "a record is malformed"),
        }
    }

    fn decided(&mut self, kind: Kind, code: u8, detail: &str) -> Step {
        let outcome = Outcome::failed(Cause::new(Layer::Application, kind, code.into()));
        self.done(outcome.decisive().with_detail(detail))
    }

    fn fail(&mut self, kind: Kind, code: i32, detail: &str) -> Step {
        self.done(Outcome::failed(Cause::new(Layer::Application, kind, code)).with_detail(detail))
    }

    fn done(&mut self, outcome: Outcome) -> Step {
        self.transport = self.starts_with;
        Step::Done(outcome)
    }
}

impl Probe for Dns {
    fn transport(&self) -> Transport {
        self.transport
    }

    fn start(&mut self, random: u64) -> Step {
        if let Some(id) = self.query.get_mut(LENGTH_LEN..LENGTH_LEN + 2) {
            id.copy_from_slice(&(random as u16).to_be_bytes());
        }
        self.sent = 0;
        self.heard.clear();
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        match self.transport {
            Transport::Stream => self.query.get(self.sent..).unwrap_or_default(),
            Transport::Datagram | Transport::Echo if self.sent == 0 => self.datagram(),
            Transport::Datagram | Transport::Echo => &[],
        }
    }

    fn sent(&mut self, count: usize) -> Step {
        self.sent = self.sent.saturating_add(count);
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        if self.transport == Transport::Datagram {
            return self.judge(bytes);
        }
        self.heard.extend_from_slice(bytes);
        let Some((length, message)) = self.heard.split_first_chunk() else { return Step::Continue };
        let length = usize::from(u16::from_be_bytes(*length));
        if message.len() < length {
            return Step::Continue;
        }
        let mut heard = std::mem::take(&mut self.heard);
        let step = self.judge(heard.get(LENGTH_LEN..LENGTH_LEN + length).unwrap_or_default());
        heard.clear();
        self.heard = heard;
        step
    }

    fn end(&mut self) -> Step {
        match self.transport {
            Transport::Stream => self.fail(Kind::Closed, 0, "the answer is incomplete"),
            Transport::Datagram | Transport::Echo => Step::Continue,
        }
    }

    fn broken(&mut self, cause: Cause) -> Outcome {
        self.transport = self.starts_with;
        Outcome::failed(cause)
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let question = format_args!("{} {}", self.name, self.record);
        f.debug_struct("Dns")
            .field("question", &question)
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

/// What is no name: the text of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no name: labels of 1 to 63 bytes with dots between, 253 bytes in all")]
pub struct DnsError(Box<str>);

/// Of the length that TCP has in front of a message.
const LENGTH_LEN: usize = 2;

#[cfg(test)]
mod tests;
