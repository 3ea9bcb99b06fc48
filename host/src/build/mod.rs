//! Compiling guests: the wasm target of the Rust tool chain, and cargo.

mod cargo;
mod toolchain;

pub use cargo::{BuildError, build_guests};
pub use toolchain::{Toolchain, ToolchainError};

/// The target that guests are compiled to.
pub const TARGET: &str = "wasm32-wasip2";
