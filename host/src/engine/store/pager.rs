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
            tick: (idle / IDLE_TICKS).max(SHORTEST_TICK),
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

    /// Watches a process that waits; whether there is a thread to do it.
    pub(super) fn watch(&self, residence: Arc<Residence>) -> bool {
        let mut state = self.0.state();
        state.arrived.push(residence);
        if !state.has_thread {
            let watch = self.0.clone();
            let started = thread::Builder::new().name("regrow-pager".to_owned()).spawn(move || watch.run());
            // Without it, everybody stays in memory: nobody keeps a list of them for nothing.
            state.has_thread = started.is_ok();
            if !state.has_thread {
                state.arrived.clear();
                return false;
            }
        }
        if state.arrived.len() == 1 {
            self.0.changed.notify_one();
        }
        true
    }
}

impl Drop for Pager {
    fn drop(&mut self) {
        self.0.state().is_over = true;
        self.0.changed.notify_one();
    }
}

/// A tick is no shorter, whatever an embedder asks for.
const SHORTEST_TICK: Duration = Duration::from_millis(1);

/// With so many in memory, some 300 MiB, the thread takes more of its core: it must keep up with those that come.
const MANY: usize = 10_000;

/// Keeps the thread from taking more than half of a core, or four fifths if there are many to look at.
struct Pace {
    steps: u32,
    began: Instant,
    /// It rests for this part of the time that it has worked.
    rest: u32,
}

impl Pace {
    fn of(watched: usize) -> Self {
        Self { steps: 0, began: Instant::now(), rest: if watched < MANY { 1 } else { 4 } }
    }
}

impl Pace {
    /// Steps at a time: some milliseconds.
    const STEPS: u32 = 100;

    fn step(&mut self) {
        self.steps += 1;
        if self.steps == Self::STEPS {
            thread::sleep(self.began.elapsed() / self.rest);
            (self.steps, self.began) = (0, Instant::now());
        }
    }
}

impl Watch {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a tick pass; whether it is over.
    fn rest(&self, mut state: MutexGuard<'_, State>) -> bool {
        let end = Instant::now() + self.tick;
        while !state.is_over {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
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
            if self.rest(state) {
                return;
            }
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            let mut pace = Pace::of(watched.len());
            watched.retain(|residence| {
                pace.step();
                residence.sweep(now, IDLE_TICKS) == Swept::Stays
            });
        }
    }
}
