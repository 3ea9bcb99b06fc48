//! A part of a table, behind one lock. Hash tables have several, each with the rows whose keys hash to it; ordered tables
//! have one.

use std::collections::BTreeSet;
use std::mem;
use std::ops::Bound;

use hashbrown::HashTable;

use crate::table::row::{Keyed, Ordered, Row};

/// Rows under a key.
#[derive(Debug)]
pub(super) enum Entry {
    /// A place without a row.
    Free,
    /// There was one under this key, and whoever goes through the table may stand on it (rule E14).
    Gone(Box<[u8]>),
    /// One row.
    One(Row),
    /// Rows of a bag, in the order in which they came.
    Many(Vec<Row>),
}

impl Entry {
    pub(super) fn rows(&self) -> &[Row] {
        match self {
            Self::Free | Self::Gone(_) => &[],
            Self::One(row) => std::slice::from_ref(row),
            Self::Many(rows) => rows,
        }
    }

    /// What its rows, or the mark that they have left, are charged with.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Gone(key) => key.len() as u64 + Row::OVERHEAD,
            _ => self.rows().iter().map(Row::weight).sum(),
        }
    }

    fn key(&self) -> Option<&[u8]> {
        match self {
            Self::Free => None,
            Self::Gone(key) => Some(key),
            Self::One(row) => Some(row.key()),
            Self::Many(rows) => rows.first().map(Row::key),
        }
    }
}

/// Rows in places that they keep: whoever goes through them finds each that stays exactly once.
#[derive(Default)]
pub(crate) struct Hashed {
    index: HashTable<u32>,
    places: Vec<(u64, Entry)>,
    free: Vec<u32>,
    /// Places that are marked as gone.
    marked: BTreeSet<u32>,
    /// What the marks are charged with.
    mark_bytes: u64,
}

/// Below so many free places nothing is moved.
const KEPT_FREE: usize = 1024;

impl Hashed {
    fn find(&self, hash: u64, key: &[u8]) -> Option<usize> {
        let is_it = |place: &u32| {
            let (of, entry) = &self.places[*place as usize];
            *of == hash && entry.key() == Some(key)
        };
        self.index.find(hash, is_it).map(|place| *place as usize)
    }

    fn put(&mut self, hash: u64, entry: Entry) {
        let place = match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = (hash, entry);
                place
            }
            None => {
                self.places.push((hash, entry));
                self.places.len() as u32 - 1
            }
        };
        let places = &self.places;
        self.index.insert_unique(hash, place, |place| places[*place as usize].0);
    }

    fn forget(&mut self, place: usize) -> Entry {
        let entry = self.exchange(place, Entry::Free);
        let hash = mem::take(&mut self.places[place].0);
        if let Ok(found) = self.index.find_entry(hash, |other| *other as usize == place) {
            found.remove();
        }
        self.free.push(place as u32);
        entry
    }

    /// Puts an entry in place of another one; that.
    fn exchange(&mut self, place: usize, entry: Entry) -> Entry {
        let old = mem::replace(&mut self.places[place].1, entry);
        if matches!(old, Entry::Gone(_)) {
            self.marked.remove(&(place as u32));
            self.mark_bytes -= old.weight();
        }
        old
    }

    /// Drops the marks of what is gone, and moves rows together where most places are free. Nobody goes through the table. What the
    /// marks were charged with.
    fn tidy(&mut self) -> u64 {
        let freed = self.mark_bytes;
        while let Some(place) = self.marked.first() {
            self.forget(*place as usize);
        }
        self.move_together();
        freed
    }

    fn move_together(&mut self) {
        if self.free.len() < KEPT_FREE || self.free.len() < self.places.len() / 4 * 3 {
            return;
        }
        self.free = Vec::new();
        self.places.retain(|(_, entry)| !matches!(entry, Entry::Free));
        self.places.shrink_to_fit();
        let places = &self.places;
        self.index = HashTable::with_capacity(places.len());
        for (place, (hash, _)) in places.iter().enumerate() {
            self.index.insert_unique(*hash, place as u32, |place| places[*place as usize].0);
        }
    }
}

pub(crate) enum Shard {
    Hashed(Hashed),
    Ordered(BTreeSet<Ordered>),
}

/// Where somebody who goes through a shard stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Position {
    /// At a place, which is still to be looked at.
    Place(usize),
    /// At the beginning of an ordered shard.
    Begin,
    /// Behind a key.
    After(Vec<u8>),
}

impl Shard {
    /// The rows under a key.
    pub(super) fn rows(&self, hash: u64, key: &[u8]) -> &[Row] {
        match self {
            Self::Hashed(hashed) => hashed.find(hash, key).map_or(&[], |place| hashed.places[place].1.rows()),
            Self::Ordered(rows) => {
                rows.get(&key as &dyn Keyed).map_or(&[], |row| std::slice::from_ref(&row.0))
            }
        }
    }

    /// Puts a row in place of those under its key; those.
    pub(super) fn replace(&mut self, hash: u64, row: Row) -> Entry {
        match self {
            Self::Hashed(hashed) => match hashed.find(hash, row.key()) {
                Some(place) => hashed.exchange(place, Entry::One(row)),
                None => {
                    hashed.put(hash, Entry::One(row));
                    Entry::Free
                }
            },
            // The new key stays: `1.0` in place of `1` (as in ETS).
            Self::Ordered(rows) => rows.replace(Ordered(row)).map_or(Entry::Free, |old| Entry::One(old.0)),
        }
    }

    /// Puts a row beside those under its key; what was there in place of rows.
    pub(super) fn add(&mut self, hash: u64, row: Row) -> Entry {
        let Self::Hashed(hashed) = self else { return Entry::Free };
        let Some(place) = hashed.find(hash, row.key()) else {
            hashed.put(hash, Entry::Many(vec![row]));
            return Entry::Free;
        };
        match &mut hashed.places[place].1 {
            Entry::Many(rows) => {
                rows.push(row);
                Entry::Free
            }
            _ => hashed.exchange(place, Entry::Many(vec![row])),
        }
    }

    /// Takes out the rows under a key. With `mark`, whoever goes through the table still finds where they were.
    pub(super) fn take(&mut self, hash: u64, key: &[u8], mark: bool) -> Entry {
        match self {
            Self::Hashed(hashed) => match hashed.find(hash, key) {
                Some(place) => hashed.take(place, mark),
                None => Entry::Free,
            },
            Self::Ordered(rows) => rows.take(&key as &dyn Keyed).map_or(Entry::Free, |row| Entry::One(row.0)),
        }
    }

    /// Takes out those of the rows under a key that have this value.
    pub(super) fn take_value(&mut self, hash: u64, key: &[u8], value: &[u8], mark: bool) -> Entry {
        let rows = self.rows(hash, key);
        // As it is written: `1.0` finds a row under `1`, and is not its key.
        let unwanted = |row: &Row| row.key() == key && row.value() == value;
        if rows.iter().all(unwanted) {
            return self.take(hash, key, mark);
        }
        let Self::Hashed(hashed) = self else { return Entry::Free };
        let Some(place) = hashed.find(hash, key) else { return Entry::Free };
        match &mut hashed.places[place].1 {
            Entry::Many(rows) => Entry::Many(rows.extract_if(.., |row| unwanted(row)).collect()),
            _ => Entry::Free,
        }
    }

    /// Takes out a row, if it is there; of equal ones, one.
    pub(super) fn take_one(&mut self, hash: u64, row: &Row, mark: bool) -> Entry {
        match self.rows(hash, row.key()) {
            [only] if only == row => return self.take(hash, row.key(), mark),
            [] | [_] => return Entry::Free,
            _ => {}
        }
        let Self::Hashed(hashed) = self else { return Entry::Free };
        let Some(place) = hashed.find(hash, row.key()) else { return Entry::Free };
        let Entry::Many(rows) = &mut hashed.places[place].1 else { return Entry::Free };
        rows.iter().position(|other| other == row).map_or(Entry::Free, |at| Entry::One(rows.remove(at)))
    }

    /// Puts a row in place of one like `row` of a bag, where that stands; whether there was one.
    pub(super) fn replace_one(&mut self, hash: u64, row: &Row, new: Row) -> bool {
        let Self::Hashed(hashed) = self else { return false };
        let Some(place) = hashed.find(hash, row.key()) else { return false };
        let rows = match &mut hashed.places[place].1 {
            Entry::One(one) => std::slice::from_mut(one),
            Entry::Many(rows) => rows.as_mut_slice(),
            Entry::Free | Entry::Gone(_) => return false,
        };
        let found = rows.iter_mut().find(|other| *other == row);
        found.map(|found| *found = new).is_some()
    }

    /// The first row that is still to be looked at, if there is one, and what to look at then.
    pub(super) fn next<'a>(&'a self, position: &Position) -> Option<(&'a [Row], Position)> {
        match (self, position) {
            (Self::Hashed(hashed), Position::Place(place)) => {
                let rest = hashed.places.get(*place..)?;
                let found = rest.iter().position(|(_, entry)| !entry.rows().is_empty())?;
                Some((rest[found].1.rows(), Position::Place(place + found + 1)))
            }
            (Self::Hashed(hashed), Position::Begin) if !hashed.places.is_empty() => {
                self.next(&Position::Place(0))
            }
            (Self::Ordered(rows), position) => {
                let after = match position {
                    Position::After(key) => key.as_slice(),
                    _ => return rows.first().map(after_row),
                };
                let after = &after as &dyn Keyed;
                rows.range::<dyn Keyed, _>((Bound::Excluded(after), Bound::Unbounded)).next().map(after_row)
            }
            _ => None,
        }
    }

    /// The last row, or the last before a position.
    pub(super) fn previous(&self, before: Option<&[u8]>) -> Option<&Row> {
        match self {
            // In no order: as the next.
            Self::Hashed(_) => None,
            Self::Ordered(rows) => match before {
                None => rows.last().map(|row| &row.0),
                Some(key) => {
                    let key = &key as &dyn Keyed;
                    rows.range::<dyn Keyed, _>((Bound::Unbounded, Bound::Excluded(key)))
                        .next_back()
                        .map(|row| &row.0)
                }
            },
        }
    }

    /// Where the rows under a key are, or were (rules E13, E14).
    pub(super) fn behind(&self, hash: u64, key: &[u8]) -> Option<Position> {
        match self {
            Self::Hashed(hashed) => hashed.find(hash, key).map(|place| Position::Place(place + 1)),
            Self::Ordered(_) => Some(Position::After(key.to_vec())),
        }
    }

    /// How many places it takes to go through it.
    pub(crate) fn places(&self) -> usize {
        match self {
            Self::Hashed(hashed) => hashed.places.len(),
            Self::Ordered(rows) => rows.len(),
        }
    }

    /// Nobody goes through the table: a good moment to be tidy. What the marks that are dropped were charged with.
    #[must_use]
    pub(super) fn tidy(&mut self) -> u64 {
        match self {
            Self::Hashed(hashed) => hashed.tidy(),
            Self::Ordered(_) => 0,
        }
    }

    /// What the marks of what is gone are charged with.
    pub(super) fn mark_bytes(&self) -> u64 {
        match self {
            Self::Hashed(hashed) => hashed.mark_bytes,
            Self::Ordered(_) => 0,
        }
    }

    /// An empty one of its kind.
    pub(super) fn empty(&self) -> Self {
        match self {
            Self::Hashed(_) => Self::Hashed(Hashed::default()),
            Self::Ordered(_) => Self::Ordered(BTreeSet::new()),
        }
    }

    /// Takes out some of the rows, in any order; how many are left.
    pub(crate) fn drop_some(&mut self, at_most: usize) -> usize {
        match self {
            Self::Hashed(hashed) => {
                hashed.index = HashTable::new();
                hashed.places.truncate(hashed.places.len().saturating_sub(at_most));
                hashed.places.len()
            }
            Self::Ordered(rows) => {
                (0..at_most).for_each(|_| drop(rows.pop_last()));
                rows.len()
            }
        }
    }
}

impl Hashed {
    fn take(&mut self, place: usize, mark: bool) -> Entry {
        if !mark {
            return self.forget(place);
        }
        let Some(first) = self.places[place].1.rows().first() else { return Entry::Free };
        let mark = Entry::Gone(first.key().into());
        self.marked.insert(place as u32);
        self.mark_bytes += mark.weight();
        mem::replace(&mut self.places[place].1, mark)
    }
}

fn after_row(row: &Ordered) -> (&[Row], Position) {
    (std::slice::from_ref(&row.0), Position::After(row.0.key().to_vec()))
}
