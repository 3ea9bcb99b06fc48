//! What a term keeps through its encoding, and what hostile bytes get.

mod encoded;
mod match_spec;

use proptest::prelude::*;
use regrow_term::{Term, decode, encode};

pub(crate) fn terms() -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        Just(Term::Null),
        any::<bool>().prop_map(Term::from),
        any::<i64>().prop_map(Term::from),
        any::<u64>().prop_map(Term::from),
        any::<u64>().prop_map(|number| Term::Integer(-1 - i128::from(number))),
        any::<f64>().prop_map(Term::from),
        ".*".prop_map(Term::from),
        any::<Vec<u8>>().prop_map(Term::Bytes),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Term::List),
            prop::collection::vec((inner.clone(), inner), 0..8).prop_map(Term::Map),
        ]
    })
}

proptest! {
    #[test]
    fn encoding_keeps_every_term(term in terms()) {
        let bytes = encode(&term).unwrap();
        prop_assert_eq!(decode::<Term>(&bytes).unwrap(), term);
    }

    #[test]
    fn decoding_arbitrary_bytes_never_panics(bytes in any::<Vec<u8>>()) {
        let _ = decode::<Term>(&bytes);
    }

    #[test]
    fn order_is_total(a in terms(), b in terms(), c in terms()) {
        prop_assert_eq!(a.cmp(&b), b.cmp(&a).reverse());
        if a <= b && b <= c {
            prop_assert!(a <= c);
        }
    }

    #[test]
    fn a_preview_is_a_prefix_of_the_whole(term in terms(), max in 0usize..40) {
        let whole = term.to_string();
        let preview = term.preview(max).to_string();
        let kept = preview.strip_suffix('…').unwrap_or(&preview);
        prop_assert!(whole.starts_with(kept));
        prop_assert!(preview.chars().count() <= max + 1);
    }
}

#[test]
fn numbers_compare_by_value_and_equal_only_their_own_kind() {
    assert!(Term::from(1u64) < Term::from(1.5));
    assert!(Term::from(2u64) > Term::from(1.5));
    assert_ne!(Term::from(1u64), Term::from(1.0));
    assert!(Term::from(u64::MAX) < Term::from(f64::INFINITY));
    assert!(Term::from(-1i64) > Term::from(-1.5));
}

#[test]
fn a_claimed_length_reserves_nothing() {
    let claims_four_billion_items = [0x9a, 0xff, 0xff, 0xff, 0xff];
    assert!(decode::<Term>(&claims_four_billion_items).is_err());
}

#[test]
fn deep_nesting_is_refused() {
    let nested_lists = vec![0x81; 100_000];
    assert!(decode::<Term>(&nested_lists).is_err());
}

#[test]
fn a_tail_is_refused() {
    assert!(decode::<Term>(&[0x01, 0x02]).is_err());
}

#[test]
fn text_for_people_escapes_control_characters() {
    let term = Term::from("a\u{1b}[31m\"");
    assert_eq!(term.to_string(), r#""a\u001b[31m\"""#);
}

#[test]
fn maps_answer_by_text_key() {
    let term: Term =
        decode(&encode(&[("line", 7)].into_iter().collect::<std::collections::BTreeMap<_, _>>()).unwrap())
            .unwrap();
    assert_eq!(term.get("line"), Some(&Term::from(7u64)));
    assert_eq!(term.to_string(), r#"{"line": 7}"#);
}

/// A tagged integer may have any size; what can't be encoded again is refused (found by fuzzing).
#[test]
fn an_integer_beyond_64_bits_is_refused() {
    let least = [0xc3, 0x48, 255, 255, 255, 255, 255, 255, 255, 255];
    assert_eq!(decode::<Term>(&least).unwrap(), Term::Integer(-(1 << 64)));
    for beyond in [[0xc3, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0], [0xc2, 0x49, 1, 0, 0, 0, 0, 0, 0, 0, 0]] {
        assert!(decode::<Term>(&beyond).is_err());
    }
}
