//! Run queues: which process is polled next, and by whom.
//!
//! Each worker has a queue of its own; one that runs dry takes half of the longest other queue, and every few
//! polls a worker takes one over from a queue that is longer than its own, or whose next process has had less than its
//! own next one, so that processes which never wait share the workers. A process that is woken goes to the queue of the worker that woke it: the two
//! talk to each other, and its state is in that core's cache.

#[cfg(all(test, loom))]
mod loom;
mod run_queue;
mod schedule;
mod share;

use std::cell::Cell;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::process::Process;
pub(crate) use crate::scheduler::run_queue::BURST;
use crate::scheduler::run_queue::RunQueue;
pub(crate) use crate::scheduler::schedule::Schedule;
pub use crate::scheduler::schedule::Status;
pub(crate) use crate::scheduler::share::VirtualTime;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Condvar, Mutex, PoisonMutex, thread_local};

/// Every so many polls a worker compares its queue with the others'.
const BALANCE_INTERVAL: u32 = 16;

/// How long an idle worker leaves a single waiting process to a busy worker before it takes it over.
const TAKE_OVER_AFTER: Duration = Duration::from_micros(100);

thread_local! {
    /// Which worker of which scheduler the calling thread is.
    #[cfg_attr(not(loom), expect(clippy::missing_const_for_thread_local, reason = "loom's has no `const`"))]
    static WORKER: Cell<Option<(u64, usize)>> = Cell::new(None);
}

/// How far the next process of one worker may be behind that of another, in nanoseconds of virtual time.
const MAX_APART: u64 = 200_000;

/// What a turn costs at least, in nanoseconds: in a simulation time stands still meanwhile.
const MIN_TURN: u64 = 250;

/// What a turn has cost, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct TurnCost(u64);

impl TurnCost {
    pub(crate) fn of(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX).max(MIN_TURN))
    }
}

pub(crate) struct Scheduler {
    /// Tells this scheduler from others that the same thread may have to do with.
    id: u64,
    queues: Box<[Mutex<RunQueue>]>,
    /// The virtual time of what belongs to no budget.
    time: VirtualTime,
    /// Spreads what is woken from outside the workers.
    next_queue: AtomicUsize,
    idle: PoisonMutex<usize>,
    idle_count: AtomicUsize,
    work_arrived: Condvar,
    stopping: AtomicBool,
}

impl Scheduler {
    pub(crate) fn new(workers: usize) -> Self {
        static NEXT_ID: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            queues: (0..workers.max(1)).map(|_| Mutex::default()).collect(),
            time: VirtualTime::default(),
            next_queue: AtomicUsize::new(0),
            idle: PoisonMutex::new(0),
            idle_count: AtomicUsize::new(0),
            work_arrived: Condvar::new(),
            stopping: AtomicBool::new(false),
        }
    }

    pub(crate) fn workers(&self) -> usize {
        self.queues.len()
    }

    /// Makes the calling thread the worker `index`.
    pub(crate) fn enter(&self, index: usize) {
        WORKER.with(|worker| worker.set(Some((self.id, index))));
    }

    /// Which of this scheduler's workers the calling thread is.
    fn own_worker(&self) -> Option<usize> {
        WORKER.with(Cell::get).filter(|(scheduler, _)| *scheduler == self.id).map(|(_, index)| index)
    }

    /// Queues a process for the first time.
    pub(crate) fn start(&self, process: Arc<Process>) {
        process.schedule.born();
        self.enqueue(process);
    }

    pub(crate) fn wake(&self, process: &Arc<Process>) {
        if process.schedule.wake() {
            self.enqueue(process.clone());
        }
    }

    /// Puts a process behind the others.
    pub(crate) fn enqueue(&self, process: Arc<Process>) {
        let own = self.own_worker();
        let index =
            own.unwrap_or_else(|| self.next_queue.fetch_add(1, Ordering::Relaxed) % self.queues.len());
        let waiting = {
            let mut queue = self.queues[index].lock();
            queue.push(process, &self.time);
            queue.len()
        };
        // One process that waits behind the one that woke it is better off on the same core.
        if own.is_none() || waiting > 1 {
            self.notify();
        }
    }

    /// A timer was set: a worker that sleeps must learn when to get up. Workers look before they sleep.
    pub(crate) fn timer_set(&self) {
        if self.own_worker().is_none() {
            self.notify();
        }
    }

    /// Wakes an idle worker, if there is one.
    pub(crate) fn notify(&self) {
        if self.idle_count.load(Ordering::SeqCst) > 0 {
            let _idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
            self.work_arrived.notify_one();
        }
    }

    /// A turn of a process has cost so much. `preempted`: it could have gone on.
    pub(crate) fn charge(&self, process: &Process, cost: TurnCost, preempted: bool) {
        VirtualTime::charge(&self.time, process.account.as_deref(), cost.0);
        run_queue::note_turn(process, cost.0, preempted);
    }

    /// The next process for the worker `index`, whose last turn has cost `spent`.
    pub(crate) fn next(&self, index: usize, poll: u32, spent: TurnCost) -> Option<Arc<Process>> {
        if poll.is_multiple_of(BALANCE_INTERVAL) {
            self.balance(index);
        }
        let own = self.queues[index].lock().pop(&self.time, spent.0);
        own.or_else(|| self.steal(index))
    }

    /// For a simulation with one worker: takes out the process that `choose` names among so many.
    pub(crate) fn next_chosen(&self, choose: impl FnOnce(usize) -> usize) -> Option<Arc<Process>> {
        let mut queue = self.queues[0].lock();
        match queue.len() {
            0 => None,
            len => queue.remove_nth(choose(len) % len),
        }
    }

    /// For a simulation with one worker: takes out that process, if it is there.
    pub(crate) fn next_if_queued(&self, is_it: impl Fn(&Process) -> bool) -> Option<Arc<Process>> {
        self.queues[0].lock().remove_first(is_it)
    }

    fn longest_other(&self, index: usize) -> Option<(usize, usize)> {
        let lengths = (0..self.queues.len()).filter(|other| *other != index);
        lengths.map(|other| (self.queues[other].lock().len(), other)).max()
    }

    fn balance(&self, index: usize) {
        let Some((length, other)) = self.longest_other(index) else { return };
        let (own, own_preempted, own_woken, own_front) = {
            let mut queue = self.queues[index].lock();
            (queue.len(), queue.preempted_len(), queue.woken_len(), queue.front(&self.time))
        };
        let moved = {
            let mut queue = self.queues[other].lock();
            let mut is_behind = || queue.front(&self.time).is_behind(&own_front, MAX_APART);
            if length > own + 1 || is_behind() {
                queue.take(&self.time)
            } else if own_woken == 0 && queue.woken_len() > 0 {
                // It may be kept from its turn there by a subtree that is behind all others.
                queue.take_woken()
            } else if queue.preempted_len() >= own_preempted {
                // Also when they are equal: those who compute do so in turns on each of the workers, whatever else these do.
                queue.take_preempted()
            } else {
                None
            }
        };
        if let Some(process) = moved {
            self.queues[index].lock().push(process, &self.time);
        }
    }

    fn steal(&self, index: usize) -> Option<Arc<Process>> {
        let (_, other) = self.longest_other(index).filter(|(length, _)| *length > 0)?;
        let stolen: Vec<_> = {
            let mut queue = self.queues[other].lock();
            let half = queue.len().div_ceil(2);
            std::iter::from_fn(|| queue.take(&self.time)).take(half).collect()
        };
        let mut queue = self.queues[index].lock();
        for process in stolen {
            queue.push(process, &self.time);
        }
        queue.pop(&self.time, 0)
    }

    /// Sleeps until there is work, or until the time that `next_timer` says is left.
    pub(crate) fn park(&self, next_timer: impl Fn() -> Option<Duration>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        *idle += 1;
        self.idle_count.store(*idle, Ordering::SeqCst);
        loop {
            // Looked at after the others can see that this worker is idle: who adds something later, notifies.
            let limit = next_timer();
            let work = self.queues.iter().any(|queue| !queue.lock().is_empty());
            if work || limit == Some(Duration::ZERO) || self.is_stopping() {
                break;
            }
            // While another worker runs, look again soon: it does not call for help with a single process.
            let others_run = *idle < self.queues.len();
            let limit = match limit {
                limit if !others_run => limit,
                limit => Some(limit.map_or(TAKE_OVER_AFTER, |limit| limit.min(TAKE_OVER_AFTER))),
            };
            idle = match limit {
                Some(limit) => {
                    let waited = self.work_arrived.wait_timeout(idle, limit);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.work_arrived.wait(idle).unwrap_or_else(PoisonError::into_inner),
            };
        }
        if *idle == self.queues.len() {
            // The first to get up: the others sleep without limit and must learn that one of them runs.
            self.work_arrived.notify_all();
        }
        *idle -= 1;
        self.idle_count.store(*idle, Ordering::SeqCst);
    }

    /// Lets the workers return.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        let _idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        self.work_arrived.notify_all();
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::SeqCst)
    }

    /// Drops what is queued, when nobody will run it any more.
    pub(crate) fn clear(&self) {
        for queue in &self.queues {
            let processes = std::mem::take(&mut *queue.lock());
            drop(processes);
        }
    }
}
