//! Process groups off wasm: those of `regrow-otp`.

use regrow_otp as otp;

use crate::group::GroupError;
use crate::sys::native::current;
use crate::{Pid, Reference};

type Answer<T> = Result<T, GroupError>;

fn otp_pids(pids: &[Pid]) -> Vec<otp::Pid> {
    pids.iter().map(|pid| (*pid).into()).collect()
}

fn pids(pids: Vec<otp::Pid>) -> Vec<Pid> {
    pids.into_iter().map(Into::into).collect()
}

pub(crate) fn start_scope(scope: &str) -> Answer<()> {
    Ok(current().context.start_scope(scope)?)
}

pub(crate) fn join(scope: &str, group: &[u8], pids: &[Pid]) -> Answer<()> {
    Ok(current().context.join_group(scope, group, &otp_pids(pids))?)
}

pub(crate) fn leave(scope: &str, group: &[u8], pids: &[Pid]) -> Answer<bool> {
    Ok(current().context.leave_group(scope, group, &otp_pids(pids))?)
}

pub(crate) fn members(scope: &str, group: &[u8]) -> Answer<Vec<Pid>> {
    Ok(pids(current().context.runtime().group_members(scope, group)?))
}

pub(crate) fn which_groups(scope: &str) -> Answer<Vec<Vec<u8>>> {
    Ok(current().context.runtime().groups(scope)?)
}

pub(crate) fn monitor(scope: &str, group: &[u8]) -> Answer<(Reference, Vec<Pid>)> {
    let (reference, members) = current().context.monitor_group(scope, group)?;
    Ok((Reference(reference.0), pids(members)))
}

#[expect(clippy::type_complexity, reason = "the reference, and the groups with their members")]
pub(crate) fn monitor_scope(scope: &str) -> Answer<(Reference, Vec<(Vec<u8>, Vec<Pid>)>)> {
    let (reference, groups) = current().context.monitor_scope(scope)?;
    let groups = groups.into_iter().map(|(name, members)| (name, pids(members)));
    Ok((Reference(reference.0), groups.collect()))
}

pub(crate) fn demonitor(scope: &str, monitor: Reference) -> Answer<bool> {
    Ok(current().context.demonitor_group(scope, otp::Reference(monitor.0))?)
}

impl From<otp::GroupError> for GroupError {
    fn from(error: otp::GroupError) -> Self {
        match error {
            otp::GroupError::NoScope => Self::NoScope,
            otp::GroupError::ScopeTaken(pid) => Self::ScopeTaken(pid.into()),
            otp::GroupError::BadName => Self::BadName,
            otp::GroupError::BadGroup(why) => Self::BadGroup(why),
            otp::GroupError::NoProc(pid) => Self::NoProc(pid.into()),
            otp::GroupError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
