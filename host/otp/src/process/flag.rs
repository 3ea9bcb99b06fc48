//! Process flags (`process_flag/2`).

use std::sync::atomic::Ordering;

use crate::budget::{Account, Budget, BudgetUse};
use crate::exit_reason::LimitKind;
use crate::limits::{Limits, WhenFull, check};
use crate::pid::Pid;
use crate::process::{Bounds, Context, FlagError};
use crate::runtime::Runtime;

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

impl Runtime {
    /// Gives the budget that begins with a live process other limits. What is over a tighter one stays. Nothing happens if
    /// none begins with it.
    pub fn change_budget(&self, pid: Pid, budget: &Budget) {
        let Some(process) = self.inner.table.get(pid).filter(|process| process.owns_account) else { return };
        if let Some(account) = &process.account {
            account.set(budget);
        }
    }

    /// The budgets that a live process belongs to, innermost first.
    pub fn budgets(&self, pid: Pid) -> Vec<BudgetUse> {
        let process = self.inner.table.get(pid);
        let account = process.as_ref().and_then(|process| process.account.as_ref());
        account.map(|account| account.chain().map(Account::usage).collect()).unwrap_or_default()
    }

    /// Gives a live process other limits. What is over a tighter one stays; there is only no more of it. How large a
    /// message it may send does not change. A bound that the process has tightened itself stays as tight.
    pub fn change_limits(&self, pid: Pid, limits: &Limits) {
        let Some(process) = self.inner.table.get(pid) else { return };
        let old = Bounds::of(&process.limits.get());
        process.limits.set(limits);
        process.change_kept_bytes(limits.kept_bytes);
        process.state.lock().change_limits(&process.identity, limits);
        let waiters = {
            let mut inbox = process.inbox.lock();
            let (now, new) = (inbox.bounds(), Bounds::of(limits));
            let tightened = |now: u64, old: u64, new: u64| if now == old { new } else { now.min(new) };
            inbox.set_bounds(Bounds {
                messages: tightened(now.messages, old.messages, new.messages),
                bytes: tightened(now.bytes, old.bytes, new.bytes),
                when_full: if now.when_full == old.when_full { new.when_full } else { now.when_full },
            })
        };
        self.inner.wake_all(waiters);
    }

    /// Tells a live process how much memory it may use from now on.
    pub fn change_memory_limit(&self, pid: Pid, bytes: u64) {
        if let Some(process) = self.inner.table.get(pid) {
            process.meter.memory_limit_bytes.store(bytes, Ordering::Relaxed);
        }
    }
}

impl Context {
    /// Sets a flag of this process; its previous value (rule P64). Tighter bounds leave what is in the mailbox there.
    ///
    /// # Errors
    /// [`FlagError`]
    pub fn set_flag(&self, flag: Flag) -> Result<Flag, FlagError> {
        let limits = self.process().limits.get();
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
