//! Process groups (rules PG1 to PG8).

use std::collections::BTreeMap;

use proptest::prelude::*;
use regrow_otp::testing::{EventLog, first_panic, kept_bytes};
use regrow_otp::{
    Context, ExitReason, GroupError, LimitKind, Limits, MAX_MEMBERSHIPS, Pid, Received, Reference, Simulator,
    SpawnOptions, SystemKind,
};
use regrow_term::{Term, decode, encode};

use crate::support::*;

fn group(name: &str) -> Vec<u8> {
    encode(name).unwrap()
}

fn members(context: &Context, scope: &str, name: &str) -> Vec<Pid> {
    context.runtime().group_members(scope, &group(name)).unwrap()
}

/// What a watcher is told: `+` or `-`, the group, and how many pids.
fn told(received: Option<Received>) -> String {
    let Some(Received::System(system)) = received else { return show(received) };
    let sign = match system.kind {
        SystemKind::GroupJoin => '+',
        SystemKind::GroupLeave => '-',
        other => panic!("{other:?}"),
    };
    let Ok(Term::List(parts)) = decode(&system.payload) else { panic!("{:?}", system.payload) };
    let [Term::Text(group), Term::List(pids)] = parts.as_slice() else { panic!("{parts:?}") };
    format!("{sign}{group} {}", pids.len())
}

#[test]
fn pg1_pg2_a_process_is_a_member_as_often_as_it_has_joined() {
    check(&["2", "1", "true false", "no group"], |context, trace| async move {
        context.start_scope("s").unwrap();
        let own = context.pid();
        context.join_group("s", &group("g"), &[own]).unwrap();
        context.join_group("s", &group("g"), &[own]).unwrap();
        trace.note(members(&context, "s", "g").len());
        assert_eq!(context.leave_group("s", &group("g"), &[own]), Ok(true));
        trace.note(members(&context, "s", "g").len());
        let left = [(); 2].map(|()| context.leave_group("s", &group("g"), &[own]).unwrap());
        trace.note(format!("{} {}", left[0], left[1]));
        assert_eq!(context.runtime().groups("s"), Ok(vec![]));
        trace.note("no group");
    });
}

#[test]
fn pg3_pg4_death_ends_all_memberships_before_it_is_heard_of() {
    check(&["a b", "none"], |context, trace| async move {
        context.start_scope("s").unwrap();
        let other = sleeper(&context, SpawnOptions::default());
        context.join_group("s", &group("a"), &[other, other]).unwrap();
        context.join_group("s", &group("b"), &[other]).unwrap();
        let groups: Vec<String> =
            context.runtime().groups("s").unwrap().iter().map(|g| decode(g).unwrap()).collect();
        trace.note(groups.join(" "));
        context.exit_process(other, ExitReason::Kill);
        context.await_down(other).await;
        assert_eq!(context.runtime().groups("s"), Ok(vec![]));
        trace.note("none");
    });
}

#[test]
fn pg5_scopes_are_independent_and_lose_their_members_with_their_owner() {
    check(&["taken", "apart", "gone", "empty again"], |context, trace| async move {
        let owner = child(&context, SpawnOptions::default(), |context| async move {
            context.start_scope("s").unwrap();
            context.start_scope("t").unwrap();
            loop {
                context.receive(None).await;
            }
        });
        settle(&context).await;
        assert_eq!(context.start_scope("s"), Err(GroupError::ScopeTaken(owner)));
        trace.note("taken");
        context.join_group("s", &group("g"), &[context.pid()]).unwrap();
        assert_eq!((members(&context, "s", "g").len(), members(&context, "t", "g").len()), (1, 0));
        trace.note("apart");
        let (monitor, _) = context.monitor_group("s", &group("g")).unwrap();
        context.exit_process(owner, ExitReason::Kill);
        context.await_down(owner).await;
        assert_eq!(context.runtime().group_members("s", &group("g")), Err(GroupError::NoScope));
        assert_eq!(context.demonitor_group("s", monitor), Err(GroupError::NoScope));
        assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
        trace.note("gone");
        context.start_scope("s").unwrap();
        assert_eq!(members(&context, "s", "g"), []);
        trace.note("empty again");
    });
}

#[test]
fn pg6_without_a_scope_and_with_the_dead_nothing_is_done() {
    check(&["no scope", "nobody", "bad names"], |context, trace| async move {
        let own = context.pid();
        assert_eq!(context.join_group("s", &group("g"), &[own]), Err(GroupError::NoScope));
        assert_eq!(context.leave_group("s", &group("g"), &[own]), Err(GroupError::NoScope));
        assert_eq!(context.monitor_scope("s").err(), Some(GroupError::NoScope));
        trace.note("no scope");
        context.start_scope("s").unwrap();
        let dead = sleeper(&context, SpawnOptions::default());
        context.exit_process(dead, ExitReason::Kill);
        context.await_down(dead).await;
        context.join_group("s", &group("g"), &[own]).unwrap();
        let before = kept_bytes(context.runtime(), own);
        assert_eq!(context.join_group("s", &group("g"), &[own, own, dead]), Err(GroupError::NoProc(dead)));
        assert_eq!((members(&context, "s", "g"), kept_bytes(context.runtime(), own)), (vec![own], before));
        trace.note("nobody");
        for bad in [b"\xff".to_vec(), vec![], encode(&"x".repeat(5000)).unwrap()] {
            let refused = context.join_group("s", &bad, &[own]);
            assert!(matches!(refused, Err(GroupError::BadGroup(_))), "{refused:?}");
        }
        assert_eq!(context.start_scope(""), Err(GroupError::BadName));
        trace.note("bad names");
    });
}

#[test]
fn pg7_a_watcher_hears_of_every_change_in_order_until_it_wants_no_more() {
    let expected = ["1 member", "+g 2", "-g 1", "+other 1", "-g 1", "-g 1", "nothing"];
    check(&expected, |context, trace| async move {
        context.start_scope("s").unwrap();
        let own = context.pid();
        context.join_group("s", &group("g"), &[own]).unwrap();
        let (all, snapshot) = context.monitor_scope("s").unwrap();
        assert_eq!(snapshot, [(group("g"), vec![own])]);
        trace.note("1 member");
        let others = [(); 2].map(|()| sleeper(&context, SpawnOptions::default()));
        context.join_group("s", &group("g"), &others).unwrap();
        context.leave_group("s", &group("g"), &[own]).unwrap();
        context.join_group("s", &group("other"), &[own]).unwrap();
        for _ in 0..3 {
            trace.note(told(context.receive(None).await));
        }
        for other in others {
            context.exit_process(other, ExitReason::Kill);
            trace.note(told(context.receive(None).await));
        }
        // What has arrived goes with the monitor.
        context.leave_group("s", &group("other"), &[own]).unwrap();
        settle(&context).await;
        assert_eq!(context.demonitor_group("s", all), Ok(true));
        assert_eq!(context.demonitor_group("s", all), Ok(false));
        assert_eq!(poll(&context).await, "timeout");
        trace.note("nothing");
    });
}

#[test]
fn pg7_pg8_a_monitor_is_of_one_group_and_of_its_owner_and_ends_with_it() {
    check(&["+g 1", "not its own", "free"], |context, trace| async move {
        context.start_scope("s").unwrap();
        let (monitor, none) = context.monitor_group("s", &group("g")).unwrap();
        assert_eq!(none, []);
        context.join_group("s", &group("other"), &[context.pid()]).unwrap();
        context.join_group("s", &group("g"), &[context.pid()]).unwrap();
        trace.note(told(context.receive(None).await));
        let notes = trace.clone();
        let other = child(&context, SpawnOptions::default(), move |context| async move {
            assert_eq!(context.demonitor_group("s", monitor), Ok(false));
            notes.note("not its own");
            // A watcher that is a member, too.
            context.monitor_group("s", &group("g")).unwrap();
            context.join_group("s", &group("g"), &[context.pid()]).unwrap();
            ExitReason::Normal
        });
        context.await_down(other).await;
        assert_eq!(members(&context, "s", "g"), [context.pid()]);
        context.join_group("s", &group("g"), &[context.pid()]).unwrap();
        trace.note("free");
    });
}

#[test]
fn memberships_are_charged_to_their_processes() {
    check(&["refused whole", "given back"], |context, trace| async move {
        context.start_scope("s").unwrap();
        let limits = Limits { kept_bytes: 300, ..Limits::default() };
        let other = sleeper(&context, SpawnOptions { limits, ..Default::default() });
        let own = kept_bytes(context.runtime(), context.pid());
        let pids = [context.pid(), other, other, other];
        let refused = context.join_group("s", &group("g"), &pids);
        assert!(matches!(refused, Err(GroupError::Limit(limit)) if limit.limit.name() == "kept_bytes"));
        assert_eq!(members(&context, "s", "g"), []);
        assert_eq!(kept_bytes(context.runtime(), context.pid()), own);
        trace.note("refused whole");
        context.join_group("s", &group("g"), &pids[..3]).unwrap();
        context.leave_group("s", &group("g"), &pids[..3]).unwrap();
        assert_eq!(
            (kept_bytes(context.runtime(), other), kept_bytes(context.runtime(), context.pid())),
            (0, own)
        );
        trace.note("given back");
        context.exit_process(other, ExitReason::Kill);
    });
}

#[derive(Clone, Debug)]
enum Op {
    Join(usize, u8, u8),
    Leave(usize, u8),
    Kill(usize),
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (0..4usize, 0..3u8, 1..3u8).prop_map(|(who, group, times)| Op::Join(who, group, times)),
        2 => (0..4usize, 0..3u8).prop_map(|(who, group)| Op::Leave(who, group)),
        1 => (0..4usize).prop_map(Op::Kill),
    ]
}

fn of_watched(received: Received, monitor: Reference, view: &mut BTreeMap<String, Vec<String>>) {
    let Received::System(system) = received else { panic!("{received:?}") };
    assert_eq!(system.reference, monitor);
    let Ok(Term::List(parts)) = decode(&system.payload) else { panic!("{:?}", system.payload) };
    let [Term::Text(group), Term::List(pids)] = parts.as_slice() else { panic!("{parts:?}") };
    let members = view.entry(group.clone()).or_default();
    for pid in pids.iter().map(ToString::to_string) {
        match system.kind {
            SystemKind::GroupJoin => members.push(pid),
            _ => drop(members.remove(members.iter().position(|member| *member == pid).expect("a member"))),
        }
    }
    if members.is_empty() {
        view.remove(group);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Snapshot and changes together are what there is, whoever joins, leaves and dies (rules PG1 to PG4, PG7).
    #[test]
    fn what_a_watcher_hears_is_what_there_is(ops in prop::collection::vec(ops(), 1..40), seed in any::<u64>()) {
        let log = EventLog::default();
        let mut simulator = Simulator::new(seed, Box::new(log.clone()));
        let body = move |context: Context| async move {
            context.start_scope("s").unwrap();
            let mut processes = [(); 4].map(|()| sleeper(&context, SpawnOptions::default()));
            let (monitor, _) = context.monitor_scope("s").unwrap();
            let mut view: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for op in &ops {
                let name = |number: &u8| group(&format!("g{number}"));
                match op {
                    Op::Join(who, number, times) => {
                        let pids = vec![processes[*who]; usize::from(*times)];
                        context.join_group("s", &name(number), &pids).unwrap();
                    }
                    Op::Leave(who, number) => {
                        let was = context.runtime().group_members("s", &name(number)).unwrap();
                        let left = context.leave_group("s", &name(number), &[processes[*who]]).unwrap();
                        assert_eq!(left, was.contains(&processes[*who]));
                    }
                    Op::Kill(who) => {
                        context.exit_process(processes[*who], ExitReason::Kill);
                        context.await_down(processes[*who]).await;
                        processes[*who] = sleeper(&context, SpawnOptions::default());
                    }
                }
                settle(&context).await;
                while let Some(received) = context.receive(Some(std::time::Duration::ZERO)).await {
                    of_watched(received, monitor, &mut view);
                }
                let there = context.runtime().groups("s").unwrap().into_iter().map(|group| {
                    let members = context.runtime().group_members("s", &group).unwrap();
                    let mut members: Vec<String> = members.iter().map(|pid| pid.to_term().to_string()).collect();
                    members.sort();
                    (decode::<String>(&group).unwrap(), members)
                });
                view.values_mut().for_each(|members| members.sort());
                assert_eq!(view, there.collect(), "after {op:?}");
            }
            processes.into_iter().for_each(|pid| context.exit_process(pid, ExitReason::Kill));
            ExitReason::Normal
        };
        simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
        simulator.run();
        prop_assert_eq!(first_panic(&log.events()), None);
    }
}

#[test]
fn pg5_watchers_hear_of_the_end_of_a_scope() {
    check(&["scope-down", "no scope"], |context, trace| async move {
        let owner = child(&context, SpawnOptions::default(), |context| async move {
            context.start_scope("s").unwrap();
            context.receive(None).await;
            ExitReason::Normal
        });
        settle(&context).await;
        let (monitor, _) = context.monitor_scope("s").unwrap();
        context.exit_process(owner, ExitReason::Kill);
        trace.note(next(&context).await);
        assert_eq!(context.demonitor_group("s", monitor), Err(GroupError::NoScope));
        trace.note("no scope");
    });
}

#[test]
fn memberships_and_monitors_of_a_process_are_limited() {
    check(&["1000", "100", "10000"], |context, trace| async move {
        context.start_scope("s").unwrap();
        let own = context.pid();
        context.join_group("s", &group("g"), &vec![own; MAX_MEMBERSHIPS]).unwrap();
        let before = kept_bytes(context.runtime(), own);
        assert!(matches!(context.join_group("s", &group("g"), &[own]), Err(GroupError::Limit(_))));
        assert!(matches!(
            context.leave_group("s", &group("g"), &vec![own; MAX_MEMBERSHIPS + 1]),
            Err(GroupError::Limit(_))
        ));
        assert_eq!((members(&context, "s", "g").len(), kept_bytes(context.runtime(), own)), (1000, before));
        trace.note(MAX_MEMBERSHIPS);
        let monitors: Vec<Reference> =
            std::iter::from_fn(|| context.monitor_group("s", &group("g")).ok()).map(|(of, _)| of).collect();
        trace.note(monitors.len());
        let kept = kept_bytes(context.runtime(), own);
        context.demonitor_group("s", monitors[0]).unwrap();
        assert!(kept_bytes(context.runtime(), own) < kept);
        context.monitor_group("s", &group("g")).unwrap();
        let join = |number: u64| context.join_group("s", &group(&number.to_string()), &[own]);
        let more = (0..).take_while(|number| join(*number).is_ok()).count() as u64;
        assert!(matches!(join(more), Err(GroupError::Limit(limit)) if limit.limit == LimitKind::Memberships));
        trace.note(more + MAX_MEMBERSHIPS as u64);
        context.leave_group("s", &group("g"), &[own]).unwrap();
        join(more).unwrap();
    });
}
