//! The pieces of `regrow_sdk::patterns`, in virtual time; their cores without processes.

use std::time::Duration;

use proptest::prelude::*;
use regrow_sdk::mailbox;
use regrow_sdk::patterns::cache::{Entries, Options as CacheOptions};
use regrow_sdk::patterns::circuit_breaker::{Breaker, CircuitBreaker, Options as BreakerOptions, State};
use regrow_sdk::patterns::pipeline::{Failure, Pipeline};
use regrow_sdk::patterns::rate_limiter::{Rate, RateLimiter, TokenBucket};
use regrow_sdk::patterns::retry::Retry;
use regrow_sdk::patterns::sleep;
use regrow_sdk::patterns::worker_pool::{
    Lease, Options, PoolError, RunError, Status, WorkerPool, WorkerPoolClient,
};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::supervisor::ChildSpec;
use regrow_sdk::task::TaskError;
use regrow_sdk::{ExitReason, Pid, testing, timer};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Answers with its own pid.
fn worker(_: ()) -> Result<(), ExitReason> {
    while let Some(message) = mailbox::receive_message(None) {
        if let Some(from) = message.reply_to() {
            mailbox::reply(from, &process::self_pid())?;
        }
    }
    Ok(())
}

fn flaky(file: String) -> Result<u64, String> {
    let tries: u64 = mailbox::call("tries", &file, None).map_err(|error| error.to_string())?;
    assert!(tries >= 3, "not yet");
    Ok(tries)
}

fn slow(wait: u64) -> Result<u64, String> {
    sleep(seconds(wait));
    Ok(wait)
}

fn stillborn(_: ()) -> Result<(), ExitReason> {
    mailbox::send("counter", &())?;
    Err(ExitReason::error("it can't live"))
}

regrow_sdk::component! {
    "stillborn" => process stillborn,
    "worker" => process worker,
    "worker-pool" => server WorkerPool,
    "circuit-breaker" => server CircuitBreaker,
    "rate-limiter" => server RateLimiter,
    "flaky" => task flaky,
    "slow" => task slow,
}

fn check(body: impl FnOnce() -> Result<(), ExitReason> + Clone + Send + 'static) {
    testing::for_seeds(0..10, &COMPONENT, body);
}

#[test]
fn a_breaker_opens_after_failures_in_a_row_and_tries_one_at_a_time() {
    let options = BreakerOptions { failures: 3, reset_after: seconds(10), successes: 2 };
    let mut breaker = Breaker::new(options);
    fn fails(breaker: &mut Breaker, now: u64) {
        let permit = breaker.allows(seconds(now)).expect("let through");
        breaker.failed(permit, seconds(now));
    }
    fn allowed(breaker: &mut Breaker, now: u64) -> bool {
        breaker.allows(seconds(now)).is_some()
    }
    fails(&mut breaker, 0);
    fails(&mut breaker, 1);
    let permit = breaker.allows(seconds(2)).unwrap();
    breaker.succeeded(permit);
    fails(&mut breaker, 2);
    fails(&mut breaker, 3);
    let late = [breaker.allows(seconds(4)).unwrap(), breaker.allows(seconds(4)).unwrap()];
    assert_eq!(breaker.state(seconds(4)), State::Closed, "a success begins anew");
    fails(&mut breaker, 4);
    assert_eq!((breaker.state(seconds(4)), allowed(&mut breaker, 13)), (State::Open, false));
    // Those that were let through before say something late: nobody is on trial, and then another one is.
    breaker.succeeded(late[0]);
    breaker.failed(late[1], seconds(6));
    assert_eq!(breaker.state(seconds(14)), State::HalfOpen);
    let trial = breaker.allows(seconds(14)).unwrap();
    breaker.failed(late[0], seconds(14));
    breaker.succeeded(late[1]);
    assert!(!allowed(&mut breaker, 14));
    breaker.failed(trial, seconds(15));
    breaker.failed(trial, seconds(20));
    assert_eq!([breaker.state(seconds(24)), breaker.state(seconds(25))], [State::Open, State::HalfOpen]);
    for _ in 0..2 {
        let trial = breaker.allows(seconds(25)).unwrap();
        assert!(!allowed(&mut breaker, 25));
        breaker.succeeded(trial);
        breaker.failed(late[0], seconds(25));
    }
    assert_eq!(breaker.state(seconds(25)), State::Closed);
    // One on trial that is not heard of for too long is not waited for; what it says then still counts.
    (0..3).for_each(|_| fails(&mut breaker, 30));
    let lost = breaker.allows(seconds(40)).unwrap();
    assert!(!allowed(&mut breaker, 49) && allowed(&mut breaker, 50));
    breaker.failed(lost, seconds(50));
    assert_eq!(breaker.state(seconds(50)), State::Open);
}

#[test]
fn whoever_dies_on_trial_does_not_keep_a_breaker_open() {
    check(|| {
        let options = BreakerOptions { failures: 1, reset_after: seconds(5), successes: 1 };
        let breaker = CircuitBreaker::start_link(options)?;
        assert!(breaker.run(|| Err::<(), _>(())).is_err());
        sleep(seconds(5));
        let own = breaker.clone();
        let on_trial = testing::spawn(move || {
            let _never = own.run(|| -> Result<(), ()> { process::exit(ExitReason::error("gone")) });
            Ok(())
        });
        let monitor = process::monitor(on_trial)?;
        mailbox::wait_for(monitor, None);
        assert_eq!(breaker.run(|| Ok::<_, ()>(())).ok(), None);
        sleep(seconds(5));
        assert_eq!(breaker.run(|| Ok::<_, ()>(())).ok(), Some(()));
        assert_eq!(breaker.state()?, State::Closed);
        Ok(())
    });
}

#[test]
fn a_bucket_gives_what_has_come_and_never_more_than_it_holds() {
    let mut bucket = TokenBucket::new(Rate { per_second: 10.0, burst: 5.0 }, seconds(0));
    assert_eq!(bucket.take(5.0, seconds(0)), Ok(()));
    assert_eq!(bucket.take(1.0, seconds(0)), Err(Duration::from_millis(100)));
    assert_eq!(bucket.take(1.0, Duration::from_millis(100)), Ok(()));
    assert_eq!(bucket.take(5.0, seconds(100)), Ok(()));
    assert_eq!(bucket.take(5.1, seconds(200)), Err(Duration::MAX), "more than it holds");
    assert_eq!(bucket.take(f64::NAN, seconds(200)), Err(Duration::MAX));
    // A clock that goes backwards, and tokens that are given back, make none.
    assert_eq!(bucket.take(5.0, seconds(200)), Ok(()));
    assert_eq!(bucket.take(-5.0, seconds(200)), Ok(()));
    assert!(bucket.take(5.0, seconds(100)).is_err());
    let mut never = TokenBucket::new(Rate { per_second: 0.0, burst: 1.0 }, seconds(0));
    assert_eq!([never.take(1.0, seconds(0)), never.take(1.0, seconds(9))], [Ok(()), Err(Duration::MAX)]);
}

#[test]
fn a_limiter_forgets_full_buckets_and_has_others_wait() {
    check(|| {
        let limiter = RateLimiter::start_link(Rate { per_second: 1.0, burst: 1.0 })?;
        for client in 0..2_000 {
            limiter.take(format!("client {client}"), 1.0)?.unwrap();
            if client == 999 {
                sleep(seconds(2));
            }
        }
        assert!(limiter.buckets()? <= 1_000);
        let before = timer::monotonic_time();
        for _ in 0..3 {
            limiter.wait("patient")?;
        }
        let waited = timer::monotonic_time() - before;
        assert!((seconds(2)..seconds(3)).contains(&waited), "{waited:?}");
        Ok(())
    });
}

#[test]
fn whoever_makes_keys_up_gets_no_buckets_for_it() {
    testing::run(&COMPONENT, || {
        let limiter = RateLimiter::start_link(Rate { per_second: 0.001, burst: 1.0 })?;
        let long = |n: u64| format!("{n:0>300}");
        assert_eq!(limiter.take(long(1), 1.0)?, Ok(()));
        assert!(limiter.take(long(2), 1.0)?.is_err() && limiter.take("short".into(), 1.0)?.is_ok());
        assert_eq!(limiter.buckets()?, 1);
        Ok(())
    });
}

fn pool(change: impl FnOnce(Options) -> Options) -> WorkerPoolClient {
    let options = change(Options::of(2, ChildSpec::worker("worker", "worker")));
    WorkerPool::start_with(options, &SpawnOptions::default()).unwrap()
}

fn alive(worker: Pid) -> bool {
    process::is_alive(worker)
}

#[test]
fn workers_take_turns_and_whoever_waits_gets_one_in_order() {
    check(|| {
        let pool = pool(|options| options.queue(2));
        let workers = [pool.check_out(None)?.unwrap(), pool.check_out(None)?.unwrap()];
        assert_ne!(workers[0].worker, workers[1].worker);
        let first = pool.send_check_out(None)?;
        let second = pool.send_check_out(None)?;
        assert_eq!(pool.check_out(None)?, Err(PoolError::Busy));
        assert_eq!(pool.status()?, Status { workers: 2, free: 0, waiting: 2 });
        pool.check_in(workers[1])?;
        let first = first.receive(Some(seconds(1))).unwrap().unwrap();
        pool.check_in(workers[0])?;
        let second = second.receive(Some(seconds(1))).unwrap().unwrap();
        assert_eq!([first.worker, second.worker], [workers[1].worker, workers[0].worker]);
        // What nobody has is not given back.
        [first, second].iter().try_for_each(|lease| pool.check_in(*lease))?;
        [first, second].iter().try_for_each(|lease| pool.check_in(*lease))?;
        assert_eq!(pool.status()?, Status { workers: 2, free: 2, waiting: 0 });
        Ok(())
    });
}

#[test]
fn more_workers_are_there_while_all_others_are_at_work() {
    check(|| {
        let pool = pool(|options| options.overflow(1).queue(0));
        let leases: Vec<Lease> = (0..3).map(|_| pool.check_out(None).unwrap().unwrap()).collect();
        assert_eq!(pool.check_out(None)?, Err(PoolError::Busy));
        pool.check_in(leases[0])?;
        assert_eq!(pool.status()?, Status { workers: 2, free: 0, waiting: 0 });
        assert_eq!(leases.iter().filter(|lease| alive(lease.worker)).count(), 2);
        Ok(())
    });
}

#[test]
fn dead_workers_are_replaced_and_so_are_those_of_dead_users() {
    check(|| {
        let pool = pool(|options| options);
        let Lease { worker, .. } = pool.check_out(None)?.unwrap();
        testing::crash(worker, ExitReason::error("oops"));
        let replaced = |pool: &WorkerPoolClient| {
            while pool.status().unwrap() != (Status { workers: 2, free: 2, waiting: 0 }) {
                sleep(Duration::from_millis(1));
            }
        };
        replaced(&pool);
        let (own, parent) = (pool.clone(), process::self_pid());
        let user = testing::spawn(move || {
            mailbox::send(parent, &own.check_out(None)?.unwrap().worker)?;
            Err(ExitReason::error("gone"))
        });
        let worker = regrow_sdk::assert_receive!(worker: Pid => worker);
        let monitor = process::monitor(user)?;
        mailbox::wait_for(monitor, None);
        replaced(&pool);
        assert!(!alive(worker));
        // Whoever waits in line and dies does not get one.
        let workers = [pool.check_out(None)?.unwrap(), pool.check_out(None)?.unwrap()];
        let own = pool.clone();
        let waiting =
            testing::spawn(move || own.with_timeout(None).check_out(None).map(drop).map_err(Into::into));
        while pool.status()?.waiting == 0 {}
        testing::crash(waiting, ExitReason::Kill);
        while pool.status()?.waiting > 0 {}
        workers.iter().try_for_each(|worker| pool.check_in(*worker))?;
        replaced(&pool);
        Ok(())
    });
}

#[test]
fn whoever_waits_too_long_leaves_the_line_and_a_lease_ends_once() {
    check(|| {
        let pool = pool(|options| options);
        let [first, second] = [pool.check_out(None)?.unwrap(), pool.check_out(None)?.unwrap()];
        let before = timer::monotonic_time();
        let late = pool.run_within(seconds(7), |worker| worker);
        assert_eq!(late, Err(RunError::Pool(PoolError::Timeout)));
        assert_eq!(timer::monotonic_time() - before, seconds(7));
        assert_eq!(pool.status()?, Status { workers: 2, free: 0, waiting: 0 });
        let in_time = pool.send_check_out(Some(seconds(7)))?;
        pool.check_in(first)?;
        let third = in_time.receive(Some(seconds(1))).unwrap().unwrap();
        sleep(seconds(8));
        // Of the same worker, by whoever had it before.
        pool.check_in(first)?;
        assert_eq!((third.worker, pool.status()?.free), (first.worker, 0));
        pool.check_in(second)?;
        pool.check_in(third)?;
        assert_eq!(pool.status()?, Status { workers: 2, free: 2, waiting: 0 });
        Ok(())
    });
}

#[test]
fn workers_that_cannot_live_are_not_started_in_a_loop() {
    testing::run(&COMPONENT, || {
        regrow_sdk::names::register("counter", process::self_pid())?;
        let options = Options::of(2, ChildSpec::worker("worker", "stillborn"));
        let pool = WorkerPool::start_with(options, &SpawnOptions::default())?;
        sleep(seconds(1));
        let starts = std::iter::from_fn(|| mailbox::receive_message(Some(Duration::ZERO))).count();
        assert!((4..=202).contains(&starts), "they are tried again, not all the time: {starts}");
        pool.stop()?;
        Ok(())
    });
}

#[test]
fn a_job_that_takes_too_long_ends_its_worker() {
    check(|| {
        let pool = pool(|options| options.job_timeout(seconds(5)));
        let quick = pool.run(|worker| {
            sleep(seconds(4));
            worker
        });
        assert!(alive(quick?));
        sleep(seconds(2));
        assert!(alive(pool.run(|worker| worker)?), "its time is over with it");
        let slow = pool.run(|worker| {
            sleep(seconds(6));
            worker
        })?;
        assert!(!alive(slow));
        assert_eq!(pool.status()?, Status { workers: 2, free: 2, waiting: 0 });
        // A message that looks like one of the pool's own is none.
        let forged = pool.run(|worker| mailbox::send(pool.pid().unwrap(), &worker).map(|()| worker))?;
        assert!(alive(forged?) && pool.status()?.free == 2);
        let gone = WorkerPoolClient::new("nobody").run(|worker| worker);
        assert!(matches!(gone, Err(RunError::Call(_))), "{gone:?}");
        Ok(())
    });
}

#[test]
fn steps_that_crash_are_tried_again_and_those_that_hang_are_given_up() {
    check(|| {
        testing::Script::new().named("tries").reply(&1).reply(&2).reply(&3).start();
        let flaky = regrow_sdk::task!(flaky);
        let retry = Retry::times(5).backoff(seconds(1), 2.0, seconds(60));
        let before = timer::monotonic_time();
        assert_eq!(Pipeline::of(flaky).retry(retry).run(&"file".to_owned()), Ok(3));
        assert_eq!(timer::monotonic_time() - before, seconds(3));
        let slow = Pipeline::of(regrow_sdk::task!(slow)).timeout(seconds(2));
        assert_eq!(slow.run(&1), Ok(1));
        let failed = slow.run(&3).unwrap_err();
        assert_eq!((failed.step, failed.why), ("slow", Failure::Task(TaskError::Timeout.into())));
        Ok(())
    });
}

#[derive(Clone, Debug)]
enum Use {
    Get(u8),
    Put(u8),
    Remove(u8),
    Wait(u8),
}

fn uses() -> impl Strategy<Value = Vec<Use>> {
    let key = 0..8_u8;
    let one = prop_oneof![
        3 => key.clone().prop_map(Use::Get),
        3 => key.clone().prop_map(Use::Put),
        1 => key.prop_map(Use::Remove),
        2 => (0..6_u8).prop_map(Use::Wait),
    ];
    prop::collection::vec(one, 0..100)
}

proptest! {
    #[test]
    fn a_cache_is_what_a_list_of_entries_is(size in 0..5_usize, ttl in 1..10_u64, uses in uses()) {
        let mut cache = Entries::new(CacheOptions { ttl: seconds(ttl), size });
        // What was used last is last: key, value, until when.
        let mut model: Vec<(u8, usize, u64)> = Vec::new();
        let mut now = 0;
        for (number, one) in uses.iter().enumerate() {
            model.retain(|(.., until)| *until > now);
            match *one {
                Use::Get(key) => {
                    let found = model.iter().position(|(of, ..)| *of == key).map(|at| model.remove(at));
                    model.extend(found);
                    prop_assert_eq!(cache.get(&key, seconds(now)).copied(), found.map(|(_, value, _)| value));
                }
                Use::Put(key) => {
                    model.retain(|(of, ..)| *of != key);
                    model.push((key, number, now + ttl));
                    if model.len() > size {
                        model.remove(0);
                    }
                    cache.put(key, number, seconds(now));
                }
                Use::Remove(key) => {
                    let found = model.iter().position(|(of, ..)| *of == key).map(|at| model.remove(at));
                    prop_assert_eq!(cache.remove(&key), found.map(|(_, value, _)| value));
                }
                Use::Wait(time) => now += u64::from(time),
            }
            cache.expire(seconds(now));
            model.retain(|(.., until)| *until > now);
            prop_assert_eq!(cache.len(), model.len());
        }
    }
}
