//! The two engines: paging out on the one for density, slices of time on the one for speed.

use bytes::Bytes;
use regrow_otp::{Destination, ExitReason, LimitKind, MessageKind, Received};
use regrow_tests::{Guest, TestNode, engine};

/// The attackers, compiled for speed, and children of the tree.
fn for_speed(children: &str) -> String {
    format!(
        r#"
        [components.fast]
        path = {:?}
        engine = "speed"
        [supervisor]
        {children}
        "#,
        Guest::Hostile.file()
    )
}

fn child(id: &str, of: &str, more: &str) -> String {
    let (component, entry) = of.split_once('.').unwrap();
    format!(
        "[[supervisor.children]]\nid = \"{id}\"\ncomponent = \"{component}\"\nentry = \"{entry}\"\nname = \"{id}\"\n{more}\n"
    )
}

#[test]
fn who_computes_on_the_engine_for_speed_holds_nobody_up_and_can_be_killed() {
    let tree = for_speed(
        &(child("spins", "fast.endless-loop", "restart = \"temporary\"")
            + &child("echo", "behaviour.helper-echo", "")),
    );
    let node = TestNode::start_on_one_worker(&tree);
    let (spins, echo) = (node.await_name("spins"), node.await_name("echo"));
    let used = || node.node().runtime().process_info(spins).map_or(0, |info| info.reductions);
    let mut before = used();
    for _ in 0..20 {
        node.run(move |context| async move {
            let echo = Destination::Pid(echo);
            context.send(&echo, MessageKind::Info, Bytes::from_static(b"\xf6")).await.unwrap();
            assert!(matches!(context.receive(None).await, Some(Received::Message(_))));
        });
        let now = used();
        assert!(now >= before);
        before = now;
    }
    assert!(before > 0, "what it computed was charged");
    node.run(move |context| async move { context.exit_process(spins, ExitReason::Kill) });
    assert_eq!(node.await_down(spins), ExitReason::Killed);
}

#[test]
fn reductions_on_the_engine_for_speed_are_time_and_end_at_their_limit() {
    for entry in ["endless-loop", "endless-calls"] {
        let limits = "restart = \"temporary\"\nlimits = { reductions = 50_000_000 }";
        let node = TestNode::start(&for_speed(&child("limited", &format!("fast.{entry}"), limits)));
        let ended = node.await_ended(|ended| ended.name.as_deref() == Some("limited"));
        let ExitReason::Limit(limit) = ended.reason else { panic!("{:?}", ended.reason) };
        assert_eq!((limit.limit, limit.allowed), (LimitKind::Reductions, 50_000_000));
    }
}

/// Every test's processes are paged out when they wait for some milliseconds: this one sees that they are.
#[test]
fn who_waits_for_long_is_paged_out_and_comes_back() {
    const TRIES: usize = 20;
    let before = engine().paging();
    // It waits longer and longer; beside all other tests the pager may not come to it each time.
    let is_paged = (0..TRIES).any(|_| {
        let (reason, log) = TestNode::run_entry("waits-long", "", "");
        assert_eq!(reason, ExitReason::Normal, "{log}");
        let after = engine().paging();
        after.out >= before.out + 3 && after.back >= before.back + 3
    });
    assert!(is_paged, "{before:?} {:?}", engine().paging());
}
