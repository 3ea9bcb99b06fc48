//! The composition root: from a manifest to a running tree.

mod application;
mod deployment;
mod difference;
mod folders;
mod operator;
mod rows;
mod running;
mod settings;
mod steering;
mod tree;

pub use application::{Application, ApplicationError};
pub use running::{Node, NodeOptions, Outcome};
pub use steering::Steering;
