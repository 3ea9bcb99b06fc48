//! Scenarios of what processes share: tables, process groups, registries.
//!
//! The processes `a`, `b` and `c` are there from the beginning; `kill P` ends one and puts another in its place. Each other step
//! is an operation of a process; under it stands its answer, and then what has come to whom. Terms are written as in Erlang, without
//! spaces: `1`, `1.0`, `<<"x">>`, `[1,<<"x">>]`.
//!
//! - Tables: `new T KIND ACCESS`, `insert T K V …`, `insert_new T K V …`, `lookup T K`, `element T K`, `member T K`, `delete T K`,
//!   `delete_object T K V`, `take T K`, `counter T K N`, `counter_default T K N V`, `counter_wrap T K N LIMIT SET`, `update T K V`,
//!   `first T`, `last T`, `next T K`, `prev T K`, `all T`, `size T`, `owner T`, `clear T`, `drop T`, `give T P V`, `heir T P V`,
//!   `access T ACCESS`; selections of what has a value above a number: `count T N`, `keys T N`, `delete_above T N`, `raise T N`.
//! - Groups of one scope: `join G P …`, `leave G P`, `members G`, `groups`, `monitor G`, `demonitor G`.
//! - Registries, `u` with unique keys and `d` with duplicate ones: `register R K V`, `unregister R K`, `whereis R K`, `entries R K`,
//!   `keys_of R P`, `values_of R K P`, `update_value R K N`, `registered R`, `match R K N`, `count_match R K N`, `unregister_match R K N`,
//!   `select R N`, `count_select R N`.

use crate::random::Random;
use crate::text::Scenario;

/// What the steps speak of.
impl Random {
    fn process(&mut self) -> &'static str {
        self.pick(&["a", "b", "c"])
    }

    fn key(&mut self) -> &'static str {
        self.pick(&[
            "1",
            "1",
            "1.0",
            "2",
            "2.0",
            "3",
            "<<\"x\">>",
            "<<\"xy\">>",
            "[1]",
            "[1,<<\"x\">>]",
            "[]",
        ])
    }

    fn value(&mut self) -> &'static str {
        self.pick(&["0", "1", "2", "3", "4", "5", "1.0", "2.5", "<<\"x\">>", "[1,2]", "[]", "-3"])
    }

    fn number(&mut self) -> String {
        (self.below(7) as i64 - 2).to_string()
    }

    fn access(&mut self) -> &'static str {
        self.pick(&["public", "public", "protected", "private"])
    }
}

/// The random scenario of a seed.
pub fn generate(seed: u64) -> Scenario {
    let mut random = Random(seed);
    let (subject, steps) = match random.below(8) {
        0..=3 => ("tables", tables(&mut random)),
        4 => ("groups", (0..15).map(|_| group(&mut random)).collect()),
        _ => ("registries", (0..20).map(|_| registry(&mut random)).collect()),
    };
    let steps = steps.into_iter().map(|step| (step, Vec::new())).collect();
    Scenario { name: format!("{subject}, generated {seed}"), steps }
}

fn tables(random: &mut Random) -> Vec<String> {
    let kinds = ["set", "ordered_set", "ordered_set", "bag", "duplicate_bag"];
    let kind = random.pick(&kinds);
    // Most often public: then all have a part in it.
    let access = if random.chance(60) { "public" } else { random.access() };
    let mut steps = vec![format!("a new t {kind} {access}")];
    for _ in 0..6 {
        let (key, value) = (random.key(), random.value());
        steps.push(format!("a insert t {key} {value}"));
    }
    for _ in 0..16 {
        steps.push(table(random, kind == "ordered_set"));
    }
    steps.push("a all t".to_owned());
    steps
}

fn table(random: &mut Random, is_ordered: bool) -> String {
    if random.chance(4) {
        return format!("kill {}", random.process());
    }
    let p = if random.chance(60) { "a" } else { random.process() };
    let (k, v, n, q) = (random.key(), random.value(), random.number(), random.process());
    let (k2, v2) = (random.key(), random.value());
    let operation = match random.below(if is_ordered { 34 } else { 28 }) {
        0..=2 => format!("insert t {k} {v}"),
        3 => format!("insert t {k} {v} {k2} {v2}"),
        4 => format!("insert_new t {k} {v}"),
        5 => format!("insert_new t {k} {v} {k2} {v2}"),
        6 => format!("lookup t {k}"),
        7 => format!("element t {k}"),
        8 => format!("member t {k}"),
        9 => format!("delete t {k}"),
        10 => format!("delete_object t {k} {v}"),
        11 => format!("take t {k}"),
        12 => format!("counter t {k} {n}"),
        13 => format!("counter_default t {k} {n} {v}"),
        14 => format!("counter_wrap t {k} {n} 3 0"),
        15 => format!("update t {k} {v}"),
        16 => "all t".to_owned(),
        17 => "size t".to_owned(),
        18 => "owner t".to_owned(),
        19 => random.pick(&["clear t", "all t", "all t", "drop t"]).to_owned(),
        20 => format!("give t {q} {v}"),
        21 => format!("heir t {q} {v}"),
        22 => format!("access t {}", random.access()),
        23 => format!("count t {n}"),
        24 => format!("keys t {n}"),
        25 => format!("delete_above t {n}"),
        26 => format!("raise t {n}"),
        27 => format!("new u set {}", random.access()),
        28 => "first t".to_owned(),
        29 => "last t".to_owned(),
        30 | 31 => format!("next t {k}"),
        _ => format!("prev t {k}"),
    };
    format!("{p} {operation}")
}

fn group(random: &mut Random) -> String {
    if random.chance(10) {
        return format!("kill {}", random.process());
    }
    let (p, q, r) = (random.process(), random.process(), random.process());
    let g = random.pick(&["g", "g", "h"]);
    let operation = match random.below(10) {
        0..=2 => format!("join {g} {q}"),
        3 => format!("join {g} {q} {r}"),
        // Of several, OTP tells watchers also of those who were no members.
        4 | 5 => format!("leave {g} {q}"),
        6 => format!("members {g}"),
        7 => "groups".to_owned(),
        8 => format!("monitor {g}"),
        _ => format!("demonitor {g}"),
    };
    format!("{p} {operation}")
}

fn registry(random: &mut Random) -> String {
    if random.chance(6) {
        return format!("kill {}", random.process());
    }
    let (p, q, r) = (random.process(), random.process(), random.pick(&["u", "d"]));
    let (k, v, n) = (random.pick(&["1", "1.0", "<<\"x\">>", "[1]"]), random.value(), random.number());
    let operation = match random.below(18) {
        0..=5 => format!("register {r} {k} {v}"),
        6 => format!("unregister {r} {k}"),
        7 => format!("whereis {r} {k}"),
        8 | 9 => format!("entries {r} {k}"),
        10 => format!("keys_of {r} {q}"),
        11 => format!("values_of {r} {k} {q}"),
        12 => format!("update_value {r} {k} {n}"),
        13 => format!("registered {r}"),
        14 => format!("match {r} {k} {n}"),
        15 => format!("count_match {r} {k} {n}"),
        16 => format!("unregister_match {r} {k} {n}"),
        _ => random.pick(&["select", "count_select"]).to_owned() + &format!(" {r} {n}"),
    };
    format!("{p} {operation}")
}
