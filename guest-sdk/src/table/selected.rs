//! Going through a table, some rows at a time.

use alloc::vec::Vec;
use core::marker::PhantomData;

use serde::de::DeserializeOwned;

use crate::table::{TableError, TableId};
use crate::{decode, sys};

/// A table that is fixed.
#[must_use = "the table is fixed until this is dropped"]
pub struct Fixed(TableId);

impl Fixed {
    pub(super) fn new(table: TableId) -> Result<Self, TableError> {
        sys::table::fix(table).map(|()| Self(table))
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        sys::table::unfix(self.0);
    }
}

/// What a match specification makes of rows. The table is [fixed](super::Table::fix) meanwhile: rows that are in it all the time are seen exactly
/// once, those that come or go may be. It ends with the first error.
pub struct Selected<R> {
    table: TableId,
    fixed: Option<Fixed>,
    spec: Result<Vec<u8>, TableError>,
    at_once: u64,
    found: alloc::vec::IntoIter<Vec<u8>>,
    /// Where to go on; none at the end.
    next: Option<Option<Vec<u8>>>,
    of: PhantomData<R>,
}

impl<R: DeserializeOwned> Iterator for Selected<R> {
    type Item = Result<R, TableError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(found) = self.found.next() {
                return Some(self.last_if_error(decode(&found).map_err(Into::into)));
            }
            let Some(from) = self.next.take() else {
                self.fixed = None;
                return None;
            };
            if self.fixed.is_none() {
                match Fixed::new(self.table) {
                    Ok(fixed) => self.fixed = Some(fixed),
                    Err(error) => return Some(Err(error)),
                }
            }
            let selected = self
                .spec
                .clone()
                .and_then(|spec| sys::table::select(self.table, &spec, self.at_once, from.as_deref()));
            match selected {
                Ok((found, next)) => (self.found, self.next) = (found.into_iter(), next.map(Some)),
                Err(error) => return Some(self.last_if_error(Err(error))),
            }
        }
    }
}

impl<R> Selected<R> {
    pub(super) fn new(table: TableId, spec: Result<Vec<u8>, TableError>, at_once: u64) -> Self {
        Self {
            table,
            fixed: None,
            spec,
            at_once: at_once.max(1),
            found: Vec::new().into_iter(),
            next: Some(None),
            of: PhantomData,
        }
    }

    fn last_if_error<T>(&mut self, result: Result<T, TableError>) -> Result<T, TableError> {
        if result.is_err() {
            (self.found, self.next, self.fixed) = (Vec::new().into_iter(), None, None);
        }
        result
    }
}
