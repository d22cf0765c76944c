use std::{fmt, ops::RangeInclusive};

mod body;
mod builder;
mod framing;
mod head;

use body::Judge;
pub use builder::{HttpBuilder, HttpError};
use framing::Framing;
use head::Head;

use crate::{Cause, Kind, Layer, Outcome, Probe, Step, Transport, Verdict};

/// Does the server give the page, as it should be (HTTP/1.1, RFC 9112)?
///
/// It asks with `GET` or `HEAD`, over a connection that is closed afterwards, and judges the status, headers and body, as far as
/// it is told to. What decides is looked for as it arrives: a wrong status is known before the body, and of a body that nobody
/// asks about nothing is read. An answer that is cut short, or that is not HTTP, fails, each with its own cause.
///
/// ```
/// use healthcheck::{Expect, Http};
///
/// let shop = Http::builder("shop.example").path("/health").statuses([200..=204]).build()?;
/// let page = Http::builder("shop.example:8080")
///     .header("Accept", "text/html")
///     .expect_body(Expect::contains(b"<title>Shop</title>"))
///     .build()?;
/// # drop((shop, page));
/// # Ok::<(), healthcheck::HttpError>(())
/// ```
///
/// Over TLS, and for several pages in turn, it is put inside another probe.
#[derive(Clone)]
pub struct Http {
    request: Box<[u8]>,
    sent: usize,
    method: Method,
    wanted: Wanted,
    head: Head,
    /// Once the head is complete.
    body: Option<Body>,
}

/// What the server is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// The page.
    #[default]
    Get,
    /// Its headers, without the page.
    Head,
}

/// What the answer is held against.
#[derive(Clone, Debug)]
struct Wanted {
    statuses: Box<[RangeInclusive<u16>]>,
    draining: Box<[RangeInclusive<u16>]>,
    headers: Box<[(Box<str>, crate::Expect)]>,
    body: Judge,
}

#[derive(Clone, Debug)]
struct Body {
    framing: Framing,
    status: u16,
}

impl Http {
    /// Begins with `GET /`, version 1.1, of the server that the user would type: a name or address, with the port if it is not the
    /// usual one. Statuses 200 to 299 pass.
    pub fn builder(host: &str) -> HttpBuilder {
        HttpBuilder::new(host)
    }

    /// The head is complete: what it says, and what came with it of the body.
    fn judge_head(&mut self, rest: &[u8]) -> Step {
        let head = std::mem::take(&mut self.head);
        let step = self.judge(&head);
        let step = if step == Step::Continue { self.judge_body(rest) } else { step };
        self.head = head;
        step
    }

    fn judge(&mut self, head: &Head) -> Step {
        let mut headers = [httparse::EMPTY_HEADER; head::HEADERS_MAX];
        let answer = match head.read(self.method, &mut headers) {
            Ok(answer) => answer,
            Err(malformed) => return fail(Kind::Malformed, 0, malformed),
        };
        let status = answer.status;
        if is_in(&self.wanted.draining, status) {
            let cause = Cause::new(Layer::Application, Kind::Passed, status.into());
            return Step::Done(Outcome {
                verdict: Verdict::Drain,
                cause,
                ..Outcome::passed(Layer::Application)
            });
        }
        if !is_in(&self.wanted.statuses, status) {
            return decided(Kind::WrongStatus, status, answer.status_line);
        }
        for (name, expect) in &mut self.wanted.headers {
            if !answer.has(name, expect) {
                return decided(Kind::WrongContent, status, &format!("header {name} is not as expected"));
            }
        }
        self.wanted.body.restart();
        if !self.wanted.body.is_asked() {
            return passed(status);
        }
        self.body = Some(Body { framing: answer.framing, status });
        Step::Continue
    }

    fn judge_body(&mut self, mut bytes: &[u8]) -> Step {
        let Some(Body { framing, status }) = &mut self.body else { return Step::Continue };
        let status = *status;
        loop {
            let content = match framing.next(&mut bytes) {
                Ok(content) => content,
                Err(malformed) => return fail(Kind::Malformed, status, malformed),
            };
            if !content.is_empty()
                && let Some(is_as_expected) = self.wanted.body.take(content)
            {
                return verdict(is_as_expected, status);
            }
            if framing.is_complete() {
                return verdict(self.wanted.body.end(), status);
            }
            if content.is_empty() && bytes.is_empty() {
                return Step::Continue;
            }
        }
    }
}

impl Probe for Http {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        (self.sent, self.body) = (0, None);
        self.head.clear();
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
        if self.body.is_some() {
            return self.judge_body(bytes);
        }
        match self.head.take(bytes) {
            Ok(None) => Step::Continue,
            Ok(Some(rest)) => self.judge_head(rest),
            Err(malformed) => fail(Kind::Malformed, 0, malformed),
        }
    }

    fn end(&mut self) -> Step {
        match &self.body {
            Some(Body { framing, status }) if framing.ends_with_connection() => {
                verdict(self.wanted.body.end(), *status)
            }
            Some(Body { status, .. }) => fail(Kind::Closed, *status, "the body is incomplete"),
            None => fail(Kind::Closed, 0, self.head.first_line()),
        }
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.request.split(|byte| *byte == b'\r').next().unwrap_or_default();
        f.debug_struct("Http")
            .field("request", &String::from_utf8_lossy(line))
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

fn is_in(ranges: &[RangeInclusive<u16>], status: u16) -> bool {
    ranges.iter().any(|range| range.contains(&status))
}

fn passed(status: u16) -> Step {
    let cause = Cause::new(Layer::Application, Kind::Passed, status.into());
    Step::Done(Outcome { cause, ..Outcome::passed(Layer::Application) })
}

/// Says what a body that is decided on means.
fn verdict(body: Result<(), body::Mismatch>, status: u16) -> Step {
    match body {
        Ok(()) => passed(status),
        Err(mismatch) => decided(Kind::WrongContent, status, mismatch.0),
    }
}

/// A complete answer that is wrong leaves no room for chance.
fn decided(kind: Kind, status: u16, detail: &str) -> Step {
    let cause = Cause::new(Layer::Application, kind, status.into());
    Step::Done(Outcome::failed(cause).decisive().with_detail(detail))
}

fn fail(kind: Kind, status: u16, detail: &str) -> Step {
    let cause = Cause::new(Layer::Application, kind, status.into());
    Step::Done(Outcome::failed(cause).with_detail(detail))
}

#[cfg(test)]
mod tests;
