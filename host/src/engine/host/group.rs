//! `regrow:otp/group`

use regrow_otp::{GroupError, MAX_INFO_ENTRIES, Pid, Reference};

use crate::engine::bindings::regrow::otp::group as wit;
use crate::engine::bindings::regrow::otp::group::Host;
use crate::engine::bindings::regrow::otp::types;
use crate::engine::host::authority::good;
use crate::engine::state::GuestState;

type Answer<T> = Result<T, wit::GroupError>;

/// What a membership takes of work, as bytes that are moved.
const MEMBER_COST: usize = 512;

impl GuestState {
    /// Whether the guest may use a scope.
    fn may_use_scope(&self, scope: &str) -> wasmtime::Result<Answer<()>> {
        if self.owner()?.grants.groups.iter().any(|pattern| pattern.matches(scope)) {
            return Ok(Ok(()));
        }
        self.denied("groups", scope);
        Ok(Err(wit::GroupError::Denied(format!("groups: {scope:?} is not among the grants"))))
    }

    /// Those whom the guest may make members, or no members any more.
    fn may_enlist(&self, pids: Vec<types::Pid>) -> wasmtime::Result<Answer<Vec<Pid>>> {
        let mut enlisted = Vec::with_capacity(pids.len());
        for pid in pids {
            let pid: Pid = pid.into();
            if let Err(types::Error::Denied(why)) = self.may_signal(pid)? {
                return Ok(Err(wit::GroupError::Denied(why)));
            }
            enlisted.push(pid);
        }
        Ok(Ok(enlisted))
    }
}

fn check_listed(entries: usize) -> Answer<()> {
    if entries <= MAX_INFO_ENTRIES {
        return Ok(());
    }
    let (allowed, requested) = (MAX_INFO_ENTRIES as u64, entries as u64);
    Err(wit::GroupError::Limit(types::LimitExceeded { which: "info_entries".to_owned(), allowed, requested }))
}

fn wit_pids(pids: Vec<Pid>) -> Vec<types::Pid> {
    pids.into_iter().map(Into::into).collect()
}

impl Host for GuestState {
    async fn start_scope(&mut self, scope: String) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(scope.len()).await?;
        good!(self.may_use_scope(&scope)?);
        Ok(context.start_scope(&scope).map_err(Into::into))
    }

    async fn join(
        &mut self,
        scope: String,
        group: Vec<u8>,
        pids: Vec<types::Pid>,
    ) -> wasmtime::Result<Answer<()>> {
        let context = self.charge(scope.len() + group.len() + pids.len() * MEMBER_COST).await?;
        good!(self.may_use_scope(&scope)?);
        let pids = good!(self.may_enlist(pids)?);
        Ok(context.join_group(&scope, &group, &pids).map_err(Into::into))
    }

    async fn leave(
        &mut self,
        scope: String,
        group: Vec<u8>,
        pids: Vec<types::Pid>,
    ) -> wasmtime::Result<Answer<bool>> {
        let context = self.charge(scope.len() + group.len() + pids.len() * MEMBER_COST).await?;
        good!(self.may_use_scope(&scope)?);
        let pids = good!(self.may_enlist(pids)?);
        Ok(context.leave_group(&scope, &group, &pids).map_err(Into::into))
    }

    async fn members(&mut self, scope: String, group: Vec<u8>) -> wasmtime::Result<Answer<Vec<types::Pid>>> {
        let context = self.charge(scope.len() + group.len()).await?;
        good!(self.may_use_scope(&scope)?);
        let members = good!(context.runtime().group_members(&scope, &group));
        good!(check_listed(members.len()));
        self.charge_moved(members.len() * size_of::<Pid>()).await;
        Ok(Ok(wit_pids(members)))
    }

    async fn which_groups(&mut self, scope: String) -> wasmtime::Result<Answer<Vec<Vec<u8>>>> {
        let context = self.charge(scope.len()).await?;
        good!(self.may_use_scope(&scope)?);
        let groups = good!(context.runtime().groups(&scope));
        good!(check_listed(groups.len()));
        self.charge_moved(groups.iter().map(Vec::len).sum()).await;
        Ok(Ok(groups))
    }

    async fn monitor(&mut self, scope: String, group: Vec<u8>) -> wasmtime::Result<Answer<wit::Watched>> {
        let context = self.charge(scope.len() + group.len()).await?;
        good!(self.may_use_scope(&scope)?);
        let (monitor, members) = good!(context.monitor_group(&scope, &group));
        if let Err(error) = check_listed(members.len()) {
            let _it_is_ours = context.demonitor_group(&scope, monitor);
            return Ok(Err(error));
        }
        self.charge_moved(members.len() * size_of::<Pid>()).await;
        Ok(Ok(wit::Watched { monitor: monitor.0, members: wit_pids(members) }))
    }

    async fn monitor_scope(&mut self, scope: String) -> wasmtime::Result<Answer<wit::WatchedScope>> {
        let context = self.charge(scope.len()).await?;
        good!(self.may_use_scope(&scope)?);
        let (monitor, groups) = good!(context.monitor_scope(&scope));
        let entries = groups.iter().map(|(_, members)| 1 + members.len()).sum();
        if let Err(error) = check_listed(entries) {
            let _it_is_ours = context.demonitor_group(&scope, monitor);
            return Ok(Err(error));
        }
        self.charge_moved(
            groups.iter().map(|(name, _)| name.len()).sum::<usize>() + entries * size_of::<Pid>(),
        )
        .await;
        let groups =
            groups.into_iter().map(|(name, members)| wit::NamedGroup { name, members: wit_pids(members) });
        Ok(Ok(wit::WatchedScope { monitor: monitor.0, groups: groups.collect() }))
    }

    async fn demonitor(&mut self, scope: String, monitor: u64) -> wasmtime::Result<Answer<bool>> {
        let context = self.charge(scope.len()).await?;
        good!(self.may_use_scope(&scope)?);
        Ok(context.demonitor_group(&scope, Reference(monitor)).map_err(Into::into))
    }
}

impl From<GroupError> for wit::GroupError {
    fn from(error: GroupError) -> Self {
        match error {
            GroupError::NoScope => Self::NoScope,
            GroupError::ScopeTaken(pid) => Self::ScopeTaken(pid.into()),
            GroupError::BadName => Self::BadName,
            GroupError::BadGroup(why) => Self::BadGroup(why),
            GroupError::NoProc(pid) => Self::Noproc(pid.into()),
            GroupError::Limit(limit) => Self::Limit(limit.into()),
        }
    }
}
