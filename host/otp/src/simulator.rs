//! The simulator: the same scheduler as in production, a seed that decides who runs next, and a clock that
//! moves only when nobody can run. A seed fixes the whole run.
//!
//! With one worker the seed picks any process that can run: every order of turns is possible. With several it picks
//! the worker that has the next turn, and the scheduler's own rules the process: its queues, its stealing and its
//! fairness are simulated, too.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Instant, VirtualClock};
use crate::event::EventSink;
use crate::pid::Pid;
use crate::random::{RandomSource, SplitMix64};
use crate::runtime::{Runtime, RuntimeConfig};
use crate::scheduler::TurnCost;

/// Drives a runtime in virtual time on the calling thread.
pub struct Simulator {
    runtime: Runtime,
    clock: Arc<VirtualClock>,
    choices: SplitMix64,
    polls: u64,
    /// How many turns each worker has had.
    turns: Vec<u32>,
    /// What each worker's last turn has cost.
    spent: Vec<TurnCost>,
}

impl Simulator {
    /// A runtime without processes whose course `seed` decides.
    pub fn new(seed: u64, events: Box<dyn EventSink>) -> Self {
        Self::with_workers(seed, 1, events)
    }

    /// As [`Simulator::new`], with so many workers.
    pub fn with_workers(seed: u64, workers: usize, events: Box<dyn EventSink>) -> Self {
        let clock = Arc::new(VirtualClock::default());
        let runtime = Runtime::new(RuntimeConfig {
            clock: clock.clone(),
            random: Box::new(SplitMix64::new(seed)),
            events,
            surroundings: None,
            workers,
            max_processes: 1_000_000,
        });
        runtime.inner.scheduler.enter(0);
        let turns = vec![0; runtime.inner.scheduler.workers()];
        let spent = vec![TurnCost::default(); turns.len()];
        Self { runtime, clock, choices: SplitMix64::new(!seed), polls: 0, turns, spent }
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
        self.runtime.fire_timers(self.clock.now());
        let scheduler = &self.runtime.inner.scheduler;
        let choices = &mut self.choices;
        let mut choose = |len: usize| usize::try_from(choices.next_u64() % len as u64).unwrap_or(0);
        let mut worker = 0;
        let next = if self.turns.len() == 1 {
            scheduler.next_chosen(choose)
        } else {
            worker = choose(self.turns.len());
            self.turns[worker] = self.turns[worker].wrapping_add(1);
            scheduler.enter(worker);
            scheduler.next(worker, self.turns[worker], self.spent[worker])
        };
        let Some(process) = next else { return false };
        self.polls += 1;
        (_, self.spent[worker]) = self.runtime.poll(&process, self.clock.now());
        true
    }

    /// Polls that process, as long as it can run at the present moment, and nobody else. For one worker.
    pub fn run_only(&mut self, pid: Pid) {
        let scheduler = self.runtime.inner.scheduler.clone();
        while let Some(process) = scheduler.next_if_queued(|process| process.pid == pid) {
            self.polls += 1;
            self.runtime.poll(&process, self.clock.now());
        }
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

    /// Runs as long as `goes_on` says so, and somebody can run or a timer is left, until the end of `duration` of virtual time;
    /// whether that ended it.
    pub fn run_while(&mut self, duration: Duration, mut goes_on: impl FnMut() -> bool) -> bool {
        let end = self.clock.now().saturating_add(duration);
        while goes_on() {
            if self.step() {
                continue;
            }
            match self.runtime.inner.timers.next_deadline() {
                Some(next) if next <= end => self.clock.advance_to(next),
                Some(_) => return true,
                None => return false,
            }
        }
        false
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
