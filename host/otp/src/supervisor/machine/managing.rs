//! What others ask for: OTP's management interface (rules S51 to S58, S62, S63, DS3 to DS6, PS4).

use std::collections::VecDeque;

use super::{Child, ChildKey, Machine, Mode, Phase, Purpose, Status, Then};
use crate::pid::ReplyTo;
use crate::supervisor::request::{ChildName, ManagementError, Request, Response};
use crate::supervisor::spec::ChildSpec;
use crate::supervisor::start::Arguments;
use crate::supervisor::validate::{SpecError, check_child};

impl Machine {
    /// Serves a request; the supervisor is idle.
    pub(super) fn on_request(&mut self, request: Request, from: ReplyTo) {
        let done = match request {
            Request::StartChild(spec) => self.start_child(spec, from),
            Request::StartFromTemplate(arguments) => self.start_from_template(&arguments, from),
            Request::TerminateChild(name) => self.terminate_child(&name, from),
            Request::RestartChild(name) => self.restart_child(&name, from),
            Request::DeleteChild(name) => self.delete_child(&name, from),
            Request::WhichChildren { .. } => {
                self.reply(from, Response::Children(self.which_children()));
                Ok(())
            }
            Request::CountChildren => {
                self.actions.push(super::Action::ReplyWithCounts(from));
                Ok(())
            }
            Request::GetChildSpec(name) => self.get_child_spec(&name, from),
            Request::GetTemplate => self.get_template(from),
            Request::Resize(partitions) => self.resize(partitions, from),
            Request::Configure(spec) => self.configure(*spec, from),
            Request::Nothing => {
                self.reply(from, Response::Done);
                Ok(())
            }
        };
        if let Err(error) = done {
            self.refuse(from, error);
        }
    }

    fn start_child(&mut self, mut spec: ChildSpec, from: ReplyTo) -> Result<(), ManagementError> {
        match &self.mode {
            Mode::FromTemplate { .. } => return Err(ManagementError::DynamicChildren),
            Mode::Partitions { size } => return Err(ManagementError::NoPartitions(*size)),
            Mode::Dynamic { extra_arguments, .. } if !extra_arguments.is_empty() => {
                let start = spec.start.with_arguments(&extra_arguments.terms, &[]);
                spec.start = start
                    .ok_or_else(|| ManagementError::Invalid(SpecError::TakesNoArguments(spec.id.clone())))?;
                spec.blobs = spec.blobs.and(&extra_arguments.blobs);
            }
            Mode::Dynamic { .. } | Mode::Static => {}
        }
        if let Some(error) = check_child(&self.flags, &spec) {
            return Err(ManagementError::Invalid(error));
        }
        // Rule S51.
        if let Some(child) = self.by_id.get(&spec.id).and_then(|key| self.children.get(key)) {
            return Err(match child.status {
                Status::Alive(pid) => ManagementError::AlreadyStarted(pid),
                _ => ManagementError::AlreadyPresent,
            });
        }
        self.start_new(spec, from)
    }

    fn start_from_template(&mut self, arguments: &Arguments, from: ReplyTo) -> Result<(), ManagementError> {
        let Mode::FromTemplate { template, .. } = &self.mode else {
            return Err(ManagementError::StaticChildren);
        };
        let mut spec = template.clone();
        if !arguments.is_empty() {
            let start = spec.start.with_arguments(&[], &arguments.terms);
            spec.start = start
                .ok_or_else(|| ManagementError::Invalid(SpecError::TakesNoArguments(spec.id.clone())))?;
            spec.blobs = spec.blobs.and(&arguments.blobs);
        }
        self.start_new(spec, from)
    }

    fn start_new(&mut self, spec: ChildSpec, from: ReplyTo) -> Result<(), ManagementError> {
        self.check_room()?;
        let key = self.add(Child::new(spec));
        self.start_all(VecDeque::from([key]), Purpose::Request { from, new: true });
        Ok(())
    }

    /// The child of that name, if children of this supervisor are named like that.
    fn find(&self, name: &ChildName) -> Result<ChildKey, ManagementError> {
        let found = match (name, self.is_dynamic()) {
            (ChildName::Id(id), false) => self.by_id.get(id),
            (ChildName::Pid(pid), true) => self.by_pid.get(pid),
            (ChildName::Id(_), true) => return Err(ManagementError::DynamicChildren),
            (ChildName::Pid(_), false) => None,
        };
        found.copied().ok_or(ManagementError::NotFound)
    }

    pub(super) fn status(&self, key: ChildKey) -> Status {
        self.children.get(&key).map_or(Status::Stopped, |child| child.status)
    }

    fn terminate_child(&mut self, name: &ChildName, from: ReplyTo) -> Result<(), ManagementError> {
        let key = self.find(name)?;
        if let Status::Alive(_) = self.status(key) {
            let then = Then::Reply(from, Response::Done);
            self.phase = Phase::Stopping { current: None, left: VecDeque::from([key]), then };
            self.stop_next();
            return Ok(());
        }
        // Rule S37: a restart that was to come does not.
        self.set_status(key, Status::Stopped);
        let temporary =
            self.spec(key).is_some_and(|spec| spec.restart == crate::supervisor::Restart::Temporary);
        if temporary || self.is_dynamic() {
            self.remove(key);
        }
        self.reply(from, Response::Done);
        Ok(())
    }

    /// Starts a child that does not run. One that is parked begins anew.
    fn restart_child(&mut self, name: &ChildName, from: ReplyTo) -> Result<(), ManagementError> {
        let key = match self.find(name) {
            // A parked child is all that a dynamic supervisor can restart.
            Ok(key) if self.is_dynamic() && self.status(key) != Status::Parked => {
                return Err(ManagementError::DynamicChildren);
            }
            found => found?,
        };
        match self.status(key) {
            Status::Alive(_) => return Err(ManagementError::Running),
            Status::Restarting { .. } => return Err(ManagementError::Restarting),
            Status::Parked | Status::Stopped => {}
        }
        if let Some(child) = self.children.get_mut(&key) {
            child.crashes = 0;
            child.window = None;
        }
        self.start_all(VecDeque::from([key]), Purpose::Request { from, new: false });
        Ok(())
    }

    fn delete_child(&mut self, name: &ChildName, from: ReplyTo) -> Result<(), ManagementError> {
        if self.is_dynamic() {
            return Err(ManagementError::DynamicChildren);
        }
        if let Mode::Partitions { size } = self.mode {
            return Err(ManagementError::NoPartitions(size));
        }
        let key = self.find(name)?;
        match self.status(key) {
            Status::Alive(_) => return Err(ManagementError::Running),
            Status::Restarting { .. } => return Err(ManagementError::Restarting),
            Status::Parked | Status::Stopped => self.remove(key),
        }
        self.reply(from, Response::Done);
        Ok(())
    }

    fn get_child_spec(&mut self, name: &ChildName, from: ReplyTo) -> Result<(), ManagementError> {
        let spec = match (&self.mode, name) {
            // The template has an id, its children have none.
            (Mode::FromTemplate { template, .. }, ChildName::Id(id)) => {
                Some(template).filter(|t| t.id == *id)
            }
            _ => self.spec(self.find(name)?),
        };
        let spec = spec.cloned().ok_or(ManagementError::NotFound)?;
        self.reply(from, Response::Spec(spec));
        Ok(())
    }

    fn get_template(&mut self, from: ReplyTo) -> Result<(), ManagementError> {
        let Mode::FromTemplate { template, .. } = &self.mode else {
            return Err(ManagementError::StaticChildren);
        };
        let template = template.clone();
        self.reply(from, Response::Spec(template));
        Ok(())
    }

    /// Rule PS4.
    fn resize(&mut self, partitions: usize, from: ReplyTo) -> Result<(), ManagementError> {
        let most = self.children.len();
        let Mode::Partitions { size } = &mut self.mode else { return Err(ManagementError::NoPartitions(0)) };
        if partitions > most {
            return Err(ManagementError::NoPartitions(most));
        }
        let old = *size;
        self.partitions_changed = true;
        if partitions >= old {
            *size = partitions;
            let more = self.children.keys().copied().take(partitions).skip(old);
            let left = more.filter(|key| self.status(*key) == Status::Stopped).collect();
            self.start_all(left, Purpose::Resize { from, old });
        } else {
            self.use_partitions(partitions, Then::Reply(from, Response::Resized(old)));
        }
        Ok(())
    }

    /// Uses so many partitions, which are not more than before, and stops the others.
    pub(super) fn use_partitions(&mut self, count: usize, then: Then) {
        if let Mode::Partitions { size } = &mut self.mode {
            *size = count;
        }
        let unused = self.children.len().saturating_sub(count);
        let left: VecDeque<ChildKey> = self.children.keys().rev().copied().take(unused).collect();
        for key in &left {
            if !matches!(self.status(*key), Status::Alive(_)) {
                self.set_status(*key, Status::Stopped);
            }
        }
        self.phase = Phase::Stopping { current: None, left, then };
        self.stop_next();
    }
}
