//! Process groups (`pg`): who belongs together, under any name, in a scope.
//!
//! ```
//! # use regrow_sdk::{group::{Change, Group, Scope}, mailbox, process};
//! # fn nothing(_: ()) {}
//! # regrow_sdk::component! { "nothing" => process nothing }
//! # fn main() {
//! # regrow_sdk::testing::run(&COMPONENT, || {
//! // A scope ends with the process that started it: best one that is supervised and does nothing else.
//! Scope::start("chat")?;
//! let room = Group::new("chat", &("room", 7));
//! let (monitor, members) = room.monitor()?;
//! assert!(members.is_empty());
//! room.join()?;
//! assert_eq!(room.members()?, [process::self_pid()]);
//! let change = mailbox::wait_for(monitor.reference(), None).and_then(|received| Change::of(&received));
//! assert_eq!(change, Some(Change::Joined(("room".to_owned(), 7), vec![process::self_pid()])));
//! assert!(room.leave()?);
//! assert!(room.members()?.is_empty());
//! # Ok(())
//! # });
//! # }
//! ```
//!
//! On a host, scopes take the grant `groups`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use regrow_term::{EncodeError, decode, encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::LimitExceeded;
use crate::mailbox::Received;
use crate::pid::{Pid, Reference};
use crate::{process, sys};

/// Why something was not done to a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupError {
    /// There is no such scope (`noproc`).
    NoScope,
    /// The scope has been started, by this process.
    ScopeTaken(Pid),
    /// The name of a scope has 1 to 255 bytes without control characters.
    BadName,
    /// The name of the group can't be encoded, or is longer than 4,096 bytes.
    BadGroup(String),
    /// This process has ended.
    NoProc(Pid),
    /// A process has no room for more, or there is more to be listed than 10,000.
    Limit(LimitExceeded),
    /// The process has no grant for it.
    Denied(String),
}

impl fmt::Display for GroupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoScope => f.write_str("there is no such scope"),
            Self::ScopeTaken(owner) => write!(f, "the scope belongs to {owner}"),
            Self::BadName => f.write_str("the name of a scope has 1 to 255 bytes without control characters"),
            Self::BadGroup(why) => write!(f, "this is no name for a group: {why}"),
            Self::NoProc(pid) => write!(f, "{pid} has ended"),
            Self::Limit(limit) => write!(f, "over a limit: {limit}"),
            Self::Denied(why) => write!(f, "denied: {why}"),
        }
    }
}

impl core::error::Error for GroupError {}

impl From<EncodeError> for GroupError {
    fn from(error: EncodeError) -> Self {
        Self::BadGroup(error.to_string())
    }
}

/// A scope of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope(String);

impl Scope {
    /// Starts a scope that ends with this process (`pg:start_link/1`).
    ///
    /// # Errors
    /// [`GroupError::ScopeTaken`], [`GroupError::BadName`], [`GroupError::Limit`], [`GroupError::Denied`]
    pub fn start(name: &str) -> Result<Self, GroupError> {
        sys::group::start_scope(name)?;
        Ok(Self(name.to_string()))
    }

    /// The scope of that name, whoever has started it.
    pub fn named(name: &str) -> Self {
        Self(name.to_string())
    }

    /// The groups that have members (`pg:which_groups/1`), as far as their names are of that type.
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn groups<N: DeserializeOwned>(&self) -> Result<Vec<N>, GroupError> {
        let groups = sys::group::which_groups(&self.0)?;
        Ok(groups.iter().filter_map(|name| decode(name).ok()).collect())
    }

    /// Tells this process of changes of all groups, and which there are now, as far as their names are of that type
    /// (`pg:monitor_scope/1`).
    ///
    /// # Errors
    /// [`GroupError`]
    #[expect(clippy::type_complexity, reason = "the monitor, and the groups with their members")]
    pub fn monitor<N: DeserializeOwned>(&self) -> Result<(GroupMonitor, Vec<(N, Vec<Pid>)>), GroupError> {
        let (reference, groups) = sys::group::monitor_scope(&self.0)?;
        let groups = groups.into_iter().filter_map(|(name, members)| Some((decode(&name).ok()?, members)));
        Ok((GroupMonitor { scope: self.0.clone(), reference }, groups.collect()))
    }
}

/// A group: any number of processes, each as often as it has joined.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    scope: String,
    /// Encoded.
    name: Result<Vec<u8>, EncodeError>,
}

impl Group {
    /// The group of that name in a scope. It is there while it has members.
    pub fn new<N: Serialize + ?Sized>(scope: &str, name: &N) -> Self {
        Self { scope: scope.to_string(), name: encode(name) }
    }

    fn name(&self) -> Result<&[u8], GroupError> {
        self.name.as_deref().map_err(|error| error.clone().into())
    }

    /// Joins (`pg:join/2`).
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn join(&self) -> Result<(), GroupError> {
        self.join_all(&[process::self_pid()])
    }

    /// Has processes join, once each; all of them or none.
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn join_all(&self, pids: &[Pid]) -> Result<(), GroupError> {
        sys::group::join(&self.scope, self.name()?, pids)
    }

    /// Leaves, once (`pg:leave/2`); false if this process was no member.
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn leave(&self) -> Result<bool, GroupError> {
        self.leave_all(&[process::self_pid()])
    }

    /// Has processes leave, once each; false if none of them was a member.
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn leave_all(&self, pids: &[Pid]) -> Result<bool, GroupError> {
        sys::group::leave(&self.scope, self.name()?, pids)
    }

    /// The members (`pg:get_members/2`).
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn members(&self) -> Result<Vec<Pid>, GroupError> {
        sys::group::members(&self.scope, self.name()?)
    }

    /// Tells this process of changes from now on, and who is a member now (`pg:monitor/2`).
    ///
    /// # Errors
    /// [`GroupError`]
    pub fn monitor(&self) -> Result<(GroupMonitor, Vec<Pid>), GroupError> {
        let (reference, members) = sys::group::monitor(&self.scope, self.name()?)?;
        Ok((GroupMonitor { scope: self.scope.clone(), reference }, members))
    }
}

/// A monitor of one group, or of all of a scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMonitor {
    scope: String,
    reference: Reference,
}

impl GroupMonitor {
    /// What its messages have as reference.
    pub fn reference(&self) -> Reference {
        self.reference
    }

    /// Ends it, what has arrived of it included; false if it had ended (`pg:demonitor/1`).
    ///
    /// # Errors
    /// [`GroupError::NoScope`]
    pub fn demonitor(self) -> Result<bool, GroupError> {
        sys::group::demonitor(&self.scope, self.reference)
    }
}

/// What has become of a group whose name is an `N`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change<N> {
    /// These have joined, once for each time that they stand here.
    Joined(N, Vec<Pid>),
    /// These have left, or ended.
    Left(N, Vec<Pid>),
}

impl<N: DeserializeOwned> Change<N> {
    /// The change that a message tells of, if it does, and the group's name is of that type.
    pub fn of(received: &Received) -> Option<Self> {
        let Received::System { kind, payload, .. } = received else { return None };
        let make = match kind.as_str() {
            "group-join" => Self::Joined,
            "group-leave" => Self::Left,
            _ => return None,
        };
        let (name, pids) = decode(payload).ok()?;
        Some(make(name, pids))
    }
}
