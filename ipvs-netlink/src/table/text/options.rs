//! Words into options, by `ipvsadm`'s names for them.

use crate::{
    error::{ParseError, Problem},
    service::Protocol,
};

/// An option.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(super) enum Opt {
    AddService,
    AddDestination,
    Tcp,
    Udp,
    Sctp,
    FirewallMark,
    Ipv6,
    Scheduler,
    Persistent,
    Netmask,
    Engine,
    OnePacket,
    Flags,
    RealServer,
    DirectRouting,
    Tunnel,
    Masquerade,
    Local,
    Bypass,
    Weight,
    Upper,
    Lower,
    TunnelType,
    TunnelPort,
    TunnelNoChecksum,
    TunnelChecksum,
    TunnelRemoteChecksum,
}

impl Opt {
    pub(super) fn protocol(self) -> Option<Protocol> {
        [(Self::Tcp, Protocol::Tcp), (Self::Udp, Protocol::Udp), (Self::Sctp, Protocol::Sctp)]
            .into_iter()
            .find_map(|(opt, protocol)| (opt == self).then_some(protocol))
    }
}

/// An option and its value, empty where it has none.
#[derive(Copy, Clone, Debug)]
pub(super) struct Argument<'a> {
    pub(super) word: &'a str,
    pub(super) value: &'a str,
}

impl Argument<'_> {
    /// Blames the value, or the option where it has none.
    pub(super) fn error(&self, problem: impl Into<Problem>) -> ParseError {
        ParseError::new(if self.value.is_empty() { self.word } else { self.value }, problem)
    }
}

/// The options of a line that nobody has taken yet.
#[derive(Debug, Default)]
pub(super) struct Arguments<'a> {
    left: Vec<(Opt, Argument<'a>)>,
    taken: Vec<(Opt, Argument<'a>)>,
}

impl<'a> Arguments<'a> {
    pub(super) fn read(words: impl Iterator<Item = &'a str>) -> Result<Self, ParseError> {
        let mut words = words.peekable();
        let mut arguments = Self::default();
        while let Some(word) = words.next() {
            let mut next = |values: Values| match values {
                Values::None => None,
                Values::One => words.next(),
                Values::Maybe => words.next_if(|word| !word.starts_with('-')),
            };
            if let Some(long) = word.strip_prefix("--") {
                arguments.add_long(word, long, &mut next)?;
            } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                arguments.add_short(word, letters, &mut next)?;
            } else {
                return Err(ParseError::new(word, Problem::NotAnOption));
            }
        }
        Ok(arguments)
    }

    pub(super) fn take(&mut self, opt: Opt) -> Option<Argument<'a>> {
        let index = self.left.iter().position(|(left, _)| *left == opt)?;
        let (opt, argument) = self.left.remove(index);
        self.taken.push((opt, argument));
        Some(argument)
    }

    /// Finds what was given for an option that is taken.
    pub(super) fn word(&self, opt: Opt) -> &'a str {
        let given = self.taken.iter().find(|(taken, _)| *taken == opt);
        given.map_or(
            "",
            |(_, argument)| if argument.value.is_empty() { argument.word } else { argument.value },
        )
    }

    /// Finds what the line is about: the first value that was taken.
    pub(super) fn subject(&self) -> &'a str {
        let values = self.taken.iter().map(|(_, argument)| argument.value);
        values.into_iter().find(|value| !value.is_empty()).unwrap_or_default()
    }

    /// Refuses what nobody took.
    pub(super) fn finish(self) -> Result<(), ParseError> {
        match self.left.first() {
            Some((_, argument)) => Err(ParseError::new(argument.word, Problem::Misplaced)),
            None => Ok(()),
        }
    }

    /// `--scheduler rr` or `--scheduler=rr`.
    fn add_long(
        &mut self,
        word: &'a str,
        long: &'a str,
        next: &mut dyn FnMut(Values) -> Option<&'a str>,
    ) -> Result<(), ParseError> {
        let (name, value) = match long.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (long, None),
        };
        let known = OPTIONS.iter().find(|(_, _, known, _)| *known == name);
        let (opt, _, _, values) = known.ok_or_else(|| ParseError::new(word, Problem::Unknown))?;
        if value.is_some() && *values == Values::None {
            return Err(ParseError::new(word, Problem::SpareValue));
        }
        let value = value.filter(|value| !value.is_empty()).or_else(|| next(*values));
        self.add(*opt, *values, word, value)
    }

    /// `-s rr`, `-srr` or, several of them in one word, `-ims rr`.
    fn add_short(
        &mut self,
        word: &'a str,
        letters: &'a str,
        next: &mut dyn FnMut(Values) -> Option<&'a str>,
    ) -> Result<(), ParseError> {
        for (index, letter) in letters.char_indices() {
            let known = OPTIONS.iter().find(|(_, known, ..)| *known == Some(letter));
            let (opt, _, _, values) = known.ok_or_else(|| ParseError::new(word, Problem::Unknown))?;
            let value = match values {
                Values::None => None,
                Values::One | Values::Maybe => match letters.get(index + 1..) {
                    Some("") | None => next(*values),
                    attached => attached,
                },
            };
            self.add(*opt, *values, word, value)?;
            if value.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn add(
        &mut self,
        opt: Opt,
        values: Values,
        word: &'a str,
        value: Option<&'a str>,
    ) -> Result<(), ParseError> {
        if values == Values::One && value.is_none() {
            return Err(ParseError::new(word, Problem::NoValue));
        }
        if self.left.iter().any(|(other, _)| *other == opt) {
            return Err(ParseError::new(word, Problem::Twice));
        }
        self.left.push((opt, Argument { word, value: value.unwrap_or_default() }));
        Ok(())
    }
}

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Values {
    None,
    One,
    Maybe,
}

const OPTIONS: &[(Opt, Option<char>, &str, Values)] = &[
    (Opt::AddService, Some('A'), "add-service", Values::None),
    (Opt::AddDestination, Some('a'), "add-server", Values::None),
    (Opt::Tcp, Some('t'), "tcp-service", Values::One),
    (Opt::Udp, Some('u'), "udp-service", Values::One),
    (Opt::Sctp, None, "sctp-service", Values::One),
    (Opt::FirewallMark, Some('f'), "fwmark-service", Values::One),
    (Opt::Ipv6, Some('6'), "ipv6", Values::None),
    (Opt::Scheduler, Some('s'), "scheduler", Values::One),
    (Opt::Persistent, Some('p'), "persistent", Values::Maybe),
    (Opt::Netmask, Some('M'), "netmask", Values::One),
    (Opt::Engine, None, "pe", Values::One),
    (Opt::OnePacket, Some('o'), "ops", Values::None),
    (Opt::Flags, Some('b'), "sched-flags", Values::One),
    (Opt::RealServer, Some('r'), "real-server", Values::One),
    (Opt::DirectRouting, Some('g'), "gatewaying", Values::None),
    (Opt::Tunnel, Some('i'), "ipip", Values::None),
    (Opt::Masquerade, Some('m'), "masquerading", Values::None),
    // Ours: `ipvsadm` has none for what it does not make.
    (Opt::Local, None, "local", Values::None),
    (Opt::Bypass, None, "bypass", Values::None),
    (Opt::Weight, Some('w'), "weight", Values::One),
    (Opt::Upper, Some('x'), "u-threshold", Values::One),
    (Opt::Lower, Some('y'), "l-threshold", Values::One),
    (Opt::TunnelType, None, "tun-type", Values::One),
    (Opt::TunnelPort, None, "tun-port", Values::One),
    (Opt::TunnelNoChecksum, None, "tun-nocsum", Values::None),
    (Opt::TunnelChecksum, None, "tun-csum", Values::None),
    (Opt::TunnelRemoteChecksum, None, "tun-remcsum", Values::None),
];
