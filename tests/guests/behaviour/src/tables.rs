//! Tables, from inside.

use std::collections::BTreeMap;

use regrow_sdk::group::Group;
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::registry::Registry;
use regrow_sdk::sys::bindings::regrow::otp::table as raw;
use regrow_sdk::table::{
    Access, CounterUpdate, Expression, Kind, MatchSpec, Operator, Pattern, Table, TableError, TableOptions,
    Variable,
};
use regrow_sdk::topic::PubSub;
use regrow_sdk::{ExitReason, Pid, Term, encode};
use serde::{Deserialize, Serialize};

const KINDS: [Kind; 4] = [Kind::Set, Kind::OrderedSet, Kind::Bag, Kind::DuplicateBag];

#[derive(Serialize, Deserialize, Clone, PartialEq, Debug)]
struct Player {
    name: String,
    score: i64,
}

fn player(name: &str, score: i64) -> Player {
    Player { name: name.to_owned(), score }
}

pub fn rows(_: ()) -> Result<(), ExitReason> {
    for kind in KINDS {
        let table: Table<String, u32> = TableOptions::new(kind).create()?;
        let key = "key".to_owned();
        for value in [1, 2, 1] {
            table.insert(&key, &value)?;
        }
        let expected: &[u32] = match kind {
            Kind::Set | Kind::OrderedSet => &[1],
            Kind::Bag => &[1, 2],
            Kind::DuplicateBag => &[1, 2, 1],
        };
        assert_eq!(table.lookup(&key)?, expected);
        assert_eq!(table.len()?, expected.len() as u64);
        assert_eq!(table.info()?.kind, kind);
        table.delete_object(&key, &1)?;
        assert!(!table.lookup(&key)?.contains(&1));
        let left = table.lookup(&key)?;
        assert_eq!(table.take(&key)?, left);
        assert!(!table.member(&key)? && table.is_empty()?);
        table.insert_all([(&"a".to_owned(), &1), (&"b".to_owned(), &2)])?;
        assert!(!table.insert_new([(&"c".to_owned(), &3), (&"a".to_owned(), &3)])?, "one of them is there");
        assert!(table.insert_new([(&"c".to_owned(), &3)])?);
        let mut all: Vec<(String, u32)> = table.rows().collect::<Result<_, _>>()?;
        all.sort();
        assert_eq!(all, [("a".to_owned(), 1), ("b".to_owned(), 2), ("c".to_owned(), 3)]);
        // Key by key, while they are deleted.
        let fixed = table.fix()?;
        assert!(table.info()?.fixed);
        let mut seen = Vec::new();
        let mut next = table.first()?;
        while let Some(key) = next {
            table.delete(&key)?;
            next = table.next(&key)?;
            seen.push(key);
        }
        drop(fixed);
        seen.sort();
        assert_eq!(seen, ["a", "b", "c"]);
        table.insert(&key, &1)?;
        table.clear()?;
        assert_eq!((table.first()?, table.last()?), (None, None));
        table.delete_table()?;
    }
    updates()
}

fn updates() -> Result<(), ExitReason> {
    let players: Table<u32, Player> = TableOptions::new(Kind::OrderedSet).create()?;
    for id in [3, 1, 2] {
        players.insert(&id, &player("somebody", 10 * i64::from(id)))?;
    }
    assert_eq!((players.first()?, players.last()?), (Some(1), Some(3)));
    assert_eq!((players.next(&1)?, players.previous(&1)?), (Some(2), None));
    assert_eq!(players.add(&1, "score", 5)?, 15);
    let down = CounterUpdate::of("score", -100).wrap(0, 0);
    assert_eq!(players.update_counter(&1, &[down, CounterUpdate::of("score", 7)], None)?, [0, 7]);
    assert_eq!(players.update_counter(&9, &[CounterUpdate::of("score", 1)], Some(&player("new", 1)))?, [2]);
    assert!(players.update_element(&1, "name", "renamed")?);
    assert!(!players.update_element(&77, "name", "renamed")?);
    assert_eq!(players.get(&1)?, Some(player("renamed", 7)));
    assert_eq!(players.lookup_element::<i64>(&1, "score")?, [7]);
    assert!(!players.compare_and_swap(&1, &player("other", 7), &player("swapped", 8))?);
    assert!(players.compare_and_swap(&1, &player("renamed", 7), &player("swapped", 8))?);
    assert_eq!(players.get(&1)?, Some(player("swapped", 8)));
    // What fails changes nothing.
    let two = [CounterUpdate::of("score", 1), CounterUpdate::of("name", 1)];
    assert_eq!(players.update_counter(&1, &two, None), Err(TableError::NotAnInteger));
    assert_eq!(players.add(&1, "nothing", 1), Err(TableError::NoElement));
    assert_eq!(players.add(&55, "score", 1), Err(TableError::NoKey));
    assert_eq!(players.get(&1)?, Some(player("swapped", 8)));
    let counters: Table<String, i64> = TableOptions::new(Kind::Set).create()?;
    let hits = "hits".to_owned();
    assert_eq!(counters.increment(&hits, 1), Err(TableError::NoKey));
    for expected in 1..=3 {
        assert_eq!(counters.update_counter(&hits, &[CounterUpdate::of_value(1)], Some(&0))?, [expected]);
    }
    assert_eq!(counters.increment(&hits, -10)?, -7);
    counters.insert(&hits, &i64::MAX)?;
    assert_eq!(counters.increment(&hits, 1), Err(TableError::NotAnInteger), "beyond what `i64` holds");
    assert_eq!(counters.get(&hits)?, Some(i64::MAX));
    Ok(())
}

pub fn selections(_: ()) -> Result<(), ExitReason> {
    for kind in KINDS {
        let table: Table<u64, Player> = TableOptions::new(kind).create()?;
        let rows: BTreeMap<u64, Player> = (0..1000).map(|id| (id, player("p", (id % 10) as i64))).collect();
        table.insert_all(&rows)?;
        let score = Variable(0);
        let nines = || {
            let nine = score.bound().equals(9u64);
            MatchSpec::new().value(Pattern::fields([("score", score)])).when(nine).give(Expression::Key)
        };
        assert_eq!(table.select_count(&nines())?, 100);
        let mut found: Vec<u64> = table.select(&nines())?;
        if kind == Kind::OrderedSet {
            assert!(found.is_sorted(), "in the order of the keys");
        }
        found.sort_unstable();
        assert_eq!(found, (0..100).map(|n| 10 * n + 9).collect::<Vec<_>>());
        // Some at a time.
        let mut again: Vec<u64> = table.selected(&nines(), 7).collect::<Result<_, _>>()?;
        again.sort_unstable();
        assert_eq!(again, found);
        // A key that is given is looked up.
        let one = MatchSpec::new().key(49u64).value(Pattern::fields([("name", score)])).give(score);
        assert_eq!(table.select::<String>(&one)?, ["p"]);
        let replaced = table.select_replace(&nines().give(Expression::Map(vec![
            ("name".into(), Expression::Term("nine".into())),
            ("score".into(), score.bound().plus(1u64)),
        ])));
        if kind == Kind::Bag {
            assert_eq!(replaced, Err(TableError::WrongKind));
        } else {
            assert_eq!(replaced?, 100);
            assert_eq!(table.lookup(&19)?, [player("nine", 10)]);
        }
        let low =
            MatchSpec::new().value(Pattern::fields([("score", score)])).when(score.bound().less_than(5u64));
        assert_eq!(table.select_delete(&low)?, 500);
        assert_eq!(table.len()?, 500);
    }
    Ok(())
}

/// What `helper-table-user` does to a table, in this order.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
struct Uses {
    reads: bool,
    writes: bool,
    deletes: bool,
}

pub fn user((to, table): (Pid, Table<u32, u32>)) -> Result<(), ExitReason> {
    let reads = table.get(&1).is_ok();
    let writes = table.insert(&2, &2).is_ok();
    let changes =
        table.set_access(Access::Public).is_ok() || table.give_away(process::self_pid(), &()).is_ok();
    assert!(!changes, "only the owner may");
    let deletes = table.delete_table().is_ok();
    mailbox::send(to, &Uses { reads, writes, deletes })?;
    Ok(())
}

pub fn owner(heir: Pid) -> Result<(), ExitReason> {
    let table: Table<u32, u32> = TableOptions::new(Kind::Set).private().heir(heir, &"inherited")?.create()?;
    table.insert(&1, &11)?;
    mailbox::send(heir, &table)?;
    mailbox::receive(None);
    Err(ExitReason::error("with a table"))
}

pub fn owners(_: ()) -> Result<(), ExitReason> {
    let own = process::self_pid();
    for (access, reads, writes) in
        [(Access::Public, true, true), (Access::Protected, true, false), (Access::Private, false, false)]
    {
        let table: Table<u32, u32> = TableOptions::new(Kind::Set).create()?;
        table.set_access(access)?;
        table.insert(&1, &1)?;
        process::spawn("helper-table-user", &(own, table), &SpawnOptions::default())?;
        let uses: Uses = mailbox::receive_message(None).expect("it says").decode()?;
        assert_eq!(uses, Uses { reads, writes, deletes: writes }, "{access:?}");
        assert_eq!(table.info().is_err(), writes);
    }
    // An heir has the table before it hears of the end.
    let spawned =
        process::spawn("helper-table-owner", &own, &SpawnOptions { monitor: true, ..Default::default() })?;
    let table: Table<u32, u32> = mailbox::receive_message(None).expect("it has made it").decode()?;
    assert_eq!(table.get(&1), Err(TableError::NotOwner(Access::Private)));
    mailbox::send(spawned.pid, &"end")?;
    let received = mailbox::receive(None).expect("a table");
    let (inherited, data) = Table::<u32, u32>::transferred::<String>(&received).expect("a table");
    assert_eq!((inherited, data.as_str()), (table, "inherited"));
    assert!(matches!(mailbox::receive(None), Some(Received::Down { .. })));
    assert_eq!(table.get(&1)?, Some(11));
    assert_eq!(table.info()?.owner, own);
    // Given away, it is no more one's own, and ends with its new owner.
    let other = process::spawn("helper-hoard", &(), &SpawnOptions::default())?.pid;
    table.give_away(other, &"gift")?;
    assert_eq!(table.get(&1), Err(TableError::NotOwner(Access::Private)));
    process::exit_process(other, ExitReason::Kill)?;
    let received = mailbox::receive(None).expect("the table again: who inherits it has stayed");
    assert_eq!(Table::<u32, u32>::transferred::<String>(&received), Some((table, "inherited".to_owned())));
    table.disinherit()?;
    let other = process::spawn("helper-hoard", &(), &SpawnOptions::default())?.pid;
    table.give_away(other, &"gift")?;
    let monitor = process::monitor(other)?;
    process::exit_process(other, ExitReason::Kill)?;
    mailbox::wait_for(monitor, None);
    assert_eq!(table.get(&1), Err(TableError::NoTable));
    let table: Table<u32, u32> = TableOptions::new(Kind::Set).create()?;
    assert_eq!(table.give_away(other, &"gift"), Err(TableError::NoProc));
    assert_eq!(table.give_away(own, &"gift"), Err(TableError::OwnAlready));
    Ok(())
}

pub fn nonsense(_: ()) -> Result<(), ExitReason> {
    let table: Table<Term, Term> = TableOptions::new(Kind::Set).create()?;
    let term = |text: &str| Term::from(text);
    table.insert(&term("key"), &term("value"))?;
    let id = {
        let bytes = encode(&table)?;
        let id: BTreeMap<String, u64> = regrow_sdk::decode(&bytes)?;
        raw::TableId { slot: id["slot"] as u32, nonce: id["nonce"] }
    };
    // Handles that nobody gave out.
    for invented in [
        raw::TableId { nonce: id.nonce ^ 1, ..id },
        raw::TableId { slot: id.slot.wrapping_add(16), ..id },
        raw::TableId { slot: u32::MAX, nonce: u64::MAX },
    ] {
        assert!(matches!(raw::get(invented, &encode(&1)?), Err(raw::TableError::NoTable)));
        assert!(matches!(raw::insert(invented, &encode(&1)?, &encode(&1)?), Err(raw::TableError::NoTable)));
        assert!(matches!(raw::delete_table(invented), Err(raw::TableError::NoTable)));
        raw::unfix(invented);
    }
    // Bytes that are no term, as key, value, path, default, specification, continuation.
    let (bad, good) = (b"\xff\x00".as_slice(), encode(&"key")?);
    let is_bad_term =
        |result: Result<(), raw::TableError>| matches!(result, Err(raw::TableError::BadTerm(_)));
    assert!(is_bad_term(raw::insert(id, bad, &good)));
    assert!(is_bad_term(raw::insert(id, &good, bad)));
    assert!(is_bad_term(raw::insert(id, &good, &[&[0x81; 5000][..], &[1]].concat())), "nested deeply");
    assert!(is_bad_term(raw::get(id, bad).map(drop)));
    assert!(is_bad_term(raw::lookup_element(id, &good, bad).map(drop)));
    let update = raw::CounterUpdate { path: bad.to_vec(), increment: 1, threshold: None };
    assert!(is_bad_term(raw::update_counter(id, &good, &[update], None).map(drop)));
    let update = raw::CounterUpdate { path: encode(&5)?, increment: 1, threshold: None };
    assert!(is_bad_term(raw::update_counter(id, &good, &[update], None).map(drop)), "no list");
    assert!(is_bad_term(raw::update_counter(id, &good, &[], Some(bad)).map(drop)));
    for spec in
        [bad.to_vec(), encode(&"no specification")?, encode(&[[1]])?, [&[0x81; 5000][..], &[1]].concat()]
    {
        assert!(matches!(raw::select(id, &spec, 1, None), Err(raw::TableError::BadMatchSpec(_))), "{spec:?}");
        assert!(matches!(raw::select_delete(id, &spec), Err(raw::TableError::BadMatchSpec(_))), "{spec:?}");
    }
    let all = encode(&MatchSpec::new())?;
    for continuation in [bad.to_vec(), encode(&"place")?, encode(&(-1, 0))?, vec![]] {
        let selected = raw::select(id, &all, 1, Some(&continuation));
        assert!(matches!(selected, Err(raw::TableError::BadContinuation)), "{continuation:?}");
    }
    let behind_the_end = raw::select(id, &all, 1, Some(&encode(&(u32::MAX, u32::MAX))?));
    assert!(
        behind_the_end
            .is_ok_and(|selection| selection.results.is_empty() && selection.continuation.is_none())
    );
    for spec in [
        MatchSpec(vec![]),
        MatchSpec::new().give(Variable(3)),
        MatchSpec::new().value(Variable(200)),
        MatchSpec::new().when(Expression::Apply(Operator::Not, vec![])),
    ] {
        assert!(matches!(table.select::<Term>(&spec), Err(TableError::BadMatchSpec(_))), "{spec:?}");
    }
    // Keys of 10 MiB, and of one that gets as far as the host; values that no message may have.
    let long = |bytes: usize| Term::Bytes(vec![0; bytes]);
    assert!(matches!(table.insert(&long(10 << 20), &term("x")), Err(TableError::KeyTooLong(_))));
    assert!(matches!(raw::get(id, &encode(&long(100_000))?), Err(raw::TableError::KeyTooLong(_))));
    assert!(matches!(table.insert(&term("x"), &long(5 << 20)), Err(TableError::Limit(_))));
    // What would take too long, or too much memory.
    let many: Vec<(u32, u32)> = (0..10_001).map(|n| (n, n)).collect();
    let numbers: Table<u32, u32> = TableOptions::new(Kind::Bag).create()?;
    let refused = numbers.insert_all(many.iter().map(|(key, value)| (key, value)));
    assert!(matches!(refused, Err(TableError::BadTerm(_))), "{refused:?}");
    numbers.insert_all(many[1..].iter().map(|(_, value)| (&7, value)))?;
    let limit = numbers.insert(&7, &77_777).unwrap_err();
    assert!(matches!(&limit, TableError::Limit(limit) if limit.which == "rows_per_key"), "{limit}");
    assert_eq!(numbers.lookup(&7)?.len(), 10_000);
    let updates = vec![CounterUpdate::of_value(1); 65];
    let counter: Table<u32, u32> = TableOptions::new(Kind::Set).create()?;
    assert!(matches!(counter.update_counter(&1, &updates, Some(&0)), Err(TableError::BadTerm(_))));
    assert_eq!(counter.get(&1)?, None);
    let large: Table<u32, Vec<u32>> = TableOptions::new(Kind::Set).create()?;
    large.insert(&1, &vec![1; 100_000])?;
    assert!(matches!(large.add(&1, 0u64, 1), Err(TableError::BadTerm(_))));
    let long = MatchSpec::new().give(Expression::List(vec![Expression::Row; 20_000]));
    assert!(matches!(large.select::<Term>(&long), Err(TableError::BadMatchSpec(_))));
    // Of another type.
    let mistaken: Table<String, u64> = regrow_sdk::decode(&encode(&table)?)?;
    assert!(matches!(mistaken.get(&"key".to_owned()), Err(TableError::Decode(_))));
    assert_eq!(mistaken.get(&"other".to_owned())?, None);
    // A continuation of what is gone, and everything else.
    table.insert(&term("second"), &term("row"))?;
    let selection = raw::select(id, &all, 1, None).expect("a row");
    table.delete_table()?;
    let again = raw::select(id, &all, 1, selection.continuation.as_deref());
    assert!(matches!(again, Err(raw::TableError::NoTable)));
    assert_eq!(table.get(&term("key")), Err(TableError::NoTable));
    for name in ["", "line\nbreak", &"x".repeat(256)] {
        assert!(matches!(
            TableOptions::new(Kind::Set).named(name).create::<u32, u32>(),
            Err(TableError::BadName | TableError::Denied(_))
        ));
    }
    Ok(())
}

pub fn limits(_: ()) -> Result<(), ExitReason> {
    let table: Table<u32, Vec<u64>> = TableOptions::new(Kind::OrderedSet).create()?;
    let value: Vec<u64> = (0..200).collect();
    let mut rows = 0;
    let limit = loop {
        match table.insert(&rows, &value) {
            Ok(()) => rows += 1,
            Err(TableError::Limit(limit)) => break limit,
            Err(error) => return Err(error.into()),
        }
    };
    assert_eq!((limit.which.as_str(), limit.allowed), ("kept_bytes", 64 << 10));
    assert!((100..200).contains(&rows), "{rows}");
    assert_eq!(table.len()?, u64::from(rows));
    assert!(matches!(TableOptions::new(Kind::Set).create::<u32, u32>(), Err(TableError::Limit(_))));
    table.delete(&0)?;
    table.insert(&rows, &value)?;
    table.delete_table()?;
    // There is room for as many again.
    let table: Table<u32, Vec<u64>> = TableOptions::new(Kind::Bag).create()?;
    for row in 0..rows {
        table.insert(&row, &value)?;
    }
    Ok(())
}

pub fn denied(_: ()) -> Result<(), ExitReason> {
    let named = |name: &str| TableOptions::new(Kind::Set).named(name).create::<u32, u32>();
    let mine = named("mine/a")?;
    assert!(matches!(named("other"), Err(TableError::Denied(_))));
    assert!(matches!(mine.rename("other"), Err(TableError::Denied(_))));
    assert_eq!(Table::<u32, u32>::find("mine/a"), Some(mine));
    assert_eq!(Table::<u32, u32>::find("other"), None);
    assert_eq!(named("mine/a"), Err(TableError::NameTaken));
    mine.rename("mine/b")?;
    assert_eq!((Table::<u32, u32>::find("mine/a"), Table::find("mine/b")), (None, Some(mine)));
    Ok(())
}

pub fn visitor(_: ()) -> Result<(), ExitReason> {
    let visits: Table<String, u64> = Table::find("visits").expect("it is declared");
    assert_eq!(visits.info()?.access, Access::Public);
    let count = CounterUpdate::of_value(1);
    let visit = visits.update_counter(&"visits".to_owned(), &[count], Some(&0))?;
    // What the visit before had is gone, and what keeps it is not.
    let people: Registry<String, i64> = Registry::named("people");
    assert_eq!(people.count()?, 0);
    people.register(&"visitor".to_owned(), &visit[0])?;
    let news = PubSub::named("news").topic::<i64>("visits");
    news.subscribe()?;
    assert_eq!(news.broadcast(&visit[0])?.delivered, 1);
    let hall = Group::new("rooms", "hall");
    hall.join()?;
    assert_eq!(hall.members()?, [regrow_sdk::process::self_pid()]);
    assert!(visit == [3], "on visit {}", visit[0]);
    Ok(())
}
