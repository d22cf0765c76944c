use std::{fmt, str::FromStr};

use md5::Md5;
use sha2::{Digest as _, Sha256};

/// The digest of a text: MD5, as keepalived has it, or SHA-256.
///
/// Read from its hexadecimal digits, 32 or 64 of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Digest(Bytes);

#[derive(Clone, PartialEq, Eq)]
enum Bytes {
    Md5([u8; 16]),
    Sha256([u8; 32]),
}

/// One in the making.
#[derive(Clone, Debug)]
pub(crate) enum Hasher {
    Md5(Md5),
    Sha256(Sha256),
}

impl Digest {
    pub(crate) fn hasher(&self) -> Hasher {
        match self.0 {
            Bytes::Md5(_) => Hasher::Md5(Md5::new()),
            Bytes::Sha256(_) => Hasher::Sha256(Sha256::new()),
        }
    }

    pub(crate) fn is_of(&self, hasher: Hasher) -> bool {
        match (&self.0, hasher) {
            (Bytes::Md5(bytes), Hasher::Md5(hasher)) => hasher.finalize()[..] == bytes[..],
            (Bytes::Sha256(bytes), Hasher::Sha256(hasher)) => hasher.finalize()[..] == bytes[..],
            (Bytes::Md5(_) | Bytes::Sha256(_), _) => false,
        }
    }
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Md5(hasher) => hasher.update(bytes),
            Self::Sha256(hasher) => hasher.update(bytes),
        }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text.len() {
            32 => Ok(Self(Bytes::Md5(bytes(text)?))),
            64 => Ok(Self(Bytes::Sha256(bytes(text)?))),
            length => Err(DigestError::Length(length)),
        }
    }
}

fn bytes<const N: usize>(text: &str) -> Result<[u8; N], DigestError> {
    let mut bytes = [0; N];
    let mut digits = text.chars();
    for byte in &mut bytes {
        for _ in 0..2 {
            let digit = digits.next().unwrap_or_default();
            let value = digit.to_digit(16).ok_or(DigestError::NoDigit(digit))?;
            *byte = *byte << 4 | value as u8;
        }
    }
    Ok(bytes)
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, bytes): (_, &[u8]) = match &self.0 {
            Bytes::Md5(bytes) => ("Md5", bytes),
            Bytes::Sha256(bytes) => ("Sha256", bytes),
        };
        write!(f, "{name}(")?;
        bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        write!(f, ")")
    }
}

/// Why a text is no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DigestError {
    /// Neither MD5's nor SHA-256's length.
    #[error("a digest of {0} digits is neither MD5 (32) nor SHA-256 (64)")]
    Length(usize),
    /// No hexadecimal digit.
    #[error("'{0}' in a digest is no hexadecimal digit")]
    NoDigit(char),
}
