//! Process groups (`pg`): who belongs together, under which name, in which scope.
//!
//! A scope belongs to the process that started it, and ends with it. A group is there while it has members; a process is a
//! member as often as it has joined (rules PG1 to PG8).

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use regrow_term::{Term, canonical, encode};

use crate::budget::Budget;
use crate::exit_reason::{LimitExceeded, LimitKind};
use crate::holdings::Keeper;
use crate::keeper::{apply_to_keeper, keeper_options, start_keeper};
use crate::limits::{Limits, check};
use crate::names::{MAX_NAME_BYTES, check_name};
use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError, SpawnOptions};
use crate::received::{SystemKind, SystemMessage};
use crate::runtime::{Inner, Runtime};
use crate::signal::Signal;
use crate::supervisor::{StartChild, Started};
use crate::sync::Mutex;

/// The longest name of a group, in bytes: any term.
pub const MAX_GROUP_BYTES: usize = 4 << 10;

/// Processes that join or leave at once, at most, and how often one may have joined a group.
pub const MAX_MEMBERSHIPS: usize = 1_000;

/// Monitors of groups that a process may have in a scope: each of them is told of everything.
pub const MAX_GROUP_MONITORS: usize = 100;

/// What a membership, a monitor or a scope takes beside its name.
const OVERHEAD: u64 = 128;

/// Why something was not done to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// There is no such scope (`noproc`, rule PG6).
    NoScope,
    /// The scope has been started, by this process.
    ScopeTaken(Pid),
    /// The name of the scope is empty, longer than [`MAX_NAME_BYTES`], or has control characters.
    BadName,
    /// The name of the group is no term, or longer than [`MAX_GROUP_BYTES`].
    BadGroup(String),
    /// One of the processes has ended.
    NoProc(Pid),
    /// A process has no room for more (`kept_bytes`).
    Limit(LimitExceeded),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScope => f.write_str("there is no such scope"),
            Self::ScopeTaken(owner) => write!(f, "the scope belongs to {owner}"),
            Self::BadName => {
                write!(f, "the name of a scope has 1 to {MAX_NAME_BYTES} bytes without control characters")
            }
            Self::BadGroup(why) => write!(f, "this is no name for a group: {why}"),
            Self::NoProc(pid) => write!(f, "{pid} has ended"),
            Self::Limit(limit) => write!(f, "{limit}"),
        }
    }
}

impl std::error::Error for GroupError {}

impl From<LimitExceeded> for GroupError {
    fn from(limit: LimitExceeded) -> Self {
        Self::Limit(limit)
    }
}

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

#[derive(Default)]
struct State {
    /// Members, once for each time that they have joined, in that order.
    groups: BTreeMap<Group, Vec<Pid>>,
    joined: HashMap<Pid, Member>,
    watchers: BTreeMap<Reference, Watcher>,
    /// Those of one group, and those of all.
    by_group: HashMap<Option<Group>, BTreeSet<Reference>>,
    by_watcher: HashMap<Pid, BTreeSet<Reference>>,
    is_over: bool,
}

struct Member {
    keeper: Arc<Keeper>,
    /// How often it has joined which groups.
    times: BTreeMap<Group, u64>,
}

/// Who wants to know of changes: of one group, or of all.
struct Watcher {
    pid: Pid,
    keeper: Arc<Keeper>,
    group: Option<Group>,
}

impl Watcher {
    fn weight(&self) -> u64 {
        weight(self.group.as_deref().unwrap_or_default())
    }
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

impl State {
    /// Puts in a membership that has been charged for.
    fn add(&mut self, group: &Group, pid: Pid, keeper: Arc<Keeper>) {
        self.groups.entry(group.clone()).or_default().push(pid);
        let member = self.joined.entry(pid).or_insert_with(|| Member { keeper, times: BTreeMap::new() });
        *member.times.entry(group.clone()).or_default() += 1;
    }

    /// Takes out memberships, one of each process as often as it stands there, and gives back what they were charged with; whose.
    fn take(&mut self, group: &Group, pids: &[Pid]) -> Vec<Pid> {
        let mut left = Vec::new();
        for pid in pids {
            let Some(member) = self.joined.get_mut(pid) else { continue };
            let Some(times) = member.times.get_mut(group) else { continue };
            *times -= 1;
            member.keeper.release(weight(group));
            if *times == 0 {
                member.times.remove(group);
            }
            if member.times.is_empty() {
                self.joined.remove(pid);
            }
            left.push(*pid);
        }
        let mut going: HashMap<Pid, usize> = HashMap::new();
        left.iter().for_each(|pid| *going.entry(*pid).or_default() += 1);
        if let Some(members) = self.groups.get_mut(group).filter(|_| !left.is_empty()) {
            members.retain(|member| match going.get_mut(member) {
                Some(times) if *times > 0 => {
                    *times -= 1;
                    false
                }
                _ => true,
            });
            if members.is_empty() {
                self.groups.remove(group);
            }
        }
        left
    }

    /// Tells the watchers of a group what has become of it, while nobody else can change it (rule PG7).
    fn tell(&self, inner: &Inner, kind: &SystemKind, group: &Group, pids: &[Pid]) {
        let payload = std::cell::OnceCell::new();
        for of in [Some(group.clone()), None] {
            for reference in self.by_group.get(&of).into_iter().flatten() {
                let Some(watcher) = self.watchers.get(reference) else { continue };
                let payload = payload.get_or_init(|| changed(group, pids)).clone();
                let from = pids.first().copied().unwrap_or(watcher.pid);
                let system = SystemMessage { kind: kind.clone(), reference: *reference, from, payload };
                inner.send(watcher.pid, Signal::System(system));
            }
        }
    }

    fn remove_watcher(&mut self, reference: Reference) {
        let Some(watcher) = self.watchers.remove(&reference) else { return };
        watcher.keeper.release(watcher.weight());
        if let Some(of_group) = self.by_group.get_mut(&watcher.group) {
            of_group.remove(&reference);
            if of_group.is_empty() {
                self.by_group.remove(&watcher.group);
            }
        }
        if let Some(of_watcher) = self.by_watcher.get_mut(&watcher.pid) {
            of_watcher.remove(&reference);
            if of_watcher.is_empty() {
                self.by_watcher.remove(&watcher.pid);
            }
        }
    }
}

/// A list of two: the group, and the pids.
fn changed(group: &[u8], pids: &[Pid]) -> Bytes {
    let pids = Term::List(pids.iter().map(|pid| pid.to_term()).collect());
    let mut payload = vec![0x82];
    payload.extend(group);
    payload.extend(encode(&pids).unwrap_or_default());
    Bytes::from(payload)
}

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
        let mut more: HashMap<Pid, usize> = HashMap::new();
        for pid in pids {
            let joined = state.joined.get(pid).and_then(|member| member.times.get(&group));
            let joined = joined.map_or(0, |times| usize::try_from(*times).unwrap_or(usize::MAX));
            let more = more.entry(*pid).or_default();
            *more += 1;
            check_memberships(joined.saturating_add(*more))?;
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

/// Starts a process that keeps a scope until it is stopped: the groups outlive those who use them.
#[derive(Clone, Debug)]
pub struct StartScope {
    /// The scope's name.
    pub name: String,
    /// What its keeper may use. Memberships are charged to members.
    pub limits: Limits,
    /// A budget of its own, and the path that names it.
    pub budget: Option<(Arc<str>, Budget)>,
}

impl StartChild for StartScope {
    fn start(&self, supervisor: &Context, ack: Reference) -> Result<Started, SpawnError> {
        let options =
            SpawnOptions { limits: self.limits, budget: self.budget.clone(), ..keeper_options("scope") };
        let name = self.name.clone();
        start_keeper(supervisor, options, ack, move |context| context.start_scope(&name))
    }

    fn apply_to(&self, runtime: &Runtime, pid: Pid) {
        apply_to_keeper(runtime, pid, &self.limits, self.budget.as_ref());
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
        let Some(Member { keeper, times: groups }) = state.joined.remove(&pid) else { return };
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
