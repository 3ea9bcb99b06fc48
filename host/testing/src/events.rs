//! What has happened on a node.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use regrow_otp::{Event, EventSink};

use crate::HANG;

#[derive(Clone, Default)]
pub(crate) struct Events(Arc<(Mutex<Vec<Event>>, Condvar)>);

impl EventSink for Events {
    fn event(&self, event: &Event) {
        let (events, arrived) = &*self.0;
        events.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
        arrived.notify_all();
    }
}

impl Events {
    /// Waits for the first event, from the beginning, for which `find` gives something.
    pub(crate) fn wait<T>(&self, find: impl Fn(&Event) -> Option<T>) -> Option<T> {
        self.wait_after(0, find)
    }

    /// How many there are so far.
    pub(crate) fn len(&self) -> usize {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// As [`Events::wait`], without the first `seen`.
    pub(crate) fn wait_after<T>(&self, mut seen: usize, find: impl Fn(&Event) -> Option<T>) -> Option<T> {
        let (events, arrived) = &*self.0;
        let mut known = events.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(found) = known[seen..].iter().find_map(&find) {
                return Some(found);
            }
            seen = known.len();
            let waited = arrived.wait_timeout(known, HANG).unwrap_or_else(PoisonError::into_inner);
            known = waited.0;
            if waited.1.timed_out() {
                return None;
            }
        }
    }
}

impl Events {
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
