//! Terms that stay encoded are read and compared as the terms that they are.

use std::borrow::Cow;

use proptest::prelude::*;
use regrow_term::{Encoded, MAX_DEPTH, MAX_REWRITTEN, Numbers, Term, View, canonical, decode, encode};

use crate::terms;

fn kept(term: &Term) -> Vec<u8> {
    canonical(&encode(term).unwrap()).unwrap().into_owned()
}

proptest! {
    #[test]
    fn what_is_encoded_is_kept_as_it_is(term in terms()) {
        let bytes = encode(&term).unwrap();
        prop_assert!(matches!(canonical(&bytes).unwrap(), Cow::Borrowed(_)));
        prop_assert_eq!(Encoded::check(&bytes).unwrap().to_term(), term);
    }

    #[test]
    fn arbitrary_bytes_are_kept_if_they_are_a_term(bytes in any::<Vec<u8>>()) {
        let term = decode::<Term>(&bytes);
        match canonical(&bytes) {
            Ok(kept) => {
                prop_assert_eq!(decode::<Term>(&kept).unwrap(), term.unwrap());
                prop_assert!(Encoded::check(&kept).is_some());
            }
            Err(_) => prop_assert!(term.is_err(), "short bytes are not nested deeply"),
        }
    }

    #[test]
    fn the_order_is_that_of_the_terms(a in terms(), b in terms()) {
        let (kept_a, kept_b) = (kept(&a), kept(&b));
        let order = Encoded::trusted(&kept_a).compare(Encoded::trusted(&kept_b), Numbers::Exact);
        prop_assert_eq!(order, a.cmp(&b));
        prop_assert_eq!(order.is_eq(), kept_a == kept_b);
    }

    #[test]
    fn by_value_it_is_an_order_too(numbers in prop::collection::vec(numbers(), 3)) {
        let kept: Vec<Vec<u8>> = numbers.iter().map(kept).collect();
        let compare = |a: usize, b: usize| {
            Encoded::trusted(&kept[a]).compare(Encoded::trusted(&kept[b]), Numbers::ByValue)
        };
        prop_assert_eq!(compare(0, 1), compare(1, 0).reverse());
        if compare(0, 1).is_le() && compare(1, 2).is_le() {
            prop_assert!(compare(0, 2).is_le());
        }
    }

    #[test]
    fn parts_are_found(items in prop::collection::vec(terms(), 0..6), name in "[a-z]{0,4}") {
        let list = kept(&Term::List(items.clone()));
        let map = kept(&Term::Map(items.iter().enumerate().map(|(i, item)| {
            (Term::from(format!("{name}{i}")), item.clone())
        }).collect()));
        for (index, item) in items.iter().enumerate() {
            let step = kept(&Term::from(index as u64));
            let found = Encoded::trusted(&list).get(Encoded::trusted(&step));
            prop_assert_eq!(&found.unwrap().to_term(), item);
            let step = kept(&Term::from(format!("{name}{index}")));
            let found = Encoded::trusted(&map).get(Encoded::trusted(&step));
            prop_assert_eq!(&found.unwrap().to_term(), item);
        }
        let beyond = kept(&Term::from(items.len() as u64));
        prop_assert!(Encoded::trusted(&list).get(Encoded::trusted(&beyond)).is_none());
        prop_assert!(Encoded::trusted(&map).get(Encoded::trusted(&beyond)).is_none());
    }
}

/// Small enough that integers and floats meet.
fn numbers() -> impl Strategy<Value = Term> {
    prop_oneof![
        (-2i64..3).prop_map(Term::from),
        (-4i32..5).prop_map(|halves| Term::from(f64::from(halves) / 2.0)),
        Just(Term::from(-0.0)),
        Just(Term::from(f64::NAN)),
        Just(Term::from(f64::INFINITY)),
        Just(Term::from(u64::MAX)),
        Just(Term::from(u64::MAX as f64)),
    ]
}

#[test]
fn other_encodings_of_a_term_become_the_one() {
    // RFC 8949: an integer in two bytes, a list of indefinite length, text in chunks.
    for (other, one) in [
        (&[0x18, 0x05][..], &[0x05][..]),
        (&[0x9f, 0x01, 0x02, 0xff], &[0x82, 0x01, 0x02]),
        (&[0x7f, 0x61, b'a', 0x61, b'b', 0xff], &[0x62, b'a', b'b']),
        (&[0xbf, 0x61, b'a', 0x19, 0x00, 0x01, 0xff], &[0xa1, 0x61, b'a', 0x01]),
    ] {
        assert_eq!(canonical(other).unwrap(), one, "{other:02x?}");
    }
}

#[test]
fn what_is_no_term_is_refused() {
    let deep = |lists: usize| [vec![0x81; lists], vec![0x01]].concat();
    assert!(canonical(&deep(MAX_DEPTH)).is_ok());
    for bad in [
        &[][..],
        &[0x01, 0x01],
        &[0x81],
        &[0xa1, 0x01],
        &[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
        &[0x62, 0xc3, 0x28],
        &[0x5a, 0xff, 0xff, 0xff, 0xff, 0x00],
        &[0xd8, 0x20, 0x01],
        &[0xff],
        &deep(MAX_DEPTH + 1),
        &deep(100_000),
    ] {
        assert!(canonical(bad).is_err(), "{:02x?}", &bad[..bad.len().min(12)]);
    }
}

#[test]
fn what_is_large_must_be_in_the_one_form() {
    let items = |length: &[u8], count: usize| [length, &vec![0x01; count]].concat();
    let large = MAX_REWRITTEN + 1;
    let length = [&[0x9a][..], &(large as u32).to_be_bytes()].concat();
    assert!(canonical(&items(&length, large)).is_ok());
    let indefinite = |count| [items(&[0x9f], count), vec![0xff]].concat();
    assert!(canonical(&indefinite(large)).is_err());
    assert!(canonical(&indefinite(1000)).is_ok());
}

#[test]
fn a_float_of_32_bits_is_a_term_of_its_own_and_has_its_value() {
    let (single, double) = (encode(&1.5f32).unwrap(), encode(&1.5f64).unwrap());
    assert_eq!(canonical(&single).unwrap(), single);
    let (single, double) = (Encoded::check(&single).unwrap(), Encoded::check(&double).unwrap());
    assert!(single.compare(double, Numbers::Exact).is_lt());
    assert!(single.compare(double, Numbers::ByValue).is_eq());
    assert!(matches!(single.view(), View::Float(1.5)));
}
