//! What single operations promise, and what bad input gets.

use regrow_otp::testing::kept_bytes;
use regrow_otp::{
    Access, Context, CounterUpdate, Cursor, ElementUpdate, ExitReason, Limits, MAX_KEY_BYTES, Scan,
    ScanAction, SpawnOptions, TableError, TableId, TableKind, TableOptions,
};
use regrow_term::{Clause, Expression, MatchSpec, Matcher, Pattern, Term};

use super::{insert, shown, table, term, values};
use crate::support::*;

const ALL: [TableKind; 4] = [TableKind::Set, TableKind::OrderedSet, TableKind::Bag, TableKind::DuplicateBag];

fn everything(result: Expression) -> Matcher {
    let clause = Clause { key: Pattern::Any, value: Pattern::Any, guards: vec![], result };
    Matcher::new(&MatchSpec(vec![clause])).unwrap()
}

const WHOLE: Scan = Scan { rows: usize::MAX, matches: usize::MAX, result_bytes: usize::MAX };

#[test]
fn e1_e5_e6_kinds_differ_in_what_they_keep_under_a_key() {
    check(&["[2]", "[2]", "[1, 2]", "[1, 2, 1]"], |context, trace| async move {
        for kind in ALL {
            let id = table(&context, kind);
            [1, 2, 1]
                .into_iter()
                .take(if kind == TableKind::Set || kind == TableKind::OrderedSet { 2 } else { 3 })
                .for_each(|value| insert(&context, id, "key", value));
            trace.note(format!("[{}]", values(&context, id, "key").join(", ")));
        }
    });
}

#[test]
fn e2_only_ordered_tables_take_1_and_1_0_for_the_same_key() {
    check(&["2 rows", "1 rows", "next to 1.5: 2"], |context, trace| async move {
        for kind in [TableKind::Set, TableKind::OrderedSet] {
            let id = table(&context, kind);
            insert(&context, id, 1, "integer");
            insert(&context, id, 1.0, "float");
            trace.note(format!("{} rows", context.table(id).unwrap().len().unwrap()));
            if kind == TableKind::OrderedSet {
                insert(&context, id, 2, "integer");
                let next = context.table(id).unwrap().next(&term(&1.5)).unwrap().unwrap();
                trace.note(format!("next to 1.5: {}", shown(&next)));
            }
        }
    });
}

#[test]
fn e3_access_is_the_owners_to_grant() {
    let expected = [
        "Public: ok ok ok",
        "Protected: ok NotOwner(Protected) NotOwner(Protected)",
        "Private: NotOwner(Private) NotOwner(Private) NotOwner(Private)",
        "still there: [1]",
    ];
    check(&expected, |context, trace| async move {
        for access in [Access::Public, Access::Protected, Access::Private] {
            let id = context.create_table(TableOptions { access, ..Default::default() }).unwrap();
            insert(&context, id, "key", 1);
            let notes = trace.clone();
            let other = child(&context, Default::default(), move |other| async move {
                let table = other.table(id).unwrap();
                let said = |result: Result<(), TableError>| match result {
                    Ok(()) => "ok".to_owned(),
                    Err(error) => format!("{error:?}"),
                };
                let read = said(table.lookup(&term("key")).map(drop));
                let write = said(table.insert(&[(&term("other"), &term(&2))]));
                let delete = said(table.delete(&term("other")));
                notes.note(format!("{access:?}: {read} {write} {delete}"));
                ExitReason::Normal
            });
            context.await_down(other).await;
            if access == Access::Private {
                trace.note(format!("still there: [{}]", values(&context, id, "key").join(", ")));
            }
        }
    });
}

#[test]
fn e4_names_are_taken_once_and_an_old_id_stays_dead() {
    check(&["taken", "found", "gone", "another", "dead"], |context, trace| async move {
        let named = || TableOptions { name: Some("t".into()), ..Default::default() };
        let first = context.create_table(named()).unwrap();
        assert_eq!(context.create_table(named()), Err(TableError::NameTaken));
        trace.note("taken");
        assert_eq!(context.runtime().table_named("t"), Some(first));
        trace.note("found");
        context.table(first).unwrap().delete_table().unwrap();
        assert_eq!(context.runtime().table_named("t"), None);
        trace.note("gone");
        let second = context.create_table(named()).unwrap();
        assert_ne!(first, second);
        trace.note("another");
        assert_eq!(context.table(first).err(), Some(TableError::NoTable));
        trace.note("dead");
    });
}

#[test]
fn e9_e10_e11_what_can_not_be_updated_changes_nothing() {
    check(&["[0, text]"; 4], |context, trace| async move {
        let id = table(&context, TableKind::Set);
        let handle = context.table(id).unwrap();
        handle.insert(&[(&term("key"), &term(&Term::List(vec![0i64.into(), "text".into()])))]).unwrap();
        let at =
            |index: u64, increment| CounterUpdate { path: vec![index.into()], increment, threshold: None };
        let element = |index: u64| ElementUpdate { path: vec![index.into()], value: term(&9) };
        let now = || trace.note(values(&context, id, "key")[0].replace('"', ""));
        // The first of the list would do.
        assert_eq!(
            handle.update_counter(&term("key"), &[at(0, 1), at(1, 1)], None),
            Err(TableError::NotAnInteger)
        );
        now();
        assert_eq!(
            handle.update_counter(&term("key"), &[at(0, 1), at(2, 1)], None),
            Err(TableError::NoElement)
        );
        now();
        assert_eq!(
            handle.update_element(&term("key"), &[element(0), element(2)], None),
            Err(TableError::NoElement)
        );
        now();
        assert_eq!(handle.update_counter(&term("other"), &[at(0, 1)], None), Err(TableError::NoKey));
        assert_eq!(handle.update_element(&term("other"), &[element(0)], None), Ok(false));
        assert_eq!(handle.lookup_element(&term("other"), &term::<[u8; 0]>(&[])), Err(TableError::NoKey));
        assert_eq!(handle.lookup_element(&term("key"), &term(&[7])), Err(TableError::NoElement));
        assert_eq!(handle.lookup_element(&term("key"), &term(&[1])).unwrap(), [term("text")]);
        now();
    });
}

#[test]
fn e10_counters_stop_at_thresholds_wrap_and_begin_with_a_default() {
    check(&["[3]", "[0]", "[-5]", "[1, 3]", "no integer"], |context, trace| async move {
        let id = table(&context, TableKind::OrderedSet);
        let handle = context.table(id).unwrap();
        let add = |increment, threshold| CounterUpdate { path: vec![], increment, threshold };
        let count = |updates: &[CounterUpdate]| handle.update_counter(&term("n"), updates, Some(&term(&0)));
        trace.note(format!("{:?}", count(&[add(3, None)]).unwrap()));
        trace.note(format!("{:?}", count(&[add(1, Some((3, 0)))]).unwrap()));
        trace.note(format!("{:?}", count(&[add(-9, Some((-5, -5)))]).unwrap()));
        trace.note(format!("{:?}", count(&[add(6, None), add(2, None)]).unwrap()));
        handle.insert(&[(&term("n"), &term(&u64::MAX))]).unwrap();
        assert_eq!(count(&[add(1, None)]), Err(TableError::NotAnInteger));
        trace.note("no integer");
    });
}

#[test]
fn e13_e14_a_fixed_table_is_gone_through_while_everything_is_deleted() {
    check(&["100 seen, 0 left", "NoKey"], |context, trace| async move {
        let id = table(&context, TableKind::Set);
        (0..100).for_each(|key| insert(&context, id, key, "value"));
        let handle = context.table(id).unwrap();
        handle.fix().unwrap();
        let mut seen = 0;
        let mut next = handle.first().unwrap();
        while let Some(key) = next {
            seen += 1;
            handle.delete(&key).unwrap();
            next = handle.next(&key).unwrap();
        }
        handle.unfix();
        trace.note(format!("{seen} seen, {} left", handle.len().unwrap()));
        trace.note(format!("{:?}", handle.next(&term(&1)).unwrap_err()));
    });
}

#[test]
fn e16_a_selection_with_a_limit_goes_on_where_it_was_and_can_be_repeated() {
    check(&["10 in pieces of 4 4 2", "again: 4"], |context, trace| async move {
        let id = table(&context, TableKind::OrderedSet);
        (0..10).for_each(|key| insert(&context, id, key, "value"));
        let handle = context.table(id).unwrap();
        let (matcher, piece) = (everything(Expression::Key), Scan { matches: 4, ..WHOLE });
        let mut cursor = Cursor::begin();
        let (mut pieces, mut found) = (Vec::new(), Vec::new());
        let mut second = None;
        while !cursor.is_at_end() {
            let scanned = handle.scan(&matcher, ScanAction::Select, &mut cursor, piece).unwrap();
            pieces.push(scanned.matches.to_string());
            found.extend(scanned.results);
            second.get_or_insert(cursor.to_bytes());
        }
        assert_eq!(found, (0..10).map(|key| term(&key)).collect::<Vec<_>>(), "in order, each once");
        trace.note(format!("{} in pieces of {}", found.len(), pieces.join(" ")));
        let mut again = Cursor::from_bytes(&second.unwrap()).unwrap();
        let scanned = handle.scan(&matcher, ScanAction::Select, &mut again, piece).unwrap();
        assert_eq!(scanned.results, found[4..8]);
        trace.note(format!("again: {}", scanned.matches));
    });
}

#[test]
fn e16_continuations_of_elsewhere_are_refused() {
    check(&["6 bad ones", "behind the end"], |context, trace| async move {
        let (hashed, ordered) = (table(&context, TableKind::Set), table(&context, TableKind::OrderedSet));
        insert(&context, hashed, 1, 1);
        insert(&context, ordered, 1, 1);
        let scan = |id: TableId, bytes: &[u8]| {
            let mut cursor = Cursor::from_bytes(bytes)?;
            let table = context.table(id).unwrap();
            table.scan(&everything(Expression::Key), ScanAction::Select, &mut cursor, WHOLE)
        };
        let bad: [(TableId, Vec<u8>); 6] = [
            (hashed, vec![]),
            (hashed, b"nonsense".to_vec()),
            (hashed, term(&[1, 2, 3])),
            (hashed, term(&(-1, 0))),
            (ordered, term(&(0, 0))),
            (hashed, encode_bytes(&term(&5))),
        ];
        for (id, bytes) in &bad {
            assert_eq!(scan(*id, bytes).unwrap_err(), TableError::BadContinuation, "{bytes:?}");
        }
        trace.note(format!("{} bad ones", bad.len()));
        for place in [(99u64, 0u64), (15, u64::MAX >> 1), (15, 7)] {
            assert_eq!(scan(hashed, &term(&place)).unwrap().matches, 0);
        }
        trace.note("behind the end");
    });
}

fn encode_bytes(bytes: &[u8]) -> Vec<u8> {
    term(&Term::Bytes(bytes.to_vec()))
}

#[test]
fn e21_a_deleted_table_is_no_table_for_anything() {
    check(&["18 times"], |context, trace| async move {
        let id = table(&context, TableKind::Set);
        let handle = context.table(id).unwrap();
        handle.delete_table().unwrap();
        let (key, mut cursor) = (term(&1), Cursor::begin());
        let results = [
            handle.lookup(&key).err(),
            handle.get(&key).err(),
            handle.member(&key).err(),
            handle.insert(&[(&key, &key)]).err(),
            handle.insert(&[(&key, &key), (&key, &key)]).err(),
            handle.insert_new(&[(&key, &key)]).err(),
            handle.delete(&key).err(),
            handle.take(&key).err(),
            handle.first().err(),
            handle.next(&key).err(),
            handle.len().err(),
            handle.info().err(),
            handle.clear().err(),
            handle.fix().err(),
            handle.delete_table().err(),
            handle.update_counter(&key, &[], Some(&key)).err(),
            handle.scan(&everything(Expression::Key), ScanAction::Delete, &mut cursor, WHOLE).err(),
            handle.give_away(context.pid(), &key).err(),
        ];
        assert!(results.iter().all(|result| *result == Some(TableError::NoTable)), "{results:?}");
        trace.note(format!("{} times", results.len()));
    });
}

#[test]
fn e22_only_named_tables_are_renamed() {
    check(&["renamed"], |context, trace| async move {
        let named =
            |name: &str| context.create_table(TableOptions { name: Some(name.into()), ..Default::default() });
        let (a, b) = (named("a").unwrap(), named("b").unwrap());
        let handle = context.table(a).unwrap();
        assert_eq!(handle.rename("b"), Err(TableError::NameTaken));
        assert_eq!(handle.rename(""), Err(TableError::BadName));
        handle.rename("c").unwrap();
        let found = ["a", "b", "c"].map(|name| context.runtime().table_named(name));
        assert_eq!(found, [None, Some(b), Some(a)]);
        let unnamed = table(&context, TableKind::Set);
        assert_eq!(context.table(unnamed).unwrap().rename("d"), Err(TableError::NotNamed));
        trace.note("renamed");
    });
}

#[test]
fn e24_what_finds_no_room_is_refused_whole_and_the_rest_stays() {
    check(&["full", "whole lists or nothing", "room again"], |context, trace| async move {
        let limits = Limits { kept_bytes: 20_000, ..Limits::default() };
        let (notes, options) = (trace.clone(), SpawnOptions { limits, ..Default::default() });
        let other = child(&context, options, move |context| async move {
            let id = table(&context, TableKind::Set);
            let handle = context.table(id).unwrap();
            let value = term(&"x".repeat(1000));
            let mut rows = 0;
            let error = loop {
                match handle.insert(&[(&term(&rows), &value)]) {
                    Ok(()) => rows += 1,
                    Err(error) => break error,
                }
            };
            assert!(
                matches!(error, TableError::Limit(limit) if limit.limit.name() == "kept_bytes"),
                "{error:?}"
            );
            assert_eq!(handle.len(), Ok(rows));
            notes.note("full");
            // In place of one that is there, there is room for one as large.
            handle.insert(&[(&term(&0), &value)]).unwrap();
            let two: [(&[u8], &[u8]); 2] = [(&term("small"), &term(&1)), (&term("large"), &value)];
            assert!(matches!(handle.insert(&two), Err(TableError::Limit(_))));
            assert_eq!(handle.member(&term("small")), Ok(false));
            assert!(matches!(context.create_table(TableOptions::default()), Err(TableError::Limit(_))));
            notes.note("whole lists or nothing");
            handle.delete(&term(&0)).unwrap();
            handle.insert(&[(&term("large"), &value)]).unwrap();
            notes.note("room again");
            ExitReason::Normal
        });
        context.await_down(other).await;
    });
}

#[test]
fn bad_terms_keys_and_names_are_refused() {
    check(&["refused"], |context, trace| async move {
        let id = table(&context, TableKind::Bag);
        let handle = context.table(id).unwrap();
        let (good, bad, long) = (term(&1), b"\xff".as_slice(), encode_bytes(&vec![0; 10 << 20]));
        for refused in
            [handle.insert(&[(bad, &good)]), handle.insert(&[(&good, bad)]), handle.delete_object(&good, bad)]
        {
            assert!(matches!(refused, Err(TableError::BadTerm(_))), "{refused:?}");
        }
        let too_long = TableError::KeyTooLong(long.len());
        assert_eq!(handle.insert(&[(&long, &good)]), Err(too_long.clone()));
        assert_eq!(handle.lookup(&long), Err(too_long.clone()));
        assert_eq!(handle.next(&long), Err(too_long));
        let longest = encode_bytes(&vec![0; MAX_KEY_BYTES - 5]);
        handle.insert(&[(&longest, &good)]).unwrap();
        assert_eq!(handle.len(), Ok(1));
        for name in ["", "line\nbreak", &"x".repeat(256)] {
            let options = TableOptions { name: Some(name.into()), ..Default::default() };
            assert_eq!(context.create_table(options), Err(TableError::BadName));
        }
        let invented = TableId { nonce: id.nonce ^ 1, ..id };
        assert_eq!(context.table(invented).err(), Some(TableError::NoTable));
        trace.note("refused");
    });
}

#[test]
fn a_table_from_which_most_was_deleted_is_as_quick_as_before() {
    check(&["1 left, found at once"], |context: Context, trace| async move {
        let id = table(&context, TableKind::Set);
        (0..40_000).for_each(|key| insert(&context, id, key, key));
        let handle = context.table(id).unwrap();
        (0..39_999).for_each(|key| handle.delete(&term(&key)).unwrap());
        // Places are looked at, not rows: few are left.
        let mut cursor = Cursor::begin();
        let piece = Scan { rows: 1, ..WHOLE };
        let mut pieces = 0;
        while !cursor.is_at_end() {
            handle.scan(&everything(Expression::Key), ScanAction::Select, &mut cursor, piece).unwrap();
            pieces += 1;
        }
        assert!(pieces < 40, "{pieces}");
        trace.note(format!("{} left, found at once", handle.len().unwrap()));
        let first = handle.first().unwrap().unwrap();
        assert_eq!(shown(&first), "39999");
    });
}

#[test]
fn e14_marks_in_a_fixed_table_are_charged_and_hold_no_values() {
    check(&["marks", "none"], |context, trace| async move {
        let id = table(&context, TableKind::Set);
        let handle = context.table(id).unwrap();
        let empty = kept_bytes(context.runtime(), context.pid());
        handle.fix().unwrap();
        for round in 0..3 {
            for key in 0..100 {
                handle.insert(&[(&term(&key), &term(&"x".repeat(10_000)))]).unwrap();
                handle.delete(&term(&key)).unwrap();
            }
            // A key and the place, and not once for each round.
            let marks = kept_bytes(context.runtime(), context.pid()) - empty;
            assert!((8_000..10_000).contains(&marks), "{marks} after round {round}");
        }
        trace.note("marks");
        handle.unfix();
        assert_eq!(kept_bytes(context.runtime(), context.pid()), empty);
        // A table that is gone is fixed no more.
        let other = table(&context, TableKind::Set);
        context.table(other).unwrap().fix().unwrap();
        context.table(other).unwrap().delete_table().unwrap();
        context.unfix_table(other);
        trace.note("none");
    });
}

#[test]
fn e16_a_limit_holds_within_the_rows_of_a_key() {
    check(&["10, 10, 5", "all"], |context, trace| async move {
        let id = table(&context, TableKind::DuplicateBag);
        (0..25).for_each(|value| insert(&context, id, "key", value));
        let matcher = everything(Expression::Value);
        let mut cursor = Cursor::begin();
        let (mut pieces, mut found) = (Vec::new(), Vec::new());
        while !cursor.is_at_end() {
            // As it is kept between calls; what has been seen is deleted.
            cursor = Cursor::from_bytes(&cursor.to_bytes()).unwrap();
            let piece = Scan { matches: 10, ..WHOLE };
            let handle = context.table(id).unwrap();
            let scanned = handle.scan(&matcher, ScanAction::Select, &mut cursor, piece).unwrap();
            for value in &scanned.results {
                handle.delete_object(&term("key"), value).unwrap();
            }
            if !scanned.results.is_empty() {
                pieces.push(scanned.results.len().to_string());
            }
            found.extend(scanned.results);
        }
        trace.note(pieces.join(", "));
        assert_eq!(found, (0..25).map(|value| term(&value)).collect::<Vec<_>>());
        trace.note("all");
    });
}

#[test]
fn a_large_match_specification_ends_a_piece_and_its_work_is_told() {
    check(&["pieces"], |context, trace| async move {
        let id = table(&context, TableKind::Bag);
        let value = "x".repeat(60_000);
        (0..50).for_each(|n| insert(&context, id, "key", format!("{n}{value}")));
        let matcher = everything(Expression::list(vec![Expression::Value; 100]));
        let handle = context.table(id).unwrap();
        let mut cursor = Cursor::begin();
        let scanned = handle.scan(&matcher, ScanAction::Count, &mut cursor, WHOLE).unwrap();
        assert_eq!((scanned.rows, scanned.work > 6_000_000), (1, true), "{}", scanned.work);
        assert!(!cursor.is_at_end());
        trace.note("pieces");
    });
}

#[test]
fn bags_count_the_rows_of_each_key_of_a_batch() {
    check(&["fits", "not"], |context, trace| async move {
        let id = table(&context, TableKind::DuplicateBag);
        insert(&context, id, 0, "there");
        let rows: Vec<(Vec<u8>, Vec<u8>)> = (0..10_000).map(|key| (term(&key), term("x"))).collect();
        let rows: Vec<(&[u8], &[u8])> = rows.iter().map(|(key, value)| (&key[..], &value[..])).collect();
        let handle = context.table(id).unwrap();
        handle.insert(&rows).unwrap();
        trace.note("fits");
        let same = vec![rows[0]; 9_999];
        assert!(matches!(handle.insert(&same), Err(TableError::Limit(_))));
        assert_eq!(handle.len(), Ok(10_001));
        trace.note("not");
    });
}

#[test]
fn a_table_that_is_kept_for_others_is_its_owners_to_end() {
    check(&["kept"], |context, trace| async move {
        let options = || TableOptions {
            name: Some("t".into()),
            access: Access::Public,
            is_kept: true,
            ..TableOptions::default()
        };
        let id = context.create_table(options()).unwrap();
        let other = child(&context, SpawnOptions::default(), move |context| async move {
            let table = context.table(id).unwrap();
            table.insert(&[(&term("key"), &term("value"))]).unwrap();
            assert_eq!(table.delete_table(), Err(TableError::NotOwner(Access::Public)));
            assert_eq!(table.rename("mine"), Err(TableError::NotOwner(Access::Public)));
            ExitReason::Normal
        });
        assert_eq!(context.await_down(other).await, ExitReason::Normal);
        context.table(id).unwrap().rename("u").unwrap();
        context.table(id).unwrap().delete_table().unwrap();
        trace.note("kept");
    });
}
