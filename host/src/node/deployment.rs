//! What runs on a node, and how it becomes something else: `plan` and `apply`.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use regrow_otp::supervisor::{self as supervisors, ChildState, ChildType, StartedChild, SupervisorSpec};
use regrow_otp::{Context, Destination, Pid, Runtime};

use crate::control::{ErrorKind, PlanReport, SteeringError};
use crate::engine::{Catalog, Contents, Engine};
use crate::manifest::Manifest;
use crate::node::application::Application;
use crate::node::difference::{Difference, Live, LiveSupervisor, Move, SupervisorPlan, Version, difference};
use crate::node::folders::Folders;
use crate::node::operator::{self, as_process};
use crate::node::tree::TreeBuilder;

type Answer<T> = Result<T, SteeringError>;

/// The version of the application that runs.
pub(super) struct Deployment {
    engine: Engine,
    manifest: Manifest,
    contents: Contents,
    catalog: Arc<Catalog>,
}

impl Deployment {
    pub(super) fn new(application: &Application, contents: Contents, catalog: Arc<Catalog>) -> Self {
        let (engine, manifest) = (application.engine().clone(), application.manifest().clone());
        Self { engine, manifest, contents, catalog }
    }

    pub(super) fn catalog(&self) -> &Arc<Catalog> {
        &self.catalog
    }

    /// Reads a manifest, compiles its guests where they changed, and loads them.
    pub(super) async fn load(&self, manifest: &Path) -> Answer<Application> {
        let (engine, path) = (self.engine.clone(), manifest.to_owned());
        let handle = tokio::runtime::Handle::current();
        // Compiling takes its time, and must not keep guests and other clients waiting.
        let loading = tokio::task::spawn_blocking(move || {
            let manifest = Manifest::read(&path).map_err(|error| error.to_string())?;
            // Who asks has compiled it already, and has seen what the compiler said.
            let loaded = handle.block_on(Application::load(manifest, &engine, &|_| {}));
            loaded.map_err(|error| error.to_string())
        });
        let loaded =
            loading.await.map_err(|error| SteeringError::new(ErrorKind::Failed, error.to_string()))?;
        loaded.map_err(|text| SteeringError::new(ErrorKind::InvalidManifest, text))
    }

    async fn difference(
        &self,
        runtime: &Runtime,
        root: Pid,
        new: &Application,
        contents: &Contents,
    ) -> Answer<Difference> {
        let name = self.manifest.name.value.clone();
        let live = as_process(runtime, move |context| async move {
            let mut live = Live::new();
            look(&context, root, name, &mut live).await.map(|()| live)
        });
        let live = live.await??;
        let old = (self.manifest.clone(), self.contents.clone());
        let new = (new.manifest().clone(), contents.clone());
        // Of a large tree that takes a moment, which others need not wait for.
        let compared = tokio::task::spawn_blocking(move || {
            let version = |(manifest, contents)| Version { manifest, contents };
            difference(version((&old.0, &old.1)), version((&new.0, &new.1)), &live)
        });
        let compared =
            compared.await.map_err(|error| SteeringError::new(ErrorKind::Failed, error.to_string()))?;
        compared.map_err(|why| SteeringError::new(ErrorKind::Refused, why))
    }

    /// What would change if `new` were applied.
    pub(super) async fn plan(&self, runtime: &Runtime, root: Pid, new: &Application) -> Answer<PlanReport> {
        let difference = self.difference(runtime, root, new, &new.contents()).await?;
        Ok(PlanReport { changes: difference.changes, applied: false })
    }

    /// Makes `new` run; if that fails, what ran before runs again.
    pub(super) async fn apply(
        &mut self,
        runtime: &Runtime,
        root: Pid,
        new: Application,
    ) -> Answer<PlanReport> {
        let contents = new.contents();
        let Difference { changes, root: plan } = self.difference(runtime, root, &new, &contents).await?;
        let specs = |manifest: &Manifest, contents: &Contents| {
            let builder = TreeBuilder { folders: Folders::of(manifest), catalog: &self.catalog, contents };
            let root = builder.supervisor(&manifest.supervisor, &manifest.name.value);
            let root = root.map_err(|why| SteeringError::new(ErrorKind::InvalidManifest, why))?;
            let mut specs = HashMap::new();
            collect(&root, &mut specs);
            Ok::<_, SteeringError>(specs)
        };
        let changing = Changing {
            old: specs(&self.manifest, &self.contents)?,
            new: specs(new.manifest(), &contents)?,
            // From here on guests spawn the new versions.
            before: Some(self.catalog.replace(contents.clone())),
            catalog: self.catalog.clone(),
            undo: Vec::new(),
            removals: Vec::new(),
        };
        match as_process(runtime, move |context| changing.carry_out(context, plan)).await? {
            Ok(()) => {
                self.manifest = new.manifest().clone();
                self.contents = contents;
                Ok(PlanReport { changes, applied: true })
            }
            Err(why) => Err(SteeringError::new(ErrorKind::RolledBack, why)),
        }
    }
}

/// Looks at a supervisor and those below it.
async fn look(context: &Context, root: Pid, path: String, live: &mut Live) -> Answer<()> {
    let mut left = vec![(root, path)];
    while let Some((pid, path)) = left.pop() {
        let children = match operator::glance(context, pid).await {
            Ok(children) => children,
            Err(_) if pid != root => continue,
            Err(error) => return Err(error),
        };
        for child in children.iter().filter(|child| child.child_type == ChildType::Supervisor) {
            let path = format!("{path}/{}", child.id);
            match child.state {
                ChildState::Running(pid) => left.push((pid, path)),
                // What is below it can't be compared yet.
                ChildState::Starting(_) | ChildState::Restarting { .. } => {
                    let message = format!("{path} is {}; try again when it runs", child.state.name());
                    return Err(SteeringError::new(ErrorKind::Busy, message));
                }
                ChildState::Stopped | ChildState::Parked => {}
            }
        }
        live.insert(path, LiveSupervisor::new(pid, children));
    }
    Ok(())
}

/// The specifications of a supervisor and of those below it, by their paths.
fn collect(spec: &SupervisorSpec, specs: &mut HashMap<String, SupervisorSpec>) {
    for child in spec.child_specs() {
        if let Some(nested) = child.start.as_supervisor() {
            collect(nested, specs);
        }
    }
    specs.insert(spec.path().to_owned(), spec.clone());
}

/// Something that is undone if a later step fails.
enum Undo {
    /// A child was stopped: it is started again.
    Stopped(Pid, String),
    /// A child was started that was there before: it is stopped again.
    Started(Pid, String),
    /// A child was started that is new: it is stopped and forgotten.
    Added(Pid, String),
    /// The specifications of a supervisor were swapped.
    Configured(Pid, String),
}

/// A change of the running tree.
struct Changing {
    old: HashMap<String, SupervisorSpec>,
    new: HashMap<String, SupervisorSpec>,
    catalog: Arc<Catalog>,
    /// The programs that guests spawned before.
    before: Option<Contents>,
    undo: Vec<Undo>,
    /// What goes when all that is new runs.
    removals: Vec<(Pid, String)>,
}

impl Changing {
    /// Carries a plan out, or has everything as it was, and says why.
    async fn carry_out(mut self, context: Context, plan: SupervisorPlan) -> Result<(), String> {
        let Err(why) = self.supervisors(&context, plan).await else {
            // The last one first: those that were started before may be what it needs to end in order.
            for (supervisor, id) in self.removals.iter().rev() {
                let _ = forget(&context, *supervisor, id).await;
            }
            return Ok(());
        };
        // What is started again is to spawn what it did before.
        if let Some(before) = self.before.take() {
            self.catalog.replace(before);
        }
        let mut failures = Vec::new();
        while let Some(undo) = self.undo.pop() {
            failures.extend(self.undo(&context, undo).await.err());
        }
        let rolled_back = "what had been changed was changed back";
        Err(match failures.is_empty() {
            true => format!("{why}; {rolled_back}"),
            false => format!("{why}; {rolled_back}, but for: {}", failures.join("; ")),
        })
    }

    /// Stops what must go before anything is started, in the whole tree: a name may move from one supervisor to another.
    async fn stop_first(&mut self, context: &Context, root: &SupervisorPlan) -> Result<(), String> {
        let mut order = Vec::new();
        let mut left = vec![root];
        while let Some(plan) = left.pop() {
            order.extend(plan.stop_first.iter().map(|id| (plan.pid, &plan.path, id)));
            left.extend(plan.moves.iter().rev().filter_map(|step| match step {
                Move::Within(below) => Some(below),
                Move::Start { .. } => None,
            }));
        }
        for (supervisor, path, id) in order.into_iter().rev() {
            let stopped =
                supervisors::terminate_child(context, &Destination::Pid(supervisor), id.as_str()).await;
            stopped.map_err(|error| format!("{path}/{id} could not be stopped: {error}"))?;
            self.undo.push(Undo::Stopped(supervisor, id.clone()));
        }
        Ok(())
    }

    /// Goes through a supervisor and those below it, in supervision order.
    async fn supervisors(&mut self, context: &Context, plan: SupervisorPlan) -> Result<(), String> {
        self.stop_first(context, &plan).await?;
        let mut left = vec![Work::Supervisor(plan)];
        while let Some(work) = left.pop() {
            match work {
                Work::Supervisor(plan) => {
                    self.configure(context, &plan).await?;
                    self.removals.extend(plan.remove.into_iter().map(|id| (plan.pid, id)));
                    let moves = plan.moves.into_iter().rev().map(|step| match step {
                        Move::Start { id, new } => {
                            Work::Start { supervisor: plan.pid, path: plan.path.clone(), id, new }
                        }
                        Move::Within(below) => Work::Supervisor(below),
                    });
                    left.extend(moves);
                }
                Work::Start { supervisor, path, id, new } => {
                    self.start(context, supervisor, &path, id, new).await?
                }
            }
        }
        Ok(())
    }

    async fn configure(&mut self, context: &Context, plan: &SupervisorPlan) -> Result<(), String> {
        let supervisor = Destination::Pid(plan.pid);
        let Some(spec) = self.new.get(&plan.path).cloned() else { return Ok(()) };
        let spec = spec.without(&plan.done);
        let configured = supervisors::configure(context, &supervisor, spec).await;
        configured.map_err(|error| format!("{} could not be changed: {error}", plan.path))?;
        self.undo.push(Undo::Configured(plan.pid, plan.path.clone()));
        Ok(())
    }

    async fn start(
        &mut self,
        context: &Context,
        supervisor: Pid,
        path: &str,
        id: String,
        new: bool,
    ) -> Result<(), String> {
        let undo = |id: String| if new { Undo::Added(supervisor, id) } else { Undo::Started(supervisor, id) };
        self.undo.push(undo(id.clone()));
        match supervisors::restart_child(context, &Destination::Pid(supervisor), id.as_str()).await {
            Ok(StartedChild::Running { .. } | StartedChild::Ignored) => Ok(()),
            Err(error) => Err(format!("{path}/{id}: {error}")),
        }
    }

    async fn undo(&self, context: &Context, undo: Undo) -> Result<(), String> {
        let said =
            |what: &str, id: &str, error: supervisors::ManagementError| format!("{id} {what}: {error}");
        match undo {
            Undo::Stopped(supervisor, id) => {
                let started =
                    supervisors::restart_child(context, &Destination::Pid(supervisor), id.as_str()).await;
                match started {
                    Ok(_) | Err(supervisors::ManagementError::Running) => Ok(()),
                    // A temporary child's specification goes with it.
                    Err(supervisors::ManagementError::NotFound) => Ok(()),
                    Err(error) => Err(said("could not be started again", &id, error)),
                }
            }
            Undo::Started(supervisor, id) => {
                let stopped =
                    supervisors::terminate_child(context, &Destination::Pid(supervisor), id.as_str()).await;
                stopped.map_err(|error| said("could not be stopped again", &id, error))
            }
            Undo::Added(supervisor, id) => forget(context, supervisor, &id).await,
            Undo::Configured(supervisor, path) => {
                let Some(spec) = self.old.get(&path).cloned() else { return Ok(()) };
                let configured = supervisors::configure(context, &Destination::Pid(supervisor), spec).await;
                configured.map_err(|error| said("could not be changed back", &path, error))
            }
        }
    }
}

enum Work {
    Supervisor(SupervisorPlan),
    Start { supervisor: Pid, path: String, id: String, new: bool },
}

/// Stops a child and forgets it, whatever of it is there.
async fn forget(context: &Context, supervisor: Pid, id: &str) -> Result<(), String> {
    let supervisor = Destination::Pid(supervisor);
    let said = |error: supervisors::ManagementError| match error {
        supervisors::ManagementError::NotFound => Ok(()),
        error => Err(format!("{id} could not be removed: {error}")),
    };
    if let Err(error) = supervisors::terminate_child(context, &supervisor, id).await {
        return said(error);
    }
    supervisors::delete_child(context, &supervisor, id).await.or_else(said)
}
