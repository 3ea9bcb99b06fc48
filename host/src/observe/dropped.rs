//! What guests wanted to log and were not let: said at their end, but not of very many of them.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::observe::logger::{Level, Logger};

/// Processes of which it is said in a period; of more it is said together.
const MAX_SAID: u32 = 10;
const PERIOD: Duration = Duration::from_secs(1);

/// Lines that were dropped and of which nothing has been said.
#[derive(Default)]
pub(super) struct Dropped(Mutex<State>);

#[derive(Default)]
struct State {
    start: Option<Instant>,
    said: u32,
    lines: u64,
    processes: u64,
}

impl Dropped {
    /// Says that so many lines of a process were dropped, now or later.
    pub(super) fn of_process(&self, source: &str, lines: u64, logger: &Logger) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.start.is_none_or(|start| start.elapsed() > PERIOD) {
            let State { lines, processes, .. } = std::mem::take(&mut *state);
            state.start = Some(Instant::now());
            if lines > 0 {
                let text = format_args!("{lines} lines of {processes} ended processes were dropped, too");
                logger.write(Level::Warning, source, text);
            }
        }
        if state.said < MAX_SAID {
            state.said += 1;
            let text = format_args!("{lines} lines were dropped: `log_lines_per_second`");
            logger.write(Level::Warning, source, text);
        } else {
            state.lines += lines;
            state.processes += 1;
        }
    }
}
