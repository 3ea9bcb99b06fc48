//! The thread that pages out who waits for long.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{mem, thread};

use crate::engine::store::residence::{Residence, Swept};

/// A process is paged out when it has had no turn for more ticks than these.
const IDLE_TICKS: u32 = 2;

/// Has an eye on who is in memory. Its thread begins with the first process that waits, and ends after this.
pub(in crate::engine) struct Pager(Arc<Watch>);

/// How often processes have been paged out, and in again, on an engine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Paging {
    /// Processes that were paged out, each as often as it was.
    pub out: u64,
    /// Those that came back for a turn, or to be ended.
    pub back: u64,
}

struct Watch {
    tick: Duration,
    now: AtomicU32,
    out: AtomicU64,
    back: AtomicU64,
    state: Mutex<State>,
    /// Somebody has come to be watched, or nobody will any more.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    arrived: Vec<Arc<Residence>>,
    has_thread: bool,
    is_over: bool,
}

impl Pager {
    /// Pages out who has waited for so long, or half as long again.
    pub(super) fn new(idle: Duration) -> Self {
        let (state, changed) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Watch {
            tick: idle / IDLE_TICKS,
            now: AtomicU32::new(0),
            out: AtomicU64::new(0),
            back: AtomicU64::new(0),
            state,
            changed,
        }))
    }

    /// A process was paged out.
    pub(super) fn count_out(&self) {
        self.0.out.fetch_add(1, Ordering::Relaxed);
    }

    /// A process came back.
    pub(super) fn count_back(&self) {
        self.0.back.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn counters(&self) -> Paging {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Paging { out: of(&self.0.out), back: of(&self.0.back) }
    }

    /// The present tick: they are counted only while there is somebody to watch.
    pub(super) fn now(&self) -> u32 {
        self.0.now.load(Ordering::Relaxed)
    }

    /// Watches a process that waits.
    pub(super) fn watch(&self, residence: Arc<Residence>) {
        let mut state = self.0.state();
        state.arrived.push(residence);
        if !state.has_thread {
            let watch = self.0.clone();
            let started = thread::Builder::new().name("regrow-pager".to_owned()).spawn(move || watch.run());
            // Without it, everybody stays in memory: nobody keeps a list of them for nothing.
            state.has_thread = started.is_ok();
            if !state.has_thread {
                state.arrived.clear();
            }
        }
        if state.arrived.len() == 1 {
            self.0.changed.notify_one();
        }
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.changed.notify_one();
    }
}

/// With so many in memory the thread takes what it needs: they have some 300 MiB together. Each has had a turn that took as long.
const UNPACED: usize = 10_000;

/// Keeps the thread from taking more than half of a core.
struct Pace {
    steps: u32,
    began: Instant,
}

impl Default for Pace {
    fn default() -> Self {
        Self { steps: 0, began: Instant::now() }
    }
}

impl Pace {
    /// Steps at a time: some milliseconds.
    const STEPS: u32 = 100;

    fn step(&mut self) {
        self.steps += 1;
        if self.steps == Self::STEPS {
            thread::sleep(self.began.elapsed());
            *self = Self::default();
        }
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let mut watched: Vec<Arc<Residence>> = Vec::new();
        loop {
            let mut state = self.state();
            while state.arrived.is_empty() && watched.is_empty() && !state.is_over {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            if state.is_over {
                return;
            }
            watched.append(&mut mem::take(&mut state.arrived));
            drop(state);
            thread::sleep(self.tick);
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            let mut pace = (watched.len() < UNPACED).then(Pace::default);
            watched.retain(|residence| {
                pace.iter_mut().for_each(Pace::step);
                residence.sweep(now, IDLE_TICKS) == Swept::Stays
            });
        }
    }
}
