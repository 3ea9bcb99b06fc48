//! Where a process stands between its turns: a state machine that wakers and workers drive without a lock.

use crate::sync::atomic::{AtomicU8, Ordering};

/// Where a process stands with the scheduler.
pub(crate) struct Schedule(AtomicU8);

const IDLE: u8 = 0;
const QUEUED: u8 = 1;
const RUNNING: u8 = 2;
/// Running, and woken meanwhile.
const RUNNING_WOKEN: u8 = 3;
const ENDED: u8 = 4;

/// What a process is doing, as `process_info` says it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// It waits for a message.
    Waiting,
    /// It waits for its turn.
    Runnable,
    /// A worker is polling it.
    Running,
    /// It is on its way out.
    Exiting,
}

impl Status {
    /// Its name in OTP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Runnable => "runnable",
            Self::Running => "running",
            Self::Exiting => "exiting",
        }
    }
}

impl Schedule {
    /// A process that is being made: nobody polls it before `born`, whoever wakes it.
    pub(crate) fn unborn() -> Self {
        Self(AtomicU8::new(RUNNING))
    }

    pub(super) fn born(&self) {
        self.0.store(QUEUED, Ordering::Release);
    }

    /// True if the process must be put into a queue.
    pub(super) fn wake(&self) -> bool {
        let woken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            IDLE => Some(QUEUED),
            RUNNING => Some(RUNNING_WOKEN),
            // Written all the same: the poll to come must see what was done before this wake.
            QUEUED => Some(QUEUED),
            _ => None,
        });
        woken == Ok(IDLE)
    }

    pub(crate) fn start_poll(&self) {
        self.0.swap(RUNNING, Ordering::AcqRel);
    }

    /// True if the process was woken during its poll and must be put into a queue again.
    pub(crate) fn end_poll(&self) -> bool {
        let ended = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| match state {
            RUNNING => Some(IDLE),
            RUNNING_WOKEN => Some(QUEUED),
            _ => None,
        });
        ended == Ok(RUNNING_WOKEN)
    }

    /// Whether the process, which is being polled, was woken meanwhile.
    pub(crate) fn is_woken(&self) -> bool {
        self.0.load(Ordering::Relaxed) == RUNNING_WOKEN
    }

    pub(crate) fn end(&self) {
        self.0.store(ENDED, Ordering::Release);
    }

    pub(crate) fn status(&self) -> Status {
        match self.0.load(Ordering::Acquire) {
            IDLE => Status::Waiting,
            QUEUED => Status::Runnable,
            ENDED => Status::Exiting,
            _ => Status::Running,
        }
    }
}
