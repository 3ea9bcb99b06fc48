//! The contents of pages as their differences from others.

use crate::engine::store::pages::PAGE_BYTES;

/// Words of a page.
pub(super) const PAGE_WORDS: usize = PAGE_BYTES / size_of::<u64>();

/// What is in a page.
pub(super) type Page = [u64; PAGE_WORDS];

/// A page of a process that begins empty.
pub(super) const ZEROS: Page = [0; PAGE_WORDS];

/// Words that differ from a reference: runs of them, each behind a word that says where it begins and how long it is.
#[derive(Debug)]
pub(super) struct Packed(Box<[u64]>);

/// Packs pages, one after the other.
pub(super) struct Packer {
    words: Vec<u64>,
    most: usize,
}

/// The pages differ in more words than was allowed.
#[derive(Debug)]
pub(super) struct TooMuch;

/// A word that two runs have between them at least: a gap of one costs what another run costs.
const GAP: usize = 2;

fn header(start: usize, len: usize) -> u64 {
    (start as u64) << 32 | len as u64
}

impl Packer {
    /// A packer for so many words at most.
    pub(super) fn new(most: usize) -> Self {
        Self { words: Vec::new(), most }
    }

    /// Adds a page, which begins at the word of that number: what of it is not as in the reference.
    ///
    /// # Errors
    /// [`TooMuch`]
    pub(super) fn add(&mut self, at: usize, page: &Page, reference: &Page) -> Result<(), TooMuch> {
        let mut from = 0;
        while let Some(start) = (from..PAGE_WORDS).find(|word| page[*word] != reference[*word]) {
            let mut end = start + 1;
            let mut word = end;
            while word < PAGE_WORDS && word < end + GAP {
                if page[word] != reference[word] {
                    end = word + 1;
                }
                word += 1;
            }
            self.words.push(header(at + start, end - start));
            self.words.extend_from_slice(&page[start..end]);
            from = end;
        }
        if self.words.len() > self.most { Err(TooMuch) } else { Ok(()) }
    }

    pub(super) fn finish(self) -> Packed {
        Packed(self.words.into())
    }
}

impl Packed {
    /// The runs: at which word each begins, and its words.
    pub(super) fn runs(&self) -> impl Iterator<Item = (usize, &[u64])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            let (header, behind) = rest.split_first()?;
            let (run, behind) = behind.split_at((*header & u64::from(u32::MAX)) as usize);
            rest = behind;
            Some(((*header >> 32) as usize, run))
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(words: &[(usize, u64)]) -> Page {
        let mut page = ZEROS;
        words.iter().for_each(|(at, word)| page[at % PAGE_WORDS] = *word);
        page
    }

    #[test]
    fn equal_pages_take_nothing_and_a_gap_of_one_word_is_taken_along() {
        let packed = |words: &[(usize, u64)], reference: &[(usize, u64)]| {
            let mut packer = Packer::new(100);
            packer.add(PAGE_WORDS, &page(words), &page(reference)).unwrap();
            packer.finish()
        };
        assert_eq!(packed(&[(3, 1)], &[(3, 1)]).0.len(), 0);
        let runs = packed(&[(3, 1), (5, 2), (8, 4)], &[]);
        let runs: Vec<_> = runs.runs().collect();
        assert_eq!(runs, [(PAGE_WORDS + 3, &[1, 0, 2][..]), (PAGE_WORDS + 8, &[4][..])]);
    }

    #[test]
    fn more_than_is_allowed_is_refused() {
        let full = [1; PAGE_WORDS];
        assert!(Packer::new(PAGE_WORDS).add(0, &full, &ZEROS).is_err());
        assert!(Packer::new(PAGE_WORDS + 1).add(0, &full, &ZEROS).is_ok());
    }

    proptest! {
        #[test]
        fn what_was_packed_comes_back(
            pages in prop::collection::vec(prop::collection::vec((0..PAGE_WORDS, 0..3u64), 0..200), 1..4),
            references in prop::collection::vec(prop::collection::vec((0..PAGE_WORDS, 0..3u64), 0..200), 4),
        ) {
            let pages: Vec<Page> = pages.iter().map(|words| page(words)).collect();
            let mut restored: Vec<Page> = references.iter().take(pages.len()).map(|words| page(words)).collect();
            let mut packer = Packer::new(usize::MAX);
            for (number, (page, reference)) in pages.iter().zip(&restored).enumerate() {
                packer.add(number * PAGE_WORDS, page, reference).unwrap();
            }
            for (at, run) in packer.finish().runs() {
                let (page, word) = (at / PAGE_WORDS, at % PAGE_WORDS);
                restored[page][word..word + run.len()].copy_from_slice(run);
            }
            prop_assert_eq!(restored, pages);
        }
    }
}
