//! The work of host calls. Fuel counts only wasm instructions: a guest that does nothing but call the host
//! would hold its worker for many slices. So host calls are charged too, and yield when a slice is used up.

use regrow_otp::Context;

/// The price of any host call, in reductions.
const CALL: u64 = 50;

/// Bytes that are moved for so many reductions.
const BYTES: u64 = 128;
const BYTES_PRICE: u64 = 5;

/// What is left of the slice.
pub(super) struct Work {
    slice: u64,
    left: u64,
    /// Slices that were used up.
    slices: u64,
}

impl Work {
    /// Work in slices of so many reductions.
    pub(super) fn new(slice: u64) -> Self {
        Self { slice, left: slice, slices: 0 }
    }

    /// What host calls have used up, in reductions.
    pub(super) fn reductions(&self) -> u64 {
        self.slices.saturating_mul(self.slice)
    }

    /// Charges a host call that moves so many bytes; true if it is time to yield.
    fn charge(&mut self, bytes: usize) -> bool {
        let cost = CALL + (bytes as u64 / BYTES).saturating_mul(BYTES_PRICE);
        if cost < self.left {
            self.left -= cost;
            return false;
        }
        self.left = self.slice;
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
