//! What a supervisor knows of its children.

use super::{Child, ChildKey, Machine, Mode, Phase, Purpose, Status};
use crate::pid::Pid;
use crate::supervisor::request::{ChildCounts, ChildInfo, ChildState};
use crate::supervisor::spec::ChildType;

impl Machine {
    /// The children in reverse start order (rule S56).
    pub(super) fn which_children(&self) -> Vec<ChildInfo> {
        let starting = self.starting_child();
        let info = |(key, child): (_, &Child)| {
            let spec = &child.spec;
            ChildInfo {
                id: spec.id.clone(),
                state: match child.status {
                    Status::Alive(pid) if starting == Some(key) => ChildState::Starting(pid),
                    Status::Alive(pid) => ChildState::Running(pid),
                    Status::Stopped => ChildState::Stopped,
                    Status::Restarting { due, .. } => {
                        ChildState::Restarting { after: due.saturating_since(self.now) }
                    }
                    Status::Parked => ChildState::Parked,
                },
                last_pid: child.last_pid,
                is_dynamic: self.is_dynamic(),
                child_type: spec.child_type,
                restart: spec.restart,
                shutdown: spec.shutdown,
                significant: spec.significant,
                target: spec.start.target(),
                restarts: child.restarts,
                last_exit: child.last_exit.clone(),
            }
        };
        self.children.iter().rev().map(|(key, child)| info((*key, child))).collect()
    }

    /// The child whose start is awaited.
    fn starting_child(&self) -> Option<ChildKey> {
        match &self.phase {
            Phase::Starting { current: Some((child, _)), .. } => Some(*child),
            _ => None,
        }
    }

    /// How many children there are (rules S57, S65). `is_alive` knows of a process whether it is; OTP does not ask for
    /// that of dynamic children.
    pub(in crate::supervisor) fn count_children(&self, is_alive: impl Fn(Pid) -> bool) -> ChildCounts {
        let (mut counts, dynamic) = (ChildCounts::default(), self.is_dynamic());
        for child in self.children.values() {
            counts.specs += 1;
            counts.active +=
                u64::from(matches!(child.status, Status::Alive(pid) if dynamic || is_alive(pid)));
            counts.parked += u64::from(child.status == Status::Parked);
            match child.spec.child_type {
                ChildType::Supervisor => counts.supervisors += 1,
                ChildType::Worker => counts.workers += 1,
            }
        }
        if let Mode::FromTemplate { .. } = self.mode {
            counts.specs = 1;
        }
        counts
    }

    pub(in crate::supervisor) fn is_from_template(&self) -> bool {
        matches!(self.mode, Mode::FromTemplate { .. })
    }

    /// Whether a child has, or has had, that process.
    pub(in crate::supervisor) fn knows(&self, pid: Pid) -> bool {
        self.by_pid.contains_key(&pid)
    }

    /// Whether the partitions in use may be others than when this was asked last. Not before all have started first:
    /// that would be asked once for each of them.
    pub(in crate::supervisor) fn partitions_have_changed(&mut self) -> bool {
        let starts = matches!(self.phase, Phase::Starting { purpose: Purpose::Initial, .. });
        !starts && std::mem::take(&mut self.partitions_changed)
    }

    /// The partitions in use, if its children are partitions.
    pub(in crate::supervisor) fn partitions(&self) -> Option<Vec<Option<Pid>>> {
        let Mode::Partitions { size } = self.mode else { return None };
        let starting = self.starting_child();
        let pids = self.children.iter().take(size).map(|(key, child)| match child.status {
            Status::Alive(pid) if starting != Some(*key) => Some(pid),
            _ => None,
        });
        Some(pids.collect())
    }
}
