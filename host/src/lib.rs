//! Regrow hosts WebAssembly processes the way Erlang/OTP hosts Erlang processes.

pub mod engine;
pub mod manifest;
pub mod observe;
