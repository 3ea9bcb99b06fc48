//! The work of host calls. Fuel counts only wasm instructions: a guest that does nothing but call the host
//! would hold its worker for many slices. So host calls are charged too, and yield when a slice is used up.

use regrow_otp::{Context, yield_now};

/// The price of any host call, in reductions.
const CALL: u64 = 50;

/// Bytes that are moved for so many reductions.
const BYTES: u64 = 128;
const BYTES_PRICE: u64 = 5;

/// What is left of the slice.
pub(super) struct Work {
    slice: u64,
    /// Whether the time of host calls is charged anyway: they only yield, then.
    is_timed: bool,
    left: u64,
    /// Slices that were used up.
    slices: u64,
}

impl Work {
    /// Work in slices of so many reductions.
    pub(super) fn new(slice: u64, is_timed: bool) -> Self {
        Self { slice, is_timed, left: slice, slices: 0 }
    }

    /// What host calls have used up, in reductions.
    pub(super) fn reductions(&self) -> u64 {
        self.slices.saturating_mul(self.slice)
    }

    /// Charges a host call that moves so many bytes; how many slices that has used up.
    fn charge(&mut self, bytes: usize) -> u64 {
        let cost = CALL + (bytes as u64 / BYTES).saturating_mul(BYTES_PRICE);
        if cost < self.left {
            self.left -= cost;
            return 0;
        }
        let beyond = cost - self.left;
        let slices = 1 + beyond / self.slice;
        self.slices += slices;
        self.left = self.slice - beyond % self.slice;
        slices
    }

    /// Charges a host call and, if the slice is used up, lets the others run. Without a process there is nobody to charge.
    pub(super) async fn spend(&mut self, context: Option<&Context>, bytes: usize) {
        let slices = self.charge(bytes);
        if slices == 0 {
            return;
        }
        // The turn that ends here is charged as one; a process that has used too much ends at it.
        if let Some(context) = context.filter(|_| !self.is_timed) {
            let _it_ends_then = context.charge_reductions((slices - 1).saturating_mul(self.slice));
        }
        yield_now().await;
    }
}
