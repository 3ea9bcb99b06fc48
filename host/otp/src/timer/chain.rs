//! Doubly linked lists through the entries of a slab: who knows an entry takes it out in one step.

use slab::Slab;

const NOBODY: u32 = u32::MAX;

/// The place of an entry in one list.
#[derive(Clone, Copy)]
pub(super) struct Links {
    previous: u32,
    next: u32,
}

impl Default for Links {
    fn default() -> Self {
        Self { previous: NOBODY, next: NOBODY }
    }
}

/// A list. Its entries are the slab's; the slab's type says through which of its [`Links`] it goes.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    first: u32,
}

impl Default for Chain {
    fn default() -> Self {
        Self { first: NOBODY }
    }
}

impl Chain {
    pub(super) fn is_empty(self) -> bool {
        self.first == NOBODY
    }

    pub(super) fn first(self) -> Option<u32> {
        (self.first != NOBODY).then_some(self.first)
    }

    pub(super) fn push<T>(&mut self, slab: &mut Slab<T>, index: u32, links: fn(&mut T) -> &mut Links) {
        *links(&mut slab[index as usize]) = Links { previous: NOBODY, next: self.first };
        if self.first != NOBODY {
            links(&mut slab[self.first as usize]).previous = index;
        }
        self.first = index;
    }

    /// Takes out an entry that is in this list.
    pub(super) fn unlink<T>(&mut self, slab: &mut Slab<T>, index: u32, links: fn(&mut T) -> &mut Links) {
        let Links { previous, next } = std::mem::take(links(&mut slab[index as usize]));
        match previous {
            NOBODY => self.first = next,
            _ => links(&mut slab[previous as usize]).next = next,
        }
        if next != NOBODY {
            links(&mut slab[next as usize]).previous = previous;
        }
    }

    /// What is in the list, the newest first.
    pub(super) fn collect<T>(self, slab: &mut Slab<T>, links: fn(&mut T) -> &mut Links) -> Vec<u32> {
        let after = |index: u32| Some(index).filter(|index| *index != NOBODY);
        std::iter::successors(after(self.first), |index| after(links(&mut slab[*index as usize]).next))
            .collect()
    }
}
