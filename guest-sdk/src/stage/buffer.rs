//! Events that nobody has asked for yet.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

/// Which events stay when a buffer is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Keep {
    /// Those that came first.
    First,
    /// Those that came last.
    #[default]
    Last,
}

/// How many events a producer keeps that nobody has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferOptions {
    /// So many; none is without a limit.
    pub size: Option<usize>,
    /// Which.
    pub keep: Keep,
}

impl Default for BufferOptions {
    /// 10,000, the last ones (rule D9).
    fn default() -> Self {
        Self { size: Some(10_000), keep: Keep::Last }
    }
}

pub(super) struct Buffer<E> {
    events: VecDeque<E>,
    options: BufferOptions,
}

impl<E> Buffer<E> {
    pub(super) fn new(options: BufferOptions) -> Self {
        Self { events: VecDeque::new(), options }
    }

    pub(super) fn options(&self) -> BufferOptions {
        self.options
    }

    pub(super) fn len(&self) -> usize {
        self.events.len()
    }

    /// Keeps events; how many were lost.
    pub(super) fn put(&mut self, events: impl IntoIterator<Item = E>) -> usize {
        let size = self.options.size.unwrap_or(usize::MAX);
        let mut lost = 0;
        for event in events {
            if self.events.len() < size {
                self.events.push_back(event);
                continue;
            }
            lost += 1;
            if self.options.keep == Keep::Last && self.events.pop_front().is_some() {
                self.events.push_back(event);
            }
        }
        lost
    }

    /// The oldest ones.
    pub(super) fn take(&mut self, at_most: u64) -> Vec<E> {
        let count = usize::try_from(at_most).unwrap_or(usize::MAX).min(self.events.len());
        self.events.drain(..count).collect()
    }
}
