//! The `log` crate's records go to the host's log.

use alloc::string::ToString;

use log::{LevelFilter, Log, Metadata, Record};

use crate::sys;

struct HostLog;

impl Log for HostLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            sys::log_write(record.level(), record.target(), &record.args().to_string());
        }
    }

    fn flush(&self) {}
}

/// Installs the host's log, if the guest has not installed one of its own.
pub(crate) fn install() {
    let max_level: LevelFilter = sys::log_max_level();
    if log::set_logger(&HostLog).is_ok() {
        log::set_max_level(max_level);
    }
}
