use core::fmt;

/// Why a virtual router cannot do its work: as long as there is one reason, it is in state Fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize), serde(rename_all = "kebab-case"))]
#[repr(u8)]
#[non_exhaustive]
pub enum Fault {
    /// Its interface, or the one below it, is down or gone.
    InterfaceDown,
    /// Its interface has no address to advertise from.
    NoSourceAddress,
    /// Another virtual router of this host uses its number where it must not.
    DuplicateVrid,
    /// Something that it tracks has failed, or is not known yet.
    Tracker,
    /// Another member of its sync group is in state Fault.
    SyncGroup,
    /// The operator has put it out of service.
    Operator,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::InterfaceDown,
        Self::NoSourceAddress,
        Self::DuplicateVrid,
        Self::Tracker,
        Self::SyncGroup,
        Self::Operator,
    ];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InterfaceDown => "the interface is down",
            Self::NoSourceAddress => "the interface has no address to advertise from",
            Self::DuplicateVrid => "the virtual router's number is in use twice",
            Self::Tracker => "what it tracks has failed",
            Self::SyncGroup => "a member of its sync group is in state Fault",
            Self::Operator => "the operator has put it out of service",
        })
    }
}

/// The reasons for state Fault that there are now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faults(u8);

impl Faults {
    /// Tells whether there is none.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Tells whether this is one of them.
    pub const fn contains(self, fault: Fault) -> bool {
        self.0 & fault.bit() != 0
    }

    /// Returns them all.
    pub fn iter(self) -> impl Iterator<Item = Fault> {
        Fault::ALL.into_iter().filter(move |fault| self.contains(*fault))
    }

    pub(crate) const fn with(self, fault: Fault) -> Self {
        Self(self.0 | fault.bit())
    }

    pub(crate) const fn without(self, fault: Fault) -> Self {
        Self(self.0 & !fault.bit())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for Faults {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
