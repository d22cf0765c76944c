use crate::{Cause, Expect, Kind, Layer, Outcome, Probe, Step, Transport};

/// Is there somebody who accepts connections, and, if asked, do they say the right thing?
///
/// [`connect`](Self::connect) alone passes when the connection stands, and closes it. With [`send`](Self::send) the bytes are
/// sent first; with [`expect`](Self::expect) what comes back decides, however it is cut into pieces on its way.
///
/// ```
/// use healthcheck::{Expect, Tcp};
///
/// let ssh = Tcp::connect().expect(Expect::starts_with(b"SSH-2.0-"));
/// let memcached = Tcp::connect().send(*b"version\r\n").expect(Expect::contains(b"VERSION "));
/// # drop((ssh, memcached));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Tcp {
    send: Box<[u8]>,
    sent: usize,
    expect: Option<Expect>,
}

impl Tcp {
    /// Asks for a connection, and nothing more.
    #[must_use]
    pub fn connect() -> Self {
        Self::default()
    }

    /// Sends these bytes when the connection stands.
    #[must_use]
    pub fn send(self, bytes: impl Into<Box<[u8]>>) -> Self {
        Self { send: bytes.into(), ..self }
    }

    /// Has the answer decide. Without it, all is well when everything is sent.
    #[must_use]
    pub fn expect(self, expect: Expect) -> Self {
        Self { expect: Some(expect), ..self }
    }

    fn go_on(&self) -> Step {
        if self.sent < self.send.len() || self.expect.is_some() { Step::Continue } else { self.passed() }
    }

    fn passed(&self) -> Step {
        let layer = if self.expect.is_some() { Layer::Application } else { Layer::Network };
        Step::Done(Outcome::passed(layer))
    }

    fn judge(&self, is_as_expected: Option<bool>) -> Step {
        match is_as_expected {
            None => Step::Continue,
            Some(true) => self.passed(),
            Some(false) => {
                let cause = Cause::new(Layer::Application, Kind::WrongContent, 0);
                Step::Done(Outcome::failed(cause).decisive())
            }
        }
    }
}

impl Probe for Tcp {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        self.sent = 0;
        if let Some(expect) = &mut self.expect {
            expect.restart();
        }
        self.go_on()
    }

    fn transmit(&self) -> &[u8] {
        self.send.get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, count: usize) -> Step {
        self.sent = self.sent.saturating_add(count);
        self.go_on()
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        let verdict = self.expect.as_mut().and_then(|expect| expect.take(bytes));
        self.judge(verdict)
    }

    fn end(&mut self) -> Step {
        match self.expect.as_ref().and_then(Expect::end) {
            Some(is_as_expected) => self.judge(Some(is_as_expected)),
            None => Step::Done(Outcome::failed(Cause::new(Layer::Application, Kind::Closed, 0))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_alone_is_enough_if_nothing_is_asked() {
        assert_eq!(Tcp::connect().start(0), Step::Done(Outcome::passed(Layer::Network)));
    }

    #[test]
    fn everything_is_sent_in_whatever_pieces_and_then_all_is_well() {
        let mut probe = Tcp::connect().send(*b"PING");
        assert_eq!(probe.start(0), Step::Continue);
        assert_eq!(probe.transmit(), b"PING");
        assert_eq!(probe.sent(3), Step::Continue);
        assert_eq!(probe.transmit(), b"G");
        assert_eq!(probe.sent(1), Step::Done(Outcome::passed(Layer::Network)));
    }

    #[test]
    fn a_second_run_knows_nothing_of_the_first() {
        let mut probe = Tcp::connect().send(*b"?").expect(Expect::starts_with(b"abc"));
        probe.start(0);
        probe.sent(1);
        assert_eq!(probe.receive(b"ab"), Step::Continue);

        probe.start(0);

        assert_eq!(probe.transmit(), b"?");
        assert_eq!(probe.receive(b"ab"), Step::Continue);
        assert_eq!(probe.receive(b"c"), Step::Done(Outcome::passed(Layer::Application)));
    }

    #[test]
    fn an_end_before_the_answer_is_complete_is_told_apart_from_a_wrong_answer() {
        let mut probe = Tcp::connect().expect(Expect::starts_with(b"abc"));
        probe.start(0);
        probe.receive(b"ab");
        let Step::Done(outcome) = probe.end() else { panic!("it goes on") };
        assert_eq!(outcome.cause, Cause::new(Layer::Application, Kind::Closed, 0));

        probe.start(0);
        let Step::Done(outcome) = probe.receive(b"ax") else { panic!("it goes on") };
        assert_eq!(outcome.cause, Cause::new(Layer::Application, Kind::WrongContent, 0));
        assert!(outcome.decisive);
    }
}
