//! What others do to a supervisor: OTP's functions of the module `supervisor`. They wait as long as it takes (rule
//! S59); whoever waits can be killed.

use bytes::Bytes;
use regrow_term::Term;

use crate::monitor::Role;
use crate::pid::Destination;
use crate::process::{Context, ProcessKind};
use crate::received::{Received, SystemKind, SystemMessage};
use crate::supervisor::definition::SupervisorSpec;
use crate::supervisor::request::{
    ChildCounts, ChildInfo, ChildName, ManagementError, Request, Response, StartedChild, SupervisorRequest,
};
use crate::supervisor::spec::ChildSpec;
use crate::supervisor::start::Arguments;

type Answer<T> = Result<T, ManagementError>;

/// Starts a child behind the others and adds its specification (`supervisor:start_child/2`, rules S51, S52; of a
/// DynamicSupervisor, rules DS2 to DS5).
///
/// # Errors
/// [`ManagementError`]; nothing is kept of a child that could not be started.
pub async fn start_child(
    context: &Context,
    supervisor: &Destination,
    spec: ChildSpec,
) -> Answer<StartedChild> {
    started(request(context, supervisor, Request::StartChild(spec)).await?)
}

/// Starts another child from the template of a `simple_one_for_one` supervisor, with more arguments (rule S62).
///
/// # Errors
/// [`ManagementError`]
pub async fn start_from_template(
    context: &Context,
    supervisor: &Destination,
    arguments: Vec<Term>,
) -> Answer<StartedChild> {
    let arguments = Arguments::of(context, arguments);
    started(request(context, supervisor, Request::StartFromTemplate(arguments)).await?)
}

/// Stops a child and waits for its end (`supervisor:terminate_child/2`, rules S53, S63, DS6). Its specification stays,
/// unless it is temporary or dynamic.
///
/// # Errors
/// [`ManagementError`]
pub async fn terminate_child(
    context: &Context,
    supervisor: &Destination,
    child: impl Into<ChildName>,
) -> Answer<()> {
    done(request(context, supervisor, Request::TerminateChild(child.into())).await?)
}

/// Starts a child that does not run from its specification (`supervisor:restart_child/2`, rule S54), or resumes one that
/// is parked.
///
/// # Errors
/// [`ManagementError`]
pub async fn restart_child(
    context: &Context,
    supervisor: &Destination,
    child: impl Into<ChildName>,
) -> Answer<StartedChild> {
    started(request(context, supervisor, Request::RestartChild(child.into())).await?)
}

/// Forgets a child that does not run (`supervisor:delete_child/2`, rule S55).
///
/// # Errors
/// [`ManagementError`]
pub async fn delete_child(
    context: &Context,
    supervisor: &Destination,
    child: impl Into<ChildName>,
) -> Answer<()> {
    done(request(context, supervisor, Request::DeleteChild(child.into())).await?)
}

/// The children in reverse start order (`supervisor:which_children/1`, rule S56).
///
/// # Errors
/// [`ManagementError`]
pub async fn which_children(context: &Context, supervisor: &Destination) -> Answer<Vec<ChildInfo>> {
    children(request(context, supervisor, Request::WhichChildren { at_once: false }).await?)
}

/// As [`which_children`], but without waiting until the supervisor has finished what it is doing: for whoever looks on.
///
/// # Errors
/// [`ManagementError`]
pub async fn glance_at_children(context: &Context, supervisor: &Destination) -> Answer<Vec<ChildInfo>> {
    children(request(context, supervisor, Request::WhichChildren { at_once: true }).await?)
}

/// How many children there are (`supervisor:count_children/1`, rules S57, S65).
///
/// # Errors
/// [`ManagementError`]
pub async fn count_children(context: &Context, supervisor: &Destination) -> Answer<ChildCounts> {
    match request(context, supervisor, Request::CountChildren).await? {
        Response::Counts(counts) => Ok(counts),
        other => Err(misfit(other)),
    }
}

/// The specification of a child (`supervisor:get_childspec/2`, rule S58).
///
/// # Errors
/// [`ManagementError`]
pub async fn get_child_spec(
    context: &Context,
    supervisor: &Destination,
    child: impl Into<ChildName>,
) -> Answer<ChildSpec> {
    spec(request(context, supervisor, Request::GetChildSpec(child.into())).await?)
}

/// The template of a `simple_one_for_one` supervisor.
///
/// # Errors
/// [`ManagementError`]
pub async fn get_template(context: &Context, supervisor: &Destination) -> Answer<ChildSpec> {
    spec(request(context, supervisor, Request::GetTemplate).await?)
}

/// Changes how many partitions a PartitionSupervisor uses, up to what it was started with; how many it used before
/// (`PartitionSupervisor.resize!/2`, rule PS4).
///
/// # Errors
/// [`ManagementError`]
pub async fn resize(context: &Context, supervisor: &Destination, partitions: usize) -> Answer<usize> {
    match request(context, supervisor, Request::Resize(partitions)).await? {
        Response::Resized(old) => Ok(old),
        other => Err(misfit(other)),
    }
}

/// Swaps the flags and the specifications of a supervisor that runs (`supervisor:code_change/3`, rule S60). Children that
/// run go on, and get of a changed specification what can be applied; new ones are not started; those that are not
/// mentioned stay. Its path and its name stay, too.
///
/// # Errors
/// [`ManagementError::DynamicChildren`], [`ManagementError::StaticChildren`]: how children come about can't change.
pub async fn configure(context: &Context, supervisor: &Destination, spec: SupervisorSpec) -> Answer<()> {
    done(request(context, supervisor, Request::Configure(Box::new(spec))).await?)
}

fn started(response: Response) -> Answer<StartedChild> {
    match response {
        Response::Started(started) => Ok(started),
        other => Err(misfit(other)),
    }
}

fn done(response: Response) -> Answer<()> {
    match response {
        Response::Done => Ok(()),
        other => Err(misfit(other)),
    }
}

fn spec(response: Response) -> Answer<ChildSpec> {
    match response {
        Response::Spec(spec) => Ok(spec),
        other => Err(misfit(other)),
    }
}

fn children(response: Response) -> Answer<Vec<ChildInfo>> {
    match response {
        Response::Children(children) => Ok(children),
        other => Err(misfit(other)),
    }
}

fn misfit(response: Response) -> ManagementError {
    match response {
        Response::Failed(error) => error,
        _ => ManagementError::NotASupervisor,
    }
}

async fn request(context: &Context, supervisor: &Destination, request: Request) -> Answer<Response> {
    let inner = &context.runtime().inner;
    let target = inner.resolve(supervisor).ok_or(ManagementError::NoProc)?;
    if target == context.pid() {
        return Err(ManagementError::CallingSelf);
    }
    let kind = inner.table.get(target).map(|process| process.identity.kind);
    if kind.ok_or(ManagementError::NoProc)? != ProcessKind::Supervisor {
        return Err(ManagementError::NotASupervisor);
    }
    // As for a call: the end of the supervisor is an answer, too.
    let object = Destination::Pid(target);
    let reference =
        context.hold_monitor(Some(target), object, Role::Call, None).map_err(ManagementError::Limit)?;
    let kind = SystemKind::SupervisorRequest(SupervisorRequest(Box::new(request)));
    let system = SystemMessage { kind, reference, from: context.pid(), payload: Bytes::new() };
    context.send_system(target, system);
    let answer = context.receive_answer(reference, None).await;
    context.abandon(reference);
    match answer {
        Some(Received::System(SystemMessage { kind: SystemKind::SupervisorResponse(response), .. })) => {
            Ok(*response.0)
        }
        Some(Received::Down { reason: crate::ExitReason::NoProc, .. }) => Err(ManagementError::NoProc),
        Some(Received::Down { reason, .. }) => Err(ManagementError::Down(reason)),
        _ => Err(ManagementError::NoProc),
    }
}
