//! Programs that use tables. `tests/bench/beam/services.erl` has the same.

use std::time::{Duration, Instant};

use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::table::{Expression, Kind, MatchSpec, Pattern, Table, TableOptions, Variable};
use regrow_sdk::{ExitReason, Pid, mailbox};
use serde_bytes::ByteBuf;

type Time = Result<Duration, ExitReason>;
type Rows = Table<u64, ByteBuf>;

/// The keys are visited in this order: neighbours in it are far from each other.
fn key(n: u64, rows: u64) -> u64 {
    n.wrapping_mul(7_919) % rows
}

fn value() -> ByteBuf {
    ByteBuf::from(vec![b'x'; 64])
}

fn filled(kind: Kind, rows: u64) -> Result<Rows, ExitReason> {
    let table = TableOptions::new(kind).public().create()?;
    let value = value();
    for key in 0..rows {
        table.insert(&key, &value)?;
    }
    Ok(table)
}

fn read(table: Rows, rows: u64, count: u32) -> Result<(), ExitReason> {
    for n in 0..count {
        let value = table.get(&key(n.into(), rows))?;
        assert_eq!(value.map(|value| value.len()), Some(64));
    }
    Ok(())
}

fn write(table: Rows, rows: u64, count: u32) -> Result<(), ExitReason> {
    let value = value();
    for n in 0..count {
        table.insert(&key(n.into(), rows), &value)?;
    }
    Ok(())
}

pub(crate) fn lookups(kind: Kind, rows: u64, count: u32) -> Time {
    let table = filled(kind, rows)?;
    let start = Instant::now();
    read(table, rows, count)?;
    let time = start.elapsed();
    table.delete_table()?;
    Ok(time)
}

/// Half of it: reads or writes when it is told to, and says when it has.
pub(crate) fn half((parent, table, writes, count): (Pid, Rows, bool, u32)) -> Result<(), ExitReason> {
    mailbox::receive(None);
    if writes {
        write(table, 1000, count)?
    } else {
        read(table, 1000, count)?
    }
    Ok(mailbox::send(parent, &())?)
}

pub(crate) fn by_two(writes: bool, count: u32) -> Time {
    let table = filled(Kind::Set, 1000)?;
    let argument = (process::self_pid(), table, writes, count / 2);
    let halves = [(), ()].map(|()| process::spawn("table half", &argument, &SpawnOptions::default()));
    let start = Instant::now();
    for half in halves {
        mailbox::send(half?.pid, &())?;
    }
    mailbox::receive(None);
    mailbox::receive(None);
    let time = start.elapsed();
    table.delete_table()?;
    Ok(time)
}

pub(crate) fn inserts(is_new: bool, count: u32) -> Time {
    let table = filled(Kind::Set, if is_new { 0 } else { 1000 })?;
    let start = Instant::now();
    write(table, if is_new { count.into() } else { 1000 }, count)?;
    let time = start.elapsed();
    table.delete_table()?;
    Ok(time)
}

pub(crate) fn counter(count: u32) -> Time {
    let table: Table<u64, u64> = TableOptions::new(Kind::Set).create()?;
    table.insert(&1, &0)?;
    let start = Instant::now();
    for _ in 0..count {
        table.increment(&1, 1)?;
    }
    let time = start.elapsed();
    assert_eq!(table.get(&1)?, Some(count.into()));
    table.delete_table()?;
    Ok(time)
}

pub(crate) fn deletes(count: u32) -> Time {
    let table = filled(Kind::Set, 1000)?;
    let value = value();
    let start = Instant::now();
    for n in 0..u64::from(count) {
        table.insert(&(1000 + n), &value)?;
        table.delete(&(1000 + n))?;
    }
    let time = start.elapsed();
    table.delete_table()?;
    Ok(time)
}

/// So many rows are looked at, 100,000 in each selection.
pub(crate) fn select(count: u32) -> Time {
    const ROWS: u64 = 100_000;
    let table: Table<u64, (u64, String)> = TableOptions::new(Kind::Set).create()?;
    for key in 0..ROWS {
        table.insert(&key, &(key % 100, "some text".to_owned()))?;
    }
    let number = Variable(0);
    let spec = MatchSpec::new()
        .value(Pattern::List(vec![number.into(), Pattern::Any]))
        .when(number.bound().less_than(1u64))
        .give(Expression::Key);
    let start = Instant::now();
    for _ in 0..u64::from(count) / ROWS {
        assert_eq!(table.select::<u64>(&spec)?.len() as u64, ROWS / 100);
    }
    let time = start.elapsed();
    table.delete_table()?;
    Ok(time)
}

pub(crate) fn traverse(count: u32) -> Time {
    let table = filled(Kind::Set, count.into())?;
    let start = Instant::now();
    let mut seen = 0;
    let mut next = table.first()?;
    while let Some(key) = next {
        seen += 1;
        next = table.next(&key)?;
    }
    let time = start.elapsed();
    assert_eq!(seen, count);
    table.delete_table()?;
    Ok(time)
}
