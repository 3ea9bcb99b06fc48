//! Registered names: at most one per process, at most one process per name (rules P70, P71).

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use crate::pid::Pid;

/// The longest name, in bytes.
pub const MAX_NAME_BYTES: usize = 255;

/// Why a name could not be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RegisterError {
    /// The name is empty, longer than [`MAX_NAME_BYTES`], has control characters, or is `undefined`.
    BadName,
    /// Another process has the name.
    NameTaken(Pid),
    /// The process has another name.
    AlreadyNamed(String),
    /// The process has ended.
    NoProc,
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadName => write!(
                f,
                "a name has 1 to {MAX_NAME_BYTES} bytes without control characters and is not \"undefined\""
            ),
            Self::NameTaken(pid) => write!(f, "the name belongs to {pid}"),
            Self::AlreadyNamed(name) => write!(f, "the process is registered as {name:?}"),
            Self::NoProc => f.write_str("the process has ended"),
        }
    }
}

impl std::error::Error for RegisterError {}

#[derive(Default)]
struct NamesAndPids {
    by_name: HashMap<Arc<str>, Pid>,
    by_pid: HashMap<Pid, Arc<str>>,
}

#[derive(Default)]
pub(crate) struct Names(RwLock<NamesAndPids>);

impl Names {
    /// Registers `pid` as `name`. `is_alive` is asked under the lock that the end of a process takes to
    /// release its name: a dead process can't be left with one.
    pub(crate) fn register(
        &self,
        name: &str,
        pid: Pid,
        is_alive: impl FnOnce() -> bool,
    ) -> Result<(), RegisterError> {
        check_name(name)?;
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(owner) = names.by_name.get(name) {
            return Err(RegisterError::NameTaken(*owner));
        }
        if let Some(other) = names.by_pid.get(&pid) {
            return Err(RegisterError::AlreadyNamed(other.to_string()));
        }
        if !is_alive() {
            return Err(RegisterError::NoProc);
        }
        let name: Arc<str> = name.into();
        names.by_name.insert(name.clone(), pid);
        names.by_pid.insert(pid, name);
        Ok(())
    }

    /// Releases a name; who had it.
    pub(crate) fn unregister(&self, name: &str) -> Option<Pid> {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let pid = names.by_name.remove(name)?;
        names.by_pid.remove(&pid);
        Some(pid)
    }

    /// Releases the name of a process; which it was.
    pub(crate) fn release(&self, pid: Pid) -> Option<String> {
        if !self.0.read().unwrap_or_else(PoisonError::into_inner).by_pid.contains_key(&pid) {
            return None;
        }
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let name = names.by_pid.remove(&pid)?;
        names.by_name.remove(&name);
        Some(name.to_string())
    }

    pub(crate) fn whereis(&self, name: &str) -> Option<Pid> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).copied()
    }

    pub(crate) fn name_of(&self, pid: Pid) -> Option<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_pid.get(&pid).map(|name| name.to_string())
    }

    pub(crate) fn names(&self) -> Vec<(String, Pid)> {
        let names = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = names.by_name.iter().map(|(name, pid)| (name.to_string(), *pid)).collect();
        all.sort();
        all
    }
}

/// Whether a process may be registered under `name`.
///
/// # Errors
/// [`RegisterError::BadName`]
pub fn check_name(name: &str) -> Result<(), RegisterError> {
    let fits = (1..=MAX_NAME_BYTES).contains(&name.len());
    if fits && name != "undefined" && !name.chars().any(char::is_control) {
        Ok(())
    } else {
        Err(RegisterError::BadName)
    }
}
