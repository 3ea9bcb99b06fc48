//! Registered names (rules P70, P71).

use regrow_otp::{ExitReason, Flag, Received, RegisterError, SpawnError, SpawnOptions};

use crate::support::*;

#[test]
fn p70_a_name_has_one_owner_and_a_process_one_name() {
    check(&["taken", "named", "dead", "bad", "bad", "bad", "bad"], |context, trace| async move {
        let other = sleeper(&context, Default::default());
        context.register("a", context.pid()).unwrap();
        assert_eq!(context.register("a", other), Err(RegisterError::NameTaken(context.pid())));
        trace.note("taken");
        assert_eq!(context.register("b", context.pid()), Err(RegisterError::AlreadyNamed("a".into())));
        trace.note("named");
        context.exit_process(other, ExitReason::Kill);
        context.await_down(other).await;
        assert_eq!(context.register("b", other), Err(RegisterError::NoProc));
        trace.note("dead");
        for name in ["", "undefined", "line\nbreak", &"x".repeat(256)] {
            assert_eq!(context.register(name, other), Err(RegisterError::BadName));
            trace.note("bad");
        }
    });
}

#[test]
fn p71_the_end_of_a_process_releases_its_name() {
    check(&["there", "not there", "unregistered"], |context, trace| async move {
        let named = SpawnOptions { name: Some("it".into()), ..Default::default() };
        let pid = sleeper(&context, named.clone());
        trace.note(if context.runtime().whereis("it") == Some(pid) { "there" } else { "not there" });
        context.exit_process(pid, ExitReason::Kill);
        context.await_down(pid).await;
        trace.note(if context.runtime().whereis("it").is_some() { "there" } else { "not there" });
        let pid = sleeper(&context, named);
        assert_eq!(context.unregister("it"), Some(pid));
        assert_eq!(context.unregister("it"), None);
        trace.note("unregistered");
        context.exit_process(pid, ExitReason::Kill);
    });
}

#[test]
fn p8_who_asks_when_the_end_is_decided_hears_of_it_when_the_name_is_free() {
    check(&["noproc", "noproc", "free"], |context, trace| async move {
        let named = SpawnOptions { name: Some("it".into()), ..Default::default() };
        let pid = sleeper(&context, named);
        settle(&context).await;
        context.set_flag(Flag::TrapExit(true)).unwrap();
        context.exit_process(pid, ExitReason::Kill);
        let monitor = context.monitor(pid.into()).unwrap();
        context.link(pid).unwrap();
        // This applies all that, and the process has not had its turn.
        assert!(!context.runtime().is_alive(pid));
        for _ in 0..2 {
            let Some(Received::Down { reason, .. } | Received::Exit { reason, .. }) =
                context.receive(None).await
            else {
                panic!("no end")
            };
            assert_eq!(context.runtime().whereis("it"), None);
            trace.note(reason);
        }
        trace.note("free");
        assert!(!context.demonitor(monitor, true));
    });
}

#[test]
fn g6_spawning_under_a_taken_name_spawns_nothing() {
    check(&["taken", "2 processes"], |context, trace| async move {
        let named = SpawnOptions { name: Some("it".into()), ..Default::default() };
        let pid = sleeper(&context, named.clone());
        let error = context.spawn(named, |_| async { ExitReason::Normal }).unwrap_err();
        assert_eq!(error, SpawnError::Name(RegisterError::NameTaken(pid)));
        trace.note("taken");
        trace.note(format!("{} processes", context.runtime().process_count()));
        context.exit_process(pid, ExitReason::Kill);
    });
}
