//! An allocator that counts, for tests of what allocates nothing.
#![allow(unsafe_code, reason = "a global allocator is an unsafe trait; this one only counts and passes on")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counted. A test makes it its `#[global_allocator]`.
#[derive(Debug)]
pub struct CountingAllocator;

/// How many blocks this thread has allocated. Where the counting allocator is not the global one, it stays 0: a test
/// asserts that it does not.
pub fn allocations() -> usize {
    COUNT.with(Cell::get)
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the block came from `alloc` above, that is from the system.
        unsafe { System.dealloc(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static COUNTING: CountingAllocator = CountingAllocator;

    #[test]
    fn each_block_counts_for_the_thread_that_allocates_it() {
        let before = allocations();
        let block = std::hint::black_box(Box::new(7_u64));
        assert_eq!(allocations(), before + 1);
        drop(block);
        assert_eq!(allocations(), before + 1);
    }
}
