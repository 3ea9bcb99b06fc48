//! Changes of parts of a value.

use regrow_term::{Term, decode, encode};

use crate::table::handle::{TableHandle, good_key, good_term};
use crate::table::{MAX_CHANGED_BYTES, MAX_CHANGES, Row, TableError};

/// How an integer in a value changes (`update_counter/3`, rule E10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterUpdate {
    /// The steps to it, from the whole value: keys of maps, indices of lists from 0. None: the value is the integer.
    pub path: Vec<Term>,
    /// What is added.
    pub increment: i64,
    /// A sum beyond the first, in the direction of the increment, becomes the second.
    pub threshold: Option<(i64, i64)>,
}

/// What takes the place of an element of a value (`update_element/3`, rule E11).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ElementUpdate {
    /// The steps to it, as of a [`CounterUpdate`].
    pub path: Vec<Term>,
    /// The new element, encoded.
    pub value: Vec<u8>,
}

/// The element at the end of a path.
fn element_mut<'a>(value: &'a mut Term, path: &[Term]) -> Option<&'a mut Term> {
    path.iter().try_fold(value, |value, step| match (value, step) {
        (Term::List(items), Term::Integer(index)) => items.get_mut(usize::try_from(*index).ok()?),
        (Term::Map(entries), key) => entries.iter_mut().find(|(k, _)| k == key).map(|(_, value)| value),
        _ => None,
    })
}

fn check_changes(changes: usize) -> Result<(), TableError> {
    if changes > MAX_CHANGES {
        let why = format!("no more than {MAX_CHANGES} changes are made at once, not {changes}");
        return Err(TableError::BadTerm(why));
    }
    Ok(())
}

fn counted(value: &mut Term, update: &CounterUpdate) -> Result<i128, TableError> {
    let element = element_mut(value, &update.path).ok_or(TableError::NoElement)?;
    let Term::Integer(number) = element else { return Err(TableError::NotAnInteger) };
    *number += i128::from(update.increment);
    if let Some((threshold, then)) = update.threshold {
        let beyond = if update.increment < 0 {
            *number < i128::from(threshold)
        } else {
            *number > i128::from(threshold)
        };
        if beyond {
            *number = then.into();
        }
    }
    // What guests have as an integer.
    if i64::try_from(*number).is_err() {
        return Err(TableError::NotAnInteger);
    }
    Ok(*number)
}

impl TableHandle<'_> {
    /// Adds to integers in the value under a key, one after the other, at once; what they become. A key that is not there
    /// begins with `default`, if there is one (rule E10).
    ///
    /// # Errors
    /// [`TableError`]: nothing has changed, then.
    pub fn update_counter(
        &self,
        key: &[u8],
        updates: &[CounterUpdate],
        default: Option<&[u8]>,
    ) -> Result<Vec<i128>, TableError> {
        check_changes(updates.len())?;
        self.update(key, default, |value| updates.iter().map(|update| counted(value, update)).collect())
    }

    /// Adds to one integer in the value under a key; what it becomes (`update_counter/3`, rule E10).
    ///
    /// # Errors
    /// [`TableError`]: nothing has changed, then. [`TableError::NotAnInteger`] also if the sum is beyond `i64`.
    pub fn add(&self, key: &[u8], path: Vec<Term>, increment: i64) -> Result<i64, TableError> {
        let update = CounterUpdate { path, increment, threshold: None };
        self.update(key, None, |value| {
            i64::try_from(counted(value, &update)?).map_err(|_| TableError::NotAnInteger)
        })
    }

    /// Replaces elements of the value under a key, at once; false if there is no such key and no `default` (rule E11).
    ///
    /// # Errors
    /// [`TableError`]: nothing has changed, then.
    pub fn update_element(
        &self,
        key: &[u8],
        updates: &[ElementUpdate],
        default: Option<&[u8]>,
    ) -> Result<bool, TableError> {
        check_changes(updates.len())?;
        let element = |update: &ElementUpdate| {
            let bad_term = |error: regrow_term::DecodeError| TableError::BadTerm(error.to_string());
            decode::<Term>(&good_term(&update.value)?).map_err(bad_term)
        };
        let elements: Vec<Term> = updates.iter().map(element).collect::<Result<_, TableError>>()?;
        let updated = self.update(key, default, |value| {
            updates.iter().zip(elements).try_for_each(|(update, new)| {
                *element_mut(value, &update.path).ok_or(TableError::NoElement)? = new;
                Ok(())
            })
        });
        match updated {
            Ok(()) => Ok(true),
            Err(TableError::NoKey) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn update<T>(
        &self,
        key: &[u8],
        default: Option<&[u8]>,
        change: impl FnOnce(&mut Term) -> Result<T, TableError>,
    ) -> Result<T, TableError> {
        let key = good_key(key)?;
        let default = default.map(good_term).transpose()?;
        let table = &*self.table;
        if table.is_bag() {
            return Err(TableError::WrongKind);
        }
        let header = self.may_write()?;
        let hash = table.hash(&key);
        let mut shard = table.write(table.shard_of(hash));
        let old = shard.rows(hash, &key).first();
        // The key stays as it is written in the row.
        let (key, value) = match (old, &default) {
            (Some(row), _) => (row.key(), row.value()),
            (None, Some(default)) => (&*key, &**default),
            (None, None) => return Err(TableError::NoKey),
        };
        let bad_term = |error: String| TableError::BadTerm(error);
        if value.len() > MAX_CHANGED_BYTES {
            let why = format!("a value of more than {MAX_CHANGED_BYTES} bytes is only replaced as a whole");
            return Err(bad_term(why));
        }
        let mut value: Term = decode(value).map_err(|error| bad_term(error.to_string()))?;
        let result = change(&mut value)?;
        let value = encode(&value).map_err(|error| bad_term(error.to_string()))?;
        let blobs = self.context.runtime().inner.blobs_in(&value);
        let row = Row::new(key, &good_term(&value)?).holding(blobs);
        table.put(&header, &mut shard, hash, row)?;
        Ok(result)
    }
}
