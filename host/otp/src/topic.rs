//! Publishing: whoever is registered under a topic gets what is broadcast to it (`Phoenix.PubSub`, rules PB1 to PB6).
//!
//! A subscription is an entry of a registry with duplicate keys: the topic is the key, the metadata the value.

use std::borrow::Cow;

use bytes::Bytes;
use regrow_term::{Term, encode};

use crate::pid::Pid;
use crate::process::{Context, SendError};
use crate::received::{Message, MessageKind};
use crate::registry::{Listing, Registry, RegistryError, RegistryKind};

/// The longest topic, in bytes.
pub const MAX_TOPIC_BYTES: usize = 255;

/// What the key of a pattern begins with: a list of two, the first of which is `prefix`.
const PATTERN: &[u8] = b"\x82\x66prefix";

/// Whether a key stands for all topics with a beginning.
pub(crate) fn is_pattern(key: &[u8]) -> bool {
    key.starts_with(PATTERN)
}

/// What is subscribed to: a topic, or all that begin with what stands before a `*` at the end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Topic {
    key: Vec<u8>,
}

fn text(text: &str) -> Vec<u8> {
    encode(&Term::from(text)).unwrap_or_default()
}

fn prefix_key(prefix: &str) -> Vec<u8> {
    [Cow::Borrowed(PATTERN), Cow::Owned(text(prefix))].concat()
}

impl Topic {
    /// What can be subscribed to.
    ///
    /// # Errors
    /// [`RegistryError::BadTopic`]
    pub fn parse(topic: &str) -> Result<Self, RegistryError> {
        let (beginning, is_pattern) = match topic.strip_suffix('*') {
            Some(beginning) => (beginning, true),
            None => (topic, false),
        };
        if topic.is_empty() || topic.len() > MAX_TOPIC_BYTES || beginning.contains('*') {
            return Err(RegistryError::BadTopic);
        }
        Ok(Self { key: if is_pattern { prefix_key(beginning) } else { text(topic) } })
    }

    /// The key of the registry that stands for it, encoded.
    pub fn key(&self) -> &[u8] {
        &self.key
    }
}

/// A broadcast on its way to those who were subscribed when it began.
pub struct Broadcast {
    message: Message,
    but: Option<Pid>,
    subscribers: Listing,
    /// How many subscriptions have got the message.
    pub delivered: u64,
    /// How many have not, because a mailbox was full.
    pub refused: u64,
}

impl Broadcast {
    /// Under how many keys there may be subscribers still: the topic, and all patterns that it fits.
    pub fn keys(&self) -> usize {
        self.subscribers.keys()
    }

    /// Sends the message to so many more subscribers at most; how many have been looked at, none at the end. The payload is shared
    /// by all of them, and none of them is waited for.
    pub fn send_some(&mut self, context: &Context, at_most: usize) -> usize {
        let entries = self.subscribers.next_some(at_most);
        for entry in entries.iter().filter(|entry| Some(entry.pid) != self.but) {
            match context.send_message_nosuspend(entry.pid, self.message.clone()) {
                Ok(()) => self.delivered += 1,
                Err(_) => self.refused += 1,
            }
        }
        entries.len()
    }
}

impl Context {
    /// Subscribes this process to a topic or a pattern (`subscribe/3`, rule PB1), with metadata for those who dispatch by
    /// themselves.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::WrongKind`] of a registry with unique keys
    pub fn subscribe(&self, registry: &str, topic: &Topic, metadata: &[u8]) -> Result<(), RegistryError> {
        self.duplicate(registry)?;
        self.register_key(registry, topic.key(), metadata)
    }

    /// Ends all subscriptions of this process to a topic or a pattern (`unsubscribe/2`, rules PB1, PB2).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unsubscribe(&self, registry: &str, topic: &Topic) -> Result<(), RegistryError> {
        self.unregister_key(registry, topic.key())
    }

    /// Those who get what is published under a topic, once for each of their subscriptions: first those to the topic, then those
    /// to patterns, the shorter first (rule PB5).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn subscribers(&self, registry: &str, topic: &str) -> Result<Listing, RegistryError> {
        let registry = self.runtime().inner.registries.get(registry)?;
        let keys = keys_of(&registry, topic)?;
        Ok(Listing::new(registry, keys))
    }

    /// Sends a plain message to all who are subscribed to a topic but one (`broadcast/3`, `broadcast_from/4`, rules PB1 to
    /// PB3, PB6): by and by, with [`Broadcast::send_some`].
    ///
    /// # Errors
    /// [`RegistryError`]; the message may be too large
    pub fn broadcast(
        &self,
        registry: &str,
        topic: &str,
        but: Option<Pid>,
        payload: Bytes,
    ) -> Result<Broadcast, RegistryError> {
        let message = self.message(MessageKind::Info, payload, None).map_err(|error| match error {
            SendError::TooLarge(limit) => RegistryError::Limit(limit),
            other => RegistryError::BadTerm(other.to_string()),
        })?;
        let subscribers = self.subscribers(registry, topic)?;
        Ok(Broadcast { message, but, subscribers, delivered: 0, refused: 0 })
    }

    fn duplicate(&self, registry: &str) -> Result<(), RegistryError> {
        match self.runtime().registry_info(registry)? {
            (RegistryKind::Duplicate, _) => Ok(()),
            (RegistryKind::Unique, _) => Err(RegistryError::WrongKind),
        }
    }
}

/// The keys under which those are registered who get what is broadcast to a topic.
fn keys_of(registry: &Registry, topic: &str) -> Result<Vec<Vec<u8>>, RegistryError> {
    if topic.is_empty() || topic.len() > MAX_TOPIC_BYTES || topic.contains('*') {
        return Err(RegistryError::BadTopic);
    }
    let mut keys = vec![text(topic)];
    if registry.has_patterns() {
        let ends = (0..=topic.len()).filter(|end| topic.is_char_boundary(*end));
        keys.extend(ends.map(|end| prefix_key(&topic[..end])));
    }
    Ok(keys)
}
