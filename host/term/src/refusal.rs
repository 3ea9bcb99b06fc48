//! The answer to a request that was not understood: an answer that is none.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{decode, encode};

/// A tag of CBOR (`0x5247`) before a text. No value that is encoded here has tags.
const MARK: &[u8] = b"\xd9\x52\x47";

/// How much is said about it, in bytes.
const ENOUGH: usize = 1_000;

/// An answer that says that a request was not understood, and why.
pub fn encode_refusal(why: &str) -> Vec<u8> {
    let end = why.floor_char_boundary(ENOUGH.min(why.len()));
    [MARK, &encode(&why[..end]).unwrap_or_default()].concat()
}

/// Why a request was not understood, if that is what its answer says.
pub fn decode_refusal(answer: &[u8]) -> Option<String> {
    Some(decode(answer.strip_prefix(MARK)?).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_no_value_and_no_value_a_refusal() {
        for why in ["", "no such request", &"é".repeat(1_000)] {
            let refusal = encode_refusal(why);
            assert!(why.starts_with(&decode_refusal(&refusal).unwrap()));
            assert!(refusal.len() < 1_010 && decode::<crate::Term>(&refusal).is_err());
        }
        assert_eq!(decode_refusal(&encode("no").unwrap()), None);
        assert_eq!(decode_refusal(b"\xd9\x52\x47\xff").as_deref(), Some(""));
    }
}
