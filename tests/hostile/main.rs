//! Guests that mean harm, each beside a victim that goes on answering; afterwards the host has its memory back.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{ExitReason, LimitKind, Pid};
use regrow_tests::{Guest, TestNode, block_on, engine};

/// One attack at a time: they measure the memory of the whole process.
static ALONE: Mutex<()> = Mutex::new(());

const ROUNDS: u64 = 200;

/// What the memory of the process may have grown by after an attack of many times as much.
const SLACK_BYTES: u64 = 24 << 20;

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

/// A victim, and an attacker that is not restarted. One worker: nobody gets out of the attacker's way.
fn start(attack: &str) -> (TestNode, Pid) {
    let node = TestNode::start_on_one_worker(&format!(
        r#"
        [supervisor]
        [[supervisor.children]]
        id = "victim"
        component = "hostile"
        entry = "victim"
        name = "victim"
        [[supervisor.children]]
        id = "attacker"
        component = "hostile"
        entry = "{attack}"
        name = "attacker"
        restart = "temporary"
        "#
    ));
    let victim = node.await_name("victim");
    (node, victim)
}

/// The victim answers, again and again, and it is still the same one.
fn victim_answers(node: &TestNode, victim: Pid) {
    node.run(move |context| async move {
        for number in 0..ROUNDS {
            let question = Bytes::from(regrow_term::encode(&number).unwrap());
            let timeout = Some(Duration::from_secs(60));
            let answer = context.call(&victim.into(), question.clone(), timeout).await;
            assert_eq!(answer, Ok(question));
        }
    });
    assert_eq!(node.node().runtime().whereis("victim"), Some(victim));
}

/// Attacks once to warm up, then measures, attacks some more times, and measures again.
fn memory_returns(mut attack: impl FnMut()) {
    attack();
    let before = resident_bytes();
    for _ in 0..4 {
        attack();
    }
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < SLACK_BYTES, "the host has grown by {} KiB", grown >> 10);
}

fn spinning(attack: &'static str) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    memory_returns(|| {
        let (node, victim) = start(attack);
        let attacker = node.await_name("attacker");
        victim_answers(&node, victim);
        assert!(node.node().runtime().is_alive(attacker), "it spins on");
        node.node().runtime().exit(attacker, ExitReason::Kill);
        assert_eq!(node.await_down(attacker), ExitReason::Killed);
        victim_answers(&node, victim);
    });
}

#[test]
fn an_endless_loop_neither_starves_its_neighbours_nor_survives_a_kill() {
    spinning("endless-loop");
}

#[test]
fn an_endless_loop_of_host_calls_neither_starves_its_neighbours_nor_survives_a_kill() {
    spinning("endless-calls");
}

#[test]
fn host_calls_that_copy_much_cost_their_neighbours_no_more() {
    spinning("long-names");
}

#[test]
fn long_answers_about_processes_cost_their_neighbours_no_more() {
    spinning("info-storm");
}

#[test]
fn waiting_for_very_many_answers_costs_ones_neighbours_no_more() {
    spinning("reference-storm");
}

/// Timers outlive their creators (P61), but not any number of them.
#[test]
fn children_that_leave_timers_behind_do_not_fill_the_host() {
    const CHILDREN: usize = 12;
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (node, victim) = start("timer-bomb");
    let before = resident_bytes();
    let ended = AtomicUsize::new(0);
    node.await_ended(|child| {
        let of_bomb = child.identity.entry.as_deref() == Some("timer-bomb-child");
        of_bomb && ended.fetch_add(1, Ordering::Relaxed) + 1 == CHILDREN
    });
    victim_answers(&node, victim);
    // Each child leaves 60 MiB, a component may leave 64, and one is at work.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 400 << 20, "the host has grown by {} MiB", grown >> 20);
}

#[test]
fn unbounded_recursion_ends_in_a_trap_of_its_own() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    memory_returns(|| {
        let (node, victim) = start("recursion");
        let ended = node.await_ended(|ended| ended.name.as_deref() == Some("attacker"));
        let ExitReason::Trap(trap) = &ended.reason else { panic!("{}", ended.reason) };
        assert_eq!(trap.code, "stack-overflow");
        victim_answers(&node, victim);
    });
}

#[test]
fn a_memory_bomb_ends_at_its_limit() {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    memory_returns(|| {
        let (node, victim) = start("memory-bomb");
        let ended = node.await_ended(|ended| ended.name.as_deref() == Some("attacker"));
        let ExitReason::Limit(limit) = ended.reason else { panic!("{}", ended.reason) };
        assert_eq!((limit.limit, limit.allowed), (LimitKind::Memory, 64 << 20));
        assert!(
            ended.backtrace.iter().any(|function| function.contains("memory_bomb")),
            "{:?}",
            ended.backtrace
        );
        victim_answers(&node, victim);
    });
}

#[test]
fn every_attack_has_a_test() {
    let tested = [
        "endless-loop",
        "endless-calls",
        "long-names",
        "recursion",
        "memory-bomb",
        "timer-bomb",
        "timer-bomb-child",
        "info-storm",
        "reference-storm",
        "endless-wait",
        "victim",
    ];
    let bytes = std::fs::read(Guest::Hostile.file()).unwrap();
    let component = block_on(engine().load("hostile", &bytes)).unwrap();
    let entries: Vec<&str> = component.entries().iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(entries, tested);
}
