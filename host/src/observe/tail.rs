//! The end of the log, for those who come later, and what is still to come.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

/// Events that are kept.
const MAX_EVENTS: usize = 1_000;

/// Bytes of them that are kept: some have many lines.
const MAX_BYTES: usize = 1 << 20;

/// Events that a follower may be behind before it loses some.
const MAX_BEHIND: usize = 1_024;

/// Keeps the last events and hands on each new one.
pub(super) struct Tail {
    kept: Mutex<Kept>,
    followers: broadcast::Sender<Arc<str>>,
}

#[derive(Default)]
struct Kept {
    events: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Tail {
    pub(super) fn new() -> Self {
        Self { kept: Mutex::default(), followers: broadcast::channel(MAX_BEHIND).0 }
    }

    pub(super) fn push(&self, event: &str) {
        let event: Arc<str> = event.into();
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes += event.len();
        kept.events.push_back(event.clone());
        while kept.events.len() > MAX_EVENTS || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.events.pop_front() else { break };
            kept.bytes -= oldest.len();
        }
        // Sent while the lock is held: who looks at what is kept and follows misses nothing. Nobody need listen.
        let _ = self.followers.send(event);
    }

    /// The last `count` events, and those to come.
    pub(super) fn last(&self, count: usize) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let from = kept.events.len().saturating_sub(count);
        (kept.events.range(from..).cloned().collect(), self.followers.subscribe())
    }
}
