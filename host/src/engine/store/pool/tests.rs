//! The pool over a model of the kernel, which knows what is where and sometimes refuses.

use std::collections::HashMap;

use regrow_otp::{RandomSource, SplitMix64};

use super::*;

/// Pages as they would be: what is not in the map is inaccessible.
#[derive(Default)]
struct Model {
    pages: Mutex<HashMap<usize, Page>>,
    random: Mutex<Option<SplitMix64>>,
}

#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Page {
    is_guard: bool,
    content: u64,
}

impl Model {
    fn refuses(&self) -> io::Result<()> {
        let mut random = self.random.lock().unwrap();
        match random.as_mut().map(|random| random.next_u64() % 10) {
            Some(0) => Err(io::ErrorKind::OutOfMemory.into()),
            _ => Ok(()),
        }
    }

    fn set(&self, range: Range<usize>, page: Page) {
        let mut pages = self.pages.lock().unwrap();
        (range.start / PAGE_BYTES..range.end / PAGE_BYTES).for_each(|number| {
            pages.insert(number, page);
        });
    }

    fn page(&self, offset: usize) -> Option<Page> {
        self.pages.lock().unwrap().get(&(offset / PAGE_BYTES)).copied()
    }

    fn access(&self, offset: usize) -> u64 {
        let page = self.page(offset).expect("it can be accessed");
        assert!(!page.is_guard, "an access to a guard at {offset:#x}");
        page.content
    }
}

impl Pages for Model {
    fn reserve(_: usize) -> io::Result<Self> {
        Ok(Self::default())
    }

    fn start(&self) -> *mut u8 {
        std::ptr::null_mut()
    }

    fn commit(&self, range: Range<usize>) -> io::Result<()> {
        self.set(range, Page::default());
        Ok(())
    }

    unsafe fn guard(&self, range: Range<usize>) -> io::Result<()> {
        self.refuses()?;
        self.set(range, Page { is_guard: true, content: 0 });
        Ok(())
    }

    unsafe fn unguard(&self, range: Range<usize>) -> io::Result<()> {
        self.refuses()?;
        self.set(range, Page::default());
        Ok(())
    }

    unsafe fn zero(&self, range: Range<usize>, keep: usize) -> io::Result<usize> {
        self.refuses()?;
        let touched = range.clone().step_by(PAGE_BYTES).filter(|offset| self.access(*offset) != 0).count();
        self.set(range, Page::default());
        Ok(if touched <= keep { touched } else { 0 })
    }

    unsafe fn copy(&self, range: Range<usize>, other: &Self, to: usize) -> io::Result<()> {
        for offset in range.clone().step_by(PAGE_BYTES) {
            let at = to + offset - range.start;
            assert_eq!(other.access(at), 0, "the other one is all zeros");
            let content = self.access(offset);
            other.set(at..at + PAGE_BYTES, Page { is_guard: false, content });
        }
        Ok(())
    }
}

const SLOT_PAGES: usize = 16;

fn pool() -> Arc<Pool<Model>> {
    Arc::new(Pool::new(SLOT_PAGES * PAGE_BYTES, PAGE_BYTES, Arc::default()))
}

/// A slot as its owner sees it: every page that he may use is there, all zeros but for what he wrote, and his guard behind
/// it.
struct Owned {
    slot: Slot<Model>,
    written: HashMap<usize, u64>,
}

impl Owned {
    fn take(pool: &Arc<Pool<Model>>, pages: usize) -> io::Result<Self> {
        let bytes = pages * PAGE_BYTES;
        Ok(Self { slot: pool.take(bytes, 0..bytes)?, written: HashMap::new() })
    }

    fn model(&self) -> &Model {
        &self.slot.place().chunk.pages
    }

    fn at(&self, page: usize) -> usize {
        self.slot.place().offset + page * PAGE_BYTES
    }

    fn pages(&self) -> usize {
        self.slot.used.end / PAGE_BYTES
    }

    fn write(&mut self, page: usize, content: u64) {
        let at = self.at(page);
        self.model().access(at);
        self.model().set(at..at + PAGE_BYTES, Page { is_guard: false, content });
        self.written.insert(page, content);
    }

    fn check(&self) {
        for page in 0..self.pages() {
            let expected = self.written.get(&page).copied().unwrap_or(0);
            assert_eq!(self.model().access(self.at(page)), expected, "page {page}");
        }
        assert!(self.model().page(self.at(self.pages())).unwrap().is_guard);
    }
}

/// Random programs of takes, writes, growth, moves and drops.
fn plays(seed: u64, refusals: bool) {
    let mut random = SplitMix64::new(seed);
    let mut next = |below: usize| random.next_u64() as usize % below;
    let pool = pool();
    let mut owned: Vec<Owned> = Vec::new();
    let mut lost = 0;
    for step in 0..400u64 {
        let which = next(owned.len().max(1));
        match (next(6), owned.get_mut(which)) {
            (0 | 1, _) => match Owned::take(&pool, next(SLOT_PAGES)) {
                Ok(new) => {
                    if refusals {
                        let mut random = new.model().random.lock().unwrap();
                        random.get_or_insert_with(|| SplitMix64::new(seed));
                    }
                    owned.push(new);
                }
                Err(_) => lost += 1,
            },
            (2, Some(slot)) if slot.pages() > 0 => slot.write(next(slot.pages()), step + 1),
            (3, Some(slot)) => {
                let pages = slot.pages() + next(SLOT_PAGES - slot.pages());
                let bytes = pages * PAGE_BYTES;
                let (before, grown) = (slot.pages(), slot.slot.grow(bytes, 0..bytes));
                assert_eq!(slot.pages(), if grown.is_ok() { pages } else { before });
            }
            (4, Some(slot)) => {
                if let Ok(mut moved) = Owned::take(&pool, SLOT_PAGES - 1) {
                    moved.slot.copy_from(&slot.slot).unwrap();
                    moved.written = std::mem::take(&mut slot.written);
                    *slot = moved;
                }
            }
            (5, Some(_)) => drop(owned.swap_remove(which)),
            _ => {}
        }
        owned.iter().for_each(Owned::check);
        let mut places: Vec<_> = owned.iter().map(|slot| slot.at(0)).collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), owned.len(), "no two have the same place");
    }
    drop(owned);
    let state = pool.state();
    let kept: usize = state.warm.iter().map(|free| free.kept).sum();
    assert_eq!(pool.warm.0.load(Ordering::Relaxed), kept);
    assert!(
        refusals || (lost == 0 && state.warm.len() + state.cold.len() == state.fresh / pool.slot_bytes),
        "none is lost"
    );
}

#[test]
fn whoever_takes_a_slot_finds_zeros_and_a_guard_and_keeps_what_he_writes() {
    (0..40).for_each(|seed| plays(seed, false));
}

#[test]
fn what_the_kernel_refuses_costs_a_slot_and_nobodys_bytes() {
    (0..40).for_each(|seed| plays(seed, true));
}

#[test]
fn free_slots_keep_so_many_pages_and_no_more() {
    let pool = pool();
    let slots: Vec<_> = (0..MAX_WARM)
        .map(|_| {
            let mut slot = Owned::take(&pool, 4).unwrap();
            (0..4).for_each(|page| slot.write(page, 1));
            slot
        })
        .collect();
    drop(slots);
    let warm = || pool.warm.0.load(Ordering::Relaxed);
    assert!((MAX_WARM - MAX_KEPT..=MAX_WARM).contains(&warm()), "{}", warm());
    // Whoever comes next gets what was given back last, which is warm, however many there are.
    let before = warm();
    let next = Owned::take(&pool, 4).unwrap();
    assert_eq!(warm(), before - 4);
    drop(next);
}
