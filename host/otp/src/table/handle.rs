//! What a process does with the rows of a table.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, RwLockReadGuard};

use regrow_term::{Encoded, canonical};

use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::process::Context;
use crate::table::shard::{Entry, Position, Shard};
use crate::table::{Access, Header, MAX_KEY_BYTES, Row, Table, TableError, TableId};

/// A table, as a process sees it. Every method looks anew whether the process may do it, and does it wholly or not at all.
pub struct TableHandle<'a> {
    pub(super) context: &'a Context,
    pub(super) table: Cow<'a, Arc<Table>>,
    /// Places that were passed on the way from row to row.
    pub(super) passed: Cell<usize>,
}

/// A table that was found, to be used again without being looked for. It may have been deleted meanwhile.
pub struct KnownTable(pub(super) Arc<Table>);

impl KnownTable {
    /// Which table it is.
    pub fn id(&self) -> TableId {
        self.0.id
    }
}

/// Values of so many bytes are copied while their part of the table is locked.
const COPIED: usize = 1024;

pub(super) fn good_key(key: &[u8]) -> Result<Cow<'_, [u8]>, TableError> {
    if key.len() > MAX_KEY_BYTES {
        return Err(TableError::KeyTooLong(key.len()));
    }
    good_term(key)
}

pub(super) fn good_term(term: &[u8]) -> Result<Cow<'_, [u8]>, TableError> {
    canonical(term).map_err(|error| TableError::BadTerm(error.to_string()))
}

impl TableHandle<'_> {
    /// Which table it is.
    pub fn id(&self) -> TableId {
        self.table.id
    }

    /// How many places this handle has passed on the way from row to row: work that a process should be charged for.
    pub fn places_passed(&self) -> usize {
        self.passed.get()
    }

    /// Counts the places from one position to another.
    pub(super) fn pass(&self, from: &Position, to: &Position) {
        if let (Position::Place(_) | Position::Begin, Position::Place(to)) = (from, to) {
            let from = if let Position::Place(from) = from { *from } else { 0 };
            self.passed.set(self.passed.get() + to.saturating_sub(from));
        }
    }

    pub(super) fn may_read(&self) -> Result<(), TableError> {
        match self.table.access() {
            None => Err(TableError::NoTable),
            Some(Access::Private) if self.table.header().owner != self.context.pid() => {
                Err(TableError::NotOwner(Access::Private))
            }
            Some(_) => Ok(()),
        }
    }

    /// While this is held, the table is not deleted, nor has it another owner.
    pub(super) fn may_write(&self) -> Result<RwLockReadGuard<'_, Header>, TableError> {
        let header = self.table.header();
        self.is_writable(&header)?;
        Ok(header)
    }

    /// Whether this process may write to the table whose header it has locked.
    pub(super) fn is_writable(&self, header: &Header) -> Result<(), TableError> {
        match self.table.access() {
            None => Err(TableError::NoTable),
            Some(access) if access != Access::Public && header.owner != self.context.pid() => {
                Err(TableError::NotOwner(access))
            }
            Some(_) => Ok(()),
        }
    }

    /// Whether this process may end the table or give it another name: who may write to it, unless it is kept for others.
    pub(super) fn is_disposable(&self, header: &Header) -> Result<(), TableError> {
        self.is_writable(header)?;
        match header.is_kept && header.owner != self.context.pid() {
            true => Err(TableError::NotOwner(Access::Public)),
            false => Ok(()),
        }
    }

    /// Reads the rows under a key.
    pub(super) fn read<T>(&self, key: &[u8], read: impl FnOnce(&[Row]) -> T) -> Result<T, TableError> {
        let key = good_key(key)?;
        self.may_read()?;
        let hash = self.table.hash(&key);
        let shard = self.table.read(self.table.shard_of(hash));
        let rows = shard.rows(hash, &key);
        // It may have been deleted meanwhile. Who may read it was decided before: the header is not locked after a shard.
        if rows.is_empty() && self.table.access().is_none() {
            return Err(TableError::NoTable);
        }
        Ok(read(rows))
    }

    /// The rows under a key, of bags in the order in which they came (`lookup/2`, rule E6).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn lookup(&self, key: &[u8]) -> Result<Vec<Row>, TableError> {
        let rows = self.read(key, <[Row]>::to_vec)?;
        rows.iter().for_each(|row| self.blobs_arrive(row));
        Ok(rows)
    }

    /// The process gets what a row holds.
    pub(super) fn blobs_arrive(&self, row: &Row) {
        if row.has_blobs() {
            self.context.blobs_arrive(row.value());
        }
    }

    /// The row under a key, of tables that have one at most.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn get(&self, key: &[u8]) -> Result<Option<Row>, TableError> {
        if self.table.is_bag() {
            return Err(TableError::WrongKind);
        }
        let row = self.read(key, |rows| rows.first().cloned())?;
        row.iter().for_each(|row| self.blobs_arrive(row));
        Ok(row)
    }

    /// A copy of the value under a key, of tables that have one at most.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn get_value(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        if self.table.is_bag() {
            return Err(TableError::WrongKind);
        }
        let found = self.read(key, |rows| {
            // A small value is copied at once: the count of who shares it would be written by everybody who reads it.
            rows.first().map(|row| {
                let is_copied = row.value().len() <= COPIED && !row.has_blobs();
                if is_copied { Ok(row.value().to_vec()) } else { Err(row.clone()) }
            })
        })?;
        let copied = |row: Row| {
            self.blobs_arrive(&row);
            row.value().to_vec()
        };
        Ok(found.map(|found| found.unwrap_or_else(copied)))
    }

    /// Whether there is a row under a key (`member/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn member(&self, key: &[u8]) -> Result<bool, TableError> {
        self.read(key, |rows| !rows.is_empty())
    }

    /// Puts in rows, all at once: nobody sees some of them (`insert/2`, rule E5). They take the place of those that have their
    /// keys; in bags they come beside them.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn insert(&self, rows: &[(&[u8], &[u8])]) -> Result<(), TableError> {
        self.put(rows, false).map(|_| ())
    }

    /// Puts in rows, unless the table has one of their keys (`insert_new/2`, rule E7); whether it did.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn insert_new(&self, rows: &[(&[u8], &[u8])]) -> Result<bool, TableError> {
        self.put(rows, true)
    }

    fn put(&self, rows: &[(&[u8], &[u8])], only_new: bool) -> Result<bool, TableError> {
        let (table, inner) = (&*self.table, &self.context.runtime().inner);
        if let [(key, value)] = rows {
            let row = table.row(inner, key, value)?;
            let header = self.may_write()?;
            let hash = table.hash(row.key());
            let mut shard = table.write(table.shard_of(hash));
            if only_new && !shard.rows(hash, row.key()).is_empty() {
                return Ok(false);
            }
            table.put(&header, &mut shard, hash, row)?;
            return Ok(true);
        }
        let checked = |(key, value): &(&[u8], &[u8])| {
            let row = table.row(inner, key, value)?;
            Ok((table.hash(row.key()), row))
        };
        let rows: Vec<(u64, Row)> = rows.iter().map(checked).collect::<Result<_, TableError>>()?;
        let header = self.may_write()?;
        let mut locked = table.lock(rows.iter().map(|(hash, _)| *hash));
        if only_new && rows.iter().any(|(hash, row)| !locked.of(*hash).rows(*hash, row.key()).is_empty()) {
            return Ok(false);
        }
        if table.is_bag() {
            let mut more: HashMap<&[u8], usize> = HashMap::new();
            for (hash, row) in &rows {
                let more = more.entry(row.key()).or_default();
                *more += 1;
                table.check_rows_per_key(locked.of(*hash).rows(*hash, row.key()).len(), *more)?;
            }
        }
        // As if nothing made room for them: after that, none can be refused.
        let weight = rows.iter().map(|(_, row)| row.weight()).sum();
        header.grow(weight)?;
        for (hash, row) in rows {
            header.shrink(table.put_charged(locked.of(hash), hash, row));
        }
        Ok(true)
    }

    /// Removes the rows under a key (`delete/2`, rule E8).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn delete(&self, key: &[u8]) -> Result<(), TableError> {
        self.remove(key, |shard, hash, key, mark| shard.take(hash, key, mark)).map(drop)
    }

    /// Removes the rows under a key that have this value (`delete_object/2`, rule E8).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn delete_object(&self, key: &[u8], value: &[u8]) -> Result<(), TableError> {
        let value = good_term(value)?;
        self.remove(key, |shard, hash, key, mark| shard.take_value(hash, key, &value, mark)).map(drop)
    }

    /// Removes the rows under a key, and returns them (`take/2`, rule E12).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn take(&self, key: &[u8]) -> Result<Vec<Row>, TableError> {
        self.take_at_most(key, u64::MAX)
    }

    /// As [`TableHandle::take`], if their values have no more bytes than that, or there is only one.
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::Limit`] of `message_bytes`: nothing is removed
    pub fn take_at_most(&self, key: &[u8], bytes: u64) -> Result<Vec<Row>, TableError> {
        let mut too_many = None;
        let taken = self.remove(key, |shard, hash, key, mark| {
            let rows = shard.rows(hash, key);
            let requested = rows.iter().map(|row| row.value().len() as u64).sum();
            if rows.len() > 1 && requested > bytes {
                let limit = LimitKind::MessageBytes;
                too_many = Some(LimitExceeded { limit, allowed: bytes, requested });
                return Entry::Free;
            }
            shard.take(hash, key, mark)
        })?;
        if let Some(limit) = too_many {
            return Err(TableError::Limit(limit));
        }
        taken.rows().iter().for_each(|row| self.blobs_arrive(row));
        Ok(taken.rows().to_vec())
    }

    fn remove(
        &self,
        key: &[u8],
        remove: impl FnOnce(&mut Shard, u64, &[u8], bool) -> Entry,
    ) -> Result<Entry, TableError> {
        let key = good_key(key)?;
        let header = self.may_write()?;
        let hash = self.table.hash(&key);
        let mut shard = self.table.write(self.table.shard_of(hash));
        Ok(self.table.remove(&header, &mut shard, |shard, mark| remove(shard, hash, &key, mark)))
    }

    /// Puts a value in place of the one under a key, if that is `expected`; whether it was. A short form of `select_replace`.
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::WrongKind`] of bags.
    pub fn compare_and_swap(&self, key: &[u8], expected: &[u8], new: &[u8]) -> Result<bool, TableError> {
        let (key, expected, new) = (good_key(key)?, good_term(expected)?, good_term(new)?);
        if self.table.is_bag() {
            return Err(TableError::WrongKind);
        }
        let header = self.may_write()?;
        let hash = self.table.hash(&key);
        let mut shard = self.table.write(self.table.shard_of(hash));
        let Some(row) = shard.rows(hash, &key).first().filter(|row| row.value() == &*expected) else {
            return Ok(false);
        };
        let row = Row::new(row.key(), &new).holding(self.context.runtime().inner.blobs_in(&new));
        self.table.put(&header, &mut shard, hash, row)?;
        Ok(true)
    }

    /// Removes all rows, at once (`delete_all_objects/1`, rule E22).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn clear(&self) -> Result<(), TableError> {
        let garbage = {
            let header = self.may_write()?;
            let mut locked: Vec<_> =
                (0..self.table.shards.len()).map(|shard| self.table.write(shard)).collect();
            let shards = locked.iter_mut().map(|shard| {
                let empty = shard.empty();
                std::mem::replace(&mut **shard, empty)
            });
            let shards: Vec<Shard> = shards.collect();
            header.shrink(header.row_bytes.load(Ordering::Acquire));
            self.table.rows.store(0, Ordering::Release);
            shards
        };
        self.context.runtime().reap(garbage.into());
        Ok(())
    }

    /// How many rows it has.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn len(&self) -> Result<u64, TableError> {
        self.may_read()?;
        Ok(self.table.rows.load(Ordering::Acquire))
    }

    /// Whether it has none.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn is_empty(&self) -> Result<bool, TableError> {
        Ok(self.len()? == 0)
    }

    /// The element of the value under a key, by the way to it; of bags, of every row (`lookup_element/3`, rule E9).
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NoKey`], [`TableError::NoElement`]
    pub fn lookup_element(&self, key: &[u8], path: &[u8]) -> Result<Vec<Vec<u8>>, TableError> {
        let path = good_term(path)?;
        let rows = self.lookup(key)?;
        if rows.is_empty() {
            return Err(TableError::NoKey);
        }
        let element = |row: &Row| {
            let element = element(Encoded::trusted(row.value()), Encoded::trusted(&path));
            element.map(|element| element.bytes().to_vec()).ok_or(TableError::NoElement)
        };
        rows.iter().map(element).collect()
    }
}

/// A part of a value, by the steps to it: the keys of maps, the indices of lists from 0.
fn element<'a>(value: Encoded<'a>, path: Encoded<'_>) -> Option<Encoded<'a>> {
    let regrow_term::View::List(mut steps) = path.view() else { return None };
    steps.try_fold(value, |value, step| value.get(step))
}
