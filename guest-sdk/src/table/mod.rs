//! Tables (`ets`): rows of key and value that processes share, in the host.
//!
//! ```
//! # use regrow_sdk::table::{Kind, MatchSpec, Pattern, Table, TableOptions, Variable};
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! #[derive(serde::Serialize, serde::Deserialize, Debug, PartialEq)]
//! struct Player {
//!     name: String,
//!     score: u32,
//! }
//!
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! let players: Table<u32, Player> = TableOptions::new(Kind::OrderedSet).create()?;
//! for (id, name) in ["ann", "ben", "cid"].into_iter().enumerate() {
//!     players.insert(&(id as u32), &Player { name: name.into(), score: 10 * id as u32 })?;
//! }
//! players.add(&0, "score", 25)?;
//! assert_eq!(players.get(&0)?.unwrap().score, 25);
//!
//! let score = Variable(0);
//! let good = MatchSpec::new()
//!     .value(Pattern::fields([("score", score)]))
//!     .when(score.bound().at_least(20u64))
//!     .give(regrow_sdk::table::Expression::Key);
//! assert_eq!(players.select::<u32>(&good)?, [0, 2]);
//! assert_eq!(players.select_delete(&good)?, 2);
//! assert_eq!(players.rows().map(|row| row.unwrap().1.name).collect::<Vec<_>>(), ["ben"]);
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! Keys and values are compared as they are encoded: a `HashMap` in a key, whose entries come in any order, is not found again; a `BTreeMap` is.
//!
//! A table belongs to the process that made it, counts as its memory (`kept_bytes`), and ends with it, unless it has an heir. Whoever
//! is sent the table can use it, as far as its [`Access`] goes.

mod error;
mod selected;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

pub use error::TableError;
pub use regrow_term::{Clause, Expression, MatchSpec, Operator, Pattern, Variable};
pub use selected::{Fixed, Selected};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mailbox::Received;
use crate::pid::Pid;
use crate::{Term, decode, encode, sys};

/// Which rows a table holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// One a key.
    #[default]
    Set,
    /// One a key, in the order of the keys. `1` and `1.0` are the same key.
    OrderedSet,
    /// Any number a key, no two of them equal.
    Bag,
    /// Any number a key.
    DuplicateBag,
}

/// Who may use a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Access {
    /// Everybody reads and writes.
    Public,
    /// Everybody reads, its owner writes.
    #[default]
    Protected,
    /// Its owner reads and writes.
    Private,
}

/// What a table is to be.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    pub(crate) name: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) access: Access,
    pub(crate) heir: Option<(Pid, Vec<u8>)>,
}

/// What is known about a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Which rows it holds.
    pub kind: Kind,
    /// Who may use it.
    pub access: Access,
    /// Whose it is.
    pub owner: Pid,
    /// Who inherits it.
    pub heir: Option<Pid>,
    /// How many rows it has.
    pub rows: u64,
    /// What its owner is charged for it.
    pub memory_bytes: u64,
    /// Whether somebody goes through it while rows are deleted.
    pub fixed: bool,
}

/// Names a table.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct TableId {
    pub(crate) slot: u32,
    pub(crate) nonce: u64,
}

/// A table with keys `K` and values `V`. It can be sent in messages; what is in the table is only known when it is read, so that
/// a table of other types gives [`TableError::Decode`].
pub struct Table<K, V> {
    id: TableId,
    of: PhantomData<(K, V)>,
}

/// How an integer in a value changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterUpdate {
    pub(crate) path: Vec<Term>,
    pub(crate) increment: i64,
    pub(crate) threshold: Option<(i64, i64)>,
}

impl CounterUpdate {
    /// Adds to the value itself.
    pub fn of_value(increment: i64) -> Self {
        Self { path: Vec::new(), increment, threshold: None }
    }

    /// Adds to what a step leads to: the field of a struct by its name, the item of a list or tuple by its index.
    pub fn of(step: impl Into<Term>, increment: i64) -> Self {
        Self { path: [step.into()].into(), increment, threshold: None }
    }

    /// One step further.
    #[must_use]
    pub fn then(mut self, step: impl Into<Term>) -> Self {
        self.path.push(step.into());
        self
    }

    /// A sum beyond `threshold`, in the direction of the increment, becomes `then`.
    #[must_use]
    pub fn wrap(self, threshold: i64, then: i64) -> Self {
        Self { threshold: Some((threshold, then)), ..self }
    }
}

impl TableOptions {
    /// A table of that kind, protected, without a name.
    pub fn new(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// A name, under which everybody finds it who may: a grant of `tables`.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// Everybody reads and writes.
    #[must_use]
    pub fn public(self) -> Self {
        Self { access: Access::Public, ..self }
    }

    /// Only its owner reads and writes.
    #[must_use]
    pub fn private(self) -> Self {
        Self { access: Access::Private, ..self }
    }

    /// Who gets it when its owner ends, and what that process is told then.
    ///
    /// # Errors
    /// [`TableError::BadTerm`], if `data` can't be encoded.
    pub fn heir<D: Serialize + ?Sized>(self, pid: Pid, data: &D) -> Result<Self, TableError> {
        Ok(Self { heir: Some((pid, encode(data)?)), ..self })
    }

    /// Makes the table (`new/2`).
    ///
    /// # Errors
    /// [`TableError::NameTaken`], [`TableError::BadName`], [`TableError::Denied`], [`TableError::Limit`]
    pub fn create<K, V>(self) -> Result<Table<K, V>, TableError> {
        sys::table::create(self).map(Table::of)
    }
}

impl<K, V> Table<K, V> {
    const fn of(id: TableId) -> Self {
        Self { id, of: PhantomData }
    }

    /// The table that has a name (`whereis/1`). None also without the grant `tables`.
    pub fn find(name: &str) -> Option<Self> {
        sys::table::whereis(name).map(Self::of)
    }

    /// The table that another process has given to this one, or left to it, if `received` says so, and what it was told.
    pub fn transferred<D: DeserializeOwned>(received: &Received) -> Option<(Self, D)> {
        match received {
            Received::System { kind, payload, .. } if kind == "table-transfer" => {
                let (id, data) = decode(payload).ok()?;
                Some((Self::of(id), data))
            }
            _ => None,
        }
    }

    /// Deletes the table (`delete/1`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn delete_table(self) -> Result<(), TableError> {
        sys::table::delete_table(self.id)
    }

    /// What is known about it (`info/1`).
    ///
    /// # Errors
    /// [`TableError::NoTable`]
    pub fn info(&self) -> Result<TableInfo, TableError> {
        sys::table::info(self.id)
    }

    /// Gives it another name, if it has one (`rename/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn rename(&self, name: &str) -> Result<(), TableError> {
        sys::table::rename(self.id, name)
    }

    /// Changes who may use it (`setopts/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn set_access(&self, access: Access) -> Result<(), TableError> {
        sys::table::set_access(self.id, access)
    }

    /// Says who inherits it, and what that process is told then (`setopts/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn set_heir<D: Serialize + ?Sized>(&self, pid: Pid, data: &D) -> Result<(), TableError> {
        sys::table::set_heir(self.id, Some((pid, encode(data)?)))
    }

    /// Nobody inherits it.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn disinherit(&self) -> Result<(), TableError> {
        sys::table::set_heir(self.id, None)
    }

    /// Gives it to another process, which is told so (`give_away/3`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn give_away<D: Serialize + ?Sized>(&self, to: Pid, data: &D) -> Result<(), TableError> {
        sys::table::give_away(self.id, to, encode(data)?)
    }

    /// Removes all rows (`delete_all_objects/1`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn clear(&self) -> Result<(), TableError> {
        sys::table::clear(self.id)
    }

    /// How many rows it has.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn len(&self) -> Result<u64, TableError> {
        self.info().map(|info| info.rows)
    }

    /// Whether it has none.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn is_empty(&self) -> Result<bool, TableError> {
        self.len().map(|rows| rows == 0)
    }

    /// Has rows that are deleted leave a mark until the guard is dropped, so that [`Table::next`] finds its way
    /// (`safe_fixtable/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn fix(&self) -> Result<Fixed, TableError> {
        Fixed::new(self.id)
    }

    /// How many rows match (`select_count/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn select_count(&self, spec: &MatchSpec) -> Result<u64, TableError> {
        sys::table::select_count(self.id, &encode(spec)?)
    }

    /// Deletes the rows that match; how many (`select_delete/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn select_delete(&self, spec: &MatchSpec) -> Result<u64, TableError> {
        sys::table::select_delete(self.id, &encode(spec)?)
    }

    /// Puts what `spec` makes of rows in place of their values; of how many (`select_replace/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn select_replace(&self, spec: &MatchSpec) -> Result<u64, TableError> {
        sys::table::select_replace(self.id, &encode(spec)?)
    }

    /// What `spec` makes of the rows that match (`select/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn select<R: DeserializeOwned>(&self, spec: &MatchSpec) -> Result<Vec<R>, TableError> {
        self.selected(spec, u64::MAX).collect()
    }

    /// As [`Table::select`], `at_once` of them at a time, at least one: for more than fits into the memory.
    pub fn selected<R: DeserializeOwned>(&self, spec: &MatchSpec, at_once: u64) -> Selected<R> {
        let spec = encode(spec).map_err(Into::into);
        Selected::new(self.id, spec, at_once)
    }
}

impl<K: Serialize + DeserializeOwned, V: Serialize + DeserializeOwned> Table<K, V> {
    /// Puts in a row (`insert/2`): in place of the one under its key, in bags beside those.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn insert(&self, key: &K, value: &V) -> Result<(), TableError> {
        sys::table::insert(self.id, &encoded_key(key)?, &encode(value)?)
    }

    /// Puts in rows, all at once: nobody sees some of them.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn insert_all<'a>(&self, rows: impl IntoIterator<Item = (&'a K, &'a V)>) -> Result<(), TableError>
    where
        K: 'a,
        V: 'a,
    {
        sys::table::insert_all(self.id, encoded_rows(rows)?)
    }

    /// Puts in rows, unless the table has one of their keys; whether it did (`insert_new/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn insert_new<'a>(&self, rows: impl IntoIterator<Item = (&'a K, &'a V)>) -> Result<bool, TableError>
    where
        K: 'a,
        V: 'a,
    {
        sys::table::insert_new(self.id, encoded_rows(rows)?)
    }

    /// The value under a key, of a table that has one at most.
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::WrongKind`] of bags.
    pub fn get(&self, key: &K) -> Result<Option<V>, TableError> {
        let value = sys::table::get(self.id, &encoded_key(key)?)?;
        value.map(|value| decode(&value)).transpose().map_err(Into::into)
    }

    /// The values under a key, in the order in which they came (`lookup/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn lookup(&self, key: &K) -> Result<Vec<V>, TableError> {
        decoded(sys::table::lookup(self.id, &encoded_key(key)?)?)
    }

    /// Whether there is a row under a key (`member/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn member(&self, key: &K) -> Result<bool, TableError> {
        sys::table::member(self.id, &encoded_key(key)?)
    }

    /// A field of the value under a key, or an item of it by its index; of bags, of each (`lookup_element/3`).
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NoKey`], [`TableError::NoElement`]
    pub fn lookup_element<E: DeserializeOwned>(
        &self,
        key: &K,
        step: impl Into<Term>,
    ) -> Result<Vec<E>, TableError> {
        let path = encode(&[step.into()])?;
        decoded(sys::table::lookup_element(self.id, &encoded_key(key)?, &path)?)
    }

    /// Removes the rows under a key (`delete/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn delete(&self, key: &K) -> Result<(), TableError> {
        sys::table::delete(self.id, &encoded_key(key)?)
    }

    /// Removes the rows under a key that have this value (`delete_object/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn delete_object(&self, key: &K, value: &V) -> Result<(), TableError> {
        sys::table::delete_object(self.id, &encoded_key(key)?, &encode(value)?)
    }

    /// Removes the rows under a key; their values (`take/2`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn take(&self, key: &K) -> Result<Vec<V>, TableError> {
        decoded(sys::table::take(self.id, &encoded_key(key)?)?)
    }

    /// Puts a value in place of the one under a key, if that is `expected`; whether it was.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn compare_and_swap(&self, key: &K, expected: &V, new: &V) -> Result<bool, TableError> {
        sys::table::compare_and_swap(self.id, &encoded_key(key)?, &encode(expected)?, &encode(new)?)
    }

    /// Adds to a field of the value under a key, or to an item of it by its index; what it becomes (`update_counter/3`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn add(&self, key: &K, step: impl Into<Term>, increment: i64) -> Result<i64, TableError> {
        sys::table::add(self.id, &encoded_key(key)?, &encode(&[step.into()])?, increment)
    }

    /// Adds to the value under a key, which is an integer; what it becomes (`update_counter/3`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn increment(&self, key: &K, by: i64) -> Result<i64, TableError> {
        sys::table::add(self.id, &encoded_key(key)?, &encode::<[Term; 0]>(&[])?, by)
    }

    /// Adds to integers in the value under a key, one after the other, at once; what they become. A key that is not there begins
    /// with `default`, if there is one (`update_counter/4`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn update_counter(
        &self,
        key: &K,
        updates: &[CounterUpdate],
        default: Option<&V>,
    ) -> Result<Vec<i64>, TableError> {
        let default = default.map(encode).transpose()?;
        decoded(sys::table::update_counter(self.id, &encoded_key(key)?, updates, default.as_deref())?)
    }

    /// Replaces a field of the value under a key, or an item of it by its index; false if there is no such key
    /// (`update_element/3`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn update_element<E: Serialize + ?Sized>(
        &self,
        key: &K,
        step: impl Into<Term>,
        element: &E,
    ) -> Result<bool, TableError> {
        sys::table::update_element(self.id, &encoded_key(key)?, encode(&[step.into()])?, encode(element)?)
    }

    /// The first key (`first/1`): the smallest of an ordered table, some key of others.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn first(&self) -> Result<Option<K>, TableError> {
        decoded_key(sys::table::first(self.id)?)
    }

    /// The last key of an ordered table, some key of others (`last/1`).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn last(&self) -> Result<Option<K>, TableError> {
        decoded_key(sys::table::last(self.id)?)
    }

    /// The key after a key (`next/2`).
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NoKey`], if the table is not ordered and has no such key.
    pub fn next(&self, key: &K) -> Result<Option<K>, TableError> {
        decoded_key(sys::table::next(self.id, &encoded_key(key)?)?)
    }

    /// The key before a key (`prev/2`).
    ///
    /// # Errors
    /// As [`Table::next`].
    pub fn previous(&self, key: &K) -> Result<Option<K>, TableError> {
        decoded_key(sys::table::previous(self.id, &encoded_key(key)?)?)
    }

    /// All rows, some at a time (`foldl/3`, `tab2list/1`).
    pub fn rows(&self) -> Selected<(K, V)> {
        const AT_ONCE: u64 = 100;
        self.selected(&MatchSpec::new(), AT_ONCE)
    }
}

/// Keys and values.
pub(crate) type EncodedRows = Vec<(Vec<u8>, Vec<u8>)>;

/// The longest key: the host would refuse a longer one, too, but what is very large does not even get there.
pub(crate) const MAX_KEY_BYTES: usize = 64 << 10;

fn encoded_key<K: Serialize>(key: &K) -> Result<Vec<u8>, TableError> {
    let key = encode(key)?;
    if key.len() > MAX_KEY_BYTES { Err(TableError::KeyTooLong(key.len() as u64)) } else { Ok(key) }
}

fn encoded_rows<'a, K: Serialize + 'a, V: Serialize + 'a>(
    rows: impl IntoIterator<Item = (&'a K, &'a V)>,
) -> Result<EncodedRows, TableError> {
    rows.into_iter().map(|(key, value)| Ok((encoded_key(key)?, encode(value)?))).collect()
}

fn decoded<T: DeserializeOwned>(values: Vec<Vec<u8>>) -> Result<Vec<T>, TableError> {
    values.iter().map(|value| decode(value).map_err(Into::into)).collect()
}

fn decoded_key<K: DeserializeOwned>(key: Option<Vec<u8>>) -> Result<Option<K>, TableError> {
    key.map(|key| decode(&key)).transpose().map_err(Into::into)
}

impl<K, V> Clone for Table<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for Table<K, V> {}

impl<K, V> PartialEq for Table<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl<K, V> Eq for Table<K, V> {}

impl<K, V> fmt::Debug for Table<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Table<{}>", self.id.slot)
    }
}

impl<K, V> Serialize for Table<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.id.serialize(serializer)
    }
}

impl<'de, K, V> Deserialize<'de> for Table<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        TableId::deserialize(deserializer).map(Self::of)
    }
}
