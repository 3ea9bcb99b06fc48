//! What a process knows, and how signals change it: a pure function from state and signal to state and
//! effects. Nothing here sends, wakes or waits.

use crate::clock::Instant;
use crate::exit_reason::{ExitReason, LimitKind};
use crate::limits::{Limits, check};
use crate::link::Links;
use crate::mailbox::{Mailbox, Received};
use crate::monitor::{Held, Monitors};
use crate::pid::{Destination, Pid, Reference};
use crate::process::{Identity, ProcessKind};
use crate::runtime::HOST;
use crate::signal::{ExitDecision, Signal, decide_exit, decide_link_exit};

/// Signals to send because of a signal that was applied.
pub(crate) type Effects = Vec<(Pid, Signal)>;

pub(crate) struct State {
    pub(crate) pid: Pid,
    parent: Option<Pid>,
    pub(crate) trap_exit: bool,
    pub(crate) mailbox: Mailbox,
    pub(crate) links: Links,
    pub(crate) monitors: Monitors,
    /// Set once, by the first fatal signal or by the process itself (rule P9).
    pub(crate) exiting: Option<ExitReason>,
    /// Who sent the fatal signal, if it was one.
    pub(crate) ended_by: Option<Pid>,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) label: Option<String>,
    /// Where the body was when it ended, if it knows and the reason does not say.
    pub(crate) backtrace: Vec<String>,
    pub(crate) last_received: Option<LastReceived>,
    bounds: Bounds,
}

/// What may wait in the mailbox beside messages.
#[derive(Clone, Copy)]
struct Bounds {
    signals: u64,
    bytes: u64,
}

/// What a process waits for, while its body has nothing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// Any message.
    Message {
        /// When it gives up.
        deadline: Option<Instant>,
    },
    /// The answer to one reference: a reply, a DOWN, a start acknowledgement.
    Answer {
        /// Which.
        reference: Reference,
        /// The process that owes the answer, if it is known.
        from: Option<Pid>,
        /// When it gives up.
        deadline: Option<Instant>,
    },
}

impl Waiting {
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Message { deadline } | Self::Answer { deadline, .. } => *deadline,
        }
    }
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

impl State {
    pub(crate) fn new(pid: Pid, identity: &Identity, limits: &Limits) -> Self {
        let signals = limits.links.saturating_add(limits.monitors).saturating_add(limits.timers);
        // What children say when they end must never end their supervisor.
        let supervises = identity.kind == ProcessKind::Supervisor;
        let bytes = if supervises { u64::MAX } else { limits.mailbox_bytes };
        Self {
            parent: identity.parent,
            bounds: Bounds { signals, bytes },
            pid,
            trap_exit: false,
            mailbox: Mailbox::default(),
            links: Links::default(),
            monitors: Monitors::default(),
            exiting: None,
            ended_by: None,
            waiting: None,
            label: None,
            backtrace: Vec::new(),
            last_received: None,
        }
    }

    /// Applies one signal. Once the process is exiting, only what others are owed is answered (rule P9).
    pub(crate) fn apply(&mut self, signal: Signal, effects: &mut Effects) {
        if self.exiting.is_some() {
            refuse(self.pid, signal, effects);
            return;
        }
        match signal {
            Signal::Message(message) => self.mailbox.push(Received::Message(message)),
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
                let decision = decide_exit(from, self.pid, &reason, self.trap_exit);
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
                    let decision = decide_link_exit(&reason, self.trap_exit);
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
        let over = check(LimitKind::MailboxMessages, self.bounds.signals, waiting.count).and(check(
            LimitKind::MailboxBytes,
            self.bounds.bytes,
            waiting.bytes,
        ));
        if let Err(limit) = over {
            self.exiting.get_or_insert(ExitReason::Limit(limit));
        }
    }

    /// Delivers what another process did: that finds room in half of the space, or is lost. The other half is left
    /// for what the process asked for, so that nobody can end it by filling its mailbox.
    fn deliver_if_room(&mut self, received: Received) {
        let waiting = self.mailbox.signals();
        let fits = waiting.count < self.bounds.signals / 2
            && waiting.bytes.saturating_add(received.weight()) <= self.bounds.bytes / 2;
        if fits {
            self.mailbox.push(received);
        }
    }

    /// A DOWN for a monitor that was removed in the meantime vanishes (rule P35).
    fn on_down(&mut self, reference: Reference, reason: ExitReason) {
        if let Some(held) = self.monitors.release(reference) {
            self.deliver(Received::Down { reference, object: held.object, reason });
        }
    }

    /// A reply that nobody waits for any more vanishes (rules P44, G14).
    fn on_reply(&mut self, reference: Reference, payload: bytes::Bytes, effects: &mut Effects) {
        if self.monitors.held(reference).is_none_or(|held| !held.reply_alias) {
            return;
        }
        if let Some(Held { target: Some(target), .. }) = self.monitors.release(reference) {
            effects.push((target, Signal::Demonitor { from: self.pid, reference }));
        }
        self.deliver(Received::Reply { reference, payload });
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
        self.waiting = None;
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
