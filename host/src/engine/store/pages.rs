//! Pages of the kernel's: the only place that asks it for memory.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// A page of the machines that the engine compiles for.
pub(super) const PAGE_BYTES: usize = 4 << 10;

/// A range of addresses and what is behind it. Ranges are in bytes from its beginning, and whole pages.
pub(super) trait Pages: Sized + Send + Sync {
    /// A range of so many bytes, of which none can be accessed.
    fn reserve(bytes: usize) -> io::Result<Self>;

    /// Where it begins.
    fn start(&self) -> *mut u8;

    /// Lets a range be accessed for the first time; it is all zeros.
    fn commit(&self, range: Range<usize>) -> io::Result<()>;

    /// Makes a range inaccessible; what was there is gone.
    ///
    /// # Safety
    /// Nobody else uses the range.
    unsafe fn guard(&self, range: Range<usize>) -> io::Result<()>;

    /// Lets a range be accessed again that was guarded; it is all zeros.
    ///
    /// # Safety
    /// Nobody else uses the range.
    unsafe fn unguard(&self, range: Range<usize>) -> io::Result<()>;

    /// Makes a range all zeros, in which there is no guard. If no more than `keep` of its pages take memory they still do
    /// afterwards; otherwise none does. How many do.
    ///
    /// # Safety
    /// Nobody else uses the range.
    unsafe fn zero(&self, range: Range<usize>, keep: usize) -> io::Result<usize>;

    /// Copies a range, in which there is no guard, to the beginning of another one that is all zeros.
    ///
    /// # Safety
    /// Nobody else uses either, and the other one has so much room at `to`.
    unsafe fn copy(&self, range: Range<usize>, other: &Self, to: usize) -> io::Result<()>;
}

/// A mapping of the kernel's.
pub(super) struct Mapping {
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: it is a range of addresses, like a `Box<[UnsafeCell<u8>]>`; whoever accesses what is behind them answers for it.
unsafe impl Send for Mapping {}
// SAFETY: as above. Its own functions are system calls that any thread may make.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The address of an offset.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.bytes);
        self.start.as_ptr().wrapping_add(offset)
    }

    fn check(&self, range: &Range<usize>) {
        let whole = range.start.is_multiple_of(PAGE_BYTES) && range.end.is_multiple_of(PAGE_BYTES);
        assert!(whole && range.start <= range.end && range.end <= self.bytes, "{range:?}");
    }

    /// # Safety
    /// As for the advice.
    unsafe fn advise(&self, range: Range<usize>, advice: i32) -> io::Result<()> {
        self.check(&range);
        // SAFETY: the range is within this mapping; the rest is the caller's.
        outcome(unsafe { libc::madvise(self.at(range.start).cast(), range.len(), advice) })
    }

    /// # Safety
    /// Nobody accesses the range if it is not accessible afterwards.
    unsafe fn protect(&self, range: Range<usize>, protection: i32) -> io::Result<()> {
        self.check(&range);
        // SAFETY: the range is within this mapping; the rest is the caller's.
        outcome(unsafe { libc::mprotect(self.at(range.start).cast(), range.len(), protection) })
    }
}

fn outcome(result: i32) -> io::Result<()> {
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Pages for Mapping {
    fn reserve(bytes: usize) -> io::Result<Self> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a mapping at an address of the kernel's choice touches nobody's memory.
        let start = unsafe { libc::mmap(std::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let mapping = Self { start, bytes };
        // Small processes pay for what they touch, not for two megabytes.
        // SAFETY: it only says how the kernel is to find memory. Kernels without huge pages refuse it.
        let _small_anyway = unsafe { mapping.advise(0..bytes, libc::MADV_NOHUGEPAGE) };
        Ok(mapping)
    }

    fn start(&self) -> *mut u8 {
        self.start.as_ptr()
    }

    fn commit(&self, range: Range<usize>) -> io::Result<()> {
        // SAFETY: it can be accessed afterwards.
        unsafe { self.protect(range, libc::PROT_READ | libc::PROT_WRITE) }
    }

    unsafe fn guard(&self, range: Range<usize>) -> io::Result<()> {
        if guards_are_markers() {
            // SAFETY: nobody uses the range, says the caller.
            return unsafe { self.advise(range, MADV_GUARD_INSTALL) };
        }
        // SAFETY: as above, both times.
        unsafe {
            self.advise(range.clone(), libc::MADV_DONTNEED)?;
            self.protect(range, libc::PROT_NONE)
        }
    }

    unsafe fn unguard(&self, range: Range<usize>) -> io::Result<()> {
        if guards_are_markers() {
            // SAFETY: it can be accessed afterwards.
            return unsafe { self.advise(range, MADV_GUARD_REMOVE) };
        }
        self.commit(range)
    }

    unsafe fn zero(&self, range: Range<usize>, keep: usize) -> io::Result<usize> {
        let mut regions = Regions::default();
        if keep > 0 && self.touched(&range, &mut regions) == Some(range.end) && regions.pages() <= keep {
            for pages in regions.iter() {
                // SAFETY: it is within the range, which nobody uses, says the caller, and has no guard.
                unsafe { self.at(pages.start).write_bytes(0, pages.len()) };
            }
            return Ok(regions.pages());
        }
        // SAFETY: nobody uses the range, says the caller.
        unsafe { self.give_back(range)? };
        Ok(0)
    }

    unsafe fn copy(&self, range: Range<usize>, other: &Self, to: usize) -> io::Result<()> {
        other.check(&(to..to + range.len()));
        let mut regions = Regions::default();
        let mut rest = range.clone();
        while !rest.is_empty() {
            let seen = self.touched(&rest, &mut regions);
            let end = seen.unwrap_or(rest.end);
            let all = [rest.clone()];
            let of_kernel = seen.is_some().then(|| regions.iter());
            let without = seen.is_none().then_some(all);
            for pages in of_kernel.into_iter().flatten().chain(without.into_iter().flatten()) {
                let from = self.at(pages.start);
                let to = other.at(to + (pages.start - range.start));
                // SAFETY: both are within their ranges, which nobody else uses, says the caller; they are of two slots, and
                // so don't overlap.
                unsafe { from.copy_to_nonoverlapping(to, pages.len()) };
            }
            rest.start = end;
        }
        Ok(())
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: whoever used the mapping held it.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.bytes) };
    }
}

/// `MADV_GUARD_INSTALL` and `MADV_GUARD_REMOVE` (madvise(2), Linux 6.13): markers in the page table, in place of mappings.
const MADV_GUARD_INSTALL: i32 = 102;
const MADV_GUARD_REMOVE: i32 = 103;

/// Whether the kernel has markers for guards. Without them each guard is a mapping, of which it allows 65,530.
pub(super) fn guards_are_markers() -> bool {
    static ARE_MARKERS: OnceLock<bool> = OnceLock::new();
    *ARE_MARKERS.get_or_init(|| {
        let Ok(page) = Mapping::reserve(PAGE_BYTES) else { return false };
        let committed = page.commit(0..PAGE_BYTES);
        // SAFETY: nobody else knows this page.
        committed.is_ok() && unsafe { page.advise(0..PAGE_BYTES, MADV_GUARD_INSTALL) }.is_ok()
    })
}

/// Regions of pages that are found at once.
const MAX_REGIONS: usize = 64;

/// Which pages of a range the kernel has memory for.
pub(super) struct Regions {
    found: [Region; MAX_REGIONS],
    len: usize,
    /// The address that ranges are counted from.
    origin: usize,
}

impl Default for Regions {
    fn default() -> Self {
        Self { found: [Region::default(); MAX_REGIONS], len: 0, origin: 0 }
    }
}

impl Regions {
    /// Neighbouring pages: where in the mapping.
    pub(super) fn iter(&self) -> impl Iterator<Item = Range<usize>> {
        let offset = |address: u64| address as usize - self.origin;
        self.found[..self.len].iter().map(move |region| offset(region.start)..offset(region.end))
    }

    /// How many pages they are.
    pub(super) fn pages(&self) -> usize {
        self.iter().map(|region| region.len() / PAGE_BYTES).sum()
    }
}

/// `struct pm_scan_arg` and `struct page_region` of `linux/fs.h` (Linux 6.7).
#[repr(C)]
#[derive(Default)]
struct ScanArgument {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_len: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

/// `_IOWR('f', 16, struct pm_scan_arg)`
const PAGEMAP_SCAN: libc::c_ulong = 0xc060_6610;
const PAGE_IS_PRESENT: u64 = 1 << 3;
const PAGE_IS_SWAPPED: u64 = 1 << 4;

impl Mapping {
    /// Gives the memory of a range back to the kernel; it is all zeros afterwards.
    ///
    /// # Safety
    /// Nobody else uses the range.
    pub(super) unsafe fn give_back(&self, range: Range<usize>) -> io::Result<()> {
        // SAFETY: as the caller says. Private anonymous memory reads as zeros afterwards (madvise(2)).
        unsafe { self.advise(range, libc::MADV_DONTNEED) }
    }

    /// Finds pages of a range that take memory or swap space: how far it has looked, or none if the kernel can't say.
    pub(super) fn touched(&self, range: &Range<usize>, regions: &mut Regions) -> Option<usize> {
        static PAGEMAP: OnceLock<Option<File>> = OnceLock::new();
        self.check(range);
        let pagemap = PAGEMAP.get_or_init(|| File::open("/proc/self/pagemap").ok()).as_ref()?;
        let wanted = PAGE_IS_PRESENT | PAGE_IS_SWAPPED;
        let mut argument = ScanArgument {
            size: size_of::<ScanArgument>() as u64,
            start: self.at(range.start).addr() as u64,
            end: self.at(range.end).addr() as u64,
            regions: regions.found.as_mut_ptr().addr() as u64,
            regions_len: MAX_REGIONS as u64,
            category_anyof_mask: wanted,
            return_mask: wanted,
            ..ScanArgument::default()
        };
        // SAFETY: the argument is as the kernel expects it, and says how long the list is that it may write to.
        let found = unsafe { libc::ioctl(pagemap.as_raw_fd(), PAGEMAP_SCAN, &raw mut argument) };
        regions.len = usize::try_from(found).ok().filter(|found| *found <= MAX_REGIONS)?;
        regions.origin = self.start.as_ptr().addr();
        let seen = (argument.walk_end as usize).checked_sub(regions.origin)?;
        (range.start < seen && seen <= range.end).then_some(seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGES: usize = 64;

    fn mapping() -> Mapping {
        let mapping = Mapping::reserve(PAGES * PAGE_BYTES).unwrap();
        mapping.commit(0..PAGES * PAGE_BYTES).unwrap();
        mapping
    }

    fn bytes(pages: Range<usize>) -> Range<usize> {
        pages.start * PAGE_BYTES..pages.end * PAGE_BYTES
    }

    fn write(mapping: &Mapping, page: usize) {
        // SAFETY: the page is accessible, and of this test alone.
        unsafe { mapping.at(page * PAGE_BYTES + 7).write(1) };
    }

    fn is_zero(mapping: &Mapping, pages: Range<usize>) -> bool {
        // SAFETY: as above.
        bytes(pages).all(|offset| unsafe { mapping.at(offset).read() } == 0)
    }

    #[test]
    fn what_was_touched_is_zeroed_and_stays_if_it_is_little() {
        let mapping = mapping();
        [3, 4, 9, 60].into_iter().for_each(|page| write(&mapping, page));
        // SAFETY: nobody else knows the mapping.
        let kept = unsafe { mapping.zero(bytes(0..PAGES), 4) }.unwrap();
        assert!(kept == 4 || kept == 0, "{kept}: without a scan nothing is kept");
        assert!(is_zero(&mapping, 0..PAGES));
        // Reading has touched all of them.
        // SAFETY: as above.
        assert_eq!(unsafe { mapping.zero(bytes(0..PAGES), 4) }.unwrap(), 0);
        let mut regions = Regions::default();
        assert!(mapping.touched(&bytes(0..PAGES), &mut regions).is_none() || regions.pages() == 0);
    }

    #[test]
    fn many_scattered_pages_are_copied_and_those_between_stay_untouched() {
        const MANY: usize = 4 * MAX_REGIONS;
        let mapping = || {
            let mapping = Mapping::reserve(MANY * PAGE_BYTES).unwrap();
            mapping.commit(0..MANY * PAGE_BYTES).unwrap();
            mapping
        };
        let (one, other) = (mapping(), mapping());
        (0..MANY).step_by(2).for_each(|page| write(&one, page));
        // SAFETY: nobody else knows the mappings.
        unsafe { one.copy(bytes(0..MANY), &other, 0) }.unwrap();
        let mut regions = Regions::default();
        if other.touched(&bytes(0..MANY), &mut regions).is_some() {
            assert_eq!((regions.len, regions.pages()), (MAX_REGIONS, MAX_REGIONS), "one page each");
        }
        assert!((0..MANY).all(|page| is_zero(&other, page..page + 1) == (page % 2 == 1)));
    }

    #[test]
    fn a_range_is_copied_and_the_rest_is_left_alone() {
        let (one, other) = (mapping(), mapping());
        [3, 9].into_iter().for_each(|page| write(&one, page));
        // SAFETY: nobody else knows the mappings.
        unsafe { one.copy(bytes(2..10), &other, 20 * PAGE_BYTES) }.unwrap();
        assert!(is_zero(&other, 0..21) && is_zero(&other, 22..27) && is_zero(&other, 28..PAGES));
        assert!(!is_zero(&other, 21..22) && !is_zero(&other, 27..28));
    }

    #[test]
    fn a_guard_takes_what_was_there_and_no_mapping() {
        let mapping = mapping();
        write(&mapping, 5);
        let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let before = mappings();
        // SAFETY: nobody else knows the mapping.
        unsafe { mapping.guard(bytes(5..6)) }.unwrap();
        // Others may map memory meanwhile; hundreds of guards would show.
        for page in (7..PAGES).step_by(2) {
            // SAFETY: as above.
            unsafe { mapping.guard(bytes(page..page + 1)) }.unwrap();
        }
        assert!(!guards_are_markers() || mappings() < before + 20);
        // SAFETY: as above.
        unsafe { mapping.unguard(bytes(5..6)) }.unwrap();
        assert!(is_zero(&mapping, 0..7));
    }
}
