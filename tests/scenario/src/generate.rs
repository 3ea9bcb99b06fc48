//! Random scenarios.

use crate::op::{Item, MonitorMode, Op, Pattern, Target};
use crate::random::Random;
use crate::{Model, ROOT, Scenario, Step};

/// How long timers of scenarios run, and how much time passes at a time: enough that the steps between the two are
/// done before, on any machine.
const TIMER_MS: u64 = 1_000;
const PATIENCE_MS: u64 = 1_500;
const ADVANCE_MS: u64 = 2_000;
const NEVER_MS: u64 = 3_600_000;

/// Scenarios of which at most one in so many has time pass: on other platforms that is real time.
const TIMED_ONE_IN: u64 = 16;

/// A scenario that `seed` stands for, in which nothing depends on the order of signals that no rule fixes.
pub fn generate(seed: u64) -> Scenario {
    let mut generator = Generator {
        random: Random(seed),
        model: Model::new(),
        scenario: Scenario { name: format!("generated {seed}"), ..Scenario::default() },
        processes: vec![ROOT.to_owned()],
        monitors: Vec::new(),
        timers: Vec::new(),
        aliases: Vec::new(),
        next_text: 0,
        timed: seed.is_multiple_of(TIMED_ONE_IN),
        advanced: false,
    };
    let length = 12 + generator.random.below(16);
    for tries in 0..600 {
        // First a few processes, that anything may happen between them.
        let prelude = generator.scenario.steps.len() < PRELUDE;
        let step = if prelude { generator.prelude() } else { generator.step() };
        generator.try_step(step);
        if generator.scenario.steps.len() as u64 >= length || tries == 599 {
            break;
        }
    }
    generator.scenario
}

/// Steps that bring processes to life.
const PRELUDE: usize = 5;

struct Generator {
    random: Random,
    model: Model,
    scenario: Scenario,
    processes: Vec<String>,
    /// Labels, with the process that made them.
    monitors: Vec<(String, String)>,
    timers: Vec<(String, String)>,
    aliases: Vec<(String, String)>,
    next_text: u64,
    timed: bool,
    advanced: bool,
}

/// Processes of a scenario, at most.
const MAX_PROCESSES: usize = 5;

const NAMES: [&str; 2] = ["one", "two"];
const REASONS: [&str; 5] = ["normal", "kill", "shutdown", "oops", "killed"];

impl Generator {
    /// Adds a step, if it makes sense and nothing about it is a matter of chance.
    fn try_step(&mut self, step: Option<Step>) {
        let Some(step) = step else { return };
        // The model has no way back: play everything again with the new step.
        let mut model = Model::new();
        for known in &self.scenario.steps {
            model.apply(known);
        }
        let lines = model.apply(&step);
        if model.is_ambiguous() {
            return;
        }
        self.model = model;
        self.advanced |= matches!(step, Step::Advance(_));
        self.learn(&step);
        self.scenario.steps.push(step);
        self.scenario.trace.push(lines);
    }

    fn learn(&mut self, step: &Step) {
        let Step::Do { actor, op } = step else { return };
        self.processes.extend(op.spawned().map(str::to_owned));
        let mut own = |list: fn(&mut Self) -> &mut Vec<(String, String)>, label: &String| {
            list(self).push((label.clone(), actor.clone()));
        };
        match op {
            Op::SpawnMonitor { monitor, .. } | Op::SpawnExit { monitor, .. } => {
                own(|g| &mut g.monitors, monitor)
            }
            Op::Monitor { monitor, mode, .. } => {
                own(|g| &mut g.monitors, monitor);
                if !matches!(mode, MonitorMode::Plain | MonitorMode::Tagged) {
                    own(|g| &mut g.aliases, monitor);
                }
            }
            Op::StartTimer { timer, .. } | Op::SendAfter { timer, .. } => own(|g| &mut g.timers, timer),
            Op::Alias { alias } | Op::AliasReply { alias } => own(|g| &mut g.aliases, alias),
            _ => {}
        }
    }

    fn step(&mut self) -> Option<Step> {
        let actor = self.actor()?;
        if self.timed && !self.advanced && self.random.below(4) == 0 {
            if self.timers.is_empty() {
                return Some(Step::Do { op: self.timer(&actor)?, actor });
            }
            return Some(Step::Advance(ADVANCE_MS));
        }
        if let Some(step) = self.follow_up() {
            return Some(step);
        }
        // What has arrived is looked at, most of the time.
        let op = if self.model.waiting(&actor) > 0 && self.random.below(3) == 0 {
            Op::Receive {
                pattern: if self.random.below(4) == 0 { self.pattern(&actor) } else { Pattern::Any },
            }
        } else {
            self.op(&actor)?
        };
        Some(Step::Do { actor, op })
    }

    /// Now and then, something that follows from what was done before: by chance alone the right process would hardly
    /// ever do it.
    fn follow_up(&mut self) -> Option<Step> {
        let (choice, free) =
            (self.random.below(10), self.model.free().map(str::to_owned).collect::<Vec<_>>());
        let made_by_free = |labels: &[(String, String)]| -> Vec<(String, String)> {
            labels.iter().filter(|(_, maker)| free.contains(maker)).cloned().collect()
        };
        let (actor, op) = match choice {
            0 | 1 => {
                let owing: Vec<String> =
                    free.iter().filter(|process| self.model.owes_reply(process)).cloned().collect();
                (self.random.of(&owing)?, Op::Reply { text: self.text() })
            }
            2 => {
                let (timer, maker) = self.random.of(&made_by_free(&self.timers))?;
                let cancel = self.random.below(2) == 0;
                (maker, if cancel { Op::Cancel { timer } } else { Op::Read { timer } })
            }
            3 => {
                let (alias, maker) = self.random.of(&made_by_free(&self.aliases))?;
                (maker, Op::Unalias { alias })
            }
            _ => return None,
        };
        Some(Step::Do { actor, op })
    }

    fn actor(&mut self) -> Option<String> {
        let free: Vec<String> = self.model.free().map(str::to_owned).collect();
        self.random.of(&free)
    }

    fn prelude(&mut self) -> Option<Step> {
        let actor = self.actor()?;
        let op = match self.random.below(4) {
            0 if self.random.below(2) == 0 => Op::TrapExit { on: true },
            _ if self.processes.len() < MAX_PROCESSES => self.spawn(&actor),
            _ => Op::Link { process: self.process()? },
        };
        Some(Step::Do { actor, op })
    }

    fn process(&mut self) -> Option<String> {
        self.random.of(&self.processes)
    }

    fn name(&mut self) -> String {
        NAMES[self.random.below(2) as usize].to_owned()
    }

    fn target(&mut self) -> Option<Target> {
        if self.random.below(4) == 0 {
            Some(Target::Name(self.name()))
        } else {
            self.process().map(Target::Process)
        }
    }

    fn reason(&mut self) -> String {
        REASONS[self.random.below(5) as usize].to_owned()
    }

    fn text(&mut self) -> String {
        self.next_text += 1;
        format!("t{}", self.next_text)
    }

    fn label(&mut self, kind: &str, count: usize) -> String {
        format!("{kind}{}", count + 1)
    }

    /// A label that `actor` made.
    fn own(&mut self, labels: fn(&Self) -> &Vec<(String, String)>, actor: &str) -> Option<String> {
        let own: Vec<String> =
            labels(self).iter().filter(|(_, maker)| maker == actor).map(|(label, _)| label.clone()).collect();
        self.random.of(&own)
    }

    fn pattern(&mut self, actor: &str) -> Pattern {
        match self.random.below(8) {
            0..3 => Pattern::Any,
            3 => Pattern::Message,
            4 => Pattern::Exit,
            5 => Pattern::Call,
            6 => self.own(|g| &g.monitors, actor).map_or(Pattern::Timer, Pattern::Down),
            _ => Pattern::Text(format!("t{}", 1 + self.random.below(self.next_text.max(1)))),
        }
    }

    fn op(&mut self, actor: &str) -> Option<Op> {
        let choice = self.random.below(100);
        if choice < 10 && self.processes.len() < MAX_PROCESSES {
            return Some(self.spawn(actor));
        }
        Some(match choice {
            ..16 => Op::TrapExit { on: self.random.below(3) > 0 },
            16..25 => Op::Link { process: self.process()? },
            25..28 => Op::Unlink { process: self.process()? },
            28..37 => Op::Monitor {
                target: self.target()?,
                monitor: self.label("m", self.monitors.len()),
                mode: match self.random.below(8) {
                    0 => MonitorMode::Tagged,
                    1 => MonitorMode::ExplicitUnalias,
                    2 => MonitorMode::Demonitor,
                    3 => MonitorMode::ReplyDemonitor,
                    _ => MonitorMode::Plain,
                },
            },
            37..40 => Op::Demonitor { monitor: self.own(|g| &g.monitors, actor)? },
            40..43 => Op::DemonitorFlush { monitor: self.own(|g| &g.monitors, actor)? },
            // The root has its fate in the others' hands: without it less happens.
            43..46 if actor == ROOT => Op::Receive { pattern: self.pattern(actor) },
            43..45 => Op::Exit { reason: self.reason() },
            45 => Op::Return,
            46..53 => Op::Exit2 { process: self.process()?, reason: self.reason() },
            53..59 => Op::Send { target: self.target()?, text: self.text() },
            59..65 => Op::Receive { pattern: self.pattern(actor) },
            65..67 => Op::Wait { pattern: self.pattern(actor) },
            67 => Op::WaitAfter { ms: self.patience(), pattern: self.pattern(actor) },
            68..71 => Op::Register { name: self.name(), process: self.process()? },
            71 => Op::Unregister { name: self.name() },
            72 => Op::Whereis { name: self.name() },
            73..79 => self.timer(actor)?,
            79..86 => self.alias(actor)?,
            86 => Op::IsAlive { process: self.process()? },
            87..91 => Op::Info { process: self.process()?, item: self.item() },
            91..94 => {
                let ms = (self.random.below(3) == 0).then(|| self.patience());
                Op::Call { target: self.target()?, text: self.text(), ms }
            }
            _ if self.model.owes_reply(actor) => Op::Reply { text: self.text() },
            _ => Op::Receive { pattern: Pattern::Call },
        })
    }

    /// How long something is waited for: longer than timers run, so that the two never come at once.
    fn patience(&self) -> u64 {
        if self.timed && !self.advanced { PATIENCE_MS } else { NEVER_MS }
    }

    /// How long a timer runs.
    fn ms(&self) -> u64 {
        if self.timed && !self.advanced { TIMER_MS } else { NEVER_MS }
    }

    fn item(&mut self) -> Item {
        let items = [
            Item::MessageQueueLen,
            Item::Links,
            Item::Monitors,
            Item::MonitoredBy,
            Item::RegisteredName,
            Item::TrapExit,
        ];
        items[self.random.below(6) as usize]
    }

    fn spawn(&mut self, actor: &str) -> Op {
        let process = ["a", "b", "c", "d"][self.processes.len() - 1].to_owned();
        let monitor = self.label("m", self.monitors.len());
        match self.random.below(5) {
            0 => Op::Spawn { process },
            1 => Op::SpawnMonitor { process, monitor },
            // Of one that traps it would see two things at once.
            2 if !self.model.traps(actor) => Op::SpawnExit { process, monitor, reason: "normal".to_owned() },
            _ => Op::SpawnLink { process },
        }
    }

    fn timer(&mut self, actor: &str) -> Option<Op> {
        let ms = self.ms();
        let own = self.own(|g| &g.timers, actor);
        Some(match (self.random.below(4), own) {
            (0, Some(timer)) => Op::Cancel { timer },
            (1, Some(timer)) => Op::Read { timer },
            (2, _) => {
                let timer = self.label("x", self.timers.len());
                Op::StartTimer { timer, ms, target: self.target()?, text: self.text() }
            }
            _ => {
                let timer = self.label("x", self.timers.len());
                Op::SendAfter { timer, ms, target: self.target()?, text: self.text() }
            }
        })
    }

    fn alias(&mut self, actor: &str) -> Option<Op> {
        let all: Vec<String> = self.aliases.iter().map(|(label, _)| label.clone()).collect();
        let (own, any) = (self.own(|g| &g.aliases, actor), self.random.of(&all));
        Some(match (self.random.below(6), own, any) {
            (0, Some(alias), _) => Op::Unalias { alias },
            (1.., _, Some(alias)) if self.random.below(4) > 0 => Op::SendAlias { alias, text: self.text() },
            (..4, ..) => Op::Alias { alias: self.label("l", self.aliases.len()) },
            _ => Op::AliasReply { alias: self.label("l", self.aliases.len()) },
        })
    }
}
