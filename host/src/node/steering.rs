//! How a running node is steered: what the command line asks for over the control socket, as a Rust API.

use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::supervisor::{self as supervisors, ChildState, ChildType, StartedChild};
use regrow_otp::{Context, Destination, ExitReason, Pid, Runtime, SpawnOptions};
use regrow_term::{Term, decode, decode_refusal, encode};
use tokio::sync::broadcast;

use crate::control::{
    ChildRow, Commands, ErrorKind, PlanReport, ProcessDetails, ProcessRow, Reply, Request, SteeringError,
    TreeNode,
};
use crate::engine::{Argument, StartGuest};
use crate::node::deployment::Deployment;
use crate::node::operator::{self, Named, OPERATOR, as_process};
use crate::node::rows::{child_row, details, row};
use crate::observe::Logger;

/// A handle to a running node, for whoever steers it; clones are the same node.
#[derive(Clone)]
pub struct Steering {
    inner: Arc<Inner>,
}

struct Inner {
    runtime: Runtime,
    root: Pid,
    application: String,
    logger: Logger,
    /// What has been deployed; locked while it changes.
    deployment: Arc<tokio::sync::Mutex<Deployment>>,
}

type Answer<T> = Result<T, SteeringError>;

impl Steering {
    pub(super) fn new(
        runtime: Runtime,
        root: Pid,
        application: String,
        logger: Logger,
        deployment: Deployment,
    ) -> Self {
        let deployment = Arc::new(tokio::sync::Mutex::new(deployment));
        Self { inner: Arc::new(Inner { runtime, root, application, logger, deployment }) }
    }

    /// Waits until every child of the tree has started.
    ///
    /// # Errors
    /// [`ErrorKind::StartFailed`]: one could not, and the tree has ended.
    pub async fn await_started(&self) -> Answer<()> {
        let root = Destination::Pid(self.inner.root);
        let asked = as_process(&self.inner.runtime, move |context| async move {
            // The root serves nobody before its children have started.
            supervisors::count_children(&context, &root).await
        });
        let failed = |error: supervisors::ManagementError| {
            SteeringError::new(ErrorKind::StartFailed, error.to_string())
        };
        asked.await?.map(drop).map_err(failed)
    }

    /// The processes, in the order of their slots.
    pub fn processes(&self) -> Vec<ProcessRow> {
        let runtime = &self.inner.runtime;
        let infos = runtime.processes().into_iter().filter_map(|pid| runtime.process_info(pid));
        infos.filter(|info| info.identity.entry.as_deref() != Some(OPERATOR)).map(|info| row(&info)).collect()
    }

    /// The supervision tree.
    ///
    /// # Errors
    /// [`SteeringError`], if the node is stopping.
    pub async fn tree(&self) -> Answer<TreeNode> {
        let (root, application) = (self.inner.root, self.inner.application.clone());
        as_process(&self.inner.runtime, move |context| async move {
            let child = ChildRow {
                id: application.clone(),
                path: application.clone(),
                state: "running".to_owned(),
                pid: Some(root.to_string()),
                child_type: ChildType::Supervisor.name().to_owned(),
                restart: "temporary".to_owned(),
                shutdown: "infinity".to_owned(),
                significant: false,
                runs: None,
                restarts: 0,
                restart_in_ms: None,
                last_exit: None,
            };
            Ok(TreeNode { child, children: below(&context, root, application).await? })
        })
        .await?
    }

    /// Everything about a process; see [`Request`] for how it is named.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]
    pub async fn info(&self, process: &str) -> Answer<ProcessDetails> {
        let name = process.to_owned();
        self.with_named(process, move |context, named| async move {
            let info = named.pid().and_then(|pid| context.runtime().process_info(pid));
            info.map(|info| details(&info, &context.runtime().budgets(info.pid))).ok_or_else(|| {
                let state = match &named {
                    Named::Child { info, .. } => info.state.name(),
                    _ => "gone",
                };
                SteeringError::new(ErrorKind::NotFound, format!("{name} has no process: it is {state}"))
            })
        })
        .await
    }

    /// The children of a supervisor, in start order.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Refused`] (it is no supervisor)
    pub async fn children(&self, supervisor: &str) -> Answer<Vec<ChildRow>> {
        let (name, application) = (supervisor.to_owned(), self.inner.application.clone());
        self.with_named(supervisor, move |context, named| async move {
            let path = match &named {
                Named::Child { path, .. } => path.clone(),
                Named::Root(_) => application,
                // Somebody else's than the tree's: what is below it is found by its pid.
                Named::Process(pid) => pid.to_string(),
            };
            let Some(pid) = named.pid().filter(|pid| context.is_supervisor(*pid)) else {
                let message = format!("{name} is no supervisor that runs; `regrow tree` shows them");
                return Err(SteeringError::new(ErrorKind::Refused, message));
            };
            let children = operator::glance(&context, pid).await?;
            Ok(children.iter().map(|child| child_row(child, &path)).collect())
        })
        .await
    }

    /// Starts a child that does not run, or resumes one that is parked; its new process, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Refused`], [`ErrorKind::StartFailed`]
    pub async fn start(&self, child: &str) -> Answer<Option<String>> {
        self.with_child(child, |context, supervisor, name, path| async move {
            let started = supervisors::restart_child(&context, &supervisor, name).await;
            started.map(shown).map_err(|error| operator::refused(&path, &error))
        })
        .await
    }

    /// Stops a child and waits for its end.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Refused`]
    pub async fn terminate(&self, child: &str) -> Answer<()> {
        self.with_child(child, |context, supervisor, name, path| async move {
            let done = supervisors::terminate_child(&context, &supervisor, name).await;
            done.map_err(|error| operator::refused(&path, &error))
        })
        .await
    }

    /// Stops a child and starts it again; its new process, if there is one.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`], [`ErrorKind::Refused`] (of dynamic children), [`ErrorKind::StartFailed`]
    pub async fn restart(&self, child: &str) -> Answer<Option<String>> {
        self.with_child(child, |context, supervisor, name, path| async move {
            if let supervisors::ChildName::Pid(_) = name {
                let message = format!("{path}: a dynamic child can't be restarted by hand; terminate it");
                return Err(SteeringError::new(ErrorKind::Refused, message));
            }
            let refused = |error| operator::refused(&path, &error);
            let spec =
                supervisors::get_child_spec(&context, &supervisor, name.clone()).await.map_err(refused)?;
            supervisors::terminate_child(&context, &supervisor, name.clone()).await.map_err(refused)?;
            let started = match supervisors::restart_child(&context, &supervisor, name).await {
                // The specification of a temporary child went with it; now it stands behind the others.
                Err(supervisors::ManagementError::NotFound) => {
                    supervisors::start_child(&context, &supervisor, spec).await
                }
                started => started,
            };
            started.map(shown).map_err(refused)
        })
        .await
    }

    /// What applying a manifest would change.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidManifest`]
    pub async fn plan(&self, manifest: &Path) -> Answer<PlanReport> {
        let deployment = self.deployment()?;
        let application = deployment.load(manifest).await?;
        deployment.plan(&self.inner.runtime, self.inner.root, &application).await
    }

    /// Changes the running tree as a manifest says, in supervision order. If a new child can't be started, what has been
    /// changed is changed back.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidManifest`] (nothing was changed), [`ErrorKind::RolledBack`]
    pub async fn apply(&self, manifest: &Path) -> Answer<PlanReport> {
        let mut deployment = self.deployment()?;
        let (runtime, root, manifest) = (self.inner.runtime.clone(), self.inner.root, manifest.to_owned());
        // It goes on to its end, or back to its beginning, whoever stops waiting for it.
        let applied = tokio::spawn(async move {
            let application = deployment.load(&manifest).await?;
            deployment.apply(&runtime, root, application).await
        });
        applied.await.map_err(|error| SteeringError::new(ErrorKind::Failed, error.to_string()))?
    }

    fn deployment(&self) -> Answer<tokio::sync::OwnedMutexGuard<Deployment>> {
        let busy = |_| SteeringError::new(ErrorKind::Busy, "another plan or apply is under way; try again");
        self.inner.deployment.clone().try_lock_owned().map_err(busy)
    }

    /// Stops the node in order; does not wait for its end.
    pub fn stop(&self) {
        self.inner.runtime.exit(self.inner.root, ExitReason::Shutdown);
    }

    /// The last `lines` events of the log, and those that are to come.
    pub fn log(&self, lines: usize) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        self.inner.logger.last(lines)
    }

    /// Spawns a process that nobody supervises, from an entry of one of the application's components.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`] (no such component or entry), [`ErrorKind::Failed`]
    pub async fn spawn(&self, component: &str, entry: &str, argument: Term) -> Answer<Pid> {
        let catalog = self.inner.deployment.lock().await.catalog().clone();
        let program = catalog.get(component).filter(|program| program.component.entry(entry).is_some());
        let unknown = || SteeringError::new(ErrorKind::NotFound, format!("there is no {component}.{entry}"));
        let program = program.ok_or_else(unknown)?;
        let argument = Argument::Term(argument);
        let start = StartGuest {
            catalog,
            limits: program.limits,
            grants: program.grants.clone(),
            budget: None,
            kept: None,
            program,
            entry: entry.into(),
            argument,
            name: None,
            via: None,
        };
        let spawned = as_process(&self.inner.runtime, move |context| async move {
            start.spawn(&context, SpawnOptions::default())
        });
        let (pid, _) =
            spawned.await?.map_err(|error| SteeringError::new(ErrorKind::Failed, error.to_string()))?;
        Ok(pid)
    }

    /// Calls a process, by its pid or its registered name, and waits for its answer.
    ///
    /// # Errors
    /// [`ErrorKind::Failed`]: no answer came, or none that is a term.
    pub async fn call(&self, to: impl Into<Destination>, request: &Term, timeout: Duration) -> Answer<Term> {
        let failed = |why: String| SteeringError::new(ErrorKind::Failed, why);
        let (to, request) = (to.into(), encode(request).map_err(|error| failed(error.to_string()))?);
        let answer = as_process(&self.inner.runtime, move |context| async move {
            context.call(&to, Bytes::from(request), Some(timeout)).await
        });
        let answer = answer.await?.map_err(|error| failed(error.to_string()))?;
        if let Some(why) = decode_refusal(&answer) {
            return Err(failed(format!("the process did not understand the request: {why}")));
        }
        decode(&answer).map_err(|error| failed(format!("the answer is no term: {error}")))
    }

    async fn with_named<T, F, B>(&self, text: &str, body: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(Context, Named) -> B + Send + 'static,
        B: Future<Output = Answer<T>> + Send + 'static,
    {
        let (root, application, text) = (self.inner.root, self.inner.application.clone(), text.to_owned());
        as_process(&self.inner.runtime, move |context| async move {
            let named = operator::resolve(&context, root, &application, &text).await?;
            body(context, named).await
        })
        .await?
    }

    async fn with_child<T, F, B>(&self, text: &str, body: F) -> Answer<T>
    where
        T: Send + 'static,
        F: FnOnce(Context, Destination, supervisors::ChildName, String) -> B + Send + 'static,
        B: Future<Output = Answer<T>> + Send + 'static,
    {
        let shown = text.to_owned();
        self.with_named(text, move |context, named| async move {
            match named {
                Named::Child { supervisor, name, path, .. } => {
                    body(context, Destination::Pid(supervisor), name, path).await
                }
                Named::Root(_) => Err(SteeringError::new(
                    ErrorKind::Refused,
                    format!("{shown} is the root of the tree; `regrow stop` stops it"),
                )),
                Named::Process(_) => Err(SteeringError::new(
                    ErrorKind::Refused,
                    format!("{shown} is no supervisor's child; only its own parent can stop it"),
                )),
            }
        })
        .await
    }
}

impl Commands for Steering {
    fn run(&self, request: Request) -> Pin<Box<dyn Future<Output = Reply> + Send>> {
        let node = self.clone();
        Box::pin(async move {
            let reply = match request {
                Request::Ps => Ok(Reply::Processes(node.processes())),
                Request::Tree => node.tree().await.map(|tree| Reply::Tree(Box::new(tree))),
                Request::Info { process } => {
                    node.info(&process).await.map(|info| Reply::Process(Box::new(info)))
                }
                Request::Children { supervisor } => node.children(&supervisor).await.map(Reply::Children),
                Request::Start { child } => node.start(&child).await.map(Reply::Started),
                Request::Terminate { child } => node.terminate(&child).await.map(|()| Reply::Done),
                Request::Restart { child } => node.restart(&child).await.map(Reply::Started),
                Request::Plan { manifest } => node.plan(&manifest).await.map(Reply::Plan),
                Request::Apply { manifest } => node.apply(&manifest).await.map(Reply::Plan),
                Request::Stop => {
                    node.stop();
                    Ok(Reply::Done)
                }
                Request::Logs { .. } => Ok(Reply::Done),
            };
            reply.unwrap_or_else(Reply::Error)
        })
    }

    fn log(&self, lines: usize) -> (Vec<Arc<str>>, broadcast::Receiver<Arc<str>>) {
        Steering::log(self, lines)
    }
}

/// What is below a supervisor.
fn below(
    context: &Context,
    supervisor: Pid,
    path: String,
) -> Pin<Box<dyn Future<Output = Answer<Vec<TreeNode>>> + Send + '_>> {
    Box::pin(async move {
        let mut nodes = Vec::new();
        for child in operator::glance(context, supervisor).await? {
            let row = child_row(&child, &path);
            let children = match (child.child_type, child.state) {
                // One that ends at this moment has nothing below it.
                (ChildType::Supervisor, ChildState::Running(pid) | ChildState::Starting(pid)) => {
                    below(context, pid, row.path.clone()).await.unwrap_or_default()
                }
                _ => Vec::new(),
            };
            nodes.push(TreeNode { child: row, children });
        }
        Ok(nodes)
    })
}

fn shown(started: StartedChild) -> Option<String> {
    match started {
        StartedChild::Running { pid, .. } => Some(pid.to_string()),
        StartedChild::Ignored => None,
    }
}
