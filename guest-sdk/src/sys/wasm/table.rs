//! `regrow:otp/table`

use alloc::vec::Vec;

use crate::pid::Pid;
use crate::sys::wasm::bindings::regrow::otp::table as wit;
use crate::table::{Access, CounterUpdate, EncodedRows, Kind, TableError, TableId, TableInfo, TableOptions};
use crate::{Term, encode};

type Answer<T> = Result<T, TableError>;

fn wit_heir(heir: Option<(Pid, Vec<u8>)>) -> Option<wit::Heir> {
    heir.map(|(pid, data)| wit::Heir { pid: pid.into(), data })
}

pub(crate) fn create(options: TableOptions) -> Answer<TableId> {
    let table = wit::create(&wit::Options {
        name: options.name,
        kind: options.kind.into(),
        access: options.access.into(),
        heir: wit_heir(options.heir),
    })?;
    Ok(table.into())
}

pub(crate) fn whereis(name: &str) -> Option<TableId> {
    wit::whereis(name).map(Into::into)
}

pub(crate) fn delete_table(table: TableId) -> Answer<()> {
    Ok(wit::delete_table(table.into())?)
}

pub(crate) fn info(table: TableId) -> Answer<TableInfo> {
    let info = wit::info(table.into())?;
    Ok(TableInfo {
        name: info.name,
        kind: info.kind.into(),
        access: info.access.into(),
        owner: info.owner.into(),
        heir: info.heir.map(Into::into),
        rows: info.rows,
        memory_bytes: info.memory_bytes,
        fixed: info.fixed,
    })
}

pub(crate) fn rename(table: TableId, name: &str) -> Answer<()> {
    Ok(wit::rename(table.into(), name)?)
}

pub(crate) fn set_access(table: TableId, access: Access) -> Answer<()> {
    Ok(wit::set_access(table.into(), access.into())?)
}

pub(crate) fn set_heir(table: TableId, heir: Option<(Pid, Vec<u8>)>) -> Answer<()> {
    Ok(wit::set_heir(table.into(), wit_heir(heir).as_ref())?)
}

pub(crate) fn give_away(table: TableId, to: Pid, data: Vec<u8>) -> Answer<()> {
    Ok(wit::give_away(table.into(), to.into(), &data)?)
}

pub(crate) fn insert(table: TableId, key: &[u8], value: &[u8]) -> Answer<()> {
    Ok(wit::insert(table.into(), key, value)?)
}

fn wit_rows(rows: EncodedRows) -> Vec<wit::Row> {
    rows.into_iter().map(|(key, value)| wit::Row { key, value }).collect()
}

pub(crate) fn insert_all(table: TableId, rows: EncodedRows) -> Answer<()> {
    Ok(wit::insert_all(table.into(), &wit_rows(rows))?)
}

pub(crate) fn insert_new(table: TableId, rows: EncodedRows) -> Answer<bool> {
    Ok(wit::insert_new(table.into(), &wit_rows(rows))?)
}

pub(crate) fn get(table: TableId, key: &[u8]) -> Answer<Option<Vec<u8>>> {
    Ok(wit::get(table.into(), key)?)
}

pub(crate) fn lookup(table: TableId, key: &[u8]) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::lookup(table.into(), key)?)
}

pub(crate) fn member(table: TableId, key: &[u8]) -> Answer<bool> {
    Ok(wit::member(table.into(), key)?)
}

pub(crate) fn lookup_element(table: TableId, key: &[u8], path: &[u8]) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::lookup_element(table.into(), key, path)?)
}

pub(crate) fn delete(table: TableId, key: &[u8]) -> Answer<()> {
    Ok(wit::delete(table.into(), key)?)
}

pub(crate) fn delete_object(table: TableId, key: &[u8], value: &[u8]) -> Answer<()> {
    Ok(wit::delete_object(table.into(), key, value)?)
}

pub(crate) fn take(table: TableId, key: &[u8]) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::take(table.into(), key)?)
}

pub(crate) fn clear(table: TableId) -> Answer<()> {
    Ok(wit::clear(table.into())?)
}

pub(crate) fn compare_and_swap(table: TableId, key: &[u8], expected: &[u8], new: &[u8]) -> Answer<bool> {
    Ok(wit::compare_and_swap(table.into(), key, expected, new)?)
}

pub(crate) fn add(table: TableId, key: &[u8], path: &[u8], increment: i64) -> Answer<i64> {
    Ok(wit::add(table.into(), key, path, increment)?)
}

pub(crate) fn update_counter(
    table: TableId,
    key: &[u8],
    updates: &[CounterUpdate],
    default: Option<&[u8]>,
) -> Answer<Vec<Vec<u8>>> {
    let wit_update = |update: &CounterUpdate| {
        let path = encode::<[Term]>(&update.path)?;
        Ok(wit::CounterUpdate { path, increment: update.increment, threshold: update.threshold })
    };
    let updates: Vec<wit::CounterUpdate> = updates.iter().map(wit_update).collect::<Answer<_>>()?;
    Ok(wit::update_counter(table.into(), key, &updates, default)?)
}

pub(crate) fn update_element(table: TableId, key: &[u8], path: Vec<u8>, value: Vec<u8>) -> Answer<bool> {
    Ok(wit::update_element(table.into(), key, &[wit::ElementUpdate { path, value }], None)?)
}

pub(crate) fn first(table: TableId) -> Answer<Option<Vec<u8>>> {
    Ok(wit::first(table.into())?)
}

pub(crate) fn last(table: TableId) -> Answer<Option<Vec<u8>>> {
    Ok(wit::last(table.into())?)
}

pub(crate) fn next(table: TableId, key: &[u8]) -> Answer<Option<Vec<u8>>> {
    Ok(wit::next(table.into(), key)?)
}

pub(crate) fn previous(table: TableId, key: &[u8]) -> Answer<Option<Vec<u8>>> {
    Ok(wit::previous(table.into(), key)?)
}

pub(crate) fn fix(table: TableId) -> Answer<()> {
    Ok(wit::fix(table.into())?)
}

pub(crate) fn unfix(table: TableId) {
    wit::unfix(table.into());
}

#[expect(clippy::type_complexity, reason = "what was found, and where to go on")]
pub(crate) fn select(
    table: TableId,
    spec: &[u8],
    limit: u64,
    from: Option<&[u8]>,
) -> Answer<(Vec<Vec<u8>>, Option<Vec<u8>>)> {
    let selection = wit::select(table.into(), spec, limit, from)?;
    Ok((selection.results, selection.continuation))
}

pub(crate) fn select_count(table: TableId, spec: &[u8]) -> Answer<u64> {
    Ok(wit::select_count(table.into(), spec)?)
}

pub(crate) fn select_delete(table: TableId, spec: &[u8]) -> Answer<u64> {
    Ok(wit::select_delete(table.into(), spec)?)
}

pub(crate) fn select_replace(table: TableId, spec: &[u8]) -> Answer<u64> {
    Ok(wit::select_replace(table.into(), spec)?)
}

impl From<TableId> for wit::TableId {
    fn from(id: TableId) -> Self {
        Self { slot: id.slot, nonce: id.nonce }
    }
}

impl From<wit::TableId> for TableId {
    fn from(id: wit::TableId) -> Self {
        Self { slot: id.slot, nonce: id.nonce }
    }
}

impl From<Kind> for wit::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Set => Self::Set,
            Kind::OrderedSet => Self::OrderedSet,
            Kind::Bag => Self::Bag,
            Kind::DuplicateBag => Self::DuplicateBag,
        }
    }
}

impl From<wit::Kind> for Kind {
    fn from(kind: wit::Kind) -> Self {
        match kind {
            wit::Kind::Set => Self::Set,
            wit::Kind::OrderedSet => Self::OrderedSet,
            wit::Kind::Bag => Self::Bag,
            wit::Kind::DuplicateBag => Self::DuplicateBag,
        }
    }
}

impl From<Access> for wit::Access {
    fn from(access: Access) -> Self {
        match access {
            Access::Public => Self::Public,
            Access::Protected => Self::Protected,
            Access::Private => Self::Private,
        }
    }
}

impl From<wit::Access> for Access {
    fn from(access: wit::Access) -> Self {
        match access {
            wit::Access::Public => Self::Public,
            wit::Access::Protected => Self::Protected,
            wit::Access::Private => Self::Private,
        }
    }
}

impl From<wit::TableError> for TableError {
    fn from(error: wit::TableError) -> Self {
        match error {
            wit::TableError::NoTable => Self::NoTable,
            wit::TableError::NotOwner(access) => Self::NotOwner(access.into()),
            wit::TableError::NameTaken => Self::NameTaken,
            wit::TableError::BadName => Self::BadName,
            wit::TableError::NotNamed => Self::NotNamed,
            wit::TableError::NoKey => Self::NoKey,
            wit::TableError::NoElement => Self::NoElement,
            wit::TableError::NotAnInteger => Self::NotAnInteger,
            wit::TableError::WrongKind => Self::WrongKind,
            wit::TableError::BadTerm(why) => Self::BadTerm(why),
            wit::TableError::KeyTooLong(len) => Self::KeyTooLong(len),
            wit::TableError::BadMatchSpec(why) => Self::BadMatchSpec(why),
            wit::TableError::BadContinuation => Self::BadContinuation,
            wit::TableError::Noproc => Self::NoProc,
            wit::TableError::OwnAlready => Self::OwnAlready,
            wit::TableError::Limit(limit) => Self::Limit(limit.into()),
            wit::TableError::Denied(why) => Self::Denied(why),
        }
    }
}
