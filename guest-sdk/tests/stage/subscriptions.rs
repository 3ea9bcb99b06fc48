//! How subscriptions begin and end.

use std::time::Duration;

use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::stage::{self, CancelMode, StageRef, SubscribeOptions};
use regrow_sdk::{Destination, ExitReason, Pid, testing};

use crate::support::*;

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
