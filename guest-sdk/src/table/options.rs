//! How a table is made, and what is known about it.

use alloc::string::String;
use alloc::vec::Vec;

use serde::Serialize;

use crate::pid::Pid;
use crate::table::{Table, TableError};
use crate::{encode, sys};

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
