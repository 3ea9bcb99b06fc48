//! Tables under real threads (rules E5, E14, E22, E23, E25): a simulation never runs two processes at once.

use regrow_otp::testing::kept_bytes;
use regrow_otp::{
    Access, Context, Cursor, ExitReason, RandomSource, Scan, ScanAction, SpawnOptions, SplitMix64,
    TableError, TableId, TableKind, TableOptions,
};
use regrow_term::{Clause, Expression, MatchSpec, Matcher, Pattern, decode};

use super::term;
use crate::scheduler::ends_well_on_two_threads;
use crate::support::*;

const WRITERS: u64 = 4;
const STEPS: usize = 4_000;
const KEYS: u64 = 40;

fn everything() -> Matcher {
    let clause = Clause { key: Pattern::Any, value: Pattern::Any, guards: vec![], result: Expression::Row };
    Matcher::new(&MatchSpec(vec![clause])).unwrap()
}

/// What may be the answer while the owner changes who may do what.
fn fine<T>(result: Result<T, TableError>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(TableError::NotOwner(_) | TableError::NoKey) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Does anything to the table. Rows come in pairs with equal values: nobody sees one without the other.
async fn use_it(context: Context, id: TableId, seed: u64) -> ExitReason {
    let mut random = SplitMix64::new(seed);
    let matcher = everything();
    for step in 0..STEPS {
        let table = context.table(id).unwrap();
        let number = random.next_u64() % KEYS;
        let (key, value) = (term(&number), term(&vec![seed; (random.next_u64() % 20) as usize]));
        match random.next_u64() % 10 {
            0..=2 => drop(fine(table.insert(&[(&key, &value), (&term(&(number + KEYS)), &value)]))),
            3 => drop(fine(table.delete(&key))),
            4 => drop(fine(table.take(&key))),
            5 => drop(fine(table.fix())),
            6 => table.unfix(),
            7 => drop(fine(table.first().and_then(|first| first.map_or(Ok(None), |key| table.next(&key))))),
            8 => {
                let mut cursor = Cursor::begin();
                let whole = Scan { rows: usize::MAX, matches: usize::MAX, result_bytes: usize::MAX };
                let action = if step % 50 == 0 { ScanAction::Delete } else { ScanAction::Count };
                drop(fine(table.scan(&matcher, action, &mut cursor, whole)));
            }
            _ => {
                if let Some(Some(row)) = fine(table.get(&key)) {
                    let value: Vec<u64> = decode(row.value()).unwrap();
                    assert!(value.windows(2).all(|pair| pair[0] == pair[1]), "a row of two writers");
                }
            }
        }
        if step % 16 == 0 {
            context.yield_now().await;
        }
    }
    ExitReason::Normal
}

async fn own_it(context: Context, kind: TableKind, round: u64) -> ExitReason {
    let id =
        context.create_table(TableOptions { kind, access: Access::Public, ..Default::default() }).unwrap();
    let empty = kept_bytes(context.runtime(), context.pid());
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let seed = round * WRITERS + writer;
            child(&context, SpawnOptions::default(), move |context| use_it(context, id, seed))
        })
        .collect();
    let mut living = writers.len();
    let mut random = SplitMix64::new(7);
    while living > 0 {
        let table = context.table(id).unwrap();
        let accesses = [Access::Public, Access::Public, Access::Private, Access::Protected];
        table.set_access(accesses[(random.next_u64() % 4) as usize]).unwrap();
        if random.next_u64().is_multiple_of(40) {
            table.clear().unwrap();
        }
        table.get(&term(&1_000)).unwrap();
        context.yield_now().await;
        living = writers.iter().filter(|pid| context.runtime().is_alive(**pid)).count();
    }
    for writer in writers {
        context.await_down(writer).await;
    }
    // All marks are gone with those who needed them; what is charged is what is there.
    let table = context.table(id).unwrap();
    let matcher = everything();
    let mut cursor = Cursor::begin();
    let whole = Scan { rows: usize::MAX, matches: usize::MAX, result_bytes: usize::MAX };
    let scanned = table.scan(&matcher, ScanAction::Select, &mut cursor, whole).unwrap();
    assert_eq!(scanned.rows as u64, table.len().unwrap());
    let charged = kept_bytes(context.runtime(), context.pid()) - empty;
    assert_eq!(charged, (scanned.bytes + 80 * scanned.rows) as u64);
    assert!(!table.info().unwrap().fixed);
    ExitReason::Normal
}

#[test]
fn e14_e23_e25_many_processes_on_two_threads_leave_a_table_whole() {
    let kinds = [TableKind::Set, TableKind::OrderedSet];
    for (round, kind) in (0..8).flat_map(|round| kinds.map(|kind| (round, kind))) {
        ends_well_on_two_threads(&format!("{kind:?}, round {round}"), move |context| {
            own_it(context, kind, round)
        });
    }
}
