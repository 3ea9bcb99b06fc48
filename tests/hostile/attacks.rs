//! Attacks by guests that any compiler would make: on CPU time, memory, scheduling, handles, logs.

use std::sync::atomic::{AtomicUsize, Ordering};

use regrow::engine::EngineKind;
use regrow_otp::{Event, ExitReason, LimitKind, Resource};
use regrow_tests::{Guest, block_on, engine};
use rustix::process::{Resource as RlimitOf, Rlimit, getrlimit, setrlimit};

use crate::arena::{Attack, alone, resident_bytes};

/// Attackers that go on until they are killed.
macro_rules! go_on {
    ($($test:ident: $entry:literal,)+) => {
        $(#[test]
        fn $test() {
            Attack::by($entry).goes_on();
        })+

        const GO_ON: &[&str] = &[$($entry),+];
    };
}

go_on! {
    an_endless_loop_neither_starves_its_neighbours_nor_survives_a_kill: "endless-loop",
    an_endless_loop_of_host_calls_neither_starves_its_neighbours_nor_survives_a_kill: "endless-calls",
    an_endless_loop_of_wasi_calls_neither_starves_its_neighbours_nor_survives_a_kill: "endless-wasi",
    host_calls_that_copy_much_cost_their_neighbours_no_more: "long-names",
    what_takes_parsers_long_costs_its_neighbours_no_more: "parser-bombs",
    long_answers_about_processes_cost_their_neighbours_no_more: "info-storm",
    waiting_for_very_many_answers_costs_ones_neighbours_no_more: "reference-storm",
    monitors_of_the_victim_without_end_do_not_hold_it_up: "monitor-storm",
    timers_that_are_all_due_at_once_hold_nobody_up: "timer-storm",
    messages_that_nobody_reads_end_at_the_mailbox: "tiny-messages",
    invented_processes_are_nobody: "invented-pids",
    instances_that_come_and_go_cost_their_neighbours_no_more: "hibernate-storm",
}

#[test]
fn unbounded_recursion_ends_in_a_trap_of_its_own() {
    Attack::by("recursion").traps("stack-overflow");
}

/// The host's functions run on the guest's stack, and have room there however deep the guest is.
#[test]
fn host_calls_at_the_end_of_the_stack_do_not_end_the_host() {
    Attack::by("deep-calls").ends(|ended| {
        matches!(&ended.reason, ExitReason::Trap(trap) if
        ["stack-overflow", "memory-out-of-bounds"].contains(&trap.code.as_str()))
    });
}

#[test]
fn a_memory_bomb_ends_at_its_limit() {
    Attack::by("memory-bomb").ends(|ended| {
        let ExitReason::Limit(limit) = ended.reason else { return false };
        let named = ended.backtrace.iter().any(|function| function.contains("memory_bomb"));
        (limit.limit, limit.allowed) == (LimitKind::Memory, 64 << 20) && named
    });
}

/// Timers outlive their creators (P61), but not any number of them.
#[test]
fn children_that_leave_timers_behind_do_not_fill_the_host() {
    const CHILDREN: usize = 12;
    let _alone = alone();
    let arena = Attack::by("timer-bomb").start();
    let before = resident_bytes();
    let ended = AtomicUsize::new(0);
    arena.node.await_ended(|child| {
        let of_bomb = child.identity.entry.as_deref() == Some("timer-bomb-child");
        of_bomb && ended.fetch_add(1, Ordering::Relaxed) + 1 == CHILDREN
    });
    arena.victim_answers();
    // Each child leaves 60 MiB, a component may leave 64, and one is at work.
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 400 << 20, "the host has grown by {} MiB", grown >> 20);
}

/// What a supervisor keeps for a guest counts as the guest's memory.
#[test]
fn specifications_with_large_arguments_end_at_the_memory_of_who_makes_them() {
    let hoard = Attack::by("spec-hoard").grants("start_children = [\"hostile\"]");
    hoard.ends(|ended| ended.reason == ExitReason::Normal);
    let twice = Attack::by("spec-hoard-twice").grants("start_children = [\"hostile\"]");
    twice.ends(|ended| ended.reason == ExitReason::Normal);
}

/// The attacker's subtree has a budget, and runs into it.
fn runs_into_its_budget(attack: &Attack, resource: Resource) {
    attack.repeatedly(|arena| {
        let attacker = arena.node.await_name("attacker");
        let runtime = arena.node.node().runtime();
        let of = || {
            let budgets = runtime.budgets(attacker);
            budgets[0].resources.iter().find(|of| of.resource == resource).copied().unwrap()
        };
        while of().refused == 0 {
            arena.victim_answers();
            assert!(of().used <= of().allowed.unwrap());
        }
        arena.victim_answers();
        // All that belong to the budget end with the process that it begins with.
        arena.end_siege(attacker);
    });
}

#[test]
fn a_spawn_bomb_ends_at_the_budget_of_its_subtree() {
    let bomb = Attack::by("spawn-bomb").crowd().child("budget = { processes = 300 }");
    runs_into_its_budget(&bomb, Resource::Processes);
}

#[test]
fn memory_in_many_small_pieces_ends_at_the_budget_of_its_subtree() {
    let drip = Attack::by("memory-drip").child("budget = { memory_bytes = \"100 MiB\" }");
    runs_into_its_budget(&drip, Resource::Memory);
}

#[test]
fn messages_in_all_mailboxes_end_at_the_budget_of_the_subtree() {
    let messages = Attack::by("tiny-messages").child("budget = { mailbox_messages = 1_000 }");
    runs_into_its_budget(&messages, Resource::MailboxMessages);
}

#[test]
fn reductions_in_total_end_at_the_budget() {
    Attack::by("endless-loop")
        .child("budget = { reductions = 50_000_000 }")
        .is_limited(LimitKind::BudgetReductions);
    Attack::by("endless-calls")
        .child("limits = { reductions = 50_000_000 }")
        .is_limited(LimitKind::Reductions);
}

#[test]
fn open_files_end_at_the_limit() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("readable.txt"), "readable").unwrap();
    let grant = format!("dirs = [{{ host = {:?}, guest = \"/data\" }}]", folder.path());
    let bomb = Attack::by("handle-bomb").grants(&grant).child("limits = { handles = 40 }");
    bomb.is_limited(LimitKind::Handles);
}

/// A process takes what it may have at most: in a budget that has less there are no files.
#[test]
fn open_files_end_at_the_budget_of_the_subtree() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("readable.txt"), "readable").unwrap();
    let grant = format!("dirs = [{{ host = {:?}, guest = \"/data\" }}]", folder.path());
    let bomb = Attack::by("handle-bomb").grants(&grant);
    let bomb = bomb.child("limits = { handles = 40 }\nbudget = { handles = 39 }");
    runs_into_its_budget(&bomb, Resource::Handles);
}

/// The last descriptors are the host's: guests that may have more than there are do not take them.
#[test]
fn open_files_end_before_the_host_has_no_descriptors() {
    const FOR_GUESTS: u64 = 100;
    let _alone = alone();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("readable.txt"), "readable").unwrap();
    let grant = format!("dirs = [{{ host = {:?}, guest = \"/data\" }}]", folder.path());
    let arena = Attack::by("handle-bomb").grants(&grant).child("limits = { handles = 10_000 }").start();
    let before = getrlimit(RlimitOf::Nofile);
    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    setrlimit(RlimitOf::Nofile, Rlimit { current: Some(open + 64 + FOR_GUESTS), ..before }).unwrap();
    let attacker = arena.node.await_name("attacker");
    arena.node.await_denial("the host has no descriptors left");
    arena.victim_answers();
    let own: Vec<_> = (0..32).map(|_| std::fs::File::open(folder.path().join("readable.txt"))).collect();
    setrlimit(RlimitOf::Nofile, before).unwrap();
    assert!(own.iter().all(Result::is_ok), "{own:?}");
    arena.end_siege(attacker);
}

#[test]
fn ways_out_of_a_folder_lead_nowhere_and_hold_nobody_up() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let data = outside.path().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(outside.path().join("secret.txt"), "secret").unwrap();
    symlink("../secret.txt", data.join("link")).unwrap();
    symlink("loop", data.join("loop")).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(data.join("pipe")).status().unwrap().success());
    let grant = format!("dirs = [{{ host = {data:?}, guest = \"/data\", access = \"read-write\" }}]");
    Attack::by("escapes").grants(&grant).goes_on();
    assert_eq!(std::fs::read_to_string(outside.path().join("secret.txt")).unwrap(), "secret");
}

#[test]
fn addresses_without_a_grant_are_not_reached_and_hold_nobody_up() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let scan = Attack::by("scan").grants("tcp = [\"*:*\"], udp = [\"*:53\"]");
    scan.child(&format!("args = {address:?}")).goes_on();
    assert!(listener.accept().is_err(), "nobody has come");
}

#[test]
fn datagrams_without_end_hold_nobody_up() {
    let receiver = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let grant = format!("udp = [\"{}\"]", receiver.local_addr().unwrap());
    let flood = Attack::by("datagram-flood").grants(&grant);
    flood.child(&format!("args = {:?}", receiver.local_addr().unwrap().to_string())).goes_on();
}

#[test]
fn children_that_end_without_end_hold_nobody_up() {
    Attack::by("exit-storm").goes_on();
}

#[test]
fn ten_thousand_links_that_collapse_hold_nobody_up_for_long() {
    Attack::by("link-web").crowd().child("limits = { memory_bytes = \"128 MiB\" }").repeatedly(|arena| {
        let attacker = arena.node.await_name("attacker");
        let collapsed = AtomicUsize::new(0);
        arena.node.await_ended(|ended| {
            let member = ended.identity.entry.as_deref() == Some("link-web-member");
            member && collapsed.fetch_add(1, Ordering::Relaxed) + 1 == 1_000
        });
        arena.victim_answers();
        arena.end_siege(attacker);
    });
}

/// A child that crashes at each start, under a supervisor that restarts it a million times: the victim's supervisor,
/// which restarts nothing, does not notice.
#[test]
fn a_restart_storm_holds_nobody_up() {
    Attack::by("restart-storm").child("restart = \"permanent\"").repeatedly(|arena| {
        for _ in 0..3 {
            arena.victim_answers();
        }
        let runtime = arena.node.node().runtime();
        let crashes = arena
            .node
            .events()
            .iter()
            .filter(
                |event| matches!(event, Event::Exited(ended) if ended.name.as_deref() == Some("attacker")),
            )
            .count();
        assert!(crashes > 1, "{}", arena.node.log());
        runtime.exit(arena.node.node().root(), ExitReason::Shutdown);
        arena.node.await_outcome();
    });
}

#[test]
fn invented_references_are_nobodys() {
    Attack::by("invented-references").ends(|ended| ended.reason == ExitReason::Normal);
}

#[test]
fn what_is_used_twice_is_used_once() {
    Attack::by("used-twice").ends(|ended| ended.reason == ExitReason::Normal);
}

/// So many lines a second, and none of them moves a cursor or looks like another's.
#[test]
fn a_flood_of_log_lines_is_cut_off_and_made_harmless() {
    Attack::by("log-flood").child("limits = { log_lines_per_second = 20 }").repeatedly(|arena| {
        let attacker = arena.node.await_name("attacker");
        for _ in 0..3 {
            arena.victim_answers();
        }
        arena.end_siege(attacker);
        let log = arena.node.log();
        assert!(log.contains("lines were dropped: `log_lines_per_second`"), "it is said how many");
        assert!(log.chars().all(|c| c == '\n' || !c.is_control()), "no control characters");
        assert!(!log.contains('\u{202e}'), "nothing is written backwards");
        assert!(log.len() < 1 << 20, "{} bytes", log.len());
    });
}

#[test]
fn every_attack_has_a_test() {
    let _alone = alone();
    let others = [
        "recursion",
        "deep-calls",
        "memory-bomb",
        "memory-drip",
        "timer-bomb",
        "timer-bomb-child",
        "handle-bomb",
        "datagram-flood",
        "escapes",
        "scan",
        "spec-hoard",
        "spec-hoard-child",
        "spec-hoard-twice",
        "log-flood",
        "exit-storm",
        "exit-storm-child",
        "link-web",
        "link-web-member",
        "spawn-bomb",
        "restart-storm",
        "invented-references",
        "used-twice",
        "endless-wait",
        "victim",
    ];
    let bytes = std::fs::read(Guest::Hostile.file()).unwrap();
    let component = block_on(engine().load("hostile", EngineKind::Density, &bytes)).unwrap();
    let mut entries: Vec<&str> = component.entries().iter().map(|entry| entry.name.as_str()).collect();
    let mut tested: Vec<&str> = GO_ON.iter().copied().chain(others).collect();
    entries.sort_unstable();
    tested.sort_unstable();
    assert_eq!(entries, tested);
}

/// One process that computes, and thirty: each subtree has its half of the only worker.
#[test]
fn equal_shares_are_equal_however_many_processes_there_are() {
    let _alone = alone();
    let many = "budget = { share = 100 }\ncount = 1";
    let arena = Attack::by("endless-loop").child(many).beside(
        "[[supervisor.children]]\nid = \"many\"\nbudget = { share = 100 }\n[supervisor.children.supervisor]\nname = \"many\"\n[[supervisor.children.supervisor.children]]\nid = \"spin\"\ncount = 30\ncomponent = \"hostile\"\nentry = \"endless-loop\"\n",
    ).start();
    let attacker = arena.node.await_child("attacker-1");
    let many = arena.node.await_name("many");
    let runtime = arena.node.node().runtime();
    let cpu = |pid| runtime.budgets(pid)[0].cpu.as_secs_f64();
    let before = (cpu(attacker), cpu(many));
    let used = || (cpu(attacker) - before.0, cpu(many) - before.1);
    while used().0 + used().1 < 0.5 {
        arena.victim_answers();
    }
    let (one, thirty) = used();
    let share = one / (one + thirty);
    assert!((0.4..0.6).contains(&share), "{share:.2} of the time for one process");
    runtime.exit(arena.node.node().root(), ExitReason::Shutdown);
    arena.node.await_outcome();
}
