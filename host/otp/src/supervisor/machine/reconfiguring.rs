//! Other flags and specifications for a supervisor that runs (`supervisor:code_change/3`, rule S60).

use std::collections::HashMap;

use super::{Action, Alarm, Child, ChildKey, Machine, Mode, Status};
use crate::pid::ReplyTo;
use crate::supervisor::definition::{Children, SupervisorSpec};
use crate::supervisor::request::{ManagementError, Response};
use crate::supervisor::spec::ChildSpec;

impl Machine {
    /// Swaps flags and specifications. Children that run go on; new ones are not started, and stand where their
    /// specification stands; those that are not mentioned stay, behind the others. How children come about can't change.
    pub(super) fn configure(&mut self, spec: SupervisorSpec, from: ReplyTo) -> Result<(), ManagementError> {
        match (&mut self.mode, spec.children) {
            (Mode::Static, Children::Static(children)) => self.swap_children(children),
            (Mode::Partitions { size }, Children::Partitions(children)) => {
                // Those that are in use stay in use; a new one is not started yet.
                *size = (*size).min(children.len());
                self.swap_children(children);
            }
            (
                Mode::FromTemplate { template, max_children },
                Children::FromTemplate { template: new, max_children: most },
            ) => {
                *template = new;
                *max_children = most;
            }
            (
                Mode::Dynamic { max_children, extra_arguments },
                Children::Dynamic { max_children: most, extra_arguments: extra },
            ) => {
                *max_children = most;
                *extra_arguments = extra;
            }
            (Mode::FromTemplate { .. } | Mode::Dynamic { .. }, _) => {
                return Err(ManagementError::DynamicChildren);
            }
            (Mode::Static | Mode::Partitions { .. }, _) => return Err(ManagementError::StaticChildren),
        }
        self.partitions_changed = true;
        self.window.reconfigure(spec.flags.intensity, spec.flags.period);
        for window in self.children.values_mut().filter_map(|child| child.window.as_mut()) {
            window.reconfigure(spec.flags.intensity, spec.flags.period);
        }
        self.flags = spec.flags;
        self.reply(from, Response::Done);
        Ok(())
    }

    fn swap_children(&mut self, specs: Vec<ChildSpec>) {
        let mut old = std::mem::take(&mut self.children);
        let mut by_id = std::mem::take(&mut self.by_id);
        let mut ordered = Vec::with_capacity(specs.len());
        for spec in specs {
            let known = by_id.remove(&spec.id).and_then(|key| Some((key, old.remove(&key)?)));
            ordered.push(match known {
                Some((key, child)) => {
                    if let Status::Alive(pid) = child.status {
                        self.actions.push(Action::ApplyTo(key, pid));
                    }
                    (Some(key), Child { spec, ..*child })
                }
                None => (None, Child::new(spec)),
            });
        }
        ordered.extend(old.into_iter().map(|(key, child)| (Some(key), *child)));
        let mut renamed: HashMap<ChildKey, ChildKey> = HashMap::new();
        for (old_key, child) in ordered {
            let due = match child.status {
                Status::Restarting { due, .. } => Some(due),
                _ => None,
            };
            let key = self.add(child);
            let Some(old_key) = old_key else { continue };
            renamed.insert(old_key, key);
            if let Some(due) = due {
                self.actions.push(Action::ClearAlarm(Alarm::Retry(old_key)));
                self.actions.push(Action::SetAlarm(Alarm::Retry(key), due.saturating_since(self.now)));
            }
        }
        self.by_pid.values_mut().for_each(|key| *key = renamed.get(key).copied().unwrap_or(*key));
        for action in &mut self.actions {
            if let Action::ApplyTo(key, _) = action {
                *key = renamed.get(key).copied().unwrap_or(*key);
            }
        }
    }
}
