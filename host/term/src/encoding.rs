use alloc::{string::ToString, vec::Vec};
use core::fmt;

use ::serde::{Deserialize, Serialize};
use cbor4ii::core::{dec::Read, utils::SliceReader};
use cbor4ii::serde::Deserializer;

/// A value that has no encoding: a custom `Serialize` refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeError(alloc::string::String);

impl EncodeError {
    pub(crate) fn new(why: alloc::string::String) -> Self {
        Self(why)
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the value can't be encoded as CBOR: {}", self.0)
    }
}

impl core::error::Error for EncodeError {}

/// Bytes that are no CBOR, are nested too deeply, have a tail, or hold a value of another type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError(alloc::string::String);

impl DecodeError {
    pub(crate) fn new(why: alloc::string::String) -> Self {
        Self(why)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the bytes don't hold the expected CBOR value: {}", self.0)
    }
}

impl core::error::Error for DecodeError {}

/// What is reserved for an encoded value: most messages are smaller, and would be moved while they grow.
const ROOM: usize = 128;

/// Encodes a value as one CBOR item (RFC 8949): structs as maps with text keys, enum variants as serde's
/// externally tagged form.
///
/// # Errors
/// Only if the value's own `Serialize` refuses.
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, EncodeError> {
    cbor4ii::serde::to_vec(Vec::with_capacity(ROOM), &value).map_err(|error| EncodeError(error.to_string()))
}

/// Decodes one CBOR item that fills `bytes`. Never panics, whatever the bytes are, and refuses nesting
/// that would exhaust a stack.
///
/// # Errors
/// [`DecodeError`] for bytes that aren't one CBOR item of type `T`.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut deserializer = Deserializer::new(SliceReader::new(bytes));
    let value = T::deserialize(&mut deserializer).map_err(|error| DecodeError(error.to_string()))?;
    let mut rest = deserializer.into_inner();
    match rest.fill(1) {
        Ok(tail) if tail.as_ref().is_empty() => Ok(value),
        _ => Err(DecodeError("more bytes follow it".into())),
    }
}
