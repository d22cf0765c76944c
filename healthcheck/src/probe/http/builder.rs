use std::ops::RangeInclusive;

use super::{Http, Method, Wanted, body::Judge, head::Head};
use crate::{Digest, Expect};

/// Settings of an [`Http`] to be.
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpBuilder {
    host: String,
    path: String,
    method: Method,
    version: &'static str,
    headers: Vec<(String, String)>,
    statuses: Vec<RangeInclusive<u16>>,
    draining: Vec<RangeInclusive<u16>>,
    expected: Vec<(Box<str>, Expect)>,
    body: Judge,
}

impl HttpBuilder {
    pub(super) fn new(host: &str) -> Self {
        Self {
            host: host.into(),
            path: "/".into(),
            method: Method::Get,
            version: "HTTP/1.1",
            headers: Vec::new(),
            statuses: Vec::new(),
            draining: Vec::new(),
            expected: Vec::new(),
            body: Judge::default(),
        }
    }

    /// Sets what is asked for, from the first slash on: `/` if not set.
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// Sets the method.
    pub fn method(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Asks by version 1.0, which knows no chunks: for servers that know nothing newer.
    pub fn http_1_0(mut self) -> Self {
        self.version = "HTTP/1.0";
        self
    }

    /// Adds a header to the request. `Host`, `User-Agent` and `Connection` are there; given here, they take the place of ours.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets which statuses pass: 200 to 299 if not set.
    pub fn statuses(mut self, statuses: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        self.statuses = statuses.into_iter().collect();
        self
    }

    /// Sets which statuses say that the server is well and wants no new connections ([`Verdict::Drain`](crate::Verdict::Drain)).
    pub fn draining(mut self, statuses: impl IntoIterator<Item = RangeInclusive<u16>>) -> Self {
        self.draining = statuses.into_iter().collect();
        self
    }

    /// Has a header of the answer decide; of several of that name, one that is as expected is enough.
    pub fn expect_header(mut self, name: &str, value: Expect) -> Self {
        self.expected.push((name.into(), value));
        self
    }

    /// Has the body decide, by what it begins with or contains.
    pub fn expect_body(mut self, expect: Expect) -> Self {
        self.body.expect = Some(expect);
        self
    }

    /// Has the body decide, by its digest: keepalived's `digest`, as its `genhash` prints it. Of a body of more than
    /// [`body_limit`](Self::body_limit) there is none.
    pub fn digest(mut self, digest: Digest) -> Self {
        self.body.digest = Some(digest);
        self
    }

    /// Has the body decide, by a regular expression that is found somewhere in its first [`body_limit`](Self::body_limit) bytes, or
    /// nowhere there. Syntax and limits are those of the crate `regex`, for bytes.
    ///
    /// # Errors
    ///
    /// It is none.
    #[cfg(feature = "regex")]
    pub fn regex(mut self, pattern: &str, found: crate::Found) -> Result<Self, HttpError> {
        let regex = regex::bytes::Regex::new(pattern);
        let regex = regex.map_err(|error| HttpError::Regex(error.to_string().into()))?;
        self.body.regex = Some((regex, found));
        Ok(self)
    }

    /// Sets how many bytes of a body are looked at: 65,536 if not set. What comes after them has no effect, but that there is no
    /// digest.
    pub fn body_limit(mut self, bytes: u32) -> Self {
        self.body.limit = bytes;
        self
    }

    /// Puts the request together.
    ///
    /// # Errors
    ///
    /// A host, path or header that has what does not belong there; a body that is asked about with `HEAD`.
    pub fn build(self) -> Result<Http, HttpError> {
        if self.host.is_empty() || !self.host.bytes().all(is_visible) {
            return Err(HttpError::Host(self.host.into()));
        }
        if !self.path.starts_with('/') || !self.path.bytes().all(is_visible) {
            return Err(HttpError::Path(self.path.into()));
        }
        if self.method == Method::Head && self.body.is_asked() {
            return Err(HttpError::BodyOfHead);
        }
        let request = self.request()?;
        let statuses = if self.statuses.is_empty() { vec![200..=299] } else { self.statuses };
        Ok(Http {
            request: request.into_bytes().into(),
            sent: 0,
            method: self.method,
            wanted: Wanted {
                statuses: statuses.into(),
                draining: self.draining.into(),
                headers: self.expected.into(),
                body: self.body,
            },
            head: Head::default(),
            body: None,
        })
    }

    fn request(&self) -> Result<String, HttpError> {
        let method = match self.method {
            Method::Get => "GET",
            Method::Head => "HEAD",
        };
        let mut request = format!("{method} {} {}\r\n", self.path, self.version);
        let is_given = |name: &str| self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
        for (name, value) in
            [("Host", self.host.as_str()), ("User-Agent", "healthcheck"), ("Connection", "close")]
        {
            if !is_given(name) {
                request += &format!("{name}: {value}\r\n");
            }
        }
        for (name, value) in &self.headers {
            let is_name = !name.is_empty() && name.bytes().all(is_token);
            let is_value = value.bytes().all(|byte| is_visible(byte) || byte == b' ' || byte == b'\t');
            if !is_name || !is_value {
                return Err(HttpError::Header(name.as_str().into()));
            }
            request += &format!("{name}: {value}\r\n");
        }
        Ok(request + "\r\n")
    }
}

/// Why there is no such request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// Empty, or with a space or control character.
    #[error("'{0}' is no name of a host")]
    Host(Box<str>),
    /// Without a slash at its beginning, or with a space or control character.
    #[error("'{0}' is no path: it begins with / and has no spaces (write %20)")]
    Path(Box<str>),
    /// A name that is no token of RFC 9110, or a value with a control character.
    #[error("header '{0}' has characters that do not belong there")]
    Header(Box<str>),
    /// An answer to `HEAD` has none.
    #[error("an answer to HEAD has no body to look at: use GET")]
    BodyOfHead,
    /// What the crate `regex` says.
    #[error("no regular expression: {0}")]
    Regex(Box<str>),
}

fn is_visible(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
