//! What is observed, as lines.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use regrow_otp::supervisor::{self as supervisors, SupFlags};
use regrow_otp::{Event, EventSink, ExitReason, Pid, ReportKind};
use regrow_term::Term;

use crate::supervision::children::Declared;

/// What children, supervisors and the player all see.
#[derive(Default)]
pub(super) struct Shared(Mutex<Known>);

#[derive(Default)]
pub(super) struct Known {
    pub(super) lines: Vec<String>,
    pub(super) flags: HashMap<String, SupFlags>,
    pub(super) children: HashMap<String, Vec<Declared>>,
    pub(super) starts: HashMap<String, usize>,
    /// The processes that have started, by what scenarios call them, and the other way round.
    pub(super) pids: HashMap<String, Pid>,
    pub(super) ids: HashMap<Pid, String>,
    pub(super) owners: HashMap<String, Pid>,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, line: String) {
        self.lock().lines.push(line);
    }

    /// A process has started: from now on its end is observed.
    pub(super) fn has_started(&self, id: &str, pid: Pid) {
        let mut known = self.lock();
        known.pids.insert(id.to_owned(), pid);
        known.ids.insert(pid, id.to_owned());
    }

    pub(super) fn count_start(&self, id: &str) -> usize {
        let mut known = self.lock();
        let starts = known.starts.entry(id.to_owned()).or_default();
        *starts += 1;
        let nth = *starts;
        known.lines.push(format!("start {id} {nth}"));
        nth
    }

    /// A term as Erlang shows it.
    pub(super) fn term(&self, term: &Term) -> String {
        match term {
            Term::Text(text) if text.starts_with("timeout") => "timeout".to_owned(),
            Term::Text(text) => text.clone(),
            Term::List(items) => {
                let shown: Vec<String> = items.iter().map(|item| self.term(item)).collect();
                format!("{{{}}}", shown.join(","))
            }
            other => other.to_string(),
        }
    }

    pub(super) fn reason(&self, reason: &ExitReason) -> String {
        self.term(&reason.to_term())
    }
}

/// Writes down ends and reports.
pub(super) struct Sink(pub(super) Arc<Shared>);

impl EventSink for Sink {
    fn event(&self, event: &Event) {
        match event {
            Event::Exited(exited) => {
                let id = self.0.lock().ids.get(&exited.pid).cloned();
                // A supervisor whose start failed has never begun.
                let begun = supervisors::failed_child(&exited.reason).is_none();
                if let Some(id) = id.filter(|_| begun) {
                    self.0.note(format!("end {id} {}", self.0.reason(&exited.reason)));
                }
            }
            Event::Supervisor(report) => {
                let s = &report.path;
                let line = match &report.kind {
                    ReportKind::ChildTerminated { child, reason, .. } => {
                        format!("child_terminated {child} {}", self.0.reason(reason))
                    }
                    ReportKind::StartError { child, reason, .. } => {
                        format!("start_error {child} {}", self.0.reason(reason))
                    }
                    ReportKind::ShutdownError { child, reason, .. } => {
                        format!("shutdown_error {child} {}", self.0.reason(reason))
                    }
                    ReportKind::GaveUp { child, .. } => {
                        format!("shutdown {child} reached_max_restart_intensity")
                    }
                    ReportKind::ChildStarted { .. }
                    | ReportKind::StartRefused { .. }
                    | ReportKind::Parked { .. }
                    | ReportKind::AutoShutdown { .. } => return,
                };
                self.0.note(format!("report {s} {line}"));
            }
            _ => {}
        }
    }
}

pub(super) fn parse_reason(text: &str) -> ExitReason {
    match text {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        _ => match text.strip_prefix("{shutdown,").and_then(|rest| rest.strip_suffix('}')) {
            Some(term) => ExitReason::ShutdownWith(Arc::new(Term::from(term))),
            None => ExitReason::error(text),
        },
    }
}
