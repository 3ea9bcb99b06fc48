//! What happens to a process: signals, and its end.

use crate::model::{Blocked, Message, Model, Monitor, Signal};
use crate::op::{MonitorMode, Target};

impl Model {
    /// The end of a process, as the runner observes it.
    pub(super) fn end(&mut self, name: &str, reason: &str) {
        self.lines.push(format!("{name} ended {reason}"));
        self.see(name);
        self.end_silently(name, reason);
    }

    pub(super) fn end_silently(&mut self, name: &str, reason: &str) {
        let Some(process) = self.living.remove(name) else { return };
        // P8: what it had is free before anybody hears of its end.
        self.names.retain(|_, owner| owner != name);
        self.timers.retain(|_, timer| timer.target != Target::Process(name.to_owned()));
        for peer in process.links {
            self.signal(&peer, Signal::LinkExit { from: name.to_owned(), reason: reason.to_owned() });
        }
        let mut downs = Vec::new();
        for (watcher, other) in &self.living {
            for (label, monitor) in &other.monitors {
                if monitor.target.as_deref() == Some(name) {
                    let (monitor, reason) = (label.clone(), reason.to_owned());
                    downs.push((watcher.clone(), Signal::Down { monitor, reason }));
                }
            }
            if let Some(Blocked::Call { server, call, .. }) = &other.blocked
                && server == name
            {
                let reason = reason.to_owned();
                downs.push((watcher.clone(), Signal::CallDown { call: *call, reason }));
            }
        }
        self.signals.extend(downs);
    }

    pub(super) fn run_signals(&mut self) {
        while let Some((to, signal)) = self.signals.pop_front() {
            if self.living.contains_key(&to) {
                self.arrive(&to, signal);
            }
        }
    }

    fn arrive(&mut self, to: &str, signal: Signal) {
        let trap_exit = self.of(to).trap_exit;
        match signal {
            Signal::Message(message) => self.deliver(to, message),
            Signal::AliasMessage { alias, text } => {
                if self.open_alias(to, &alias) {
                    self.deliver(to, Message::Text(text));
                }
            }
            // P11 to P14
            Signal::Exit { from, reason } => match (reason.as_str(), trap_exit) {
                ("kill", _) => self.end(to, "killed"),
                (_, true) => self.deliver(to, Message::Exit { from, reason }),
                ("normal", false) if from != to => {}
                _ => self.end(to, &reason),
            },
            // P15 to P18
            Signal::LinkExit { from, reason } => {
                if self.of(to).links.remove(&from) {
                    match (reason.as_str(), trap_exit) {
                        (_, true) => self.deliver(to, Message::Exit { from, reason }),
                        ("normal", false) => {}
                        _ => {
                            // Whether it says what its own doing brought about, before it dies of that, is open.
                            self.ambiguous |= to == self.actor;
                            self.end(to, &reason);
                        }
                    }
                }
            }
            Signal::Down { monitor, reason } => {
                if let Some(Monitor { object, mode, .. }) = self.release(to, &monitor) {
                    let tagged = mode == MonitorMode::Tagged;
                    self.deliver(to, Message::Down { monitor, object, reason, tagged });
                }
            }
            Signal::CallDown { call, reason } => self.end_call(to, call, &format!("down {reason}")),
            Signal::Reply { call, text } => self.end_call(to, call, &format!("reply {text}")),
        }
    }

    /// A call is over; one that was not waited for any more is no call (P44).
    fn end_call(&mut self, caller: &str, ended: u64, result: &str) {
        if matches!(&self.of(caller).blocked, Some(Blocked::Call { call, .. }) if *call == ended) {
            self.of(caller).blocked = None;
            self.see(caller);
            self.lines.push(format!("{caller} {result}"));
        }
    }

    fn deliver(&mut self, to: &str, message: Message) {
        self.see(to);
        self.of(to).mailbox.push(message);
        if let Some(Blocked::Receive { pattern, .. }) = self.of(to).blocked.clone()
            && let Some(taken) = self.take(to, &pattern)
        {
            self.of(to).blocked = None;
            self.lines.push(format!("{to} {taken}"));
        }
    }

    /// Two things at once that a process gets to see may come in any order.
    fn see(&mut self, process: &str) {
        let count = self.seen.entry(process.to_owned()).or_default();
        *count += 1;
        self.ambiguous |= *count > 1;
    }
}
