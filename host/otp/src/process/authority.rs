//! Who may do what to whom. A pid conveys *send* and *monitor*; exit, kill and link, names and a look inside need
//! more.

use crate::pid::Pid;
use crate::process::{Context, Process, ProcessKind, SignalError};

impl Context {
    /// Whether this process may exit, kill or link `pid`: it is itself, runs the same component, or one of
    /// the two descends from the other through live processes. Host processes may do anything, and no guest
    /// may touch a supervisor.
    ///
    /// # Errors
    /// [`SignalError`]
    pub fn may_signal(&self, pid: Pid) -> Result<(), SignalError> {
        let own = self.process();
        let Some(other) = self.runtime().inner.table.get(pid) else { return Ok(()) };
        if own.identity.kind != ProcessKind::Guest || own.pid == pid {
            return Ok(());
        }
        let same_component = own.identity.component == other.identity.component;
        let related = || self.descends(&other, own.pid) || self.descends(own, pid);
        // A supervisor obeys its parent, and no other guest.
        let allowed = match other.identity.kind {
            ProcessKind::Supervisor => other.identity.parent == Some(own.pid),
            _ => same_component || related(),
        };
        if allowed { Ok(()) } else { Err(SignalError) }
    }

    /// Whether this process may look into `pid` (`process_info`): it is itself, runs the same component, or descends
    /// from it. Not upwards: a parent may be of a component that trusts its children less than they it.
    ///
    /// # Errors
    /// [`SignalError`]
    pub fn may_inspect(&self, pid: Pid) -> Result<(), SignalError> {
        let Some(other) = self.runtime().inner.table.get(pid) else { return Ok(()) };
        if self.looks_into(self.process(), &other) { Ok(()) } else { Err(SignalError) }
    }

    /// Whether this process is subject to `pid`, which lives: that one may look into it ([`Context::may_inspect`]).
    /// Nobody is subject to the dead.
    pub fn is_subject_to(&self, pid: Pid) -> bool {
        let other = self.runtime().inner.table.get(pid);
        other.is_some_and(|other| self.looks_into(&other, self.process()))
    }

    fn looks_into(&self, who: &Process, other: &Process) -> bool {
        who.identity.kind != ProcessKind::Guest
            || who.pid == other.pid
            || who.identity.component == other.identity.component
            || self.descends(other, who.pid)
    }

    /// Whether `pid` is a live supervisor.
    pub fn is_supervisor(&self, pid: Pid) -> bool {
        let process = self.runtime().inner.table.get(pid);
        process.is_some_and(|process| process.identity.kind == ProcessKind::Supervisor)
    }

    fn descends(&self, process: &Process, ancestor: Pid) -> bool {
        /// Longer lines of descent count as strangers: the walk is on the caller's time.
        const MAX_GENERATIONS: usize = 64;
        let table = &self.runtime().inner.table;
        let parent_of = |pid: &Pid| table.get(*pid).and_then(|process| process.identity.parent);
        std::iter::successors(process.identity.parent, parent_of)
            .take(MAX_GENERATIONS)
            .any(|pid| pid == ancestor)
    }
}
