//! What tests of processes need: a sink that keeps every event.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::budget::{AccountId, Resource};
use crate::event::{Event, EventSink};
use crate::pid::Pid;
use crate::received::Received;
use crate::runtime::{HOST_PANIC, Runtime};
use crate::simulator::Simulator;

/// Keeps events for a test to look at. Clones share what they keep.
#[derive(Clone, Default)]
pub struct EventLog(Arc<Mutex<Vec<Event>>>);

impl EventLog {
    /// What has happened so far.
    pub fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl EventSink for EventLog {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(event.clone());
    }
}

/// How many timers a runtime keeps, those of waiting processes included: none, when nobody is left.
pub fn running_timers(runtime: &Runtime) -> usize {
    runtime.inner.timers.len()
}

/// Entries that a process's mailbox has touched in its life.
pub fn mailbox_steps(runtime: &Runtime, pid: Pid) -> u64 {
    let process = runtime.inner.table.get(pid);
    process.map_or(0, |process| process.state.lock().mailbox.steps())
}

/// What is wrong with the accounts of a runtime's processes: what their mailboxes are charged for is what is there.
/// For moments when no timer is running that has reserved its room.
pub fn wrong_accounts(runtime: &Runtime) -> Option<String> {
    runtime.inner.table.all().into_iter().find_map(|process| {
        runtime.inner.settle(&process);
        let charged = process.inbox.lock().charged();
        let (signals, there, all) = {
            let state = process.state.lock();
            let messages = state.mailbox.iter().filter_map(|received| match received {
                Received::Message(message) => Some(message.payload.len() as u64),
                _ => None,
            });
            let there = messages.fold((0, 0), |(count, bytes), len| (count + 1, bytes + len));
            let signals = state.mailbox.signals().count() + state.mailbox.signals().foreign;
            (signals, there, state.mailbox.len() as u64)
        };
        let wrong = charged != there || signals + there.0 != all;
        wrong.then(|| format!("{}: charged {charged:?}, there {there:?} and {signals} of {all}", process.pid))
    })
}

/// What a process is charged with for what it keeps in the host, in bytes.
pub fn kept_bytes(runtime: &Runtime, pid: Pid) -> u64 {
    let process = runtime.inner.table.get(pid);
    process.and_then(|process| Some(process.holdings.get()?.keeper.used())).unwrap_or(0)
}

/// How many blobs there are: none, when nobody is left.
pub fn blobs(runtime: &Runtime) -> usize {
    crate::blob::blobs_alive(&runtime.inner)
}

/// What is wrong with the budgets of a runtime's processes: what they are charged for is what those processes have.
pub fn wrong_budgets(runtime: &Runtime) -> Option<String> {
    let mut expected: HashMap<AccountId, [u64; 3]> = HashMap::new();
    let mut accounts = HashMap::new();
    for process in runtime.inner.table.all() {
        runtime.inner.settle(&process);
        let (messages, bytes) = process.inbox.lock().charged();
        for account in process.account.iter().flat_map(|account| account.chain()) {
            let sums = expected.entry(account.id).or_default();
            [1, messages, bytes].iter().zip(sums).for_each(|(more, sum)| *sum += more);
            accounts.entry(account.id).or_insert_with(|| account.usage());
        }
    }
    accounts.into_iter().find_map(|(id, usage)| {
        let used =
            |resource| usage.resources.iter().find(|of| of.resource == resource).map_or(0, |of| of.used);
        let charged = [Resource::Processes, Resource::MailboxMessages, Resource::MailboxBytes].map(used);
        (charged != expected[&id])
            .then(|| format!("{}: charged {charged:?}, there {:?}", usage.path, expected[&id]))
    })
}

/// The first process that ended with a panic of host code: in a test, an assertion that failed inside a process.
pub fn first_panic(events: &[Event]) -> Option<String> {
    events.iter().find_map(|event| match event {
        Event::Exited(exited) => Some(exited.reason.to_string()).filter(|reason| reason.contains(HOST_PANIC)),
        _ => None,
    })
}

/// A simulator that forgets its events.
pub fn simulator(seed: u64) -> Simulator {
    Simulator::new(seed, Box::new(EventLog::default()))
}
