use std::{
    fmt,
    io::{Read, Write},
    time::{Duration, SystemTime},
};

use rustls::{ClientConnection, pki_types::ServerName};

mod config;
mod validity;

pub use config::{TlsConfig, TlsConfigBuilder, TlsError};

use crate::{Cause, Class, Kind, Layer, Outcome, Probe, Step, Transport};

/// Another probe's talk, over TLS (1.2 and 1.3).
///
/// The server is held to its certificate as by any careful client: an authority that is trusted, the name, the dates. When the
/// certificate ends is told in every [`Outcome`], and one that ends too soon can be made to [fail](Self::valid_for). Sessions are
/// not resumed, so that each run sees the certificate that a new client would see.
///
/// A server that ends the connection without TLS's own farewell has ended it all the same: what the probe inside asks about says
/// whether anything was missing.
///
/// ```
/// use healthcheck::{Http, InTurn, Rounds, Tls, TlsConfig};
///
/// # fn read_file(_path: &str) -> Vec<u8> { Vec::new() }
/// # fn probes() -> Result<(), Box<dyn std::error::Error>> {
/// // The authorities that this host trusts; elsewhere the file has other names.
/// let config = TlsConfig::builder(&read_file("/etc/ssl/certs/ca-certificates.crt")).build()?;
/// let page = Tls::new(&config, "shop.example", Http::builder("shop.example").build()?)?;
///
/// let pages = ["/", "/cart"].map(|path| Http::builder("shop.example").path(path).build());
/// let pages = pages.into_iter().collect::<Result<Vec<_>, _>>()?;
/// let pages = Tls::new(&config, "shop.example", InTurn::new(pages, Rounds::EveryRun))?;
/// # Ok(())
/// # }
/// ```
pub struct Tls<P> {
    inside: P,
    config: TlsConfig,
    name: ServerName<'static>,
    valid_for: Duration,
    /// That of the conversation that goes on.
    session: Option<Box<ClientConnection>>,
    random: u64,
    /// Whether the handshake is over, and the other probe talks.
    is_inside: bool,
    /// Whether the server has said its farewell, and the other probe was told.
    has_ended: bool,
    certificate_ends: Option<SystemTime>,
    /// What the probe inside has come to, when its last words are still to be sent.
    result: Option<Outcome>,
    outgoing: Vec<u8>,
    sent: usize,
}

impl<P: Probe> Tls<P> {
    /// Puts another probe inside. The name is what the certificate must be for, a host's name or an address; a host's name is also
    /// told to the server (SNI).
    ///
    /// # Errors
    ///
    /// The name is none.
    pub fn new(config: &TlsConfig, name: &str, inside: P) -> Result<Self, TlsError> {
        let name = ServerName::try_from(name).map_err(|_| TlsError::Name(name.into()))?;
        Ok(Self {
            inside,
            config: config.clone(),
            name: name.to_owned(),
            valid_for: Duration::ZERO,
            session: None,
            random: 0,
            is_inside: false,
            has_ended: false,
            certificate_ends: None,
            result: None,
            outgoing: Vec::new(),
            sent: 0,
        })
    }

    /// Has a certificate fail that ends within this time, so that there is an alarm before clients see one.
    #[must_use]
    pub fn valid_for(self, at_least: Duration) -> Self {
        Self { valid_for: at_least, ..self }
    }

    /// Goes as far as the bytes that came allow.
    fn take(&mut self, mut bytes: &[u8]) -> Result<Step, rustls::Error> {
        while !bytes.is_empty() {
            let Some(session) = &mut self.session else { break };
            if !matches!(session.read_tls(&mut bytes), Ok(1..)) {
                break; // of a session that the server has ended no more is read
            }
            session.process_new_packets()?;
            let step = self.talk();
            if step != Step::Continue {
                return Ok(step);
            }
        }
        self.flush();
        Ok(Step::Continue)
    }

    /// Lets the probe inside say and hear what there is.
    fn talk(&mut self) -> Step {
        if self.session.as_ref().is_none_or(|session| session.is_handshaking()) {
            return Step::Continue;
        }
        let mut step = if self.is_inside { Step::Continue } else { self.enter() };
        let mut buffer = [0; 4096];
        loop {
            step = self.say(step);
            if self.result.is_some() {
                return Step::Continue;
            }
            let Some(session) = self.session.as_mut().filter(|_| step == Step::Continue) else {
                return self.leave(step);
            };
            step = match session.reader().read(&mut buffer) {
                Ok(0) if std::mem::replace(&mut self.has_ended, true) => return Step::Continue,
                Ok(0) => self.inside.end(),
                Ok(count) => self.inside.receive(buffer.get(..count).unwrap_or_default()),
                Err(_) => return Step::Continue, // there is no more now
            };
        }
    }

    /// The handshake is over.
    fn enter(&mut self) -> Step {
        self.is_inside = true;
        let certificate = self.session.as_ref().and_then(|session| session.peer_certificates()?.first());
        self.certificate_ends = certificate.and_then(|certificate| validity::end(certificate));
        if let Some(end) = self.certificate_ends
            && !self.valid_for.is_zero()
        {
            let left = end.duration_since(SystemTime::now()).unwrap_or_default();
            if left < self.valid_for {
                let days = left.as_secs() / 86_400;
                let cause =
                    Cause::new(Layer::Tls, Kind::Certificate, i32::try_from(days).unwrap_or(i32::MAX));
                let outcome = self.inside.broken(cause);
                return Step::Done(outcome.with_detail(&format!("the certificate ends in {days} days")));
            }
        }
        self.inside.start(self.random)
    }

    /// Takes what the probe inside has to say.
    fn say(&mut self, mut step: Step) -> Step {
        while step == Step::Continue
            && let Some(session) = &mut self.session
            && !self.inside.transmit().is_empty()
        {
            // All of it is taken: what is written is sent on at once.
            let count = session.writer().write(self.inside.transmit()).unwrap_or_default();
            self.flush();
            if count == 0 {
                break;
            }
            step = self.inside.sent(count);
            if let Step::Done(outcome) = step {
                self.result = Some(outcome);
                step = Step::Continue;
                break;
            }
        }
        step
    }

    /// Takes what is to be sent out of the session.
    fn flush(&mut self) {
        if let Some(session) = &mut self.session {
            while session.wants_write() && matches!(session.write_tls(&mut self.outgoing), Ok(1..)) {}
        }
    }

    /// The conversation is over, if this step says so.
    fn leave(&mut self, step: Step) -> Step {
        match step {
            Step::Continue => Step::Continue,
            Step::Reopen => {
                self.session = None;
                Step::Reopen
            }
            Step::Done(outcome) => {
                self.session = None;
                Step::Done(Outcome { certificate_ends: self.certificate_ends, ..outcome })
            }
        }
    }

    /// What is wrong with the server's TLS, or with ours in its eyes.
    fn refused(&mut self, error: &rustls::Error) -> Step {
        #[expect(clippy::wildcard_enum_match_arm, reason = "rustls has dozens, and may have more")]
        let (kind, code) = match error {
            rustls::Error::InvalidCertificate(_) => (Kind::Certificate, 0),
            rustls::Error::AlertReceived(alert) => (Kind::Alert, u8::from(*alert).into()),
            _ => (Kind::Malformed, 0),
        };
        let outcome = self.inside.broken(Cause::new(Layer::Tls, kind, code));
        let outcome = outcome.with_detail(&error.to_string());
        let is_decisive = kind == Kind::Certificate;
        self.leave(Step::Done(if is_decisive { outcome.decisive() } else { outcome }))
    }
}

impl<P: Probe> Probe for Tls<P> {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn class(&self) -> Class {
        Class::Tls
    }

    fn start(&mut self, random: u64) -> Step {
        (self.random, self.is_inside, self.certificate_ends) = (random, false, None);
        self.has_ended = false;
        (self.session, self.result, self.sent) = (None, None, 0);
        self.outgoing.clear();
        match ClientConnection::new(self.config.client(), self.name.clone()) {
            Ok(session) => self.session = Some(Box::new(session)),
            Err(error) => return self.refused(&error),
        }
        self.flush();
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        self.outgoing.get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, count: usize) -> Step {
        self.sent = self.sent.saturating_add(count);
        if self.sent >= self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
            if let Some(outcome) = self.result.take() {
                return self.leave(Step::Done(outcome));
            }
        }
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        self.take(bytes).unwrap_or_else(|error| self.refused(&error))
    }

    fn end(&mut self) -> Step {
        let step = if let Some(outcome) = self.result.take() {
            Step::Done(outcome)
        } else if self.has_ended {
            Step::Continue
        } else if self.is_inside {
            self.inside.end()
        } else {
            let outcome = self.inside.broken(Cause::new(Layer::Tls, Kind::Closed, 0));
            Step::Done(outcome.with_detail("the server ended the connection in the handshake"))
        };
        self.leave(step)
    }

    fn broken(&mut self, cause: Cause) -> Outcome {
        let is_handshaking = self.session.is_some() && !self.is_inside && cause.layer != Layer::Local;
        let layer = if is_handshaking { Layer::Tls } else { cause.layer };
        self.session = None;
        let outcome = match self.result.take() {
            Some(outcome) => outcome,
            None => self.inside.broken(Cause { layer, ..cause }),
        };
        Outcome { certificate_ends: self.certificate_ends.take(), ..outcome }
    }
}

impl<P: fmt::Debug> fmt::Debug for Tls<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name.to_str())
            .field("inside", &self.inside)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
