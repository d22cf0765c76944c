use crate::{Cause, Expect, Kind, Layer, Outcome, Probe, Step, Transport};

/// Is there something that takes datagrams, and, if asked, does it answer?
///
/// Of UDP, silence is no news: without [`expect`](Self::expect) the target passes when the deadline comes and nothing has said
/// that the port is closed (ICMP port unreachable). A firewall that drops these, or a host that limits them, looks the same as
/// health; where the service can be made to answer, expect that.
///
/// ```
/// use healthcheck::{Expect, Udp};
///
/// let log_server = Udp::new(*b"<14>check");
/// let stun = Udp::new([0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
///     .expect(Expect::matches("01 01 xx xx 21 12 a4 42".parse()?));
/// # drop((log_server, stun));
/// # Ok::<(), healthcheck::PatternError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Udp {
    payload: Box<[u8]>,
    is_sent: bool,
    expect: Option<Expect>,
}

impl Udp {
    /// Sends this datagram.
    #[must_use]
    pub fn new(payload: impl Into<Box<[u8]>>) -> Self {
        Self { payload: payload.into(), is_sent: false, expect: None }
    }

    /// Asks for an answer, and has the first one decide.
    #[must_use]
    pub fn expect(self, expect: Expect) -> Self {
        Self { expect: Some(expect), ..self }
    }
}

impl Probe for Udp {
    fn transport(&self) -> Transport {
        Transport::Datagram
    }

    fn start(&mut self, _random: u64) -> Step {
        self.is_sent = false;
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        if self.is_sent { &[] } else { &self.payload }
    }

    fn sent(&mut self, _count: usize) -> Step {
        self.is_sent = true;
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        let Some(expect) = &mut self.expect else {
            return Step::Done(Outcome::passed(Layer::Application));
        };
        // A datagram is whole.
        expect.restart();
        let taken = if bytes.is_empty() { None } else { expect.take(bytes) };
        Step::Done(match taken.or_else(|| expect.end()) {
            Some(true) => Outcome::passed(Layer::Application),
            Some(false) | None => {
                Outcome::failed(Cause::new(Layer::Application, Kind::WrongContent, 0)).decisive()
            }
        })
    }

    fn end(&mut self) -> Step {
        Step::Continue
    }

    fn broken(&mut self, cause: Cause) -> Outcome {
        if cause.kind == Kind::TimedOut && self.expect.is_none() && self.is_sent {
            Outcome::passed(Layer::Network)
        } else {
            Outcome::failed(cause)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    const SILENCE: Cause = Cause::new(Layer::Application, Kind::TimedOut, 0);
    const REFUSED: Cause = Cause::new(Layer::Network, Kind::Failed, 111);

    fn asked(mut probe: Udp) -> Udp {
        probe.start(0);
        assert_eq!(probe.transmit(), b"?");
        probe.sent(1);
        assert_eq!(probe.transmit(), b"");
        probe
    }

    #[test]
    fn silence_is_health_unless_an_answer_is_asked_for() {
        let plain = || asked(Udp::new(*b"?"));
        let asking = || asked(Udp::new(*b"?").expect(Expect::starts_with(b"ab")));

        assert_eq!(plain().broken(SILENCE).verdict, Verdict::Pass);
        assert_eq!(plain().broken(REFUSED), Outcome::failed(REFUSED));
        assert_eq!(asking().broken(SILENCE), Outcome::failed(SILENCE));
        assert_eq!(plain().receive(b""), Step::Done(Outcome::passed(Layer::Application)));
        for (answer, verdict) in [(&b"abc"[..], Verdict::Pass), (b"a", Verdict::Fail), (b"", Verdict::Fail)] {
            let Step::Done(outcome) = asking().receive(answer) else { panic!("it goes on") };
            assert_eq!(outcome.verdict, verdict, "{answer:?}");
        }
    }

    #[test]
    fn what_was_never_sent_is_not_silence() {
        let mut probe = Udp::new(*b"?");
        probe.start(0);
        assert_eq!(probe.broken(SILENCE).verdict, Verdict::Fail);
    }
}
