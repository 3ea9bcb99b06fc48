//! Attacks by components that no compiler would make: lies at the boundary, malformed bytes, looks at others' memory.

use regrow::engine::{Component, EngineKind, LoadError};
use regrow_otp::{ExitReason, LimitKind, RandomSource, SplitMix64};
use regrow_tests::raw::Module;
use regrow_tests::{Guest, block_on, engine};

use crate::arena::{Attack, alone};

fn run(run: &str) -> Attack {
    Attack::by_component(Module { run, ..Module::default() }.component())
}

/// `log.write`, whose strings are at addresses of the attacker's choice.
const LOG: &str = r#"(import "regrow:otp/log@0.1.0" "write" (func $log (param i32 i32 i32 i32 i32)))"#;

fn logs(level: &str, address: &str, len: &str) -> Attack {
    let run = format!(
        "(call $log (i32.const {level}) (i32.const {address}) (i32.const {len}) (i32.const 64) (i32.const 6)) (i32.const 128)"
    );
    Attack::by_component(Module { fields: LOG, run: &run, ..Module::default() }.component())
}

#[test]
fn a_component_of_hand_written_wasm_runs_if_it_keeps_to_the_rules() {
    run("(i32.const 128)").ends(|ended| ended.reason == ExitReason::Normal);
    logs("2", "64", "6").ends(|ended| ended.reason == ExitReason::Normal);
}

fn is_trap(reason: &ExitReason) -> bool {
    matches!(reason, ExitReason::Trap(_))
}

#[test]
fn lengths_and_addresses_that_are_lies_trap() {
    let lies =
        [("64", "0x7fffffff"), ("64", "-1"), ("-1", "1"), ("0x1fff0", "100"), ("131071", "2"), ("-16", "32")];
    for (address, len) in lies {
        logs("2", address, len).ends(|ended| is_trap(&ended.reason));
    }
}

#[test]
fn cases_that_do_not_exist_trap() {
    for level in ["5", "99", "-1"] {
        logs(level, "64", "6").ends(|ended| is_trap(&ended.reason));
    }
    // A result that is neither.
    run("(i32.store8 (i32.const 128) (i32.const 7)) (i32.const 128)").ends(|ended| is_trap(&ended.reason));
}

#[test]
fn results_that_are_nowhere_trap() {
    for address in ["-4", "0x20000", "131", "0x7ffffffc"] {
        run(&format!("(i32.const {address})")).ends(|ended| is_trap(&ended.reason));
    }
}

#[test]
fn bytes_that_are_no_text_trap() {
    let fields = format!(r#"{LOG} (data (i32.const 200) "\ff\fe\80\c0\af\ed\a0\80")"#);
    let run = "(call $log (i32.const 2) (i32.const 200) (i32.const 8) (i32.const 64) (i32.const 6)) (i32.const 128)";
    let attack = Attack::by_component(Module { fields: &fields, run, ..Module::default() }.component());
    attack.ends(|ended| is_trap(&ended.reason));
}

/// The allocator is called by the host in the middle of a call.
#[test]
fn allocators_that_lie_trap() {
    for lie in ["(return (i32.const -64))", "(return (i32.const 0x1ffff))", "unreachable"] {
        let module = Module { realloc: lie, ..Module::default() };
        Attack::by_component(module.component()).ends(|ended| is_trap(&ended.reason));
    }
}

#[test]
fn an_allocator_that_never_returns_can_be_killed() {
    let module = Module { realloc: "(loop $again (br $again))", ..Module::default() };
    Attack::by_component(module.component()).goes_on();
}

/// The host is in the middle of a call; the guest may not begin another.
#[test]
fn calls_from_within_a_call_trap() {
    let module = Module {
        fields: LOG,
        realloc: "(call $log (i32.const 2) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 6))",
        ..Module::default()
    };
    Attack::by_component(module.component()).ends(|ended| is_trap(&ended.reason));
}

#[test]
fn tables_that_grow_end_at_their_limit() {
    let fields = "(table $t 1 funcref)";
    let run =
        "(loop $again (drop (table.grow $t (ref.null func) (i32.const 5000))) (br $again)) (i32.const 128)";
    let attack = Attack::by_component(Module { fields, run, ..Module::default() }.component());
    attack.is_limited(LimitKind::TableElements);
}

#[test]
fn memory_that_grows_ends_at_its_limit() {
    let attack = run("(loop $again (drop (memory.grow (i32.const 16))) (br $again)) (i32.const 128)");
    attack.is_limited(LimitKind::Memory);
}

/// One fills its memory to the limit and ends; the next takes as much, and looks whether a byte of it is left.
#[test]
fn a_new_process_never_sees_the_bytes_of_an_old_one() {
    const PAGES: u32 = 900;
    let fill = format!(
        "(drop (memory.grow (i32.const {PAGES})))
         (memory.fill (i32.const 131072) (i32.const 0xaa) (i32.mul (i32.const {PAGES}) (i32.const 65536)))
         (i32.const 128)"
    );
    let look = format!(
        "(drop (memory.grow (i32.const {PAGES})))
         (local.set $n (i32.const 131072))
         (loop $again
            (if (i64.ne (i64.load (local.get $n)) (i64.const 0)) (then unreachable))
            (local.set $n (i32.add (local.get $n) (i32.const 8)))
            (br_if $again (i32.lt_u (local.get $n) (i32.mul (i32.const {}) (i32.const 65536)))))
         (i32.const 128)",
        PAGES + 2
    );
    for _ in 0..3 {
        run(&fill).ends(|ended| ended.reason == ExitReason::Normal);
        run(&look).ends(|ended| ended.reason == ExitReason::Normal);
    }
}

fn load(bytes: &[u8]) -> Result<Component, LoadError> {
    block_on(engine().load("bad", EngineKind::Density, bytes))
}

#[test]
fn descriptions_that_never_end_are_refused() {
    let _alone = alone();
    let endless = Module { describe: "(loop $again (br $again))", ..Module::default() };
    let Err(LoadError::Describe(why)) = load(&endless.component()) else { panic!("it is refused") };
    assert!(why.contains("reductions"), "{why}");
}

#[test]
fn descriptions_that_lie_are_refused() {
    let _alone = alone();
    for lie in [
        // So many entries that they would not fit into memory, or into the host's.
        "(i32.store (i32.const 20) (i32.const 0x7fffffff))",
        "(i32.store (i32.const 20) (i32.const 5000))",
        "(i32.store (i32.const 16) (i32.const -8))",
        "(return (i32.const -8))",
        "(drop (memory.grow (i32.const 2000)))",
        // Twice the same entry, and a name that moves the cursor.
        "(i32.store (i32.const 20) (i32.const 2)) (memory.copy (i32.const 52) (i32.const 32) (i32.const 20))",
        "(i32.store8 (i32.const 64) (i32.const 27))",
        "unreachable",
    ] {
        let module = Module { describe: lie, ..Module::default() };
        assert!(matches!(load(&module.component()), Err(LoadError::Describe(_))), "{lie}");
    }
}

#[test]
fn a_description_may_not_call_the_host() {
    let _alone = alone();
    let module = Module {
        fields: LOG,
        describe: "(call $log (i32.const 2) (i32.const 64) (i32.const 6) (i32.const 64) (i32.const 6))",
        ..Module::default()
    };
    let Err(LoadError::Describe(why)) = load(&module.component()) else { panic!("it is refused") };
    assert!(why.contains("may not call the host"), "{why}");
}

/// A good component with some of its bytes changed: it is refused, or it is as good as another. Whatever it is, the host
/// goes on.
#[test]
fn malformed_components_are_refused_or_harmless() {
    let _alone = alone();
    let good = Module::default().component();
    let mut random = SplitMix64::new(2026);
    let (mut refused, mut taken) = (0, 0);
    for _ in 0..400 {
        let mut bytes = good.clone();
        for _ in 0..=random.next_u64() % 4 {
            let at = random.next_u64() as usize % bytes.len();
            match random.next_u64() % 4 {
                0 => bytes[at] = random.next_u64() as u8,
                1 => bytes.truncate(at.max(8)),
                2 => bytes.insert(at, random.next_u64() as u8),
                _ => bytes[at] ^= 1 << (random.next_u64() % 8),
            }
        }
        match load(&bytes) {
            Ok(_) => taken += 1,
            Err(_) => refused += 1,
        }
    }
    assert!(refused > 100, "{refused} refused, {taken} taken");
}

/// Types within types within types, and very many of them.
#[test]
fn types_that_are_too_deep_or_too_many_are_refused() {
    let _alone = alone();
    let mut deep = String::from("(component (type $t0 (list u8))");
    for n in 1..200 {
        deep.push_str(&format!("(type $t{n} (list $t{}))", n - 1));
    }
    deep.push_str("(import \"f\" (func (param \"x\" $t199))))");
    assert!(load(&wat::parse_str(&deep).unwrap()).is_err());
    let mut wide = String::from("(component (type $t0 (tuple u64 u64))");
    for n in 1..40 {
        wide.push_str(&format!("(type $t{n} (tuple $t{0} $t{0}))", n - 1));
    }
    wide.push_str("(import \"f\" (func (param \"x\" $t39))))");
    assert!(load(&wat::parse_str(&wide).unwrap()).is_err(), "two to the fortieth fields");
    let mut many = String::from("(component");
    (0..100_000).for_each(|_| many.push_str("(type (list u8))"));
    many.push(')');
    assert!(load(&wat::parse_str(&many).unwrap()).is_err());
}

/// What takes room in every instance, and no memory that is counted.
#[test]
fn modules_with_very_many_parts_are_refused() {
    let _alone = alone();
    for part in ["(global i32 (i32.const 0))", "(func)"] {
        let fields = part.repeat(120_000);
        let many = Module { fields: &fields, ..Module::default() };
        let Err(LoadError::Invalid(why)) = load(&many.component()) else { panic!("{part}") };
        assert!(why.contains("are the most"), "{why}");
    }
    let tables = "(table i64 1 funcref)".to_owned();
    let of_64_bits = std::panic::catch_unwind(|| Module { fields: &tables, ..Module::default() }.component());
    assert!(of_64_bits.is_err() || load(&of_64_bits.unwrap()).is_err(), "tables of 64 bits");
}

#[test]
fn the_victims_component_is_none_of_these() {
    let _alone = alone();
    let bytes = std::fs::read(Guest::Hostile.file()).unwrap();
    assert!(load(&bytes).is_ok());
}
