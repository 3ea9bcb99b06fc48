//! The tables of a runtime, by their ids and by their names.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::table::{Table, TableError, TableId};

const SHARDS: usize = 16;

#[derive(Default)]
struct Slots {
    tables: Vec<Option<Arc<Table>>>,
    free: Vec<u32>,
}

#[derive(Default)]
pub(crate) struct Tables {
    slots: [RwLock<Slots>; SHARDS],
    names: RwLock<HashMap<Arc<str>, TableId>>,
}

impl Tables {
    pub(super) fn get(&self, id: TableId) -> Option<Arc<Table>> {
        let slots = self.slots[id.slot as usize % SHARDS].read().unwrap_or_else(PoisonError::into_inner);
        let table = slots.tables.get(id.slot as usize / SHARDS)?.as_ref()?;
        (table.id == id).then(|| table.clone())
    }

    pub(super) fn whereis(&self, name: &str) -> Option<TableId> {
        self.names.read().unwrap_or_else(PoisonError::into_inner).get(name).copied()
    }

    /// Gives a table, made by `build`, a place.
    pub(super) fn insert(&self, nonce: u64, build: impl FnOnce(TableId) -> Table) -> TableId {
        let shard = nonce as usize % SHARDS;
        let mut slots = self.slots[shard].write().unwrap_or_else(PoisonError::into_inner);
        let place = slots.free.pop().unwrap_or(slots.tables.len() as u32);
        let id = TableId { slot: place * SHARDS as u32 + shard as u32, nonce };
        let table = Some(Arc::new(build(id)));
        match slots.tables.get_mut(place as usize) {
            Some(slot) => *slot = table,
            None => slots.tables.push(table),
        }
        id
    }

    pub(super) fn remove(&self, id: TableId) {
        let mut slots = self.slots[id.slot as usize % SHARDS].write().unwrap_or_else(PoisonError::into_inner);
        let place = id.slot / SHARDS as u32;
        let Some(slot) = slots.tables.get_mut(place as usize) else { return };
        if slot.as_ref().is_some_and(|table| table.id == id) {
            *slot = None;
            slots.free.push(place);
        }
    }

    /// Gives a table a name that nobody has, and takes its old one.
    pub(super) fn rename(&self, old: Option<&str>, new: &Arc<str>, id: TableId) -> Result<(), TableError> {
        let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
        match names.get(new) {
            Some(other) if *other == id => return Ok(()),
            Some(_) => return Err(TableError::NameTaken),
            None => {}
        }
        if let Some(old) = old {
            names.remove(old);
        }
        names.insert(new.clone(), id);
        Ok(())
    }

    pub(super) fn forget_name(&self, name: &str) {
        self.names.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }

    pub(super) fn named(&self) -> Vec<(String, TableId)> {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let mut named: Vec<_> = names.iter().map(|(name, id)| (name.to_string(), *id)).collect();
        named.sort();
        named
    }
}
