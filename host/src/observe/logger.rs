//! The log: lines with a time, a level and a source, to a terminal or a file.

use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::broadcast;

use crate::observe::dropped::Dropped;
use crate::observe::queue::Queue;
use crate::observe::tail::Tail;

/// How severe a log event is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, clap::ValueEnum)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something may be wrong.
    Warning,
    /// Something worth knowing happened.
    Info,
    /// What developers want to know.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    fn name(self) -> &'static str {
        match self {
            Self::Error => "ERROR",
            Self::Warning => "WARN ",
            Self::Info => "INFO ",
            Self::Debug => "DEBUG",
            Self::Trace => "TRACE",
        }
    }

    fn style(self) -> anstyle::Style {
        let color = match self {
            Self::Error => anstyle::AnsiColor::Red,
            Self::Warning => anstyle::AnsiColor::Yellow,
            Self::Info => anstyle::AnsiColor::Green,
            Self::Debug => anstyle::AnsiColor::Blue,
            Self::Trace => anstyle::AnsiColor::Magenta,
        };
        color.on_default().bold()
    }
}

/// A handle to the log; clones write to the same place.
#[derive(Clone)]
pub struct Logger(Arc<Inner>);

struct Inner {
    max_level: Level,
    color: bool,
    out: Mutex<Box<dyn Write + Send>>,
    /// What stands before it, if others do not wait for it.
    queue: Option<Queue>,
    tail: Tail,
    dropped: Dropped,
}

impl Logger {
    /// A log that keeps events up to `max_level` and writes them to `out`.
    pub fn new(max_level: Level, color: bool, out: Box<dyn Write + Send>) -> Self {
        Self::build(max_level, color, out, None)
    }

    /// As [`Logger::new`], with a thread that writes to `out`: whoever logs never waits for that. If 4,096 events wait to be
    /// written, more are dropped and counted.
    pub fn queued(max_level: Level, color: bool, out: Box<dyn Write + Send>) -> Self {
        let queue = Queue::new(out);
        Self::build(max_level, color, Box::new(queue.clone()), Some(queue))
    }

    fn build(max_level: Level, color: bool, out: Box<dyn Write + Send>, queue: Option<Queue>) -> Self {
        Self(Arc::new(Inner {
            max_level,
            color,
            out: Mutex::new(out),
            queue,
            tail: Tail::new(),
            dropped: Dropped::default(),
        }))
    }

    /// Waits until everything has been written, or for so long.
    pub fn wait_until_written(&self, timeout: Duration) {
        if let Some(queue) = &self.0.queue {
            queue.wait_until_written(timeout);
        }
    }

    /// A log that keeps nothing.
    pub fn discard() -> Self {
        Self::new(Level::Error, false, Box::new(std::io::sink()))
    }

    /// Says that lines of a process were dropped.
    pub(super) fn dropped(&self, source: &str, lines: u64) {
        self.0.dropped.of_process(source, lines, self);
    }

    /// The least severe level that is kept.
    pub fn max_level(&self) -> Level {
        self.0.max_level
    }

    /// The last `events` events that were kept, and those that are to come.
    pub fn last(&self, events: usize) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        self.0.tail.last(events)
    }

    /// Writes an event. Further lines of `message` are indented under the first, so that no message can pass
    /// for two events; control characters are escaped.
    pub fn write(&self, level: Level, source: impl fmt::Display, message: impl fmt::Display) {
        if level > self.0.max_level {
            return;
        }
        let time = humantime::format_rfc3339_millis(SystemTime::now());
        let mut text = String::new();
        push_escaped(&mut text, &source.to_string());
        text.push_str(": ");
        push_escaped(&mut text, &message.to_string());
        let name = level.name();
        self.0.tail.push(&format!("{time} {name} {text}"));
        let style = if self.0.color { level.style() } else { anstyle::Style::new() };
        let line = format!("{time} {style}{name}{style:#} {text}\n");
        let mut out = self.0.out.lock().unwrap_or_else(PoisonError::into_inner);
        // There is nobody to tell that the log can't be written.
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

/// Appends text in which nothing can move the cursor, change colours or begin a new event.
fn push_escaped(line: &mut String, text: &str) {
    for c in text.trim_end().chars() {
        match c {
            '\n' => line.push_str("\n    "),
            '\t' => line.push('\t'),
            // Bidirectional overrides can make a terminal show another text than the one that is there.
            c if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') => {
                let _ = write!(line, "\\u{{{:x}}}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}
