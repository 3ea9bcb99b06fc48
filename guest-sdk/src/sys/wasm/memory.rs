//! What the target's standard library brings with `std`: the allocator's entrance for the canonical ABI, of which `wit-bindgen`
//! has one only for other targets, and a function of the C library.

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

/// What comparisons of slices call. The C library has it, which is only there with std; the copying functions are
/// instructions.
///
/// # Safety
/// `one` and `other` point to `len` bytes each.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, len: usize) -> i32 {
    for index in 0..len {
        // SAFETY: within the `len` bytes that the caller vouches for.
        let (one, other) = unsafe { (*one.add(index), *other.add(index)) };
        if one != other {
            return i32::from(one) - i32::from(other);
        }
    }
    0
}
