//! Registries and topics off wasm: those of `regrow-otp`.

use bytes::Bytes;
use regrow_otp as otp;
use regrow_term::{MatchSpec, Matcher, decode};

use super::thread::block_on;
use crate::pid::Pid;
use crate::registry::{Kind, RegistryError, RegistryOptions, Via};
use crate::sys::native::current;
use crate::topic::Outcome;

type Answer<T> = Result<T, RegistryError>;

fn registrations(found: Vec<otp::Registration>) -> Vec<(Pid, Vec<u8>)> {
    let entry = |entry: otp::Registration| {
        current().context.blobs_arrive(&entry.value);
        (entry.pid.into(), entry.value.to_vec())
    };
    found.into_iter().map(entry).collect()
}

fn matcher(spec: &[u8]) -> Answer<Matcher> {
    let spec: MatchSpec = decode(spec).map_err(|error| RegistryError::BadMatchSpec(error.to_string()))?;
    Matcher::new(&spec).map_err(|error| RegistryError::BadMatchSpec(error.to_string()))
}

pub(crate) fn start(options: &RegistryOptions) -> Answer<()> {
    let kind = match options.kind {
        Kind::Unique => otp::RegistryKind::Unique,
        Kind::Duplicate => otp::RegistryKind::Duplicate,
    };
    let partitions = options.partitions.map_or(otp::RegistryOptions::PARTITIONS, |count| count as usize);
    let (name, listeners) = (options.name.clone(), options.listeners.clone());
    current().context.start_registry(otp::RegistryOptions { name, kind, partitions, listeners })?;
    Ok(())
}

pub(crate) fn register(registry: &str, key: &[u8], value: &[u8]) -> Answer<()> {
    Ok(current().context.register_key(registry, key, value)?)
}

pub(crate) fn unregister(registry: &str, key: &[u8]) -> Answer<()> {
    Ok(current().context.unregister_key(registry, key)?)
}

pub(crate) fn unregister_match(registry: &str, key: &[u8], spec: &[u8]) -> Answer<u64> {
    let (context, matcher) = (current().context, matcher(spec)?);
    let mut own = context.unregister_match(registry, key)?;
    while own.look(&matcher).is_some() {}
    Ok(own.finish(&context))
}

pub(crate) fn update_value(registry: &str, key: &[u8], value: &[u8]) -> Answer<()> {
    Ok(current().context.update_registered(registry, key, value)?)
}

pub(crate) fn lookup(registry: &str, key: &[u8]) -> Answer<Vec<(Pid, Vec<u8>)>> {
    Ok(registrations(current().context.runtime().lookup_key(registry, key, usize::MAX)?))
}

pub(crate) fn whereis(via: &Via) -> Answer<Option<Pid>> {
    Ok(current().context.runtime().whereis_key(&via.clone().into())?.map(Into::into))
}

pub(crate) fn keys(registry: &str, pid: Pid) -> Answer<Vec<Vec<u8>>> {
    Ok(current().context.runtime().registered_keys(registry, pid.into())?)
}

pub(crate) fn values(registry: &str, key: &[u8], pid: Pid) -> Answer<Vec<Vec<u8>>> {
    let found = current().context.runtime().registered_values(registry, key, pid.into())?;
    found.iter().for_each(|value| current().context.blobs_arrive(value));
    Ok(found.into_iter().map(Vec::from).collect())
}

pub(crate) fn count(registry: &str) -> Answer<u64> {
    Ok(current().context.runtime().registry_len(registry)? as u64)
}

fn walk(registry: &str, spec: &[u8], mut each: impl FnMut(&[u8])) -> Answer<()> {
    let matcher = matcher(spec)?;
    let mut walk = current().context.runtime().walk_registry(registry, &matcher)?;
    let (mut result, mut matched) = (Vec::new(), false);
    while walk.look(&matcher, &mut result, &mut matched).is_some() {
        if matched {
            current().context.blobs_arrive(&result);
            each(&result);
        }
        result.clear();
    }
    Ok(())
}

pub(crate) fn select(registry: &str, spec: &[u8]) -> Answer<Vec<Vec<u8>>> {
    let mut results = Vec::new();
    walk(registry, spec, |result| results.push(result.to_vec()))?;
    Ok(results)
}

pub(crate) fn select_count(registry: &str, spec: &[u8]) -> Answer<u64> {
    let mut matches = 0;
    walk(registry, spec, |_| matches += 1)?;
    Ok(matches)
}

pub(crate) fn lock(registry: &str, key: &[u8]) -> Answer<()> {
    let context = current().context;
    Ok(block_on(context.lock_key(registry, key))?)
}

pub(crate) fn unlock(registry: &str, key: &[u8]) -> Answer<bool> {
    Ok(current().context.unlock_key(registry, key)?)
}

pub(crate) fn subscribe(registry: &str, topic: &str, metadata: &[u8]) -> Answer<()> {
    Ok(current().context.subscribe(registry, &otp::Topic::parse(topic)?, metadata)?)
}

pub(crate) fn unsubscribe(registry: &str, topic: &str) -> Answer<()> {
    Ok(current().context.unsubscribe(registry, &otp::Topic::parse(topic)?)?)
}

pub(crate) fn subscribers(registry: &str, topic: &str) -> Answer<Vec<(Pid, Vec<u8>)>> {
    Ok(registrations(current().context.subscribers(registry, topic)?.next_some(usize::MAX)))
}

pub(crate) fn broadcast(registry: &str, topic: &str, payload: Vec<u8>, but: Option<Pid>) -> Answer<Outcome> {
    let context = current().context;
    let mut broadcast = context.broadcast(registry, topic, but.map(Into::into), Bytes::from(payload))?;
    while broadcast.send_some(&context, 64) > 0 {}
    Ok(Outcome { delivered: broadcast.delivered, refused: broadcast.refused })
}

impl From<&otp::Via> for Via {
    fn from(via: &otp::Via) -> Self {
        Self { registry: via.registry.clone(), key: via.key.to_vec() }
    }
}

impl From<Via> for otp::Via {
    fn from(via: Via) -> Self {
        Self { registry: via.registry, key: via.key.into() }
    }
}

impl From<otp::RegistryError> for RegistryError {
    fn from(error: otp::RegistryError) -> Self {
        match error {
            otp::RegistryError::NoRegistry => Self::NoRegistry,
            otp::RegistryError::NameTaken(pid) => Self::NameTaken(pid.into()),
            otp::RegistryError::BadName => Self::BadName,
            otp::RegistryError::BadPartitions => Self::BadPartitions,
            otp::RegistryError::AlreadyRegistered(pid) => Self::AlreadyRegistered(pid.into()),
            otp::RegistryError::NotRegistered => Self::NotRegistered,
            otp::RegistryError::BadTerm(why) => Self::BadTerm(why),
            otp::RegistryError::KeyTooLong(len) => Self::KeyTooLong(len as u64),
            otp::RegistryError::BadTopic => Self::BadTopic,
            otp::RegistryError::WrongKind => Self::WrongKind,
            otp::RegistryError::BadMatchSpec(why) => Self::BadMatchSpec(why),
            otp::RegistryError::LockedAlready => Self::LockedAlready,
            otp::RegistryError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
