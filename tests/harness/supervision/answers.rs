//! What supervisors are asked, and their answers as Erlang would show them.

use std::sync::Arc;

use regrow_otp::supervisor::{self as supervisors, ChildName, ChildState, ManagementError, StartedChild};
use regrow_otp::{Context, Destination, Pid};
use regrow_term::Term;

use crate::supervision::children::{Declared, show_spec_error};
use crate::supervision::observed::Shared;

/// Asks a supervisor something; the answer as Erlang's would be shown.
pub(super) async fn ask(
    context: &Context,
    shared: &Arc<Shared>,
    operation: &str,
    supervisor: Pid,
    arguments: &[String],
) -> String {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let to = Destination::Pid(supervisor);
    let child = |word: &str| match word.strip_prefix('@') {
        Some(name) => shared.lock().pids.get(name).copied().map(ChildName::Pid),
        None => Some(ChildName::from(word)),
    };
    match (operation, &words[..]) {
        ("start_child", spec) => {
            let spec = Declared::parse(spec);
            shown(shared, supervisors::start_child(context, &to, spec.spec(shared)).await)
        }
        ("start_instance", [name, script]) => {
            let arguments = vec![Term::from(*name), Term::from(*script)];
            shown(shared, supervisors::start_from_template(context, &to, arguments).await)
        }
        ("terminate", [word]) => match child(word) {
            Some(child) => done(shared, supervisors::terminate_child(context, &to, child).await),
            None => "error not_found".to_owned(),
        },
        ("restart", [id]) => shown(shared, supervisors::restart_child(context, &to, *id).await),
        ("delete", [id]) => done(shared, supervisors::delete_child(context, &to, *id).await),
        ("which", []) => {
            let children = supervisors::which_children(context, &to).await.unwrap_or_default();
            let mut named: Vec<String> =
                children.iter().map(|child| show_child(context, shared, child)).collect();
            if supervisors::get_template(context, &to).await.is_ok() {
                named.sort();
            }
            if named.is_empty() {
                "children none".to_owned()
            } else {
                format!("children {}", named.join(" "))
            }
        }
        ("count", []) => match supervisors::count_children(context, &to).await {
            Ok(counts) => {
                format!("counts {} {} {} {}", counts.specs, counts.active, counts.supervisors, counts.workers)
            }
            Err(error) => show_error(shared, &error),
        },
        ("spec", [id]) => match supervisors::get_child_spec(context, &to, *id).await {
            Ok(spec) => format!(
                "spec {} {} {} {}",
                spec.restart.name(),
                spec.shutdown.to_string().trim_end_matches(" ms"),
                spec.child_type.name(),
                if spec.significant { "significant" } else { "plain" }
            ),
            Err(error) => show_error(shared, &error),
        },
        other => panic!("no operation: {other:?}"),
    }
}

fn show_child(context: &Context, shared: &Shared, child: &supervisors::ChildInfo) -> String {
    let name = |pid| shared.lock().ids.get(&pid).cloned();
    let (id, state) = match child.state {
        ChildState::Running(pid) if context.runtime().is_alive(pid) => (name(pid), "alive"),
        ChildState::Running(pid) => (name(pid), "dead"),
        ChildState::Stopped => (None, "undefined"),
        ChildState::Restarting { .. } => (None, "restarting"),
        other => (None, other.name()),
    };
    format!("{}:{state}", id.unwrap_or_else(|| child.id.clone()))
}

fn shown(shared: &Shared, started: Result<StartedChild, ManagementError>) -> String {
    match started {
        Ok(StartedChild::Running { pid, .. }) => {
            format!("ok {}", shared.lock().ids.get(&pid).cloned().unwrap_or_default())
        }
        Ok(StartedChild::Ignored) => "ok undefined".to_owned(),
        Err(error) => show_error(shared, &error),
    }
}

fn done(shared: &Shared, done: Result<(), ManagementError>) -> String {
    done.map_or_else(|error| show_error(shared, &error), |()| "ok".to_owned())
}

fn show_error(shared: &Shared, error: &ManagementError) -> String {
    match error {
        ManagementError::AlreadyStarted(pid) => {
            format!("error {{already_started,{}}}", shared.lock().ids.get(pid).cloned().unwrap_or_default())
        }
        ManagementError::AlreadyPresent => "error already_present".to_owned(),
        ManagementError::NotFound => "error not_found".to_owned(),
        ManagementError::Running => "error running".to_owned(),
        ManagementError::Restarting => "error restarting".to_owned(),
        ManagementError::DynamicChildren => "error simple_one_for_one".to_owned(),
        ManagementError::StartFailed(reason) => format!("error start_failed {}", shared.reason(reason)),
        ManagementError::NoProc => "error noproc".to_owned(),
        ManagementError::Invalid(error) => format!("error {}", show_spec_error(error)),
        other => format!("error {other}"),
    }
}
