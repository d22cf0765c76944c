//! `ipvsadm`'s lines, taken apart.

mod options;
mod values;

use std::str::FromStr;

use self::options::{Arguments, Opt};
use crate::{
    destination::{Destination, Forwarding},
    error::{ConfigError, ParseError, Problem},
    service::{Granularity, Persistence, Scheduler, Service, ServiceFlags, ServiceId},
};

/// What a line of a table says.
#[derive(Copy, Clone, Debug)]
pub(super) enum Line {
    Service(Service),
    Destination(ServiceId, Destination),
}

/// Reads a line, `None` if it is empty or a comment.
pub(super) fn line(line: &str) -> Result<Option<Line>, ParseError> {
    let mut words = line.split_whitespace().peekable();
    words.next_if_eq(&"ipvsadm");
    let Some(first) = words.peek().copied().filter(|word| !word.starts_with('#')) else {
        return Ok(None);
    };
    let mut arguments = Arguments::read(words)?;
    let line = if arguments.take(Opt::AddService).is_some() {
        Line::Service(service(&mut arguments)?)
    } else if arguments.take(Opt::AddDestination).is_some() {
        let id = service_id(&mut arguments)?;
        Line::Destination(id, destination(&mut arguments, Some(&id))?)
    } else {
        return Err(ParseError::new(first, Problem::Command));
    };
    arguments.finish().map(|()| Some(line))
}

impl FromStr for ServiceId {
    type Err = ParseError;

    /// Reads `-t 192.0.2.1:80`, `-f 7 -6`, or with long options.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut arguments = Arguments::read(text.split_whitespace())?;
        let id = service_id(&mut arguments)?;
        arguments.finish().map(|()| id)
    }
}

impl FromStr for Service {
    type Err = ParseError;

    /// Reads `-A -t 192.0.2.1:80 -s wrr`, or with long options. The scheduler is `wlc` if none is given, the persistence
    /// timeout 360 seconds, as with `ipvsadm`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match line(text)? {
            Some(Line::Service(service)) => Ok(service),
            Some(Line::Destination(..)) => Err(ParseError::new("-a", Problem::Misplaced)),
            None => Err(ParseError::new(text, Problem::Missing("-A"))),
        }
    }
}

impl FromStr for Destination {
    type Err = ParseError;

    /// Reads `-r 10.0.0.1:80 -g -w 1`, or with long options. Forwarding is direct routing if none is given, and the weight 1,
    /// as with `ipvsadm`.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut arguments = Arguments::read(text.split_whitespace())?;
        let destination = destination(&mut arguments, None)?;
        arguments.finish().map(|()| destination)
    }
}

fn service_id(arguments: &mut Arguments<'_>) -> Result<ServiceId, ParseError> {
    let kinds = [Opt::Tcp, Opt::Udp, Opt::Sctp, Opt::FirewallMark];
    let mut given = kinds.into_iter().filter_map(|opt| Some((opt, arguments.take(opt)?)));
    let Some((opt, argument)) = given.next() else {
        return Err(ParseError::new("", Problem::Missing("-t, -u, --sctp-service or -f")));
    };
    if let Some((_, other)) = given.next() {
        return Err(other.error(Problem::Twice));
    }
    drop(given);
    match opt.protocol() {
        Some(protocol) => {
            let address = values::address(&argument, Some(0))?;
            ServiceId::new(protocol, address).map_err(|error| argument.error(error))
        }
        None => {
            let family = values::family(arguments.take(Opt::Ipv6));
            let mark = values::mark(&argument)?;
            ServiceId::firewall_mark(mark, family).map_err(|error| argument.error(error))
        }
    }
}

fn service(arguments: &mut Arguments<'_>) -> Result<Service, ParseError> {
    let id = service_id(arguments)?;
    let mut builder = Service::builder(id);
    let mut scheduler = Scheduler::default();
    if let Some(argument) = arguments.take(Opt::Scheduler) {
        scheduler = argument.value.parse().map_err(|error: ConfigError| argument.error(error))?;
        builder = builder.scheduler(scheduler);
    }
    if let Some(persistence) = persistence(arguments, &id)? {
        builder = builder.persistence(persistence);
    }
    if let Some(argument) = arguments.take(Opt::Engine) {
        builder = builder.persistence_engine(argument.value);
    }
    builder = builder.flags(flags(arguments, scheduler)?);
    builder.build().map_err(|error| ParseError::new(culprit(error, arguments), error))
}

fn persistence(arguments: &mut Arguments<'_>, id: &ServiceId) -> Result<Option<Persistence>, ParseError> {
    let granularity = arguments.take(Opt::Netmask);
    let Some(timeout) = arguments.take(Opt::Persistent) else {
        // Without persistence the kernel holds a granularity that has no effect, and `ipvsadm -Sn` does not print it.
        return granularity.map_or(Ok(None), |argument| values::granularity(&argument, id).map(|_| None));
    };
    let persistence = Persistence::new(values::persistence_timeout(&timeout)?);
    let persistence = persistence.map_err(|error| timeout.error(error))?;
    let granularity: Option<Granularity> =
        granularity.map(|argument| values::granularity(&argument, id)).transpose()?;
    Ok(Some(granularity.map_or(persistence, |granularity| persistence.granularity(granularity))))
}

fn flags(arguments: &mut Arguments<'_>, scheduler: Scheduler) -> Result<ServiceFlags, ParseError> {
    let mut flags = ServiceFlags::EMPTY;
    if arguments.take(Opt::OnePacket).is_some() {
        flags |= ServiceFlags::ONE_PACKET;
    }
    if let Some(argument) = arguments.take(Opt::Flags) {
        for name in argument.value.split(',') {
            flags |=
                ServiceFlags::by_name(name, scheduler).ok_or_else(|| ParseError::new(name, Problem::Flag))?;
        }
    }
    Ok(flags)
}

/// Reads a destination, whose port is the service's if none is given.
fn destination(
    arguments: &mut Arguments<'_>,
    service: Option<&ServiceId>,
) -> Result<Destination, ParseError> {
    let Some(server) = arguments.take(Opt::RealServer) else {
        return Err(ParseError::new("", Problem::Missing("-r")));
    };
    let port = service.map(|service| service.address().map_or(0, |address| address.port()));
    let mut builder = Destination::builder(values::address(&server, port)?);
    if let Some(forwarding) = forwarding(arguments)? {
        builder = builder.forwarding(forwarding);
    }
    for (opt, set) in [
        (Opt::Weight, Numbers::weight as fn(_, _) -> _),
        (Opt::Upper, Numbers::upper_threshold),
        (Opt::Lower, Numbers::lower_threshold),
    ] {
        if let Some(argument) = arguments.take(opt) {
            builder = set(builder, values::number(&argument)?);
        }
    }
    let built = builder.build().and_then(|destination| match service {
        Some(service) => destination.of_service(service),
        None => Ok(destination),
    });
    built.map_err(|error| {
        if matches!(error, ConfigError::DestinationAddress { .. } | ConfigError::MixedFamilies { .. }) {
            server.error(error)
        } else {
            ParseError::new(culprit(error, arguments), error)
        }
    })
}

fn forwarding(arguments: &mut Arguments<'_>) -> Result<Option<Forwarding>, ParseError> {
    let plain = [
        (Opt::DirectRouting, Forwarding::DirectRouting),
        (Opt::Masquerade, Forwarding::Masquerade),
        (Opt::Local, Forwarding::Local),
        (Opt::Bypass, Forwarding::Bypass),
    ]
    .map(|(opt, forwarding)| Some((arguments.take(opt)?, forwarding)));
    let tunnel = match arguments.take(Opt::Tunnel) {
        Some(argument) => Some((argument, Forwarding::Tunnel(values::tunnel(arguments)?))),
        None => None,
    };
    let mut given = plain.into_iter().chain([tunnel]).flatten();
    match (given.next(), given.next()) {
        (_, Some((argument, _))) => Err(argument.error(Problem::Twice)),
        (first, None) => Ok(first.map(|(_, forwarding)| forwarding)),
    }
}

type Numbers = crate::destination::DestinationBuilder;

/// The word that a rule between several options is about.
#[expect(clippy::wildcard_enum_match_arm, reason = "whatever else is wrong, it is what the line is about")]
fn culprit<'a>(error: ConfigError, arguments: &Arguments<'a>) -> &'a str {
    let opt = match error {
        ConfigError::OnePacket { .. } => Opt::OnePacket,
        ConfigError::GranularityFamily { .. } => Opt::Netmask,
        ConfigError::Name { .. } => Opt::Engine,
        ConfigError::Thresholds { .. } => Opt::Lower,
        ConfigError::TooLarge { field: "weight", .. } => Opt::Weight,
        ConfigError::TooLarge { .. } => Opt::Upper,
        _ => return arguments.subject(),
    };
    arguments.word(opt)
}
