//! Who asks for how much, and what becomes of what nobody has room for.

use regrow_sdk::mailbox::{self, CallError};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::stage::{self, StageRef, SubscribeOptions};
use regrow_sdk::{Destination, ExitReason, Pid, testing};

use crate::COMPONENT;
use crate::support::*;

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
