//! What tests of processes need: a sink that keeps every event.

use std::sync::{Arc, Mutex, PoisonError};

use crate::event::{Event, EventSink};
use crate::runtime::Runtime;
use crate::simulator::Simulator;

/// Keeps events for a test to look at. Clones share what they keep.
#[derive(Clone, Default)]
pub struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    /// What has happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventSink for EventLog {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

/// How many timers a runtime keeps, those of waiting processes included: none, when nobody is left.
pub fn running_timers(runtime: &Runtime) -> usize {
    runtime.inner.timers.len()
}

/// A simulator that forgets its events.
pub fn simulator(seed: u64) -> Simulator {
    Simulator::new(seed, Box::new(EventLog::default()))
}
