//! A component: compiled, checked against what the host offers, and asked for its entries.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use regrow_otp::check_name;
use sha2::{Digest as _, Sha256};
use wasmparser::{Parser, Payload};
use wasmtime::Store;
use wasmtime::component::Component as WasmComponent;

use crate::engine::bindings::GuestPre;
use crate::engine::config::{Engine, EngineKind, Runs};
use crate::engine::state::{DESCRIBE_SLICE, GuestState};
use crate::engine::store::{Image, InTurns, Turns};
use crate::engine::ticker::Ticker;

/// What `describe` may cost: it only lists names.
const DESCRIBE_FUEL: u64 = 50_000_000;

/// And how long it may take: a guest may sleep without using fuel.
const DESCRIBE_TIMEOUT: Duration = Duration::from_secs(5);

/// What a component may say about itself.
const MAX_DESCRIPTION_BYTES: usize = 1 << 20;

/// The packages that the host offers to guests.
const OFFERED: [&str; 7] = [
    "regrow:otp/",
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:filesystem/",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// A compiled component that can be instantiated.
pub struct Component {
    pub(super) pre: GuestPre<GuestState>,
    name: Arc<str>,
    entries: Vec<Entry>,
    digest: Digest,
    runs: Runs,
    /// What the memories of its instances begin with.
    image: Arc<Image>,
}

/// SHA-256 of a component's bytes: tells one version from the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest([u8; 32]);

impl Digest {
    fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

/// The first 12 hexadecimal digits: enough for people.
impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..6].iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// An entry of a component, as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub documentation: String,
    /// Whether it acknowledges its start.
    pub acknowledges: bool,
}

/// Why a component can't be used.
#[derive(Debug)]
pub enum LoadError {
    /// The bytes are a core module, not a component.
    CoreModule,
    /// The bytes are no component that this host can compile; why.
    Invalid(String),
    /// It imports what the host does not offer.
    UnknownImports(Vec<String>),
    /// It is not a process component: it lacks an export, or an import or export has another type.
    WrongWorld(String),
    /// Its engine can't be set up on this machine; why.
    Engine(String),
    /// `describe` trapped or took too long.
    Describe(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CoreModule => f.write_str(
                "it is a core wasm module, not a component; build it for wasm32-wasip2 or wrap it with `wasm-tools component new`",
            ),
            Self::Invalid(why) => write!(f, "it is no valid component: {why}"),
            Self::UnknownImports(imports) => {
                write!(f, "it imports what this host does not offer: {}", imports.join(", "))
            }
            Self::WrongWorld(why) => write!(f, "it does not fit the world `guest` of regrow:otp: {why}"),
            Self::Engine(why) => write!(f, "its engine can't be set up: {why}"),
            Self::Describe(why) => write!(f, "its `describe` function failed: {why}"),
        }
    }
}

impl std::error::Error for LoadError {}

impl Engine {
    /// Compiles a component (or finds it in the cache), checks what it imports and exports, and asks it for
    /// its entries. Needs a tokio runtime, on whose blocking threads it compiles; only so many components at once.
    ///
    /// # Errors
    /// [`LoadError`]
    pub async fn load(
        &self,
        name: impl Into<Arc<str>>,
        kind: EngineKind,
        bytes: &[u8],
    ) -> Result<Component, LoadError> {
        const CORE_MODULE_HEADER: &[u8] = b"\0asm\x01\0\0\0";
        if bytes.starts_with(CORE_MODULE_HEADER) {
            return Err(LoadError::CoreModule);
        }
        if !bytes.starts_with(b"\0asm") {
            return Err(LoadError::Invalid("it does not begin as wasm does".to_owned()));
        }
        let invalid = |why: String| LoadError::Invalid(why);
        check_parts(bytes).map_err(LoadError::Invalid)?;
        let engine = self.variant(kind).map_err(|error| LoadError::Engine(format!("{error:#}")))?;
        let component = {
            let _place = self.place_to_compile().await.map_err(|error| invalid(error.to_string()))?;
            let (engine, bytes) = (engine.wasmtime.clone(), bytes.to_vec());
            // On a thread that may be held up: whoever drives this future has other things to do.
            let compiled =
                tokio::task::spawn_blocking(move || WasmComponent::from_binary(&engine, &bytes)).await;
            let compiled = compiled.map_err(|error| invalid(error.to_string()))?;
            compiled.map_err(|error| invalid(format!("{error:#}")))?
        };
        let ty = component.component_type();
        let imports = ty.imports(&engine.wasmtime).map(|(name, _)| name);
        let more = self.more_imports().iter().map(String::as_str);
        let offered: Vec<&str> = OFFERED.into_iter().chain(more).collect();
        let is_unknown = |name: &&str| !offered.iter().any(|package| name.starts_with(package));
        let unknown: Vec<String> = imports.filter(is_unknown).map(str::to_owned).collect();
        if !unknown.is_empty() {
            return Err(LoadError::UnknownImports(unknown));
        }
        let wrong_world = |error: wasmtime::Error| LoadError::WrongWorld(format!("{error:#}"));
        let pre = engine.linker.instantiate_pre(&component).map_err(wrong_world)?;
        let pre = GuestPre::new(pre).map_err(wrong_world)?;
        let described = tokio::time::timeout(DESCRIBE_TIMEOUT, describe(&pre, &engine.runs)).await;
        let (entries, image) = described
            .map_err(|_| LoadError::Describe(format!("it did not return within {DESCRIBE_TIMEOUT:?}")))?
            .map_err(|error| LoadError::Describe(describe_error(&error)))?;
        check_entries(&entries).map_err(LoadError::Describe)?;
        let (runs, image) = (engine.runs.clone(), Arc::new(image));
        Ok(Component { pre, name: name.into(), entries, digest: Digest::of(bytes), runs, image })
    }
}

/// What a component says about itself, and what its memories are like then.
async fn describe(pre: &GuestPre<GuestState>, runs: &Runs) -> wasmtime::Result<(Vec<Entry>, Image)> {
    let mut store = Store::new(pre.engine(), GuestState::outside_any_process());
    store.limiter(|state| &mut state.memory);
    // Whoever drives this has other things to do, too, and a timeout for it.
    let (turns, ticker) = match runs {
        Runs::InStore(instances) => {
            store.set_fuel(DESCRIBE_FUEL)?;
            store.fuel_async_yield_interval(Some(DESCRIBE_SLICE))?;
            (Some(instances.turns(Arc::default())), None)
        }
        Runs::InPool(ticker) => {
            Ticker::slice(&mut store);
            (None, Some(ticker))
        }
    };
    store.set_hostcall_fuel(MAX_DESCRIPTION_BYTES);
    let call = async {
        let guest = pre.instantiate_async(&mut store).await?;
        guest.call_describe(&mut store).await
    };
    let (described, turns) = {
        let _moves = ticker.map(|ticker| ticker.turn());
        InTurns::new(turns, call, || false).await
    };
    let image = turns.map(|mut turns| turns.image()).unwrap_or_default();
    let entries = described?.into_iter().map(|entry| Entry {
        name: entry.name,
        documentation: entry.documentation,
        acknowledges: entry.acknowledges,
    });
    Ok((entries.collect(), image))
}

/// Globals and functions of all core modules of a component, at most: each may take room in every instance.
const MAX_GLOBALS: u64 = 10_000;
const MAX_FUNCTIONS: u64 = 100_000;

/// Whether an instance would take a bounded amount of the host's memory. What can't be parsed is the compiler's to refuse.
fn check_parts(bytes: &[u8]) -> Result<(), String> {
    let (mut globals, mut functions) = (0u64, 0u64);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::GlobalSection(section)) => globals += u64::from(section.count()),
            Ok(Payload::FunctionSection(section)) => functions += u64::from(section.count()),
            Ok(Payload::ImportSection(section)) => functions += u64::from(section.count()),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    for (what, count, most) in [("globals", globals, MAX_GLOBALS), ("functions", functions, MAX_FUNCTIONS)] {
        if count > most {
            return Err(format!("its modules have {count} {what} together, and {most} are the most"));
        }
    }
    Ok(())
}

/// Names that a person can read and tell apart.
fn check_entries(entries: &[Entry]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for entry in entries {
        if check_name(&entry.name).is_err() || entry.documentation.chars().any(char::is_control) {
            return Err(format!("{:?} is no name for an entry, or its documentation is no text", entry.name));
        }
        if !seen.insert(&entry.name) {
            return Err(format!("it has the entry {:?} twice", entry.name));
        }
    }
    Ok(())
}

fn describe_error(error: &wasmtime::Error) -> String {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(wasmtime::Trap::OutOfFuel) => format!("it did not return within {DESCRIBE_FUEL} reductions"),
        _ => format!("{:#}", error.root_cause()),
    }
}

impl Component {
    /// The name that the manifest gives it.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The turns of a process to come, if its instances are in a store of ours.
    pub(super) fn turns(&self) -> Option<Turns> {
        match &self.runs {
            Runs::InStore(instances) => Some(instances.turns(self.image.clone())),
            Runs::InPool(_) => None,
        }
    }

    /// What ends the slices of its processes, if that is not their fuel.
    pub(super) fn ticker(&self) -> Option<&Ticker> {
        match &self.runs {
            Runs::InStore(_) => None,
            Runs::InPool(ticker) => Some(ticker),
        }
    }

    /// What tells this version of it from others.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The engine that it is compiled for.
    pub fn engine(&self) -> EngineKind {
        match self.runs {
            Runs::InStore(_) => EngineKind::Density,
            Runs::InPool(_) => EngineKind::Speed,
        }
    }

    /// The entries that it has.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Bytes of memory that a process of it begins with, touched or not; of several memories, those of the largest.
    pub fn initial_memory_bytes(&self) -> u64 {
        const PAGE_BYTES: u64 = 64 << 10;
        let required = self.pre.instance_pre().component().resources_required();
        required.and_then(|required| required.max_initial_memory_size).unwrap_or(0) * PAGE_BYTES
    }

    /// The interfaces that it imports, without their versions (`wasi:sockets/tcp`).
    pub fn imports(&self) -> Vec<String> {
        let component = self.pre.instance_pre().component();
        let imports = component.component_type();
        let names = imports
            .imports(component.engine())
            .map(|(name, _)| name.split('@').next().unwrap_or(name).to_owned());
        names.collect()
    }

    /// The entry of that name.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }
}
