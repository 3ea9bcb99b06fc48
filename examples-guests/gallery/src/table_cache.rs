//! A cache in a table: everybody reads it at once, without asking a process; its owner sweeps it.

use std::time::Duration;

use regrow_sdk::gen_server::Init;
use regrow_sdk::patterns::sleep;
use regrow_sdk::table::{Kind, MatchSpec, Pattern, Table, TableError, TableOptions, Variable};
use regrow_sdk::{ExitReason, server, timer};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Cached {
    value: String,
    /// Milliseconds of the node's clock.
    until: u64,
}

fn now() -> u64 {
    u64::try_from(timer::monotonic_time().as_millis()).unwrap_or(u64::MAX)
}

/// Owns the table, and so decides how long it lasts.
pub struct TableCache {
    table: Table<String, Cached>,
}

#[server]
impl TableCache {
    #[init]
    fn open() -> Init<Self> {
        match TableOptions::new(Kind::Set).named("gallery.cache").public().create() {
            Ok(table) => Init::Started(TableCache { table }),
            Err(error) => Init::Stop(error.into()),
        }
    }

    /// Forgets what is too old, in the host: no row comes here.
    #[call]
    fn sweep(&mut self) -> Result<u64, String> {
        let until = Variable(0);
        let too_old =
            MatchSpec::new().value(Pattern::fields([("until", until)])).when(until.bound().at_most(now()));
        self.table.select_delete(&too_old).map_err(|error| error.to_string())
    }
}

/// What anybody does.
fn put(key: &str, value: &str, ttl: Duration) -> Result<(), TableError> {
    let table = Table::find("gallery.cache").ok_or(TableError::NoTable)?;
    let until = now() + u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
    table.insert(&key.to_owned(), &Cached { value: value.to_owned(), until })
}

fn get(key: &str) -> Result<Option<String>, TableError> {
    let table: Table<String, Cached> = Table::find("gallery.cache").ok_or(TableError::NoTable)?;
    let found = table.get(&key.to_owned())?;
    Ok(found.filter(|cached| cached.until > now()).map(|cached| cached.value))
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let owner = TableCache::start_link()?;
    put("short", "lived", Duration::from_millis(500))?;
    put("long", "lived", Duration::from_secs(60))?;
    assert_eq!(get("short")?.as_deref(), Some("lived"));
    sleep(Duration::from_millis(600));
    assert_eq!(get("short")?, None, "too old, and not swept yet");
    assert_eq!(owner.sweep()?, Ok(1));
    assert_eq!(get("long")?.as_deref(), Some("lived"));
    // The table ends with its owner.
    owner.stop()?;
    assert_eq!(get("long"), Err(TableError::NoTable));
    log::info!("table cache: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn what_is_too_old_is_swept() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
