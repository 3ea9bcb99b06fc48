//! What runners and the processes that play a scenario tell each other, encodable for guests. `P` is a process
//! identifier in the form of the platform, `A` an alias.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::op::Op;

/// What a process is to do next, and whom it may have to know for that.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Command<P, A> {
    /// What to do.
    pub op: Op,
    /// The processes of the scenario, by name.
    pub processes: BTreeMap<String, P>,
    /// The aliases of the scenario, by label.
    pub aliases: BTreeMap<String, A>,
}

/// What a process has to say about what it did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Report<P, A> {
    /// It is done. A result that is plain text.
    Plain(Option<String>),
    /// It is done: a process, or none.
    Process(Option<P>),
    /// It is done: processes and names, in no order.
    Objects(Vec<Object<P>>),
    /// It has spawned a process.
    Spawned(P),
    /// It has made an alias.
    Alias(A),
    /// It has received something.
    Received(Seen<P>),
}

/// A process, or a name that stood for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Object<P> {
    /// A process.
    Process(P),
    /// A name.
    Name(String),
}

/// What a process has received, with labels in place of references.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Seen<P> {
    /// A plain message.
    Message(String),
    /// An EXIT.
    Exit {
        /// Whose.
        from: P,
        /// Why.
        reason: String,
    },
    /// A DOWN.
    Down {
        /// Of which monitor.
        monitor: String,
        /// What was monitored.
        object: Object<P>,
        /// Why.
        reason: String,
        /// What the monitor was tagged with.
        tag: Option<String>,
    },
    /// A timer.
    Timer {
        /// Which; none if another process started it.
        timer: Option<String>,
        /// What it brings.
        text: String,
    },
    /// A call.
    Call(String),
}

impl<P, A> Report<P, A> {
    /// What stands in the trace, with names in place of processes.
    pub fn show(&self, name: impl Fn(&P) -> String) -> Option<String> {
        let object = |object: &Object<P>| match object {
            Object::Process(process) => name(process),
            Object::Name(name) => format!("@{name}"),
        };
        Some(match self {
            Self::Spawned(_) | Self::Alias(_) | Self::Plain(None) => return None,
            Self::Plain(Some(text)) => text.clone(),
            Self::Process(Some(process)) => name(process),
            Self::Process(None) => "undefined".to_owned(),
            Self::Objects(objects) => {
                let mut shown: Vec<String> = objects.iter().map(object).collect();
                shown.sort();
                if shown.is_empty() { "none".to_owned() } else { shown.join(" ") }
            }
            Self::Received(Seen::Message(text)) => format!("msg {text}"),
            Self::Received(Seen::Exit { from, reason }) => format!("EXIT {} {reason}", name(from)),
            Self::Received(Seen::Down { monitor, object: of, reason, tag }) => {
                let word = tag.as_ref().map_or_else(|| "DOWN".to_owned(), |tag| format!("tag:{tag}"));
                format!("{word} {monitor} {} {reason}", object(of))
            }
            Self::Received(Seen::Timer { timer, text }) => {
                format!("timer {} {text}", timer.as_deref().unwrap_or("_"))
            }
            Self::Received(Seen::Call(text)) => format!("call {text}"),
        })
    }
}
