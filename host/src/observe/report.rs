//! Crash reports: one for each process that ends abnormally, with what its supervisor does about it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use regrow_otp::{
    Decision, Event, EventSink, ExitReason, Exited, Pid, ProcessKind, ReportKind, SupervisorReport,
};

use crate::observe::logger::{Level, Logger};

/// Crashes that wait for their supervisor's word, at most. Those that a supervisor itself asked for get none.
const MAX_PENDING: usize = 1024;

/// Full reports of one kind of crash within `BURST_PERIOD`; the others are counted.
const BURST: u32 = 5;
const BURST_PERIOD: Duration = Duration::from_secs(10);

/// Kinds of crashes that are told apart at a time, and how much of a crash's place tells them apart: guests
/// choose both.
const MAX_KINDS: usize = 256;
const MAX_PLACE_CHARS: usize = 128;

/// Turns events into log entries.
pub struct Reporter {
    logger: Logger,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    supervisors: HashSet<Pid>,
    pending: VecDeque<Exited>,
    bursts: HashMap<String, Burst>,
}

struct Burst {
    start: Instant,
    reported: u32,
    held_back: u32,
}

impl Reporter {
    /// A reporter that writes to `logger`.
    pub fn new(logger: Logger) -> Self {
        Self { logger, state: Mutex::default() }
    }

    fn on_exited(&self, state: &mut State, exited: &Exited) {
        if state.supervisors.remove(&exited.pid) {
            // Nobody will say any more what becomes of its children.
            let (orphans, others): (VecDeque<_>, _) =
                state.pending.drain(..).partition(|child| child.identity.parent == Some(exited.pid));
            state.pending = others;
            for orphan in orphans.iter().filter(|orphan| orphan.reason != ExitReason::Killed) {
                self.crash(state, orphan, "its supervisor ended too");
            }
            return;
        }
        if exited.reason.is_clean() {
            return;
        }
        if exited.identity.parent.is_some_and(|parent| state.supervisors.contains(&parent)) {
            if state.pending.len() == MAX_PENDING {
                state.pending.pop_front();
            }
            state.pending.push_back(exited.clone());
        } else {
            self.crash(state, exited, "it has no supervisor");
        }
    }

    fn on_report(&self, state: &mut State, report: &SupervisorReport) {
        let path = &report.path;
        match &report.kind {
            ReportKind::ChildStarted { child, pid, restarts } => {
                let again = if *restarts == 0 { "" } else { " again" };
                self.logger.write(Level::Debug, path, format_args!("{child} started{again} as {pid}"));
            }
            ReportKind::StartError { child, pid, reason } => {
                let outcome = format!("{path}/{child} could not be started: {reason}");
                match pid.and_then(|pid| take_pending(state, pid)) {
                    Some(exited) => self.crash(state, &exited, &outcome),
                    None => self.logger.write(Level::Error, path, outcome),
                }
            }
            ReportKind::ChildTerminated { child, pid, reason, decision } => {
                let outcome = format!("{path}/{child}: {}", describe(decision));
                match take_pending(state, *pid) {
                    Some(exited) => self.crash(state, &exited, &outcome),
                    None => self.logger.write(
                        Level::Warning,
                        path,
                        format_args!("{child} {pid} ended ({reason}); {}", describe(decision)),
                    ),
                }
            }
            ReportKind::ShutdownError { child, pid, reason } => {
                let outcome = format!("{path}/{child} was told to stop");
                match take_pending(state, *pid) {
                    Some(exited) if exited.reason != ExitReason::Killed => {
                        self.crash(state, &exited, &outcome);
                    }
                    _ => self.logger.write(
                        Level::Warning,
                        path,
                        format_args!("{child} {pid} was told to stop and ended otherwise: {reason}"),
                    ),
                }
            }
            ReportKind::GaveUp { child, intensity, period } => {
                let period = period.as_secs();
                let message = format!(
                    "gives up on {child}: more than {intensity} restarts within {period} s; it stops its children and ends"
                );
                self.logger.write(Level::Error, path, message);
            }
            ReportKind::AutoShutdown { child, .. } => {
                self.logger.write(
                    Level::Info,
                    path,
                    format_args!("{child} has ended, and it was significant: stopping"),
                );
            }
        }
    }

    fn crash(&self, state: &mut State, exited: &Exited, outcome: &str) {
        if let Some(sender) = exited.ended_by {
            // The report of what happened is that of the process where it began.
            let level = if exited.identity.parent.is_some_and(|parent| state.supervisors.contains(&parent)) {
                Level::Warning
            } else {
                Level::Debug
            };
            let ended = format!("ended by an exit signal of {sender}: {}; {outcome}", exited.reason);
            self.logger.write(level, title(exited), ended);
            return;
        }
        let kind = kind_of(exited);
        if state.bursts.len() >= MAX_KINDS && !state.bursts.contains_key(&kind) {
            self.forget_bursts(state);
        }
        let burst = state.bursts.entry(kind.clone()).or_insert_with(Burst::new);
        if burst.start.elapsed() > BURST_PERIOD {
            self.count_held_back(&kind, burst);
            *burst = Burst::new();
        }
        if burst.reported == BURST {
            burst.held_back += 1;
            return;
        }
        burst.reported += 1;
        self.logger.write(Level::Error, title(exited), render(exited, outcome));
    }

    /// Ends the bursts whose time is over; all of them, if there are still too many kinds.
    fn forget_bursts(&self, state: &mut State) {
        let all = state.bursts.values().all(|burst| burst.start.elapsed() <= BURST_PERIOD);
        let is_over = |burst: &Burst| all || burst.start.elapsed() > BURST_PERIOD;
        for (kind, burst) in state.bursts.extract_if(|_, burst| is_over(burst)) {
            self.count_held_back(&kind, &burst);
        }
    }

    fn count_held_back(&self, kind: &str, burst: &Burst) {
        if burst.held_back > 0 {
            let seconds = burst.start.elapsed().as_secs().max(1);
            let message = format!("{} more crashes like it within {seconds} s", burst.held_back);
            self.logger.write(Level::Error, kind, message);
        }
    }
}

impl Burst {
    fn new() -> Self {
        Self { start: Instant::now(), reported: 0, held_back: 0 }
    }
}

impl EventSink for Reporter {
    fn event(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Spawned { pid, identity } => {
                if identity.kind == ProcessKind::Supervisor {
                    state.supervisors.insert(*pid);
                }
            }
            Event::Exited(exited) => self.on_exited(&mut state, exited),
            Event::Supervisor(report) => self.on_report(&mut state, report),
            Event::Refused { from, to } => {
                self.logger.write(
                    Level::Debug,
                    from,
                    format_args!("a message to {to} was refused: its mailbox is full"),
                );
            }
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        let state = std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner));
        for (kind, burst) in &state.bursts {
            self.count_held_back(kind, burst);
        }
    }
}

fn take_pending(state: &mut State, pid: Pid) -> Option<Exited> {
    let index = state.pending.iter().position(|exited| exited.pid == pid)?;
    state.pending.remove(index)
}

fn kind_of(exited: &Exited) -> String {
    let component = exited.identity.component.as_deref().unwrap_or("host");
    let entry = exited.identity.entry.as_deref().unwrap_or("process");
    let reason = match &exited.reason {
        // Two panics in different places are two kinds.
        ExitReason::Trap(trap) => {
            let place: String =
                trap.location.as_deref().unwrap_or("?").chars().take(MAX_PLACE_CHARS).collect();
            format!("{} at {place}", exited.reason)
        }
        ExitReason::Error(_) => "error".to_owned(),
        ExitReason::Other(_) => "other".to_owned(),
        reason => reason.to_string(),
    };
    format!("{component}.{entry} {reason}")
}

fn title(exited: &Exited) -> String {
    let name = exited.name.as_deref().or(exited.label.as_deref());
    let name = name.or(exited.identity.entry.as_deref()).unwrap_or("process");
    format!("{name} {}", exited.pid)
}

fn describe(decision: &Decision) -> String {
    match decision {
        Decision::Restart { restarts, with } if with.is_empty() => format!("restarted (restart {restarts})"),
        Decision::Restart { restarts, with } => {
            format!("restarted (restart {restarts}) together with {}", with.join(", "))
        }
        Decision::Keep => "not restarted: it ended in order".to_owned(),
        Decision::Delete => "not restarted: it is temporary".to_owned(),
        Decision::GiveUp { intensity, period } => {
            format!("the supervisor gives up: more than {intensity} restarts within {} s", period.as_secs())
        }
    }
}

fn render(exited: &Exited, outcome: &str) -> String {
    let mut text = format!("crashed: {}", exited.reason);
    let mut field = |name: &str, value: String| {
        // What a guest said can't pass for another field.
        let value = value.replace('\n', &format!("\n{:<14}", ""));
        let _ = write!(text, "\n{name:<14}{value}");
    };
    let mut backtrace = &exited.backtrace;
    match &exited.reason {
        ExitReason::Trap(trap) => {
            field("message", trap.message.clone());
            if let Some(location) = &trap.location {
                field("at", location.clone());
            }
            backtrace = &trap.backtrace;
        }
        ExitReason::Limit(limit) => field("message", limit.to_string()),
        _ => {}
    }
    for (index, frame) in backtrace.iter().enumerate() {
        field(if index == 0 { "backtrace" } else { "" }, format!("{index:>2}: {frame}"));
    }
    if let Some(component) = &exited.identity.component {
        let entry = exited.identity.entry.as_deref().unwrap_or("?");
        field("process", format!("component {component}, entry {entry}"));
    }
    if let Some(last) = exited.last_received {
        let from = last.from.map(|pid| format!(" from {pid}")).unwrap_or_default();
        field("last message", format!("{}, {} bytes{from}", last.kind, last.payload_len));
    }
    field(
        "used",
        format!("{} reductions; {} messages not received", exited.reductions, exited.messages_left),
    );
    field("supervisor", outcome.to_owned());
    text
}
