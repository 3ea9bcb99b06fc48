//! `regrow:otp/table`

mod convert;

use bytes::Bytes;
use regrow_otp::{
    Context, CounterUpdate, Cursor, ElementUpdate, LimitExceeded, LimitKind, MAX_CHANGED_BYTES, MAX_CHANGES,
    Pid, Row, Scan, ScanAction, TableError, TableHandle, TableId, TableOptions,
};
use regrow_term::{MatchSpec, Matcher, Term, canonical, decode, encode};

use crate::engine::bindings::regrow::otp::table as wit;
use crate::engine::bindings::regrow::otp::table::Host;
use crate::engine::bindings::regrow::otp::types;
use crate::engine::host::authority::good;
use crate::engine::state::GuestState;

type Answer<T> = Result<T, wit::TableError>;

/// Rows that are looked at before others have their turn.
const ROWS_AT_ONCE: usize = 128;

/// The largest match specification, in bytes.
pub(super) const MAX_SPEC_BYTES: usize = 64 << 10;

/// The longest path into a value, in bytes.
const MAX_PATH_BYTES: usize = 4 << 10;

/// Rows that are put in at once, at most: meanwhile nobody else has a turn.
const MAX_ROWS_AT_ONCE: usize = 10_000;

/// What it takes to look at a row, as bytes that are moved.
const ROW_COST: usize = 512;

/// What it takes to pass a place on the way to a row, likewise; a few of them are in the price of a call.
const PLACE_COST: usize = 32;
const FEW_PLACES: usize = 16;

/// What it takes to drop marks, likewise.
const UNFIX_COST: usize = 4_096;

/// A table that is fixed while somebody goes through it.
struct Fixed {
    context: Context,
    table: TableId,
}

impl Fixed {
    fn new(context: &Context, table: TableId) -> Result<Self, TableError> {
        context.table(table)?.fix()?;
        Ok(Self { context: context.clone(), table })
    }
}

impl Drop for Fixed {
    fn drop(&mut self) {
        self.context.unfix_table(self.table);
    }
}

fn values(context: &Context, rows: &[Row]) -> Answer<Vec<Vec<u8>>> {
    let bytes: usize = rows.iter().map(|row| row.value().len()).sum();
    let (allowed, requested) = (context.limits().message_bytes, bytes as u64);
    // One row was small enough to be put in.
    if rows.len() > 1 && requested > allowed {
        let limit = LimitKind::MessageBytes;
        return Err(TableError::Limit(LimitExceeded { limit, allowed, requested }).into());
    }
    Ok(rows.iter().map(|row| row.value().to_vec()).collect())
}

fn len_of(values: &Answer<Vec<Vec<u8>>>) -> usize {
    values.as_ref().map_or(0, |values| values.iter().map(Vec::len).sum())
}

/// The steps of a path.
fn steps(path: &[u8]) -> Result<Vec<Term>, TableError> {
    if path.len() > MAX_PATH_BYTES {
        return Err(TableError::BadTerm(format!("a path has at most {MAX_PATH_BYTES} bytes")));
    }
    // Checked first: what is nested deeply is not decoded.
    let path = canonical(path).map_err(|error| TableError::BadTerm(error.to_string()))?;
    match decode(&path) {
        Ok(Term::List(steps)) => Ok(steps),
        _ => Err(TableError::BadTerm("a path is a list of steps".to_owned())),
    }
}

pub(super) fn matcher(spec: &[u8]) -> Result<Matcher, TableError> {
    if spec.len() > MAX_SPEC_BYTES {
        return Err(TableError::BadMatchSpec(format!("it has more than {MAX_SPEC_BYTES} bytes")));
    }
    let spec = canonical(spec).map_err(|error| TableError::BadMatchSpec(error.to_string()))?;
    let spec: MatchSpec = decode(&spec).map_err(|error| TableError::BadMatchSpec(error.to_string()))?;
    Ok(Matcher::new(&spec)?)
}

fn check_changes(changes: usize) -> Result<(), TableError> {
    if changes <= MAX_CHANGES {
        return Ok(());
    }
    Err(TableError::BadTerm(format!("no more than {MAX_CHANGES} changes are made at once, not {changes}")))
}

fn checked_rows(context: &Context, rows: &[wit::Row]) -> Result<(), TableError> {
    if rows.len() > MAX_ROWS_AT_ONCE {
        let why = format!("no more than {MAX_ROWS_AT_ONCE} rows are put in at once, not {}", rows.len());
        return Err(TableError::BadTerm(why));
    }
    rows.iter().try_for_each(|row| context.check_message_bytes(row.value.len()).map_err(TableError::Limit))
}

fn borrowed(rows: &[wit::Row]) -> Vec<(&[u8], &[u8])> {
    rows.iter().map(|row| (row.key.as_slice(), row.value.as_slice())).collect()
}

impl GuestState {
    /// Charges a call that moves so many bytes, and does something to a table.
    async fn with_table<T>(
        &mut self,
        bytes: usize,
        table: wit::TableId,
        does: impl FnOnce(&TableHandle<'_>) -> Result<T, TableError>,
    ) -> wasmtime::Result<Answer<T>> {
        self.charged(bytes).await?;
        let mut passed = 0;
        let done = self.known_table(table.into())?.and_then(|table| {
            let done = does(&table);
            passed = table.places_passed();
            done
        });
        if passed > FEW_PLACES {
            self.charge_moved(passed.saturating_mul(PLACE_COST)).await;
        }
        Ok(done.map_err(Into::into))
    }

    /// Whether the guest may make, find or rename a table of that name.
    fn may_name_table(&self, name: &str) -> wasmtime::Result<Answer<()>> {
        if self.owner()?.grants.tables.iter().any(|pattern| pattern.matches(name)) {
            return Ok(Ok(()));
        }
        self.denied("tables", name);
        Ok(Err(wit::TableError::Denied(format!("tables: {name:?} is not among the grants"))))
    }

    /// Whether the guest may make somebody the owner of what is its own.
    fn may_burden(&self, pid: types::Pid) -> wasmtime::Result<Answer<Pid>> {
        let pid: Pid = pid.into();
        Ok(match self.may_signal(pid)? {
            Ok(()) => Ok(pid),
            Err(types::Error::Denied(why)) => Err(wit::TableError::Denied(why)),
            Err(_) => Err(wit::TableError::Noproc),
        })
    }

    fn checked_heir(&self, heir: Option<wit::Heir>) -> wasmtime::Result<Answer<Option<regrow_otp::Heir>>> {
        let Some(heir) = heir else { return Ok(Ok(None)) };
        let pid = good!(self.may_burden(heir.pid)?);
        good!(self.context()?.check_message_bytes(heir.data.len()).map_err(TableError::Limit));
        Ok(Ok(Some(regrow_otp::Heir { pid, data: Bytes::from(heir.data) })))
    }

    /// Goes through a table, and lets others run meanwhile.
    async fn scan_table(
        &mut self,
        table: wit::TableId,
        spec: &[u8],
        action: ScanAction,
        limit: usize,
        cursor: &mut Cursor,
    ) -> wasmtime::Result<Result<(Vec<Vec<u8>>, u64), TableError>> {
        let context = self.charge(spec.len() + cursor.weight()).await?;
        let id = table.into();
        let (mut results, mut matches, mut bytes) = (Vec::new(), 0, 0);
        let matcher = good!(matcher(spec));
        let _fixed = good!(Fixed::new(&context, id));
        // The larger the specification, the fewer rows at a time.
        let rows = (ROWS_AT_ONCE * ROW_COST / (ROW_COST + spec.len())).max(1);
        let most_bytes = usize::try_from(context.limits().message_bytes).unwrap_or(usize::MAX);
        while !cursor.is_at_end() && matches < limit && bytes < most_bytes {
            let piece = Scan { rows, matches: limit - matches, result_bytes: most_bytes - bytes };
            let scanned =
                good!(context.table(id).and_then(|table| table.scan(&matcher, action, cursor, piece)));
            matches += scanned.matches;
            bytes += scanned.results.iter().map(Vec::len).sum::<usize>();
            results.extend(scanned.results);
            // What it takes grows with the specification, too.
            let cost = scanned.bytes
                + scanned.work
                + scanned.places * PLACE_COST
                + scanned.rows.saturating_mul(ROW_COST + spec.len());
            self.charged(cost).await?;
        }
        Ok(Ok((results, matches as u64)))
    }

    async fn scan_whole_table(
        &mut self,
        table: wit::TableId,
        spec: &[u8],
        action: ScanAction,
    ) -> wasmtime::Result<Answer<u64>> {
        let scanned = self.scan_table(table, spec, action, usize::MAX, &mut Cursor::begin()).await?;
        Ok(scanned.map(|(_, matches)| matches).map_err(Into::into))
    }
}

impl Host for GuestState {
    async fn create(&mut self, options: wit::Options) -> wasmtime::Result<Answer<wit::TableId>> {
        let heir_len = options.heir.as_ref().map_or(0, |heir| heir.data.len());
        let context = self.charge(heir_len + options.name.as_ref().map_or(0, String::len)).await?;
        if let Some(name) = &options.name {
            good!(self.may_name_table(name)?);
        }
        let heir = good!(self.checked_heir(options.heir)?);
        let wit::Options { name, kind, access, .. } = options;
        let (kind, access) = (kind.into(), access.into());
        let options = TableOptions { name, kind, access, heir, is_kept: false };
        Ok(context.create_table(options).map(Into::into).map_err(Into::into))
    }

    async fn whereis(&mut self, name: String) -> wasmtime::Result<Option<wit::TableId>> {
        let context = self.charge(name.len()).await?;
        if self.may_name_table(&name)?.is_err() {
            return Ok(None);
        }
        Ok(context.runtime().table_named(&name).map(Into::into))
    }

    async fn delete_table(&mut self, table: wit::TableId) -> wasmtime::Result<Answer<()>> {
        self.with_table(0, table, |table| table.delete_table()).await
    }

    async fn info(&mut self, table: wit::TableId) -> wasmtime::Result<Answer<wit::TableInfo>> {
        let info = self.with_table(0, table, |table| table.info()).await?;
        Ok(info.map(|info| wit::TableInfo {
            name: info.name,
            kind: info.kind.into(),
            access: info.access.into(),
            owner: info.owner.into(),
            heir: info.heir.map(Into::into),
            rows: info.rows,
            memory_bytes: info.memory_bytes,
            fixed: info.fixed,
        }))
    }

    async fn rename(&mut self, table: wit::TableId, name: String) -> wasmtime::Result<Answer<()>> {
        good!(self.may_name_table(&name)?);
        self.with_table(name.len(), table, |table| table.rename(&name)).await
    }

    async fn set_access(&mut self, table: wit::TableId, access: wit::Access) -> wasmtime::Result<Answer<()>> {
        self.with_table(0, table, |table| table.set_access(access.into())).await
    }

    async fn set_heir(
        &mut self,
        table: wit::TableId,
        heir: Option<wit::Heir>,
    ) -> wasmtime::Result<Answer<()>> {
        let bytes = heir.as_ref().map_or(0, |heir| heir.data.len());
        let heir = good!(self.checked_heir(heir)?);
        self.with_table(bytes, table, |table| table.set_heir(heir)).await
    }

    async fn give_away(
        &mut self,
        table: wit::TableId,
        to: types::Pid,
        data: Vec<u8>,
    ) -> wasmtime::Result<Answer<()>> {
        let to = good!(self.may_burden(to)?);
        good!(self.context()?.check_message_bytes(data.len()).map_err(TableError::Limit));
        self.with_table(data.len(), table, |table| table.give_away(to, &data)).await
    }

    async fn insert(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Answer<()>> {
        let context = self.charged(key.len() + value.len()).await?;
        good!(context.check_message_bytes(value.len()).map_err(TableError::Limit));
        let inserted = self.known_table(table.into())?.and_then(|table| table.insert(&[(&key, &value)]));
        Ok(inserted.map_err(Into::into))
    }

    async fn insert_all(&mut self, table: wit::TableId, rows: Vec<wit::Row>) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(rows_len(&rows)).await?;
        good!(checked_rows(&context, &rows));
        self.with_table(0, table, |table| table.insert(&borrowed(&rows))).await
    }

    async fn insert_new(
        &mut self,
        table: wit::TableId,
        rows: Vec<wit::Row>,
    ) -> wasmtime::Result<Answer<bool>> {
        let context = self.charge(rows_len(&rows)).await?;
        good!(checked_rows(&context, &rows));
        self.with_table(0, table, |table| table.insert_new(&borrowed(&rows))).await
    }

    async fn get(&mut self, table: wit::TableId, key: Vec<u8>) -> wasmtime::Result<Answer<Option<Vec<u8>>>> {
        let value = self.with_table(key.len(), table, |table| table.get_value(&key)).await?;
        if let Ok(Some(value)) = &value {
            self.charge_moved(value.len()).await;
        }
        Ok(value)
    }

    async fn lookup(&mut self, table: wit::TableId, key: Vec<u8>) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        let context = self.charge(key.len()).await?;
        let rows = good!(context.table(table.into()).and_then(|table| table.lookup(&key)));
        let found = values(&context, &rows);
        self.charge_moved(len_of(&found)).await;
        Ok(found)
    }

    async fn member(&mut self, table: wit::TableId, key: Vec<u8>) -> wasmtime::Result<Answer<bool>> {
        self.with_table(key.len(), table, |table| table.member(&key)).await
    }

    async fn lookup_element(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        path: Vec<u8>,
    ) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        let bytes = key.len() + path.len();
        let found = self.with_table(bytes, table, |table| table.lookup_element(&key, &path)).await?;
        self.charge_moved(len_of(&found)).await;
        Ok(found)
    }

    async fn delete(&mut self, table: wit::TableId, key: Vec<u8>) -> wasmtime::Result<Answer<()>> {
        self.with_table(key.len(), table, |table| table.delete(&key)).await
    }

    async fn delete_object(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Answer<()>> {
        let bytes = key.len() + value.len();
        self.with_table(bytes, table, |table| table.delete_object(&key, &value)).await
    }

    async fn take(&mut self, table: wit::TableId, key: Vec<u8>) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        let context = self.charge(key.len()).await?;
        let at_most = context.limits().message_bytes;
        let rows = context.table(table.into()).and_then(|table| table.take_at_most(&key, at_most));
        let taken = values(&context, &good!(rows));
        self.charge_moved(len_of(&taken)).await;
        Ok(taken)
    }

    async fn clear(&mut self, table: wit::TableId) -> wasmtime::Result<Answer<()>> {
        self.with_table(0, table, |table| table.clear()).await
    }

    async fn compare_and_swap(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        expected: Vec<u8>,
        new: Vec<u8>,
    ) -> wasmtime::Result<Answer<bool>> {
        good!(self.context()?.check_message_bytes(new.len()).map_err(TableError::Limit));
        let bytes = key.len() + expected.len() + new.len();
        self.with_table(bytes, table, |table| table.compare_and_swap(&key, &expected, &new)).await
    }

    async fn add(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        path: Vec<u8>,
        increment: i64,
    ) -> wasmtime::Result<Answer<i64>> {
        let counted =
            self.with_table(key.len() + path.len(), table, |table| table.add(&key, steps(&path)?, increment));
        counted.await
    }

    async fn update_counter(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        updates: Vec<wit::CounterUpdate>,
        default: Option<Vec<u8>>,
    ) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        good!(check_changes(updates.len()));
        let paths: usize = updates.iter().map(|update| update.path.len() + ROW_COST).sum();
        let default_len = default.as_ref().map_or(0, Vec::len);
        good!(self.context()?.check_message_bytes(default_len).map_err(TableError::Limit));
        let counted = self.with_table(key.len() + paths + default_len, table, |table| {
            let update = |update: &wit::CounterUpdate| {
                let path = steps(&update.path)?;
                Ok(CounterUpdate { path, increment: update.increment, threshold: update.threshold })
            };
            let updates: Vec<CounterUpdate> =
                updates.iter().map(update).collect::<Result<_, TableError>>()?;
            table.update_counter(&key, &updates, default.as_deref())
        });
        let sums = |sums: Vec<i128>| {
            sums.into_iter().map(|sum| encode(&Term::Integer(sum)).unwrap_or_default()).collect()
        };
        Ok(counted.await?.map(sums))
    }

    async fn update_element(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
        updates: Vec<wit::ElementUpdate>,
        default: Option<Vec<u8>>,
    ) -> wasmtime::Result<Answer<bool>> {
        good!(check_changes(updates.len()));
        let default_len = default.as_ref().map_or(0, Vec::len);
        let given: usize = updates.iter().map(|update| update.value.len()).sum();
        if given > MAX_CHANGED_BYTES {
            let why = format!("no more than {MAX_CHANGED_BYTES} bytes of a value are changed");
            return Ok(Err(TableError::BadTerm(why).into()));
        }
        good!(self.context()?.check_message_bytes(default_len).map_err(TableError::Limit));
        let paths: usize = updates.iter().map(|update| update.path.len() + ROW_COST).sum();
        self.with_table(key.len() + paths + given + default_len, table, |table| {
            let update = |update: wit::ElementUpdate| {
                Ok(ElementUpdate { path: steps(&update.path)?, value: update.value })
            };
            let updates: Vec<_> = updates.into_iter().map(update).collect::<Result<_, TableError>>()?;
            table.update_element(&key, &updates, default.as_deref())
        })
        .await
    }

    async fn first(&mut self, table: wit::TableId) -> wasmtime::Result<Answer<Option<Vec<u8>>>> {
        self.with_table(0, table, |table| table.first()).await
    }

    async fn last(&mut self, table: wit::TableId) -> wasmtime::Result<Answer<Option<Vec<u8>>>> {
        self.with_table(0, table, |table| table.last()).await
    }

    async fn next(&mut self, table: wit::TableId, key: Vec<u8>) -> wasmtime::Result<Answer<Option<Vec<u8>>>> {
        self.with_table(key.len(), table, |table| table.next(&key)).await
    }

    async fn previous(
        &mut self,
        table: wit::TableId,
        key: Vec<u8>,
    ) -> wasmtime::Result<Answer<Option<Vec<u8>>>> {
        self.with_table(key.len(), table, |table| table.previous(&key)).await
    }

    async fn fix(&mut self, table: wit::TableId) -> wasmtime::Result<Answer<()>> {
        self.with_table(0, table, |table| table.fix()).await
    }

    async fn unfix(&mut self, table: wit::TableId) -> wasmtime::Result<()> {
        self.charged(UNFIX_COST).await?.unfix_table(table.into());
        Ok(())
    }

    async fn select(
        &mut self,
        table: wit::TableId,
        match_spec: Vec<u8>,
        limit: u64,
        continuation: Option<Vec<u8>>,
    ) -> wasmtime::Result<Answer<wit::Selection>> {
        let cursor = continuation.as_deref().map_or(Ok(Cursor::begin()), Cursor::from_bytes);
        let mut cursor = good!(cursor);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let scanned = self.scan_table(table, &match_spec, ScanAction::Select, limit, &mut cursor).await?;
        Ok(match scanned {
            Err(error) => Err(error.into()),
            Ok((results, _)) => {
                let continuation = (!cursor.is_at_end()).then(|| cursor.to_bytes());
                Ok(wit::Selection { results, continuation })
            }
        })
    }

    async fn select_count(
        &mut self,
        table: wit::TableId,
        match_spec: Vec<u8>,
    ) -> wasmtime::Result<Answer<u64>> {
        self.scan_whole_table(table, &match_spec, ScanAction::Count).await
    }

    async fn select_delete(
        &mut self,
        table: wit::TableId,
        match_spec: Vec<u8>,
    ) -> wasmtime::Result<Answer<u64>> {
        self.scan_whole_table(table, &match_spec, ScanAction::Delete).await
    }

    async fn select_replace(
        &mut self,
        table: wit::TableId,
        match_spec: Vec<u8>,
    ) -> wasmtime::Result<Answer<u64>> {
        self.scan_whole_table(table, &match_spec, ScanAction::Replace).await
    }
}

/// What rows bring: their bytes, and what it takes to put each of them in.
fn rows_len(rows: &[wit::Row]) -> usize {
    rows.iter().map(|row| row.key.len() + row.value.len() + ROW_COST).sum()
}
