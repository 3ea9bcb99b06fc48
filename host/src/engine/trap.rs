//! From what wasmtime reports to an exit reason that a person can read.

use std::fmt;
use std::sync::Arc;

use regrow_otp::{ExitReason, LimitExceeded, LimitKind, WasmTrap};
use wasmtime::component::ResourceTableError;
use wasmtime::{Trap, WasmBacktrace};

use crate::engine::config::MAX_FAST_INSTANCES;

/// Frames of a backtrace that are kept.
const MAX_FRAMES: usize = 32;

/// Characters of a function's name that are kept.
const MAX_NAME_CHARS: usize = 256;

/// The longest message of a panic that is kept.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;

/// The guest asked to end, from inside a host call: unwinds the instance.
#[derive(Debug)]
pub(super) struct Exit(pub(super) ExitReason);

/// The guest's language panicked.
#[derive(Debug)]
pub(super) struct Panic {
    pub(super) message: String,
    pub(super) location: Option<String>,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit: {}", self.0)
    }
}

impl std::error::Error for Exit {}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panic: {}", self.message)
    }
}

impl std::error::Error for Panic {}

/// Why an instance ended with `error`. `last_error` is what it had printed to its standard error: the panic
/// message, in languages that have no better way to tell it; `handles` are those that it may have.
pub(super) fn exit_reason(error: &wasmtime::Error, last_error: String, handles: u64) -> ExitReason {
    if let Some(Exit(reason)) = error.downcast_ref() {
        return reason.clone();
    }
    if let Some(limit) = error.downcast_ref::<LimitExceeded>() {
        return ExitReason::Limit(*limit);
    }
    let backtrace = backtrace(error);
    // `std::process::exit` of the guest's language.
    if let Some(wasmtime_wasi::I32Exit(status)) = error.downcast_ref() {
        return match status {
            0 => ExitReason::Normal,
            status => ExitReason::error(format!("exit status {status}")),
        };
    }
    if matches!(error.downcast_ref(), Some(ResourceTableError::Full)) {
        return ExitReason::Limit(LimitExceeded {
            limit: LimitKind::Handles,
            allowed: handles,
            requested: handles + 1,
        });
    }
    // The engine for speed has only so many.
    if error.is::<wasmtime::PoolConcurrencyLimitError>() {
        let (limit, allowed) = (LimitKind::Processes, u64::from(MAX_FAST_INSTANCES));
        return ExitReason::Limit(LimitExceeded { limit, allowed, requested: allowed + 1 });
    }
    let trap = if let Some(Panic { message, location }) = error.downcast_ref() {
        let (message, location) = (cut(message.clone()), location.clone().map(cut));
        WasmTrap { code: "panic".to_owned(), message, location, backtrace }
    } else if let Some(trap) = error.downcast_ref::<Trap>() {
        let message = if last_error.is_empty() { trap.to_string() } else { last_error };
        WasmTrap { code: code(*trap), message, location: None, backtrace }
    } else {
        let message = cut(format!("{:#}", error.root_cause()));
        WasmTrap { code: "host".to_owned(), message, location: None, backtrace }
    };
    ExitReason::Trap(Arc::new(trap))
}

/// `MemoryOutOfBounds` as `memory-out-of-bounds`.
fn code(trap: Trap) -> String {
    let mut code = String::new();
    for c in format!("{trap:?}").chars() {
        if c.is_ascii_uppercase() && !code.is_empty() {
            code.push('-');
        }
        code.push(c.to_ascii_lowercase());
    }
    code.strip_suffix("-code-reached").map(str::to_owned).unwrap_or(code)
}

fn cut(mut text: String) -> String {
    if text.len() > MAX_MESSAGE_BYTES {
        text.truncate(text.floor_char_boundary(MAX_MESSAGE_BYTES));
        text.push('…');
    }
    text
}

/// The guest's functions on the stack when `error` came up.
pub(super) fn backtrace(error: &wasmtime::Error) -> Vec<String> {
    error.downcast_ref::<WasmBacktrace>().map(frames).unwrap_or_default()
}

/// The guest's functions, innermost first, without what lies between a panic and its report.
fn frames(backtrace: &WasmBacktrace) -> Vec<String> {
    let names = backtrace.frames().iter().map(|frame| match frame.func_name() {
        Some(name) => cut_hashes(&format!("{:#}", rustc_demangle::demangle(name))),
        None => format!("wasm function {}", frame.func_index()),
    });
    let names: Vec<String> = names.collect();
    let machinery = names.iter().rposition(|name| is_panic_machinery(name));
    let names = names.into_iter().map(|name| name.chars().take(MAX_NAME_CHARS).collect());
    names.skip(machinery.map_or(0, |index| index + 1)).take(MAX_FRAMES).collect()
}

/// `path[0123456789abcdef]::function` without the hashes that tell crates of one name apart: linkers leave them
/// when they demangle.
fn cut_hashes(name: &str) -> String {
    let mut rest = name;
    let mut cut = String::with_capacity(name.len());
    while let Some((before, after)) = rest.split_once('[') {
        cut.push_str(before);
        match after.split_once(']') {
            Some((hash, after)) if hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => {
                rest = after
            }
            _ => {
                cut.push('[');
                rest = after;
            }
        }
    }
    cut.push_str(rest);
    cut
}

/// A function of Rust's standard library that stands between a panic and its report.
fn is_panic_machinery(name: &str) -> bool {
    const MACHINERY: [&str; 5] = [
        "std::panicking::",
        "core::panicking::",
        "__rustc::rust_begin_unwind",
        "rust_panic",
        "regrow_sdk::panic::",
    ];
    MACHINERY.iter().any(|prefix| name.starts_with(prefix))
}
