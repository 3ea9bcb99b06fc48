//! What processes do with groups.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::group::state::{State, Watcher};
use crate::group::{
    Group, GroupError, MAX_GROUP_MONITORS, MAX_MEMBERSHIPS, MAX_MEMBERSHIPS_IN_ALL, Scope, check_memberships,
    good_group, weight,
};
use crate::limits::check;
use crate::names::check_name;
use crate::pid::{Pid, Reference};
use crate::process::Context;
use crate::received::SystemKind;
use crate::runtime::Runtime;
use crate::sync::Mutex;

impl Runtime {
    /// The members of a group, once for each time that they have joined (`pg:get_members/2`); none of one that is not there
    /// (rule PG4).
    ///
    /// # Errors
    /// [`GroupError::NoScope`], [`GroupError::BadGroup`]
    pub fn group_members(&self, scope: &str, group: &[u8]) -> Result<Vec<Pid>, GroupError> {
        let (scope, group) = (self.inner.scopes.get(scope)?, good_group(group)?);
        Ok(scope.state.lock().groups.get(&group).cloned().unwrap_or_default())
    }

    /// The groups that have members, encoded, in the order of their bytes (`pg:which_groups/1`).
    ///
    /// # Errors
    /// [`GroupError::NoScope`]
    pub fn groups(&self, scope: &str) -> Result<Vec<Vec<u8>>, GroupError> {
        let scope = self.inner.scopes.get(scope)?;
        Ok(scope.state.lock().groups.keys().map(|group| group.to_vec()).collect())
    }
}

impl Context {
    /// Starts a scope that ends with this process (`pg:start_link/1`, rule PG5).
    ///
    /// # Errors
    /// [`GroupError::ScopeTaken`], [`GroupError::BadName`], [`GroupError::Limit`]
    pub fn start_scope(&self, name: &str) -> Result<(), GroupError> {
        check_name(name).map_err(|_| GroupError::BadName)?;
        let holdings = self.process().holdings();
        holdings.keeper.charge(weight(name.as_bytes()))?;
        let scope = Arc::new(Scope {
            name: name.into(),
            owner: self.pid(),
            is_over: AtomicBool::new(false),
            state: Mutex::default(),
        });
        if let Err(error) = self.runtime().inner.scopes.insert(&scope) {
            holdings.keeper.release(weight(name.as_bytes()));
            return Err(error);
        }
        holdings.held.lock().scopes_started.push(scope);
        Ok(())
    }

    /// Has processes join a group, once each (`pg:join/3`, rule PG1): all of them, or none.
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn join_group(&self, scope: &str, group: &[u8], pids: &[Pid]) -> Result<(), GroupError> {
        let inner = &self.runtime().inner;
        let (scope, group) = (inner.scopes.get(scope)?, good_group(group)?);
        check_memberships(pids.len())?;
        let mut state = scope.state.lock();
        if state.is_over {
            return Err(GroupError::NoScope);
        }
        let mut more: HashMap<Pid, u64> = HashMap::new();
        for pid in pids {
            let member = state.joined.get(pid);
            let joined = member.and_then(|member| member.times.get(&group)).copied().unwrap_or_default();
            let more = more.entry(*pid).or_default();
            *more += 1;
            check(LimitKind::Memberships, MAX_MEMBERSHIPS as u64, joined + *more)?;
            let all = member.map_or(0, |member| member.all) + *more;
            check(LimitKind::Memberships, MAX_MEMBERSHIPS_IN_ALL, all)?;
        }
        let mut admitted = Vec::with_capacity(pids.len());
        for pid in pids {
            match scope.admit(inner, &group, *pid) {
                Ok(keeper) => admitted.push(keeper),
                Err(error) => {
                    admitted.iter().for_each(|keeper| keeper.release(weight(&group)));
                    return Err(error);
                }
            }
        }
        pids.iter().zip(admitted).for_each(|(pid, keeper)| state.add(&group, *pid, keeper));
        if !pids.is_empty() {
            state.tell(inner, &SystemKind::GroupJoin, &group, pids);
        }
        Ok(())
    }

    /// Has processes leave a group, once each (`pg:leave/3`, rule PG2); false if none of them was a member.
    ///
    /// # Errors
    /// [`GroupError::NoScope`], [`GroupError::BadGroup`]
    pub fn leave_group(&self, scope: &str, group: &[u8], pids: &[Pid]) -> Result<bool, GroupError> {
        let inner = &self.runtime().inner;
        let (scope, group) = (inner.scopes.get(scope)?, good_group(group)?);
        check_memberships(pids.len())?;
        let mut state = scope.state.lock();
        let left = state.take(&group, pids);
        if !left.is_empty() {
            state.tell(inner, &SystemKind::GroupLeave, &group, &left);
        }
        Ok(!left.is_empty())
    }

    /// Tells this process of changes of a group from now on, under the reference that comes back with the members of now
    /// (`pg:monitor/2`, rule PG7).
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn monitor_group(&self, scope: &str, group: &[u8]) -> Result<(Reference, Vec<Pid>), GroupError> {
        let (scope, group) = (self.runtime().inner.scopes.get(scope)?, good_group(group)?);
        let mut state = scope.state.lock();
        let reference = self.watch(&scope, &mut state, Some(group.clone()))?;
        Ok((reference, state.groups.get(&group).cloned().unwrap_or_default()))
    }

    /// Tells this process of changes of all groups of a scope, and says what they are now (`pg:monitor_scope/1`).
    ///
    /// # Errors
    /// [`GroupError`]
    #[expect(clippy::type_complexity, reason = "the reference, and the groups with their members")]
    pub fn monitor_scope(&self, scope: &str) -> Result<(Reference, Vec<(Vec<u8>, Vec<Pid>)>), GroupError> {
        let scope = self.runtime().inner.scopes.get(scope)?;
        let mut state = scope.state.lock();
        let reference = self.watch(&scope, &mut state, None)?;
        let groups = state.groups.iter().map(|(group, members)| (group.to_vec(), members.clone()));
        Ok((reference, groups.collect()))
    }

    fn watch(
        &self,
        scope: &Arc<Scope>,
        state: &mut State,
        group: Option<Group>,
    ) -> Result<Reference, GroupError> {
        if state.is_over {
            return Err(GroupError::NoScope);
        }
        let own = state.by_watcher.get(&self.pid()).map_or(0, BTreeSet::len);
        if own >= MAX_GROUP_MONITORS {
            let (limit, allowed) = (LimitKind::Monitors, MAX_GROUP_MONITORS as u64);
            return Err(GroupError::Limit(LimitExceeded { limit, allowed, requested: allowed + 1 }));
        }
        let holdings = self.process().holdings();
        let watcher = Watcher { pid: self.pid(), keeper: holdings.keeper.clone(), group };
        watcher.keeper.charge(watcher.weight())?;
        holdings.held.lock().note_scope(scope);
        let reference = self.new_reference();
        state.by_group.entry(watcher.group.clone()).or_default().insert(reference);
        state.by_watcher.entry(watcher.pid).or_default().insert(reference);
        state.watchers.insert(reference, watcher);
        Ok(reference)
    }

    /// Ends what [`Context::monitor_group`] or [`Context::monitor_scope`] began, what has arrived of it included; false if it
    /// was none of this process's (`pg:demonitor/2`, rule PG7).
    ///
    /// # Errors
    /// [`GroupError::NoScope`]
    pub fn demonitor_group(&self, scope: &str, monitor: Reference) -> Result<bool, GroupError> {
        let drain = || while self.take_out(monitor) {};
        let scope = self.runtime().inner.scopes.get(scope).inspect_err(|_| drain())?;
        {
            let mut state = scope.state.lock();
            if state.watchers.get(&monitor).is_none_or(|watcher| watcher.pid != self.pid()) {
                return Ok(false);
            }
            state.remove_watcher(monitor);
        }
        drain();
        Ok(true)
    }
}
