//! The allocator's entrance for the canonical ABI. With `std`, the standard library of the target brings it;
//! `wit-bindgen` has one only for other targets.

use alloc::alloc::{Layout, alloc, handle_alloc_error, realloc};

/// `cabi_realloc` of the canonical ABI: how the host asks for memory for what it passes in.
///
/// # Safety
/// Called only by the component's adapter code: `old` is a block of this allocator of `old_len` bytes with
/// alignment `align`, or `old_len` is 0; `align` is a power of two.
#[unsafe(no_mangle)]
unsafe extern "C" fn cabi_realloc(old: *mut u8, old_len: usize, align: usize, new_len: usize) -> *mut u8 {
    let Ok(layout) = Layout::from_size_align(if old_len == 0 { new_len } else { old_len }, align) else {
        core::arch::wasm32::unreachable()
    };
    // SAFETY: a layout of size 0 is never allocated; a block that exists is handed on with its own layout.
    let block = unsafe {
        match (old_len, new_len) {
            (0, 0) => core::ptr::without_provenance_mut(align),
            (0, _) => alloc(layout),
            _ => realloc(old, layout, new_len),
        }
    };
    if block.is_null() {
        handle_alloc_error(layout);
    }
    block
}
