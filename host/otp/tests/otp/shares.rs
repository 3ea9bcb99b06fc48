//! Shares of the CPU, and who goes before whom.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use regrow_otp::testing::EventLog;
use regrow_otp::{Budget, Context, ExitReason, Simulator, SpawnOptions};

use crate::budgets::budgeted;
use crate::support::*;

/// Runs spinners, so many in each of the budgets, on simulated workers; how many turns each budget had.
struct Spinners {
    simulator: Simulator,
    turns: Vec<Arc<AtomicU64>>,
}

impl Spinners {
    fn new(seed: u64, workers: usize) -> Self {
        let simulator = Simulator::with_workers(seed, workers, Box::new(EventLog::default()));
        Self { simulator, turns: Vec::new() }
    }

    /// A process with a budget of that share, and `spinners` below it.
    fn add(&mut self, share: u32, spinners: usize) {
        let turns = self.counter();
        let spawned = self.simulator.runtime().spawn(
            budgeted("app/tenant", Budget { share, ..Budget::default() }),
            move |context| async move {
                spin(&context, spinners, &turns);
                context.receive(None).await;
                ExitReason::Normal
            },
        );
        spawned.unwrap();
    }

    fn counter(&mut self) -> Arc<AtomicU64> {
        self.turns.push(Arc::default());
        self.turns[self.turns.len() - 1].clone()
    }

    /// The shares of so many turns, in percent.
    fn shares(mut self) -> Vec<f64> {
        for _ in 0..100_000 {
            assert!(self.simulator.step());
        }
        let turns: Vec<u64> = self.turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect();
        let all: u64 = turns.iter().sum();
        turns.into_iter().map(|turns| 100.0 * turns as f64 / all as f64).collect()
    }
}

fn spin(context: &Context, spinners: usize, turns: &Arc<AtomicU64>) {
    for _ in 0..spinners {
        let turns = turns.clone();
        child(context, Default::default(), move |context| async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                context.yield_now().await;
            }
        });
    }
}

fn assert_near(shares: &[f64], expected: &[f64]) {
    let near = shares.iter().zip(expected).all(|(share, expected)| (share - expected).abs() < 3.0);
    assert!(near, "{shares:?} percent in place of {expected:?}");
}

#[test]
fn one_process_gets_as_much_as_a_thousand_with_the_same_share() {
    for seed in 0..SEEDS / 5 {
        let mut spinners = Spinners::new(seed, 2);
        spinners.add(100, 1);
        spinners.add(100, 1_000);
        assert_near(&spinners.shares(), &[50.0, 50.0]);
        // Of three workers it can have no more than one at a time.
        let mut spinners = Spinners::new(seed, 3);
        spinners.add(100, 1);
        spinners.add(100, 1_000);
        let shares = spinners.shares();
        assert!((30.0..51.0).contains(&shares[0]), "{shares:?}");
    }
}

#[test]
fn shares_are_weights() {
    for seed in 0..SEEDS / 5 {
        let mut spinners = Spinners::new(seed, 2);
        spinners.add(100, 20);
        spinners.add(300, 3);
        spinners.add(50, 7);
        assert_near(&spinners.shares(), &[22.2, 66.7, 11.1]);
    }
}

#[test]
fn those_without_a_budget_count_as_one_with_the_default_share() {
    let mut spinners = Spinners::new(3, 2);
    spinners.add(100, 5);
    let turns = spinners.counter();
    let body = move |context: Context| async move {
        spin(&context, 30, &turns);
        ExitReason::Normal
    };
    spinners.simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
    assert_near(&spinners.shares(), &[50.0, 50.0]);
}

#[test]
fn a_budget_within_a_budget_shares_its_share() {
    let mut spinners = Spinners::new(5, 2);
    spinners.add(100, 4);
    let (inner, outer) = (spinners.counter(), spinners.counter());
    let body = move |context: Context| async move {
        // Its own processes, as one of the default share, beside a budget with three times that.
        spin(&context, 10, &outer);
        child(
            &context,
            budgeted("app/b/c", Budget { share: 300, ..Budget::default() }),
            |context| async move {
                spin(&context, 2, &inner);
                context.receive(None).await;
                ExitReason::Normal
            },
        );
        context.receive(None).await;
        ExitReason::Normal
    };
    spinners.simulator.runtime().spawn(budgeted("app/b", Budget::default()), body).unwrap();
    assert_near(&spinners.shares(), &[50.0, 37.5, 12.5]);
}

/// Who has waited does not come back with what it has not used meanwhile.
#[test]
fn nobody_saves_up_a_share() {
    let mut spinners = Spinners::new(11, 2);
    spinners.add(100, 3);
    let turns = spinners.counter();
    let body = move |context: Context| async move {
        context.receive(None).await;
        spin(&context, 3, &turns);
        context.receive(None).await;
        ExitReason::Normal
    };
    let options = SpawnOptions { trap_exit: true, ..budgeted("app/late", Budget::default()) };
    let late = spinners.simulator.runtime().spawn(options, body).unwrap();
    for _ in 0..200_000 {
        spinners.simulator.step();
    }
    assert_eq!(spinners.turns[1].load(Ordering::Relaxed), 0);
    spinners.turns[0].store(0, Ordering::Relaxed);
    spinners.simulator.runtime().exit(late, ExitReason::Shutdown);
    let shares = spinners.shares();
    assert!((50.0..65.0).contains(&shares[1]), "{shares:?}");
}

/// A process that answers goes before those that compute, but can't keep them from computing.
#[test]
fn who_waits_goes_before_who_computes_within_a_burst() {
    let mut spinners = Spinners::new(1, 2);
    spinners.turns.push(Arc::default());
    let turns = spinners.turns[0].clone();
    let rounds = Arc::new(AtomicU64::new(0));
    let counted = rounds.clone();
    let body = move |context: Context| async move {
        spin(&context, 8, &turns);
        // Two that do nothing but answer each other.
        let echo = child(&context, Default::default(), |context| async move {
            loop {
                if let Some(regrow_otp::Received::Message(message)) = context.receive(None).await {
                    send(&context, message.from, "back");
                }
            }
        });
        loop {
            send(&context, echo, "there");
            context.receive(None).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    spinners.simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
    for _ in 0..20_000 {
        spinners.simulator.step();
    }
    let (rounds, turns) = (rounds.load(Ordering::Relaxed), spinners.turns[0].load(Ordering::Relaxed));
    // One of the workers has only them.
    assert!(rounds > 2_500, "{rounds} round trips beside {turns} turns of those who compute");
    assert!(turns > 200, "{turns} turns of those who compute beside {rounds} round trips");
}

/// However long nobody has computed: those who were woken owe nothing to the first who does.
#[test]
fn who_waits_is_not_behind_who_computes_after_a_quiet_time() {
    let mut spinners = Spinners::new(4, 2);
    let rounds = Arc::new(AtomicU64::new(0));
    let counted = rounds.clone();
    let (spin_now, turns) = (Arc::new(AtomicU64::new(0)), spinners.counter());
    let (ordered, noted) = (spin_now.clone(), turns.clone());
    let body = move |context: Context| async move {
        let echo = child(&context, Default::default(), |context| async move {
            loop {
                if let Some(regrow_otp::Received::Message(message)) = context.receive(None).await {
                    send(&context, message.from, "back");
                }
            }
        });
        loop {
            if ordered.swap(0, Ordering::Relaxed) == 1 {
                spin(&context, 2, &noted);
            }
            send(&context, echo, "there");
            context.receive(None).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    };
    spinners.simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
    for _ in 0..200_000 {
        spinners.simulator.step();
    }
    spin_now.store(1, Ordering::Relaxed);
    let before = rounds.load(Ordering::Relaxed);
    for _ in 0..5_000 {
        spinners.simulator.step();
    }
    let rounds = rounds.load(Ordering::Relaxed) - before;
    assert!(rounds > 500, "{rounds} round trips, {} turns of others", turns.load(Ordering::Relaxed));
}
