//! What a process receives, and what can be asked about it.

use crate::model::{Blocked, Message, Model, Process};
use crate::op::{Item, Pattern};

impl Model {
    pub(super) fn info(&self, name: &str, item: Item) -> String {
        let Some(process) = self.living.get(name) else { return "undefined".to_owned() };
        let join = |mut shown: Vec<String>| {
            shown.sort();
            if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
        };
        let called = |process: &Process| match &process.blocked {
            Some(Blocked::Call { server, .. }) => Some(server.clone()),
            _ => None,
        };
        match item {
            Item::MessageQueueLen => process.mailbox.len().to_string(),
            Item::TrapExit => process.trap_exit.to_string(),
            Item::Links => join(process.links.iter().cloned().collect()),
            Item::Monitors => {
                let monitors = process.monitors.values().map(|monitor| monitor.object.to_string());
                join(monitors.chain(called(process)).collect())
            }
            Item::MonitoredBy => {
                let mut watchers = Vec::new();
                for (watcher, other) in &self.living {
                    let monitors =
                        other.monitors.values().filter(|m| m.target.as_deref() == Some(name)).count();
                    let calls = usize::from(called(other).as_deref() == Some(name));
                    watchers.extend(std::iter::repeat_n(watcher.clone(), monitors + calls));
                }
                join(watchers)
            }
            Item::RegisteredName => {
                let named = self.names.iter().find(|(_, owner)| *owner == name);
                named.map_or_else(|| "none".to_owned(), |(known, _)| format!("@{known}"))
            }
        }
    }

    fn matches(pattern: &Pattern, message: &Message) -> bool {
        match (pattern, message) {
            (Pattern::Any, _)
            | (Pattern::Message, Message::Text(_))
            | (Pattern::Exit, Message::Exit { .. })
            | (Pattern::Timer, Message::Timer { .. })
            | (Pattern::Call, Message::Call { .. }) => true,
            (Pattern::Text(wanted), Message::Text(text)) => wanted == text,
            (Pattern::Down(wanted), Message::Down { monitor, .. }) => wanted == monitor,
            _ => false,
        }
    }

    /// Takes the oldest match out of the mailbox (P50).
    pub(super) fn take(&mut self, name: &str, pattern: &Pattern) -> Option<String> {
        let process = self.of(name);
        let index = process.mailbox.iter().position(|message| Self::matches(pattern, message))?;
        Some(match process.mailbox.remove(index) {
            Message::Text(text) => format!("msg {text}"),
            Message::Exit { from, reason } => format!("EXIT {from} {reason}"),
            Message::Down { monitor, object, reason, tagged } => {
                let word = if tagged { format!("tag:{monitor}") } else { "DOWN".to_owned() };
                format!("{word} {monitor} {object} {reason}")
            }
            Message::Timer { timer, text } => format!("timer {timer} {text}"),
            Message::Call { text, from } => {
                process.call = Some(from);
                format!("call {text}")
            }
        })
    }

    pub(super) fn receive(&mut self, name: &str, pattern: &Pattern, due: Option<u64>) -> Option<String> {
        let taken = self.take(name, pattern);
        if taken.is_none() {
            self.of(name).blocked = Some(Blocked::Receive { pattern: pattern.clone(), due });
        }
        taken
    }
}
