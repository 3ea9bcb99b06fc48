//! Tables (rules E1 to E25).

mod model;
mod owners;
mod rows;
mod threads;

use regrow_otp::{Context, TableId, TableKind, TableOptions};
use regrow_term::{Term, decode, encode};
use serde::Serialize;

/// An encoded term.
pub(crate) fn term<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value).unwrap()
}

pub(crate) fn shown(bytes: &[u8]) -> String {
    decode::<Term>(bytes).unwrap().to_string()
}

pub(crate) fn table(context: &Context, kind: TableKind) -> TableId {
    context.create_table(TableOptions { kind, ..TableOptions::default() }).unwrap()
}

pub(crate) fn insert<K: Serialize, V: Serialize>(context: &Context, table: TableId, key: K, value: V) {
    context.table(table).unwrap().insert(&[(&term(&key), &term(&value))]).unwrap();
}

/// The values under a key, as text.
pub(crate) fn values<K: Serialize>(context: &Context, table: TableId, key: K) -> Vec<String> {
    let rows = context.table(table).unwrap().lookup(&term(&key)).unwrap();
    rows.iter().map(|row| shown(row.value())).collect()
}
