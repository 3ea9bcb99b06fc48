//! Random scenarios of supervisors. What depends on who runs first is not avoided here: whoever records them plays them
//! in several orders, and drops those that come out differently.

use crate::random::Random;
use crate::text::Scenario;

const REASONS: [&str; 6] = ["oops", "oops", "oops", "normal", "shutdown", "{shutdown,x}"];

/// What is being made.
struct Making {
    random: Random,
    steps: Vec<String>,
    /// Children of static supervisors, with their supervisor.
    children: Vec<(String, String)>,
    instances: Vec<String>,
    supervisors: Vec<String>,
    simple: bool,
}

/// The random scenario of a seed.
pub fn generate(seed: u64) -> Scenario {
    let mut random = Random(seed);
    let simple = random.chance(20);
    let mut making = Making {
        random,
        steps: Vec::new(),
        children: Vec::new(),
        instances: Vec::new(),
        supervisors: vec!["s".to_owned()],
        simple,
    };
    if simple {
        making.declare_simple()
    } else {
        making.declare_static()
    }
    making.steps.push("start s".to_owned());
    for _ in 0..4 + making.random.below(9) {
        let step = making.step();
        making.steps.push(step);
        if making.random.chance(15) {
            let s = making.supervisor();
            making.steps.push(format!("which {s}"));
            making.steps.push(format!("count {s}"));
        }
    }
    making.steps.push("which s".to_owned());
    making.steps.push("count s".to_owned());
    let reason = making.random.pick(&["shutdown", "shutdown", "normal", "oops"]);
    making.steps.push(format!("stop s {reason}"));
    let steps = making.steps.into_iter().map(|step| (step, Vec::new())).collect();
    Scenario { name: format!("random {seed}"), steps }
}

impl Making {
    fn declare_simple(&mut self) {
        let intensity = self.random.below(5);
        self.steps.push(format!("sup s simple_one_for_one {intensity} 5 never"));
        let (restart, shutdown) = (self.restart(), self.shutdown());
        self.steps.push(format!("child s t worker {restart} {shutdown} plain -"));
    }

    fn declare_static(&mut self) {
        let auto = self.declare_supervisor("s");
        let ids = ["a", "b", "c", "d"];
        let count = 1 + self.random.below(4) as usize;
        let nested = self.random.chance(30).then(|| self.random.below(count as u64) as usize);
        for (index, id) in ids.iter().enumerate().take(count) {
            if nested == Some(index) {
                let line = format!("child s n supervisor {} infinity {} -", self.restart(), "plain");
                self.steps.push(line);
                self.children.push(("n".to_owned(), "s".to_owned()));
                self.supervisors.push("n".to_owned());
            } else {
                let line = self.child("s", id, &auto);
                self.steps.push(format!("child {line}"));
                self.children.push(((*id).to_owned(), "s".to_owned()));
            }
        }
        if nested.is_some() {
            let auto = self.declare_supervisor("n");
            for id in ["e", "f", "g"].iter().take(1 + self.random.below(3) as usize) {
                let line = self.child("n", id, &auto);
                self.steps.push(format!("child {line}"));
                self.children.push(((*id).to_owned(), "n".to_owned()));
            }
        }
    }

    fn declare_supervisor(&mut self, name: &str) -> String {
        let strategy = self.random.pick(&["one_for_one", "one_for_all", "rest_for_one"]);
        let intensity = self.random.below(5);
        let auto = self.random.pick(&["never", "never", "any_significant", "all_significant"]);
        self.steps.push(format!("sup {name} {strategy} {intensity} 5 {auto}"));
        auto.to_owned()
    }

    fn restart(&mut self) -> &'static str {
        self.random.pick(&["permanent", "permanent", "transient", "temporary"])
    }

    fn shutdown(&mut self) -> &'static str {
        self.random.pick(&["brutal_kill", "30", "5000", "infinity"])
    }

    /// A child specification: one that makes sense, and whose child can be stopped in no time.
    fn child(&mut self, supervisor: &str, id: &str, auto: &str) -> String {
        let (restart, shutdown) = (self.restart(), self.shutdown());
        let significant = auto != "never" && restart != "permanent" && self.random.chance(60);
        let significant = if significant { "significant" } else { "plain" };
        let script = self.script(matches!(shutdown, "brutal_kill" | "30"), 4, true);
        format!("{supervisor} {id} worker {restart} {shutdown} {significant} {script}")
    }

    /// Behaviours for some starts; the first one is likely to run, so that there is something to see.
    fn script(&mut self, may_be_stubborn: bool, most: u64, may_ignore: bool) -> String {
        if self.random.chance(45) {
            return "run".to_owned();
        }
        let mut script = Vec::new();
        for start in 0..1 + self.random.below(most) {
            let runs = self.random.chance(if start == 0 { 75 } else { 45 });
            let behaviour = match (runs, self.random.below(if runs { 5 } else { 6 })) {
                (true, 0) => "trap".to_owned(),
                (true, 1) => format!("stop:{}", self.random.pick(&REASONS)),
                (true, 2) if may_be_stubborn => "stubborn".to_owned(),
                (true, 3) if self.random.chance(50) => "unlink".to_owned(),
                (true, _) => "run".to_owned(),
                (false, 0) if may_ignore => "ignore".to_owned(),
                (false, 1) => "crash:oops".to_owned(),
                (false, 2) => format!("exit:{}", self.random.pick(&REASONS)),
                (false, 3) => "hang".to_owned(),
                (false, _) => "error:no".to_owned(),
            };
            script.push(behaviour);
        }
        script.join(",")
    }

    fn supervisor(&mut self) -> String {
        let index = self.random.below(self.supervisors.len() as u64) as usize;
        self.supervisors[index].clone()
    }

    fn step(&mut self) -> String {
        if self.simple { self.simple_step() } else { self.static_step() }
    }

    fn simple_step(&mut self) -> String {
        if self.instances.is_empty() || self.random.chance(35) {
            let name = format!("i{}", self.instances.len() + 1);
            self.instances.push(name.clone());
            // OTP's supervisor takes an `ignore` of a restarted dynamic child for a pid.
            let script = self.script(false, 3, false);
            let script = if self.random.chance(10) { "ignore".to_owned() } else { script };
            return format!("start_instance s {name} {script}");
        }
        let index = self.random.below(self.instances.len() as u64) as usize;
        let name = self.instances[index].clone();
        match self.random.below(10) {
            0..=3 => format!("tell {name} {}", self.random.pick(&REASONS)),
            4 => format!("kill {name}"),
            5 | 6 => format!("terminate s @{name}"),
            7 => format!("terminate s {name}"),
            8 => format!("{} s {name}", self.random.pick(&["restart", "delete"])),
            _ => "count s".to_owned(),
        }
    }

    fn static_step(&mut self) -> String {
        let index = self.random.below(self.children.len() as u64) as usize;
        let (id, supervisor) = self.children[index].clone();
        let is_supervisor = self.supervisors.contains(&id);
        match self.random.below(20) {
            0..=6 if !is_supervisor => format!("tell {id} {}", self.random.pick(&REASONS)),
            7 | 8 if !is_supervisor => format!("kill {id}"),
            9 | 10 if !is_supervisor => self.together(&supervisor),
            11 if self.supervisors.len() > 1 && self.random.chance(50) => "kill_sup n".to_owned(),
            12 => format!("terminate {supervisor} {id}"),
            13 => format!("restart {supervisor} {id}"),
            14 => format!("delete {supervisor} {id}"),
            15 => format!("spec {supervisor} {id}"),
            16 | 17 => {
                let new = self.random.pick(&["x", "y", "z"]);
                let line = self.child("s", new, "never");
                if !self.children.iter().any(|(id, _)| id == new) {
                    self.children.push((new.to_owned(), "s".to_owned()));
                }
                format!("start_child {line}")
            }
            _ => format!("which {supervisor}"),
        }
    }

    /// Several children of one supervisor, each with its reason.
    fn together(&mut self, supervisor: &str) -> String {
        let ids: Vec<String> =
            self.children.iter().filter(|(_, s)| s == supervisor).map(|(id, _)| id.clone()).collect();
        let mut ids: Vec<String> = ids.into_iter().filter(|id| !self.supervisors.contains(id)).collect();
        let mut words = Vec::new();
        for _ in 0..2 + self.random.below(2) {
            if ids.is_empty() {
                break;
            }
            let id = ids.swap_remove(self.random.below(ids.len() as u64) as usize);
            words.push(format!("{id}:{}", self.random.pick(&REASONS)));
        }
        format!("together {}", words.join(" "))
    }
}
