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
mod options;
mod rows;
mod selected;

use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

pub use error::TableError;
pub use options::{Access, Kind, TableInfo, TableOptions};
pub use regrow_term::{Clause, Expression, MatchSpec, Operator, Pattern, Variable};
pub use rows::CounterUpdate;
pub use selected::{Fixed, Selected};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::mailbox::Received;
use crate::pid::Pid;
use crate::{decode, encode, sys};

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

/// Keys and values.
pub(crate) type EncodedRows = Vec<(Vec<u8>, Vec<u8>)>;

/// The longest key: the host would refuse a longer one, too, but what is very large does not even get there.
pub(crate) const MAX_KEY_BYTES: usize = 64 << 10;

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
