//! Crash reports: one for each process that ends abnormally, with what its supervisor does about it.

use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use regrow_otp::supervisor::failed_child;
use regrow_otp::{
    Decision, Event, EventSink, ExitReason, Exited, Identity, Pid, ProcessKind, ReportKind, SupervisorReport,
    Waiter,
};

use crate::observe::burst::Bursts;
use crate::observe::logger::{Level, Logger};

/// Crashes that wait for their supervisor's word, at most. Those that a supervisor itself asked for get none.
const MAX_PENDING: usize = 1024;

/// How much of a crash's place tells it from others: guests choose it.
const MAX_PLACE_CHARS: usize = 128;

/// Siblings that are restarted together that a report names.
const SHOWN_SIBLINGS: usize = 8;

/// Processes of a cycle that a report names.
const SHOWN_WAITERS: usize = 16;

/// Turns events into log entries.
pub struct Reporter {
    logger: Logger,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    supervisors: HashSet<Pid>,
    pending: VecDeque<Exited>,
    bursts: Bursts,
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
            ReportKind::StartError { child, pid, reason }
            | ReportKind::StartRefused { child, pid, reason } => {
                let why = match failed_child(reason) {
                    Some((ids, _)) => format!("its child {} could not", ids.join("/")),
                    None => reason.to_string(),
                };
                let outcome = format!("{path}/{child} could not be started: {why}");
                let level = match report.kind {
                    ReportKind::StartError { .. } => Level::Error,
                    _ => Level::Debug,
                };
                match pid.and_then(|pid| take_pending(state, pid)) {
                    Some(exited) => self.crash(state, &exited, &outcome),
                    None => self.say(state, level, path, "start errors", outcome),
                }
            }
            ReportKind::ChildTerminated { child, pid, reason, decision } => {
                let outcome = format!("{path}/{child}: {}", describe(decision));
                match take_pending(state, *pid) {
                    Some(exited) => self.crash(state, &exited, &outcome),
                    None => {
                        let text = format!("{child} {pid} ended ({reason}); {}", describe(decision));
                        self.say(state, Level::Warning, path, "children that ended", text);
                    }
                }
            }
            ReportKind::ShutdownError { child, pid, reason } => {
                let outcome = format!("{path}/{child} was told to stop");
                match take_pending(state, *pid) {
                    Some(exited) if exited.reason != ExitReason::Killed => {
                        self.crash(state, &exited, &outcome);
                    }
                    _ => {
                        let text = format!("{child} {pid} was told to stop and ended otherwise: {reason}");
                        self.say(state, Level::Warning, path, "children that were told to stop", text);
                    }
                }
            }
            ReportKind::GaveUp { child, intensity, period } => {
                let period = period.as_secs();
                let message = format!(
                    "gives up on {child}: more than {intensity} restarts within {period} s; it stops its children and ends"
                );
                self.say(state, Level::Error, path, "children that are given up", message);
            }
            ReportKind::Parked { child, intensity, period } => {
                let period = period.as_secs();
                let message = format!(
                    "{child} is parked: more than {intensity} restarts within {period} s; `regrow start {path}/{child}` resumes it"
                );
                self.say(state, Level::Error, path, "children that are parked", message);
            }
            ReportKind::AutoShutdown { child, .. } => {
                let message = format!("{child} has ended, and it was significant: stopping");
                self.say(state, Level::Info, path, "significant children that ended", message);
            }
        }
    }

    /// Writes what a supervisor reports, unless it reports that kind all the time: guests choose how often.
    fn say(&self, state: &mut State, level: Level, path: &str, kind: &str, text: String) {
        // Before the pid, in the paths of supervisors that guests have started.
        let subject = path.split(' ').next().unwrap_or(path);
        if state.bursts.admit(subject, kind, level, &self.logger) {
            self.logger.write(level, path, text);
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
            let kind = format!("{} ended by signals", entry(&exited.identity));
            let subject = component(&exited.identity);
            if level == Level::Debug || state.bursts.admit(subject, &kind, level, &self.logger) {
                self.logger.write(level, title(exited), ended);
            }
            return;
        }
        let subject = component(&exited.identity);
        if state.bursts.admit(subject, &kind_of(exited), Level::Error, &self.logger) {
            self.logger.write(Level::Error, title(exited), render(exited, outcome));
        }
    }

    /// Says who waits for whom.
    fn wait_cycle(&self, state: &mut State, waiters: &[Waiter]) {
        let Some(first) = waiters.first() else { return };
        let kinds: Vec<String> =
            waiters.iter().take(SHOWN_WAITERS).map(|waiter| program(&waiter.identity)).collect();
        let kind = format!("deadlock of {}", kinds.join(", "));
        if !state.bursts.admit(component(&first.identity), &kind, Level::Warning, &self.logger) {
            return;
        }
        let mut text =
            "these processes wait for each other, and none of them will go on by itself:".to_owned();
        let next = waiters.iter().cycle().skip(1);
        for (waiter, next) in waiters.iter().zip(next).take(SHOWN_WAITERS) {
            let _ = write!(text, "\n{} waits for {}", waiter_title(waiter), waiter_title(next));
        }
        if let Some(more) = waiters.len().checked_sub(SHOWN_WAITERS).filter(|more| *more > 0) {
            let _ = write!(text, "\n… and {more} more");
        }
        self.logger.write(Level::Warning, waiter_title(first), text);
    }
}

impl Reporter {
    fn denied(&self, state: &mut State, pid: Pid, identity: &Identity, grant: &str, what: &str) {
        let kind = format!("{} denied {grant}", entry(identity));
        if state.bursts.admit(component(identity), &kind, Level::Warning, &self.logger) {
            let source = format!("{} {pid}", program(identity));
            self.logger.write(Level::Warning, source, format_args!("denied: {grant}: {what}"));
        }
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
            Event::WaitCycle { waiters } => self.wait_cycle(&mut state, waiters),
            Event::Denied { pid, identity, grant, what } => {
                self.denied(&mut state, *pid, identity, grant, what)
            }
            Event::Refused { from, to, dropped } => {
                let done = if *dropped { "dropped" } else { "refused" };
                self.logger.write(
                    Level::Debug,
                    from,
                    format_args!("a message to {to} was {done}: its mailbox is full"),
                );
            }
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).bursts.finish(&self.logger);
    }
}

fn take_pending(state: &mut State, pid: Pid) -> Option<Exited> {
    let index = state.pending.iter().position(|exited| exited.pid == pid)?;
    state.pending.remove(index)
}

fn kind_of(exited: &Exited) -> String {
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
    format!("{} {reason}", entry(&exited.identity))
}

fn component(identity: &Identity) -> &str {
    identity.component.as_deref().unwrap_or("host")
}

fn entry(identity: &Identity) -> &str {
    identity.entry.as_deref().unwrap_or("process")
}

/// What a process runs.
fn program(identity: &Identity) -> String {
    format!("{}.{}", component(identity), entry(identity))
}

fn waiter_title(waiter: &Waiter) -> String {
    let name = waiter.name.as_deref().or(waiter.identity.entry.as_deref()).unwrap_or("process");
    format!("{name} {}", waiter.pid)
}

fn title(exited: &Exited) -> String {
    let name = exited.name.as_deref().or(exited.label.as_deref());
    let name = name.or(exited.identity.entry.as_deref()).unwrap_or("process");
    format!("{name} {}", exited.pid)
}

fn describe(decision: &Decision) -> String {
    match decision {
        Decision::Restart { restarts, with, wait } => {
            let mut text = format!("restarted (restart {restarts})");
            if !with.is_empty() {
                let shown =
                    with.iter().take(SHOWN_SIBLINGS).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = with.len().saturating_sub(SHOWN_SIBLINGS);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let _ = write!(text, " together with {shown}{more}");
            }
            if !wait.is_zero() {
                let _ = write!(text, " in {} ms", wait.as_millis());
            }
            text
        }
        Decision::Park { intensity, period } => {
            format!("parked: more than {intensity} restarts within {} s", period.as_secs())
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
