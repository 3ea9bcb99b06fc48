//! Tables off wasm: those of `regrow-otp`.

use bytes::Bytes;
use regrow_otp as otp;
use regrow_term::{MatchSpec, Matcher, Term, decode, encode};

use crate::pid::Pid;
use crate::sys::native::current;
use crate::table::{Access, CounterUpdate, EncodedRows, Kind, TableError, TableId, TableInfo, TableOptions};

type Answer<T> = Result<T, TableError>;

fn with<T>(
    table: TableId,
    does: impl FnOnce(&otp::TableHandle<'_>) -> Result<T, otp::TableError>,
) -> Answer<T> {
    let context = current().context;
    let done = context.table(table.into()).and_then(|table| does(&table));
    done.map_err(Into::into)
}

fn otp_heir(heir: Option<(Pid, Vec<u8>)>) -> Option<otp::Heir> {
    heir.map(|(pid, data)| otp::Heir { pid: pid.into(), data: Bytes::from(data) })
}

pub(crate) fn create(options: TableOptions) -> Answer<TableId> {
    let TableOptions { name, kind, access, heir } = options;
    let heir = otp_heir(heir);
    let options = otp::TableOptions { name, kind: kind.into(), access: access.into(), heir, is_kept: false };
    Ok(current().context.create_table(options)?.into())
}

pub(crate) fn whereis(name: &str) -> Option<TableId> {
    current().context.runtime().table_named(name).map(Into::into)
}

pub(crate) fn delete_table(table: TableId) -> Answer<()> {
    with(table, |table| table.delete_table())
}

pub(crate) fn info(table: TableId) -> Answer<TableInfo> {
    let info = with(table, |table| table.info())?;
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
    with(table, |table| table.rename(name))
}

pub(crate) fn set_access(table: TableId, access: Access) -> Answer<()> {
    with(table, |table| table.set_access(access.into()))
}

pub(crate) fn set_heir(table: TableId, heir: Option<(Pid, Vec<u8>)>) -> Answer<()> {
    with(table, |table| table.set_heir(otp_heir(heir)))
}

pub(crate) fn give_away(table: TableId, to: Pid, data: Vec<u8>) -> Answer<()> {
    with(table, |table| table.give_away(to.into(), &data))
}

pub(crate) fn insert(table: TableId, key: &[u8], value: &[u8]) -> Answer<()> {
    with(table, |table| table.insert(&[(key, value)]))
}

fn borrowed(rows: &[(Vec<u8>, Vec<u8>)]) -> Vec<(&[u8], &[u8])> {
    rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect()
}

pub(crate) fn insert_all(table: TableId, rows: EncodedRows) -> Answer<()> {
    with(table, |table| table.insert(&borrowed(&rows)))
}

pub(crate) fn insert_new(table: TableId, rows: EncodedRows) -> Answer<bool> {
    with(table, |table| table.insert_new(&borrowed(&rows)))
}

fn values(rows: &[otp::Row]) -> Vec<Vec<u8>> {
    rows.iter().map(|row| row.value().to_vec()).collect()
}

pub(crate) fn get(table: TableId, key: &[u8]) -> Answer<Option<Vec<u8>>> {
    with(table, |table| Ok(table.get(key)?.map(|row| row.value().to_vec())))
}

pub(crate) fn lookup(table: TableId, key: &[u8]) -> Answer<Vec<Vec<u8>>> {
    with(table, |table| Ok(values(&table.lookup(key)?)))
}

pub(crate) fn member(table: TableId, key: &[u8]) -> Answer<bool> {
    with(table, |table| table.member(key))
}

pub(crate) fn lookup_element(table: TableId, key: &[u8], path: &[u8]) -> Answer<Vec<Vec<u8>>> {
    with(table, |table| table.lookup_element(key, path))
}

pub(crate) fn delete(table: TableId, key: &[u8]) -> Answer<()> {
    with(table, |table| table.delete(key))
}

pub(crate) fn delete_object(table: TableId, key: &[u8], value: &[u8]) -> Answer<()> {
    with(table, |table| table.delete_object(key, value))
}

pub(crate) fn take(table: TableId, key: &[u8]) -> Answer<Vec<Vec<u8>>> {
    with(table, |table| Ok(values(&table.take(key)?)))
}

pub(crate) fn clear(table: TableId) -> Answer<()> {
    with(table, |table| table.clear())
}

pub(crate) fn compare_and_swap(table: TableId, key: &[u8], expected: &[u8], new: &[u8]) -> Answer<bool> {
    with(table, |table| table.compare_and_swap(key, expected, new))
}

pub(crate) fn add(table: TableId, key: &[u8], path: &[u8], increment: i64) -> Answer<i64> {
    let path: Vec<Term> = decode(path)?;
    with(table, |table| table.add(key, path, increment))
}

pub(crate) fn update_counter(
    table: TableId,
    key: &[u8],
    updates: &[CounterUpdate],
    default: Option<&[u8]>,
) -> Answer<Vec<Vec<u8>>> {
    let update = |update: &CounterUpdate| otp::CounterUpdate {
        path: update.path.clone(),
        increment: update.increment,
        threshold: update.threshold,
    };
    let updates: Vec<otp::CounterUpdate> = updates.iter().map(update).collect();
    let sums = with(table, |table| table.update_counter(key, &updates, default))?;
    sums.into_iter().map(|sum| encode(&Term::Integer(sum)).map_err(Into::into)).collect()
}

pub(crate) fn update_element(table: TableId, key: &[u8], path: Vec<u8>, value: Vec<u8>) -> Answer<bool> {
    let update = otp::ElementUpdate { path: decode(&path)?, value };
    with(table, |table| table.update_element(key, &[update], None))
}

pub(crate) fn first(table: TableId) -> Answer<Option<Vec<u8>>> {
    with(table, |table| table.first())
}

pub(crate) fn last(table: TableId) -> Answer<Option<Vec<u8>>> {
    with(table, |table| table.last())
}

pub(crate) fn next(table: TableId, key: &[u8]) -> Answer<Option<Vec<u8>>> {
    with(table, |table| table.next(key))
}

pub(crate) fn previous(table: TableId, key: &[u8]) -> Answer<Option<Vec<u8>>> {
    with(table, |table| table.previous(key))
}

pub(crate) fn fix(table: TableId) -> Answer<()> {
    with(table, |table| table.fix())
}

pub(crate) fn unfix(table: TableId) {
    current().context.unfix_table(table.into());
}

fn scan(
    table: TableId,
    spec: &[u8],
    action: otp::ScanAction,
    limit: u64,
    cursor: &mut otp::Cursor,
) -> Answer<otp::Scanned> {
    let spec: MatchSpec = decode(spec)?;
    let matcher = Matcher::new(&spec).map_err(otp::TableError::from)?;
    let matches = usize::try_from(limit).unwrap_or(usize::MAX);
    let piece = otp::Scan { rows: usize::MAX, matches, result_bytes: usize::MAX };
    with(table, |table| table.scan(&matcher, action, cursor, piece))
}

#[expect(clippy::type_complexity, reason = "what was found, and where to go on")]
pub(crate) fn select(
    table: TableId,
    spec: &[u8],
    limit: u64,
    from: Option<&[u8]>,
) -> Answer<(Vec<Vec<u8>>, Option<Vec<u8>>)> {
    let mut cursor = from.map_or(Ok(otp::Cursor::begin()), otp::Cursor::from_bytes)?;
    let scanned = scan(table, spec, otp::ScanAction::Select, limit, &mut cursor)?;
    Ok((scanned.results, (!cursor.is_at_end()).then(|| cursor.to_bytes())))
}

fn scan_all(table: TableId, spec: &[u8], action: otp::ScanAction) -> Answer<u64> {
    let mut cursor = otp::Cursor::begin();
    let mut matches = 0;
    fix(table)?;
    while !cursor.is_at_end() {
        match scan(table, spec, action, u64::MAX, &mut cursor) {
            Ok(scanned) => matches += scanned.matches as u64,
            Err(error) => {
                unfix(table);
                return Err(error);
            }
        }
    }
    unfix(table);
    Ok(matches)
}

pub(crate) fn select_count(table: TableId, spec: &[u8]) -> Answer<u64> {
    scan_all(table, spec, otp::ScanAction::Count)
}

pub(crate) fn select_delete(table: TableId, spec: &[u8]) -> Answer<u64> {
    scan_all(table, spec, otp::ScanAction::Delete)
}

pub(crate) fn select_replace(table: TableId, spec: &[u8]) -> Answer<u64> {
    scan_all(table, spec, otp::ScanAction::Replace)
}

impl From<TableId> for otp::TableId {
    fn from(id: TableId) -> Self {
        Self { slot: id.slot, nonce: id.nonce }
    }
}

impl From<otp::TableId> for TableId {
    fn from(id: otp::TableId) -> Self {
        Self { slot: id.slot, nonce: id.nonce }
    }
}

impl From<Kind> for otp::TableKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Set => Self::Set,
            Kind::OrderedSet => Self::OrderedSet,
            Kind::Bag => Self::Bag,
            Kind::DuplicateBag => Self::DuplicateBag,
        }
    }
}

impl From<otp::TableKind> for Kind {
    fn from(kind: otp::TableKind) -> Self {
        match kind {
            otp::TableKind::Set => Self::Set,
            otp::TableKind::OrderedSet => Self::OrderedSet,
            otp::TableKind::Bag => Self::Bag,
            otp::TableKind::DuplicateBag => Self::DuplicateBag,
        }
    }
}

impl From<Access> for otp::Access {
    fn from(access: Access) -> Self {
        match access {
            Access::Public => Self::Public,
            Access::Protected => Self::Protected,
            Access::Private => Self::Private,
        }
    }
}

impl From<otp::Access> for Access {
    fn from(access: otp::Access) -> Self {
        match access {
            otp::Access::Public => Self::Public,
            otp::Access::Protected => Self::Protected,
            otp::Access::Private => Self::Private,
        }
    }
}

impl From<otp::TableError> for TableError {
    fn from(error: otp::TableError) -> Self {
        match error {
            otp::TableError::NoTable => Self::NoTable,
            otp::TableError::NotOwner(access) => Self::NotOwner(access.into()),
            otp::TableError::NameTaken => Self::NameTaken,
            otp::TableError::BadName => Self::BadName,
            otp::TableError::NotNamed => Self::NotNamed,
            otp::TableError::NoKey => Self::NoKey,
            otp::TableError::NoElement => Self::NoElement,
            otp::TableError::NotAnInteger => Self::NotAnInteger,
            otp::TableError::WrongKind => Self::WrongKind,
            otp::TableError::BadTerm(why) => Self::BadTerm(why),
            otp::TableError::KeyTooLong(len) => Self::KeyTooLong(len as u64),
            otp::TableError::BadMatchSpec(why) => Self::BadMatchSpec(why),
            otp::TableError::BadContinuation => Self::BadContinuation,
            otp::TableError::NoProc => Self::NoProc,
            otp::TableError::OwnAlready => Self::OwnAlready,
            otp::TableError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
