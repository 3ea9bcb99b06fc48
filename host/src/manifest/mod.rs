//! The manifest (`regrow.toml`): from text to a typed description of an application. Everything that can be
//! wrong with the text alone is found here, all at once, with line and column.

mod application;
mod child;
mod component;
mod diagnostic;
mod reader;
mod service;
mod supervisor;

pub use application::{Manifest, ManifestError};
pub use child::{Child, ChildStart};
pub use component::{Component, Dir, Grants, Limits};
pub use diagnostic::{Diagnostic, Located, Source, Span};
pub use service::{Service, ServiceKind};
pub use supervisor::{Supervisor, SupervisorKind};
