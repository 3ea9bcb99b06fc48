//! Everything that knows wasmtime: configuration, compilation, the life of an instance, and one thin adapter
//! per WIT interface.

mod bindings;
mod cache;
mod catalog;
mod component;
mod config;
mod descriptors;
mod grants;
mod host;
mod instance;
mod kept;
mod memory;
mod start;
mod state;
mod stdio;
mod store;
mod ticker;
mod trap;
mod work;

pub use catalog::{Catalog, Contents, Program};
pub use component::{Component, Digest, Entry, LoadError};
pub(crate) use descriptors::raise_limit as raise_descriptor_limit;

pub use config::{Engine, EngineError, EngineKind, MAX_INSTANCES};
pub use state::GuestState;
pub use store::Paging;

pub use grants::{DirGrant, Grants, NamePattern, NetPattern};
/// For programs that add functions of their own: the same version as the engine's.
pub use wasmtime;
pub use wasmtime::component::Linker;

pub use kept::KeptSpec;

pub use start::{Argument, GuestLimits, StartGuest};
