//! A memory or a stack, as it is paged out and in.

use std::ops::Range;
use std::sync::Arc;

use crate::engine::store::packed::{Packed, Packer, Page, TooMuch, ZEROS};
use crate::engine::store::pages::{Mapping, PAGE_BYTES, Regions};
use crate::engine::store::pool::Chunk;

/// What a part may have in it, and where that is.
pub(super) struct Part {
    kind: Kind,
    /// None if it is gone.
    place: Option<Place>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Memory,
    Stack,
}

#[derive(Clone)]
pub(super) struct Place {
    chunk: Arc<Chunk<Mapping>>,
    /// In the chunk: accessible, whole pages, and of its instance alone.
    range: Range<usize>,
}

/// Pages that are not all zeros, in order, by where they begin in the part.
#[derive(Default)]
pub(super) struct Contents(Vec<(usize, Box<Page>)>);

impl Contents {
    fn page(&self, at: usize) -> &Page {
        let found = self.0.binary_search_by_key(&at, |(at, _)| *at);
        found.map_or(&ZEROS, |found| &self.0[found].1)
    }
}

impl Part {
    /// A memory, whose instance may write to `range` of the chunk.
    pub(super) fn memory((chunk, range): (Arc<Chunk<Mapping>>, Range<usize>)) -> Self {
        Self { kind: Kind::Memory, place: Some(Place { chunk, range }) }
    }

    /// A stack, likewise.
    pub(super) fn stack((chunk, range): (Arc<Chunk<Mapping>>, Range<usize>)) -> Self {
        Self { kind: Kind::Stack, place: Some(Place { chunk, range }) }
    }

    #[cfg(test)]
    pub(super) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    /// A part that is not there any more.
    pub(super) fn gone() -> Self {
        Self { kind: Kind::Memory, place: None }
    }

    /// Whether it is a stack.
    pub(super) fn is_stack(&self) -> bool {
        self.kind == Kind::Stack
    }

    /// What is in a memory; nothing if that is more than so many pages, or in a stack: no two of these are alike.
    ///
    /// # Safety
    /// Nobody writes to it meanwhile.
    pub(super) unsafe fn contents(&self, most: usize) -> Contents {
        let Some(place) = self.place.as_ref().filter(|_| self.kind == Kind::Memory) else {
            return Contents::default();
        };
        let Some(touched) = place.touched(most) else { return Contents::default() };
        // SAFETY: these pages are the part's, and nobody writes to them, says the caller.
        let pages = touched.iter().map(|offset| (place.at(*offset), unsafe { place.page(*offset) }));
        Contents(pages.filter(|(_, page)| **page != ZEROS).map(|(at, page)| (at, Box::new(*page))).collect())
    }

    /// Packs what is in it, as far as it is not in `reference`; how many pages were looked at.
    ///
    /// # Errors
    /// [`TooMuch`], also if the kernel can't say which pages take memory.
    ///
    /// # Safety
    /// Nobody writes to it meanwhile.
    pub(super) unsafe fn pack(
        &self,
        reference: Option<&Contents>,
        most: usize,
        packer: &mut Packer,
    ) -> Result<usize, TooMuch> {
        let Some(place) = &self.place else { return Ok(0) };
        let nothing = Contents::default();
        let reference = reference.unwrap_or(&nothing);
        let touched = place.touched(most).ok_or(TooMuch)?;
        for offset in &touched {
            let at = place.at(*offset);
            // SAFETY: the page is the part's, and nobody writes to it, says the caller.
            packer.add(at, unsafe { place.page(*offset) }, reference.page(at))?;
        }
        // What of the reference was never touched is zeros.
        for (at, page) in &reference.0 {
            if place.has(*at) && touched.binary_search_by_key(at, |offset| place.at(*offset)).is_err() {
                packer.add(*at, &ZEROS, page)?;
            }
        }
        Ok(touched.len())
    }

    /// Gives all its memory back to the kernel.
    ///
    /// # Safety
    /// Nobody uses it until it is filled again.
    pub(super) unsafe fn empty(&self) {
        let Some(place) = &self.place else { return };
        // SAFETY: as the caller says. If the kernel refuses, everything just stays where it is: it is filled with the same
        // bytes.
        let _emptied = unsafe { place.chunk.pages.give_back(place.range.clone()) };
    }

    /// Puts everything back.
    ///
    /// # Safety
    /// Nobody uses it meanwhile, and it is as [`empty`](Self::empty) left it.
    pub(super) unsafe fn fill(&self, reference: Option<&Contents>, packed: &Packed) {
        let Some(place) = &self.place else { return };
        for (at, page) in reference.iter().flat_map(|reference| &reference.0) {
            if place.has(*at) {
                // SAFETY: it is in the part, which nobody uses, says the caller.
                unsafe { place.write(*at, &page[..]) };
            }
        }
        // SAFETY: they were in the part when it was packed, and it has not changed since.
        packed.each_run(|at, run| unsafe { place.write(at, run) });
    }
}

impl Place {
    #[cfg(test)]
    pub(super) fn resident_pages(&self) -> usize {
        let mut regions = Regions::default();
        self.chunk.pages.touched(&self.range, &mut regions).expect("this kernel can say");
        regions.pages()
    }

    /// Offsets in the chunk of the pages that take memory; none if they are more than `most`, or the kernel can't say.
    fn touched(&self, most: usize) -> Option<Vec<usize>> {
        let mut regions = Regions::default();
        let seen = self.chunk.pages.touched(&self.range, &mut regions)?;
        let is_all = seen == self.range.end && regions.pages() <= most;
        is_all.then(|| regions.iter().flat_map(|pages| pages.step_by(PAGE_BYTES)).collect())
    }

    /// Where an offset of the chunk is in the part.
    fn at(&self, offset: usize) -> usize {
        offset - self.range.start
    }

    /// Whether the page that begins there is in the part.
    fn has(&self, at: usize) -> bool {
        at + PAGE_BYTES <= self.range.len()
    }

    /// # Safety
    /// The page at that offset is in the part, and nobody writes to it as long as this lives.
    unsafe fn page(&self, offset: usize) -> &Page {
        debug_assert!(self.range.contains(&offset) && offset.is_multiple_of(PAGE_BYTES));
        // SAFETY: it is accessible, and initialised as all memory of the kernel's is; the rest is the caller's.
        unsafe { &*self.chunk.pages.at(offset).cast::<Page>() }
    }

    /// # Safety
    /// Nobody else uses the part.
    unsafe fn write(&self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.range.len(), "{at}: it is not in the part");
        let to = self.chunk.pages.at(self.range.start + at);
        // SAFETY: all of it is in the part, which is accessible and which the bytes are no part of.
        unsafe { to.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
}
