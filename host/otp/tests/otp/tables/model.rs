//! Tables do what a list of rows does that is searched from its beginning to its end.

use std::cmp::Ordering;

use proptest::prelude::*;
use regrow_otp::testing::{EventLog, first_panic, kept_bytes};
use regrow_otp::{
    Context, CounterUpdate, Cursor, ElementUpdate, ExitReason, Scan, ScanAction, Simulator, SpawnOptions,
    TableError, TableId, TableKind,
};
use regrow_term::{
    Clause, Encoded, Expression, MatchSpec, Matcher, Numbers, Operator, Pattern, Term, decode,
};

use super::term;

#[derive(Clone, Debug)]
enum Op {
    Insert(Vec<(Term, Term)>),
    InsertNew(Vec<(Term, Term)>),
    Lookup(Term),
    Delete(Term),
    DeleteObject(Term, Term),
    Take(Term),
    Swap(Term, Term, Term),
    Count(Term, i64, Option<(i64, i64)>, Option<Term>),
    Element(Term, Term, bool),
    Keys,
    Next(Term),
    Select(i64),
    SelectCount(i64),
    SelectDelete(i64),
    SelectReplace(i64),
    Clear,
    Fix,
    Unfix,
}

fn keys() -> impl Strategy<Value = Term> {
    prop_oneof![
        (0i64..6).prop_map(Term::from),
        (0i64..6).prop_map(|number| Term::from(number as f64)),
        "[ab]".prop_map(Term::from),
        (0i64..3).prop_map(|number| Term::from(vec![number])),
    ]
}

fn values() -> impl Strategy<Value = Term> {
    prop_oneof![(0i64..4).prop_map(Term::from), (0i64..4, 0i64..3).prop_map(|(a, b)| Term::from(vec![a, b]))]
}

fn rows() -> impl Strategy<Value = Vec<(Term, Term)>> {
    prop_oneof![
        3 => prop::collection::vec((keys(), values()), 1),
        1 => prop::collection::vec((keys(), values()), 0..5),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => rows().prop_map(Op::Insert),
        2 => rows().prop_map(Op::InsertNew),
        3 => keys().prop_map(Op::Lookup),
        3 => keys().prop_map(Op::Delete),
        2 => (keys(), values()).prop_map(|(key, value)| Op::DeleteObject(key, value)),
        2 => keys().prop_map(Op::Take),
        2 => (keys(), values(), values()).prop_map(|(key, old, new)| Op::Swap(key, old, new)),
        2 => (keys(), -3i64..4, prop::option::of((-2i64..5, 0i64..2)), prop::option::of(values()))
            .prop_map(|(key, by, threshold, default)| Op::Count(key, by, threshold, default)),
        2 => (keys(), values(), any::<bool>()).prop_map(|(key, value, first)| Op::Element(key, value, first)),
        2 => Just(Op::Keys),
        2 => keys().prop_map(Op::Next),
        1 => (0i64..4).prop_map(Op::Select),
        1 => (0i64..4).prop_map(Op::SelectCount),
        1 => (0i64..4).prop_map(Op::SelectDelete),
        1 => (0i64..4).prop_map(Op::SelectReplace),
        1 => Just(Op::Clear),
        1 => Just(Op::Fix),
        1 => Just(Op::Unfix),
    ]
}

/// The rows of a table, in the order in which they came.
struct Model {
    kind: TableKind,
    rows: Vec<(Term, Term)>,
}

impl Model {
    fn is_bag(&self) -> bool {
        matches!(self.kind, TableKind::Bag | TableKind::DuplicateBag)
    }

    fn compare(&self, a: &Term, b: &Term) -> Ordering {
        let numbers = if self.kind == TableKind::OrderedSet { Numbers::ByValue } else { Numbers::Exact };
        Encoded::trusted(&term(a)).compare(Encoded::trusted(&term(b)), numbers)
    }

    fn under(&self, key: &Term) -> Vec<(Term, Term)> {
        self.rows.iter().filter(|(k, _)| self.compare(k, key).is_eq()).cloned().collect()
    }

    fn insert(&mut self, key: &Term, value: &Term) {
        let row = (key.clone(), value.clone());
        match self.kind {
            TableKind::Set | TableKind::OrderedSet => {
                drop(self.take(key));
                self.rows.push(row);
            }
            TableKind::Bag if self.rows.contains(&row) => {}
            _ => self.rows.push(row),
        }
    }

    fn take(&mut self, key: &Term) -> Vec<(Term, Term)> {
        let taken = self.under(key);
        let kind_rows = std::mem::take(&mut self.rows);
        self.rows = kind_rows.into_iter().filter(|row| !taken.contains(row)).collect();
        taken
    }

    fn delete_object(&mut self, key: &Term, value: &Term) {
        // As it is written: an object is equal, and not only its key.
        self.rows.retain(|(k, v)| (k, v) != (key, value));
    }

    /// Changes the value under a key in its place.
    fn change(&mut self, key: &Term, value: Term) {
        let at = self.rows.iter().position(|(k, _)| self.compare(k, key).is_eq());
        self.rows[at.expect("there is one")].1 = value;
    }

    fn sorted(&self) -> Vec<(Term, Term)> {
        let mut rows = self.rows.clone();
        rows.sort();
        rows
    }
}

/// Rows whose value is at least `least`, or a list that begins with such a number.
fn at_least(least: i64, result: Expression) -> MatchSpec {
    let number = |pattern: fn() -> Pattern| Clause {
        key: Pattern::Any,
        value: pattern(),
        guards: vec![
            Expression::Apply(Operator::IsInteger, vec![Expression::Variable(0)]),
            Expression::Apply(
                Operator::GreaterOrEqual,
                vec![Expression::Variable(0), Expression::Term(least.into())],
            ),
        ],
        result: result.clone(),
    };
    let list = || Pattern::List(vec![Pattern::Variable(0), Pattern::Any]);
    MatchSpec(vec![number(|| Pattern::Variable(0)), number(list)])
}

fn is_at_least(least: i64, value: &Term) -> bool {
    let number = match value {
        Term::List(items) => &items[0],
        number => number,
    };
    matches!(number, Term::Integer(_)) && *number >= Term::from(least)
}

/// Goes through the whole table, a few rows at a time.
fn scan(
    context: &Context,
    id: TableId,
    spec: &MatchSpec,
    action: ScanAction,
) -> Result<(usize, Vec<Term>), TableError> {
    let matcher = Matcher::new(spec).unwrap();
    let (mut cursor, mut matches, mut results) = (Cursor::begin(), 0, Vec::new());
    let table = context.table(id)?;
    table.fix()?;
    while !cursor.is_at_end() {
        // As a process does that keeps it.
        cursor = Cursor::from_bytes(&cursor.to_bytes()).unwrap();
        let piece = Scan { rows: 3, matches: 2, result_bytes: usize::MAX };
        let scanned = table.scan(&matcher, action, &mut cursor, piece);
        let Ok(scanned) = scanned else {
            table.unfix();
            return Err(scanned.unwrap_err());
        };
        matches += scanned.matches;
        results.extend(scanned.results.iter().map(|result| decode::<Term>(result).unwrap()));
    }
    table.unfix();
    Ok((matches, results))
}

fn pairs(rows: Vec<regrow_otp::Row>) -> Vec<(Term, Term)> {
    rows.iter().map(|row| (decode(row.key()).unwrap(), decode(row.value()).unwrap())).collect()
}

fn all_keys(context: &Context, id: TableId) -> Vec<Term> {
    let table = context.table(id).unwrap();
    let mut keys = Vec::new();
    let mut next = table.first().unwrap();
    while let Some(key) = next {
        next = table.next(&key).unwrap();
        keys.push(decode(&key).unwrap());
    }
    keys
}

#[expect(clippy::too_many_lines, reason = "a line or two for each operation")]
fn step(context: &Context, id: TableId, model: &mut Model, op: &Op, fixed: &mut u32) {
    let table = context.table(id).unwrap();
    let encoded = |rows: &[(Term, Term)]| -> Vec<(Vec<u8>, Vec<u8>)> {
        rows.iter().map(|(key, value)| (term(key), term(value))).collect()
    };
    let borrowed = |rows: &[(Vec<u8>, Vec<u8>)], new: bool| {
        let rows: Vec<(&[u8], &[u8])> = rows.iter().map(|(k, v)| (k.as_slice(), v.as_slice())).collect();
        if new { table.insert_new(&rows) } else { table.insert(&rows).map(|()| true) }
    };
    match op {
        Op::Insert(rows) => {
            assert_eq!(borrowed(&encoded(rows), false), Ok(true));
            rows.iter().for_each(|(key, value)| model.insert(key, value));
        }
        Op::InsertNew(rows) => {
            let new = rows.iter().all(|(key, _)| model.under(key).is_empty());
            assert_eq!(borrowed(&encoded(rows), true), Ok(new));
            if new {
                rows.iter().for_each(|(key, value)| model.insert(key, value));
            }
        }
        Op::Lookup(key) => {
            let expected = model.under(key);
            assert_eq!(pairs(table.lookup(&term(key)).unwrap()), expected);
            assert_eq!(table.member(&term(key)), Ok(!expected.is_empty()));
            match table.get(&term(key)) {
                Ok(row) => assert_eq!(pairs(row.into_iter().collect()), expected),
                Err(error) => assert!(model.is_bag() && error == TableError::WrongKind),
            }
        }
        Op::Delete(key) => {
            assert_eq!(table.delete(&term(key)), Ok(()));
            model.take(key);
        }
        Op::DeleteObject(key, value) => {
            assert_eq!(table.delete_object(&term(key), &term(value)), Ok(()));
            model.delete_object(key, value);
        }
        Op::Take(key) => assert_eq!(pairs(table.take(&term(key)).unwrap()), model.take(key)),
        Op::Swap(key, old, new) => {
            let swapped = table.compare_and_swap(&term(key), &term(old), &term(new));
            if model.is_bag() {
                assert_eq!(swapped, Err(TableError::WrongKind));
            } else {
                let matches = model.under(key).first().is_some_and(|(_, value)| value == old);
                assert_eq!(swapped, Ok(matches));
                if matches {
                    model.change(key, new.clone());
                }
            }
        }
        Op::Count(key, increment, threshold, default) => {
            let updates = [CounterUpdate { path: vec![], increment: *increment, threshold: *threshold }];
            let default_bytes = default.as_ref().map(term);
            let counted = table.update_counter(&term(key), &updates, default_bytes.as_deref());
            let old = model.under(key).first().map(|(_, value)| value.clone()).or(default.clone());
            match old {
                _ if model.is_bag() => assert_eq!(counted, Err(TableError::WrongKind)),
                None => assert_eq!(counted, Err(TableError::NoKey)),
                Some(Term::Integer(number)) => {
                    let mut sum = number as i64 + increment;
                    if let Some((limit, then)) = *threshold
                        && (*increment < 0 && sum < limit || *increment >= 0 && sum > limit)
                    {
                        sum = then;
                    }
                    assert_eq!(counted, Ok(vec![sum.into()]));
                    if model.under(key).is_empty() {
                        model.insert(key, &sum.into());
                    }
                    model.change(key, sum.into());
                }
                Some(_) => assert_eq!(counted, Err(TableError::NotAnInteger)),
            }
        }
        Op::Element(key, value, first) => {
            let path = if *first { vec![Term::from(0i64)] } else { vec![] };
            let updated =
                table.update_element(&term(key), &[ElementUpdate { path, value: term(value) }], None);
            match model.under(key).first() {
                _ if model.is_bag() => assert_eq!(updated, Err(TableError::WrongKind)),
                None => assert_eq!(updated, Ok(false)),
                Some((_, Term::List(items))) if *first => {
                    assert_eq!(updated, Ok(true));
                    model.change(key, Term::List(vec![value.clone(), items[1].clone()]));
                }
                Some(_) if *first => assert_eq!(updated, Err(TableError::NoElement)),
                Some(_) => {
                    assert_eq!(updated, Ok(true));
                    model.change(key, value.clone());
                }
            }
        }
        Op::Keys => {
            let mut expected: Vec<Term> = model.rows.iter().map(|(key, _)| key.clone()).collect();
            expected.sort_by(|a, b| model.compare(a, b).then(a.cmp(b)));
            expected.dedup();
            let mut keys = all_keys(context, id);
            if model.kind == TableKind::OrderedSet {
                assert_eq!(keys, expected, "in their order");
                let mut backwards: Vec<Term> = Vec::new();
                let mut next = table.last().unwrap();
                while let Some(key) = next {
                    next = table.previous(&key).unwrap();
                    backwards.insert(0, decode(&key).unwrap());
                }
                assert_eq!(backwards, expected);
            }
            keys.sort();
            expected.sort();
            assert_eq!(keys, expected);
        }
        Op::Next(key) => {
            let there = !model.under(key).is_empty();
            match table.next(&term(key)) {
                Ok(_) => assert!(there || model.kind == TableKind::OrderedSet || *fixed > 0),
                Err(error) => assert!(!there && error == TableError::NoKey),
            }
        }
        Op::Select(least) => {
            let (matches, mut found) =
                scan(context, id, &at_least(*least, Expression::Row), ScanAction::Select).unwrap();
            assert_eq!(matches, found.len());
            let wanted = |(key, value): (Term, Term)| {
                is_at_least(*least, &value).then(|| Term::List(vec![key, value]))
            };
            let mut expected: Vec<Term> = model.rows.iter().cloned().filter_map(wanted).collect();
            if model.kind == TableKind::OrderedSet {
                expected.sort_by(|a, b| model.compare(&as_list(a)[0], &as_list(b)[0]));
                assert_eq!(found, expected, "in the order of the keys");
            }
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
        }
        Op::SelectCount(least) => {
            let (matches, found) =
                scan(context, id, &at_least(*least, Expression::Key), ScanAction::Count).unwrap();
            let expected = model.rows.iter().filter(|(_, value)| is_at_least(*least, value)).count();
            assert_eq!((matches, found.len()), (expected, 0));
        }
        Op::SelectDelete(least) => {
            let (matches, _) =
                scan(context, id, &at_least(*least, Expression::Key), ScanAction::Delete).unwrap();
            let before = model.rows.len();
            model.rows.retain(|(_, value)| !is_at_least(*least, value));
            assert_eq!(matches, before - model.rows.len());
        }
        Op::SelectReplace(least) => {
            let spec = at_least(
                *least,
                Expression::List(vec![Expression::Variable(0), Expression::Term(9i64.into())]),
            );
            match scan(context, id, &spec, ScanAction::Replace) {
                Err(error) => assert!(model.is_bag() && error == TableError::WrongKind),
                Ok((matches, _)) => {
                    let wanted = model.rows.iter_mut().filter(|(_, value)| is_at_least(*least, value));
                    let replaced = wanted.map(|(_, value)| {
                        let first =
                            if let Term::List(items) = &*value { items[0].clone() } else { value.clone() };
                        *value = Term::List(vec![first, 9i64.into()]);
                    });
                    assert_eq!(matches, replaced.count());
                }
            }
        }
        Op::Clear => {
            assert_eq!(table.clear(), Ok(()));
            model.rows.clear();
        }
        Op::Fix => {
            table.fix().unwrap();
            *fixed += 1;
        }
        Op::Unfix => {
            table.unfix();
            *fixed = fixed.saturating_sub(1);
        }
    }
    assert_eq!(table.len(), Ok(model.rows.len() as u64), "after {op:?}");
    assert_eq!(table.info().unwrap().fixed, *fixed > 0);
}

fn as_list(term: &Term) -> &[Term] {
    match term {
        Term::List(items) => items,
        _ => &[],
    }
}

fn run(kind: TableKind, ops: Vec<Op>) {
    let log = EventLog::default();
    let mut simulator = Simulator::new(1, Box::new(log.clone()));
    let body = move |context: Context| async move {
        let id = super::table(&context, kind);
        let empty = kept_bytes(context.runtime(), context.pid());
        let mut model = Model { kind, rows: Vec::new() };
        let mut fixed = 0;
        for op in &ops {
            step(&context, id, &mut model, op, &mut fixed);
        }
        // What is charged is what is there, when nobody needs marks of what was.
        let table = context.table(id).unwrap();
        (0..fixed).for_each(|_| table.unfix());
        let rows = model.rows.iter().map(|(key, value)| (term(key).len() + term(value).len() + 80) as u64);
        let charged = kept_bytes(context.runtime(), context.pid());
        assert_eq!(charged, empty + rows.sum::<u64>());
        assert_eq!(table.info().unwrap().memory_bytes, charged);
        let mut found: Vec<_> = all_keys(&context, id);
        found.sort();
        found.dedup();
        let mut expected: Vec<_> = model.sorted().into_iter().map(|(key, _)| key).collect();
        expected.dedup();
        assert_eq!(found, expected);
        table.delete_table().unwrap();
        assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
        ExitReason::Normal
    };
    simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
    simulator.run();
    assert_eq!(first_panic(&log.events()), None);
    assert_eq!(simulator.runtime().process_count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Rules E1, E2, E5 to E16, E22, E24, for all four kinds.
    #[test]
    fn tables_do_what_a_list_does(ops in prop::collection::vec(ops(), 1..60)) {
        for kind in [TableKind::Set, TableKind::OrderedSet, TableKind::Bag, TableKind::DuplicateBag] {
            run(kind, ops.clone());
        }
    }
}
