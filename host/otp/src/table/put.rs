//! Rows that go into a table and out of it, and what its owner is charged for them.

use std::sync::atomic::Ordering;

use crate::exit_reason::LimitKind;
use crate::limits::check;
use crate::runtime::Inner;
use crate::table::handle::{good_key, good_term};
use crate::table::shard::{Entry, Shard};
use crate::table::{Header, MAX_ROWS_PER_KEY, Row, Table, TableError, TableKind};

impl Table {
    pub(super) fn is_bag(&self) -> bool {
        matches!(self.kind, TableKind::Bag | TableKind::DuplicateBag)
    }

    /// A row, to be put in.
    pub(super) fn row(&self, inner: &Inner, key: &[u8], value: &[u8]) -> Result<Row, TableError> {
        let row = Row::new(&good_key(key)?, &good_term(value)?).holding(inner.blobs_in(value));
        let tag = if self.kind == TableKind::Bag { self.hash(row.value()) as u32 } else { 0 };
        Ok(row.tagged(tag))
    }

    pub(super) fn check_rows_per_key(&self, there: usize, more: usize) -> Result<(), TableError> {
        let requested = (there + more) as u64;
        let limit = LimitKind::RowsPerKey;
        if self.is_bag() {
            check(limit, MAX_ROWS_PER_KEY, requested)?;
        }
        Ok(())
    }

    /// Puts in a row, if there is room for it.
    pub(super) fn put(
        &self,
        header: &Header,
        shard: &mut Shard,
        hash: u64,
        row: Row,
    ) -> Result<(), TableError> {
        let weight = row.weight();
        // What the row replaces makes room for it.
        let freed = if self.is_bag() { 0 } else { shard.rows(hash, row.key()).iter().map(Row::weight).sum() };
        self.check_rows_per_key(shard.rows(hash, row.key()).len(), 1)?;
        let charged = weight.saturating_sub(freed);
        header.grow(charged)?;
        let freed = self.put_charged(shard, hash, row);
        header.shrink(charged + freed - weight);
        Ok(())
    }

    /// Puts in a row that has been charged for; what its charge was too much by.
    pub(super) fn put_charged(&self, shard: &mut Shard, hash: u64, row: Row) -> u64 {
        match self.kind {
            TableKind::Bag if row.is_among(shard.rows(hash, row.key())) => row.weight(),
            TableKind::Bag | TableKind::DuplicateBag => {
                let replaced = shard.add(hash, row);
                self.rows.fetch_add(1, Ordering::AcqRel);
                replaced.weight()
            }
            TableKind::Set | TableKind::OrderedSet => {
                let replaced = shard.replace(hash, row);
                if replaced.rows().is_empty() {
                    self.rows.fetch_add(1, Ordering::AcqRel);
                }
                replaced.weight()
            }
        }
    }

    /// Takes rows out of a shard: with a mark, if somebody goes through the table.
    pub(super) fn remove(
        &self,
        header: &Header,
        shard: &mut Shard,
        remove: impl FnOnce(&mut Shard, bool) -> Entry,
    ) -> Entry {
        // Asked while the shard is locked: whoever begins to go through it from now on does not know these rows.
        let is_fixed = self.is_fixed();
        let before = shard.mark_bytes();
        let removed = remove(shard, is_fixed);
        // A mark that was taken out is in the weight of what was removed.
        let marks = shard.mark_bytes().saturating_sub(before);
        let freed = if is_fixed { 0 } else { shard.tidy() };
        self.rows.fetch_sub(removed.rows().len() as u64, Ordering::AcqRel);
        header.shrink(removed.weight() + freed - marks);
        removed
    }
}
