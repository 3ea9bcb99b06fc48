//! What code that the macros make needs. Not for anybody else.

use regrow_term::{Term, decode, encode};
pub use serde;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::gen_server::Next;
pub use crate::gen_server::{AnyReply, IntoCallResult, IntoInit, IntoNext};
use crate::mailbox::{MessageKind, Received};

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
    log::warn!("an unexpected message was dropped: {}", info.kind());
    Next::NoReply
}

/// What is shown of a state.
pub fn status<T: Serialize>(status: &T) -> Option<Term> {
    decode(&encode(status).ok()?).ok()
}
