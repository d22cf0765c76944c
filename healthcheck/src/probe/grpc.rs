use std::fmt;

use crate::{Cause, Kind, Layer, Outcome, Probe, Step, Transport};

mod frame;
mod header;
mod request;

use frame::{Frame, Frames};
use header::Status;

/// Does a gRPC server say that it is `SERVING` (`grpc.health.v1.Health/Check`)?
///
/// It speaks as much of HTTP/2 (RFC 9113) as one question takes, without an upgrade. A server without the health service, or one
/// that does not know the service asked about, fails, each with gRPC's own status.
///
/// Over TLS, servers want to hear `h2` by ALPN:
///
/// ```
/// use healthcheck::Grpc;
///
/// let whole_server = Grpc::new("shop.example:50051");
/// let one_service = Grpc::new("shop.example").service("shop.v1.Cart");
///
/// # #[cfg(feature = "tls")]
/// # fn over_tls(authorities: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// use healthcheck::{Tls, TlsConfig};
///
/// let config = TlsConfig::builder(authorities).protocols(["h2"]).build()?;
/// let secured = Tls::new(&config, "shop.example", Grpc::new("shop.example").https())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Grpc {
    authority: Box<str>,
    service: Box<str>,
    is_https: bool,
    request: Box<[u8]>,
    sent: usize,
    /// Acknowledgements, which are sent after the request.
    owed: Vec<u8>,
    frames: Frames,
    /// Of the headers or trailers that are being received.
    block: Vec<u8>,
    message: Vec<u8>,
    status: Status,
}

impl Grpc {
    /// Asks about the server as a whole. The authority is what clients dial, a name or address with the port.
    #[must_use]
    pub fn new(authority: &str) -> Self {
        Self {
            authority: authority.into(),
            service: Box::default(),
            is_https: false,
            request: Box::default(),
            sent: 0,
            owed: Vec::new(),
            frames: Frames::default(),
            block: Vec::new(),
            message: Vec::new(),
            status: Status::default(),
        }
        .written()
    }

    /// Asks about one service, by its full name.
    #[must_use]
    pub fn service(self, name: &str) -> Self {
        Self { service: name.into(), ..self }.written()
    }

    /// Says that it comes over TLS (`:scheme https`), for inside of [`Tls`](crate::Probe#implementors).
    #[must_use]
    pub fn https(self) -> Self {
        Self { is_https: true, ..self }.written()
    }

    fn written(self) -> Self {
        let request = request::write(&self.authority, &self.service, self.is_https);
        Self { request: request.into(), ..self }
    }

    /// Takes a frame; `Ok(None)` if another must come.
    fn take(&mut self, frame: Frame) -> Result<Option<Outcome>, &'static str> {
        match frame {
            Frame::Settings => self.owe(&request::SETTINGS_ACK)?,
            Frame::Ping(payload) => self.owe(&request::pong(payload))?,
            Frame::GoAway { code } => {
                let outcome = Outcome::failed(Cause::new(Layer::Application, Kind::Closed, code as i32));
                return Ok(Some(outcome.with_detail("the server goes away (HTTP/2 GOAWAY)")));
            }
            Frame::Reset { code } => {
                let outcome = Outcome::failed(Cause::new(Layer::Application, Kind::Closed, code as i32));
                return Ok(Some(outcome.with_detail("the server has reset the request (HTTP/2 RST_STREAM)")));
            }
            Frame::Headers { is_complete, ends, block } => {
                self.block.extend_from_slice(&block);
                if self.block.len() > BLOCK_MAX {
                    return Err("there are more than 16 KiB of headers");
                }
                self.status.ends |= ends;
                if is_complete {
                    let read = self.status.read(&self.block);
                    self.block.clear();
                    read?;
                    return Ok(self.after_headers());
                }
            }
            Frame::Data { ends, content } => {
                self.message.extend_from_slice(&content);
                if self.message.len() > MESSAGE_MAX {
                    return Err("the answer has more than 4 KiB");
                }
                if ends {
                    return Err("the answer ends without a gRPC status");
                }
            }
            Frame::Other => {}
        }
        Ok(None)
    }

    /// What headers or trailers come to.
    fn after_headers(&self) -> Option<Outcome> {
        let wrong = |code: u16, detail: &str| {
            let cause = Cause::new(Layer::Application, Kind::WrongStatus, code.into());
            Some(Outcome::failed(cause).decisive().with_detail(detail))
        };
        match (self.status.http, self.status.grpc) {
            (Some(http), None) if http != 200 => wrong(http, "the HTTP status is not 200"),
            (_, Some(0)) => Some(self.judge_message()),
            (_, Some(status)) => wrong(status, header::status_name(status)),
            (_, None) if self.status.ends => {
                let cause = Cause::new(Layer::Application, Kind::Malformed, 0);
                Some(Outcome::failed(cause).with_detail("the answer ends without a gRPC status"))
            }
            (_, None) => None,
        }
    }

    fn judge_message(&self) -> Outcome {
        let fail = |kind, code, detail| {
            Outcome::failed(Cause::new(Layer::Application, kind, code)).with_detail(detail)
        };
        match request::serving_status(&self.message) {
            Some(1) => Outcome::passed(Layer::Application),
            Some(2) => fail(Kind::WrongContent, 2, "NOT_SERVING").decisive(),
            Some(3) => fail(Kind::WrongContent, 3, "SERVICE_UNKNOWN").decisive(),
            Some(_) => fail(Kind::WrongContent, 0, "UNKNOWN"),
            None => fail(Kind::Malformed, 0, "the message is no HealthCheckResponse"),
        }
    }

    fn owe(&mut self, frame: &[u8]) -> Result<(), &'static str> {
        self.owed.extend_from_slice(frame);
        if self.owed.len() > OWED_MAX { Err("the server asks for more than it reads") } else { Ok(()) }
    }
}

impl Probe for Grpc {
    fn transport(&self) -> Transport {
        Transport::Stream
    }

    fn start(&mut self, _random: u64) -> Step {
        self.sent = 0;
        self.owed.clear();
        self.frames.clear();
        self.block.clear();
        self.message.clear();
        self.status = Status::default();
        Step::Continue
    }

    fn transmit(&self) -> &[u8] {
        match self.request.get(self.sent..) {
            Some(rest @ [_, ..]) => rest,
            Some([]) | None => &self.owed,
        }
    }

    fn sent(&mut self, count: usize) -> Step {
        if self.sent < self.request.len() {
            self.sent += count;
        } else {
            self.owed.drain(..count.min(self.owed.len()));
        }
        Step::Continue
    }

    fn receive(&mut self, bytes: &[u8]) -> Step {
        self.frames.take(bytes);
        loop {
            let taken = match self.frames.next() {
                Ok(None) => return Step::Continue,
                Ok(Some(frame)) => self.take(frame),
                Err(error) => Err(error),
            };
            match taken {
                Ok(None) => {}
                Ok(Some(outcome)) => return Step::Done(outcome),
                Err(error) => {
                    let cause = Cause::new(Layer::Application, Kind::Malformed, 0);
                    return Step::Done(Outcome::failed(cause).with_detail(error));
                }
            }
        }
    }

    fn end(&mut self) -> Step {
        Step::Done(Outcome::failed(Cause::new(Layer::Application, Kind::Closed, 0)))
    }
}

impl fmt::Debug for Grpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grpc")
            .field("authority", &self.authority)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

const BLOCK_MAX: usize = 16 * 1024;
const MESSAGE_MAX: usize = 4 * 1024;
const OWED_MAX: usize = 4 * 1024;

#[cfg(test)]
mod tests;
