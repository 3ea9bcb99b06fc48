//! Registries and topics (rules R1 to R17, PB1 to PB6).

mod keys;
mod locks;
mod model;
mod threads;
mod topics;

use std::time::Duration;

use bytes::Bytes;
use regrow_otp::{Context, Received, RegistryError, RegistryKind, RegistryOptions, SystemKind, Via};
use regrow_term::{Term, decode, encode};
use serde::Serialize;

pub(crate) fn term<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    encode(value).unwrap()
}

pub(crate) fn start(context: &Context, kind: RegistryKind) {
    context.start_registry(RegistryOptions::new("r", kind)).unwrap();
}

pub(crate) fn register(context: &Context, key: &str, value: i64) -> Result<(), RegistryError> {
    context.register_key("r", &term(key), &term(&value))
}

/// The values under a key, in order.
pub(crate) fn lookup(context: &Context, key: &str) -> Vec<i64> {
    let entries = context.runtime().lookup_key("r", &term(key), 100).unwrap();
    entries.iter().map(|entry| decode(&entry.value).unwrap()).collect()
}

pub(crate) fn via(key: &str) -> Via {
    Via { registry: "r".into(), key: Bytes::from(term(key)) }
}

/// What a listener is told.
pub(crate) fn told(received: Option<Received>) -> String {
    let Some(Received::System(system)) = received else { return crate::support::show(received) };
    let Ok(Term::List(parts)) = decode(&system.payload) else { panic!("{:?}", system.payload) };
    let parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
    let sign = match system.kind {
        SystemKind::KeyRegistered => '+',
        SystemKind::KeyUnregistered => '-',
        other => panic!("{other:?}"),
    };
    format!("{sign}{}", parts.join(" "))
}

pub(crate) const NOW: Option<Duration> = Some(Duration::ZERO);
