//! Time slices for guests whose fuel is not counted: a thread moves the engine's epoch, and compiled code looks at it.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use wasmtime::{Engine, Store, UpdateDeadline};

/// How often the epoch moves: a turn lasts at least as long, and at most twice.
const TICK: Duration = Duration::from_millis(1);

/// Ticks without anybody's turn before the thread rests.
const QUIET_TICKS: u32 = 100;

/// Moves the epoch of an engine for as long as somebody has a turn. Its thread ends after this.
pub(super) struct Ticker(Arc<Shared>);

struct Shared {
    engine: Engine,
    /// Turns that go on now.
    turns: AtomicUsize,
    rests: AtomicBool,
    is_over: Mutex<bool>,
    /// Somebody has a turn, or nobody will have one any more.
    changed: Condvar,
}

thread_local! {
    /// When the turn began that this thread gives to a process.
    static TURN_BEGAN: Cell<Option<Instant>> = const { Cell::new(None) };
}

/// A turn of a process. It ends when this is dropped.
pub(super) struct Turn<'a> {
    shared: &'a Shared,
    started: Instant,
}

impl Ticker {
    /// # Errors
    /// If the operating system has no thread for it.
    pub(super) fn start(engine: Engine) -> wasmtime::Result<Self> {
        let shared = Arc::new(Shared {
            engine,
            turns: AtomicUsize::new(0),
            rests: AtomicBool::new(false),
            is_over: Mutex::default(),
            changed: Condvar::new(),
        });
        let of_thread = shared.clone();
        thread::Builder::new().name("regrow-ticker".to_owned()).spawn(move || of_thread.run())?;
        Ok(Self(shared))
    }

    /// Has a store yield when the epoch has moved and its turn has lasted for a tick: one that has waited since the epoch
    /// moved last has just begun.
    pub(super) fn slice<T>(store: &mut Store<T>) {
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| {
            let has_just_begun = TURN_BEGAN.get().is_some_and(|began| began.elapsed() < TICK);
            Ok(if has_just_begun { UpdateDeadline::Continue(1) } else { UpdateDeadline::Yield(1) })
        });
    }

    /// Begins a turn.
    pub(super) fn turn(&self) -> Turn<'_> {
        // One of the two is seen: that somebody has a turn, or that the thread rests.
        self.0.turns.fetch_add(1, Ordering::SeqCst);
        if self.0.rests.load(Ordering::SeqCst) {
            drop(self.0.is_over.lock());
            self.0.changed.notify_one();
        }
        let started = Instant::now();
        TURN_BEGAN.set(Some(started));
        Turn { shared: &self.0, started }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        *self.0.is_over.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.changed.notify_one();
    }
}

impl Shared {
    fn run(&self) {
        let mut quiet = 0;
        loop {
            thread::sleep(TICK);
            self.engine.increment_epoch();
            quiet = if self.turns.load(Ordering::SeqCst) == 0 { quiet + 1 } else { 0 };
            let mut is_over = self.is_over.lock().unwrap_or_else(PoisonError::into_inner);
            if quiet >= QUIET_TICKS {
                self.rests.store(true, Ordering::SeqCst);
                while self.turns.load(Ordering::SeqCst) == 0 && !*is_over {
                    is_over = self.changed.wait(is_over).unwrap_or_else(PoisonError::into_inner);
                }
                self.rests.store(false, Ordering::SeqCst);
                quiet = 0;
            }
            if *is_over {
                return;
            }
        }
    }
}

impl Turn<'_> {
    /// How long it has taken so far, in reductions: on this engine each is a nanosecond.
    pub(super) fn reductions(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.shared.turns.fetch_sub(1, Ordering::SeqCst);
    }
}
