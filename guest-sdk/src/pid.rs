use alloc::string::String;
use core::fmt;

use serde::{Deserialize, Serialize};

use crate::registry::Via;

/// A process identifier. It can be sent in messages, stored and compared; it can't be made up. Whoever has it
/// may send to the process and monitor it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Pid {
    pub(crate) node: u32,
    pub(crate) slot: u32,
    pub(crate) incarnation: u32,
    pub(crate) nonce: u64,
}

/// `<node.slot.incarnation>`
impl fmt::Display for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}.{}.{}>", self.node, self.slot, self.incarnation)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names a monitor, a timer or a request. Only the process that made it can use it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Reference(pub(crate) u64);

/// A monitor.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MonitorRef(pub(crate) Reference);

/// A timer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct TimerRef(pub(crate) Reference);

impl From<MonitorRef> for Reference {
    fn from(monitor: MonitorRef) -> Self {
        monitor.0
    }
}

impl MonitorRef {
    /// The alias that the monitor was made to be, for others to send to.
    pub fn alias(self) -> ReplyTo {
        ReplyTo { pid: crate::process::self_pid(), reference: self.0 }
    }
}

impl From<TimerRef> for Reference {
    fn from(timer: TimerRef) -> Self {
        timer.0
    }
}

/// The token that a call's answer goes to (`From` of `gen_server`). It can be sent to another process, which
/// then answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReplyTo {
    pub(crate) pid: Pid,
    pub(crate) reference: Reference,
}

impl ReplyTo {
    /// The process that waits for the answer, or that the alias belongs to.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// What an alias is removed by.
    pub fn reference(&self) -> Reference {
        self.reference
    }
}

/// Where a message goes: a process, or whoever has a name at that moment.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Destination {
    /// A process.
    Pid(Pid),
    /// A registered name.
    Name(String),
    /// A key of a registry.
    Via(Via),
}

impl Destination {
    /// The process that it stands for at this moment.
    pub fn whereis(&self) -> Option<Pid> {
        match self {
            Self::Pid(pid) => Some(*pid),
            Self::Name(name) => crate::names::whereis(name),
            Self::Via(via) => via.whereis(),
        }
    }
}

impl From<Pid> for Destination {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl From<&str> for Destination {
    fn from(name: &str) -> Self {
        Self::Name(name.into())
    }
}

impl From<String> for Destination {
    fn from(name: String) -> Self {
        Self::Name(name)
    }
}
