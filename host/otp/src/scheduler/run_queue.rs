//! The run queue of one worker: a group for each budget, and in each group two lanes.
//!
//! Between groups the least virtual time decides (see [`VirtualTime`]), level by level from the root of the budgets. Within a
//! group, what was woken goes before what was preempted: a process that answers a message need not wait for all
//! that compute. It has that right for so much CPU time; then it takes its place among those that
//! compute, where new processes begin, too. And whatever there is in the first lane, the second has its half of the time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::budget::{Account, AccountId};
use crate::process::Process;
use crate::scheduler::share::VirtualTime;

/// What a process may use, in nanoseconds, before it no longer goes before those that compute.
pub(crate) const BURST: u64 = 10_000;

/// Which part of a group competes with its other parts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Member {
    /// The processes that belong to this budget and to none below it.
    Processes,
    /// A budget below this one.
    Group(AccountId),
}

/// What can run of one budget.
#[derive(Default)]
struct Group {
    /// None for the root.
    account: Option<Arc<Account>>,
    woken: VecDeque<Arc<Process>>,
    preempted: VecDeque<Arc<Process>>,
    /// The members that have something to run, with their virtual time as it was when they were looked at last.
    members: BinaryHeap<Reverse<(u64, Member)>>,
    /// How much more its first lane has used than its second, in nanoseconds; never more than a burst, either way.
    woken_ahead: i64,
}

impl Group {
    fn lanes_are_empty(&self) -> bool {
        self.woken.is_empty() && self.preempted.is_empty()
    }

    fn time<'a>(&'a self, root: &'a VirtualTime) -> &'a VirtualTime {
        self.account.as_ref().map_or(root, |account| &account.time)
    }
}

/// Who would be chosen at each level.
pub(super) struct Front(Vec<(Member, u64)>);

impl Front {
    /// Whether whoever is in front here has used so much less than whoever is in front there, where they first differ.
    pub(super) fn is_behind(&self, other: &Self, apart: u64) -> bool {
        let pairs = self.0.iter().zip(&other.0);
        let mut differ = pairs.filter(|((here, _), (there, _))| here != there);
        differ.next().is_some_and(|((_, here), (_, there))| here.saturating_add(apart) < *there)
    }
}

#[derive(Default)]
pub(super) struct RunQueue {
    root: Group,
    groups: BTreeMap<AccountId, Group>,
    len: usize,
    preempted: usize,
    /// Where the last process came from, and from which lane.
    last: Option<(Option<AccountId>, bool)>,
    /// Which group another worker has taken a process from.
    taken_from: usize,
}

/// Counts what a turn of a process has cost, in nanoseconds. `preempted`: it could have gone on.
pub(super) fn note_turn(process: &Process, cost: u64, preempted: bool) {
    let spent = if preempted { BURST } else { process.burst.load(Ordering::Relaxed).saturating_add(cost) };
    process.burst.store(spent, Ordering::Relaxed);
}

/// The least time of the members of a group, as it was noted.
fn least_noted(members: &BinaryHeap<Reverse<(u64, Member)>>) -> Option<u64> {
    members.peek().map(|Reverse((time, _))| *time)
}

fn has_burst_left(process: &Process) -> bool {
    process.burst.load(Ordering::Relaxed) < BURST
}

impl RunQueue {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// How many processes it has that were preempted.
    pub(super) fn preempted_len(&self) -> usize {
        self.preempted
    }

    /// How many processes it has that were woken.
    pub(super) fn woken_len(&self) -> usize {
        self.len - self.preempted
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts a process behind the others of its lane.
    pub(super) fn push(&mut self, process: Arc<Process>, root: &VirtualTime) {
        let account = process.account.clone();
        let group = self.group(account.as_ref());
        let was_idle = group.lanes_are_empty();
        let preempted = !has_burst_left(&process);
        if preempted { &mut group.preempted } else { &mut group.woken }.push_back(process);
        if was_idle {
            let had_members = !group.members.is_empty();
            let time = group.time(root);
            time.direct_is_back(least_noted(&group.members));
            let entry = Reverse((time.direct(), Member::Processes));
            group.members.push(entry);
            if !had_members && let Some(account) = account {
                self.activate(&account, root);
            }
        }
        self.len += 1;
        self.preempted += usize::from(preempted);
    }

    fn group(&mut self, account: Option<&Arc<Account>>) -> &mut Group {
        match account {
            None => &mut self.root,
            Some(account) => self
                .groups
                .entry(account.id)
                .or_insert_with(|| Group { account: Some(account.clone()), ..Group::default() }),
        }
    }

    /// Makes a group known to the one above it, and so on up to one that is known already.
    fn activate(&mut self, account: &Arc<Account>, root: &VirtualTime) {
        let above = account.parent.as_ref();
        let group = self.group(above);
        let had_members = !group.members.is_empty();
        group.time(root).is_back(&account.time, least_noted(&group.members));
        group.members.push(Reverse((account.time.own(), Member::Group(account.id))));
        if !had_members && let Some(above) = above {
            self.activate(above, root);
        }
    }

    /// The process whose turn it is, `spent` nanoseconds after the last one was taken.
    pub(super) fn pop(&mut self, root: &VirtualTime, spent: u64) -> Option<Arc<Process>> {
        self.note_spent(spent);
        let process = self.take(root)?;
        let woken = has_burst_left(&process);
        self.last = Some((process.account.as_ref().map(|account| account.id), woken));
        if !woken {
            process.burst.store(0, Ordering::Relaxed);
        }
        Some(process)
    }

    /// Counts the last turn for its lane. Neither lane saves up more than a burst: what one of them has used while the other
    /// had nothing to run is nobody's debt.
    fn note_spent(&mut self, spent: u64) {
        const MOST: i64 = BURST as i64;
        let Some((at, woken)) = self.last.take() else { return };
        let Some(group) = self.group_at_mut(at) else { return };
        let spent = i64::try_from(spent).unwrap_or(i64::MAX);
        let change = if woken { spent } else { spent.saturating_neg() };
        group.woken_ahead = group.woken_ahead.saturating_add(change).clamp(-MOST, MOST);
        if group.preempted.is_empty() {
            group.woken_ahead = group.woken_ahead.min(0);
        }
    }

    /// Takes a process out, and leaves its burst as it is.
    pub(super) fn take(&mut self, root: &VirtualTime) -> Option<Arc<Process>> {
        let (path, account) = self.choose(root)?;
        let group = self.group_at_mut(account)?;
        let preempted_first = group.woken_ahead >= BURST as i64;
        let lanes = (&mut group.woken, &mut group.preempted);
        let (first, second) = if preempted_first { (lanes.1, lanes.0) } else { lanes };
        let process = first.pop_front().or_else(|| second.pop_front())?;
        if group.lanes_are_empty() {
            self.retire(path, account);
        }
        self.taken(&process);
        Some(process)
    }

    fn taken(&mut self, process: &Process) {
        self.len -= 1;
        self.preempted -= usize::from(!has_burst_left(process));
    }

    /// Walks from the root to the group whose processes have the next turn: those passed on the way, and the group.
    fn choose(&mut self, root: &VirtualTime) -> Option<(Vec<AccountId>, Option<AccountId>)> {
        let mut path = Vec::new();
        let mut at = None;
        loop {
            let (member, time) = self.least(at, root)?;
            self.group_at(at)?.time(root).chosen(time);
            match member {
                Member::Processes => return Some((path, at)),
                Member::Group(id) => {
                    path.push(id);
                    at = Some(id);
                }
            }
        }
    }

    fn group_at(&self, at: Option<AccountId>) -> Option<&Group> {
        match at {
            None => Some(&self.root),
            Some(id) => self.groups.get(&id),
        }
    }

    fn group_at_mut(&mut self, at: Option<AccountId>) -> Option<&mut Group> {
        match at {
            None => Some(&mut self.root),
            Some(id) => self.groups.get_mut(&id),
        }
    }

    /// The member of a group that has used least, and how much. Those whose time has gone on meanwhile are sorted in anew.
    fn least(&mut self, at: Option<AccountId>, root: &VirtualTime) -> Option<(Member, u64)> {
        loop {
            let group = self.group_at(at)?;
            let Reverse((noted, member)) = *group.members.peek()?;
            let time = self.time_of(at, member, root);
            // Where there is nobody to compare with, it stays where it is.
            if time <= noted || group.members.len() == 1 {
                return Some((member, time));
            }
            let group = self.group_at_mut(at)?;
            group.members.pop();
            group.members.push(Reverse((time, member)));
        }
    }

    fn time_of(&self, at: Option<AccountId>, member: Member, root: &VirtualTime) -> u64 {
        match member {
            Member::Processes => {
                let group = at.and_then(|id| self.groups.get(&id)).unwrap_or(&self.root);
                group.time(root).direct()
            }
            Member::Group(id) => {
                let account = self.groups.get(&id).and_then(|group| group.account.as_ref());
                account.map_or(0, |account| account.time.own())
            }
        }
    }

    /// The processes of a group have all been taken: it, and those above it that have nothing else, are members no more.
    fn retire(&mut self, mut path: Vec<AccountId>, mut at: Option<AccountId>) {
        let mut gone = Member::Processes;
        loop {
            let Some(group) = self.group_at_mut(at) else { return };
            if group.members.peek().is_some_and(|Reverse((_, member))| *member == gone) {
                group.members.pop();
            } else {
                group.members.retain(|Reverse((_, member))| *member != gone);
            }
            if !group.members.is_empty() {
                return;
            }
            let Some(id) = path.pop() else { return };
            self.groups.remove(&id);
            gone = Member::Group(id);
            at = path.last().copied();
        }
    }

    /// Who would be chosen at each level, from the root on, and how much they have used.
    pub(super) fn front(&mut self, root: &VirtualTime) -> Front {
        let (mut front, mut at) = (Vec::new(), None);
        while let Some((member, time)) = self.least(at, root) {
            front.push((member, time));
            match member {
                Member::Processes => break,
                Member::Group(id) => at = Some(id),
            }
        }
        Front(front)
    }

    /// Takes out one of the processes that were preempted.
    pub(super) fn take_preempted(&mut self) -> Option<Arc<Process>> {
        if self.preempted == 0 { None } else { self.take_from(|group| &mut group.preempted) }
    }

    /// Takes out one of the processes that were woken.
    pub(super) fn take_woken(&mut self) -> Option<Arc<Process>> {
        if self.woken_len() == 0 { None } else { self.take_from(|group| &mut group.woken) }
    }

    fn take_from(
        &mut self,
        lane: impl Fn(&mut Group) -> &mut VecDeque<Arc<Process>>,
    ) -> Option<Arc<Process>> {
        // Each budget in its turn: this time, so many come after all others.
        let late = (self.taken_from + 1) % (self.groups.len() + 1);
        self.taken_from = late;
        let mut pop = |(at, group): (_, &mut _)| Some((at, lane(group).pop_front()?));
        let found = self.all_groups().skip(late).find_map(&mut pop);
        let (at, process) = found.or_else(|| self.all_groups().take(late).find_map(&mut pop))?;
        self.removed(at, &process);
        Some(process)
    }

    fn all_groups(&mut self) -> impl Iterator<Item = (Option<AccountId>, &mut Group)> {
        let groups = self.groups.iter_mut().map(|(id, group)| (Some(*id), group));
        std::iter::once((None, &mut self.root)).chain(groups)
    }

    /// For simulations: takes out the process with that number among all.
    pub(super) fn remove_nth(&mut self, nth: usize) -> Option<Arc<Process>> {
        let mut index = 0;
        self.remove_first(|_| {
            index += 1;
            index > nth
        })
    }

    /// Takes out the first process that `is_it`.
    pub(super) fn remove_first(&mut self, mut is_it: impl FnMut(&Process) -> bool) -> Option<Arc<Process>> {
        let (at, process) = self.all_groups().find_map(|(at, group)| {
            let lanes = [&mut group.woken, &mut group.preempted];
            lanes.into_iter().find_map(|lane| {
                let index = lane.iter().position(|process| is_it(process))?;
                Some((at, lane.remove(index)?))
            })
        })?;
        self.removed(at, &process);
        Some(process)
    }

    /// A process was taken out of the middle.
    fn removed(&mut self, at: Option<AccountId>, process: &Process) {
        self.taken(process);
        if self.group_at(at).is_some_and(Group::lanes_are_empty) {
            let mut path: Vec<_> = process
                .account
                .iter()
                .flat_map(|account| account.chain())
                .map(|account| account.id)
                .collect();
            path.reverse();
            self.retire(path, at);
        }
    }
}
