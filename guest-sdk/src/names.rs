//! Registered names.

use alloc::string::String;
use alloc::vec::Vec;

use crate::error::Error;
use crate::pid::Pid;
use crate::sys;

/// Registers a process under a name (`register/2`). The name is released when the process ends.
///
/// # Errors
/// [`Error::NameTaken`], [`Error::BadArgument`], [`Error::NoProc`], [`Error::Denied`]
pub fn register(name: &str, pid: Pid) -> Result<(), Error> {
    sys::register(name, pid)
}

/// Releases a name (`unregister/1`).
///
/// # Errors
/// [`Error::BadArgument`] (nobody has it), [`Error::Denied`]
pub fn unregister(name: &str) -> Result<(), Error> {
    sys::unregister(name)
}

/// The process that has a name (`whereis/1`). None also without the `lookup` grant.
pub fn whereis(name: &str) -> Option<Pid> {
    sys::whereis(name)
}

/// The registered names (`registered/0`). Needs the `list_processes` grant.
///
/// # Errors
/// [`Error::Denied`], [`Error::Limit`]
pub fn registered() -> Result<Vec<String>, Error> {
    sys::registered()
}
