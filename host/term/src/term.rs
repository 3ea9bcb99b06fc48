use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use ::serde::Serialize;
use ::serde::de::DeserializeOwned;

use crate::encoding::{DecodeError, EncodeError, decode, encode};

/// A self-describing value, as it comes out of CBOR.
///
/// CBOR's tags are not understood, but for big integers. Text takes the part of Erlang's atoms:
/// serde writes a Rust enum variant without fields as its name.
#[derive(Clone, Debug)]
pub enum Term {
    /// The absence of a value: Rust's `None`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number. CBOR's range: -2⁶⁴ to 2⁶⁴-1.
    Integer(i128),
    /// A floating-point number.
    Float(f64),
    /// UTF-8 text.
    Text(String),
    /// Opaque bytes.
    Bytes(Vec<u8>),
    /// A sequence of terms.
    List(Vec<Term>),
    /// Pairs of key and value, in the order in which they were written.
    Map(Vec<(Term, Term)>),
}

impl Term {
    /// Text, from anything that can be borrowed as text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(text.as_ref().to_owned())
    }

    /// What a value is as a term: what its encoding says.
    ///
    /// ```
    /// use regrow_term::Term;
    ///
    /// let term = Term::of(&("jobs", 3))?;
    /// assert_eq!(term.to_string(), r#"["jobs", 3]"#);
    /// let (name, count): (String, u8) = term.to_value()?;
    /// assert_eq!((name.as_str(), count), ("jobs", 3));
    /// assert!(term.to_value::<u8>().is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// The value has no encoding, or is nested too deeply for a term.
    pub fn of<T: Serialize + ?Sized>(value: &T) -> Result<Self, EncodeError> {
        decode(&encode(value)?).map_err(|error| EncodeError::new(error.to_string()))
    }

    /// This term as a value of a type.
    ///
    /// # Errors
    /// [`DecodeError`], if it is another one's
    pub fn to_value<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        decode(&encode(self).map_err(|error| DecodeError::new(error.to_string()))?)
    }

    /// Roughly what this takes of memory, in bytes.
    pub fn weight(&self) -> usize {
        let own = size_of::<Self>();
        own + match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Float(_) => 0,
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::List(items) => items.iter().map(Self::weight).sum(),
            Self::Map(pairs) => pairs.iter().map(|(key, value)| key.weight() + value.weight()).sum(),
        }
    }

    /// The text, if this is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value under a text key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Term> {
        match self {
            Self::Map(pairs) => pairs.iter().find(|(k, _)| k.as_text() == Some(key)).map(|(_, v)| v),
            _ => None,
        }
    }
}

impl From<&str> for Term {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Term {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Term {
    fn from(number: i64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<u64> for Term {
    fn from(number: u64) -> Self {
        Self::Integer(number.into())
    }
}

impl From<bool> for Term {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<f64> for Term {
    fn from(number: f64) -> Self {
        Self::Float(number)
    }
}

impl<T: Into<Term>> From<Vec<T>> for Term {
    fn from(items: Vec<T>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}
