//! The simulator: the same scheduler with one worker, a seed that decides who runs next, and a clock that
//! moves only when nobody can run. A seed fixes the whole run.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Instant, VirtualClock};
use crate::event::EventSink;
use crate::random::{RandomSource, SplitMix64};
use crate::runtime::{Runtime, RuntimeConfig};

/// Drives a runtime in virtual time on the calling thread.
pub struct Simulator {
    runtime: Runtime,
    clock: Arc<VirtualClock>,
    choices: SplitMix64,
    polls: u64,
}

impl Simulator {
    /// A runtime without processes whose course `seed` decides.
    pub fn new(seed: u64, events: Box<dyn EventSink>) -> Self {
        let clock = Arc::new(VirtualClock::default());
        let runtime = Runtime::new(RuntimeConfig {
            clock: clock.clone(),
            random: Box::new(SplitMix64::new(seed)),
            events,
            surroundings: None,
            workers: 1,
            max_processes: 1_000_000,
        });
        runtime.inner.scheduler.enter(0);
        Self { runtime, clock, choices: SplitMix64::new(!seed), polls: 0 }
    }

    /// The simulated runtime.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// How many polls there have been.
    pub fn polls(&self) -> u64 {
        self.polls
    }

    /// Polls one process; false if none can run at the present moment.
    pub fn step(&mut self) -> bool {
        self.runtime.fire_timers();
        let choices = &mut self.choices;
        let next = self
            .runtime
            .inner
            .scheduler
            .next_chosen(|len| usize::try_from(choices.next_u64() % len as u64).unwrap_or(0));
        let Some(process) = next else { return false };
        self.polls += 1;
        self.runtime.poll(&process);
        true
    }

    /// Runs until nobody can run and no timer is left, moving the clock from timer to timer.
    pub fn run(&mut self) {
        self.run_until(Instant::from_start(Duration::MAX));
    }

    /// Runs for `duration` of virtual time.
    pub fn run_for(&mut self, duration: Duration) {
        let end = self.clock.now().saturating_add(duration);
        self.run_until(end);
        self.clock.advance_to(end);
    }

    fn run_until(&mut self, end: Instant) {
        loop {
            while self.step() {}
            match self.runtime.inner.timers.next_deadline() {
                Some(next) if next <= end => {
                    self.clock.advance_to(next);
                    if self.clock.now() < next {
                        // Beyond the end of virtual time (584 years).
                        return;
                    }
                }
                _ => return,
            }
        }
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.runtime.abandon();
    }
}
