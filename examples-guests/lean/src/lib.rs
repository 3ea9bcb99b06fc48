//! A guest without the standard library: it brings its own allocator and panic handler, and imports nothing but
//! what the SDK needs.
#![no_std]

extern crate alloc;

use alloc::string::String;

use regrow_sdk::ReplyTo;
use regrow_sdk::gen_server::{CallResult, GenServer, Init};

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panic(info: &core::panic::PanicInfo<'_>) -> ! {
    regrow_sdk::report_panic(info)
}

fn lean(name: String) {
    assert!(!name.is_empty(), "a lean guest panics like any other");
    log::info!("Hello, {name}, from a guest without std");
}

/// Counts its calls.
struct Count(u64);

impl GenServer for Count {
    type Argument = u64;
    type Call = ();
    type Reply = u64;
    type Cast = ();

    fn init(start: u64) -> Init<Self> {
        Init::Started(Count(start))
    }

    fn handle_call(&mut self, (): (), _: ReplyTo) -> CallResult<u64> {
        self.0 += 1;
        CallResult::Reply(self.0)
    }
}

regrow_sdk::component! {
    /// Greets, and ends; crashes if there is nobody to greet.
    "lean" => process lean,
    /// Counts its calls.
    "count" => server Count,
}
