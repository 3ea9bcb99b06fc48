//! What differs between two versions of a manifest's tree: a pure function, which `plan` shows and `apply` carries out.

use std::collections::{HashMap, HashSet};

use regrow_otp::Pid;
use regrow_otp::supervisor::{ChildInfo, ChildState, Restart};

use crate::control::{Change, ChangeKind};
use crate::engine::Contents;
use crate::manifest::{Child, ChildStart, Manifest, Supervisor, SupervisorKind};
use crate::node::settings::{Setting, bytes, child_settings, engine, program_settings, supervisor_settings};

/// One version of an application.
#[derive(Clone, Copy)]
pub(super) struct Version<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) contents: &'a Contents,
}

/// The supervisors that run, by their paths.
pub(super) type Live = HashMap<String, LiveSupervisor>;

/// A supervisor that runs, and its children.
pub(super) struct LiveSupervisor {
    pub(super) pid: Pid,
    /// By their ids; of dynamic ones, which share theirs, any.
    children: HashMap<String, ChildInfo>,
}

impl LiveSupervisor {
    pub(super) fn new(pid: Pid, children: Vec<ChildInfo>) -> Self {
        Self { pid, children: children.into_iter().map(|child| (child.id.clone(), child)).collect() }
    }

    fn child(&self, id: &str) -> Option<&ChildInfo> {
        self.children.get(id)
    }

    /// Whether a child has a process, or will have one by itself.
    fn is_active(&self, id: &str) -> bool {
        self.child(id).is_some_and(|child| !matches!(child.state, ChildState::Stopped | ChildState::Parked))
    }
}

/// What is done to a supervisor that goes on, in this order: what must go first is stopped, the specifications are swapped,
/// and then what is new is started, in the order of the children.
pub(super) struct SupervisorPlan {
    pub(super) path: String,
    pub(super) pid: Pid,
    /// Children that are stopped first, in start order: those that are replaced, and those whose names are needed.
    pub(super) stop_first: Vec<String>,
    /// In start order.
    pub(super) moves: Vec<Move>,
    /// Children that are stopped last, in start order, when all that is new runs.
    pub(super) remove: Vec<String>,
    /// Temporary children that have done their work: the supervisor knows them no more.
    pub(super) done: HashSet<String>,
}

/// A part of a plan that starts something.
pub(super) enum Move {
    /// A child is started.
    Start {
        id: String,
        /// Whether it was not there before.
        new: bool,
    },
    /// A supervisor among the children goes on, and something below it changes.
    Within(SupervisorPlan),
}

/// What is to be done, for people and for `apply`.
pub(super) struct Difference {
    pub(super) changes: Vec<Change>,
    pub(super) root: SupervisorPlan,
}

/// What differs from `old` to `new`, where `live` runs; why that can't be done while it runs, if it can't.
pub(super) fn difference(old: Version<'_>, new: Version<'_>, live: &Live) -> Result<Difference, String> {
    let name = &new.manifest.name.value;
    if old.manifest.name.value != *name {
        return Err(format!(
            "the application's name can't change while it runs: {:?} -> {name:?}; start another node",
            old.manifest.name.value
        ));
    }
    let (old_root, new_root) = (&old.manifest.supervisor, &new.manifest.supervisor);
    if let Some(why) = cannot_go_on(old_root, new_root) {
        return Err(format!(
            "the root supervisor can't be replaced while it runs ({why}); start another node"
        ));
    }
    let mut comparison = Comparison { old, new, live, changes: Vec::new(), conflicts: Vec::new() };
    comparison.components();
    let root = comparison.supervisor(name, old_root, new_root);
    let root = root.ok_or_else(|| "the tree is stopping".to_owned())?;
    if !comparison.conflicts.is_empty() {
        return Err(comparison.conflicts.join("; "));
    }
    Ok(Difference { changes: comparison.changes, root })
}

/// Why a supervisor can't go on as another, if it can't.
fn cannot_go_on(old: &Supervisor, new: &Supervisor) -> Option<String> {
    let name = |supervisor: &Supervisor| supervisor.name.as_ref().map(|name| name.value.clone());
    if name(old) != name(new) {
        return Some(Setting::line("name", &format!("{:?}", name(old)), &format!("{:?}", name(new))));
    }
    let kind = |supervisor: &Supervisor| match supervisor.kind {
        SupervisorKind::Static => "static children".to_owned(),
        SupervisorKind::Template { .. } => "children from a template".to_owned(),
        SupervisorKind::Dynamic { .. } => "dynamic children".to_owned(),
        SupervisorKind::Partitions(count) => format!("{count} partitions"),
    };
    (kind(old) != kind(new)).then(|| Setting::line("children", &kind(old), &kind(new)))
}

struct Comparison<'a> {
    old: Version<'a>,
    new: Version<'a>,
    live: &'a Live,
    changes: Vec<Change>,
    /// Why this can't be done.
    conflicts: Vec<String>,
}

impl Comparison<'_> {
    fn note(&mut self, kind: ChangeKind, path: impl Into<String>, details: Vec<String>) {
        self.changes.push(Change { kind, path: path.into(), details });
    }

    /// Components that are others: also what no child of the manifest runs may be spawned by a guest. What children run
    /// shows its grants and limits there.
    fn components(&mut self) {
        let run = self.new.manifest.supervisor.components();
        for component in &self.new.manifest.components {
            let name = &component.name.value;
            let Some((old, new)) = self.old.contents.get(name).zip(self.new.contents.get(name)) else {
                continue;
            };
            let lines = match run.contains(name.as_str()) {
                true => Setting::differences(&[bytes(old), engine(old)], &[bytes(new), engine(new)]),
                false => Setting::differences(&program_settings(old), &program_settings(new)),
            };
            if !lines.is_empty() {
                self.note(ChangeKind::Update, format!("component {name}"), lines);
            }
        }
    }

    /// What changes at and below a supervisor that goes on; none if it does not run.
    fn supervisor(&mut self, path: &str, old: &Supervisor, new: &Supervisor) -> Option<SupervisorPlan> {
        let live = self.live.get(path)?;
        let mut details = Setting::differences(&supervisor_settings(old), &supervisor_settings(new));
        // A child that was deleted by hand is not there any more; a temporary one that is not has done its work.
        let is_there = |child: &&Child| {
            old.kind != SupervisorKind::Static
                || child.restart == Restart::Temporary
                || live.child(&child.id.value).is_some()
        };
        let old_children: Vec<&Child> = old.children.iter().filter(is_there).collect();
        details.extend(order(&old_children, &new.children));
        if new.kind != SupervisorKind::Static {
            details.extend(self.template(old, new));
        }
        if !details.is_empty() {
            self.note(ChangeKind::Update, path, details);
        }
        let mut plan = SupervisorPlan {
            path: path.to_owned(),
            pid: live.pid,
            stop_first: Vec::new(),
            moves: Vec::new(),
            remove: Vec::new(),
            done: HashSet::new(),
        };
        if new.kind != SupervisorKind::Static {
            // Its children are not the manifest's; what they come from is swapped with its other settings.
            return Some(plan);
        }
        let by_id: HashMap<&str, &Child> =
            old_children.iter().map(|child| (child.id.value.as_str(), *child)).collect();
        for child in &new.children {
            let id = &child.id.value;
            match by_id.get(id.as_str()) {
                None if live.child(id).is_some() => self.conflicts.push(format!(
                    "{path}/{id} is there already, and not from the manifest; terminate and delete it, or take another id"
                )),
                None => {
                    self.note(ChangeKind::Add, format!("{path}/{id}"), vec![child.what()]);
                    plan.moves.push(Move::Start { id: id.clone(), new: true });
                }
                Some(old) => self.child(&mut plan, live, old, child),
            }
        }
        self.removed(&mut plan, live, &old_children, new);
        Some(plan)
    }

    fn child(&mut self, plan: &mut SupervisorPlan, live: &LiveSupervisor, old: &Child, new: &Child) {
        let id = &new.id.value;
        let path = format!("{}/{id}", plan.path);
        let (old_settings, new_settings) =
            (child_settings(old, self.old.contents), child_settings(new, self.new.contents));
        let lines = Setting::differences(&old_settings, &new_settings);
        let nested = match (&old.start, &new.start) {
            (ChildStart::Supervisor(old), ChildStart::Supervisor(new)) => Some((old, new)),
            _ => None,
        };
        let mut replaced = Setting::need_a_start(&old_settings, &new_settings);
        let mut lines = lines;
        if let Some((old, new)) = nested
            && let Some(why) = self.must_be_replaced(old, new)
        {
            lines.push(why);
            replaced = true;
        }
        if live.child(id).is_none() {
            plan.done.insert(id.clone());
        }
        // One that has done its work, was stopped, or is parked, is not started because of a change.
        if replaced && live.is_active(id) {
            self.note(ChangeKind::Replace, &path, lines);
            plan.stop_first.push(id.clone());
            plan.moves.push(Move::Start { id: id.clone(), new: false });
            return;
        }
        if !lines.is_empty() {
            self.note(ChangeKind::Update, &path, lines);
        }
        if let Some((old, new)) = nested
            && let Some(below) = self.supervisor(&path, old, new)
        {
            plan.moves.push(Move::Within(below));
        }
    }

    /// Why a supervisor among the children is started anew, if it is: it is another one, or its children, which are
    /// not the manifest's, would go on with what they came from.
    fn must_be_replaced(&self, old: &Supervisor, new: &Supervisor) -> Option<String> {
        let why = cannot_go_on(old, new);
        if why.is_some() || new.kind == SupervisorKind::Static {
            return why;
        }
        self.template(old, new)
    }

    /// What is different about the template of a supervisor's children.
    fn template(&self, old: &Supervisor, new: &Supervisor) -> Option<String> {
        let (old, new) = (old.children.first()?, new.children.first()?);
        let (old, new) = (child_settings(old, self.old.contents), child_settings(new, self.new.contents));
        let lines = Setting::differences(&old, &new);
        (!lines.is_empty()).then(|| format!("template: {}", lines.join("; ")))
    }

    fn removed(
        &mut self,
        plan: &mut SupervisorPlan,
        live: &LiveSupervisor,
        old: &[&Child],
        new: &Supervisor,
    ) {
        let kept: HashSet<&str> = new.children.iter().map(|child| child.id.value.as_str()).collect();
        let needed: HashSet<String> =
            self.new.manifest.supervisor.names().into_iter().map(|n| n.value).collect();
        for child in old.iter().filter(|child| !kept.contains(child.id.value.as_str())) {
            let id = child.id.value.clone();
            self.note(ChangeKind::Remove, format!("{}/{id}", plan.path), vec![child.what()]);
            if live.is_active(&id) && child.names().iter().any(|name| needed.contains(name)) {
                plan.stop_first.push(id.clone());
            }
            plan.remove.push(id);
        }
    }
}

/// How the children that stay have changed places, if they have.
fn order(old: &[&Child], new: &[Child]) -> Option<String> {
    let old_ids: Vec<&str> = old.iter().map(|child| child.id.value.as_str()).collect();
    let new_ids: Vec<&str> = new.iter().map(|child| child.id.value.as_str()).collect();
    let common = |ids: &[&str], others: &[&str]| -> Vec<String> {
        let others: HashSet<&str> = others.iter().copied().collect();
        ids.iter().filter(|id| others.contains(**id)).map(|id| (*id).to_owned()).collect()
    };
    let (old, new) = (common(&old_ids, &new_ids), common(&new_ids, &old_ids));
    (old != new).then(|| Setting::line("order", &old.join(", "), &new.join(", ")))
}

impl Child {
    /// What it is, in a few words.
    fn what(&self) -> String {
        match &self.start {
            ChildStart::Worker { component, entry, .. } => {
                format!("worker {}.{}", component.value, entry.value)
            }
            ChildStart::Supervisor(nested) => format!("supervisor with {} processes", nested.size()),
            ChildStart::Service(service) => format!("{} {:?}", service.kind.word(), service.name.value),
        }
    }

    /// The names that it and what is below it have.
    fn names(&self) -> Vec<String> {
        match &self.start {
            ChildStart::Worker { name, .. } => name.iter().map(|name| name.value.clone()).collect(),
            ChildStart::Supervisor(nested) => nested.names().into_iter().map(|name| name.value).collect(),
            ChildStart::Service(_) => Vec::new(),
        }
    }
}
