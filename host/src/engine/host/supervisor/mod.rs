//! `regrow:otp/supervisor`

mod convert;

use std::sync::Arc;
use std::time::Duration;

use regrow_otp::supervisor::{
    self as supervisors, Arguments, AutoShutdown, ChildSpec, ManagementError, SpecError, StartChild,
    Strategy, SupFlags, SupervisorSpec, joined_arguments,
};
use regrow_otp::{
    Context, Destination, ExitReason, LimitExceeded, MAX_INFO_ENTRIES, SpawnOptions, StartOutcome, check_name,
};
use regrow_term::{Term, decode};

use crate::engine::bindings::regrow::otp::supervisor as sup;
use crate::engine::bindings::regrow::otp::supervisor::{Host, SupervisorError};
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::authority::{check_entries, good};
use crate::engine::host::convert::{destination_len, via_len};
use crate::engine::host::supervisor::convert::{started, with_start};
use crate::engine::start::{Argument, StartGuest};
use crate::engine::state::GuestState;

type Outcome<T> = wasmtime::Result<Result<T, SupervisorError>>;

/// How long a guest's child may hold up the supervisor of somebody else when it starts or stops.
const OTHERS_TIME: Duration = Duration::from_secs(60);

fn ends_in_time(spec: &sup::ChildSpec) -> bool {
    let in_time = |ms: u64| Duration::from_millis(ms) <= OTHERS_TIME;
    spec.start_timeout_ms.is_some_and(in_time)
        && match spec.shutdown {
            sup::Shutdown::BrutalKill => true,
            sup::Shutdown::TimeoutMs(ms) => in_time(ms),
            sup::Shutdown::Infinity => false,
        }
}

/// How much more it is to decode a byte than to move it.
const DECODED: usize = 16;

/// What a child in a list is charged with, in bytes that are moved.
const CHILD_INFO_BYTES: usize = 128;

impl GuestState {
    /// The supervisor, if the guest may manage it: it descends from this process, or its name is granted.
    async fn manage(
        &mut self,
        supervisor: wit::Destination,
        bytes: usize,
    ) -> Outcome<(Context, Destination)> {
        let context = self.charge(destination_len(&supervisor) + bytes).await?;
        // Whether there is somebody of that name is not said to who may not know.
        let granted = &self.owner()?.grants.supervise;
        let named = match supervisor {
            wit::Destination::Name(name) if granted.contains(&name) => Destination::Name(name),
            other => good!(self.reachable(other)?.map_err(SupervisorError::Refused)),
        };
        let pid = match &named {
            Destination::Pid(pid) => Some(*pid),
            Destination::Name(name) => context.runtime().whereis(name),
            Destination::Via(via) => context.runtime().whereis_via(via),
        };
        let Some(pid) = pid else { return Ok(Err(SupervisorError::Noproc)) };
        let runtime = context.runtime();
        if !runtime.is_alive(pid) {
            return Ok(Err(SupervisorError::Noproc));
        }
        if !context.is_supervisor(pid) {
            return Ok(Err(SupervisorError::NotASupervisor));
        }
        let is_granted = || granted.iter().any(|name| runtime.whereis(name) == Some(pid));
        if context.may_inspect(pid).is_err() && !is_granted() {
            let why =
                "supervise: the supervisor does not descend from this process and is not among the grants";
            self.denied("supervise", &pid.to_string());
            return Ok(Err(denied(why)));
        }
        Ok(Ok((context, Destination::Pid(pid))))
    }

    /// How a child is started, if the guest may.
    fn child_start(&self, spec: &sup::ChildSpec) -> Outcome<StartGuest> {
        let owner = self.owner()?;
        let component = spec.component.as_deref().unwrap_or(owner.program.component.name());
        if !owner.grants.may_start_child(component, &spec.entry) {
            let what = format!("start_children: \"{component}.{}\" is not among the grants", spec.entry);
            self.denied("start_children", &format!("{component}.{}", spec.entry));
            return Ok(Err(denied(what)));
        }
        let argument = good!(decoded(&spec.argument, &format_args!("the argument of child {:?}", spec.id)));
        let kept = good!(self.kept.spec(&owner.context, argument.weight()).map_err(refused_limit));
        if let Some(Err(error)) = spec.name.as_deref().map(check_name) {
            return Ok(Err(bad_argument(format!("the name of child {:?}: {error}", spec.id))));
        }
        let via = good!(self.named_by(spec.via.as_ref())?.map_err(SupervisorError::Refused));
        let start =
            self.granted_start(spec.component.clone(), spec.entry.clone(), Vec::new(), spec.name.clone())?;
        Ok(match start {
            Ok(start) => {
                Ok(StartGuest { argument: Argument::Term(argument), kept: Some(kept), via, ..start })
            }
            Err(error) => Err(SupervisorError::Refused(error)),
        })
    }

    fn child_spec(&self, spec: &sup::ChildSpec) -> Outcome<ChildSpec> {
        let context = &self.owner()?.context;
        Ok(self.child_start(spec)?.map(|start| with_start(context, spec, Arc::new(start))))
    }

    fn supervisor_spec(&self, spec: sup::SupervisorSpec) -> Outcome<SupervisorSpec> {
        let owner = self.owner()?;
        if let Some(name) = &spec.name {
            good!(self.may_register(name)?.map_err(SupervisorError::Refused));
            good!(check_name(name).map_err(|error| bad_argument(format!("the supervisor's name: {error}"))));
        }
        let flags = SupFlags {
            strategy: match spec.strategy {
                sup::Strategy::OneForOne => Strategy::OneForOne,
                sup::Strategy::OneForAll => Strategy::OneForAll,
                sup::Strategy::RestForOne => Strategy::RestForOne,
            },
            intensity: spec.intensity,
            period: Duration::from_secs(spec.period_s.into()),
            auto_shutdown: match spec.auto_shutdown {
                sup::AutoShutdown::Never => AutoShutdown::Never,
                sup::AutoShutdown::AnySignificant => AutoShutdown::AnySignificant,
                sup::AutoShutdown::AllSignificant => AutoShutdown::AllSignificant,
            },
        };
        let own = owner.context.identity().entry.as_deref().unwrap_or("process");
        let path = format!("{own} {}/{}", owner.context.pid(), spec.name.as_deref().unwrap_or("supervisor"));
        let built = match spec.children {
            sup::Children::Fixed(children) => {
                let mut specs = Vec::with_capacity(children.len());
                for child in &children {
                    specs.push(good!(self.child_spec(child)?));
                }
                SupervisorSpec::new(path, spec.name, flags, specs)
            }
            sup::Children::Template(child) => {
                let flags = SupFlags { strategy: Strategy::SimpleOneForOne, ..flags };
                SupervisorSpec::new(path, spec.name, flags, vec![good!(self.child_spec(&child)?)])
            }
            sup::Children::Dynamic(_) if flags.auto_shutdown != AutoShutdown::Never => {
                Err(vec![SpecError::AutoShutdownOfDynamic])
            }
            sup::Children::Dynamic(extra) => {
                let extra = Arguments::of(&owner.context, good!(terms(&extra)));
                SupervisorSpec::dynamic(path, spec.name, flags.intensity, flags.period, None, extra)
            }
            sup::Children::Partitions((count, child)) => {
                let start = good!(self.child_start(&child)?);
                let Some(name) = spec.name else {
                    return Ok(Err(bad_argument("partitions need a supervisor with a name".to_owned())));
                };
                if start.via.is_some() {
                    return Ok(Err(bad_argument(
                        "partitions can't all be registered under one key".to_owned(),
                    )));
                }
                let count = usize::try_from(count).unwrap_or(usize::MAX);
                if count > MAX_INFO_ENTRIES {
                    return Ok(Err(bad_argument(format!(
                        "{count} partitions, and {MAX_INFO_ENTRIES} are the most"
                    ))));
                }
                if let Some(of_child) = &start.name {
                    for name in (0..count).map(|number| numbered(of_child, number)) {
                        good!(
                            check_name(&name)
                                .map_err(|error| bad_argument(format!("the name of a partition: {error}")))
                        );
                        good!(self.may_register(&name)?.map_err(SupervisorError::Refused));
                    }
                }
                SupervisorSpec::partitioned(path, name, flags, count, |n| {
                    with_start(&owner.context, &child, partition(&start, n))
                })
            }
        };
        let built = built.map_err(|errors| {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            SupervisorError::Invalid(texts.join("; "))
        });
        Ok(built.map(|built| match spec.max_children {
            Some(most) => built.max_children(most),
            None => built,
        }))
    }
}

/// A child of a partition: its number behind its arguments and its name.
fn partition(start: &StartGuest, number: usize) -> Arc<dyn StartChild> {
    let argument = match &start.argument {
        Argument::Term(term) => joined_arguments(&[], term, &[Term::from(number as u64)]),
        Argument::Encoded(_) => Term::List(vec![Term::from(number as u64)]),
    };
    let name = start.name.as_ref().map(|name| numbered(name, number));
    Arc::new(StartGuest { argument: Argument::Term(argument), name, ..start.clone() })
}

/// The name of the child of a partition.
fn numbered(name: &str, number: usize) -> String {
    format!("{name}-{number}")
}

fn denied(why: impl Into<String>) -> SupervisorError {
    SupervisorError::Refused(wit::Error::Denied(why.into()))
}

fn bad_argument(why: String) -> SupervisorError {
    SupervisorError::Refused(wit::Error::BadArgument(why))
}

fn refused_limit(limit: LimitExceeded) -> SupervisorError {
    SupervisorError::Refused(limit.into())
}

/// The most that is decoded of a guest's at once: it takes many times as much memory when it is decoded, and nobody has a
/// turn meanwhile.
const MAX_TERM_BYTES: usize = 64 << 10;

fn check_term_bytes(bytes: usize) -> Result<(), SupervisorError> {
    if bytes <= MAX_TERM_BYTES {
        return Ok(());
    }
    let (allowed, requested) = (MAX_TERM_BYTES as u64, bytes as u64);
    let limit = wit::LimitExceeded { which: "term_bytes".to_owned(), allowed, requested };
    Err(SupervisorError::Refused(wit::Error::Limit(limit)))
}

fn decoded(encoded: &[u8], what: &dyn std::fmt::Display) -> Result<Term, SupervisorError> {
    check_term_bytes(encoded.len())?;
    decode(encoded).map_err(|error| bad_argument(format!("{what} is no term: {error}")))
}

fn terms(encoded: &[Vec<u8>]) -> Result<Vec<Term>, SupervisorError> {
    let bytes: usize = encoded.iter().map(Vec::len).sum();
    check_term_bytes(bytes.max(encoded.len()))?;
    encoded.iter().map(|bytes| decoded(bytes, &"an argument")).collect()
}

fn spec_len(spec: &sup::ChildSpec) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    CHILD_INFO_BYTES
        + spec.id.len()
        + spec.entry.len()
        + spec.argument.len() * DECODED
        + optional(&spec.component)
        + optional(&spec.name)
        + spec.via.as_ref().map_or(0, |via| via_len(&via.name) + via.value.len())
}

impl Host for GuestState {
    async fn start_link(&mut self, spec: sup::SupervisorSpec) -> Outcome<wit::Pid> {
        let bytes = match &spec.children {
            sup::Children::Fixed(children) => children.iter().map(spec_len).sum(),
            sup::Children::Template(child) | sup::Children::Partitions((_, child)) => spec_len(child),
            sup::Children::Dynamic(extra) => extra.iter().map(|bytes| bytes.len() * DECODED).sum(),
        };
        let context = self.charge(bytes).await?;
        if self.owner()?.grants.start_children.is_empty() {
            self.denied("start_children", "a supervisor");
            return Ok(Err(denied("start_children: nothing is among the grants")));
        }
        let spec = good!(self.supervisor_spec(spec)?);
        // What it starts counts as this process's own children would.
        let mut options = SpawnOptions { link: true, ..spec.spawn_options() };
        options.limits.children = context.limits().children;
        let outcome = context.start(options, None, |context, options| spec.spawn(context, options)).await;
        let outcome = good!(outcome.map_err(|error| SupervisorError::from(ManagementError::from(error))));
        Ok(match outcome {
            StartOutcome::Started { pid, .. } => Ok(pid.into()),
            StartOutcome::Failed(reason) => Err(SupervisorError::StartFailed(reason.into())),
            // A supervisor does not ignore its start, and there is no timeout.
            StartOutcome::Ignore | StartOutcome::Timeout => {
                Err(SupervisorError::StartFailed(ExitReason::Normal.into()))
            }
        })
    }

    async fn start_child(
        &mut self,
        supervisor: wit::Destination,
        spec: sup::ChildSpec,
    ) -> Outcome<Option<sup::RunningChild>> {
        let (context, supervisor) = good!(self.manage(supervisor, spec_len(&spec)).await?);
        let is_own = matches!(&supervisor, Destination::Pid(pid) if context.may_inspect(*pid).is_ok());
        if !is_own && !ends_in_time(&spec) {
            return Ok(Err(bad_argument(format!(
                "child {:?} of a supervisor that this process has not started: it must start and stop within {} s",
                spec.id,
                OTHERS_TIME.as_secs(),
            ))));
        }
        let spec = good!(self.child_spec(&spec)?);
        let child = good!(supervisors::start_child(&context, &supervisor, spec).await);
        Ok(Ok(started(child)))
    }

    async fn start_from_template(
        &mut self,
        supervisor: wit::Destination,
        arguments: Vec<Vec<u8>>,
    ) -> Outcome<Option<sup::RunningChild>> {
        let bytes = arguments.iter().map(|bytes| bytes.len() * DECODED).sum();
        let (context, supervisor) = good!(self.manage(supervisor, bytes).await?);
        let template = good!(supervisors::get_template(&context, &supervisor).await);
        let grants = &self.owner()?.grants;
        let may = |target: supervisors::Target| grants.may_start_child(&target.component, &target.entry);
        if !template.start.target().is_some_and(may) {
            self.denied("start_children", "a template");
            return Ok(Err(denied("start_children: what the template starts is not among the grants")));
        }
        let arguments = good!(terms(&arguments));
        let child = good!(supervisors::start_from_template(&context, &supervisor, arguments).await);
        Ok(Ok(started(child)))
    }

    async fn terminate_child(&mut self, supervisor: wit::Destination, child: sup::ChildName) -> Outcome<()> {
        let (context, supervisor) = good!(self.manage(supervisor, 0).await?);
        good!(supervisors::terminate_child(&context, &supervisor, child).await);
        Ok(Ok(()))
    }

    async fn restart_child(
        &mut self,
        supervisor: wit::Destination,
        child: sup::ChildName,
    ) -> Outcome<Option<sup::RunningChild>> {
        let (context, supervisor) = good!(self.manage(supervisor, 0).await?);
        let child = good!(supervisors::restart_child(&context, &supervisor, child).await);
        Ok(Ok(started(child)))
    }

    async fn delete_child(&mut self, supervisor: wit::Destination, child: sup::ChildName) -> Outcome<()> {
        let (context, supervisor) = good!(self.manage(supervisor, 0).await?);
        good!(supervisors::delete_child(&context, &supervisor, child).await);
        Ok(Ok(()))
    }

    async fn which_children(&mut self, supervisor: wit::Destination) -> Outcome<Vec<sup::ChildInfo>> {
        let (context, supervisor) = good!(self.manage(supervisor, 0).await?);
        let counts = good!(supervisors::count_children(&context, &supervisor).await);
        good!(
            check_entries(usize::try_from(counts.specs).unwrap_or(usize::MAX))
                .map_err(SupervisorError::Refused)
        );
        let children = good!(supervisors::which_children(&context, &supervisor).await);
        good!(check_entries(children.len()).map_err(SupervisorError::Refused));
        self.charge(children.len() * CHILD_INFO_BYTES).await?;
        Ok(Ok(children.into_iter().map(Into::into).collect()))
    }

    async fn count_children(&mut self, supervisor: wit::Destination) -> Outcome<sup::ChildCounts> {
        let (context, supervisor) = good!(self.manage(supervisor, 0).await?);
        let counts = good!(supervisors::count_children(&context, &supervisor).await);
        let supervisors::ChildCounts { specs, active, supervisors, workers, parked } = counts;
        Ok(Ok(sup::ChildCounts { specs, active, supervisors, workers, parked }))
    }

    async fn resize(&mut self, supervisor: wit::Destination, partitions: u32) -> Outcome<u32> {
        let (context, supervisor) = good!(self.manage(supervisor, 0).await?);
        let partitions = usize::try_from(partitions).unwrap_or(usize::MAX);
        let old = good!(supervisors::resize(&context, &supervisor, partitions).await);
        Ok(Ok(u32::try_from(old).unwrap_or(u32::MAX)))
    }

    async fn partition(&mut self, supervisor: String, key: Vec<u8>) -> Outcome<wit::Pid> {
        let context = self.charge(supervisor.len() + key.len() * DECODED).await?;
        good!(self.may_look_up(&supervisor)?.map_err(SupervisorError::Refused));
        let key = good!(decoded(&key, &"the key"));
        let found = good!(context.runtime().partition(&supervisor, &key));
        Ok(found.map(Into::into).ok_or(SupervisorError::Noproc))
    }
}
