//! The end of a process, in the order that others may rely on.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::balance::Totals;
use crate::event::{Event, Exited};
use crate::exit_reason::ExitReason;
use crate::garbage::Garbage;
use crate::process::{Effects, Process, refuse};
use crate::runtime::{HOST, Inner, drop_body};
use crate::signal::Signal;

impl Inner {
    /// A process was never to run: what had reached it all the same is answered as the dead do.
    pub(crate) fn discard(&self, process: &Process) {
        let (not_applied, waiters, traffic) = {
            let mut inbox = process.inbox.lock();
            let (not_applied, waiters) = inbox.close();
            (not_applied, waiters, inbox.traffic)
        };
        let mut effects = Effects::new();
        let mut unread = 0;
        for signal in not_applied {
            unread += u64::from(signal.is_message());
            refuse(process.pid, signal, &mut effects);
        }
        Totals::add(&self.totals.taken, traffic.taken);
        Totals::add(&self.totals.unread, unread);
        process.state.lock().clear();
        self.wake_all(waiters);
        self.send_all(effects);
    }

    /// Nobody outlives the process that his budget begins with.
    fn end_budget(&self, process: &Process, effects: &mut Effects) {
        let Some(account) = process.account.as_ref().filter(|_| process.owns_account) else { return };
        // Whoever is spawned from now on finds it closed.
        account.close();
        // Those around it that have ended already have done it.
        if account.processes() == 0 || account.parent().is_some_and(|parent| parent.is_closed()) {
            return;
        }
        let belongs = |other: &Process| {
            let accounts = other.account.as_ref().map(|account| account.chain());
            accounts.into_iter().flatten().any(|other| other.id == account.id)
        };
        let left = self.table.find_all(belongs).into_iter();
        effects.extend(left.map(|other| (other.pid, Signal::Exit { from: HOST, reason: ExitReason::Kill })));
    }

    /// Ends a process whose fate is decided: its body goes first, then its name, its slot and what it kept, and only then does
    /// anybody hear of it (rules P8, E17). What there is to be dropped of that.
    #[must_use]
    pub(crate) fn finish(&self, process: &Arc<Process>, reason: ExitReason) -> Garbage {
        process.schedule.end();
        let body = process.body.lock().take();
        drop_body(body);

        let _in_order = process.outgoing.lock();
        // As long as the inbox is open nobody is told that there is no such process, either.
        process.lets_go();
        let name = self.names.release(process.pid);
        let garbage = self.release_holdings(process);
        let (not_applied, waiters, traffic, counters) = {
            let mut inbox = process.inbox.lock();
            let (not_applied, waiters) = inbox.close();
            (not_applied, waiters, inbox.traffic, inbox.counters)
        };
        if let Some(parent) = process.identity.parent.and_then(|parent| self.table.get(parent)) {
            parent.children.fetch_sub(1, Ordering::AcqRel);
        }
        self.table.remove(process.pid);
        self.timers.orphan(process.pid, &process.identity.component);
        for timer in self.timers.cancel_all_to(process.pid) {
            self.timer_gone(timer.creator, timer.load.payload().len());
        }

        let mut state = process.state.lock();
        let exited = Exited {
            pid: process.pid,
            identity: process.identity.clone(),
            name,
            label: state.label.take(),
            backtrace: std::mem::take(&mut state.backtrace),
            reason: reason.clone(),
            ended_by: state.ended_by,
            last_received: state.last_received,
            messages_left: state.mailbox.len(),
            work: state.work(),
            reductions: process.meter.reductions.load(Ordering::Relaxed),
        };
        let late = not_applied.iter().filter(|signal| signal.is_message()).count() as u64;
        let totals = &self.totals;
        Totals::add(&totals.unread, state.mailbox.messages() as u64 + state.lost + late);
        Totals::add(&totals.sent, process.sent.load(Ordering::Relaxed));
        Totals::add(&totals.taken, traffic.taken);
        Totals::add(&totals.received, traffic.received);
        Totals::add(&totals.stale, traffic.stale);
        Totals::add(&totals.refused, counters.rejected);
        Totals::add(&totals.dropped, counters.dropped);
        Totals::add(&totals.ended, 1);
        let mut effects: Effects = state.farewell(&reason);
        for signal in not_applied {
            refuse(process.pid, signal, &mut effects);
        }
        state.clear();
        drop(state);
        self.end_budget(process, &mut effects);

        self.emit(Event::Exited(exited));
        self.wake_all(waiters);
        // The parent hears of it last: what it does then finds that the others' fate is decided, too. A
        // supervisor that is killed takes its children along, and its own supervisor starts them again under
        // the same names.
        let (to_parent, to_others): (Effects, Effects) =
            effects.into_iter().partition(|(to, _)| Some(*to) == process.identity.parent);
        self.send_all(to_others);
        match process.account.as_ref().filter(|_| process.owns_account) {
            // Its successor is to begin when all that belonged to it have ended: what they held is free then.
            Some(account) => *account.farewell.lock() = to_parent,
            None => self.send_all(to_parent),
        }
        for account in process.account.iter().flat_map(|account| account.chain()) {
            if account.is_over() {
                let farewell = std::mem::take(&mut *account.farewell.lock());
                self.send_all(farewell);
            }
        }
        garbage
    }
}
