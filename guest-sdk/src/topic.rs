//! Publishing (`Phoenix.PubSub`): whoever is subscribed to a topic gets what is broadcast to it, as plain messages.
//!
//! ```
//! # use regrow_sdk::{topic::PubSub, mailbox};
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! // It ends with the process that started it: best one that is declared in the manifest, as a registry of kind `duplicate`.
//! let chat = PubSub::start("chat")?;
//! let room = chat.topic::<String>("room:7");
//! room.subscribe()?;
//! chat.topic::<String>("room:*").subscribe()?;
//! let outcome = room.broadcast(&"hello".into())?;
//! assert_eq!((outcome.delivered, outcome.refused), (2, 0));
//! let message = mailbox::receive_message(None).unwrap();
//! assert_eq!(message.decode::<String>()?, "hello");
//! assert_eq!(room.broadcast_from_self(&"nobody else is here".into())?.delivered, 0);
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! A subscription is an entry of a [`Registry`](crate::registry::Registry) with duplicate keys, and ends with its process.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;

use regrow_term::{decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::pid::Pid;
use crate::process::self_pid;
use crate::registry::{Kind, RegistryError, RegistryOptions};
use crate::sys;

/// Topics with their subscriptions: a registry with duplicate keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PubSub(String);

impl PubSub {
    /// Starts it, in a process that is linked to this one.
    ///
    /// # Errors
    /// [`RegistryError::NameTaken`], [`RegistryError::BadName`], [`RegistryError::Limit`], [`RegistryError::Denied`]
    pub fn start(name: &str) -> Result<Self, RegistryError> {
        RegistryOptions::new(name, Kind::Duplicate).start::<(), ()>()?;
        Ok(Self::named(name))
    }

    /// The one of that name, whoever has started it.
    pub fn named(name: &str) -> Self {
        Self(name.into())
    }

    /// A topic whose messages are `M`; or, with a `*` at the end, a pattern to subscribe to: all topics that begin so.
    pub fn topic<M>(&self, topic: &str) -> Topic<M> {
        Topic { pub_sub: self.0.clone(), topic: topic.into(), messages: PhantomData }
    }
}

/// What became of a broadcast.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Subscriptions that have got the message.
    pub delivered: u64,
    /// Those that have not, because their mailbox was full. Nobody is waited for.
    pub refused: u64,
}

/// A topic whose messages are `M`.
pub struct Topic<M> {
    pub_sub: String,
    topic: String,
    messages: PhantomData<fn(M) -> M>,
}

impl<M> Clone for Topic<M> {
    fn clone(&self) -> Self {
        Self { pub_sub: self.pub_sub.clone(), topic: self.topic.clone(), messages: PhantomData }
    }
}

impl<M> fmt::Debug for Topic<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Topic").field(&self.pub_sub).field(&self.topic).finish()
    }
}

impl<M> Topic<M> {
    /// Subscribes this process (`subscribe/2`). It gets each message once for each of its subscriptions.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn subscribe(&self) -> Result<(), RegistryError> {
        self.subscribe_with(&())
    }

    /// Subscribes this process, with metadata for those who dispatch by themselves (`subscribe/3`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn subscribe_with<D: Serialize + ?Sized>(&self, metadata: &D) -> Result<(), RegistryError> {
        sys::registry::subscribe(&self.pub_sub, &self.topic, &encode(metadata)?)
    }

    /// Ends all subscriptions of this process to the topic (`unsubscribe/2`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn unsubscribe(&self) -> Result<(), RegistryError> {
        sys::registry::unsubscribe(&self.pub_sub, &self.topic)
    }

    /// Who gets what is broadcast, once for each subscription, with the metadata: for dispatching by oneself.
    ///
    /// # Errors
    /// [`RegistryError`]; [`RegistryError::Limit`] of more than 10,000
    pub fn subscribers<D: DeserializeOwned>(&self) -> Result<Vec<(Pid, D)>, RegistryError> {
        let found = sys::registry::subscribers(&self.pub_sub, &self.topic)?;
        found.into_iter().map(|(pid, metadata)| Ok((pid, decode(&metadata)?))).collect()
    }
}

impl<M: Serialize> Topic<M> {
    /// Sends a message to all who are subscribed (`broadcast/3`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn broadcast(&self, message: &M) -> Result<Outcome, RegistryError> {
        self.broadcast_but(None, message)
    }

    /// Sends a message to all who are subscribed but one (`broadcast_from/4`).
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn broadcast_from(&self, from: Pid, message: &M) -> Result<Outcome, RegistryError> {
        self.broadcast_but(Some(from), message)
    }

    /// Sends a message to all who are subscribed but this process.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn broadcast_from_self(&self, message: &M) -> Result<Outcome, RegistryError> {
        self.broadcast_from(self_pid(), message)
    }

    /// Sends a message to all on this node who are subscribed (`local_broadcast/3`). Nodes are single so far: that is all of them.
    ///
    /// # Errors
    /// [`RegistryError`]
    pub fn local_broadcast(&self, message: &M) -> Result<Outcome, RegistryError> {
        self.broadcast(message)
    }

    fn broadcast_but(&self, but: Option<Pid>, message: &M) -> Result<Outcome, RegistryError> {
        sys::registry::broadcast(&self.pub_sub, &self.topic, encode(message)?, but)
    }
}
