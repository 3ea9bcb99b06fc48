//! Supervisors as they are to be started.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Serialize;

use crate::error::Error;
use crate::mailbox::payload;
use crate::supervisor::child_spec::{ChildSpec, FIVE_SECONDS};
use crate::supervisor::error::SupervisorError;
use crate::supervisor::reference::SupervisorRef;
use crate::sys;

/// Which children are restarted when one of them ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strategy {
    /// That child.
    #[default]
    OneForOne,
    /// All of them.
    OneForAll,
    /// That child and those started after it.
    RestForOne,
}

/// Whether the end of significant children ends the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum AutoShutdown {
    /// No.
    #[default]
    Never,
    /// The first one's does.
    AnySignificant,
    /// The last one's does.
    AllSignificant,
}

#[derive(Clone, Debug)]
pub(crate) enum Children {
    Fixed(Vec<ChildSpec>),
    Template(ChildSpec),
    Dynamic(Vec<Result<Vec<u8>, Error>>),
    Partitions(u32, ChildSpec),
}

/// A supervisor that is to be started: one_for_one, one restart in five seconds, unless told otherwise.
#[derive(Clone, Debug)]
pub struct Supervisor {
    pub(crate) name: Option<String>,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: u32,
    pub(crate) period: Duration,
    pub(crate) auto_shutdown: AutoShutdown,
    pub(crate) children: Children,
    pub(crate) max_children: Option<u64>,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    fn of(children: Children, intensity: u32) -> Self {
        Self {
            name: None,
            strategy: Strategy::OneForOne,
            intensity,
            period: FIVE_SECONDS,
            auto_shutdown: AutoShutdown::Never,
            children,
            max_children: None,
        }
    }

    /// A supervisor without children yet.
    pub fn new() -> Self {
        Self::of(Children::Fixed(Vec::new()), 1)
    }

    /// A supervisor whose children all come from one template (`simple_one_for_one`):
    /// [`SupervisorRef::start_from_template`] starts one.
    pub fn from_template(template: ChildSpec) -> Self {
        Self::of(Children::Template(template), 1)
    }

    /// A supervisor whose children are started while it runs, each from a specification of its own (Elixir's
    /// `DynamicSupervisor`): three restarts in five seconds, as there.
    pub fn dynamic() -> Self {
        Self::of(Children::Dynamic(Vec::new()), 3)
    }

    /// A supervisor with one child for each of so many partitions (Elixir's `PartitionSupervisor`).
    /// [`partition`](super::partition) finds the child for a key. A child gets the number of its partition behind its
    /// arguments.
    pub fn partitioned(name: impl Into<String>, partitions: u32, child: ChildSpec) -> Self {
        Self::of(Children::Partitions(partitions, child), 3).named(name)
    }

    /// This supervisor, with one more child, behind the others.
    ///
    /// # Panics
    /// If its children are not fixed.
    #[must_use]
    pub fn child(mut self, child: ChildSpec) -> Self {
        match &mut self.children {
            Children::Fixed(children) => children.push(child),
            _ => panic!("only a supervisor made by `new` has children of its own"),
        }
        self
    }

    /// This supervisor, whose children get one more argument before their own.
    ///
    /// # Panics
    /// If it is not dynamic.
    #[must_use]
    pub fn extra_argument<A: Serialize + ?Sized>(mut self, argument: &A) -> Self {
        match &mut self.children {
            Children::Dynamic(extra) => extra.push(payload(argument)),
            _ => panic!("only a supervisor made by `dynamic` has extra arguments"),
        }
        self
    }

    /// This supervisor, with so many children at most, if they are dynamic.
    #[must_use]
    pub fn max_children(self, most: u64) -> Self {
        Self { max_children: Some(most), ..self }
    }

    /// This supervisor, registered under a name.
    #[must_use]
    pub fn named(self, name: impl Into<String>) -> Self {
        Self { name: Some(name.into()), ..self }
    }

    /// This supervisor, with another strategy.
    #[must_use]
    pub fn strategy(self, strategy: Strategy) -> Self {
        Self { strategy, ..self }
    }

    /// This supervisor, with so many restarts allowed within `period`, which is counted in whole seconds.
    #[must_use]
    pub fn intensity(self, restarts: u32, period: Duration) -> Self {
        Self { intensity: restarts, period, ..self }
    }

    /// This supervisor, ended by significant children.
    #[must_use]
    pub fn auto_shutdown(self, auto_shutdown: AutoShutdown) -> Self {
        Self { auto_shutdown, ..self }
    }

    /// Starts it, linked to this process, and waits until its children have started.
    ///
    /// # Errors
    /// [`SupervisorError`]; what had been started is stopped again.
    pub fn start_link(&self) -> Result<SupervisorRef, SupervisorError> {
        sys::supervisor::start_link(self).map(SupervisorRef::new)
    }
}
