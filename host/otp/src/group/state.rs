//! What there is in a scope.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;
use regrow_term::{Term, encode};

use crate::group::{Group, weight};
use crate::holdings::Keeper;
use crate::pid::{Pid, Reference};
use crate::received::{SystemKind, SystemMessage};
use crate::runtime::Inner;
use crate::signal::Signal;

#[derive(Default)]
pub(super) struct State {
    /// Members, once for each time that they have joined, in that order.
    pub(super) groups: BTreeMap<Group, Vec<Pid>>,
    pub(super) joined: HashMap<Pid, Member>,
    pub(super) watchers: BTreeMap<Reference, Watcher>,
    /// Those of one group, and those of all.
    pub(super) by_group: HashMap<Option<Group>, BTreeSet<Reference>>,
    pub(super) by_watcher: HashMap<Pid, BTreeSet<Reference>>,
    pub(super) is_over: bool,
}

pub(super) struct Member {
    pub(super) keeper: Arc<Keeper>,
    /// How often it has joined which groups.
    pub(super) times: BTreeMap<Group, u64>,
    /// How often that is together.
    pub(super) all: u64,
}

/// Who wants to know of changes: of one group, or of all.
pub(super) struct Watcher {
    pub(super) pid: Pid,
    pub(super) keeper: Arc<Keeper>,
    pub(super) group: Option<Group>,
}

impl Watcher {
    pub(super) fn weight(&self) -> u64 {
        weight(self.group.as_deref().unwrap_or_default())
    }
}

impl State {
    /// Puts in a membership that has been charged for.
    pub(super) fn add(&mut self, group: &Group, pid: Pid, keeper: Arc<Keeper>) {
        self.groups.entry(group.clone()).or_default().push(pid);
        let member =
            self.joined.entry(pid).or_insert_with(|| Member { keeper, times: BTreeMap::new(), all: 0 });
        member.all += 1;
        *member.times.entry(group.clone()).or_default() += 1;
    }

    /// Takes out memberships, one of each process as often as it stands there, and gives back what they were charged with; whose.
    pub(super) fn take(&mut self, group: &Group, pids: &[Pid]) -> Vec<Pid> {
        let mut left = Vec::new();
        for pid in pids {
            let Some(member) = self.joined.get_mut(pid) else { continue };
            let Some(times) = member.times.get_mut(group) else { continue };
            *times -= 1;
            member.all -= 1;
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
    pub(super) fn tell(&self, inner: &Inner, kind: &SystemKind, group: &Group, pids: &[Pid]) {
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

    pub(super) fn remove_watcher(&mut self, reference: Reference) {
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
