//! Worker threads: they poll processes until the runtime stops.

use std::io;
use std::thread::{self, JoinHandle};

use crate::runtime::Runtime;

/// The worker threads of a runtime. Dropping them stops the runtime's work and waits for the threads.
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
            workers.threads.push(thread::Builder::new().name(name).spawn(move || work(&runtime, index))?);
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
    let mut polls: u32 = 0;
    while !scheduler.is_stopping() {
        runtime.fire_timers();
        polls = polls.wrapping_add(1);
        match scheduler.next(index, polls) {
            Some(process) => runtime.poll(&process),
            None => {
                let until_next =
                    runtime.inner.timers.next_deadline().map(|next| next.saturating_since(runtime.now()));
                scheduler.park(until_next);
            }
        }
    }
}
