//! Programs that use registries and topics. `tests/bench/beam/services.erl` has the same, with Elixir's Registry.

use std::time::{Duration, Instant};

use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::registry::{Kind, Registry, RegistryOptions};
use regrow_sdk::topic::PubSub;
use regrow_sdk::{ExitReason, Pid, mailbox};
use serde_bytes::ByteBuf;

type Time = Result<Duration, ExitReason>;

const KEYS: u64 = 1_000;

/// A registry in which this process is registered under many keys; it ends with it, and each program has its own.
fn filled(name: &str) -> Result<Registry<u64, u64>, ExitReason> {
    let registry = match RegistryOptions::new(name, Kind::Unique).start() {
        Ok(registry) => registry,
        // From the round before.
        Err(_) => return Ok(Registry::named(name)),
    };
    for key in 0..KEYS {
        registry.register(&key, &key)?;
    }
    Ok(registry)
}

fn key(n: u32) -> u64 {
    u64::from(n).wrapping_mul(7_919) % KEYS
}

pub(crate) fn lookups(count: u32) -> Time {
    let registry = filled("lookups")?;
    let own = process::self_pid();
    let start = Instant::now();
    for n in 0..count {
        assert_eq!(registry.lookup(&key(n))?, [(own, key(n))]);
    }
    Ok(start.elapsed())
}

pub(crate) fn whereis(count: u32) -> Time {
    let registry = filled("lookups")?;
    let own = process::self_pid();
    let start = Instant::now();
    for n in 0..count {
        assert_eq!(registry.whereis(&key(n))?, Some(own));
    }
    Ok(start.elapsed())
}

pub(crate) fn registrations(count: u32) -> Time {
    let registry = filled("registrations")?;
    let start = Instant::now();
    for n in 0..count {
        let key = KEYS + u64::from(n);
        registry.register(&key, &key)?;
        registry.unregister(&key)?;
    }
    Ok(start.elapsed())
}

/// Counts what it gets of a topic, and says when that is all.
pub(crate) fn subscriber((parent, messages): (Pid, u32)) -> Result<(), ExitReason> {
    PubSub::named("bench").topic::<ByteBuf>("news").subscribe()?;
    mailbox::send(parent, &())?;
    for _ in 0..messages {
        let message = mailbox::receive_message(None).expect("it waits for ever");
        assert_eq!(message.decode::<ByteBuf>()?.len(), 64);
    }
    Ok(mailbox::send(parent, &())?)
}

/// `count` deliveries in all, of 64 bytes, until all have received the last.
pub(crate) fn broadcasts(subscribers: u32, count: u32) -> Time {
    let pub_sub = PubSub::start("bench").unwrap_or_else(|_| PubSub::named("bench"));
    let topic = pub_sub.topic::<ByteBuf>("news");
    let messages = count / subscribers;
    for _ in 0..subscribers {
        process::spawn("subscriber", &(process::self_pid(), messages), &SpawnOptions::default())?;
        mailbox::receive_message(None);
    }
    let message = ByteBuf::from(vec![b'x'; 64]);
    let start = Instant::now();
    for _ in 0..messages {
        let outcome = topic.broadcast(&message)?;
        assert_eq!(outcome.delivered, u64::from(subscribers));
    }
    for _ in 0..subscribers {
        mailbox::receive_message(None);
    }
    Ok(start.elapsed())
}
