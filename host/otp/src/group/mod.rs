//! Process groups (`pg`): who belongs together, under which name, in which scope.
//!
//! A scope belongs to the process that started it, and ends with it. A group is there while it has members; a process is a
//! member as often as it has joined (rules PG1 to PG8).

mod client;
mod error;
mod keep;
mod state;

pub use self::error::GroupError;
pub use self::keep::StartScope;
use self::state::{Member, State};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use regrow_term::{Term, canonical, encode};

use crate::exit_reason::LimitKind;
use crate::holdings::Keeper;
use crate::limits::check;
use crate::pid::Pid;
use crate::received::{SystemKind, SystemMessage};
use crate::runtime::Inner;
use crate::signal::Signal;
use crate::sync::Mutex;

/// The longest name of a group, in bytes: any term.
pub const MAX_GROUP_BYTES: usize = 4 << 10;

/// Processes that join or leave at once, at most, and how often one may have joined a group.
pub const MAX_MEMBERSHIPS: usize = 1_000;

/// How often a process may have joined groups of a scope, all together: its end takes all of that along at once.
pub const MAX_MEMBERSHIPS_IN_ALL: u64 = 10_000;

/// Monitors of groups that a process may have in a scope: each of them is told of everything.
pub const MAX_GROUP_MONITORS: usize = 100;

/// What a membership, a monitor or a scope takes beside its name.
const OVERHEAD: u64 = 128;

type Group = Arc<[u8]>;

/// The scopes of a runtime, by their names.
#[derive(Default)]
pub(crate) struct Scopes(RwLock<HashMap<Arc<str>, Arc<Scope>>>);

pub(crate) struct Scope {
    name: Arc<str>,
    owner: Pid,
    /// Read without the lock.
    is_over: AtomicBool,
    state: Mutex<State>,
}

fn good_group(group: &[u8]) -> Result<Group, GroupError> {
    if group.len() > MAX_GROUP_BYTES {
        return Err(GroupError::BadGroup(format!("it has {} bytes", group.len())));
    }
    canonical(group).map(Arc::from).map_err(|error| GroupError::BadGroup(error.to_string()))
}

fn check_memberships(memberships: usize) -> Result<(), GroupError> {
    let (limit, allowed, requested) = (LimitKind::Memberships, MAX_MEMBERSHIPS as u64, memberships as u64);
    Ok(check(limit, allowed, requested)?)
}

fn weight(group: &[u8]) -> u64 {
    group.len() as u64 + OVERHEAD
}

impl Scopes {
    fn get(&self, name: &str) -> Result<Arc<Scope>, GroupError> {
        let scopes = self.0.read().unwrap_or_else(PoisonError::into_inner);
        scopes.get(name).cloned().ok_or(GroupError::NoScope)
    }

    fn insert(&self, scope: &Arc<Scope>) -> Result<(), GroupError> {
        let mut scopes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = scopes.get(&scope.name) {
            return Err(GroupError::ScopeTaken(other.owner));
        }
        scopes.insert(scope.name.clone(), scope.clone());
        Ok(())
    }

    fn remove(&self, name: &str) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(name);
    }
}

impl Scope {
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    /// Charges a process for a membership, if it lives.
    fn admit(self: &Arc<Self>, inner: &Inner, group: &Group, pid: Pid) -> Result<Arc<Keeper>, GroupError> {
        let process = inner.table.get(pid).ok_or(GroupError::NoProc(pid))?;
        let keeper = process.holdings().keeper.clone();
        keeper.charge(weight(group))?;
        if process.hold(|held| held.note_scope(self)).is_none() {
            keeper.release(weight(group));
            return Err(GroupError::NoProc(pid));
        }
        Ok(keeper)
    }

    /// It is no more: nobody is a member of anything any more (rule PG5).
    fn end(&self, inner: &Inner) {
        self.is_over.store(true, Ordering::Release);
        let state = std::mem::replace(&mut *self.state.lock(), State { is_over: true, ..State::default() });
        for member in state.joined.values() {
            member.times.iter().for_each(|(group, times)| member.keeper.release(times * weight(group)));
        }
        for (reference, watcher) in &state.watchers {
            watcher.keeper.release(watcher.weight());
            let payload = Bytes::from(encode(&Term::from(&*self.name)).unwrap_or_default());
            let system = SystemMessage {
                kind: SystemKind::ScopeDown,
                reference: *reference,
                from: self.owner,
                payload,
            };
            inner.send(watcher.pid, Signal::System(system));
        }
    }

    /// A process has ended: it is no member any more (rule PG3), and wants to know nothing (rule PG8).
    fn forget(&self, inner: &Inner, pid: Pid) {
        let mut state = self.state.lock();
        let own = state.by_watcher.get(&pid).cloned().unwrap_or_default();
        own.into_iter().for_each(|reference| state.remove_watcher(reference));
        let Some(Member { keeper, times: groups, .. }) = state.joined.remove(&pid) else { return };
        for (group, times) in groups {
            if let Some(members) = state.groups.get_mut(&group) {
                members.retain(|member| *member != pid);
                if members.is_empty() {
                    state.groups.remove(&group);
                }
            }
            keeper.release(times * weight(&group));
            // As OTP does: once for each membership.
            for _ in 0..times {
                state.tell(inner, &SystemKind::GroupLeave, &group, &[pid]);
            }
        }
    }
}

impl Inner {
    /// A process has ended: so have the scopes that it started, and all that it had in others.
    pub(crate) fn leave_all_groups(
        &self,
        pid: Pid,
        started: &[Arc<Scope>],
        keeper: &Keeper,
        scopes: &[Arc<Scope>],
    ) {
        for scope in started {
            self.scopes.remove(&scope.name);
            scope.end(self);
            keeper.release(weight(scope.name.as_bytes()));
        }
        scopes.iter().for_each(|scope| scope.forget(self, pid));
    }
}
