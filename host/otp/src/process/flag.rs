//! Process flags (`process_flag/2`).

use crate::exit_reason::LimitKind;
use crate::limits::{WhenFull, check};
use crate::process::{Bounds, Context, FlagError};

/// A flag of a process, with a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flag {
    /// Whether exit signals arrive as messages.
    TrapExit(bool),
    /// What becomes of messages that find no room in the mailbox.
    WhenFull(WhenFull),
    /// Messages that the mailbox holds, at most. No more than the process was given.
    MailboxMessages(u64),
    /// Bytes that the mailbox holds, at most. No more than the process was given.
    MailboxBytes(u64),
}

impl Context {
    /// Sets a flag of this process; its previous value (rule P64). Tighter bounds leave what is in the mailbox there.
    ///
    /// # Errors
    /// [`FlagError`]
    pub fn set_flag(&self, flag: Flag) -> Result<Flag, FlagError> {
        let limits = &self.process().limits;
        let given = |kind, allowed, wanted| check(kind, allowed, wanted).map_err(FlagError);
        match flag {
            Flag::TrapExit(trap_exit) => Ok(Flag::TrapExit(self.set_trap_exit(trap_exit))),
            Flag::WhenFull(when_full) => {
                let previous = self.change_bounds(|bounds| Bounds { when_full, ..bounds });
                Ok(Flag::WhenFull(previous.when_full))
            }
            Flag::MailboxMessages(messages) => {
                given(LimitKind::MailboxMessages, limits.mailbox_messages, messages)?;
                let previous = self.change_bounds(|bounds| Bounds { messages, ..bounds });
                Ok(Flag::MailboxMessages(previous.messages))
            }
            Flag::MailboxBytes(bytes) => {
                given(LimitKind::MailboxBytes, limits.mailbox_bytes, bytes)?;
                let previous = self.change_bounds(|bounds| Bounds { bytes, ..bounds });
                Ok(Flag::MailboxBytes(previous.bytes))
            }
        }
    }

    /// Chooses whether exit signals become messages (`process_flag(trap_exit, _)`); the previous choice.
    pub fn set_trap_exit(&self, trap_exit: bool) -> bool {
        self.settle();
        std::mem::replace(&mut self.process().state.lock().trap_exit, trap_exit)
    }

    fn change_bounds(&self, change: impl FnOnce(Bounds) -> Bounds) -> Bounds {
        let (previous, waiters) = {
            let mut inbox = self.process().inbox.lock();
            let previous = inbox.bounds();
            (previous, inbox.set_bounds(change(previous)))
        };
        self.runtime().inner.wake_all(waiters);
        previous
    }
}
