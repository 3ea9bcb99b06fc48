//! The one self-describing encoding of Regrow.
//!
//! A [`Term`] is what an Erlang programmer expects of that word: a value that can be sent, stored,
//! compared, printed, and read by somebody who doesn't know its type. Exit reasons carry terms, start
//! arguments and messages are encoded terms. On the wire a term is CBOR (RFC 8949): a standard with
//! libraries in every language that compiles to components.
//!
//! ```
//! use regrow_term::{Term, decode, encode};
//!
//! let bytes = encode(&("jobs", 3)).unwrap();
//! let term: Term = decode(&bytes).unwrap();
//! assert_eq!(term.to_string(), r#"["jobs", 3]"#);
//! ```
#![no_std]

extern crate alloc;

mod blob_id;
mod encoded;
mod encoding;
mod match_spec;
mod matching;
mod order;
mod print;
mod refusal;
mod serde;
mod term;

pub use blob_id::{BLOB_MARK, BlobId};
pub use encoded::{Encoded, Items, MAX_DEPTH, MAX_REWRITTEN, Numbers, View, canonical};
pub use encoding::{DecodeError, EncodeError, decode, encode};
pub use match_spec::{
    Clause, Expression, MAX_VARIABLES, MatchSpec, MatchSpecError, Operator, Pattern, Variable,
};
pub use matching::{MAX_WORK, Matcher};
pub use print::Preview;
pub use refusal::{decode_refusal, encode_refusal};
pub use term::Term;
