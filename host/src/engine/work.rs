//! The work of host calls. Fuel counts only wasm instructions: a guest that does nothing but call the host
//! would hold its worker for many slices. So host calls are charged too, and yield when a slice is used up.

use regrow_otp::Context;

/// What a process may spend on host calls before the others have a turn.
const SLICE: u64 = 4_000;

/// The price of any host call.
const CALL: u64 = 10;

/// Bytes that are moved for the price of 1.
const BYTES_PER_UNIT: u64 = 128;

/// What is left of the slice.
pub(super) struct Work {
    left: u64,
    /// Slices that were used up.
    slices: u64,
}

impl Work {
    pub(super) fn new() -> Self {
        Self { left: SLICE, slices: 0 }
    }

    /// Slices that host calls have used up.
    pub(super) fn slices(&self) -> u64 {
        self.slices
    }

    /// Charges a host call that moves so many bytes; true if it is time to yield.
    fn charge(&mut self, bytes: usize) -> bool {
        let cost = CALL + bytes as u64 / BYTES_PER_UNIT;
        if cost < self.left {
            self.left -= cost;
            return false;
        }
        self.left = SLICE;
        self.slices += 1;
        true
    }

    /// Charges a host call and, if the slice is used up, lets the others run.
    pub(super) async fn spend(&mut self, context: &Context, bytes: usize) {
        if self.charge(bytes) {
            context.yield_now().await;
        }
    }
}
