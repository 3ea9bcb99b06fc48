//! Regrow hosts WebAssembly processes the way Erlang/OTP hosts Erlang processes.

pub mod build;
pub mod cli;
pub mod control;
pub mod engine;
pub mod manifest;
pub mod node;
pub mod observe;
