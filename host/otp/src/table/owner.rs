//! To whom tables belong: their beginning, their way from process to process, their end.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLockWriteGuard};

use bytes::Bytes;
use regrow_term::encode;

use crate::garbage::Garbage;
use crate::names::check_name;
use crate::pid::{Pid, Reference};
use crate::process::{Context, Process};
use crate::received::{SystemKind, SystemMessage};
use crate::runtime::{Inner, Runtime};
use crate::signal::Signal;
use crate::table::handle::{KnownTable, TableHandle};
use crate::table::shard::Shard;
use crate::table::{Access, EMPTY_TABLE_BYTES, Header, Heir, Table, TableError, TableId, TableOptions};

/// So many tables that a process has fixed are looked through for those that are no more.
const MANY: usize = 64;

fn own_bytes(name: Option<&str>, heir: Option<&Heir>) -> u64 {
    EMPTY_TABLE_BYTES + name.map_or(0, str::len) as u64 + heir.map_or(0, |heir| heir.data.len()) as u64
}

impl Context {
    /// Makes a table that belongs to this process (`ets:new/2`).
    ///
    /// # Errors
    /// [`TableError::NameTaken`], [`TableError::BadName`], [`TableError::BadTerm`] (the heir's data), [`TableError::Limit`]
    pub fn create_table(&self, options: TableOptions) -> Result<TableId, TableError> {
        let TableOptions { name, kind, access, heir, is_kept } = options;
        if let Some(name) = &name {
            check_name(name).map_err(|_| TableError::BadName)?;
        }
        let heir = heir.map(|heir| checked_heir(self, heir)).transpose()?;
        let inner = &self.runtime().inner;
        let keeper = self.process().holdings().keeper.clone();
        let own_bytes = own_bytes(name.as_deref(), heir.as_ref());
        keeper.charge(own_bytes)?;
        let name: Option<Arc<str>> = name.map(Into::into);
        let header = Header {
            owner: self.pid(),
            keeper: keeper.clone(),
            name: name.clone(),
            heir,
            is_kept,
            own_bytes,
            row_bytes: AtomicU64::new(0),
        };
        let hash_keys = (inner.random_u64(), inner.random_u64());
        let id =
            inner.tables.insert(inner.random_u64(), |id| Table::new(id, kind, access, header, hash_keys));
        if let Some(name) = &name
            && let Err(error) = inner.tables.rename(None, name, id)
        {
            inner.tables.remove(id);
            keeper.release(own_bytes);
            return Err(error);
        }
        self.process().holdings().held.lock().tables.push(id);
        Ok(id)
    }

    /// A table, for this process to use.
    ///
    /// # Errors
    /// [`TableError::NoTable`]
    pub fn table(&self, id: TableId) -> Result<TableHandle<'_>, TableError> {
        let KnownTable(table) = self.find_table(id)?;
        Ok(TableHandle { context: self, table: Cow::Owned(table), passed: Cell::new(0) })
    }

    /// Looks for a table that will be used more than once.
    ///
    /// # Errors
    /// [`TableError::NoTable`]
    pub fn find_table(&self, id: TableId) -> Result<KnownTable, TableError> {
        self.runtime().inner.tables.get(id).map(KnownTable).ok_or(TableError::NoTable)
    }

    /// A table that was found, for this process to use.
    pub fn known_table<'a>(&'a self, table: &'a KnownTable) -> TableHandle<'a> {
        TableHandle { context: self, table: Cow::Borrowed(&table.0), passed: Cell::new(0) }
    }
}

impl Runtime {
    /// The table that has a name (`ets:whereis/1`, rule E4).
    pub fn table_named(&self, name: &str) -> Option<TableId> {
        self.inner.tables.whereis(name)
    }

    /// Named tables, by name.
    pub fn named_tables(&self) -> Vec<(String, TableId)> {
        self.inner.tables.named()
    }
}

fn checked_heir(context: &Context, heir: Heir) -> Result<Heir, TableError> {
    let data = super::handle::good_term(&heir.data)?;
    Ok(Heir { pid: heir.pid, data: context.carrying(Bytes::copy_from_slice(&data)) })
}

impl TableHandle<'_> {
    /// The header, for its owner alone.
    fn owned(&self) -> Result<RwLockWriteGuard<'_, Header>, TableError> {
        let header = self.table.header_mut();
        match self.table.access() {
            None => Err(TableError::NoTable),
            Some(_) if header.owner != self.context.pid() => Err(TableError::NotOwner(Access::Public)),
            Some(_) => Ok(header),
        }
    }

    /// Deletes the table (`delete/1`): whoever may write to it may, unless it is [kept](TableOptions::is_kept) for others.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn delete_table(&self) -> Result<(), TableError> {
        let mut header = self.table.header_mut();
        self.is_disposable(&header)?;
        let inner = &self.context.runtime().inner;
        let garbage = inner.delete_table(&self.table, &mut header);
        let owner = inner.table.get(header.owner);
        drop(header);
        if let Some(holdings) = owner.as_ref().and_then(|owner| owner.holdings.get()) {
            holdings.held.lock().tables.retain(|id| *id != self.table.id);
        }
        self.context.runtime().reap(garbage.into());
        Ok(())
    }

    /// Gives the table to another process (`give_away/3`, rule E19), which is told so, with `data`.
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NoProc`], [`TableError::Limit`] of the new owner
    pub fn give_away(&self, to: Pid, data: &[u8]) -> Result<(), TableError> {
        let data = super::handle::good_term(data)?;
        let mut header = self.owned()?;
        if to == header.owner {
            return Err(TableError::OwnAlready);
        }
        let inner = &self.context.runtime().inner;
        inner.move_table(&self.table, &mut header, to)?;
        self.context.process().holdings().held.lock().tables.retain(|id| *id != self.table.id);
        inner.send_transfer(self.table.id, self.context.pid(), to, &data);
        Ok(())
    }

    /// Says who inherits the table (`setopts/2`, rule E20).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn set_heir(&self, heir: Option<Heir>) -> Result<(), TableError> {
        let heir = heir.map(|heir| checked_heir(self.context, heir)).transpose()?;
        let mut header = self.owned()?;
        let bytes = own_bytes(header.name.as_deref(), heir.as_ref());
        header.change_own_bytes(bytes)?;
        header.heir = heir;
        Ok(())
    }

    /// Says who may use the table (`setopts/2`, rule E20).
    ///
    /// # Errors
    /// [`TableError`]
    pub fn set_access(&self, access: Access) -> Result<(), TableError> {
        let _owned = self.owned()?;
        self.table.access.store(access as u8, Ordering::Release);
        Ok(())
    }

    /// Gives a named table another name (`rename/2`, rule E22): whoever may delete it may.
    ///
    /// # Errors
    /// [`TableError`]; [`TableError::NotNamed`]
    pub fn rename(&self, name: &str) -> Result<(), TableError> {
        check_name(name).map_err(|_| TableError::BadName)?;
        let mut header = self.table.header_mut();
        self.is_disposable(&header)?;
        let old = header.name.clone().ok_or(TableError::NotNamed)?;
        let new: Arc<str> = name.into();
        let bytes = own_bytes(Some(name), header.heir.as_ref());
        let before = header.own_bytes;
        header.change_own_bytes(bytes)?;
        let renamed = self.context.runtime().inner.tables.rename(Some(&old), &new, self.table.id);
        if let Err(error) = renamed {
            // There is room for what there was.
            let _back = header.change_own_bytes(before);
            return Err(error);
        }
        header.name = Some(new);
        Ok(())
    }

    /// Has rows that are deleted from now on leave a mark, so that whoever goes through the table finds his way
    /// (`safe_fixtable/2`, rule E14). Counts: as many [`TableHandle::unfix`] end it, or the end of this process.
    ///
    /// # Errors
    /// [`TableError`]
    pub fn fix(&self) -> Result<(), TableError> {
        self.may_read()?;
        let mut held = self.context.process().holdings().held.lock();
        // Those that are no more are forgotten when they have become many.
        if held.fixed.len() >= MANY && held.fixed.len().is_power_of_two() {
            let tables = &self.context.runtime().inner.tables;
            held.fixed.retain(|id, _| tables.get(*id).is_some());
        }
        *held.fixed.entry(self.table.id).or_default() += 1;
        self.table.fixed.fetch_add(1, Ordering::AcqRel);
        Ok(())
    }

    /// Ends what [`TableHandle::fix`] began; nothing happens if this process has not.
    pub fn unfix(&self) {
        self.context.unfix_table(self.table.id);
    }
}

impl Context {
    /// As [`TableHandle::unfix`], of a table that may be no more.
    pub fn unfix_table(&self, id: TableId) {
        let mut held = self.process().holdings().held.lock();
        let Some(times) = held.fixed.get_mut(&id) else { return };
        *times -= 1;
        if *times == 0 {
            held.fixed.remove(&id);
        }
        drop(held);
        if let Some(table) = self.runtime().inner.tables.get(id) {
            table.unfix(1);
        }
    }
}

impl Table {
    fn unfix(&self, times: u64) {
        if self.fixed.fetch_sub(times, Ordering::AcqRel) > times {
            return;
        }
        let header = self.header();
        for shard in 0..self.shards.len() {
            let mut shard = self.write(shard);
            // Somebody may have begun to go through it meanwhile.
            if !self.is_fixed() && self.access().is_some() {
                header.shrink(shard.tidy());
            }
        }
    }
}

impl Inner {
    /// Ends a table: nobody finds it any more. Its rows, for whoever drops them.
    fn delete_table(&self, table: &Table, header: &mut Header) -> Vec<Shard> {
        if let Some(name) = &header.name {
            self.tables.forget_name(name);
        }
        self.tables.remove(table.id);
        table.delete(header)
    }

    /// Makes a table another process's, whose limits must have room for it.
    fn move_table(&self, table: &Table, header: &mut Header, to: Pid) -> Result<(), TableError> {
        let process = self.table.get(to).ok_or(TableError::NoProc)?;
        let keeper = process.holdings().keeper.clone();
        let bytes = header.own_bytes + header.row_bytes.load(Ordering::Acquire);
        keeper.charge(bytes)?;
        if process.hold(|held| held.tables.push(table.id)).is_none() {
            keeper.release(bytes);
            return Err(TableError::NoProc);
        }
        header.keeper.release(bytes);
        header.keeper = keeper;
        header.owner = to;
        Ok(())
    }

    fn send_transfer(&self, table: TableId, from: Pid, to: Pid, data: &[u8]) {
        // A list of two: the table, as the SDK reads it, and the data.
        let mut payload = vec![0x82];
        payload.extend(encode(&table.to_term()).unwrap_or_default());
        payload.extend(data);
        let reference = Reference(0);
        let system = SystemMessage {
            kind: SystemKind::TableTransfer,
            reference,
            from,
            payload: self.carrying(payload.into()),
        };
        self.send(to, Signal::System(system));
    }

    /// A process has ended: its tables go to their heirs, who hear of it before anybody hears of its end, or are no more
    /// (rules E17, E18). What there is to be dropped.
    pub(crate) fn release_holdings(&self, process: &Process) -> Garbage {
        let Some(holdings) = process.holdings.get() else { return Garbage::default() };
        let held = std::mem::take(&mut *holdings.held.lock());
        self.leave_all_groups(process.pid, &held.scopes_started, &holdings.keeper, &held.scopes);
        let mut garbage = Garbage::default();
        for kept in &held.registries_kept {
            garbage.entries.extend(self.end_registry(kept, &holdings.keeper));
        }
        self.leave_all_registries(process.pid, &held.registries);
        held.blobs.end(&holdings.keeper, &process.identity.component);
        for (id, times) in held.fixed {
            if let Some(table) = self.tables.get(id) {
                table.unfix(times);
            }
        }
        for table in held.tables.into_iter().filter_map(|id| self.tables.get(id)) {
            let mut header = table.header_mut();
            if header.owner != process.pid || table.access().is_none() {
                continue;
            }
            let heir = header.heir.clone().filter(|heir| heir.pid != process.pid);
            match heir {
                Some(heir) if self.move_table(&table, &mut header, heir.pid).is_ok() => {
                    self.send_transfer(table.id, process.pid, heir.pid, &heir.data);
                }
                _ => garbage.rows.extend(self.delete_table(&table, &mut header)),
            }
        }
        garbage
    }
}
