//! The contents of pages, as their differences from others, compressed.

use lz4_flex::block;

use crate::engine::store::pages::PAGE_BYTES;

/// What is compared at a time.
const WORD_BYTES: usize = 8;

/// What is in a page.
pub(super) type Page = [u8; PAGE_BYTES];

/// A page that nothing was written to.
pub(super) const ZEROS: Page = [0; PAGE_BYTES];

/// Words that differ from a reference: runs of them, each behind the words' number and how many they are, and all of that
/// compressed. A stack is mostly addresses, which are alike.
#[derive(Debug)]
pub(super) struct Packed(Box<[u8]>);

/// Packs pages, one after the other.
pub(super) struct Packer {
    runs: Vec<u8>,
    most: usize,
}

/// There are more differences than was allowed.
#[derive(Debug)]
pub(super) struct TooMuch;

/// Words that two runs have between them at least: a gap of one costs what another run costs.
const GAP: usize = 2;

fn number(number: usize) -> [u8; 4] {
    // A memory has 2^29 words at most.
    (number as u32).to_le_bytes()
}

impl Packer {
    /// A packer for so many bytes at most, before they are compressed.
    pub(super) fn new(most: usize) -> Self {
        Self { runs: Vec::new(), most }
    }

    /// Adds a page, which begins at offset `at`: what of it is not as in the reference.
    ///
    /// # Errors
    /// [`TooMuch`]
    pub(super) fn add(&mut self, at: usize, page: &Page, reference: &Page) -> Result<(), TooMuch> {
        let (words, _) = page.as_chunks::<WORD_BYTES>();
        let (as_before, _) = reference.as_chunks::<WORD_BYTES>();
        let mut from = 0;
        while let Some(start) = (from..words.len()).find(|word| words[*word] != as_before[*word]) {
            let mut end = start + 1;
            let mut word = end;
            while word < words.len() && word < end + GAP {
                if words[word] != as_before[word] {
                    end = word + 1;
                }
                word += 1;
            }
            self.runs.extend(number(at / WORD_BYTES + start));
            self.runs.extend(number(end - start));
            self.runs.extend_from_slice(&page[start * WORD_BYTES..end * WORD_BYTES]);
            from = end;
        }
        if self.runs.len() > self.most { Err(TooMuch) } else { Ok(()) }
    }

    pub(super) fn finish(self) -> Packed {
        Packed(block::compress_prepend_size(&self.runs).into())
    }
}

impl Packed {
    /// Hands out the runs: the offset at which each begins, and its bytes.
    pub(super) fn each_run(&self, mut run: impl FnMut(usize, &[u8])) {
        let all = block::decompress_size_prepended(&self.0).expect("it is what was compressed");
        let mut rest = &all[..];
        while let Some((header, behind)) = rest.split_first_chunk::<8>() {
            let [a, b, c, d, len @ ..] = *header;
            let at = u32::from_le_bytes([a, b, c, d]) as usize * WORD_BYTES;
            let (bytes, behind) = behind.split_at(u32::from_le_bytes(len) as usize * WORD_BYTES);
            run(at, bytes);
            rest = behind;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE_WORDS: usize = PAGE_BYTES / WORD_BYTES;

    fn page(words: &[(usize, u8)]) -> Page {
        let mut page = ZEROS;
        words.iter().for_each(|(at, word)| page[at % PAGE_WORDS * WORD_BYTES + 3] = *word);
        page
    }

    fn runs(packed: &Packed) -> Vec<(usize, Vec<u8>)> {
        let mut runs = Vec::new();
        packed.each_run(|at, run| runs.push((at, run.to_vec())));
        runs
    }

    #[test]
    fn equal_pages_take_nothing_and_a_gap_of_one_word_is_taken_along() {
        let packed = |words: &[(usize, u8)], reference: &[(usize, u8)]| {
            let mut packer = Packer::new(1_000);
            packer.add(PAGE_BYTES, &page(words), &page(reference)).unwrap();
            packer.finish()
        };
        assert_eq!(runs(&packed(&[(3, 1)], &[(3, 1)])), []);
        let expected = page(&[(3, 1), (5, 2), (8, 4)]);
        let of = |words: std::ops::Range<usize>| {
            let bytes = words.start * WORD_BYTES..words.end * WORD_BYTES;
            (PAGE_BYTES + bytes.start, expected[bytes].to_vec())
        };
        assert_eq!(runs(&packed(&[(3, 1), (5, 2), (8, 4)], &[])), [of(3..6), of(8..9)]);
    }

    #[test]
    fn more_than_is_allowed_is_refused() {
        let full = [1; PAGE_BYTES];
        assert!(Packer::new(PAGE_BYTES).add(0, &full, &ZEROS).is_err());
        assert!(Packer::new(PAGE_BYTES + 8).add(0, &full, &ZEROS).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            pages in prop::collection::vec(prop::collection::vec((0..PAGE_WORDS, 0..3u8), 0..200), 1..4),
            references in prop::collection::vec(prop::collection::vec((0..PAGE_WORDS, 0..3u8), 0..200), 4),
        ) {
            let pages: Vec<Page> = pages.iter().map(|words| page(words)).collect();
            let mut restored: Vec<Page> = references.iter().take(pages.len()).map(|words| page(words)).collect();
            let mut packer = Packer::new(usize::MAX);
            for (number, (page, reference)) in pages.iter().zip(&restored).enumerate() {
                packer.add(number * PAGE_BYTES, page, reference).unwrap();
            }
            packer.finish().each_run(|at, run| {
                let (page, offset) = (at / PAGE_BYTES, at % PAGE_BYTES);
                restored[page][offset..offset + run.len()].copy_from_slice(run);
            });
            prop_assert!(restored == pages);
        }
    }
}
