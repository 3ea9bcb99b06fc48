//! The composition root: from a manifest to a running tree.

mod application;
mod running;
mod tree;

pub use application::{Application, ApplicationError};
pub use running::{Node, NodeOptions, Outcome};
