//! Match specifications find in encoded rows what a plain reading of them finds in terms.

use proptest::prelude::*;
use regrow_term::{
    Clause, Expression, MatchSpec, MatchSpecError, Matcher, Operator, Pattern, Term, decode, encode,
};

use crate::terms;

fn run(spec: &MatchSpec, key: &Term, value: &Term) -> Option<Term> {
    let (key, value) = (encode(key).unwrap(), encode(value).unwrap());
    let mut result = b"before".to_vec();
    let matched = Matcher::new(spec).unwrap().run(&key, &value, &mut result);
    let result = result.strip_prefix(b"before").expect("what is there stays");
    assert_eq!(matched, !result.is_empty());
    matched.then(|| decode(result).unwrap())
}

fn clause(key: Pattern, value: Pattern, guards: Vec<Expression>, result: Expression) -> MatchSpec {
    MatchSpec(vec![Clause { key, value, guards, result }])
}

fn guard(operator: Operator, one: impl Into<Term>, other: impl Into<Term>) -> bool {
    let operands = vec![Expression::Term(one.into()), Expression::Term(other.into())];
    let spec =
        clause(Pattern::Any, Pattern::Any, vec![Expression::Apply(operator, operands)], Expression::Row);
    run(&spec, &Term::Null, &Term::Null).is_some()
}

fn computed(operator: Operator, operands: Vec<Term>) -> Option<Term> {
    let operands = operands.into_iter().map(Expression::Term).collect();
    run(
        &clause(Pattern::Any, Pattern::Any, vec![], Expression::Apply(operator, operands)),
        &Term::Null,
        &Term::Null,
    )
}

/// A term as a pattern in which some parts are left open: what `holes` says, in turns.
fn opened(term: &Term, holes: &mut impl Iterator<Item = bool>) -> Pattern {
    if holes.next() == Some(true) {
        return Pattern::Any;
    }
    match term {
        Term::List(items) => Pattern::List(items.iter().map(|item| opened(item, holes)).collect()),
        Term::Map(entries) => {
            // Of keys that are there twice, the first counts.
            let first = |i: usize| entries[..i].iter().all(|(key, _)| *key != entries[i].0);
            let entries = entries.iter().enumerate().filter(|(i, _)| first(*i));
            Pattern::Map(entries.map(|(_, (key, value))| (key.clone(), opened(value, holes))).collect())
        }
        other => Pattern::Term(other.clone()),
    }
}

fn matches(pattern: &Pattern, term: &Term) -> bool {
    match (pattern, term) {
        (Pattern::Any | Pattern::Variable(_), _) => true,
        (Pattern::Term(expected), term) => expected == term,
        (Pattern::List(patterns), Term::List(items)) => {
            patterns.len() == items.len() && patterns.iter().zip(items).all(|(p, item)| matches(p, item))
        }
        (Pattern::Map(patterns), Term::Map(entries)) => patterns.iter().all(|(key, pattern)| {
            let found = entries.iter().find(|(other, _)| other == key);
            found.is_some_and(|(_, value)| matches(pattern, value))
        }),
        _ => false,
    }
}

proptest! {
    #[test]
    fn a_row_matches_itself_with_holes(key in terms(), value in terms(), holes in prop::collection::vec(any::<bool>(), 40)) {
        let mut holes = holes.into_iter();
        let spec = clause(opened(&key, &mut holes), opened(&value, &mut holes), vec![], Expression::Row);
        prop_assert_eq!(run(&spec, &key, &value), Some(Term::List(vec![key, value])));
    }

    #[test]
    fn others_match_as_a_plain_reading_says(
        mould in terms(), other in terms(), holes in prop::collection::vec(any::<bool>(), 40),
    ) {
        let pattern = opened(&mould, &mut holes.into_iter());
        let expected = matches(&pattern, &other);
        let spec = clause(Pattern::Any, pattern, vec![], Expression::Value);
        prop_assert_eq!(run(&spec, &Term::Null, &other), expected.then_some(other));
    }

    #[test]
    fn comparisons_are_those_of_terms(a in terms(), b in terms()) {
        prop_assert_eq!(guard(Operator::Identical, a.clone(), b.clone()), a == b);
        prop_assert_eq!(guard(Operator::NotIdentical, a.clone(), b.clone()), a != b);
        if a != b {
            prop_assert_eq!(guard(Operator::LessOrEqual, a.clone(), b.clone()) , a < b || guard(Operator::Equal, a.clone(), b.clone()));
            prop_assert_eq!(guard(Operator::Greater, a.clone(), b.clone()), !guard(Operator::LessOrEqual, a, b));
        }
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in any::<Vec<u8>>(), key in terms(), value in terms()) {
        if let Ok(spec) = decode::<MatchSpec>(&bytes)
            && let Ok(matcher) = Matcher::new(&spec)
        {
            matcher.run(&encode(&key).unwrap(), &encode(&value).unwrap(), &mut Vec::new());
        }
    }

    #[test]
    fn it_travels_as_a_term(key in terms(), number in 0u8..32) {
        let spec = clause(
            Pattern::List(vec![Pattern::Term(key.clone()), Pattern::Any]),
            Pattern::Map(vec![(key, Pattern::Variable(number))]),
            vec![Expression::Apply(Operator::IsList, vec![Expression::Variable(number)])],
            Expression::List(vec![Expression::Key, Expression::Value]),
        );
        prop_assert_eq!(decode::<MatchSpec>(&encode(&spec).unwrap()).unwrap(), spec);
    }
}

#[test]
fn a_variable_that_stands_there_twice_stands_for_the_same() {
    let spec = clause(
        Pattern::Variable(1),
        Pattern::List(vec![Pattern::Variable(1), Pattern::Variable(0)]),
        vec![],
        Expression::Variable(0),
    );
    let row = |first: i64| Term::List(vec![Term::from(first), Term::from("found")]);
    assert_eq!(run(&spec, &Term::from(7i64), &row(7)), Some(Term::from("found")));
    assert_eq!(run(&spec, &Term::from(7i64), &row(8)), None);
    assert_eq!(run(&spec, &Term::from(7.0), &row(7)), None, "exactly");
}

#[test]
fn the_first_clause_that_matches_counts() {
    let mut spec =
        clause(Pattern::Term(Term::from(1i64)), Pattern::Any, vec![], Expression::Term("one".into()));
    spec.0.extend(clause(Pattern::Any, Pattern::Any, vec![], Expression::Term("other".into())).0);
    assert_eq!(run(&spec, &Term::from(1i64), &Term::Null), Some("one".into()));
    assert_eq!(run(&spec, &Term::from(2i64), &Term::Null), Some("other".into()));
}

#[test]
fn guards_that_make_no_sense_are_not_true() {
    let text = || Term::from("text");
    assert!(!guard(Operator::Add, 1u64, 1u64), "a number is not true");
    for operands in [vec![text(), 1u64.into()], vec![1u64.into(), Term::Null], vec![text(), text()]] {
        assert_eq!(computed(Operator::Add, operands), None);
    }
    assert_eq!(computed(Operator::Quotient, vec![1u64.into(), 0u64.into()]), None);
    assert_eq!(computed(Operator::Remainder, vec![1u64.into(), 0u64.into()]), None);
    assert_eq!(computed(Operator::Divide, vec![1u64.into(), 0u64.into()]), None);
    assert_eq!(computed(Operator::Add, vec![u64::MAX.into(), 1u64.into()]), None, "no term");
    assert_eq!(computed(Operator::Not, vec![text()]), None);
    assert_eq!(computed(Operator::Get, vec![text(), 0u64.into()]), None);
    assert_eq!(computed(Operator::And, vec![text(), true.into()]), None);
}

#[test]
fn operators_compute() {
    let list = |items: &[u64]| Term::from(items.to_vec());
    let map = || Term::Map(vec![("a".into(), 1u64.into())]);
    for (operator, operands, expected) in [
        (Operator::Add, vec![1u64.into(), 2u64.into()], Term::from(3u64)),
        (Operator::Add, vec![1u64.into(), 0.5.into()], 1.5.into()),
        (Operator::Subtract, vec![1u64.into(), 2u64.into()], (-1i64).into()),
        (Operator::Multiply, vec![3u64.into(), (-2i64).into()], (-6i64).into()),
        (Operator::Divide, vec![3u64.into(), 2u64.into()], 1.5.into()),
        (Operator::Quotient, vec![(-7i64).into(), 2u64.into()], (-3i64).into()),
        (Operator::Remainder, vec![(-7i64).into(), 2u64.into()], (-1i64).into()),
        (Operator::Absolute, vec![(-7i64).into()], 7u64.into()),
        (Operator::Not, vec![true.into()], false.into()),
        (Operator::And, vec![true.into(), true.into()], true.into()),
        (Operator::And, vec![false.into(), "not looked at".into()], false.into()),
        (Operator::Or, vec![true.into(), "not looked at".into()], true.into()),
        (Operator::Or, vec![false.into(), false.into()], false.into()),
        (Operator::Length, vec![list(&[1, 2])], 2u64.into()),
        (Operator::Length, vec![map()], 1u64.into()),
        (Operator::Length, vec!["grün".into()], 5u64.into()),
        (Operator::Get, vec![list(&[5, 6]), 1u64.into()], 6u64.into()),
        (Operator::Get, vec![map(), "a".into()], 1u64.into()),
        (Operator::StartsWith, vec!["user:1".into(), "user:".into()], true.into()),
        (Operator::StartsWith, vec!["u".into(), "user:".into()], false.into()),
        (Operator::IsNull, vec![Term::Null], true.into()),
        (Operator::IsInteger, vec![1.0.into()], false.into()),
        (Operator::IsMap, vec![map()], true.into()),
        (Operator::Equal, vec![1u64.into(), 1.0.into()], true.into()),
        (Operator::Identical, vec![1u64.into(), 1.0.into()], false.into()),
    ] {
        assert_eq!(computed(operator, operands.clone()), Some(expected), "{operator:?} {operands:?}");
    }
}

#[test]
fn what_makes_no_sense_for_any_row_is_refused() {
    let with = |expression| clause(Pattern::Any, Pattern::Variable(0), vec![expression], Expression::Row);
    for (spec, expected) in [
        (MatchSpec(vec![]), MatchSpecError::Empty),
        (with(Expression::Variable(1)), MatchSpecError::Unbound(1)),
        (with(Expression::Variable(255)), MatchSpecError::Unbound(255)),
        (with(Expression::Apply(Operator::Not, vec![])), MatchSpecError::Operands(Operator::Not, 0)),
        (
            with(Expression::Apply(Operator::Less, vec![Expression::Key])),
            MatchSpecError::Operands(Operator::Less, 1),
        ),
        (
            clause(Pattern::Variable(32), Pattern::Any, vec![], Expression::Row),
            MatchSpecError::TooManyVariables(32),
        ),
    ] {
        assert_eq!(Matcher::new(&spec).unwrap_err(), expected);
        assert!(!expected.to_string().is_empty());
    }
}

#[test]
fn a_key_that_is_given_is_the_only_one() {
    let with = |key| Matcher::new(&clause(key, Pattern::Any, vec![], Expression::Row)).unwrap();
    let list = || Pattern::List(vec![Pattern::Term(1u64.into()), Pattern::Term("a".into())]);
    let expected = encode(&(1, "a")).unwrap();
    assert_eq!(with(list()).only_key(), Some(expected.as_slice()));
    assert_eq!(with(Pattern::Any).only_key(), None);
    assert_eq!(with(Pattern::List(vec![list(), Pattern::Any])).only_key(), None);
}

/// A few bytes of specification never become any amount of work or memory.
#[test]
fn what_takes_too_much_work_is_not_matched() {
    let large = Term::Bytes(vec![0; 1 << 20]);
    let many = |of: Expression| vec![of; 1000];
    let compares = Expression::Apply(Operator::Equal, vec![Expression::Value, Expression::Value]);
    let lengths = Expression::Apply(Operator::Length, vec![Expression::List(many(Expression::Row))]);
    for (guards, result) in [
        (vec![], Expression::List(many(Expression::Row))),
        (many(compares), Expression::Key),
        (
            vec![Expression::Apply(Operator::Greater, vec![lengths, Expression::Term(0u64.into())])],
            Expression::Key,
        ),
    ] {
        let spec = clause(Pattern::Any, Pattern::Any, guards, result);
        assert!(run(&spec, &Term::Null, &Term::Null).is_some(), "{:.60}", format!("{spec:?}"));
        assert_eq!(run(&spec, &Term::Null, &large), None);
    }
    // Looking into large maps, again and again.
    let map = Term::Map((0..100_000u64).map(|n| (n.into(), n.into())).collect());
    let entries = (0..1000u64).map(|n| (Term::from(99_999 - n), Pattern::Any)).collect();
    assert_eq!(
        run(&clause(Pattern::Any, Pattern::Map(entries), vec![], Expression::Key), &Term::Null, &map),
        None
    );
    let one = Pattern::Map(vec![(Term::from(99_999u64), Pattern::Any)]);
    assert!(run(&clause(Pattern::Any, one, vec![], Expression::Key), &Term::Null, &map).is_some());
}
