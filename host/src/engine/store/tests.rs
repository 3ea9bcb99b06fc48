//! Instances that are paged out between any two turns, over real memory: what they wrote is there when they go on.

use std::pin::{Pin, pin};
use std::sync::Mutex;
use std::task::{self, Poll, Waker};

use regrow_otp::{RandomSource, SplitMix64};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType, StackCreator, StackMemory};

use super::pages::PAGE_BYTES;
use super::residence::Swept;
use super::*;

const STACK_BYTES: usize = 64 << 10;
const WASM_PAGE: usize = 64 << 10;

/// One whose pager never has to do anything: the tests sweep by hand.
fn store() -> InstanceStore {
    InstanceStore::new(STACK_BYTES, Duration::from_secs(1_000_000))
}

/// What stands for an instance: two memories and a stack, and what they should contain.
struct Instance {
    memories: Vec<Box<dyn LinearMemory>>,
    stack: Box<dyn StackMemory>,
    expected: Vec<Vec<u8>>,
    expected_stack: Vec<u8>,
}

impl Instance {
    fn new(store: &InstanceStore, fresh: u8) -> Self {
        let memory = |pages: usize| {
            let memory =
                store.new_memory(MemoryType::new(1, None), pages * WASM_PAGE, None, None, PAGE_BYTES);
            memory.unwrap()
        };
        let mut instance = Self {
            memories: vec![memory(2), memory(1)],
            stack: store.new_stack(STACK_BYTES, false).unwrap(),
            expected: vec![vec![0; 2 * WASM_PAGE], vec![0; WASM_PAGE]],
            expected_stack: vec![0; STACK_BYTES],
        };
        // As a data segment would.
        (0..3 * PAGE_BYTES).for_each(|at| instance.write(0, at, fresh));
        instance
    }

    fn write(&mut self, memory: usize, at: usize, byte: u8) {
        self.expected[memory][at] = byte;
        // SAFETY: it is within the memory, which nobody else uses during a turn.
        unsafe { self.memories[memory].as_ptr().add(at).write(byte) };
    }

    fn write_stack(&mut self, at: usize, byte: u8) {
        self.expected_stack[at] = byte;
        let start = self.stack.top().wrapping_sub(STACK_BYTES);
        // SAFETY: it is within the stack, which nobody else uses during a turn.
        unsafe { start.add(at).write(byte) };
    }

    fn grow(&mut self, memory: usize, pages: usize) {
        let size = self.memories[memory].byte_size() + pages * WASM_PAGE;
        self.memories[memory].grow_to(size).unwrap();
        self.expected[memory].resize(size, 0);
    }

    /// Looks at what has been written: to look at a page that takes no memory gives it some, and who has much is not paged
    /// out.
    fn check(&self) {
        for (memory, expected) in self.memories.iter().zip(&self.expected) {
            check_written(memory.as_ptr(), expected);
        }
        check_written(self.stack.top().wrapping_sub(STACK_BYTES), &self.expected_stack);
    }

    fn check_all(&self) {
        for (memory, expected) in self.memories.iter().zip(&self.expected) {
            // SAFETY: so many bytes are accessible, and nobody writes to them meanwhile.
            let contents = unsafe { std::slice::from_raw_parts(memory.as_ptr(), memory.byte_size()) };
            assert!(contents == &expected[..]);
        }
        let start = self.stack.top().wrapping_sub(STACK_BYTES);
        // SAFETY: as above.
        assert!(unsafe { std::slice::from_raw_parts(start, STACK_BYTES) } == &self.expected_stack[..]);
    }
}

fn check_written(start: *const u8, expected: &[u8]) {
    for (page, expected) in expected.chunks(PAGE_BYTES).enumerate() {
        if expected.iter().any(|byte| *byte != 0) {
            let start = start.wrapping_add(page * PAGE_BYTES);
            // SAFETY: so many bytes are accessible, and nobody writes to them meanwhile.
            assert!(unsafe { std::slice::from_raw_parts(start, expected.len()) } == expected);
        }
    }
}

impl Drop for Instance {
    /// A fiber's stack is unwound when it is dropped.
    fn drop(&mut self) {
        let start = self.stack.top().wrapping_sub(STACK_BYTES);
        // SAFETY: as above.
        assert!(unsafe { std::slice::from_raw_parts(start, STACK_BYTES) } == &self.expected_stack[..]);
    }
}

type Step = Box<dyn FnOnce(&mut Instance)>;

/// A process that does what it is told, one thing a turn, and waits.
struct Told<'a> {
    store: &'a InstanceStore,
    instance: Option<Instance>,
    next: &'a Mutex<Option<Step>>,
}

impl Future for Told<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<()> {
        let store = self.store;
        let Some(step) = self.next.lock().unwrap().take() else { return Poll::Ready(()) };
        let instance = self.instance.get_or_insert_with(|| Instance::new(store, 7));
        instance.check();
        step(instance);
        Poll::Pending
    }
}

fn told<'a>(store: &'a InstanceStore, next: &'a Mutex<Option<Step>>) -> Told<'a> {
    Told { store, instance: None, next }
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut task::Context::from_waker(Waker::noop()))
}

/// What a fresh instance has in its memories.
fn image(store: &InstanceStore) -> Arc<Image> {
    let next = Mutex::new(Some(Box::new(|_: &mut Instance| {}) as Step));
    let mut run = pin!(InTurns::new(Some(store.turns(Arc::default())), told(store, &next), || false));
    assert!(poll(run.as_mut()).is_pending());
    Arc::new(run.project().turns.as_mut().unwrap().image())
}

/// Pages of an instance that take memory.
fn resident_pages(residence: &residence::Residence) -> usize {
    residence.places().iter().map(part::Place::resident_pages).sum()
}

#[test]
fn random_programs_find_everything_where_they_left_it() {
    let (mut sweeps, mut out) = (0, 0);
    for seed in 0..60 {
        let mut random = SplitMix64::new(seed);
        let store = store();
        let image = if seed % 2 == 0 { image(&store) } else { Arc::default() };
        let next = Mutex::new(None);
        let turns = store.turns(image);
        let residence = turns.residence();
        let mut run = pin!(InTurns::new(Some(turns), told(&store, &next), || true));
        for _ in 0..60 {
            let mut below = |most: usize| random.next_u64() as usize % most;
            let (kind, which, at, byte, len) = (below(8), below(2), below(WASM_PAGE), below(4), below(3_000));
            let step: Step = Box::new(move |instance| match kind {
                0 => instance.grow(which, 1 + byte),
                1 | 2 => {
                    (at..(at + len).min(STACK_BYTES)).for_each(|at| instance.write_stack(at, byte as u8))
                }
                3 | 4 => (at..(at + len).min(WASM_PAGE)).for_each(|at| instance.write(which, at, byte as u8)),
                5 => instance.write(which, instance.expected[which].len() - 1, 1),
                _ => {}
            });
            *next.lock().unwrap() = Some(step);
            assert!(poll(run.as_mut()).is_pending());
            if below(3) > 0 {
                // Those that come back soon are left alone for a while: not these.
                residence.forget_the_past();
                assert_eq!(residence.sweep(10, 2), Swept::Leaves);
                sweeps += 1;
            }
        }
        *next.lock().unwrap() = Some(Box::new(|instance: &mut Instance| instance.check_all()));
        assert!(poll(run.as_mut()).is_pending());
        out += store.paging().out;
    }
    // Some have grown, and have written too much for that.
    assert!(out > sweeps / 2, "{out} of {sweeps}");
}

#[test]
fn what_is_paged_out_takes_no_pages_and_what_had_a_turn_is_not() {
    let store = store();
    let next = Mutex::new(None);
    let turns = store.turns(image(&store));
    let residence = turns.residence();
    let mut run = pin!(InTurns::new(Some(turns), told(&store, &next), || true));
    *next.lock().unwrap() = Some(Box::new(|instance: &mut Instance| instance.write_stack(100, 1)));
    assert!(poll(run.as_mut()).is_pending());
    assert_eq!(residence.sweep(2, 2), Swept::Stays, "not idle for long enough");
    assert!(resident_pages(&residence) >= 4);
    assert_eq!(residence.sweep(3, 2), Swept::Leaves);
    assert_eq!(resident_pages(&residence), 0);
    assert_eq!(store.paging(), Paging { out: 1, back: 0 });
    *next.lock().unwrap() = Some(Box::new(|_: &mut Instance| {}));
    assert!(poll(run.as_mut()).is_pending());
    assert!(resident_pages(&residence) >= 4);
    assert_eq!(store.paging(), Paging { out: 1, back: 1 });
}

#[test]
fn one_that_is_large_or_busy_stays_where_it_is() {
    let store = store();
    for is_idle in [true, false] {
        let next = Mutex::new(None);
        let turns = store.turns(Arc::default());
        let residence = turns.residence();
        let mut run = pin!(InTurns::new(Some(turns), told(&store, &next), move || is_idle));
        *next.lock().unwrap() = Some(Box::new(|instance: &mut Instance| {
            instance.grow(0, 5);
            (0..5 * WASM_PAGE).step_by(PAGE_BYTES).for_each(|at| instance.write(0, at, 1));
        }));
        assert!(poll(run.as_mut()).is_pending());
        assert_eq!(residence.sweep(10, 2), if is_idle { Swept::Leaves } else { Swept::Stays });
        assert!(resident_pages(&residence) >= 64);
    }
    assert_eq!(store.paging().out, 0);
}

#[test]
fn whoever_is_being_paged_out_gets_his_turn_later() {
    let store = store();
    let next = Mutex::new(Some(Box::new(|_: &mut Instance| {}) as Step));
    let turns = store.turns(Arc::default());
    let residence = turns.residence();
    let mut run = pin!(InTurns::new(Some(turns), told(&store, &next), || true));
    assert!(poll(run.as_mut()).is_pending());
    *next.lock().unwrap() = Some(Box::new(|instance: &mut Instance| instance.write_stack(1, 1)));
    residence.while_paging(|| assert!(poll(run.as_mut()).is_pending()));
    assert!(next.lock().unwrap().is_some(), "it had no turn");
    assert!(poll(run.as_mut()).is_pending());
    assert!(next.lock().unwrap().is_none());
}

#[test]
fn one_that_has_panicked_is_not_watched_for_ever() {
    let store = store();
    let panics: Step = Box::new(|instance| assert!(instance.memories.is_empty(), "in its turn"));
    let next = Mutex::new(Some(panics));
    let turns = store.turns(Arc::default());
    let residence = turns.residence();
    {
        let mut run = Box::pin(InTurns::new(Some(turns), told(&store, &next), || true));
        let polled = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| poll(run.as_mut())));
        assert!(polled.is_err());
    }
    assert_eq!(residence.sweep(10, 2), Swept::Leaves);
}

#[test]
fn an_instance_that_has_ended_is_left_alone() {
    let store = store();
    let next = Mutex::new(Some(Box::new(|instance: &mut Instance| instance.write_stack(9, 9)) as Step));
    let turns = store.turns(Arc::default());
    let residence = turns.residence();
    {
        let mut run = Box::pin(InTurns::new(Some(turns), told(&store, &next), || true));
        assert!(poll(run.as_mut()).is_pending());
        assert_eq!(residence.sweep(10, 2), Swept::Leaves);
        // It looks at its stack while it is dropped.
    }
    assert_eq!(residence.sweep(20, 2), Swept::Leaves);
    assert_eq!(store.paging(), Paging { out: 1, back: 1 });
}
