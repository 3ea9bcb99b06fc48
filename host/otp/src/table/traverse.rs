//! From key to key (rules E13, E14).

use crate::table::handle::{TableHandle, good_key};
use crate::table::shard::Position;
use crate::table::{TableError, TableKind};

impl TableHandle<'_> {
    /// The first key: of ordered tables in the order of terms, of others in some order (`first/1`). None of an empty table.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn first(&self) -> Result<Option<Vec<u8>>, TableError> {
        self.may_read()?;
        Ok(self.from(0, Position::Begin))
    }

    /// The key after a key (`next/2`, rule E13). Of ordered tables after any key, of others after one that is there, or was
    /// when the table was fixed.
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NoKey`]
    pub fn next(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        let key = good_key(key)?;
        self.may_read()?;
        let hash = self.table.hash(&key);
        let shard = self.table.shard_of(hash);
        let behind = self.table.read(shard).behind(hash, &key);
        behind.map(|behind| self.from(shard, behind)).ok_or(TableError::NoKey)
    }

    fn from(&self, shard: usize, position: Position) -> Option<Vec<u8>> {
        let key = |shard: usize, position: &Position| {
            let shard = self.table.read(shard);
            let Some((rows, behind)) = shard.next(position) else {
                self.pass(position, &Position::Place(shard.places()));
                return None;
            };
            self.pass(position, &behind);
            rows.first().map(|row| row.key().to_vec())
        };
        let later = || (shard + 1..self.table.shards.len()).find_map(|shard| key(shard, &Position::Begin));
        key(shard, &position).or_else(later)
    }

    /// The last key of an ordered table; of others one, as the first (`last/1`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn last(&self) -> Result<Option<Vec<u8>>, TableError> {
        self.may_read()?;
        match self.table.kind {
            TableKind::OrderedSet => Ok(self.table.read(0).previous(None).map(|row| row.key().to_vec())),
            _ => self.first(),
        }
    }

    /// The key before a key; of tables that are not ordered, the one after it (`prev/2`).
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NoKey`]
    pub fn previous(&self, key: &[u8]) -> Result<Option<Vec<u8>>, TableError> {
        if self.table.kind != TableKind::OrderedSet {
            return self.next(key);
        }
        let key = good_key(key)?;
        self.may_read()?;
        Ok(self.table.read(0).previous(Some(&key)).map(|row| row.key().to_vec()))
    }
}
