use alloc::{string::String, vec::Vec};
use core::fmt;

use ::serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use ::serde::ser::{Error, Serialize, Serializer};

use crate::Term;

/// What one claimed length may reserve before its items have arrived: a length is the sender's claim.
const MAX_RESERVED_ITEMS: usize = 1024;

const BEYOND: &str = "an integer beyond CBOR's 64 bits";

impl Serialize for Term {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Integer(number) => match (i64::try_from(*number), u64::try_from(*number)) {
                (Ok(number), _) => serializer.serialize_i64(number),
                (_, Ok(number)) => serializer.serialize_u64(number),
                _ if (-(1 << 64)..0).contains(number) => serializer.serialize_i128(*number),
                _ => Err(S::Error::custom(BEYOND)),
            },
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(pairs) => serializer.collect_map(pairs.iter().map(|(key, value)| (key, value))),
        }
    }
}

impl<'de> Deserialize<'de> for Term {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TermVisitor)
    }
}

struct TermVisitor;

impl<'de> Visitor<'de> for TermVisitor {
    type Value = Term;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a CBOR value")
    }

    fn visit_unit<E>(self) -> Result<Term, E> {
        Ok(Term::Null)
    }

    fn visit_none<E>(self) -> Result<Term, E> {
        Ok(Term::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Term, D::Error> {
        Deserialize::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Term, E> {
        Ok(Term::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Term, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Term, E> {
        Ok(number.into())
    }

    /// A big integer: what could not be encoded again is no term.
    fn visit_i128<E: ::serde::de::Error>(self, number: i128) -> Result<Term, E> {
        if !(-(1 << 64)..1 << 64).contains(&number) {
            return Err(E::custom(BEYOND));
        }
        Ok(Term::Integer(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Term, E> {
        Ok(Term::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Term, E> {
        Ok(Term::text(text))
    }

    fn visit_string<E>(self, text: String) -> Result<Term, E> {
        Ok(Term::Text(text))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Term, E> {
        Ok(Term::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<Term, E> {
        Ok(Term::Bytes(bytes))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Term, A::Error> {
        let mut items = Vec::with_capacity(access.size_hint().unwrap_or(0).min(MAX_RESERVED_ITEMS));
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Term::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Term, A::Error> {
        let mut pairs = Vec::with_capacity(access.size_hint().unwrap_or(0).min(MAX_RESERVED_ITEMS));
        while let Some(pair) = access.next_entry()? {
            pairs.push(pair);
        }
        Ok(Term::Map(pairs))
    }
}
