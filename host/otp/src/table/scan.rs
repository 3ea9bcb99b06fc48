//! Going through a table: selections, counts, deletions and replacements by match specification.

use regrow_term::{Matcher, Term, canonical, decode, encode};

use crate::table::handle::{TableHandle, good_term};
use crate::table::shard::{Position, Shard};
use crate::table::{Row, TableError, TableKind};

/// What is done with the rows that match.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScanAction {
    /// What comes of them is collected (`select/2`).
    Select,
    /// They are counted (`select_count/2`).
    Count,
    /// They are deleted, whatever comes of them (`select_delete/2`).
    Delete,
    /// What comes of them takes the place of their values (`select_replace/2`). Not for bags whose rows differ.
    Replace,
}

/// Where a walk through a table is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(Option<(usize, Position)>);

impl Default for Cursor {
    fn default() -> Self {
        Self::begin()
    }
}

impl Cursor {
    /// At the beginning.
    pub fn begin() -> Self {
        Self(Some((0, Position::Begin)))
    }

    /// Whether all has been seen.
    pub fn is_at_end(&self) -> bool {
        self.0.is_none()
    }

    /// For a process to keep, and to go on from.
    pub fn to_bytes(&self) -> Vec<u8> {
        let place = |shard: &usize, place: &usize| Term::List(vec![number(*shard), number(*place)]);
        let term = match &self.0 {
            None => Term::Null,
            Some((_, Position::Begin)) => Term::Bool(true),
            Some((shard, Position::Place(at))) => place(shard, at),
            Some((_, Position::After(key))) => Term::Bytes(key.clone()),
        };
        encode(&term).unwrap_or_default()
    }

    /// As it was kept. Whatever the bytes are, it is a place in the table or behind its end.
    ///
    /// # Errors
    /// [`TableError::BadContinuation`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TableError> {
        let index = |term: &Term| match term {
            Term::Integer(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let position = match decode::<Term>(bytes) {
            Ok(Term::Null) => return Ok(Self(None)),
            Ok(Term::Bool(true)) => Some((0, Position::Begin)),
            Ok(Term::List(place)) => match place.as_slice() {
                [shard, place] => {
                    index(shard).zip(index(place)).map(|(shard, place)| (shard, Position::Place(place)))
                }
                _ => None,
            },
            Ok(Term::Bytes(key)) => {
                let key = canonical(&key).map_err(|_| TableError::BadContinuation)?.into_owned();
                Some((0, Position::After(key)))
            }
            _ => None,
        };
        position.map(|position| Self(Some(position))).ok_or(TableError::BadContinuation)
    }
}

fn number(number: usize) -> Term {
    Term::from(number as u64)
}

/// How far a piece of a walk goes.
#[derive(Clone, Copy, Debug)]
pub struct Scan {
    /// Rows that are looked at, at most.
    pub rows: usize,
    /// Rows that may match.
    pub matches: usize,
    /// Bytes of results after which it ends.
    pub result_bytes: usize,
}

/// A piece ends after so many places without rows.
const MAX_PLACES: usize = 100_000;

/// What a piece of a walk has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scanned {
    /// What came of the rows that matched, if that was asked for.
    pub results: Vec<Vec<u8>>,
    /// How many matched.
    pub matches: usize,
    /// How many were looked at.
    pub rows: usize,
    /// Their bytes.
    pub bytes: usize,
    /// How many places were passed on the way from row to row.
    pub places: usize,
}

impl TableHandle<'_> {
    /// Goes a piece of the way through the table, from where `cursor` is (rules E15, E16). Rows that are in the table all the
    /// time are seen exactly once, if the table is fixed all the time or nothing is deleted.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn scan(
        &self,
        matcher: &Matcher,
        action: ScanAction,
        cursor: &mut Cursor,
        piece: Scan,
    ) -> Result<Scanned, TableError> {
        let mut scanned = Scanned::default();
        let is_ordered = self.table.kind == TableKind::OrderedSet;
        match &cursor.0 {
            Some((_, Position::After(_))) if !is_ordered => return Err(TableError::BadContinuation),
            Some((_, Position::Place(_))) if is_ordered => return Err(TableError::BadContinuation),
            _ => {}
        }
        match action {
            ScanAction::Select | ScanAction::Count => self.may_read()?,
            ScanAction::Delete => drop(self.may_write()?),
            ScanAction::Replace if self.table.kind == TableKind::Bag => return Err(TableError::WrongKind),
            ScanAction::Replace => drop(self.may_write()?),
        }
        if let Some(key) = matcher.only_key() {
            if !cursor.is_at_end() {
                let rows = self.read(key, <[Row]>::to_vec)?;
                self.look_at(&rows, matcher, action, &mut scanned)?;
            }
            cursor.0 = None;
            return Ok(scanned);
        }
        while let Some((shard, position)) = cursor.0.take() {
            if shard >= self.table.shards.len() {
                break;
            }
            // A few rows at a time: they are looked at when the shard is free again.
            let (batch, next) = self.batch(shard, position, piece.rows.saturating_sub(scanned.rows));
            cursor.0 = next;
            for (rows, behind) in batch {
                self.look_at(&rows, matcher, action, &mut scanned)?;
                let enough = scanned.matches >= piece.matches
                    || scanned.results.iter().map(Vec::len).sum::<usize>() >= piece.result_bytes;
                if enough {
                    scanned.places = self.places_passed();
                    cursor.0 = Some((shard, behind));
                    return Ok(scanned);
                }
            }
            scanned.places = self.places_passed();
            if scanned.rows >= piece.rows || scanned.places >= MAX_PLACES {
                break;
            }
        }
        Ok(scanned)
    }

    /// The next rows of a shard, each with the place behind it, and where to go on then.
    #[expect(clippy::type_complexity, reason = "a row, and where it is")]
    fn batch(
        &self,
        shard: usize,
        mut position: Position,
        at_most: usize,
    ) -> (Vec<(Vec<Row>, Position)>, Option<(usize, Position)>) {
        const BATCH: usize = 64;
        let mut batch = Vec::new();
        let mut taken = 0;
        let guard: &Shard = &self.table.read(shard);
        while taken < at_most.min(BATCH) {
            let Some((rows, behind)) = guard.next(&position) else {
                self.pass(&position, &Position::Place(guard.places()));
                return (batch, Some((shard + 1, Position::Begin)));
            };
            self.pass(&position, &behind);
            taken += rows.len();
            batch.push((rows.to_vec(), behind.clone()));
            position = behind;
        }
        (batch, Some((shard, position)))
    }

    fn look_at(
        &self,
        rows: &[Row],
        matcher: &Matcher,
        action: ScanAction,
        scanned: &mut Scanned,
    ) -> Result<(), TableError> {
        let mut result = Vec::new();
        for row in rows {
            scanned.rows += 1;
            scanned.bytes += row.key().len() + row.value().len();
            result.clear();
            if !matcher.run(row.key(), row.value(), &mut result) {
                continue;
            }
            let done = match action {
                ScanAction::Select => {
                    self.blobs_arrive(row);
                    scanned.results.push(std::mem::take(&mut result));
                    true
                }
                ScanAction::Count => true,
                ScanAction::Delete => self.delete_if_unchanged(row)?,
                ScanAction::Replace if self.table.is_bag() => self.replace_if_unchanged(row, &result)?,
                ScanAction::Replace => self.compare_and_swap(row.key(), row.value(), &result)?,
            };
            scanned.matches += usize::from(done);
        }
        Ok(())
    }

    /// Puts a value in place of that of one row of a duplicate bag, if it is still there; whether it was.
    fn replace_if_unchanged(&self, row: &Row, value: &[u8]) -> Result<bool, TableError> {
        let value = good_term(value)?;
        let header = self.may_write()?;
        let hash = self.table.hash(row.key());
        let mut shard = self.table.write(self.table.shard_of(hash));
        let new = Row::new(row.key(), &value).holding(self.context.runtime().inner.blobs_in(&value));
        let (added, freed) = (new.weight(), row.weight());
        header.grow(added)?;
        let replaced = shard.replace_one(hash, row, new);
        header.shrink(if replaced { freed } else { added });
        Ok(replaced)
    }

    /// Deletes one row, if it is still the one that matched; whether it was.
    fn delete_if_unchanged(&self, row: &Row) -> Result<bool, TableError> {
        let header = self.may_write()?;
        let hash = self.table.hash(row.key());
        let mut shard = self.table.write(self.table.shard_of(hash));
        let removed = shard.take_one(hash, row, self.table.is_fixed());
        self.table.removed(&header, &mut shard, &removed);
        Ok(!removed.rows().is_empty())
    }
}
