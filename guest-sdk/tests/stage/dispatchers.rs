//! Who gets which event.

use regrow_sdk::mailbox::{self};
use regrow_sdk::stage::{CancelMode, SubscribeOptions};
use regrow_sdk::{ExitReason, Pid, Term, testing};

use crate::support::*;

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
