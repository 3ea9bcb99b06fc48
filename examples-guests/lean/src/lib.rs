//! A guest without the standard library: it brings its own allocator and panic handler, and imports nothing but
//! what the SDK needs.
#![no_std]

extern crate alloc;

use alloc::string::String;

use regrow_sdk::server;

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

#[server]
impl Count {
    #[init]
    fn new(start: u64) -> Self {
        Count(start)
    }

    #[call]
    fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

regrow_sdk::component! {
    /// Greets, and ends; crashes if there is nobody to greet.
    "lean" => process lean,
    /// Counts its calls.
    "count" => server Count,
}
