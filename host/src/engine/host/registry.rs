//! `regrow:otp/registry`

use regrow_otp::{
    Context, LimitExceeded, LimitKind, Listing, MAX_INFO_ENTRIES, Registration, RegistryError, RegistryKind,
    RegistryOptions, Via,
};
use regrow_term::Matcher;

use crate::engine::bindings::regrow::otp::registry as wit;
use crate::engine::bindings::regrow::otp::registry::Host;
use crate::engine::bindings::regrow::otp::types;
use crate::engine::host::authority::good;
use crate::engine::host::process::SPAWN_BYTES;
use crate::engine::host::table::{MAX_SPEC_BYTES, matcher};
use crate::engine::state::GuestState;

pub(super) type Answer<T> = Result<T, wit::RegistryError>;

/// What an entry, or a part of a registry, takes of work, as bytes that are moved.
const ENTRY_COST: usize = 512;

/// Entries that are looked at before others have their turn.
const ENTRIES_AT_ONCE: usize = 128;

fn registry_matcher(spec: &[u8]) -> Result<Matcher, RegistryError> {
    if spec.len() > MAX_SPEC_BYTES {
        return Err(RegistryError::BadMatchSpec(format!("it has more than {MAX_SPEC_BYTES} bytes")));
    }
    matcher(spec).map_err(|error| RegistryError::BadMatchSpec(error.to_string()))
}

fn too_many(limit: &str, allowed: u64, requested: u64) -> wit::RegistryError {
    wit::RegistryError::Limit(types::LimitExceeded { which: limit.to_owned(), allowed, requested })
}

/// Refuses a list that is longer than one may be, or whose bytes are more than a message may have.
pub(super) fn check_listed(context: &Context, entries: usize, bytes: usize) -> Answer<()> {
    if entries > MAX_INFO_ENTRIES {
        return Err(too_many("info_entries", MAX_INFO_ENTRIES as u64, entries as u64));
    }
    let (allowed, requested) = (context.limits().message_bytes, bytes as u64);
    // One was small enough to be put in.
    if entries > 1 && requested > allowed {
        let limit = LimitKind::MessageBytes;
        return Err(RegistryError::Limit(LimitExceeded { limit, allowed, requested }).into());
    }
    Ok(())
}

impl GuestState {
    /// Whether the guest may use a registry of that name.
    pub(super) fn may_use_registry(&self, name: &str) -> wasmtime::Result<Answer<()>> {
        if self.owner()?.grants.may_use_registry(name) {
            return Ok(Ok(()));
        }
        self.denied("registries", name);
        Ok(Err(wit::RegistryError::Denied(format!("registries: {name:?} is not among the grants"))))
    }

    /// What is listed of a registry, charged by its size, and also if it is too much.
    pub(super) async fn registrations(
        &mut self,
        context: &Context,
        mut listing: Listing,
    ) -> Answer<Vec<wit::Registration>> {
        // One key and one entry are in the price of the call.
        self.charge_moved(listing.keys().saturating_sub(1) * ENTRY_COST).await;
        let (mut found, mut bytes) = (Vec::new(), 0);
        loop {
            let some = listing.next_some(ENTRIES_AT_ONCE);
            if some.is_empty() {
                break;
            }
            let of_some: usize = some.iter().map(|entry| entry.value.len()).sum();
            self.charge_moved(of_some + (some.len() - 1) * ENTRY_COST).await;
            bytes += of_some;
            found.extend(some);
            check_listed(context, found.len(), bytes)?;
        }
        found.iter().for_each(|entry| context.blobs_arrive(&entry.value));
        let entry =
            |entry: Registration| wit::Registration { pid: entry.pid.into(), value: entry.value.to_vec() };
        Ok(found.into_iter().map(entry).collect())
    }

    /// Charges a list of terms by its size, also if it is too long.
    async fn terms<T: Into<Vec<u8>> + AsRef<[u8]>>(
        &mut self,
        context: &Context,
        found: Vec<T>,
    ) -> Answer<Vec<Vec<u8>>> {
        let bytes = found.iter().map(|term| term.as_ref().len()).sum();
        self.charge_moved(bytes + found.len().saturating_sub(1) * ENTRY_COST).await;
        check_listed(context, found.len(), bytes)?;
        found.iter().for_each(|term| context.blobs_arrive(term.as_ref()));
        Ok(found.into_iter().map(Into::into).collect())
    }

    /// Goes through a registry: what came of the entries that match, if that is wanted, and how many those were.
    async fn walk_registry(
        &mut self,
        registry: &str,
        spec: &[u8],
        wants_results: bool,
    ) -> wasmtime::Result<Answer<(Vec<Vec<u8>>, u64)>> {
        let context = self.charge(registry.len() + spec.len()).await?;
        good!(self.may_use_registry(registry)?);
        let matcher = good!(registry_matcher(spec));
        let mut walk = good!(context.runtime().walk_registry(registry, &matcher));
        let (mut results, mut matches, mut bytes) = (Vec::new(), 0_u64, 0);
        let (mut result, mut matched) = (Vec::new(), false);
        loop {
            let (mut looked_at, mut read) = (0, 0);
            while looked_at < ENTRIES_AT_ONCE {
                let Some(len) = walk.look(&matcher, &mut result, &mut matched) else { break };
                (looked_at, read) = (looked_at + 1, read + len);
                if !matched {
                    continue;
                }
                matches += 1;
                if wants_results {
                    bytes += result.len();
                    results.push(std::mem::take(&mut result));
                }
                result.clear();
            }
            // What it takes grows with the specification, too.
            self.charged(read + looked_at * (ENTRY_COST + spec.len())).await?;
            good!(check_listed(&context, results.len(), bytes));
            if looked_at < ENTRIES_AT_ONCE {
                results.iter().for_each(|result| context.blobs_arrive(result));
                return Ok(Ok((results, matches)));
            }
        }
    }
}

impl Host for GuestState {
    async fn start(&mut self, options: wit::Options) -> wasmtime::Result<Answer<types::Pid>> {
        let listeners: usize = options.listeners.iter().map(|name| name.len() + ENTRY_COST).sum();
        let partitions = options.partitions.map_or(RegistryOptions::PARTITIONS, |count| count as usize);
        let parts = partitions.min(regrow_otp::MAX_PARTITIONS) * ENTRY_COST;
        let context = self.charge(SPAWN_BYTES + options.name.len() + listeners + parts).await?;
        good!(self.may_use_registry(&options.name)?);
        for listener in &options.listeners {
            if let Err(types::Error::Denied(why)) = self.may_look_up(listener)? {
                return Ok(Err(wit::RegistryError::Denied(why)));
            }
        }
        let wit::Options { name, kind, listeners, .. } = options;
        let options = RegistryOptions { name, kind: kind.into(), partitions, listeners };
        Ok(context.start_registry(options).map(Into::into).map_err(Into::into))
    }

    async fn register(
        &mut self,
        registry: String,
        key: Vec<u8>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(registry.len() + key.len() + value.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        good!(context.check_message_bytes(value.len()).map_err(RegistryError::Limit));
        Ok(context.register_key(&registry, &key, &value).map_err(Into::into))
    }

    async fn unregister(&mut self, registry: String, key: Vec<u8>) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(registry.len() + key.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        Ok(context.unregister_key(&registry, &key).map(drop).map_err(Into::into))
    }

    async fn unregister_match(
        &mut self,
        registry: String,
        key: Vec<u8>,
        match_spec: Vec<u8>,
    ) -> wasmtime::Result<Answer<u64>> {
        let context = self.charge(registry.len() + key.len() + match_spec.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        let matcher = good!(registry_matcher(&match_spec));
        let mut own = good!(context.unregister_match(&registry, &key));
        while let Some(work) = own.look(&matcher) {
            self.charged(work + ENTRY_COST + match_spec.len()).await?;
        }
        Ok(Ok(own.finish(&context)))
    }

    async fn update_value(
        &mut self,
        registry: String,
        key: Vec<u8>,
        value: Vec<u8>,
    ) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(registry.len() + key.len() + value.len()).await?;
        good!(self.may_use_registry(&registry)?);
        good!(context.check_message_bytes(value.len()).map_err(RegistryError::Limit));
        Ok(context.update_registered(&registry, &key, &value).map_err(Into::into))
    }

    async fn lookup(
        &mut self,
        registry: String,
        key: Vec<u8>,
    ) -> wasmtime::Result<Answer<Vec<wit::Registration>>> {
        let context = self.charge(registry.len() + key.len()).await?;
        good!(self.may_use_registry(&registry)?);
        let found = good!(context.runtime().list_key(&registry, &key));
        Ok(self.registrations(&context, found).await)
    }

    async fn whereis(&mut self, name: types::Via) -> wasmtime::Result<Answer<Option<types::Pid>>> {
        let context = self.charge(name.registry.len() + name.key.len()).await?;
        good!(self.may_use_registry(&name.registry)?);
        let found = context.runtime().whereis_key(&name.into());
        Ok(found.map(|pid| pid.map(Into::into)).map_err(Into::into))
    }

    async fn keys(&mut self, registry: String, pid: types::Pid) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        let context = self.charge(registry.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        let keys = good!(context.runtime().registered_keys(&registry, pid.into()));
        Ok(self.terms(&context, keys).await)
    }

    async fn values(
        &mut self,
        registry: String,
        key: Vec<u8>,
        pid: types::Pid,
    ) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        let context = self.charge(registry.len() + key.len()).await?;
        good!(self.may_use_registry(&registry)?);
        let values = good!(context.runtime().registered_values(&registry, &key, pid.into()));
        Ok(self.terms(&context, values).await)
    }

    async fn count(&mut self, registry: String) -> wasmtime::Result<Answer<u64>> {
        let context = self.charge(registry.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        let count = context.runtime().registry_len(&registry);
        Ok(count.map(|count| count as u64).map_err(Into::into))
    }

    async fn select(
        &mut self,
        registry: String,
        match_spec: Vec<u8>,
    ) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        Ok(self.walk_registry(&registry, &match_spec, true).await?.map(|(results, _)| results))
    }

    async fn select_count(&mut self, registry: String, match_spec: Vec<u8>) -> wasmtime::Result<Answer<u64>> {
        Ok(self.walk_registry(&registry, &match_spec, false).await?.map(|(_, matches)| matches))
    }

    async fn lock(&mut self, registry: String, key: Vec<u8>) -> wasmtime::Result<Answer<()>> {
        self.charged(registry.len() + key.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        Ok(self.context()?.lock_key(&registry, &key).await.map_err(Into::into))
    }

    async fn unlock(&mut self, registry: String, key: Vec<u8>) -> wasmtime::Result<Answer<bool>> {
        let context = self.charge(registry.len() + key.len() + ENTRY_COST).await?;
        good!(self.may_use_registry(&registry)?);
        Ok(context.unlock_key(&registry, &key).map_err(Into::into))
    }
}

impl From<types::Via> for Via {
    fn from(via: types::Via) -> Self {
        Self { registry: via.registry, key: via.key.into() }
    }
}

impl From<&Via> for types::Via {
    fn from(via: &Via) -> Self {
        Self { registry: via.registry.clone(), key: via.key.to_vec() }
    }
}

impl From<wit::Kind> for RegistryKind {
    fn from(kind: wit::Kind) -> Self {
        match kind {
            wit::Kind::Unique => Self::Unique,
            wit::Kind::Duplicate => Self::Duplicate,
        }
    }
}

impl From<RegistryError> for wit::RegistryError {
    fn from(error: RegistryError) -> Self {
        match error {
            RegistryError::NoRegistry => Self::NoRegistry,
            RegistryError::NameTaken(pid) => Self::NameTaken(pid.into()),
            RegistryError::BadName => Self::BadName,
            RegistryError::BadPartitions => Self::BadPartitions,
            RegistryError::AlreadyRegistered(pid) => Self::AlreadyRegistered(pid.into()),
            RegistryError::NotRegistered => Self::NotRegistered,
            RegistryError::BadTerm(why) => Self::BadTerm(why),
            RegistryError::KeyTooLong(len) => Self::KeyTooLong(len as u64),
            RegistryError::BadTopic => Self::BadTopic,
            RegistryError::WrongKind => Self::WrongKind,
            RegistryError::BadMatchSpec(why) => Self::BadMatchSpec(why),
            RegistryError::LockedAlready => Self::LockedAlready,
            RegistryError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
