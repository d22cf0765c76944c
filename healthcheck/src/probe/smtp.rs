use super::lines::Lines;
use crate::{Cause, Kind, Layer, Outcome, Probe, Step, Transport};

/// Does the mail server greet, and say hello in return (SMTP, RFC 5321)?
///
/// It waits for the greeting (220), says `EHLO`, or `HELO` where that is not understood (5xx), waits for 250, says `QUIT` and
/// leaves. Replies of several lines are read as one.
///
/// ```
/// use healthcheck::Smtp;
///
/// let mail = Smtp::new("checker.example.org")?;
/// # drop(mail);
/// # Ok::<(), healthcheck::SmtpError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Smtp {
    name: Box<str>,
    phase: Phase,
    lines: Lines,
    outgoing: Vec<u8>,
    sent: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Greeting,
    Ehlo,
    Helo,
    /// All is well; what is left is to say so.
    Quit,
}

impl Smtp {
    /// Says hello by this name: the checker's own, a domain name or `[192.0.2.1]`.
    ///
    /// # Errors
    ///
    /// It is empty, or has spaces or control characters.
    pub fn new(name: &str) -> Result<Self, SmtpError> {
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(SmtpError(name.into()));
        }
        let (lines, outgoing) = (Lines::default(), Vec::new());
        Ok(Self { name: name.into(), phase: Phase::Greeting, lines, outgoing, sent: 0 })
    }

    /// A reply is complete.
    fn hear(&mut self, code: u16, line: &str) -> Step {
        match (self.phase, code) {
            (Phase::Greeting, 220) => self.say(Phase::Ehlo, "EHLO"),
            (Phase::Ehlo | Phase::Helo, 250) => {
                self.phase = Phase::Quit;
                self.outgoing.extend_from_slice(b"QUIT\r\n");
                Step::Continue
            }
            (Phase::Ehlo, 500..=599) => self.say(Phase::Helo, "HELO"),
            (Phase::Quit, _) => Step::Done(self.passed()),
            (Phase::Greeting | Phase::Ehlo | Phase::Helo, code) => {
                let cause = Cause::new(Layer::Application, Kind::WrongStatus, code.into());
                Step::Done(Outcome::failed(cause).decisive().with_detail(line))
            }
        }
    }

    fn say(&mut self, phase: Phase, word: &str) -> Step {
        self.phase = phase;
        self.outgoing.extend_from_slice(format!("{word} {}\r\n", self.name).as_bytes());
        Step::Continue
    }

    fn passed(&self) -> Outcome {
        Outcome {
            cause: Cause::new(Layer::Application, Kind::Passed, 250),
            ..Outcome::passed(Layer::Application)
        }
    }
}

impl Probe for Smtp {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        (self.phase, self.sent) = (Phase::Greeting, 0);
        self.lines.clear();
        self.outgoing.clear();
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        self.outgoing.get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, count: usize) -> Step {
        self.sent = self.sent.saturating_add(count);
        // Nobody waits for what a server says to that.
        let is_over = self.phase == Phase::Quit && self.transmit().is_empty();
        if is_over { Step::Done(self.passed()) } else { Step::Continue }
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        self.lines.take(bytes);
        loop {
            let line = match self.lines.next() {
                Ok(None) => return Step::Continue,
                Ok(Some(line)) => line,
                Err(_) => return malformed("a line has more than 4 KiB"),
            };
            let Some((code, is_last)) = read(line) else {
                return malformed(&line.escape_ascii().to_string());
            };
            if is_last {
                let line = String::from_utf8_lossy(line).into_owned();
                let step = self.hear(code, &line);
                if step != Step::Continue || self.phase == Phase::Quit {
                    return step;
                }
            }
        }
    }

    fn end(&mut self) -> Step {
        let outcome = match self.phase {
            Phase::Quit => self.passed(),
            Phase::Greeting | Phase::Ehlo | Phase::Helo => {
                Outcome::failed(Cause::new(Layer::Application, Kind::Closed, 0))
            }
        };
        Step::Done(outcome)
    }
}

/// Reads a line of a reply: its code, and whether it is the last. The fourth fault of another was to know no hyphen.
fn read(line: &[u8]) -> Option<(u16, bool)> {
    let (code, rest) = line.split_first_chunk::<3>()?;
    let code = str::from_utf8(code).ok().filter(|code| code.bytes().all(|byte| byte.is_ascii_digit()))?;
    let is_last = match rest.first() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return None,
    };
    Some((code.parse().ok()?, is_last))
}

fn malformed(detail: &str) -> Step {
    Step::Done(Outcome::failed(Cause::new(Layer::Application, Kind::Malformed, 0)).with_detail(detail))
}

/// A name that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no name to say hello by")]
pub struct SmtpError(Box<str>);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, probe::play::outcome_of};

    /// Hears the replies one by one, each when it is due, whatever the pieces; returns what was said.
    fn talk(replies: &[&str], size: usize) -> (Option<Outcome>, String) {
        let mut probe = Smtp::new("me.example").unwrap();
        let mut said = String::new();
        let mut step = probe.start(0);
        for reply in replies {
            for piece in reply.as_bytes().chunks(size) {
                if step == Step::Continue {
                    step = probe.receive(piece);
                }
            }
            while step == Step::Continue && !probe.transmit().is_empty() {
                said.push(probe.transmit()[0].into());
                step = probe.sent(1);
            }
        }
        let outcome = if let Step::Done(outcome) = step { Some(outcome) } else { None };
        (outcome, said)
    }

    #[test]
    fn fault_4_a_reply_may_have_several_lines() {
        for size in 1..60 {
            let (outcome, said) = talk(
                &["220-mail.example\r\n220 ready\r\n", "250-mail.example\r\n250-SIZE 1000\r\n250 HELP\r\n"],
                size,
            );

            assert_eq!(outcome.map(|outcome| outcome.verdict), Some(Verdict::Pass));
            assert_eq!(said, "EHLO me.example\r\nQUIT\r\n");
        }
    }

    #[test]
    fn a_server_that_knows_no_ehlo_is_asked_as_in_1982() {
        let (outcome, said) = talk(&["220 ready\r\n", "502 what?\r\n", "250\r\n"], 100);

        assert_eq!(outcome.map(|outcome| outcome.verdict), Some(Verdict::Pass));
        assert_eq!(said, "EHLO me.example\r\nHELO me.example\r\nQUIT\r\n");
    }

    #[test]
    fn what_a_server_says_against_it_is_told() {
        for (replies, kind, code) in [
            (&["554 no service\r\n"][..], Kind::WrongStatus, 554),
            (&["220 ready\r\n", "421 going down\r\n"], Kind::WrongStatus, 421),
            (&["220 ready\r\n", "502\r\n", "502 no\r\n"], Kind::WrongStatus, 502),
            (&["SSH-2.0-x\r\n"], Kind::Malformed, 0),
            (&["22 ready\r\n"], Kind::Malformed, 0),
            (&["220_ready\r\n"], Kind::Malformed, 0),
        ] {
            let outcome = talk(replies, 100).0.expect("an outcome");
            assert_eq!(outcome.cause, Cause::new(Layer::Application, kind, code), "{replies:?}");
        }
        let mut probe = Smtp::new("me.example").unwrap();
        assert_eq!(outcome_of(&mut probe, b"220-more").cause.kind, Kind::Closed);
        assert_eq!(outcome_of(&mut probe, &[b'2'; 5000]).cause.kind, Kind::Malformed);
        assert!(Smtp::new("a b").is_err());
    }
}
