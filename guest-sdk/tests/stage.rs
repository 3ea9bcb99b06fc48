//! Stages (rules D1 to D32), in virtual time.

use std::time::Duration;

use regrow_sdk::gen_server::{Nothing, StartError};
use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::stage::{
    self, Begin, BufferOptions, CancelMode, Dispatcher, Keep, OnePerEvent, Stage, StageRef, SubscribeOptions,
};
use regrow_sdk::supervisor::ChildSpec;
use regrow_sdk::{Destination, ExitReason, Pid, Term, testing};
use serde::{Deserialize, Serialize};

/// A producer that says what it is asked for, and makes numbers: as many as are wanted, or those that it is told to.
struct Numbers {
    owner: Pid,
    next: u64,
    on_demand: bool,
}

#[derive(Clone, Serialize, Deserialize)]
enum Deal {
    ByDemand,
    ToAll,
    /// By the remainder; those that are divisible by 10 go nowhere.
    Modulo(u32),
}

#[derive(Clone, Serialize, Deserialize)]
struct Of {
    owner: Pid,
    on_demand: bool,
    deal: Deal,
    buffer: Option<(usize, bool)>,
    accumulates: bool,
}

fn of(deal: Deal) -> Of {
    Of { owner: process::self_pid(), on_demand: true, deal, buffer: None, accumulates: false }
}

fn partition(number: &u64) -> Option<u32> {
    (!number.is_multiple_of(10)).then_some((number % 3) as u32)
}

impl Stage for Numbers {
    type Argument = Of;
    type In = Nothing;
    type Out = u64;

    fn init(of: Of) -> Begin<Self> {
        let begin = Begin::producer(Numbers { owner: of.owner, next: 1, on_demand: of.on_demand });
        let begin = begin.dispatcher(match of.deal {
            Deal::ByDemand => Dispatcher::Demand,
            Deal::ToAll => Dispatcher::Broadcast,
            Deal::Modulo(partitions) => Dispatcher::Partition { partitions, hash: partition },
        });
        let begin = match of.buffer {
            Some((size, first)) => begin.buffer(BufferOptions {
                size: Some(size),
                keep: if first { Keep::First } else { Keep::Last },
            }),
            None => begin,
        };
        if of.accumulates { begin.accumulate_demand() } else { begin }
    }

    fn handle_demand(&mut self, demand: u64) -> Vec<u64> {
        mailbox::send(self.owner, &("asked", demand)).unwrap();
        if !self.on_demand {
            return Vec::new();
        }
        let from = self.next;
        self.next += demand;
        (from..self.next).collect()
    }

    /// Makes so many.
    fn handle_info(&mut self, info: Received) -> Vec<u64> {
        let Received::Message(message) = info else { return Vec::new() };
        let count: u64 = message.decode().unwrap();
        let from = self.next;
        self.next += count;
        (from..self.next).collect()
    }

    fn selects(&self, event: &u64, selector: &Term) -> bool {
        (*selector == Term::from("even")) == event.is_multiple_of(2)
    }
}

/// A consumer that says what it gets, and goes on when it is told to, if it is slow.
struct Taker {
    owner: Pid,
    is_slow: bool,
}

impl Stage for Taker {
    type Argument = (Pid, bool, Option<(Destination, SubscribeOptions)>);
    type In = u64;
    type Out = Nothing;

    fn init((owner, is_slow, to): Self::Argument) -> Begin<Self> {
        process::trap_exit(true);
        let begin = Begin::consumer(Taker { owner, is_slow });
        match to {
            Some((to, options)) => begin.subscribe_to(to, options),
            None => begin,
        }
    }

    fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<Nothing> {
        mailbox::send(self.owner, &(process::self_pid(), &numbers)).unwrap();
        if self.is_slow {
            mailbox::receive_match(None, |received| match received {
                Received::Message(message) => message.decode::<()>().ok(),
                _ => None,
            });
        }
        Vec::new()
    }

    fn handle_cancel(&mut self, reason: &ExitReason) {
        mailbox::send(self.owner, &("cancelled", format!("{reason}"))).unwrap();
    }
}

/// Makes two of each.
struct Twice;

impl Stage for Twice {
    type Argument = Destination;
    type In = u64;
    type Out = u64;

    fn init(to: Destination) -> Begin<Self> {
        Begin::producer_consumer(Twice).subscribe_to(to, SubscribeOptions::max_demand(10))
    }

    fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<u64> {
        numbers.into_iter().flat_map(|number| [number, number]).collect()
    }
}

/// Takes a second for each batch.
struct Sleepy(Pid);

impl Stage for Sleepy {
    type Argument = Pid;
    type In = u64;
    type Out = Nothing;

    fn init(owner: Pid) -> Begin<Self> {
        Begin::consumer(Sleepy(owner))
    }

    fn handle_events(&mut self, numbers: Vec<u64>) -> Vec<Nothing> {
        regrow_sdk::patterns::sleep(Duration::from_secs(1));
        mailbox::send(self.0, &(process::self_pid(), &numbers)).unwrap();
        Vec::new()
    }
}

/// Makes what no consumer here takes.
struct Words;

impl Stage for Words {
    type Argument = ();
    type In = Nothing;
    type Out = String;

    fn init((): ()) -> Begin<Self> {
        Begin::producer(Words)
    }

    fn handle_demand(&mut self, demand: u64) -> Vec<String> {
        (0..demand).map(|number| format!("{number}")).collect()
    }
}

struct Jobs;

impl OnePerEvent for Jobs {
    type Argument = (Pid, bool);
    type Event = u64;

    fn subscribe_to((producer, _): (Pid, bool)) -> (Destination, SubscribeOptions) {
        (producer.into(), SubscribeOptions::max_demand(4).min_demand(2))
    }

    fn child(number: &u64) -> ChildSpec {
        ChildSpec::worker("job", if number.is_multiple_of(7) { "refuses" } else { "job" })
            .argument(number)
            .transient()
    }
}

/// Says that it has begun, and ends as it is told.
fn job(number: u64) -> Result<(), ExitReason> {
    mailbox::send("owner", &(process::self_pid(), number))?;
    let reason: String = mailbox::receive_message(None).unwrap().decode()?;
    if reason == "normal" { Ok(()) } else { Err(ExitReason::error(&reason)) }
}

fn refuses(_: u64) {
    process::init_ack(process::InitResult::Ignore);
}

fn naturals(from: u64) -> impl Iterator<Item = u64> {
    from..
}

fn few(count: u64) -> impl Iterator<Item = u64> {
    1..=count
}

fn square(number: u64) -> u64 {
    assert!(number < 1_000, "too large for this");
    number * number
}

fn tell(number: u64) {
    mailbox::send("owner", &number).unwrap();
}

regrow_sdk::component! {
    "numbers" => stage Numbers,
    "taker" => stage Taker,
    "twice" => stage Twice,
    "sleepy" => stage Sleepy,
    "words" => stage Words,
    "jobs" => consumer_supervisor Jobs,
    "job" => process job,
    "refuses" => init refuses,
    "naturals" => source naturals,
    "few" => source few,
    "square" => map square,
    "tell" => each tell,
}

fn check(body: impl FnOnce() -> Result<(), ExitReason> + Clone + Send + 'static) {
    testing::for_seeds(0..10, &COMPONENT, body);
}

fn numbers(of: &Of) -> StageRef<Numbers> {
    stage::start("numbers", of, &SpawnOptions::default()).unwrap()
}

fn taker(is_slow: bool) -> StageRef<Taker> {
    stage::start("taker", &(process::self_pid(), is_slow, None), &SpawnOptions::default()).unwrap()
}

fn most(max_demand: u64, min_demand: u64) -> SubscribeOptions {
    SubscribeOptions::max_demand(max_demand).min_demand(min_demand)
}

fn heard<T: serde::de::DeserializeOwned>() -> Option<T> {
    mailbox::receive_match(Some(Duration::from_millis(10)), |received| match received {
        Received::Message(message) => message.decode().ok(),
        _ => None,
    })
}

fn heard_in(seconds: u64) -> Option<(Pid, Vec<u64>)> {
    mailbox::receive_match(Some(Duration::from_secs(seconds)), |received| match received {
        Received::Message(message) => message.decode().ok(),
        _ => None,
    })
}

fn asked() -> Vec<u64> {
    std::iter::from_fn(heard::<(String, u64)>)
        .filter(|(word, _)| word == "asked")
        .map(|(_, count)| count)
        .collect()
}

/// All that has been taken, by whom.
fn taken() -> Vec<(Pid, Vec<u64>)> {
    std::iter::from_fn(heard::<(Pid, Vec<u64>)>).collect()
}

fn taken_by(pid: Pid) -> Vec<u64> {
    taken().into_iter().filter(|(by, _)| *by == pid).flat_map(|(_, numbers)| numbers).collect()
}

fn go_on(stage: &StageRef<Taker>) {
    mailbox::send(stage.pid().unwrap(), &()).unwrap();
}

fn end_of(pid: Pid) -> ExitReason {
    let monitor = process::monitor(pid).unwrap();
    match mailbox::wait_for(monitor, Some(Duration::from_secs(1))) {
        Some(Received::Down { reason, .. }) => reason,
        other => panic!("it has not ended: {other:?}"),
    }
}

#[test]
fn d1_d2_d3_d4_a_consumer_asks_for_as_much_as_it_may_and_again_when_it_has_dealt_with_it() {
    check(|| {
        for (most_demand, least, expected) in
            [(10, 5, 5), (10, 8, 2), (10, 2, 8), (1, 0, 1), (1_000, 500, 500)]
        {
            let (producer, consumer) = (numbers(&of(Deal::ByDemand)), taker(true));
            consumer.subscribe_to(&producer, most(most_demand, least)).unwrap();
            let (_, batch) = heard::<(Pid, Vec<u64>)>().unwrap();
            assert_eq!(batch.len() as u64, expected, "no more than {most_demand} - {least} at once");
            assert_eq!(asked(), [most_demand], "nothing is asked for while it works");
            go_on(&consumer);
            assert_eq!(asked(), [expected]);
            for pid in [producer.pid(), consumer.pid()] {
                testing::crash(pid.unwrap(), ExitReason::Kill);
            }
            taken();
        }
        let (producer, consumer) = (numbers(&of(Deal::ByDemand)), taker(false));
        for bad in [most(0, 0), most(5, 5), most(5, 6)] {
            assert!(matches!(consumer.subscribe_to(&producer, bad), Err(CallError::NotUnderstood(_))));
        }
        Ok(())
    });
}

#[test]
fn d7_demand_is_kept_until_it_is_passed_on() {
    check(|| {
        let producer = numbers(&Of { accumulates: true, ..of(Deal::ByDemand) });
        let consumers = [taker(true), taker(true)];
        for consumer in &consumers {
            consumer.subscribe_to(&producer, most(10, 5)).unwrap();
        }
        assert_eq!(asked(), [0; 0]);
        producer.pass_on_demand(true)?;
        assert_eq!(asked().iter().sum::<u64>(), 20);
        Ok(())
    });
}

#[test]
fn d8_d9_what_nobody_has_asked_for_is_kept_as_far_as_the_buffer_goes() {
    check(|| {
        for (first, expected) in [(true, [1, 2, 3, 4]), (false, [7, 8, 9, 10])] {
            let producer = numbers(&Of { on_demand: false, buffer: Some((4, first)), ..of(Deal::ByDemand) });
            for count in [3, 7] {
                mailbox::send(producer.pid().unwrap(), &count)?;
            }
            let consumer = taker(false);
            consumer.subscribe_to(&producer, most(10, 5)).unwrap();
            // What was kept counts: only the rest is asked for.
            assert_eq!(asked(), [6]);
            assert_eq!(taken_by(consumer.pid().unwrap()), expected);
            mailbox::send(producer.pid().unwrap(), &2)?;
            assert_eq!(taken_by(consumer.pid().unwrap()), [11, 12]);
            assert_eq!(asked(), [6], "four are left");
        }
        Ok(())
    });
}

#[test]
fn d12_a_slow_consumer_slows_its_producer() {
    check(|| {
        let producer = numbers(&of(Deal::ByDemand));
        let to = Destination::from(producer);
        let twice: StageRef<Twice> = stage::start("twice", &to, &SpawnOptions::default())?;
        // Nobody wants anything of it: it asks for what it may keep, and no more.
        assert_eq!(asked(), [10]);
        let consumer = taker(true);
        consumer.subscribe_to(&twice, most(4, 2)).unwrap();
        let mut all = Vec::new();
        let mut asked_for = 0;
        for _ in 0..50 {
            all.extend(heard::<(Pid, Vec<u64>)>().unwrap().1);
            asked_for += asked().iter().sum::<u64>();
            assert!(asked_for <= all.len() as u64 / 2 + 10, "{asked_for} for {}", all.len());
            go_on(&consumer);
        }
        let expected: Vec<u64> = (1..).flat_map(|number| [number, number]).take(all.len()).collect();
        assert_eq!(all, expected);
        Ok(())
    });
}

#[test]
fn d13_events_go_to_whoever_has_asked_for_most() {
    check(|| {
        let producer = numbers(&Of { on_demand: false, ..of(Deal::ByDemand) });
        let (small, large) = (taker(true), taker(true));
        small.subscribe_to(&producer, most(2, 1)).unwrap();
        large.subscribe_to(&producer, most(5, 4)).unwrap();
        mailbox::send(producer.pid().unwrap(), &3)?;
        assert_eq!(taken_by(large.pid().unwrap()), [1]);
        go_on(&large);
        go_on(&large);
        taken();
        // What a consumer that has gone had asked for is the next one's.
        testing::crash(large.pid().unwrap(), ExitReason::Kill);
        mailbox::send(producer.pid().unwrap(), &4)?;
        let next = taker(false);
        next.subscribe_to(&producer, most(5, 4)).unwrap();
        let got = taken();
        assert!(got.iter().any(|(pid, _)| Some(*pid) == next.pid()), "{got:?}");
        Ok(())
    });
}

#[test]
fn d15_d16_d18_everybody_gets_everything_as_fast_as_the_slowest() {
    check(|| {
        let producer = numbers(&of(Deal::ToAll));
        let (fast, slow) = (taker(false), taker(true));
        slow.subscribe_to(&producer, most(2, 0)).unwrap();
        asked();
        fast.subscribe_to(&producer, most(10, 5)).unwrap();
        assert_eq!(asked(), [0; 0], "the slowest has two");
        go_on(&slow);
        asked();
        let got = taken();
        let of = |pid: Pid| {
            got.iter().filter(|(by, _)| *by == pid).flat_map(|(_, all)| all.clone()).collect::<Vec<_>>()
        };
        // It came when the first two were gone.
        assert_eq!(of(slow.pid().unwrap()), [&[1, 2][..], &of(fast.pid().unwrap())].concat());
        // Twice is not possible, and ends neither.
        let temporary = SubscribeOptions { cancel: CancelMode::Temporary, ..most(3, 1) };
        fast.subscribe_to(&producer, temporary).unwrap();
        assert_eq!(heard::<(String, String)>().unwrap().1, "error(\"already_subscribed\")");
        // Without the slow one the other goes on by itself.
        testing::crash(slow.pid().unwrap(), ExitReason::Kill);
        for _ in 0..20 {
            assert_eq!(heard::<(Pid, Vec<u64>)>().map(|(pid, _)| Some(pid)), Some(fast.pid()));
        }
        Ok(())
    });
}

#[test]
fn d17_a_selector_chooses_and_what_is_left_out_was_not_asked_for() {
    check(|| {
        let producer = numbers(&Of { on_demand: false, ..of(Deal::ToAll) });
        let (even, odd) = (taker(false), taker(false));
        even.subscribe_to(&producer, most(10, 5).selector("even")).unwrap();
        odd.subscribe_to(&producer, most(10, 5).selector("odd")).unwrap();
        for _ in 0..20 {
            mailbox::send(producer.pid().unwrap(), &10)?;
        }
        let got = taken();
        let of = |pid: Pid| {
            got.iter().filter(|(by, _)| *by == pid).flat_map(|(_, all)| all.clone()).collect::<Vec<_>>()
        };
        assert_eq!(of(even.pid().unwrap()), (1..=100).map(|half| half * 2).collect::<Vec<u64>>());
        assert_eq!(of(odd.pid().unwrap()), (0..100).map(|half| half * 2 + 1).collect::<Vec<u64>>());
        Ok(())
    });
}

#[test]
fn d17_who_selects_gets_all_that_was_asked_for_from_whoever_makes_it_on_demand() {
    check(|| {
        let producer = numbers(&of(Deal::ToAll));
        let consumer = taker(false);
        let options = SubscribeOptions { selector: Some(Term::from("even")), ..most(10, 5) };
        consumer.subscribe_to(&producer, options)?;
        // Half of what is made is nobody's: as much again is asked for until there is enough.
        let mut taken = Vec::new();
        while taken.len() < 100 {
            let (_, numbers) = heard_in(1).expect("it goes on and on");
            taken.extend(numbers);
        }
        assert_eq!(taken[..100], (1..=100).map(|number| 2 * number).collect::<Vec<_>>());
        consumer.stop()?;
        Ok(())
    });
}

#[test]
fn d19_d20_partitions_have_one_consumer_each_and_wait_for_it() {
    check(|| {
        let producer = numbers(&Of { on_demand: false, ..of(Deal::Modulo(3)) });
        let cancel = CancelMode::Temporary;
        for (partition, why) in [(None, "partition_missing"), (Some(3), "unknown_partition")] {
            let consumer = taker(false);
            consumer.subscribe_to(&producer, SubscribeOptions { partition, cancel, ..most(10, 5) }).unwrap();
            assert_eq!(heard::<(String, String)>().unwrap().1, format!("error({why:?})"));
        }
        let zero = taker(false);
        zero.subscribe_to(&producer, most(10, 5).partition(0)).unwrap();
        let taken_already = taker(false);
        taken_already
            .subscribe_to(&producer, SubscribeOptions { cancel, ..most(10, 5).partition(0) })
            .unwrap();
        assert_eq!(heard::<(String, String)>().unwrap().1, "error(\"partition_taken\")");
        mailbox::send(producer.pid().unwrap(), &30)?;
        let expected = |rest: u64| (1..=30).filter(|n| n % 3 == rest && n % 10 != 0).collect::<Vec<u64>>();
        assert_eq!(taken_by(zero.pid().unwrap()), expected(0));
        let one = taker(false);
        one.subscribe_to(&producer, most(10, 5).partition(1)).unwrap();
        assert_eq!(taken_by(one.pid().unwrap()), expected(1));
        // A partition that there is not.
        let producer = numbers(&Of { on_demand: false, ..of(Deal::Modulo(1)) });
        mailbox::send(producer.pid().unwrap(), &2)?;
        assert!(
            matches!(end_of(producer.pid().unwrap()), ExitReason::Trap(trap) if trap.message.contains("partition"))
        );
        Ok(())
    });
}

#[test]
fn a_partition_without_consumer_does_not_fill_the_memory() {
    check(|| {
        let producer = numbers(&of(Deal::Modulo(3)));
        let zero = taker(false);
        zero.subscribe_to(&producer, most(1, 0).partition(0)).unwrap();
        let made: u64 = asked().iter().sum();
        assert!(made < 20, "{made}");
        Ok(())
    });
}

#[test]
fn d21_d22_d23_d24_the_end_of_a_subscription_is_what_its_consumer_says() {
    use CancelMode::{Permanent, Temporary, Transient};
    check(|| {
        let reasons = [ExitReason::Normal, ExitReason::Shutdown, ExitReason::error("oops")];
        for (cancel, ends) in
            [(Permanent, [true; 3]), (Transient, [false, false, true]), (Temporary, [false; 3])]
        {
            for (reason, ends) in reasons.iter().zip(ends) {
                let (producer, consumer) = (numbers(&of(Deal::ByDemand)), taker(false));
                consumer.subscribe_to(&producer, SubscribeOptions { cancel, ..most(2, 1) }).unwrap();
                heard::<(Pid, Vec<u64>)>();
                let monitor = process::monitor(consumer.pid().unwrap())?;
                let pid = producer.pid().unwrap();
                regrow_sdk::gen_server::stop(pid, reason.clone(), None)?;
                let cancelled =
                    mailbox::receive_match(Some(Duration::from_secs(1)), |received| match received {
                        Received::Message(message) => message.decode::<(String, String)>().ok(),
                        _ => None,
                    });
                assert!(cancelled.is_some(), "before it ends");
                let pid = consumer.pid().unwrap();
                if ends {
                    let Some(Received::Down { reason: of_end, .. }) = mailbox::wait_for(monitor, None) else {
                        panic!("it has not ended")
                    };
                    assert_eq!(of_end.is_clean(), reason.is_clean(), "{cancel:?}: {of_end}");
                } else {
                    assert!(process::is_alive(pid), "{cancel:?} {reason}");
                    process::demonitor(monitor);
                }
                taken();
            }
        }
        // Nobody there: as if it had ended.
        for (cancel, ends) in [(Permanent, true), (Transient, true), (Temporary, false)] {
            let nobody: (Destination, _) = ("nobody".into(), SubscribeOptions { cancel, ..most(2, 1) });
            let argument = (process::self_pid(), false, Some(nobody));
            let consumer: StageRef<Taker> = stage::start("taker", &argument, &SpawnOptions::default())?;
            let monitor = process::monitor(consumer.pid().unwrap())?;
            assert_eq!(heard::<(String, String)>().unwrap().1, "noproc");
            if ends {
                let down = mailbox::wait_for(monitor, None);
                assert!(matches!(down, Some(Received::Down { reason: ExitReason::NoProc, .. })), "{down:?}");
            }
        }
        // The end of a consumer is nothing to its producer.
        let (producer, consumer) = (numbers(&of(Deal::ByDemand)), taker(false));
        consumer.subscribe_to(&producer, most(2, 1)).unwrap();
        testing::crash(consumer.pid().unwrap(), ExitReason::Kill);
        assert!(process::is_alive(producer.pid().unwrap()));
        Ok(())
    });
}

#[test]
fn what_a_consumer_has_no_room_for_waits_and_comes_in_smaller_parts() {
    check(|| {
        let taken_by = |options: &SpawnOptions, subscribed: SubscribeOptions, made: &[u64]| {
            let producer = numbers(&Of { on_demand: false, ..of(Deal::ByDemand) });
            let consumer: StageRef<Sleepy> = stage::start("sleepy", &process::self_pid(), options).unwrap();
            consumer.subscribe_to(&producer, subscribed).unwrap();
            let producer = producer.pid().unwrap();
            made.iter().for_each(|count| mailbox::send(producer, count).unwrap());
            let batches: Vec<Vec<u64>> =
                std::iter::from_fn(|| heard_in(5)).map(|(_, numbers)| numbers).collect();
            let total = made.iter().sum::<u64>();
            assert_eq!(batches.concat(), (1..=total).collect::<Vec<_>>(), "all of them, in order");
            // The producer has not waited for it, and neither lost its demand.
            mailbox::send(producer, &1).unwrap();
            assert!(heard_in(5).is_some(), "and on it goes");
            batches
        };
        let few_messages = SpawnOptions { max_mailbox_messages: Some(2), ..SpawnOptions::default() };
        taken_by(&few_messages, most(20, 15), &[1; 12]);
        let few_bytes = SpawnOptions { max_mailbox_bytes: Some(600), ..SpawnOptions::default() };
        let batches = taken_by(&few_bytes, most(1_000, 0), &[900]);
        assert!(batches.len() > 4, "in parts that fit: {}", batches.len());
        Ok(())
    });
}

#[test]
fn events_of_another_type_end_the_subscription() {
    check(|| {
        let words: StageRef<Words> = stage::start("words", &(), &SpawnOptions::default()).unwrap();
        let consumer = taker(false);
        let options = SubscribeOptions { cancel: CancelMode::Temporary, ..most(10, 5) };
        let pid = |stage: Option<Pid>| stage.expect("it runs");
        stage::subscribe(pid(consumer.pid()), pid(words.pid()), options)?;
        let (_, why) = heard::<(String, String)>().expect("it is told so");
        assert_eq!(why, "error(\"events_of_another_type\")");
        assert!(heard::<(String, String)>().is_none(), "once");
        // Both go on.
        consumer.subscribe_to(&numbers(&of(Deal::ByDemand)), most(4, 2))?;
        assert!(heard_in(1).is_some());
        words.stop()?;
        Ok(())
    });
}

#[test]
fn nobody_asks_for_more_than_producers_count() {
    testing::run(&COMPONENT, || {
        let producer = numbers(&Of { on_demand: false, ..of(Deal::ByDemand) });
        taker(false).subscribe_to(&producer, most(u64::MAX, u64::MAX - 1))?;
        assert_eq!(asked(), [1_000_000]);
        mailbox::send(producer.pid().unwrap(), &3)?;
        assert_eq!(asked().iter().sum::<u64>(), 3, "as much again");
        Ok(())
    });
}

#[test]
fn d25_a_subscription_that_there_is_not_is_told_so_and_one_can_be_cancelled() {
    check(|| {
        let (producer, consumer) = (numbers(&Of { on_demand: false, ..of(Deal::ByDemand) }), taker(false));
        let options = SubscribeOptions { cancel: CancelMode::Transient, ..most(10, 5) };
        let subscription = consumer.subscribe_to(&producer, options).unwrap();
        mailbox::send(producer.pid().unwrap(), &2)?;
        assert_eq!(taken_by(consumer.pid().unwrap()), [1, 2]);
        assert_eq!(subscription.cancel("normal"), Ok(true));
        assert_eq!(heard::<(String, String)>().unwrap().1, "normal");
        assert_eq!(subscription.cancel("normal"), Ok(false));
        mailbox::send(producer.pid().unwrap(), &2)?;
        assert_eq!(taken_by(consumer.pid().unwrap()), [0; 0]);
        // Nonsense of the protocol's kind ends nobody.
        let nonsense = ("regrow.stage", "nonsense");
        for pid in [producer.pid().unwrap(), consumer.pid().unwrap()] {
            mailbox::send(pid, &nonsense)?;
            regrow_sdk::gen_server::stop(pid, ExitReason::Normal, None)?;
        }
        Ok(())
    });
}

#[test]
fn d30_d31_one_child_for_each_event_and_no_more_at_a_time_than_are_asked_for() {
    check(|| {
        regrow_sdk::names::register("owner", process::self_pid())?;
        let producer = numbers(&of(Deal::ByDemand));
        let jobs: StageRef<stage::ConsumerSupervisor<Jobs>> =
            stage::start("jobs", &(producer.pid().unwrap(), true), &SpawnOptions::default())?;
        let begun = || std::iter::from_fn(heard::<(Pid, u64)>).collect::<Vec<_>>();
        let say = |pid: Pid, word: &str| mailbox::send(pid, word).unwrap();
        let first = begun();
        assert_eq!(first.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(asked(), [4]);
        // One that crashes is restarted, and counts.
        say(first[0].0, "oops");
        let again = begun();
        assert_eq!(again.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [1]);
        say(first[1].0, "normal");
        assert_eq!((asked(), begun().len()), (vec![], 0), "three are at work");
        say(again[0].0, "normal");
        assert_eq!(begun().iter().map(|(_, number)| *number).collect::<Vec<_>>(), [5, 6]);
        // The seventh has nothing to do: it is done with.
        say(first[2].0, "normal");
        say(first[3].0, "normal");
        assert_eq!(begun().iter().map(|(_, number)| *number).collect::<Vec<_>>(), [8]);
        jobs.stop()?;
        Ok(())
    });
}

#[test]
fn flows_end_with_their_source_or_with_the_first_that_fails() {
    check(|| {
        regrow_sdk::names::register("owner", process::self_pid())?;
        let flow = regrow_sdk::flow!(few(5) => square => tell)?;
        let stages = flow.stages().to_vec();
        assert_eq!(flow.join(Some(Duration::from_secs(1))), Ok(()));
        assert_eq!(std::iter::from_fn(heard::<u64>).collect::<Vec<_>>(), [1, 4, 9, 16, 25]);
        assert!(stages.iter().all(|pid| end_of(*pid) == ExitReason::NoProc));
        // The source ends long before its last events are taken.
        let slowly = regrow_sdk::flow!(few(30), max_demand 3 => square => tell)?;
        assert_eq!(slowly.join(Some(Duration::from_secs(1))), Ok(()));
        let squares: Vec<u64> = (1..=30).map(|number| number * number).collect();
        assert_eq!(std::iter::from_fn(heard::<u64>).collect::<Vec<_>>(), squares);
        // Nothing at all.
        assert_eq!(regrow_sdk::flow!(few(0) => tell)?.join(Some(Duration::from_secs(1))), Ok(()));

        process::trap_exit(true);
        let flow = regrow_sdk::flow!(naturals(997), max_demand 2 => square => tell)?;
        let stages = flow.stages().to_vec();
        let failed = flow.join(Some(Duration::from_secs(1)));
        assert!(failed.is_err(), "{failed:?}");
        assert_eq!(std::iter::from_fn(heard::<u64>).collect::<Vec<_>>(), [997 * 997, 998 * 998, 999 * 999]);
        // Whoever has started them is told by his link that one has failed; the source, which is asked for nothing any more, ends, too.
        assert!(stages.iter().all(|pid| matches!(end_of(*pid), ExitReason::NoProc | ExitReason::Shutdown)));
        assert!(matches!(mailbox::receive(None), Some(Received::Exit { .. })));
        let refused: Result<StageRef<Twice>, _> =
            stage::start("few", &Destination::from("x"), &SpawnOptions::default());
        assert!(matches!(refused, Err(StartError::Failed(_))));
        Ok(())
    });
}
