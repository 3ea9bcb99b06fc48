//! What has ended, and is too much to be dropped at once.

use crate::exit_reason::ExitReason;
use crate::process::{ProcessKind, SpawnOptions, yield_now};
use crate::registry::Part;
use crate::runtime::Runtime;
use crate::table::Shard;

/// Rows of tables and entries of registries that nobody finds any more.
#[derive(Default)]
pub(crate) struct Garbage {
    pub(crate) rows: Vec<Shard>,
    pub(crate) entries: Vec<Part>,
}

impl Garbage {
    fn len(&self) -> usize {
        self.rows.iter().map(Shard::places).chain(self.entries.iter().map(Part::len)).sum()
    }
}

impl From<Vec<Shard>> for Garbage {
    fn from(rows: Vec<Shard>) -> Self {
        Self { rows, ..Self::default() }
    }
}

impl Runtime {
    /// Drops it: much of it in a process of its own, so that nobody waits for that.
    pub(crate) fn reap(&self, garbage: Garbage) {
        const AT_ONCE: usize = 1_000;
        if garbage.len() <= AT_ONCE {
            return;
        }
        let options = SpawnOptions {
            kind: ProcessKind::Native,
            entry: Some("garbage".into()),
            ..SpawnOptions::default()
        };
        let reaper = |_| async move {
            let Garbage { rows, entries } = garbage;
            for mut shard in rows {
                while shard.drop_some(AT_ONCE) > 0 {
                    yield_now().await;
                }
            }
            for mut part in entries {
                while part.drop_some(AT_ONCE) > 0 {
                    yield_now().await;
                }
            }
            ExitReason::Normal
        };
        // If there is no place for another process, it is dropped here.
        let _ = self.spawn(options, reaper);
    }
}
