use std::{borrow::Cow, fmt, str::FromStr};

/// What is asked for, by the names of the registry of DNS resource record types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecordType {
    /// An IPv4 address.
    A,
    /// A name server.
    Ns,
    /// The name that this one stands for.
    Cname,
    /// What a zone is, and who is responsible for it.
    Soa,
    /// The name of an address.
    Ptr,
    /// A mail server.
    Mx,
    /// Text.
    Txt,
    /// An IPv6 address.
    Aaaa,
    /// A server of a service.
    Srv,
    /// Any other, by its number.
    Other(u16),
}

impl RecordType {
    pub(super) const fn number(self) -> u16 {
        match self {
            Self::A => 1,
            Self::Ns => 2,
            Self::Cname => 5,
            Self::Soa => 6,
            Self::Ptr => 12,
            Self::Mx => 15,
            Self::Txt => 16,
            Self::Aaaa => 28,
            Self::Srv => 33,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for RecordType {
    /// As in zone files: `AAAA`, `TYPE65` (RFC 3597) for one without a name here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(record, _)| record.number() == self.number()) {
            Some((_, name)) => f.pad(name),
            None => write!(f, "TYPE{}", self.number()),
        }
    }
}

impl FromStr for RecordType {
    type Err = RecordTypeError;

    /// Reads what [`Display`](fmt::Display) writes, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let of_name = |(_, name): &&(Self, &str)| name.eq_ignore_ascii_case(text);
        if let Some((record, _)) = NAMES.iter().find(of_name) {
            return Ok(*record);
        }
        let number = text.get(..4).filter(|start| start.eq_ignore_ascii_case("TYPE")).and(text.get(4..));
        let number = number.and_then(|number| number.parse().ok());
        number.map(Self::Other).ok_or_else(|| RecordTypeError(text.into()))
    }
}

/// What is no type of record: the text of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no record type: A, AAAA, NS, CNAME, SOA, PTR, MX, TXT, SRV, or TYPE and a number")]
pub struct RecordTypeError(Box<str>);

/// What a response code is called (RFC 1035, RFC 2136).
pub(super) fn rcode_name(rcode: u8) -> Cow<'static, str> {
    let names = ["NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"];
    match names.get(usize::from(rcode)) {
        Some(name) => Cow::Borrowed(*name),
        None => Cow::Owned(format!("RCODE{rcode}")),
    }
}

const NAMES: [(RecordType, &str); 18] = [
    (RecordType::A, "A"),
    (RecordType::Ns, "NS"),
    (RecordType::Cname, "CNAME"),
    (RecordType::Soa, "SOA"),
    (RecordType::Ptr, "PTR"),
    (RecordType::Mx, "MX"),
    (RecordType::Txt, "TXT"),
    (RecordType::Aaaa, "AAAA"),
    (RecordType::Srv, "SRV"),
    (RecordType::Other(43), "DS"),
    (RecordType::Other(46), "RRSIG"),
    (RecordType::Other(47), "NSEC"),
    (RecordType::Other(48), "DNSKEY"),
    (RecordType::Other(64), "SVCB"),
    (RecordType::Other(65), "HTTPS"),
    (RecordType::Other(99), "SPF"),
    (RecordType::Other(255), "ANY"),
    (RecordType::Other(257), "CAA"),
];
