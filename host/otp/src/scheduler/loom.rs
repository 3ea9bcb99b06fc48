//! What is synchronised by hand, in every order that the memory model allows.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p regrow-otp --lib --release`

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use loom::thread;

use crate::process::Process;
use crate::scheduler::{Schedule, Scheduler, TurnCost};

/// Something is done for a process, and it is woken, while its turn ends: the turn sees what was done, or another one
/// follows. Never both, never neither.
#[test]
fn what_is_done_before_a_wake_is_seen_by_a_turn() {
    loom::model(|| {
        let schedule = Arc::new(Schedule::unborn());
        let done = Arc::new(AtomicBool::new(false));
        let turns = Arc::new(AtomicUsize::new(0));
        schedule.born();
        let waker = {
            let (schedule, done, turns) = (schedule.clone(), done.clone(), turns.clone());
            thread::spawn(move || {
                // Nothing but the wake makes this visible.
                done.store(true, Ordering::Relaxed);
                if schedule.wake() {
                    turns.fetch_add(1, Ordering::Relaxed);
                }
            })
        };
        schedule.start_poll();
        let seen = done.load(Ordering::Relaxed);
        if schedule.end_poll() {
            turns.fetch_add(1, Ordering::Relaxed);
        }
        waker.join().unwrap();
        let turns = turns.load(Ordering::Relaxed);
        assert!(turns <= 1, "it is put into a queue once");
        if turns == 1 {
            schedule.start_poll();
            assert!(done.load(Ordering::Relaxed), "the next turn sees what was done before the wake");
        } else {
            assert!(seen, "without another turn, this one has seen it");
        }
    });
}

/// Two wakers: one of them puts the process into a queue.
#[test]
fn a_process_that_waits_is_queued_once_however_many_wake_it() {
    loom::model(|| {
        let schedule = Arc::new(Schedule::unborn());
        schedule.born();
        schedule.start_poll();
        assert!(!schedule.end_poll());
        let other = {
            let schedule = schedule.clone();
            thread::spawn(move || schedule.wake())
        };
        let own = schedule.wake();
        assert!(own ^ other.join().unwrap());
    });
}

/// A process that has ended is never queued again.
#[test]
fn the_dead_are_not_woken() {
    loom::model(|| {
        let schedule = Arc::new(Schedule::unborn());
        schedule.born();
        schedule.start_poll();
        let waker = {
            let schedule = schedule.clone();
            thread::spawn(move || schedule.wake())
        };
        schedule.end();
        assert!(!waker.join().unwrap(), "while it runs, a wake leaves it to its worker");
        assert!(!schedule.wake());
    });
}

fn model_with_few_switches(body: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    // Every order with up to three switches that no waiting forces.
    builder.preemption_bound = Some(3);
    builder.check(body);
}

/// What is put into a queue from outside wakes a worker that is about to sleep: otherwise this never ends.
#[test]
fn a_worker_that_goes_to_sleep_does_not_miss_work() {
    model_with_few_switches(|| {
        let scheduler = Arc::new(Scheduler::new(1));
        let process = Process::without_body(scheduler.clone());
        let outside = {
            let scheduler = scheduler.clone();
            thread::spawn(move || scheduler.start(process))
        };
        scheduler.enter(0);
        while scheduler.next(0, 1, TurnCost::default()).is_none() {
            scheduler.park(|| None);
        }
        outside.join().unwrap();
    });
}

/// One worker makes two pieces of work and does one: the other worker, asleep or not, gets the other, or none is left.
#[test]
fn workers_share_what_one_of_them_makes() {
    model_with_few_switches(|| {
        let scheduler = Arc::new(Scheduler::new(2));
        let processes = [Process::without_body(scheduler.clone()), Process::without_body(scheduler.clone())];
        let done = Arc::new(AtomicUsize::new(0));
        let busy = {
            let (scheduler, done) = (scheduler.clone(), done.clone());
            thread::spawn(move || {
                scheduler.enter(0);
                for process in processes {
                    scheduler.start(process);
                }
                while scheduler.next(0, 1, TurnCost::default()).is_some() {
                    done.fetch_add(1, Ordering::Relaxed);
                }
                scheduler.stop();
            })
        };
        scheduler.enter(1);
        while !scheduler.is_stopping() {
            match scheduler.next(1, 1, TurnCost::default()) {
                Some(_) => {
                    done.fetch_add(1, Ordering::Relaxed);
                }
                None => scheduler.park(|| None),
            }
        }
        busy.join().unwrap();
        while scheduler.next(1, 1, TurnCost::default()).is_some() {
            done.fetch_add(1, Ordering::Relaxed);
        }
        assert_eq!(done.load(Ordering::Relaxed), 2, "each is done once");
    });
}
