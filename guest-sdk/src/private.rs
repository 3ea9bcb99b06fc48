//! What code that the macros make needs. Not for anybody else.

use regrow_term::{Term, decode};
pub use serde;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gen_server::Next;
pub use crate::gen_server::{AnyReply, IntoCallResult, IntoInit, IntoNext};
use crate::mailbox::{self, MessageKind, Received};

/// A plain message, or that of a timer, of a type.
pub fn plain_message<T: DeserializeOwned>(info: &Received) -> Option<T> {
    match info {
        Received::Message(message) if message.kind == MessageKind::Info => message.decode().ok(),
        Received::Timer { payload, .. } => decode(payload).ok(),
        _ => None,
    }
}

/// Something that a server has no method for.
pub fn unexpected<S>(info: &Received) -> Next<S> {
    mailbox::unexpected(info);
    Next::NoReply
}

/// What is shown of a state.
pub fn status<T: Serialize>(status: &T) -> Option<Term> {
    Term::of(status).ok()
}

/// The first plain message that `select` takes, within a time; or else what is in the mailbox.
#[cfg(not(target_family = "wasm"))]
pub fn receive_plain<T>(
    timeout: core::time::Duration,
    mut select: impl FnMut(&mailbox::Message) -> Option<T>,
) -> Result<T, String> {
    let mut others = Vec::new();
    let found = mailbox::receive_match(Some(timeout), |received| match &received {
        Received::Message(message) if message.kind == MessageKind::Info => {
            let selected = select(message);
            if selected.is_none() {
                let term =
                    message.decode::<Term>().map_or_else(|_| "no term".into(), |term| format!("{term}"));
                others.push(term);
            }
            selected
        }
        other => {
            others.push(format!("({})", other.kind()));
            None
        }
    });
    found.ok_or_else(|| if others.is_empty() { "nothing".into() } else { others.join(", ") })
}
