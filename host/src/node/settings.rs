//! The settings of children and supervisors, as they are compared: each with its name, its value as people see it, and
//! whether a change of it needs another start.

use std::time::Duration;

use regrow_otp::Budget;
use regrow_otp::supervisor::Backoff;
use regrow_term::encode;

use crate::engine::{Contents, GuestLimits, Program};
use crate::manifest::{Child, ChildStart, ServiceKind, Supervisor, SupervisorKind};
use crate::node::tree;

/// Characters of a value that a plan shows.
const MAX_SHOWN: usize = 80;

/// One setting.
pub(super) struct Setting {
    name: &'static str,
    /// What is compared.
    value: Vec<u8>,
    /// What is shown.
    shown: String,
    needs_a_start: bool,
}

impl Setting {
    /// One that a process which runs can be given.
    fn live(name: &'static str, shown: impl Into<String>) -> Self {
        let shown = shown.into();
        Self { name, value: shown.clone().into_bytes(), shown, needs_a_start: false }
    }

    /// One that a process has for life.
    fn fixed(name: &'static str, shown: impl Into<String>) -> Self {
        Self { needs_a_start: true, ..Self::live(name, shown) }
    }

    /// A difference, as a plan shows it.
    pub(super) fn line(name: &str, old: &str, new: &str) -> String {
        let cut = |text: &str| {
            let mut cut: String = text.chars().take(MAX_SHOWN).collect();
            if cut.len() < text.len() {
                cut.push('…');
            }
            cut
        };
        format!("{name}: {} -> {}", cut(old), cut(new))
    }

    fn changed<'a>(
        old: &'a [Self],
        new: &'a [Self],
    ) -> impl Iterator<Item = (Option<&'a Self>, Option<&'a Self>)> {
        let of = |settings: &'a [Self], name: &str| settings.iter().find(|setting| setting.name == name);
        let gone =
            old.iter().filter(move |setting| of(new, setting.name).is_none()).map(|old| (Some(old), None));
        let there = new.iter().map(move |new| (of(old, new.name), Some(new)));
        there.chain(gone).filter(|(old, new)| old.map(|old| &old.value) != new.map(|new| &new.value))
    }

    /// What differs, a line each.
    pub(super) fn differences(old: &[Self], new: &[Self]) -> Vec<String> {
        let shown =
            |setting: Option<&Self>| setting.map_or("none".to_owned(), |setting| setting.shown.clone());
        let lines = Self::changed(old, new).map(|(old, new)| {
            let name = old.or(new).map_or("", |setting| setting.name);
            Self::line(name, &shown(old), &shown(new))
        });
        lines.collect()
    }

    /// Whether something differs that needs another start.
    pub(super) fn need_a_start(old: &[Self], new: &[Self]) -> bool {
        Self::changed(old, new).any(|(old, new)| old.or(new).is_some_and(|setting| setting.needs_a_start))
    }
}

fn milliseconds(duration: Option<Duration>) -> String {
    duration.map_or("infinity".to_owned(), |duration| format!("{} ms", duration.as_millis()))
}

fn backoff(backoff: &Backoff) -> String {
    format!(
        "{} ms to {} ms by {}, jitter {}, anew after {} ms",
        backoff.initial.as_millis(),
        backoff.max.as_millis(),
        backoff.factor,
        backoff.jitter,
        backoff.reset_after.as_millis()
    )
}

/// The settings of a supervisor itself, not those of its children.
pub(super) fn supervisor_settings(supervisor: &Supervisor) -> Vec<Setting> {
    let flags = &supervisor.flags;
    let mut settings = vec![
        Setting::live("strategy", flags.strategy.name()),
        Setting::live("intensity", flags.intensity.to_string()),
        Setting::live("period", format!("{} s", flags.period.as_secs())),
        Setting::live("auto_shutdown", flags.auto_shutdown.name()),
    ];
    let most = |max: &Option<u64>| max.map_or("any number".to_owned(), |max| max.to_string());
    match &supervisor.kind {
        SupervisorKind::Static | SupervisorKind::Partitions(_) => {}
        SupervisorKind::Template { max_children } => {
            settings.push(Setting::live("max_children", most(max_children)))
        }
        SupervisorKind::Dynamic { max_children, extra_arguments } => {
            settings.push(Setting::live("max_children", most(max_children)));
            let shown: Vec<String> = extra_arguments.iter().map(ToString::to_string).collect();
            settings.push(Setting::live("extra_args", shown.join(", ")));
        }
    }
    settings
}

/// The settings of a child, with those of the component that it runs.
pub(super) fn child_settings(child: &Child, contents: &Contents) -> Vec<Setting> {
    let mut settings = vec![
        Setting::live("restart", child.restart.name()),
        Setting::live("shutdown", child.shutdown.to_string()),
        Setting::live("significant", child.significant.to_string()),
        Setting::live("start_timeout", milliseconds(child.start_timeout)),
        Setting::live("backoff", child.backoff.as_ref().map_or("none".to_owned(), backoff)),
        Setting::live("over_intensity", child.over_intensity.name()),
    ];
    settings.extend(budget_settings(child.budget.as_ref()));
    let (component, entry, name, args, limits, narrowed) = match &child.start {
        ChildStart::Worker { component, entry, name, args, limits, grants } => {
            (component, entry, name, args, limits, grants)
        }
        ChildStart::Supervisor(_) => {
            settings.push(Setting::fixed("type", "supervisor"));
            return settings;
        }
        // Another kind or name is another table, or registry.
        ChildStart::Service(service) => {
            settings.push(Setting::fixed("type", service.kind.word()));
            settings.push(Setting::fixed(service.kind.word(), service.name.value.as_str()));
            settings.extend(service_settings(&service.kind));
            settings.extend(limit_settings(&tree::limits(&GuestLimits::default(), &service.limits)));
            return settings;
        }
    };
    settings.push(Setting::fixed("type", "worker"));
    settings.push(Setting::fixed("component", component.value.as_str()));
    settings.push(Setting::fixed("entry", entry.value.as_str()));
    settings.push(Setting::fixed("name", name.as_ref().map_or("none", |name| name.value.as_str())));
    let args_setting = Setting::fixed("args", args.to_string());
    settings.push(Setting { value: encode(args).unwrap_or_default(), ..args_setting });
    if let Some(program) = contents.get(&component.value) {
        settings.extend([bytes(program), engine(program), grants(program)]);
        if let Some(narrowed) = narrowed {
            let value = format!("{narrowed:?}").into_bytes();
            settings.push(Setting { value, ..Setting::fixed("grants of its own", "narrowed") });
        }
        settings.extend(limit_settings(&tree::limits(&program.limits, limits)));
    }
    settings
}

/// The settings of a component.
pub(super) fn program_settings(program: &Program) -> Vec<Setting> {
    let mut settings = vec![bytes(program), engine(program), grants(program)];
    settings.extend(limit_settings(&program.limits));
    settings
}

pub(super) fn bytes(program: &Program) -> Setting {
    Setting::fixed("bytes", program.component.digest().to_string())
}

pub(super) fn engine(program: &Program) -> Setting {
    Setting::fixed("engine", program.component.engine().to_string())
}

/// The values of environment variables are nobody's business who reads a plan.
fn grants(program: &Program) -> Setting {
    let value = format!("{:?}", program.grants).into_bytes();
    Setting { value, ..Setting::fixed("grants", program.grants.to_string()) }
}

fn service_settings(kind: &ServiceKind) -> Vec<Setting> {
    match kind {
        ServiceKind::Table(kind) => vec![Setting::fixed("kind", format!("{kind:?}"))],
        ServiceKind::Registry { kind, partitions, listeners } => {
            let listeners: Vec<&str> = listeners.iter().map(|name| name.value.as_str()).collect();
            vec![
                Setting::fixed("kind", format!("{kind:?}")),
                Setting::fixed("partitions", partitions.to_string()),
                Setting::fixed("listeners", listeners.join(", ")),
            ]
        }
        ServiceKind::Groups => Vec::new(),
    }
}

fn limit_settings(limits: &GuestLimits) -> Vec<Setting> {
    let process = &limits.process;
    vec![
        Setting::live("limits.memory_bytes", limits.memory_bytes.to_string()),
        Setting::live("limits.mailbox_messages", process.mailbox_messages.to_string()),
        Setting::live("limits.mailbox_bytes", process.mailbox_bytes.to_string()),
        Setting::live("limits.when_full", process.when_full.name()),
        // What the engine copies out of a guest at once is settled when it starts.
        Setting::fixed("limits.message_bytes", process.message_bytes.to_string()),
        Setting::live("limits.links", process.links.to_string()),
        Setting::live("limits.monitors", process.monitors.to_string()),
        Setting::live("limits.timers", process.timers.to_string()),
        Setting::live("limits.children", process.children.to_string()),
        Setting::live("limits.reductions", process.reductions.to_string()),
        // The table of handles is made when the guest first uses one.
        Setting::fixed("limits.handles", process.handles.to_string()),
        Setting::live("limits.log_lines_per_second", process.log_lines_per_second.to_string()),
        Setting::live("limits.kept_bytes", process.kept_bytes.to_string()),
    ]
}

/// What is in a budget can change while it is in use; whether there is one can't.
fn budget_settings(budget: Option<&Budget>) -> Vec<Setting> {
    let Some(budget) = budget else { return vec![Setting::fixed("budget", "none")] };
    let shown = |limit: Option<u64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
    vec![
        Setting::fixed("budget", "of its own"),
        Setting::live("budget.share", budget.share.to_string()),
        Setting::live("budget.processes", shown(budget.processes)),
        Setting::live("budget.memory_bytes", shown(budget.memory_bytes)),
        Setting::live("budget.reductions", shown(budget.reductions)),
        Setting::live("budget.mailbox_messages", shown(budget.mailbox_messages)),
        Setting::live("budget.mailbox_bytes", shown(budget.mailbox_bytes)),
        Setting::live("budget.timers", shown(budget.timers)),
        Setting::live("budget.handles", shown(budget.handles)),
        Setting::live("budget.log_lines_per_second", shown(budget.log_lines_per_second)),
    ]
}
