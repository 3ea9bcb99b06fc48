//! Tables (`ets`): rows that processes share, in the host.
//!
//! A row is a key and a value, both encoded terms. A table belongs to a process, which is charged for it, and ends with it
//! unless somebody inherits it. Who has its [`TableId`] can use it, as far as its [`Access`] goes; named tables are found by
//! their names. What a process may do with tables are the methods of [`TableHandle`].

mod directory;
mod error;
mod handle;
mod info;
mod keep;
mod owner;
mod put;
mod row;
mod scan;
mod shard;
mod traverse;
mod update;

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use bytes::Bytes;
use regrow_term::Term;
use siphasher::sip::SipHasher13;

pub(crate) use directory::Tables;
pub use error::TableError;
pub use handle::{KnownTable, TableHandle};
pub use info::TableInfo;
pub use keep::StartTable;
pub use row::Row;
pub use scan::{Cursor, Scan, ScanAction, Scanned};
pub(crate) use shard::Shard;
pub use update::{CounterUpdate, ElementUpdate};

use crate::exit_reason::LimitExceeded;
use crate::holdings::Keeper;
use crate::pid::Pid;
use crate::table::shard::Hashed;

/// Rows that a key may have in a bag: they are looked at one after the other.
pub const MAX_ROWS_PER_KEY: u64 = 10_000;

/// Values of so many bytes can be changed in parts: they are taken apart for that.
pub const MAX_CHANGED_BYTES: usize = 64 << 10;

/// Changes of a value that are made at once.
pub const MAX_CHANGES: usize = 64;

/// The longest key, in bytes.
pub const MAX_KEY_BYTES: usize = 64 << 10;

/// Names a table. The nonce makes it impossible to make one up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId {
    /// The place in the directory.
    pub slot: u32,
    /// What makes it unguessable. Never shown to people.
    pub nonce: u64,
}

impl TableId {
    /// The table as a term, in the form in which the SDK encodes it in messages.
    pub fn to_term(self) -> Term {
        let fields = [("slot", u64::from(self.slot)), ("nonce", self.nonce)];
        Term::Map(fields.into_iter().map(|(name, value)| (Term::from(name), Term::from(value))).collect())
    }
}

/// `#Table<slot>`
impl std::fmt::Debug for TableId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "#Table<{}>", self.slot)
    }
}

/// Which rows a table holds (rules E1, E2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum TableKind {
    /// One row a key.
    #[default]
    Set,
    /// One row a key, in the order of the keys; `1` and `1.0` are the same key.
    OrderedSet,
    /// Any number of rows a key, no two of them equal.
    Bag,
    /// Any number of rows a key.
    DuplicateBag,
}

/// Who may use a table (rule E3).
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

impl Access {
    const ALL: [Self; 3] = [Self::Public, Self::Protected, Self::Private];
}

/// What a table is to be.
#[derive(Clone, Debug, Default)]
pub struct TableOptions {
    /// A name, under which everybody finds it (`named_table`).
    pub name: Option<String>,
    /// Which rows it holds.
    pub kind: TableKind,
    /// Who may use it.
    pub access: Access,
    /// Who gets it when its owner ends.
    pub heir: Option<Heir>,
    /// Whether it is kept for others: only its owner deletes or renames it, whoever may write to it.
    pub is_kept: bool,
}

/// Who gets a table when its owner ends (rule E18).
#[derive(Clone, Debug)]
pub struct Heir {
    /// The process.
    pub pid: Pid,
    /// What it is told then, encoded.
    pub data: Bytes,
}

/// In how many parts a hash table is, each behind a lock of its own.
const SHARDS: usize = 16;

/// What an empty table is charged with.
const EMPTY_TABLE_BYTES: u64 = 4 << 10;

const DELETED: u8 = Access::ALL.len() as u8;

pub(crate) struct Table {
    id: TableId,
    kind: TableKind,
    /// Its [`Access`], or [`DELETED`].
    access: AtomicU8,
    header: RwLock<Header>,
    shards: Box<[RwLock<Shard>]>,
    hash_keys: (u64, u64),
    rows: AtomicU64,
    /// How many processes, and how often, want to go through it while rows are deleted.
    fixed: AtomicU64,
}

struct Header {
    owner: Pid,
    keeper: Arc<Keeper>,
    name: Option<Arc<str>>,
    heir: Option<Heir>,
    is_kept: bool,
    /// What the keeper is charged with, beside the rows.
    own_bytes: u64,
    row_bytes: AtomicU64,
}

/// The locked shards of some keys.
struct Locked<'a> {
    table: &'a Table,
    shards: Vec<(usize, RwLockWriteGuard<'a, Shard>)>,
}

impl Table {
    fn new(id: TableId, kind: TableKind, access: Access, header: Header, hash_keys: (u64, u64)) -> Self {
        let shards = match kind {
            TableKind::OrderedSet => vec![Shard::Ordered(BTreeSet::new())],
            _ => (0..SHARDS).map(|_| Shard::Hashed(Hashed::default())).collect(),
        };
        Self {
            id,
            kind,
            access: AtomicU8::new(access as u8),
            header: RwLock::new(header),
            shards: shards.into_iter().map(RwLock::new).collect(),
            hash_keys,
            rows: AtomicU64::new(0),
            fixed: AtomicU64::new(0),
        }
    }

    fn access(&self) -> Option<Access> {
        Access::ALL.get(usize::from(self.access.load(Ordering::Acquire))).copied()
    }

    fn header(&self) -> RwLockReadGuard<'_, Header> {
        self.header.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn header_mut(&self) -> RwLockWriteGuard<'_, Header> {
        self.header.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, key: &[u8]) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.hash_keys.0, self.hash_keys.1);
        hasher.write(key);
        hasher.finish()
    }

    fn shard_of(&self, hash: u64) -> usize {
        // The index of a shard takes the bits at both ends.
        (hash >> 32) as usize % self.shards.len()
    }

    fn read(&self, shard: usize) -> RwLockReadGuard<'_, Shard> {
        self.shards[shard].read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, shard: usize) -> RwLockWriteGuard<'_, Shard> {
        self.shards[shard].write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Locks the shards of these keys, in the order in which everybody does.
    fn lock(&self, hashes: impl Iterator<Item = u64>) -> Locked<'_> {
        let shards: BTreeSet<usize> = hashes.map(|hash| self.shard_of(hash)).collect();
        let shards = shards.into_iter().map(|shard| (shard, self.write(shard))).collect();
        Locked { table: self, shards }
    }

    fn is_fixed(&self) -> bool {
        self.fixed.load(Ordering::Acquire) > 0
    }

    /// Nobody reads or writes it any more; its rows, for whoever drops them.
    fn delete(&self, header: &mut Header) -> Vec<Shard> {
        self.access.store(DELETED, Ordering::Release);
        let shards = (0..self.shards.len()).map(|shard| {
            let mut shard = self.write(shard);
            let empty = shard.empty();
            std::mem::replace(&mut *shard, empty)
        });
        let shards = shards.collect();
        header.keeper.release(header.own_bytes + header.row_bytes.swap(0, Ordering::AcqRel));
        self.rows.store(0, Ordering::Release);
        shards
    }
}

impl Locked<'_> {
    fn of(&mut self, hash: u64) -> &mut Shard {
        let wanted = self.table.shard_of(hash);
        let found = self.shards.iter_mut().find(|(shard, _)| *shard == wanted);
        &mut found.expect("it was locked for this key").1
    }
}

impl Header {
    /// Charges what rows are going to take more, before they are put in.
    fn grow(&self, bytes: u64) -> Result<(), LimitExceeded> {
        self.keeper.charge(bytes)?;
        self.row_bytes.fetch_add(bytes, Ordering::AcqRel);
        Ok(())
    }

    /// Charges another number of bytes for what is not rows.
    fn change_own_bytes(&mut self, bytes: u64) -> Result<(), LimitExceeded> {
        match bytes.checked_sub(self.own_bytes) {
            Some(more) => self.keeper.charge(more)?,
            None => self.keeper.release(self.own_bytes - bytes),
        }
        self.own_bytes = bytes;
        Ok(())
    }

    /// Rows are gone.
    fn shrink(&self, bytes: u64) {
        self.row_bytes.fetch_sub(bytes, Ordering::AcqRel);
        self.keeper.release(bytes);
    }
}
