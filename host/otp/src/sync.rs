//! What threads share: std's primitives, or those of loom, which tries every order of what they do.

#[cfg(loom)]
use loom::sync as primitives;
#[cfg(not(loom))]
use std::sync as primitives;

use primitives::MutexGuard;
pub(crate) use primitives::{Condvar, Mutex as PoisonMutex, atomic};
use std::sync::PoisonError;

#[cfg(loom)]
pub(crate) use loom::thread_local;
#[cfg(not(loom))]
pub(crate) use std::thread_local;

/// A mutex without poisoning: every poll runs under `catch_unwind`, and a panic of one process must not lock
/// the others out of shared state.
#[derive(Default)]
pub(crate) struct Mutex<T>(PoisonMutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(PoisonMutex::new(value))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
