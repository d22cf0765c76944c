use super::lines::Lines;
use crate::{Cause, Kind, Layer, Outcome, Probe, Step, Transport};

/// Does a Redis server say `PONG` (RESP)?
///
/// One that is loading its data, or wants a password that it was not given, answers with an error: that fails, and the error is
/// told.
///
/// ```
/// use healthcheck::Redis;
///
/// let cache = Redis::new().auth("check", "s3cr3t");
/// # drop(cache);
/// ```
#[derive(Clone)]
pub struct Redis {
    request: Box<[u8]>,
    sent: usize,
    /// How many replies come before the one to `PING`.
    before: u8,
    heard: u8,
    lines: Lines,
}

impl Redis {
    /// Asks without a password.
    #[must_use]
    pub fn new() -> Self {
        Self { request: (*PING).into(), sent: 0, before: 0, heard: 0, lines: Lines::default() }
    }

    /// Says who asks first: a user, `default` if empty, and a password. A server before version 6 knows no users: leave it empty.
    #[must_use]
    pub fn auth(self, user: &str, password: &str) -> Self {
        let words = ["AUTH", user, password].into_iter().filter(|word| !word.is_empty());
        let words: Vec<_> = words.collect();
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words {
            request.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
        }
        request.extend_from_slice(PING);
        Self { request: request.into(), before: 1, ..self }
    }
}

impl Default for Redis {
    fn default() -> Self {
        Self::new()
    }
}

impl Probe for Redis {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        (self.sent, self.heard) = (0, 0);
        self.lines.clear();
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        self.request.get(self.sent..).unwrap_or_default()
    }

    fn sent(&mut self, count: usize) -> Step {
        self.sent = self.sent.saturating_add(count);
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        self.lines.take(bytes);
        let fail = |kind, detail: &str| {
            let outcome = Outcome::failed(Cause::new(Layer::Application, kind, 0));
            Step::Done(outcome.with_detail(detail))
        };
        loop {
            let line = match self.lines.next() {
                Ok(None) => return Step::Continue,
                Ok(Some(line)) => line,
                Err(_) => return fail(Kind::Malformed, "a line has more than 4 KiB"),
            };
            match line {
                b"+PONG" => return Step::Done(Outcome::passed(Layer::Application)),
                [b'+', ..] if self.heard < self.before => self.heard += 1,
                [b'-', error @ ..] => return fail(Kind::WrongStatus, &String::from_utf8_lossy(error)),
                line => return fail(Kind::Malformed, &line.escape_ascii().to_string()),
            }
        }
    }

    fn end(&mut self) -> Step {
        Step::Done(Outcome::failed(Cause::new(Layer::Application, Kind::Closed, 0)))
    }
}

impl std::fmt::Debug for Redis {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redis").field("has_password", &(self.before > 0)).finish_non_exhaustive()
    }
}

const PING: &[u8; 14] = b"*1\r\n$4\r\nPING\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Verdict, probe::play::outcome_of};

    #[test]
    fn a_pong_passes_and_an_error_is_told() {
        let mut probe = Redis::new();
        assert_eq!(outcome_of(&mut probe, b"+PONG\r\n").verdict, Verdict::Pass);
        let loading = outcome_of(&mut probe, b"-LOADING Redis is loading the dataset in memory\r\n");
        assert_eq!(loading.cause.kind, Kind::WrongStatus);
        assert_eq!(loading.detail.as_deref(), Some("LOADING Redis is loading the dataset in memory"));
        assert_eq!(outcome_of(&mut probe, b"+OK\r\n").cause.kind, Kind::Malformed);
        assert_eq!(outcome_of(&mut probe, b"+PON").cause.kind, Kind::Closed);
    }

    #[test]
    fn a_password_is_said_first_and_to_nobody_else() {
        let mut probe = Redis::new().auth("check", "s3cr3t");
        assert_eq!(
            probe.transmit(),
            b"*3\r\n$4\r\nAUTH\r\n$5\r\ncheck\r\n$6\r\ns3cr3t\r\n*1\r\n$4\r\nPING\r\n"
        );
        assert_eq!(outcome_of(&mut probe, b"+OK\r\n+PONG\r\n").verdict, Verdict::Pass);
        assert_eq!(outcome_of(&mut probe, b"-WRONGPASS x\r\n-NOAUTH y\r\n").cause.kind, Kind::WrongStatus);
        assert!(!format!("{probe:?}").contains("s3cr3t"));
        assert_eq!(
            Redis::new().auth("", "x").transmit(),
            b"*2\r\n$4\r\nAUTH\r\n$1\r\nx\r\n*1\r\n$4\r\nPING\r\n"
        );
    }
}
