//! The log as one guest process sees it.

use std::sync::atomic::{AtomicU64, Ordering};

use regrow_otp::Context;

use crate::observe::logger::{Level, Logger};

/// The longest message, in bytes; what is longer is cut.
const MAX_MESSAGE_BYTES: usize = 16 << 10;

/// The longest target, in bytes.
const MAX_TARGET_BYTES: usize = 128;

/// Writes a process's events to the log, under its name.
pub struct GuestLog {
    logger: Logger,
    source: String,
    /// The process, whose lines are counted.
    process: Option<Context>,
    /// Lines that were too many.
    dropped: AtomicU64,
}

impl GuestLog {
    /// The log of a process.
    pub fn new(logger: Logger, process: Context, name: &str) -> Self {
        let source = format!("{name} {}", process.pid());
        Self { logger, source, process: Some(process), dropped: AtomicU64::default() }
    }

    /// A log that keeps nothing.
    pub fn discard() -> Self {
        Self {
            logger: Logger::discard(),
            source: String::new(),
            process: None,
            dropped: AtomicU64::default(),
        }
    }

    /// The least severe level that is kept.
    pub fn max_level(&self) -> Level {
        self.logger.max_level()
    }

    /// Writes an event of the part of the guest that `target` names. More than a process may log are dropped and counted.
    pub fn write(&self, level: Level, target: &str, message: &str) {
        if level > self.logger.max_level() {
            return;
        }
        if !self.process.as_ref().is_none_or(Context::may_log) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.say_dropped();
        let target = &target[..target.floor_char_boundary(MAX_TARGET_BYTES)];
        let kept = &message[..message.floor_char_boundary(MAX_MESSAGE_BYTES)];
        let cut = if kept.len() < message.len() { "…" } else { "" };
        self.logger.write(level, format_args!("{} {target}", self.source), format_args!("{kept}{cut}"));
    }

    fn say_dropped(&self) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            self.logger.dropped(&self.source, dropped);
        }
    }
}

impl Drop for GuestLog {
    fn drop(&mut self) {
        self.say_dropped();
    }
}
