//! Going through a table: selections, counts, deletions and replacements by match specification.

use std::collections::VecDeque;

use regrow_term::{Encoded, Matcher, Term, View, canonical, decode, encode};

use crate::table::handle::{TableHandle, good_term};
use crate::table::shard::{Position, Shard};
use crate::table::{MAX_KEY_BYTES, Row, TableError, TableKind};

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
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    /// The part, and the place in it that is looked at next; none at the end.
    at: Option<(usize, Position)>,
    /// Rows of the key before that place which are still to be looked at.
    pending: VecDeque<Row>,
    /// How many rows of that key have been.
    seen: usize,
    /// The key of the rows that are pending where a walk goes on that was kept, how many of them had been looked at, and how many
    /// not.
    kept: Option<(Vec<u8>, usize, usize)>,
}

impl Cursor {
    /// At the beginning.
    pub fn begin() -> Self {
        Self { at: Some((0, Position::Begin)), ..Self::default() }
    }

    /// Whether all has been seen.
    pub fn is_at_end(&self) -> bool {
        self.at.is_none() && self.pending.is_empty() && self.kept.is_none()
    }

    /// How many bytes it has.
    pub fn weight(&self) -> usize {
        let after = if let Some((_, Position::After(key))) = &self.at { key.len() } else { 0 };
        after + self.kept.as_ref().map_or(0, |(key, ..)| key.len())
    }

    /// For a process to keep, and to go on from.
    pub fn to_bytes(&self) -> Vec<u8> {
        let at = match &self.at {
            None => Term::Null,
            Some((_, Position::Begin)) => Term::Bool(true),
            Some((shard, Position::Place(at))) => Term::List(vec![number(*shard), number(*at)]),
            Some((_, Position::After(key))) => Term::Bytes(key.clone()),
        };
        let term = match self.pending.front() {
            None => at,
            Some(row) => {
                let key = Term::Bytes(row.key().to_vec());
                Term::List(vec![at, key, number(self.seen), number(self.pending.len())])
            }
        };
        encode(&term).unwrap_or_default()
    }

    /// As it was kept. Whatever the bytes are, it is a place in the table or behind its end.
    ///
    /// # Errors
    /// [`TableError::BadContinuation`]
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TableError> {
        // Two keys, and a few numbers: what is longer is not even decoded.
        if bytes.len() > 2 * MAX_KEY_BYTES + 64 {
            return Err(TableError::BadContinuation);
        }
        let bytes = canonical(bytes).map_err(|_| TableError::BadContinuation)?;
        let is_short = Encoded::check(&bytes).is_some_and(|term| match term.view() {
            View::List(items) => items.left() <= 4,
            View::Map(_) => false,
            _ => true,
        });
        if !is_short {
            return Err(TableError::BadContinuation);
        }
        let term = decode::<Term>(&bytes).map_err(|_| TableError::BadContinuation)?;
        Self::from_term(term).ok_or(TableError::BadContinuation)
    }

    fn from_term(term: Term) -> Option<Self> {
        let index = |term: &Term| match term {
            Term::Integer(number) => usize::try_from(*number).ok(),
            _ => None,
        };
        let key = |key: &[u8]| Some(canonical(key).ok()?.into_owned());
        let at = match term {
            Term::Null => None,
            Term::Bool(true) => Some((0, Position::Begin)),
            Term::Bytes(after) => Some((0, Position::After(key(&after)?))),
            Term::List(parts) => match <[Term; 4]>::try_from(parts) {
                Ok([at, Term::Bytes(of), seen, left]) => {
                    let kept = Some((key(&of)?, index(&seen)?, index(&left)?));
                    let at = Self::from_term(at).filter(|at| at.kept.is_none())?.at;
                    return Some(Self { at, kept, ..Self::default() });
                }
                Ok(_) => return None,
                Err(parts) => match parts.as_slice() {
                    [shard, place] => Some((index(shard)?, Position::Place(index(place)?))),
                    _ => return None,
                },
            },
            _ => return None,
        };
        Some(Self { at, ..Self::default() })
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

/// A piece ends after so much work of its match specification.
const MAX_WORK: usize = 1 << 20;

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
    /// What the match specification has looked at and written, in bytes.
    pub work: usize,
    result_bytes: usize,
}

impl Scanned {
    fn is_enough(&self, piece: &Scan) -> bool {
        self.rows >= piece.rows
            || self.matches >= piece.matches
            || self.result_bytes >= piece.result_bytes
            || self.work >= MAX_WORK
    }
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
        match &cursor.at {
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
        self.take_up(matcher, cursor)?;
        if self.look_at_pending(cursor, matcher, action, &mut scanned, &piece)? {
            return Ok(scanned);
        }
        while let Some((shard, position)) = cursor.at.take() {
            if shard >= self.table.shards.len() {
                break;
            }
            // A few rows at a time: they are looked at when the shard is free again.
            let (batch, next) = self.batch(shard, position, piece.rows.saturating_sub(scanned.rows));
            for (rows, behind) in batch {
                cursor.at = Some((shard, behind));
                cursor.pending.extend(rows);
                cursor.seen = 0;
                if self.look_at_pending(cursor, matcher, action, &mut scanned, &piece)? {
                    return Ok(scanned);
                }
            }
            cursor.at = next;
            scanned.places = self.places_passed();
            if scanned.rows >= piece.rows || scanned.places >= MAX_PLACES {
                break;
            }
        }
        Ok(scanned)
    }

    /// Looks at rows of one key; whether that is enough.
    fn look_at_pending(
        &self,
        cursor: &mut Cursor,
        matcher: &Matcher,
        action: ScanAction,
        scanned: &mut Scanned,
        piece: &Scan,
    ) -> Result<bool, TableError> {
        while let Some(row) = cursor.pending.pop_front() {
            cursor.seen += 1;
            self.look_at(&row, matcher, action, scanned)?;
            if scanned.is_enough(piece) {
                scanned.places = self.places_passed();
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The next rows of a shard, those of a key together, with the place behind them, and where to go on then.
    #[expect(clippy::type_complexity, reason = "rows, and where they are")]
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

    /// The rows that a walk begins or goes on with, if those of one key are to be looked at.
    fn take_up(&self, matcher: &Matcher, cursor: &mut Cursor) -> Result<(), TableError> {
        if let Some((key, seen, left)) = cursor.kept.take() {
            let rows = self.read(&key, <[Row]>::to_vec)?;
            // If there are fewer, those are gone that have been seen; if there are more, they came behind.
            let from = if rows.len() < seen + left { rows.len().saturating_sub(left) } else { seen };
            (cursor.pending, cursor.seen) = (rows.into_iter().skip(from).collect(), from);
            return Ok(());
        }
        if let (Some(key), Some((0, Position::Begin))) = (matcher.only_key(), &cursor.at) {
            let rows = self.read(key, <[Row]>::to_vec)?;
            *cursor = Cursor { pending: rows.into(), ..Cursor::default() };
        }
        Ok(())
    }

    fn look_at(
        &self,
        row: &Row,
        matcher: &Matcher,
        action: ScanAction,
        scanned: &mut Scanned,
    ) -> Result<(), TableError> {
        scanned.rows += 1;
        scanned.bytes += row.key().len() + row.value().len();
        let mut result = Vec::new();
        let (matches, work) = matcher.run_counted(row.key(), row.value(), &mut result);
        scanned.work += work;
        if !matches {
            return Ok(());
        }
        let done = match action {
            ScanAction::Select => {
                self.blobs_arrive(row);
                scanned.result_bytes += result.len();
                scanned.results.push(result);
                true
            }
            ScanAction::Count => true,
            ScanAction::Delete => self.delete_if_unchanged(row)?,
            ScanAction::Replace if self.table.is_bag() => self.replace_if_unchanged(row, &result)?,
            ScanAction::Replace => self.compare_and_swap(row.key(), row.value(), &result)?,
        };
        scanned.matches += usize::from(done);
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
        let removed = self.table.remove(&header, &mut shard, |shard, mark| shard.take_one(hash, row, mark));
        Ok(!removed.rows().is_empty())
    }
}
