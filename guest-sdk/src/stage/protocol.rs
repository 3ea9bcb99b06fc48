//! What stages say to each other.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use regrow_term::{DecodeError, Term, decode, encode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::exit_reason::ExitReason;
use crate::gen_server::control::Reason;
use crate::mailbox::Message;
use crate::pid::Destination;
use crate::stage::SubscribeOptions;

/// What such a message begins with, encoded.
const MARK: &[u8] = b"\x82\x6cregrow.stage";
const NAME: &str = "regrow.stage";

/// To a producer. The number is the consumer's name for the subscription.
#[derive(Serialize, Deserialize)]
pub(super) enum ToProducer {
    Subscribe {
        subscription: u64,
        max_demand: u64,
        partition: Option<u32>,
        selector: Option<Term>,
    },
    Ask {
        subscription: u64,
        count: u64,
    },
    Cancel {
        subscription: u64,
        reason: String,
    },
    /// Whether demand is passed on, or kept until it is (rule D7).
    PassOn(bool),
}

/// To a consumer.
#[derive(Serialize, Deserialize)]
pub(super) enum ToConsumer<E> {
    Events {
        subscription: u64,
        events: E,
    },
    /// So many events could not be sent: they count as dealt with.
    Skipped {
        subscription: u64,
        count: u64,
    },
    Cancel {
        subscription: u64,
        reason: Reason,
    },
    /// Somebody has it subscribe to a producer; its answer is the subscription.
    Subscribe {
        to: Destination,
        options: SubscribeOptions,
    },
    /// Somebody has it end a subscription; whether there was one is its answer.
    Unsubscribe {
        subscription: u64,
        reason: String,
    },
}

#[derive(Serialize, Deserialize)]
pub(super) enum Said<E> {
    Producer(ToProducer),
    Consumer(ToConsumer<E>),
}

/// A word that a subscription is ended with, as a reason.
pub(super) fn reason_of(word: &str) -> ExitReason {
    match word {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        other => ExitReason::error(other),
    }
}

pub(super) fn encoded<E: Serialize>(said: &Said<E>) -> Result<Vec<u8>, Error> {
    encode(&(NAME, said)).map_err(|error| Error::BadArgument(error.to_string()))
}

/// What a message says, if it is one of these.
pub(super) fn said<E: DeserializeOwned>(message: &Message) -> Option<Result<Said<Vec<E>>, DecodeError>> {
    if !message.payload.starts_with(MARK) {
        return None;
    }
    Some(decode::<(Term, Said<Vec<E>>)>(&message.payload).map(|(_, said)| said))
}
