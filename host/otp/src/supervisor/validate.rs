//! Which flags and child specifications make sense (rules S2, S4 to S8).

use std::collections::HashSet;
use std::fmt;
use std::time::Duration;

use crate::supervisor::spec::{AutoShutdown, ChildSpec, OverIntensity, Restart, Strategy, SupFlags};

/// The longest id of a child, in bytes.
pub const MAX_CHILD_ID_BYTES: usize = 255;

/// Flags or child specifications that make no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SpecError {
    /// The period is shorter than a second.
    InvalidPeriod(Duration),
    /// An id is empty, too long, or has control characters or slashes.
    InvalidId(String),
    /// Two children have the same id.
    DuplicateChildId(String),
    /// A permanent child can't be significant: it never ends for good.
    SignificantPermanent(String),
    /// A child is significant, but `auto_shutdown` is never.
    SignificantWithoutAutoShutdown(String),
    /// A supervisor with dynamic children has no `auto_shutdown`.
    AutoShutdownOfDynamic,
    /// A supervisor of `simple_one_for_one` has one child specification, the template; not this many.
    NotOneTemplate(usize),
    /// The template takes no arguments, so it can't be started with some.
    TakesNoArguments(String),
    /// A child is to be parked, but its restart would restart its siblings, too.
    ParkedOfGroup(String),
    /// A back-off makes no sense; of which child, and why.
    InvalidBackoff(String, &'static str),
    /// A PartitionSupervisor without partitions.
    NoPartitions,
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidPeriod(period) => write!(f, "the period is {period:?}, but at least 1 s is needed"),
            Self::InvalidId(id) => write!(
                f,
                "the id {:?} is none: it needs 1 to {MAX_CHILD_ID_BYTES} bytes without control characters and slashes",
                id.chars().take(64).collect::<String>()
            ),
            Self::DuplicateChildId(id) => {
                write!(f, "two children have the id {id:?}; ids are unique within a supervisor")
            }
            Self::SignificantPermanent(id) => {
                write!(f, "child {id:?} is significant and permanent; make it transient or temporary")
            }
            Self::SignificantWithoutAutoShutdown(id) => write!(
                f,
                "child {id:?} is significant, but the supervisor's auto_shutdown is \"never\"; make it \"any_significant\" or \"all_significant\""
            ),
            Self::AutoShutdownOfDynamic => f.write_str(
                "a supervisor whose children are dynamic can't have auto_shutdown; leave it \"never\"",
            ),
            Self::NotOneTemplate(count) => write!(
                f,
                "simple_one_for_one needs exactly one child specification, its template, and there are {count}"
            ),
            Self::TakesNoArguments(id) => {
                write!(f, "child {id:?} takes no arguments; start it without extra ones")
            }
            Self::ParkedOfGroup(id) => write!(
                f,
                "child {id:?} can't be parked: its siblings are restarted with it; use one_for_one, or over_intensity \"give_up\""
            ),
            Self::InvalidBackoff(id, why) => write!(f, "child {id:?}: {why}"),
            Self::NoPartitions => f.write_str("a PartitionSupervisor needs at least one partition"),
        }
    }
}

impl std::error::Error for SpecError {}

/// Whether flags and children make sense together; every error that there is.
pub fn check_spec(flags: &SupFlags, children: &[ChildSpec]) -> Vec<SpecError> {
    let mut errors = check_flags(flags);
    if flags.strategy == Strategy::SimpleOneForOne && children.len() != 1 {
        errors.push(SpecError::NotOneTemplate(children.len()));
    }
    let mut seen = HashSet::new();
    for child in children {
        if !seen.insert(&child.id) {
            errors.push(SpecError::DuplicateChildId(child.id.clone()));
        }
        errors.extend(check_child(flags, child));
    }
    errors
}

pub(super) fn check_flags(flags: &SupFlags) -> Vec<SpecError> {
    let mut errors = Vec::new();
    if flags.period < Duration::from_secs(1) {
        errors.push(SpecError::InvalidPeriod(flags.period));
    }
    // Rule S7.
    if flags.strategy == Strategy::SimpleOneForOne && flags.auto_shutdown != AutoShutdown::Never {
        errors.push(SpecError::AutoShutdownOfDynamic);
    }
    errors
}

/// Whether a child makes sense under these flags; the first error.
pub(super) fn check_child(flags: &SupFlags, child: &ChildSpec) -> Option<SpecError> {
    let id = || child.id.clone();
    let is_name = |id: &str| {
        (1..=MAX_CHILD_ID_BYTES).contains(&id.len()) && !id.chars().any(|c| c.is_control() || c == '/')
    };
    let grouped = matches!(flags.strategy, Strategy::OneForAll | Strategy::RestForOne);
    if !is_name(&child.id) {
        Some(SpecError::InvalidId(id()))
    } else if child.significant && flags.auto_shutdown == AutoShutdown::Never {
        Some(SpecError::SignificantWithoutAutoShutdown(id()))
    } else if child.significant && child.restart == Restart::Permanent {
        Some(SpecError::SignificantPermanent(id()))
    } else if child.over_intensity == OverIntensity::Park && grouped {
        Some(SpecError::ParkedOfGroup(id()))
    } else {
        let wrong = child.backoff.as_ref().and_then(|backoff| backoff.error());
        wrong.map(|why| SpecError::InvalidBackoff(id(), why))
    }
}
