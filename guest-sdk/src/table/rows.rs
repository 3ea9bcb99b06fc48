//! What is done with rows.

use alloc::vec::Vec;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::table::{EncodedRows, MAX_KEY_BYTES, MatchSpec, Selected, Table, TableError};
use crate::{Term, decode, encode, sys};

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
