//! What a process knows, and how signals change it: a pure function from state and signal to state and
//! effects. Nothing here sends, wakes or waits.

use crate::alias::{AliasMode, Aliases, MonitorAlias};
use crate::budget::Charge;
use crate::event::SignalWork;
use crate::exit_reason::{ExitReason, LimitKind};
use crate::limits::{Limits, check};
use crate::link::Links;
use crate::mailbox::Mailbox;
use crate::monitor::{Held, Monitors, Role};
use crate::pid::{Destination, Pid, Reference};
use crate::process::wait::{Link, Waiting};
use crate::process::{Identity, ProcessKind};
use crate::received::Received;
use crate::runtime::HOST;
use crate::signal::{ExitDecision, Signal, decide_exit, decide_link_exit};

/// Signals to send because of a signal that was applied.
pub(crate) type Effects = Vec<(Pid, Signal)>;

pub(crate) struct State {
    pub(crate) pid: Pid,
    parent: Option<Pid>,
    pub(crate) trap_exit: bool,
    /// Whether it ends with its parent, however that ends, and heeds no other exit signal but `kill`.
    pub(crate) heeds_only_parent: bool,
    pub(crate) mailbox: Mailbox,
    pub(crate) links: Links,
    pub(crate) monitors: Monitors,
    pub(crate) aliases: Aliases,
    /// Set once, by the first fatal signal or by the process itself (rule P9).
    pub(crate) exiting: Option<ExitReason>,
    /// Who sent the fatal signal, if it was one.
    pub(crate) ended_by: Option<Pid>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) label: Option<String>,
    /// Where the body was when it ended, if it knows and the reason does not say.
    pub(crate) backtrace: Vec<String>,
    pub(crate) last_received: Option<LastReceived>,
    /// Messages that arrived through aliases which were not active any more: their room is free again.
    pub(crate) dropped: Dropped,
    /// The waits of the cycle that was last reported, if this process keeps count of it.
    pub(crate) reported_waits: Option<Vec<Link>>,
    /// Signals that were applied.
    signals: u64,
    bounds: Bounds,
    /// Messages that arrived when its end was decided.
    pub(crate) lost: u64,
    /// What those are told at its end who asked for something when that was decided.
    owed: Effects,
    /// Its place in its budget.
    pub(crate) place: Option<Charge>,
}

/// Messages that were counted when they were sent, and never got into the mailbox.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Dropped {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

/// What may wait in the mailbox beside messages.
#[derive(Clone, Copy)]
struct Bounds {
    signals: u64,
    bytes: u64,
}

/// What a process took out of its mailbox last: for crash reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastReceived {
    /// Its kind, in one word.
    pub kind: &'static str,
    /// Bytes of its payload.
    pub payload_len: usize,
    /// Who sent it, if a process did.
    pub from: Option<Pid>,
}

impl Bounds {
    fn of(identity: &Identity, limits: &Limits) -> Self {
        let signals = limits.links.saturating_add(limits.monitors).saturating_add(limits.timers);
        // What children say when they end must never end their supervisor.
        let supervises = identity.kind == ProcessKind::Supervisor;
        Self { signals, bytes: if supervises { u64::MAX } else { limits.mailbox_bytes } }
    }
}

impl State {
    pub(crate) fn new(pid: Pid, identity: &Identity, limits: &Limits) -> Self {
        Self {
            parent: identity.parent,
            bounds: Bounds::of(identity, limits),
            pid,
            trap_exit: false,
            heeds_only_parent: false,
            mailbox: Mailbox::default(),
            links: Links::default(),
            monitors: Monitors::default(),
            aliases: Aliases::default(),
            exiting: None,
            ended_by: None,
            waiting: None,
            label: None,
            backtrace: Vec::new(),
            last_received: None,
            dropped: Dropped::default(),
            signals: 0,
            reported_waits: None,
            lost: 0,
            owed: Effects::new(),
            place: None,
        }
    }

    /// Takes no more memory than it needs: the process will do nothing for long.
    pub(crate) fn shrink(&mut self) {
        self.mailbox.shrink();
        self.links.shrink();
        self.monitors.shrink();
        self.aliases.shrink();
        self.reported_waits = None;
    }

    /// Gives the process other limits.
    pub(crate) fn change_limits(&mut self, identity: &Identity, limits: &Limits) {
        self.bounds = Bounds::of(identity, limits);
    }

    /// Applies one signal. Once the process is exiting, nothing comes of it but what others are told when it has ended (rules P8, P9).
    pub(crate) fn apply(&mut self, signal: Signal, effects: &mut Effects) {
        self.signals += 1;
        if self.exiting.is_some() {
            self.lost += u64::from(signal.is_message());
            refuse(self.pid, signal, &mut self.owed);
            return;
        }
        match signal {
            Signal::Message(message) | Signal::DelayedMessage(message) => {
                self.mailbox.push(Received::Message(message));
            }
            Signal::AliasMessage { reference, message } => {
                if self.open_alias(reference, effects).is_some() {
                    self.mailbox.push(Received::Message(message));
                } else {
                    self.dropped.messages += 1;
                    self.dropped.bytes += message.payload.len() as u64;
                }
            }
            Signal::System(system) if system.kind.is_foreign() => {
                self.deliver_if_room(Received::System(system));
            }
            Signal::System(system) => self.deliver(Received::System(system)),
            Signal::Timer { reference, payload, own } => {
                let timer = Received::Timer { reference, payload };
                if own {
                    self.deliver(timer);
                } else {
                    self.deliver_if_room(timer);
                }
            }
            Signal::Exit { from, reason } => {
                let decision = self.by_parent_alone(from, &reason).filter(|_| reason != ExitReason::Kill);
                let decision =
                    decision.unwrap_or_else(|| decide_exit(from, self.pid, &reason, self.trap_exit));
                // The parent's order to stop, or the host's, is never lost.
                let is_order = from == HOST || Some(from) == self.parent;
                if decision == ExitDecision::Deliver && !is_order {
                    self.deliver_if_room(Received::Exit { from, reason });
                } else {
                    self.decided(decision, from, reason);
                }
            }
            Signal::LinkExit { from, reason } => {
                if self.links.on_exit(from) {
                    let decision = self.by_parent_alone(from, &reason);
                    let decision = decision.unwrap_or_else(|| decide_link_exit(&reason, self.trap_exit));
                    self.decided(decision, from, reason);
                }
            }
            Signal::Link { from } => self.links.on_link(from),
            Signal::Unlink { from, id } => {
                self.links.on_unlink(from);
                effects.push((from, Signal::UnlinkAck { from: self.pid, id }));
            }
            Signal::UnlinkAck { from, id } => self.links.on_unlink_ack(from, id),
            Signal::Monitor { from, reference } => self.monitors.on_monitor(from, reference),
            Signal::Demonitor { from, reference } => self.monitors.on_demonitor(from, reference),
            Signal::Down { reference, reason } => self.on_down(reference, reason),
            Signal::Reply { reference, payload } => self.on_reply(reference, payload, effects),
        }
    }

    /// What becomes of an exit signal to a process that heeds only its parent's.
    fn by_parent_alone(&self, from: Pid, reason: &ExitReason) -> Option<ExitDecision> {
        let is_order = Some(from) == self.parent || from == HOST;
        self.heeds_only_parent
            .then(|| if is_order { ExitDecision::Die(reason.clone()) } else { ExitDecision::Drop })
    }

    fn decided(&mut self, decision: ExitDecision, from: Pid, reason: ExitReason) {
        match decision {
            ExitDecision::Die(reason) => {
                self.exiting = Some(reason);
                self.ended_by = Some(from);
            }
            ExitDecision::Deliver => self.deliver(Received::Exit { from, reason }),
            ExitDecision::Drop => {}
        }
    }

    /// Delivers what the process asked for itself, by a link, a monitor, a call or a timer: that is never shed.
    /// A process that asks again and again and never receives ends at its limits.
    pub(crate) fn deliver(&mut self, received: Received) {
        self.mailbox.push(received);
        let waiting = self.mailbox.signals();
        let over = check(LimitKind::MailboxMessages, self.bounds.signals, waiting.count()).and(check(
            LimitKind::MailboxBytes,
            self.bounds.bytes,
            waiting.bytes,
        ));
        if let Err(limit) = over {
            self.exiting.get_or_insert(ExitReason::Limit(limit));
        }
    }

    /// Delivers what another process did: that finds room in half as much space again, or is lost. It takes nothing
    /// of what is left for what the process asked for, so that nobody can end it by filling its mailbox.
    fn deliver_if_room(&mut self, received: Received) {
        let waiting = self.mailbox.signals();
        let fits = waiting.foreign < self.bounds.signals / 2
            && waiting.foreign_bytes.saturating_add(received.weight()) <= self.bounds.bytes / 2;
        if fits {
            self.mailbox.push_foreign(received);
        }
    }

    /// A DOWN for a monitor that was removed in the meantime vanishes (rule P35).
    fn on_down(&mut self, reference: Reference, reason: ExitReason) {
        if let Some(held) = self.release_monitor(reference) {
            self.deliver(Received::Down { reference, object: held.object, reason, tag: held.tag });
        }
    }

    /// Ends a monitor; what it was. Its alias ends with it, unless that must be removed by hand (rule P46).
    pub(crate) fn release_monitor(&mut self, reference: Reference) -> Option<Held> {
        let held = self.monitors.release(reference)?;
        if held.role == Role::Alias(MonitorAlias::ExplicitUnalias) {
            self.aliases.insert(reference, AliasMode::Explicit);
        }
        Some(held)
    }

    /// Ends an alias; true if it was active. Its monitor stays (rule P47).
    pub(crate) fn release_alias(&mut self, reference: Reference) -> bool {
        if let Some(held) = self.monitors.held_mut(reference)
            && matches!(held.role, Role::Alias(_))
        {
            held.role = Role::Monitor;
            return true;
        }
        self.aliases.remove(reference)
    }

    /// Something arrives through an alias: whether it may, and if so, whether that was the only time (rules P44
    /// to P46).
    fn open_alias(&mut self, reference: Reference, effects: &mut Effects) -> Option<AliasMode> {
        let Some(held) = self.monitors.held(reference) else {
            return self.aliases.on_message(reference);
        };
        match held.role {
            Role::Alias(MonitorAlias::ReplyDemonitor) => {
                self.end_monitor(reference, effects);
                Some(AliasMode::Reply)
            }
            Role::Alias(_) => Some(AliasMode::Explicit),
            Role::Monitor | Role::Call => None,
        }
    }

    /// Ends a monitor from this side.
    fn end_monitor(&mut self, reference: Reference, effects: &mut Effects) {
        if let Some(Held { target: Some(target), .. }) = self.monitors.release(reference) {
            effects.push((target, Signal::Demonitor { from: self.pid, reference }));
        }
    }

    /// A reply that nobody waits for any more vanishes (rules P44, G14).
    fn on_reply(&mut self, reference: Reference, payload: bytes::Bytes, effects: &mut Effects) {
        let held = self.monitors.held(reference);
        let object = held.map(|held| held.object.clone());
        let is_call = held.is_some_and(|held| held.role == Role::Call);
        if is_call {
            self.end_monitor(reference, effects);
        }
        let mode = if is_call { Some(AliasMode::Reply) } else { self.open_alias(reference, effects) };
        let reply = Received::Reply { reference, payload };
        let bytes = self.mailbox.signals().reply_bytes.saturating_add(reply.weight());
        match (mode, check(LimitKind::MailboxBytes, self.bounds.bytes, bytes)) {
            (Some(AliasMode::Reply), Ok(())) => self.deliver(reply),
            // Another process chose its size: that must not end this one.
            (Some(AliasMode::Reply), Err(limit)) => {
                if let Some(object) = object {
                    let reason = ExitReason::Limit(limit);
                    self.deliver(Received::Down { reference, object, reason, tag: None });
                }
            }
            // There may be any number of them, and nobody has reserved their slots.
            (Some(AliasMode::Explicit), _) => self.deliver_if_room(reply),
            (None, _) => {}
        }
    }

    /// What signals and messages have cost so far.
    pub(crate) fn work(&self) -> SignalWork {
        SignalWork { signals: self.signals, mailbox_steps: self.mailbox.steps() }
    }

    /// Slots of monitors that are taken: by monitors, calls and aliases, and by what came of them and was not received.
    pub(crate) fn monitor_slots(&self) -> u64 {
        (self.monitors.held_len() + self.aliases.len()) as u64 + self.mailbox.signals().monitors
    }

    /// Records a message as received.
    pub(crate) fn note_received(&mut self, received: &Received) {
        let from = match received {
            Received::Message(message) => Some(message.from),
            Received::Exit { from, .. } => Some(*from),
            Received::System(system) => Some(system.from),
            Received::Down { object: Destination::Pid(pid), .. } => Some(*pid),
            Received::Down { .. } | Received::Timer { .. } | Received::Reply { .. } => None,
        };
        self.last_received =
            Some(LastReceived { kind: received.kind(), payload_len: received.payload_len(), from });
    }

    /// Gives back what a process held. Somebody may hold on to an ended process a little longer.
    pub(crate) fn clear(&mut self) {
        self.mailbox = Mailbox::default();
        self.links = Links::default();
        self.monitors = Monitors::default();
        self.aliases = Aliases::default();
        self.waiting = None;
        self.place = None;
    }

    /// What the end of this process means to others: an exit signal on every link, a DOWN for every monitor
    /// held on it, and the end of the monitors that it held (rules P16, P30, P40).
    pub(crate) fn farewell(&mut self, reason: &ExitReason) -> Effects {
        let from = self.pid;
        let mut effects = Effects::new();
        for peer in self.links.iter() {
            effects.push((peer, Signal::LinkExit { from, reason: reason.clone() }));
        }
        for (watcher, reference) in self.monitors.iter_by_others() {
            effects.push((watcher, Signal::Down { reference, reason: reason.clone() }));
        }
        for (reference, held) in self.monitors.iter_held() {
            if let Some(target) = held.target {
                effects.push((target, Signal::Demonitor { from, reference }));
            }
        }
        effects.append(&mut self.owed);
        effects
    }
}

/// What a signal gets that reaches a process which has ended (rules P26, P32, P49).
pub(crate) fn refuse(dead: Pid, signal: Signal, effects: &mut Effects) {
    match signal {
        Signal::Link { from } => {
            effects.push((from, Signal::LinkExit { from: dead, reason: ExitReason::NoProc }));
        }
        Signal::Monitor { from, reference } => {
            effects.push((from, Signal::Down { reference, reason: ExitReason::NoProc }));
        }
        Signal::Unlink { from, id } => effects.push((from, Signal::UnlinkAck { from: dead, id })),
        _ => {}
    }
}
