//! Worker threads: they poll processes until the runtime stops.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::{self, JoinHandle};

use crate::runtime::Runtime;
use crate::scheduler::TurnCost;

/// The worker threads of a runtime. Dropping them waits for the threads and ends every process that is left,
/// without signals between them.
pub struct Workers {
    runtime: Runtime,
    threads: Vec<JoinHandle<()>>,
}

impl Runtime {
    /// Starts the runtime's worker threads.
    ///
    /// # Errors
    /// If the operating system refuses a thread; those already started are stopped.
    pub fn start_workers(&self) -> io::Result<Workers> {
        let mut workers = Workers { runtime: self.clone(), threads: Vec::new() };
        for index in 0..self.inner.scheduler.workers() {
            let runtime = self.clone();
            let name = format!("regrow-worker-{index}");
            let work = move || runtime.within_surroundings(&mut || work(&runtime, index));
            workers.threads.push(thread::Builder::new().name(name).spawn(work)?);
        }
        Ok(workers)
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.runtime.inner.scheduler.stop();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
        self.runtime.abandon();
    }
}

fn work(runtime: &Runtime, index: usize) {
    let scheduler = &runtime.inner.scheduler;
    scheduler.enter(index);
    let until_next_timer = || {
        let next = runtime.inner.timers.next_deadline()?;
        Some(next.saturating_since(runtime.now()))
    };
    let mut polls: u32 = 0;
    // A turn begins when the one before it ended: the clock is read once a turn.
    let mut now = runtime.now();
    let mut spent = TurnCost::default();
    while !scheduler.is_stopping() {
        polls = polls.wrapping_add(1);
        // A fault outside a process's own body (in an event sink, say) must not take the worker along.
        let step = catch_unwind(AssertUnwindSafe(|| {
            // What timers cost is not the next process's to pay.
            let now = if runtime.fire_timers(now) { runtime.now() } else { now };
            match scheduler.next(index, polls, spent) {
                Some(process) => runtime.poll(&process, now),
                None => {
                    scheduler.park(until_next_timer);
                    (runtime.now(), TurnCost::default())
                }
            }
        }));
        if let Ok(turn) = step {
            (now, spent) = turn;
        } else {
            eprintln!("regrow: a worker thread survived a panic in the host; please report it");
        }
    }
}
