//! `regrow:otp/registry` and `regrow:otp/topic`

use alloc::vec::Vec;

use crate::Pid;
use crate::registry::{Kind, NamedBy, RegistryError, RegistryOptions, Via};
use crate::sys::wasm::bindings::regrow::otp::{registry as wit, topic, types};
use crate::topic::Outcome;

type Answer<T> = Result<T, RegistryError>;

fn registrations(found: Vec<wit::Registration>) -> Vec<(Pid, Vec<u8>)> {
    found.into_iter().map(|entry| (entry.pid.into(), entry.value)).collect()
}

pub(crate) fn start(options: &RegistryOptions) -> Answer<()> {
    let kind = match options.kind {
        Kind::Unique => wit::Kind::Unique,
        Kind::Duplicate => wit::Kind::Duplicate,
    };
    wit::start(&wit::Options {
        name: options.name.clone(),
        kind,
        partitions: options.partitions,
        listeners: options.listeners.clone(),
    })?;
    Ok(())
}

pub(crate) fn register(registry: &str, key: &[u8], value: &[u8]) -> Answer<()> {
    Ok(wit::register(registry, key, value)?)
}

pub(crate) fn unregister(registry: &str, key: &[u8]) -> Answer<()> {
    Ok(wit::unregister(registry, key)?)
}

pub(crate) fn unregister_match(registry: &str, key: &[u8], spec: &[u8]) -> Answer<u64> {
    Ok(wit::unregister_match(registry, key, spec)?)
}

pub(crate) fn update_value(registry: &str, key: &[u8], value: &[u8]) -> Answer<()> {
    Ok(wit::update_value(registry, key, value)?)
}

pub(crate) fn lookup(registry: &str, key: &[u8]) -> Answer<Vec<(Pid, Vec<u8>)>> {
    Ok(registrations(wit::lookup(registry, key)?))
}

pub(crate) fn whereis(via: &Via) -> Answer<Option<Pid>> {
    Ok(wit::whereis(&via.into())?.map(Into::into))
}

pub(crate) fn keys(registry: &str, pid: Pid) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::keys(registry, pid.into())?)
}

pub(crate) fn values(registry: &str, key: &[u8], pid: Pid) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::values(registry, key, pid.into())?)
}

pub(crate) fn count(registry: &str) -> Answer<u64> {
    Ok(wit::count(registry)?)
}

pub(crate) fn select(registry: &str, spec: &[u8]) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::select(registry, spec)?)
}

pub(crate) fn select_count(registry: &str, spec: &[u8]) -> Answer<u64> {
    Ok(wit::select_count(registry, spec)?)
}

pub(crate) fn lock(registry: &str, key: &[u8]) -> Answer<()> {
    Ok(wit::lock(registry, key)?)
}

pub(crate) fn unlock(registry: &str, key: &[u8]) -> Answer<bool> {
    Ok(wit::unlock(registry, key)?)
}

pub(crate) fn subscribe(registry: &str, topic: &str, metadata: &[u8]) -> Answer<()> {
    Ok(topic::subscribe(registry, topic, metadata)?)
}

pub(crate) fn unsubscribe(registry: &str, topic: &str) -> Answer<()> {
    Ok(topic::unsubscribe(registry, topic)?)
}

pub(crate) fn subscribers(registry: &str, topic: &str) -> Answer<Vec<(Pid, Vec<u8>)>> {
    Ok(registrations(topic::subscribers(registry, topic)?))
}

pub(crate) fn broadcast(registry: &str, topic: &str, payload: Vec<u8>, but: Option<Pid>) -> Answer<Outcome> {
    let outcome = topic::broadcast(registry, topic, &payload, but.map(Into::into))?;
    Ok(Outcome { delivered: outcome.delivered, refused: outcome.refused })
}

impl From<&Via> for types::Via {
    fn from(via: &Via) -> Self {
        Self { registry: via.registry.clone(), key: via.key.clone() }
    }
}

impl From<types::Via> for Via {
    fn from(via: types::Via) -> Self {
        Self { registry: via.registry, key: via.key }
    }
}

impl From<&NamedBy> for types::ViaRegistration {
    fn from(named: &NamedBy) -> Self {
        Self { name: (&named.via).into(), value: named.value.clone() }
    }
}

impl From<wit::RegistryError> for RegistryError {
    fn from(error: wit::RegistryError) -> Self {
        match error {
            wit::RegistryError::NoRegistry => Self::NoRegistry,
            wit::RegistryError::NameTaken(pid) => Self::NameTaken(pid.into()),
            wit::RegistryError::BadName => Self::BadName,
            wit::RegistryError::BadPartitions => Self::BadPartitions,
            wit::RegistryError::AlreadyRegistered(pid) => Self::AlreadyRegistered(pid.into()),
            wit::RegistryError::NotRegistered => Self::NotRegistered,
            wit::RegistryError::BadTerm(why) => Self::BadTerm(why),
            wit::RegistryError::KeyTooLong(len) => Self::KeyTooLong(len),
            wit::RegistryError::BadTopic => Self::BadTopic,
            wit::RegistryError::WrongKind => Self::WrongKind,
            wit::RegistryError::BadMatchSpec(why) => Self::BadMatchSpec(why),
            wit::RegistryError::LockedAlready => Self::LockedAlready,
            wit::RegistryError::Limit(limit) => Self::Limit(limit.into()),
            wit::RegistryError::Denied(why) => Self::Denied(why),
        }
    }
}
