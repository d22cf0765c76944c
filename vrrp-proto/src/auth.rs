use core::fmt;

use crate::FieldError;

/// How an advertisement proves that it comes from the group (RFC 2338 §5.3.6; RFC 3768 keeps the field and drops the
/// methods).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Authentication {
    /// Type 0: it does not. What RFC 3768 asks for.
    #[default]
    None,
    /// Type 1: by a password in clear text, which keeps out misconfigured routers and nobody else.
    SimpleText(Password),
}

impl Authentication {
    /// Returns the number in the packet's Auth Type field.
    pub const fn auth_type(&self) -> u8 {
        match self {
            Self::None => 0,
            Self::SimpleText(_) => 1,
        }
    }
}

/// The password of RFC 2338's simple text authentication: 1 to 8 bytes, padded with zeros on the wire.
///
/// Comparing two takes the same time wherever they differ, and `Debug` does not show it.
#[derive(Clone, Copy)]
pub struct Password([u8; 8]);

impl Password {
    /// Takes a password of 1 to 8 bytes.
    ///
    /// keepalived cuts a longer `auth_pass` to its first 8 bytes; give those 8 to talk to it.
    ///
    /// # Errors
    ///
    /// [`FieldError::Password`] if it is empty or longer.
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, FieldError> {
        let password = password.as_ref();
        let mut wire = [0; 8];
        match wire.get_mut(..password.len()) {
            Some(field) if !password.is_empty() => field.copy_from_slice(password),
            _ => return Err(FieldError::Password { len: password.len() }),
        }
        Ok(Self(wire))
    }

    /// Takes the eight bytes of a packet's Authentication Data.
    pub const fn from_wire(wire: [u8; 8]) -> Self {
        Self(wire)
    }

    /// Returns the eight bytes as a packet carries them.
    pub const fn as_wire(&self) -> &[u8; 8] {
        &self.0
    }
}

impl PartialEq for Password {
    fn eq(&self, other: &Self) -> bool {
        // One comparison of one word: no byte is compared before another.
        u64::from_ne_bytes(self.0) == u64::from_ne_bytes(other.0)
    }
}

impl Eq for Password {}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
