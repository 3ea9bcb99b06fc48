//! `regrow:otp/group`

use alloc::vec::Vec;

use crate::group::GroupError;
use crate::sys::wasm::bindings::regrow::otp::group as wit;
use crate::sys::wasm::bindings::regrow::otp::types;
use crate::{Pid, Reference};

type Answer<T> = Result<T, GroupError>;

fn wit_pids(pids: &[Pid]) -> Vec<types::Pid> {
    pids.iter().map(|pid| (*pid).into()).collect()
}

fn pids(pids: Vec<types::Pid>) -> Vec<Pid> {
    pids.into_iter().map(Into::into).collect()
}

pub(crate) fn start_scope(scope: &str) -> Answer<()> {
    Ok(wit::start_scope(scope)?)
}

pub(crate) fn join(scope: &str, group: &[u8], pids: &[Pid]) -> Answer<()> {
    Ok(wit::join(scope, group, &wit_pids(pids))?)
}

pub(crate) fn leave(scope: &str, group: &[u8], pids: &[Pid]) -> Answer<bool> {
    Ok(wit::leave(scope, group, &wit_pids(pids))?)
}

pub(crate) fn members(scope: &str, group: &[u8]) -> Answer<Vec<Pid>> {
    Ok(pids(wit::members(scope, group)?))
}

pub(crate) fn which_groups(scope: &str) -> Answer<Vec<Vec<u8>>> {
    Ok(wit::which_groups(scope)?)
}

pub(crate) fn monitor(scope: &str, group: &[u8]) -> Answer<(Reference, Vec<Pid>)> {
    let watched = wit::monitor(scope, group)?;
    Ok((Reference(watched.monitor), pids(watched.members)))
}

#[expect(clippy::type_complexity, reason = "the reference, and the groups with their members")]
pub(crate) fn monitor_scope(scope: &str) -> Answer<(Reference, Vec<(Vec<u8>, Vec<Pid>)>)> {
    let watched = wit::monitor_scope(scope)?;
    let groups = watched.groups.into_iter().map(|group| (group.name, pids(group.members)));
    Ok((Reference(watched.monitor), groups.collect()))
}

pub(crate) fn demonitor(scope: &str, monitor: Reference) -> Answer<bool> {
    Ok(wit::demonitor(scope, monitor.0)?)
}

impl From<wit::GroupError> for GroupError {
    fn from(error: wit::GroupError) -> Self {
        match error {
            wit::GroupError::NoScope => Self::NoScope,
            wit::GroupError::ScopeTaken(pid) => Self::ScopeTaken(pid.into()),
            wit::GroupError::BadName => Self::BadName,
            wit::GroupError::BadGroup(why) => Self::BadGroup(why),
            wit::GroupError::Noproc(pid) => Self::NoProc(pid.into()),
            wit::GroupError::Limit(limit) => Self::Limit(limit.into()),
            wit::GroupError::Denied(why) => Self::Denied(why),
        }
    }
}
