//! What was received, in the words of scenarios.

use std::collections::BTreeMap;

use regrow_scenario::wire::{Object, Seen};
use regrow_sdk::mailbox::{MessageKind, Received};
use regrow_sdk::{Destination, ExitReason, Pid, Reference, Term};

pub(crate) fn reason_from(text: &str) -> ExitReason {
    match text {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "kill" => ExitReason::Kill,
        "killed" => ExitReason::Killed,
        "noproc" => ExitReason::NoProc,
        other => ExitReason::Other(Term::from(other)),
    }
}

pub(crate) fn reason_text(reason: &ExitReason) -> String {
    match reason {
        ExitReason::Other(Term::Text(text)) => text.clone(),
        reason => reason.to_string(),
    }
}

fn text(payload: &[u8]) -> String {
    regrow_sdk::decode(payload).unwrap_or_else(|_| "?".to_owned())
}

/// `object_of` says how the scenario calls what was monitored.
pub(crate) fn seen(
    received: Received,
    labels: &BTreeMap<Reference, String>,
    object_of: impl FnOnce(Destination) -> Object<Pid>,
) -> Seen<Pid> {
    match received {
        Received::Message(message) => match message.kind {
            MessageKind::Call(_) => Seen::Call(text(&message.payload)),
            MessageKind::Info | MessageKind::Cast => Seen::Message(text(&message.payload)),
        },
        Received::Exit { from, reason } => Seen::Exit { from, reason: reason_text(&reason) },
        Received::Down { reference, object, reason, tag } => Seen::Down {
            monitor: labels.get(&reference).cloned().unwrap_or_else(|| "_".to_owned()),
            object: object_of(object),
            reason: reason_text(&reason),
            tag: tag.map(|tag| text(&tag)),
        },
        Received::Timer { reference, payload } => {
            Seen::Timer { timer: labels.get(&reference).cloned(), text: text(&payload) }
        }
        Received::Reply { .. } => Seen::Message("a reply that nobody asked for".to_owned()),
        Received::System { kind, .. } => Seen::Message(format!("system {kind}")),
    }
}
