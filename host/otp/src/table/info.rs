//! What is known about a table.

use std::sync::atomic::Ordering;

use crate::pid::Pid;
use crate::table::{Access, TableError, TableHandle, TableId, TableKind};

/// What is known about a table (`ets:info/1`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableInfo {
    /// Which.
    pub id: TableId,
    /// Its name, if it has one.
    pub name: Option<String>,
    /// Which rows it holds.
    pub kind: TableKind,
    /// Who may use it.
    pub access: Access,
    /// Whose it is.
    pub owner: Pid,
    /// Who inherits it.
    pub heir: Option<Pid>,
    /// How many rows it has.
    pub rows: u64,
    /// What its owner is charged for it, in bytes.
    pub memory_bytes: u64,
    /// Whether somebody goes through it while rows are deleted.
    pub fixed: bool,
}

impl TableHandle<'_> {
    /// What is known about it, whoever may read it (`info/1`).
    ///
    /// # Errors
    /// [`TableError::NoTable`]
    pub fn info(&self) -> Result<TableInfo, TableError> {
        let header = self.table.header();
        let access = self.table.access().ok_or(TableError::NoTable)?;
        Ok(TableInfo {
            id: self.table.id,
            name: header.name.as_ref().map(|name| name.to_string()),
            kind: self.table.kind,
            access,
            owner: header.owner,
            heir: header.heir.as_ref().map(|heir| heir.pid),
            rows: self.table.rows.load(Ordering::Acquire),
            memory_bytes: header.own_bytes + header.row_bytes.load(Ordering::Acquire),
            fixed: self.table.is_fixed(),
        })
    }
}
