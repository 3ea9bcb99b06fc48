//! Where the memories and the stack of one instance are: in their slots, or paged out.
//!
//! A process that waits touches nothing until its next turn. After a while a thread of the store's ([`pager`](super::pager))
//! takes its pages: what differs from a fresh instance of the component is kept in the host's heap, and the slots give their
//! memory back to the kernel. The next turn begins by putting everything back to where it was.
//!
//! Why that is sound: memories and stacks are touched by compiled code, by functions of the host's that it calls, and by
//! wasmtime, all of them inside a poll of the process's future or when that is dropped. Every poll is a turn, and [`Turns`]
//! is dropped before the future is. A process that waits does so inside a function of `regrow-otp`, whose future is boxed
//! and knows no address of a stack or a memory.

use std::cell::Cell;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use crate::engine::store::packed::{Packed, Packer, TooMuch};
use crate::engine::store::pager::Pager;
use crate::engine::store::pages::PAGE_BYTES;
use crate::engine::store::part::{Contents, Part};

/// The memories of a fresh instance: what pages are compared with.
#[derive(Default)]
pub(in crate::engine) struct Image(Vec<Contents>);

/// Pages of one instance that are compared, and paged out, at most: a larger process stays where it is.
const MAX_PAGES: usize = 64;

/// Bytes that are kept of one part of a process that is paged out, at most, before they are compressed: with more there would
/// be little to gain.
const MAX_PACKED: usize = MAX_PAGES / 2 * PAGE_BYTES;

/// One instance's memories and stack. Clones of its `Arc` are with them, with its process and, while it is resident, with
/// the pager.
pub(super) struct Residence {
    pager: Arc<Pager>,
    image: Arc<Image>,
    /// Held while the process has its turn, and while its pages come or go.
    turn: Mutex<Turn>,
    /// Taken after `turn`.
    parts: Mutex<Vec<Part>>,
}

struct Turn {
    /// When it had its last turn, in the pager's ticks.
    last: u32,
    stay: Stay,
    /// Whether the pager knows that it is there.
    is_queued: bool,
    /// When it was paged out last.
    left: Option<u32>,
    /// So many times as long as others it must have waited before it is paged out.
    patience: u32,
}

/// One that comes back so many ticks after it was paged out was paged out in vain.
const SOON: u32 = 8;

/// The most patient process waits so many times as long.
const MOST_PATIENT: u32 = 8;

impl Turn {
    /// It was paged out, and has a turn again: if it does that again and again, it is left alone for longer.
    fn came_back(&mut self, now: u32) {
        let soon = self.left.is_some_and(|left| now.wrapping_sub(left) < SOON);
        self.patience = if soon { (self.patience * 2).min(MOST_PATIENT) } else { 1 };
    }
}

enum Stay {
    /// In its slots, and may not be paged out.
    Busy,
    /// In its slots, and waits.
    Idle,
    /// What was in its parts, in their order.
    Out(Box<[Packed]>),
    /// Its instance has ended.
    Over,
}

/// What has become of a resident process that the pager has looked at.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Swept {
    /// It is still to be watched.
    Stays,
    /// It is not, until its next turn.
    Leaves,
}

pin_project! {
    /// Makes an instance and runs it, in turns. When one is over, `is_idle` says whether the process waits, so that nothing
    /// touches what it has until its next turn.
    pub(in crate::engine) struct InTurns<F, I> {
        // Dropped before the call is.
        pub(super) turns: Option<Turns>,
        is_idle: I,
        #[pin]
        call: F,
    }
}

impl<F, I> InTurns<F, I> {
    /// Without a residence it is just polled.
    pub(in crate::engine) fn new(turns: Option<Turns>, call: F, is_idle: I) -> Self {
        Self { turns, is_idle, call }
    }
}

impl<F: Future, I: FnMut() -> bool> Future for InTurns<F, I> {
    /// The turns come back: the instance's memories are still there.
    type Output = (F::Output, Option<Turns>);

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let polled = match this.turns {
            Some(turns) => {
                let Some(polled) = turns.turn(|| this.call.poll(task), this.is_idle) else {
                    // Woken at once, and not when that is done: who has something to do is not to be seen waiting.
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                };
                polled
            }
            None => this.call.poll(task),
        };
        polled.map(|result| (result, this.turns.take()))
    }
}

/// The turns of a process, from the making of its instance until this is dropped, which is before anything of the instance is.
pub(in crate::engine) struct Turns {
    residence: Arc<Residence>,
    /// What [`CURRENT`] is to say during a turn, or what it said before: moved, and not counted anew each time.
    other: Option<Arc<Residence>>,
}

impl Turns {
    /// Of an instance to come, which is compared with `image`.
    pub(super) fn new(pager: Arc<Pager>, image: Arc<Image>) -> Self {
        let turn = Mutex::new(Turn { last: 0, stay: Stay::Busy, is_queued: false, left: None, patience: 1 });
        let residence = Arc::new(Residence { pager, image, turn, parts: Mutex::default() });
        Self { other: Some(residence.clone()), residence }
    }

    /// One turn of the process: puts everything back to its place, and polls. None if it is being paged out just now: others
    /// have their turns first.
    fn turn<T>(&mut self, poll: impl FnOnce() -> Poll<T>, is_idle: impl FnOnce() -> bool) -> Option<Poll<T>> {
        let mut turn = try_locked(&self.residence.turn)?;
        if let Stay::Out(packed) = mem::replace(&mut turn.stay, Stay::Busy) {
            turn.came_back(self.residence.pager.now());
            // SAFETY: the turn is held, and the process is not polled yet.
            unsafe { self.residence.page_in(&packed, |_| true) };
        }
        let polled = {
            let _current = Current::enter(&mut self.other);
            poll()
        };
        if polled.is_pending() && is_idle() {
            turn.stay = Stay::Idle;
            turn.last = self.residence.pager.now();
            if !turn.is_queued {
                turn.is_queued = self.residence.pager.watch(self.residence.clone());
            }
        }
        Some(polled)
    }

    #[cfg(test)]
    pub(super) fn residence(&self) -> Arc<Residence> {
        self.residence.clone()
    }

    /// What is in the memories now, for other instances to be compared with.
    pub(in crate::engine) fn image(&mut self) -> Image {
        let turn = locked(&self.residence.turn);
        debug_assert!(matches!(turn.stay, Stay::Busy), "what is idle may be paged out");
        let parts = locked(&self.residence.parts);
        // SAFETY: nothing of the instance runs between turns, and this one is held.
        Image(parts.iter().map(|part| unsafe { part.contents(MAX_PAGES) }).collect())
    }
}

impl Drop for Turns {
    /// The stack must be there to be unwound.
    fn drop(&mut self) {
        let mut turn = locked(&self.residence.turn);
        if let Stay::Out(packed) = mem::replace(&mut turn.stay, Stay::Over) {
            // SAFETY: the turn is held, and nothing of the instance is dropped yet.
            unsafe { self.residence.page_in(&packed, Part::is_stack) };
        }
    }
}

/// For as long as it lives, [`CURRENT`] is what `other` was, and the other way round.
struct Current<'a> {
    other: &'a mut Option<Arc<Residence>>,
}

impl<'a> Current<'a> {
    fn enter(other: &'a mut Option<Arc<Residence>>) -> Self {
        *other = CURRENT.replace(other.take());
        Self { other }
    }
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        *self.other = CURRENT.replace(self.other.take());
    }
}

thread_local! {
    /// Whose memories and stacks are made now.
    static CURRENT: Cell<Option<Arc<Residence>>> = const { Cell::new(None) };
}

/// A part of an instance, for as long as it is one.
pub(super) struct InResidence {
    residence: Arc<Residence>,
    number: usize,
}

impl InResidence {
    /// A part of the instance that is being made on this thread; none if that belongs to no process.
    pub(super) fn of_current(part: Part) -> Option<Self> {
        let current = CURRENT.take();
        CURRENT.set(current.clone());
        current.map(|residence| {
            let number = {
                let mut parts = locked(&residence.parts);
                parts.push(part);
                parts.len() - 1
            };
            Self { residence, number }
        })
    }

    /// The part has another place or size.
    pub(super) fn change(&self, part: Part) {
        locked(&self.residence.parts)[self.number] = part;
    }
}

impl Drop for InResidence {
    fn drop(&mut self) {
        self.change(Part::gone());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn try_locked<T>(mutex: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    match mutex.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

impl Residence {
    #[cfg(test)]
    pub(super) fn while_paging(&self, then: impl FnOnce()) {
        let _turn = locked(&self.turn);
        then();
    }

    #[cfg(test)]
    pub(super) fn forget_the_past(&self) {
        locked(&self.turn).patience = 1;
    }

    #[cfg(test)]
    pub(super) fn places(&self) -> Vec<crate::engine::store::part::Place> {
        locked(&self.parts).iter().filter_map(Part::place).collect()
    }

    /// Pages the process out if it has had no turn for more than so many ticks.
    pub(super) fn sweep(&self, now: u32, idle_ticks: u32) -> Swept {
        // Whoever has it has a turn.
        let Some(mut turn) = try_locked(&self.turn) else { return Swept::Stays };
        match turn.stay {
            Stay::Busy => return Swept::Stays,
            Stay::Idle if now.wrapping_sub(turn.last) <= idle_ticks * turn.patience => return Swept::Stays,
            Stay::Idle => {
                // SAFETY: the turn is held, so that nothing of the instance runs.
                if let Ok(packed) = unsafe { self.page_out() } {
                    turn.stay = Stay::Out(packed);
                    turn.left = Some(now);
                    self.pager.count_out();
                }
            }
            Stay::Out(_) | Stay::Over => {}
        }
        turn.is_queued = false;
        Swept::Leaves
    }

    /// # Safety
    /// Nobody uses the parts until [`page_in`](Self::page_in) has been called with what is returned.
    unsafe fn page_out(&self) -> Result<Box<[Packed]>, TooMuch> {
        let parts = locked(&self.parts);
        let mut left = MAX_PAGES;
        let mut all = Vec::with_capacity(parts.len());
        for (number, part) in parts.iter().enumerate() {
            let mut packer = Packer::new(MAX_PACKED);
            // SAFETY: as the caller says.
            left -= unsafe { part.pack(self.image.0.get(number), left, &mut packer)? };
            all.push(packer.finish());
        }
        // SAFETY: as the caller says.
        parts.iter().for_each(|part| unsafe { part.empty() });
        Ok(all.into())
    }

    /// # Safety
    /// Nobody uses the parts meanwhile, and they are as [`page_out`](Self::page_out) left them.
    unsafe fn page_in(&self, packed: &[Packed], wanted: fn(&Part) -> bool) {
        self.pager.count_back();
        let parts = locked(&self.parts);
        for (number, (part, packed)) in parts.iter().zip(packed).enumerate() {
            if wanted(part) {
                // SAFETY: as the caller says.
                unsafe { part.fill(self.image.0.get(number), packed) };
            }
        }
    }
}
