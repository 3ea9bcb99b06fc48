//! A child for each event, and linear flows.

use std::time::Duration;

use regrow_sdk::gen_server::StartError;
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::stage::{self, StageRef};
use regrow_sdk::{Destination, ExitReason, Pid};

use crate::support::*;

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
