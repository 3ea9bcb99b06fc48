//! Process identifiers as sparse capabilities.

use std::fmt;
use std::sync::Arc;

use regrow_term::Term;

use crate::registry::Via;

/// A process identifier: who holds one may send to the process and monitor it, and nobody can make one up.
///
/// The slot says where the process lives in the process table, the incarnation how many processes the slot
/// has had, and the nonce, 64 random bits, makes the pid unguessable: a stale or invented pid behaves as
/// that of a dead process and never reaches the slot's next owner (rule P4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid {
    /// The node: 0 is the one that prints the pid.
    pub node: u32,
    /// The place in the process table.
    pub slot: u32,
    /// How many processes the slot had before this one.
    pub incarnation: u32,
    /// What makes the pid unguessable. Never shown to people.
    pub nonce: u64,
}

impl Pid {
    /// The pid as a term, in the form in which the SDK encodes it in messages.
    pub fn to_term(self) -> Term {
        let fields = [
            ("node", u64::from(self.node)),
            ("slot", u64::from(self.slot)),
            ("incarnation", u64::from(self.incarnation)),
            ("nonce", self.nonce),
        ];
        Term::Map(fields.into_iter().map(|(name, value)| (Term::from(name), Term::from(value))).collect())
    }
}

/// `<node.slot.incarnation>`: for people; the nonce stays out of logs.
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

/// Names one monitor, timer, call or start acknowledgement. Random, so that nobody can make one up. Monitors and
/// calls are looked up only at the process that owns them; a timer can be stopped by whoever knows its reference,
/// as in Erlang.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference(pub u64);

/// A reference is a capability: people see that it is one, not which.
impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#Ref<{:04x}…>", self.0 >> 48)
    }
}

/// The sender's token for a reply to its call (`From` of `gen_server`): whoever holds it can reply, once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReplyTo {
    /// The process that waits.
    pub pid: Pid,
    /// The alias of its call.
    pub reference: Reference,
}

/// Where a message goes: to a process, or to whoever has a name when the message is sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Destination {
    /// A process.
    Pid(Pid),
    /// A registered name.
    Name(String),
    /// A key of a registry.
    Via(Arc<Via>),
}

impl Destination {
    /// The process, unless it is to be looked up.
    pub(crate) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Pid(pid) => Some(*pid),
            Self::Name(_) | Self::Via(_) => None,
        }
    }
}

impl From<Pid> for Destination {
    fn from(pid: Pid) -> Self {
        Self::Pid(pid)
    }
}

impl From<Via> for Destination {
    fn from(via: Via) -> Self {
        Self::Via(Arc::new(via))
    }
}

impl From<&str> for Destination {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pid(pid) => write!(f, "{pid}"),
            Self::Name(name) => write!(f, "{name:?}"),
            Self::Via(via) => write!(f, "{via}"),
        }
    }
}
