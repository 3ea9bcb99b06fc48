//! The log as one guest process sees it.

use regrow_otp::Pid;

use crate::observe::logger::{Level, Logger};

/// The longest message, in bytes; what is longer is cut.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The longest target, in bytes.
const MAX_TARGET_BYTES: usize = 128;

/// Writes a process's events to the log, under its name.
pub struct GuestLog {
    logger: Logger,
    source: String,
}

impl GuestLog {
    /// The log of a process.
    pub fn new(logger: Logger, pid: Pid, name: String) -> Self {
        Self { logger, source: format!("{name} {pid}") }
    }

    /// A log that keeps nothing.
    pub fn discard() -> Self {
        Self { logger: Logger::discard(), source: String::new() }
    }

    /// The least severe level that is kept.
    pub fn max_level(&self) -> Level {
        self.logger.max_level()
    }

    /// Writes an event of the part of the guest that `target` names.
    pub fn write(&self, level: Level, target: &str, message: &str) {
        if level > self.logger.max_level() {
            return;
        }
        let target = &target[..target.floor_char_boundary(MAX_TARGET_BYTES)];
        let kept = &message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)];
        let cut = if kept.len() < message.len() { "…" } else { "" };
        self.logger.write(level, format_args!("{} {target}", self.source), format_args!("{kept}{cut}"));
    }
}
