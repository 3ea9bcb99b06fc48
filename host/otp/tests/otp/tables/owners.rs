//! To whom tables belong (rules E14, E17 to E20, E25).

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::kept_bytes;
use regrow_otp::{
    Access, Budget, Context, ExitReason, Heir, Limits, Pid, Received, Resource, SpawnOptions, TableError,
    TableId, TableKind, TableOptions,
};
use regrow_term::{Term, decode};

use super::{insert, table, term, values};
use crate::support::*;

/// A child that makes a table with a row in it, says which by the name `t`, and waits.
fn owner(context: &Context, options: TableOptions, spawn: SpawnOptions) -> Pid {
    child(context, spawn, move |context| async move {
        let id = context.create_table(TableOptions { name: Some("t".into()), ..options }).unwrap();
        insert(&context, id, "key", "value");
        loop {
            context.receive(None).await;
        }
    })
}

async fn found(context: &Context) -> TableId {
    settle(context).await;
    context.runtime().table_named("t").expect("it has been made")
}

fn heir(pid: Pid) -> Option<Heir> {
    Some(Heir { pid, data: Bytes::from(term("inherited")) })
}

#[test]
fn e17_a_table_is_gone_before_anybody_hears_of_its_owners_end() {
    check(&["gone"], |context, trace| async move {
        let owner = owner(&context, TableOptions::default(), SpawnOptions::default());
        let id = found(&context).await;
        let monitor = context.monitor(owner.into()).unwrap();
        context.exit_process(owner, ExitReason::Kill);
        assert_eq!(down(&context, monitor).await, "DOWN killed");
        assert_eq!(context.table(id).err(), Some(TableError::NoTable));
        assert_eq!(context.runtime().table_named("t"), None);
        trace.note("gone");
    });
}

#[test]
fn e18_the_heir_gets_the_table_before_it_hears_of_the_end() {
    check(&["table-transfer", "DOWN killed", "[\"value\"]", "again"], |context, trace| async move {
        let options =
            TableOptions { heir: heir(context.pid()), access: Access::Private, ..Default::default() };
        let owner = owner(&context, options, SpawnOptions::default());
        let id = found(&context).await;
        context.monitor(owner.into()).unwrap();
        context.exit_process(owner, ExitReason::Kill);
        let received = context.receive(None).await.unwrap();
        let Received::System(system) = &received else { panic!("{received:?}") };
        trace.note(system.kind.name());
        assert_eq!(system.from, owner);
        let payload: Term = decode(&system.payload).unwrap();
        assert_eq!(payload, Term::List(vec![id.to_term(), "inherited".into()]));
        trace.note(next(&context).await);
        trace.note(format!("{:?}", values(&context, id, "key")).replace("\\\"", "").replace("[\"\"", "[\""));
        // Whom it is for stays: when this process ends, there is nobody else.
        let info = context.table(id).unwrap().info().unwrap();
        assert_eq!((info.owner, info.heir), (context.pid(), Some(context.pid())));
        trace.note("again");
    });
}

#[test]
fn e18_an_heir_that_is_dead_or_has_no_room_is_none() {
    check(&["dead: gone", "full: gone"], |context, trace| async move {
        let dead = sleeper(&context, SpawnOptions::default());
        context.exit_process(dead, ExitReason::Kill);
        let limits = Limits { kept_bytes: 100, ..Limits::default() };
        let full = sleeper(&context, SpawnOptions { limits, ..Default::default() });
        for (what, pid) in [("dead", dead), ("full", full)] {
            let owner = owner(
                &context,
                TableOptions { heir: heir(pid), ..Default::default() },
                SpawnOptions::default(),
            );
            let id = found(&context).await;
            context.exit_process(owner, ExitReason::Kill);
            context.await_down(owner).await;
            assert_eq!(context.table(id).err(), Some(TableError::NoTable));
            trace.note(format!("{what}: gone"));
        }
        assert_eq!(kept_bytes(context.runtime(), full), 0);
        context.exit_process(full, ExitReason::Kill);
    });
}

#[test]
fn e19_who_is_given_a_table_has_it_and_who_gave_it_has_it_no_more() {
    check(
        &["NotOwner(Private)", "table-transfer", "charged", "OwnAlready", "NoProc"],
        |context, trace| async move {
            let options = TableOptions { access: Access::Private, ..TableOptions::default() };
            let id = context.create_table(options).unwrap();
            insert(&context, id, "key", "value");
            let bytes = kept_bytes(context.runtime(), context.pid());
            let notes = trace.clone();
            let other = child(&context, SpawnOptions::default(), move |context| async move {
                notes.note(next(&context).await);
                assert_eq!(values(&context, id, "key"), ["\"value\""]);
                assert_eq!(kept_bytes(context.runtime(), context.pid()), bytes);
                notes.note("charged");
                let again = context.table(id).unwrap().give_away(context.pid(), &term(&()));
                notes.note(format!("{:?}", again.unwrap_err()));
                next(&context).await;
                ExitReason::Normal
            });
            let handle = context.table(id).unwrap();
            handle.give_away(other, &term("gift")).unwrap();
            assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
            trace.note(format!("{:?}", handle.lookup(&term("key")).unwrap_err()));
            settle(&context).await;
            send(&context, other, "enough");
            context.await_down(other).await;
            assert_eq!(context.table(id).err(), Some(TableError::NoTable), "it went with its new owner");
            let id = table(&context, TableKind::Set);
            trace.note(format!("{:?}", context.table(id).unwrap().give_away(other, &term(&1)).unwrap_err()));
            assert_eq!(context.table(id).unwrap().info().unwrap().owner, context.pid());
        },
    );
}

#[test]
fn e19_a_table_that_the_receiver_has_no_room_for_stays_where_it_is() {
    check(&["refused"], |context, trace| async move {
        let limits = Limits { kept_bytes: 5_000, ..Limits::default() };
        let other = sleeper(&context, SpawnOptions { limits, ..Default::default() });
        let id = table(&context, TableKind::Set);
        insert(&context, id, "key", "x".repeat(2000));
        let refused = context.table(id).unwrap().give_away(other, &term(&1));
        assert!(matches!(refused, Err(TableError::Limit(_))), "{refused:?}");
        assert_eq!(context.table(id).unwrap().info().unwrap().owner, context.pid());
        assert_eq!(kept_bytes(context.runtime(), other), 0);
        trace.note("refused");
        context.exit_process(other, ExitReason::Kill);
    });
}

#[test]
fn e20_only_the_owner_changes_access_and_heir() {
    check(&["NotOwner(Public) NotOwner(Public)", "changed"], |context, trace| async move {
        let owner = owner(
            &context,
            TableOptions { access: Access::Public, ..Default::default() },
            SpawnOptions::default(),
        );
        let id = found(&context).await;
        let handle = context.table(id).unwrap();
        let errors = (handle.set_access(Access::Private).unwrap_err(), handle.set_heir(None).unwrap_err());
        trace.note(format!("{:?} {:?}", errors.0, errors.1));
        context.exit_process(owner, ExitReason::Kill);
        context.await_down(owner).await;
        let id = table(&context, TableKind::Set);
        let handle = context.table(id).unwrap();
        handle.set_access(Access::Private).unwrap();
        handle.set_heir(heir(owner)).unwrap();
        let info = handle.info().unwrap();
        assert_eq!((info.access, info.heir), (Access::Private, Some(owner)));
        trace.note("changed");
    });
}

#[test]
fn e14_fixes_end_with_whoever_made_them() {
    check(&["fixed", "not fixed"], |context, trace| async move {
        let id = table(&context, TableKind::Set);
        let fixer = child(&context, SpawnOptions::default(), move |context| async move {
            let handle = context.table(id).unwrap();
            handle.fix().unwrap();
            handle.fix().unwrap();
            handle.unfix();
            loop {
                context.receive(None).await;
            }
        });
        settle(&context).await;
        let note = || {
            trace.note(if context.table(id).unwrap().info().unwrap().fixed { "fixed" } else { "not fixed" })
        };
        note();
        context.exit_process(fixer, ExitReason::Kill);
        context.await_down(fixer).await;
        note();
    });
}

#[test]
fn e24_tables_are_charged_to_the_budgets_around_their_owner() {
    check(&["over the budget", "given back"], |context, trace| async move {
        let budget = Budget { memory_bytes: Some(10_000), ..Budget::default() };
        let options = SpawnOptions { budget: Some(("tenant".into(), budget)), ..Default::default() };
        let owner = owner(&context, TableOptions { access: Access::Public, ..Default::default() }, options);
        let id = found(&context).await;
        let memory = || {
            let budgets = context.runtime().budgets(owner);
            budgets[0].resources.iter().find(|of| of.resource == Resource::Memory).unwrap().used
        };
        let handle = context.table(id).unwrap();
        assert_eq!(memory(), handle.info().unwrap().memory_bytes);
        let refused = handle.insert(&[(&term(&1), &term(&"x".repeat(10_000)))]);
        assert!(
            matches!(refused, Err(TableError::Limit(limit)) if limit.limit.name() == "budget.memory_bytes")
        );
        trace.note("over the budget");
        handle.delete_table().unwrap();
        assert_eq!(memory(), 0);
        trace.note("given back");
        context.exit_process(owner, ExitReason::Kill);
    });
}

#[test]
fn e25_whoever_is_killed_while_he_writes_leaves_a_whole_table() {
    check(&["pairs"], |context, trace| async move {
        let options = TableOptions { access: Access::Public, ..TableOptions::default() };
        let id = context.create_table(options).unwrap();
        for round in 0..10u64 {
            let writer = child(&context, SpawnOptions::default(), move |context| async move {
                let handle = context.table(id).unwrap();
                for n in 0u64.. {
                    let rows: [(&[u8], &[u8]); 2] = [(&term("a"), &term(&n)), (&term("b"), &term(&n))];
                    handle.insert(&rows).unwrap();
                    regrow_otp::yield_now().await;
                }
                ExitReason::Normal
            });
            for _ in 0..round {
                regrow_otp::yield_now().await;
                assert_eq!(values(&context, id, "a"), values(&context, id, "b"));
            }
            context.exit_process(writer, ExitReason::Kill);
            context.await_down(writer).await;
            assert_eq!(values(&context, id, "a"), values(&context, id, "b"));
            context.table(id).unwrap().insert(&[(&term("a"), &term("c")), (&term("b"), &term("c"))]).unwrap();
        }
        trace.note("pairs");
    });
}

#[test]
fn many_rows_are_dropped_by_a_process_of_their_own() {
    check(&["one more", "none"], |context, trace| async move {
        let id = table(&context, TableKind::OrderedSet);
        (0..5_000).for_each(|key| insert(&context, id, key, key));
        let before = context.runtime().process_count();
        context.table(id).unwrap().delete_table().unwrap();
        trace.note(if context.runtime().process_count() == before + 1 { "one more" } else { "as many" });
        context.receive_answer(context.new_reference(), Some(Duration::from_secs(1))).await;
        trace.note(if context.runtime().process_count() == before { "none" } else { "some" });
    });
}
