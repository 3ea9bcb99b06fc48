//! Registrations, and what becomes of them.

use std::sync::Arc;

use bytes::Bytes;
use regrow_otp::testing::kept_bytes;
use regrow_otp::{
    CallError, Destination, ExitReason, Flag, LimitKind, Limits, MAX_KEY_BYTES, MAX_REGISTRATIONS_IN_ALL,
    MessageKind, Received, RegistryError, RegistryKind, RegistryOptions, SendError, SpawnError, SpawnOptions,
};
use regrow_term::{Clause, Expression, MatchSpec, Matcher, Pattern, Term, decode};

use super::{lookup, register, start, term, told, via};
use crate::support::*;

#[test]
fn r1_r2_a_unique_key_has_one_living_process() {
    check(&["[1]", "mine already", "his already", "free at once", "[3]"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        register(&context, "k", 1).unwrap();
        trace.note(format!("{:?}", lookup(&context, "k")));
        let own = context.pid();
        assert_eq!(register(&context, "k", 2), Err(RegistryError::AlreadyRegistered(own)));
        trace.note("mine already");
        let other = child(&context, SpawnOptions::default(), |context| async move {
            register(&context, "other", 2).unwrap();
            loop {
                context.receive(None).await;
            }
        });
        settle(&context).await;
        assert_eq!(register(&context, "other", 3), Err(RegistryError::AlreadyRegistered(other)));
        trace.note("his already");
        // It has not run since, and still has its entry.
        context.exit_process(other, ExitReason::Kill);
        register(&context, "other", 3).unwrap();
        trace.note("free at once");
        context.await_down(other).await;
        trace.note(format!("{:?}", lookup(&context, "other")));
    });
}

#[test]
fn r3_r8_r9_duplicate_keys_count_and_go_together() {
    let expected = ["[1, 2, 7, 1]", "k k other k", "[1, 2, 1]", "4 of 5", "[7]", "other", "fine"];
    check(&expected, |context, trace| async move {
        start(&context, RegistryKind::Duplicate);
        register(&context, "k", 1).unwrap();
        register(&context, "k", 2).unwrap();
        let other = child(&context, SpawnOptions::default(), |context| async move {
            register(&context, "k", 7).unwrap();
            loop {
                context.receive(None).await;
            }
        });
        settle(&context).await;
        register(&context, "other", 0).unwrap();
        register(&context, "k", 1).unwrap();
        trace.note(format!("{:?}", lookup(&context, "k")));
        let (runtime, own) = (context.runtime(), context.pid());
        let keys = |pid| -> Vec<String> {
            let keys = runtime.registered_keys("r", pid).unwrap();
            keys.iter().map(|key| decode(key).unwrap()).collect()
        };
        trace.note(keys(own).join(" "));
        let values = runtime.registered_values("r", &term("k"), own).unwrap();
        trace.note(format!("{:?}", values.iter().map(|value| decode(value).unwrap()).collect::<Vec<i64>>()));
        let counted = runtime.lookup_key("r", &term("k"), 100).unwrap().len();
        trace.note(format!("{counted} of {}", runtime.registry_len("r").unwrap()));
        context.unregister_key("r", &term("k")).unwrap();
        trace.note(format!("{:?}", lookup(&context, "k")));
        trace.note(keys(own).join(" "));
        context.unregister_key("r", &term("k")).unwrap();
        trace.note("fine");
        context.exit_process(other, ExitReason::Kill);
    });
}

#[test]
fn r5_keys_compare_exactly_and_nothing_in_them_is_a_wildcard() {
    check(&["1 and 1.0", "_"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        context.register_key("r", &term(&1), &term("integer")).unwrap();
        context.register_key("r", &term(&1.0), &term("float")).unwrap();
        let found = context.runtime().lookup_key("r", &term(&1.0), 100).unwrap();
        assert_eq!(decode::<String>(&found[0].value).unwrap(), "float");
        trace.note("1 and 1.0");
        for key in ["_", "$1", "*"] {
            assert_eq!(context.runtime().lookup_key("r", &term(key), 100), Ok(vec![]));
        }
        trace.note("_");
    });
}

#[test]
fn r6_entries_vanish_before_anybody_hears_of_their_owners_end() {
    check(&["error(\"bug\")", "0 and 0"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        let other = child(&context, SpawnOptions::default(), |context| async move {
            for key in 0..20 {
                register(&context, &key.to_string(), key).unwrap();
            }
            ExitReason::error("bug")
        });
        trace.note(context.await_down(other).await);
        let runtime = context.runtime();
        let keys = runtime.registered_keys("r", other).unwrap().len();
        trace.note(format!("{keys} and {}", runtime.registry_len("r").unwrap()));
    });
}

#[test]
fn r7_whoever_is_registered_is_linked_to_the_registry() {
    check(&["linked", "unlinked", "exit of the registry: killed", "gone"], |context, trace| async move {
        let keeper = context.start_registry(RegistryOptions::new("r", RegistryKind::Duplicate)).unwrap();
        let other = child(&context, SpawnOptions::default(), move |context| async move {
            let links = || context.runtime().process_info(context.pid()).unwrap().links;
            register(&context, "a", 1).unwrap();
            register(&context, "b", 1).unwrap();
            assert_eq!(links(), [keeper]);
            trace.note("linked");
            context.unregister_key("r", &term("a")).unwrap();
            assert_eq!(links(), [keeper]);
            context.unregister_key("r", &term("b")).unwrap();
            assert_eq!(links(), []);
            trace.note("unlinked");
            assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
            register(&context, "a", 1).unwrap();
            context.set_trap_exit(true);
            let Some(Received::Exit { from, reason }) = context.receive(None).await else {
                panic!("no exit")
            };
            assert_eq!(from, keeper);
            trace.note(format!("exit of the registry: {reason}"));
            assert_eq!(register(&context, "a", 1), Err(RegistryError::NoRegistry));
            assert_eq!(kept_bytes(context.runtime(), context.pid()), 0);
            trace.note("gone");
            ExitReason::Normal
        });
        settle(&context).await;
        context.set_trap_exit(true);
        context.exit_process(keeper, ExitReason::Kill);
        assert_eq!(context.await_down(other).await, ExitReason::Normal);
    });
}

#[test]
fn r7_who_started_the_registry_stays_linked_to_it() {
    check(&["linked"], |context, trace| async move {
        let keeper = context.start_registry(RegistryOptions::new("r", RegistryKind::Unique)).unwrap();
        register(&context, "a", 1).unwrap();
        context.unregister_key("r", &term("a")).unwrap();
        assert_eq!(context.runtime().process_info(context.pid()).unwrap().links, [keeper]);
        trace.note("linked");
    });
}

#[test]
fn r7_the_ends_of_the_registered_are_nothing_to_the_registry() {
    check(&["still there"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        let (_, keeper) = context.runtime().registry_info("r").unwrap();
        for key in 0..3_000 {
            let registered = child(&context, SpawnOptions::default(), move |context| async move {
                register(&context, &key.to_string(), key).unwrap();
                ExitReason::error("bug")
            });
            if key % 100 == 0 {
                context.await_down(registered).await;
            }
        }
        settle(&context).await;
        // Nor what others tell it to do.
        child(&context, SpawnOptions::default(), move |context| async move {
            context.exit_process(keeper, ExitReason::Shutdown);
            ExitReason::Normal
        });
        settle(&context).await;
        assert!(context.runtime().is_alive(keeper));
        assert_eq!(context.runtime().process_info(keeper).unwrap().message_queue_len, 0);
        trace.note("still there");
    });
}

#[test]
fn r10_a_value_is_its_owners_to_change() {
    check(&["[5]", "not mine", "not there", "no"], |context, trace| async move {
        start(&context, RegistryKind::Unique);
        let update = |key: &str, value: i64| context.update_registered("r", &term(key), &term(&value));
        register(&context, "k", 1).unwrap();
        let before = kept_bytes(context.runtime(), context.pid());
        update("k", 5).unwrap();
        trace.note(format!("{:?}", lookup(&context, "k")));
        context.update_registered("r", &term("k"), &term("123456789")).unwrap();
        assert_eq!(kept_bytes(context.runtime(), context.pid()), before + 9);
        child(&context, SpawnOptions::default(), |context| async move {
            register(&context, "other", 1).unwrap();
            context.receive(None).await;
            ExitReason::Normal
        });
        settle(&context).await;
        assert_eq!(update("other", 2), Err(RegistryError::NotRegistered));
        trace.note("not mine");
        assert_eq!(update("nobody", 2), Err(RegistryError::NotRegistered));
        trace.note("not there");
        let duplicate = RegistryOptions::new("d", RegistryKind::Duplicate);
        context.start_registry(duplicate).unwrap();
        context.register_key("d", &term("k"), &term(&1)).unwrap();
        assert_eq!(context.update_registered("d", &term("k"), &term(&2)), Err(RegistryError::WrongKind));
        trace.note("no");
        let other = context.runtime().whereis_via(&via("other")).unwrap();
        context.exit_process(other, ExitReason::Kill);
    });
}

#[test]
fn r11_via_names_stand_for_processes_wherever_a_pid_does() {
    let expected =
        ["message", "call answered", "already started", "DOWN of the pid", "noproc", "nobody", "no"];
    check(&expected, |context, trace| async move {
        start(&context, RegistryKind::Unique);
        let named = SpawnOptions {
            via: Some((Arc::new(via("echo")), Bytes::from(term("value")))),
            ..SpawnOptions::default()
        };
        let server = child(&context, named.clone(), |context| async move {
            loop {
                let Some(Received::Message(message)) = context.receive(None).await else { continue };
                match message.kind {
                    MessageKind::Call(to) => context.reply(to, message.payload).unwrap(),
                    _ => {
                        context.send(&message.from.into(), MessageKind::Info, message.payload).await.unwrap()
                    }
                }
            }
        });
        assert_eq!(context.runtime().whereis_via(&via("echo")), Some(server));
        let to = Destination::from(via("echo"));
        context.send(&to, MessageKind::Info, Bytes::from_static(b"\x01")).await.unwrap();
        trace.note(context.receive(None).await.unwrap().kind());
        context.call(&to, Bytes::from_static(b"\x02"), None).await.unwrap();
        trace.note("call answered");
        let twice = context.spawn(named, |_| async { ExitReason::Normal });
        assert_eq!(twice.err(), Some(SpawnError::Via(RegistryError::AlreadyRegistered(server))));
        trace.note("already started");
        let monitor = context.monitor(to.clone()).unwrap();
        context.exit_process(server, ExitReason::Kill);
        let Some(Received::Down { object, .. }) = context.receive_answer(monitor, None).await else {
            panic!("no DOWN")
        };
        assert_eq!(object, Destination::Pid(server));
        trace.note("DOWN of the pid");
        let called = context.call(&to, Bytes::from_static(b"\x02"), None).await;
        assert!(matches!(called, Err(CallError::Down(ExitReason::NoProc))), "{called:?}");
        trace.note("noproc");
        let sent = context.send(&to, MessageKind::Info, Bytes::from_static(b"\x01")).await;
        assert!(matches!(sent, Err(SendError::NoName(_))), "{sent:?}");
        trace.note("nobody");
        context.start_registry(RegistryOptions::new("d", RegistryKind::Duplicate)).unwrap();
        for registry in ["d", "none"] {
            let via = regrow_otp::Via { registry: registry.into(), ..via("k") };
            let named = SpawnOptions {
                via: Some((Arc::new(via.clone()), Bytes::from(term("value")))),
                ..SpawnOptions::default()
            };
            let refused = context.spawn(named, |_| async { ExitReason::Normal }).err();
            let expected = if registry == "d" { RegistryError::WrongKind } else { RegistryError::NoRegistry };
            assert_eq!(refused, Some(SpawnError::Via(expected)));
            assert_eq!(context.runtime().whereis_via(&via), None);
        }
        trace.note("no");
    });
}

/// Of all entries whose value is more than `than`: the key and the value.
fn more_than(than: i64) -> Matcher {
    let value = Pattern::list([Pattern::Any, Pattern::Variable(1)]);
    let guard = Expression::Variable(1).greater_than(Expression::Term(Term::from(than)));
    let result = Expression::list([Expression::Variable(0), Expression::Variable(1)]);
    let clause = Clause { key: Pattern::Variable(0), value, guards: vec![guard], result };
    Matcher::new(&MatchSpec(vec![clause])).unwrap()
}

#[test]
fn r13_selections_look_at_key_pid_and_value() {
    let expected = ["[\"b\", 2] [\"c\", 3]", "[\"b\", 2]", "1 unregistered", "1 left"];
    check(&expected, |context, trace| async move {
        start(&context, RegistryKind::Unique);
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            register(&context, key, value).unwrap();
        }
        let select = |matcher: &Matcher| {
            let mut walk = context.runtime().walk_registry("r", matcher).unwrap();
            let mut found = Vec::new();
            let (mut result, mut matched) = (Vec::new(), false);
            while walk.look(matcher, &mut result, &mut matched).is_some() {
                if matched {
                    found.push(decode::<Term>(&result).unwrap().to_string());
                }
                result.clear();
            }
            found.sort();
            found.join(" ")
        };
        trace.note(select(&more_than(1)));
        let own = Pattern::list([Pattern::Term(context.pid().to_term()), Pattern::Any]);
        let clause = Clause {
            key: Pattern::Term(Term::from("b")),
            value: own,
            guards: vec![],
            result: Expression::list([
                Expression::Term(Term::from("b")),
                Expression::Term(Term::from(2_i64)),
            ]),
        };
        trace.note(select(&Matcher::new(&MatchSpec(vec![clause])).unwrap()));
        let end_matching = |key: &str| {
            let mut own = context.unregister_match("r", &term(key)).unwrap();
            while own.look(&more_than(2)).is_some() {}
            own.finish(&context)
        };
        let removed = end_matching("c");
        assert_eq!(end_matching("b"), 0);
        trace.note(format!("{removed} unregistered"));
        trace.note(format!("{} left", context.runtime().registry_len("r").unwrap() - 1));
    });
}

#[test]
fn r14_listeners_hear_of_registrations_but_not_of_crashes() {
    let expected = ["+\"r\" \"k\" 1", "-\"r\" \"k\"", "+\"r\" \"k\" 2", "nothing"];
    check(&expected, |context, trace| async move {
        context.register("listener", context.pid()).unwrap();
        let listeners = vec!["listener".into(), "nobody".into()];
        let options = RegistryOptions { listeners, ..RegistryOptions::new("r", RegistryKind::Unique) };
        context.start_registry(options).unwrap();
        register(&context, "k", 1).unwrap();
        context.unregister_key("r", &term("k")).unwrap();
        context.unregister_key("r", &term("k")).unwrap();
        trace.note(told(context.receive(None).await));
        trace.note(told(context.receive(None).await));
        let other = child(&context, SpawnOptions::default(), |context| async move {
            register(&context, "k", 2).unwrap();
            ExitReason::error("bug")
        });
        trace.note(told(context.receive(None).await));
        context.await_down(other).await;
        assert_eq!(poll(&context).await, "timeout");
        trace.note("nothing");
    });
}

#[test]
fn r15_r17_partitions_are_one_registry_and_bad_input_does_nothing() {
    check(&["[0, 1, 8] are bad", "unknown", "bad keys", "no room"], |context, trace| async move {
        for partitions in [1, 8, 64] {
            let name = partitions.to_string();
            let options =
                RegistryOptions { partitions, ..RegistryOptions::new(&*name, RegistryKind::Unique) };
            let keeper = context.start_registry(options.clone()).unwrap();
            assert_eq!(context.start_registry(options), Err(RegistryError::NameTaken(keeper)));
            for key in 0..100 {
                context.register_key(&name, &term(&key), &term(&key)).unwrap();
            }
            let own = context.runtime().registered_keys(&name, context.pid()).unwrap();
            assert_eq!(own, (0..100).map(|key| term(&key)).collect::<Vec<_>>());
            assert_eq!(context.runtime().registry_len(&name), Ok(100));
        }
        for partitions in [0, 65] {
            let options = RegistryOptions { partitions, ..RegistryOptions::new("bad", RegistryKind::Unique) };
            assert_eq!(context.start_registry(options), Err(RegistryError::BadPartitions));
        }
        let listeners = vec!["l".to_owned(); 17];
        let options = RegistryOptions { listeners, ..RegistryOptions::new("bad", RegistryKind::Unique) };
        assert!(matches!(context.start_registry(options), Err(RegistryError::Limit(_))));
        for name in ["", "a\nb"] {
            let options = RegistryOptions::new(name, RegistryKind::Unique);
            assert_eq!(context.start_registry(options), Err(RegistryError::BadName));
        }
        trace.note("[0, 1, 8] are bad");
        let unknown = Err(RegistryError::NoRegistry);
        assert_eq!(register(&context, "k", 1), unknown);
        assert_eq!(context.unregister_key("r", &term("k")), unknown);
        assert_eq!(context.update_registered("r", &term("k"), &term("v")), unknown);
        assert_eq!(context.lock_key("r", &term("k")).await, unknown);
        assert_eq!(context.runtime().lookup_key("r", &term("k"), 100).err(), unknown.err());
        trace.note("unknown");
        let long = term(&"x".repeat(MAX_KEY_BYTES));
        let before = kept_bytes(context.runtime(), context.pid());
        assert_eq!(context.register_key("1", &long, &term("v")), Err(RegistryError::KeyTooLong(long.len())));
        for bad in [&b"\xff"[..], b"", b"\x61"] {
            assert!(matches!(context.register_key("1", bad, &term("v")), Err(RegistryError::BadTerm(_))));
            assert!(matches!(context.register_key("1", &term("new"), bad), Err(RegistryError::BadTerm(_))));
        }
        assert_eq!(kept_bytes(context.runtime(), context.pid()), before);
        trace.note("bad keys");
        let limits = Limits { kept_bytes: 1_000, ..Limits::default() };
        let options = SpawnOptions { limits, ..SpawnOptions::default() };
        let poor = child(&context, options, |context| async move {
            let register = |key: i64| context.register_key("1", &term(&key), &term("v"));
            let refused = (1_000..1_100).find_map(|key| register(key).err());
            assert!(matches!(refused, Some(RegistryError::Limit(_))), "{refused:?}");
            ExitReason::Normal
        });
        assert_eq!(context.await_down(poor).await, ExitReason::Normal);
        assert_eq!(context.runtime().registry_len("1"), Ok(100));
        trace.note("no room");
    });
}

#[test]
fn a_process_is_registered_10_000_times_at_most_wherever_that_is() {
    check(&["refused", "again", "as before"], |context, trace| async move {
        let before = kept_bytes(context.runtime(), context.pid());
        for (name, kind) in [("r", RegistryKind::Duplicate), ("s", RegistryKind::Unique)] {
            context.start_registry(RegistryOptions::new(name, kind)).unwrap();
        }
        for number in 0..MAX_REGISTRATIONS_IN_ALL / 2 {
            context.register_key("r", &term(&(number % 100)), &term(&())).unwrap();
            context.register_key("s", &term(&number), &term(&())).unwrap();
        }
        let refused = context.register_key("s", &term("more"), &term(&()));
        assert!(
            matches!(refused, Err(RegistryError::Limit(limit)) if limit.limit == LimitKind::Registrations)
        );
        trace.note("refused");
        context.unregister_key("r", &term(&7)).unwrap();
        context.register_key("s", &term("more"), &term(&())).unwrap();
        trace.note("again");
        for number in 0..MAX_REGISTRATIONS_IN_ALL / 2 {
            context.unregister_key("r", &term(&(number % 100))).unwrap();
            context.unregister_key("s", &term(&number)).unwrap();
        }
        context.unregister_key("s", &term("more")).unwrap();
        assert_eq!(kept_bytes(context.runtime(), context.pid()), before);
        trace.note("as before");
    });
}

#[test]
fn r17_a_registry_with_very_many_entries_ends_by_and_by() {
    check(&["given back"], |context, trace| async move {
        let keeper = context.start_registry(RegistryOptions::new("r", RegistryKind::Duplicate)).unwrap();
        context.set_flag(Flag::TrapExit(true)).unwrap();
        let before = kept_bytes(context.runtime(), context.pid());
        for number in 0..5_000 {
            context.register_key("r", &term(&number), &term(&())).unwrap();
        }
        assert!(kept_bytes(context.runtime(), context.pid()) > before + 5_000 * 192);
        context.exit_process(keeper, ExitReason::Kill);
        context.await_down(keeper).await;
        assert_eq!(context.runtime().registry_len("r").err(), Some(RegistryError::NoRegistry));
        settle(&context).await;
        assert_eq!(kept_bytes(context.runtime(), context.pid()), before);
        trace.note("given back");
    });
}

#[test]
fn a_walk_sees_all_that_stays_however_much_comes_and_goes() {
    check(&["250 of 250"], |context, trace| async move {
        let options = RegistryOptions { partitions: 2, ..RegistryOptions::new("r", RegistryKind::Duplicate) };
        context.start_registry(options).unwrap();
        for number in 0..500 {
            register(&context, &number.to_string(), number).unwrap();
        }
        let matcher = more_than(-1);
        let mut walk = context.runtime().walk_registry("r", &matcher).unwrap();
        let (mut result, mut matched, mut seen) = (Vec::new(), false, Vec::new());
        let mut step = 0;
        while walk.look(&matcher, &mut result, &mut matched).is_some() {
            let Ok(Term::List(row)) = decode(&result) else { panic!("no row") };
            if let Term::Integer(number @ 0..500) = row[1]
                && number % 2 == 0
            {
                seen.push(number);
            }
            result.clear();
            // The odd ones go, and others come.
            if step < 250 {
                context.unregister_key("r", &term(&(2 * step + 1).to_string())).unwrap();
                register(&context, &(1_000 + step).to_string(), 1_000 + step).unwrap();
            }
            step += 1;
        }
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        trace.note(format!("{} of {all}", seen.len()));
    });
}
