//! What an operator does is done by a process: it waits for supervisors as any other would.

use regrow_otp::supervisor::{self as supervisors, ChildInfo, ChildName, ChildState, ManagementError};
use regrow_otp::{Context, Destination, ExitReason, Pid, Runtime, SpawnOptions};
use tokio::sync::oneshot;

use crate::control::{ErrorKind, SteeringError};

/// What these processes are called in lists.
pub(super) const OPERATOR: &str = "operator";

/// Children that a message about a wrong name lists.
const MAX_LISTED: usize = 12;

/// Runs `body` as a process of the node; what it returns.
pub(super) async fn as_process<T, F, B>(runtime: &Runtime, body: F) -> Result<T, SteeringError>
where
    T: Send + 'static,
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = T> + Send + 'static,
{
    let (done, result) = oneshot::channel();
    let options = SpawnOptions { entry: Some(OPERATOR.into()), ..SpawnOptions::default() };
    let spawned = runtime.spawn(options, |context| async move {
        let _ = done.send(body(context).await);
        ExitReason::Normal
    });
    spawned.map_err(|error| SteeringError::new(ErrorKind::Failed, error.to_string()))?;
    let stopping = |_| SteeringError::new(ErrorKind::Failed, "the node is stopping");
    result.await.map_err(stopping)
}

/// What a name stands for.
pub(super) enum Named {
    /// The root supervisor.
    Root(Pid),
    /// A child of a supervisor.
    Child {
        /// Its supervisor.
        supervisor: Pid,
        /// How its supervisor knows it.
        name: ChildName,
        /// What it is doing.
        info: Box<ChildInfo>,
        /// Where it stands.
        path: String,
    },
    /// A process that is no supervisor's child.
    Process(Pid),
}

impl Named {
    /// Its process, if it has one.
    pub(super) fn pid(&self) -> Option<Pid> {
        match self {
            Self::Root(pid) | Self::Process(pid) => Some(*pid),
            Self::Child { info, .. } => info.state.pid(),
        }
    }
}

/// Finds what a path, a registered name or a shown pid stands for.
pub(super) async fn resolve(
    context: &Context,
    root: Pid,
    application: &str,
    text: &str,
) -> Result<Named, SteeringError> {
    let runtime = context.runtime();
    if text == application {
        return Ok(Named::Root(root));
    }
    if let Some(path) = text.strip_prefix(application).and_then(|rest| rest.strip_prefix('/')) {
        return walk(context, root, application, path).await;
    }
    let shown = |text: &str| runtime.processes().into_iter().find(|pid| pid.to_string() == text);
    if let Some((above, path)) = text.split_once('/').filter(|_| text.starts_with('<'))
        && let Some(supervisor) = shown(above).filter(|pid| context.is_supervisor(*pid))
    {
        return walk(context, supervisor, above, path).await;
    }
    let pid = if text.starts_with('<') { shown(text) } else { runtime.whereis(text) };
    let unknown = || {
        let hint = format!(
            "a path begins with {application:?}, a pid looks like <0.17.0>; `regrow tree` shows them"
        );
        SteeringError::new(ErrorKind::NotFound, format!("there is no process {text:?}: {hint}"))
    };
    let pid = pid.ok_or_else(unknown)?;
    if pid == root {
        return Ok(Named::Root(root));
    }
    let parent = runtime.process_info(pid).and_then(|info| info.identity.parent);
    let Some(supervisor) = parent.filter(|parent| context.is_supervisor(*parent)) else {
        return Ok(Named::Process(pid));
    };
    let children = glance(context, supervisor).await?;
    let path = path_of(context, root, supervisor);
    let child = children.into_iter().find(|child| child.state.pid() == Some(pid));
    Ok(child.map_or(Named::Process(pid), |child| named(supervisor, child, &path)))
}

/// Where a supervisor stands in the tree; one that is not of the tree is known by its pid.
fn path_of(context: &Context, root: Pid, supervisor: Pid) -> String {
    let info = |pid| context.runtime().process_info(pid);
    let above = std::iter::successors(Some(supervisor), |pid| {
        info(*pid)?.identity.parent.filter(|parent| context.is_supervisor(*parent))
    });
    let path = info(supervisor).and_then(|info| info.identity.entry);
    match path {
        Some(path) if above.last() == Some(root) => path.to_string(),
        _ => supervisor.to_string(),
    }
}

/// The children of a supervisor, in start order, whatever it is doing.
pub(super) async fn glance(context: &Context, supervisor: Pid) -> Result<Vec<ChildInfo>, SteeringError> {
    let children = supervisors::glance_at_children(context, &Destination::Pid(supervisor)).await;
    let mut children = children.map_err(|error| refused("the supervisor", &error))?;
    children.reverse();
    Ok(children)
}

async fn walk(context: &Context, root: Pid, application: &str, path: &str) -> Result<Named, SteeringError> {
    let (mut supervisor, mut above) = (root, application.to_owned());
    let mut ids = path.split('/').peekable();
    while let Some(id) = ids.next() {
        let children = glance(context, supervisor).await?;
        let child = find(&children, id, &above)?;
        if ids.peek().is_none() {
            return Ok(named(supervisor, child, &above));
        }
        above = format!("{above}/{id}");
        supervisor = match (child.child_type, child.state) {
            (supervisors::ChildType::Supervisor, ChildState::Running(pid) | ChildState::Starting(pid)) => pid,
            (supervisors::ChildType::Supervisor, state) => {
                let message = format!("{above} is {}, so nothing is below it; start it first", state.name());
                return Err(SteeringError::new(ErrorKind::NotFound, message));
            }
            (supervisors::ChildType::Worker, _) => {
                let message = format!("{above} is a worker, so nothing is below it");
                return Err(SteeringError::new(ErrorKind::NotFound, message));
            }
        };
    }
    Ok(Named::Root(root))
}

fn find(children: &[ChildInfo], id: &str, above: &str) -> Result<ChildInfo, SteeringError> {
    if let Some(child) = children.iter().find(|child| last_of_path(child) == id) {
        return Ok(child.clone());
    }
    let mut there: Vec<String> = children.iter().take(MAX_LISTED).map(last_of_path).collect();
    if children.len() > MAX_LISTED {
        there.push(format!("… and {} more", children.len() - MAX_LISTED));
    }
    let there = if there.is_empty() {
        "it has no children".to_owned()
    } else {
        format!("it has: {}", there.join(", "))
    };
    Err(SteeringError::new(ErrorKind::NotFound, format!("{above} has no child {id:?}; {there}")))
}

/// What a path to a child ends with: its id, or the pid of a dynamic one, the last if it has none.
pub(super) fn last_of_path(child: &ChildInfo) -> String {
    match child.state.pid().or(child.last_pid) {
        Some(pid) if child.is_dynamic => pid.to_string(),
        _ => child.id.clone(),
    }
}

fn named(supervisor: Pid, child: ChildInfo, above: &str) -> Named {
    let name = match child.last_pid {
        Some(pid) if child.is_dynamic => ChildName::Pid(pid),
        _ => ChildName::Id(child.id.clone()),
    };
    let path = format!("{above}/{}", last_of_path(&child));
    Named::Child { supervisor, name, info: Box::new(child), path }
}

/// A supervisor's refusal, for people.
pub(super) fn refused(path: &str, error: &ManagementError) -> SteeringError {
    let kind = match error {
        ManagementError::NotFound | ManagementError::NoProc => ErrorKind::NotFound,
        ManagementError::StartFailed(_) => ErrorKind::StartFailed,
        _ => ErrorKind::Refused,
    };
    SteeringError::new(kind, format!("{path}: {error}"))
}
