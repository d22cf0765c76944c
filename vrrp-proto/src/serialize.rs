//! `serde`: packets as data. What is written is for programs to read, not to send.

use core::time::Duration;

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::Error as _,
    ser::{SerializeMap as _, SerializeStruct as _},
};

use crate::{AdvertInterval, Advertisement, Counter, Decoded, Trailer, Version};

/// As milliseconds.
impl Serialize for AdvertInterval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.as_duration().as_millis() as u32)
    }
}

impl<'de> Deserialize<'de> for AdvertInterval {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = u32::deserialize(deserializer)?;
        Self::try_from(Duration::from_millis(millis.into())).map_err(D::Error::custom)
    }
}

/// As its [`name`](Counter::name).
impl Serialize for Counter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// As its number.
impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.get())
    }
}

impl Serialize for Advertisement<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_v2 = self.version() == Version::V2;
        let mut fields = serializer.serialize_map(Some(if is_v2 { 6 } else { 5 }))?;
        fields.serialize_entry("version", &self.version())?;
        fields.serialize_entry("vrid", &self.vrid())?;
        fields.serialize_entry("priority", &self.priority())?;
        fields.serialize_entry("interval_ms", &self.interval())?;
        if is_v2 {
            fields.serialize_entry("auth_type", &self.authentication().auth_type())?;
        }
        fields.serialize_entry("addresses", &self.addresses())?;
        fields.end()
    }
}

impl Serialize for Trailer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // In its parts: 64 bits are more than a number of JavaScript's holds.
        let sequence = self.sequence();
        let mut fields = serializer.serialize_struct("Trailer", 4)?;
        fields.serialize_field("key_id", &self.key_id())?;
        fields.serialize_field("seconds", &((sequence >> 32) as u32))?;
        fields.serialize_field("fraction", &((sequence >> 16) as u16))?;
        fields.serialize_field("counter", &(sequence as u16))?;
        fields.end()
    }
}

impl Serialize for Decoded<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Decoded", 3)?;
        fields.serialize_field("advertisement", &self.advertisement)?;
        fields.serialize_field("checksum", &self.checksum)?;
        fields.serialize_field("trailer", &self.trailer)?;
        fields.end()
    }
}
