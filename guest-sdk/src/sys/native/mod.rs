//! The backend off wasm: processes of `regrow-otp`, each with a thread of its own to block on. For tests of
//! guests' logic and for documentation.

pub(crate) mod blob;
mod convert;
pub(crate) mod group;
pub(crate) mod registry;
pub(crate) mod supervisor;
pub(crate) mod table;
mod thread;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use regrow_otp as otp;

use crate::component::Component;
use crate::mailbox::{AliasMode, CallError, Received};
use crate::process::{Flag, InitResult, MonitorAlias, MonitorOptions, SpawnOptions, Spawned, Started};
use crate::timer::Due;
use crate::{Destination, Error, ExitReason, MonitorRef, Pid, Reference, ReplyTo, Term, TimerRef};

pub(crate) use thread::run_as_process;
use thread::{block_on, current, end, hibernate as hibernate_thread};

pub(crate) fn self_pid() -> Pid {
    current().context.pid().into()
}

pub(crate) fn parent() -> Option<Pid> {
    current().context.identity().parent.map(Into::into)
}

/// How an entry is spawned as a process.
fn entry_process(
    entry: &str,
    argument: Vec<u8>,
    options: &SpawnOptions,
) -> Result<impl FnOnce(&otp::Context, otp::SpawnOptions) -> SpawnResult, Error> {
    if let Some(other) = &options.component {
        return Err(Error::Denied(format!("spawn: there is no other component here, and not {other:?}")));
    }
    let component: &'static Component = current().component;
    let known = component.entries.iter().find(|known| known.name == entry);
    let name = known
        .map(|known| known.name)
        .ok_or_else(|| Error::BadArgument(format!("the component has no entry {entry:?}")))?;
    Ok(move |context: &otp::Context, options: otp::SpawnOptions| {
        let options = otp::SpawnOptions { entry: Some(name.into()), ..options };
        let argument = context.carrying(Bytes::from(argument));
        context.spawn(options, move |context| {
            context.blobs_arrive(&argument);
            let body = move || component.run(name, &argument);
            run_as_process(context, component, Some(name), body)
        })
    })
}

/// A process that runs a closure.
pub(crate) fn spawn_closure(body: impl FnOnce() -> Result<(), ExitReason> + Send + 'static) -> Pid {
    let thread::Current { context, component, .. } = current();
    let spawned = context
        .spawn(otp::SpawnOptions::default(), move |context| run_as_process(context, component, None, body));
    spawned.expect("a place for another process").0.into()
}

type SpawnResult = Result<(otp::Pid, Option<otp::Reference>), otp::SpawnError>;

fn otp_options(options: &SpawnOptions) -> otp::SpawnOptions {
    let mut limits = otp::Limits::default();
    let tighten = |limit: &mut u64, wanted: Option<u64>| *limit = wanted.unwrap_or(*limit).min(*limit);
    tighten(&mut limits.mailbox_messages, options.max_mailbox_messages);
    tighten(&mut limits.mailbox_bytes, options.max_mailbox_bytes);
    tighten(&mut limits.children, options.max_children);
    tighten(&mut limits.reductions, options.max_reductions);
    otp::SpawnOptions {
        name: options.name.clone(),
        via: options.via.clone().map(|named| (Arc::new(named.via.into()), Bytes::from(named.value))),
        link: options.link,
        monitor: options.monitor,
        limits,
        ..otp::SpawnOptions::default()
    }
}

fn spawned(pid: otp::Pid, monitor: Option<otp::Reference>) -> Spawned {
    Spawned { pid: pid.into(), monitor: monitor.map(|reference| MonitorRef(Reference(reference.0))) }
}

pub(crate) fn spawn(entry: &str, argument: Vec<u8>, options: &SpawnOptions) -> Result<Spawned, Error> {
    let spawn = entry_process(entry, argument, options)?;
    let (pid, monitor) = spawn(&current().context, otp_options(options))?;
    Ok(spawned(pid, monitor))
}

pub(crate) fn start(
    entry: &str,
    argument: Vec<u8>,
    options: &SpawnOptions,
    timeout: Option<Duration>,
) -> Result<Started, Error> {
    let spawn = entry_process(entry, argument, options)?;
    let context = current().context;
    Ok(match block_on(context.start(otp_options(options), timeout, spawn))? {
        otp::StartOutcome::Started { pid, monitor } => Started::Started(spawned(pid, monitor)),
        otp::StartOutcome::Ignore => Started::Ignore,
        otp::StartOutcome::Failed(reason) => Started::Failed(reason.into()),
        otp::StartOutcome::Timeout => Started::Timeout,
    })
}

pub(crate) fn init_ack(outcome: InitResult) -> bool {
    current().context.init_ack(match outcome {
        InitResult::Started => otp::InitAck::Started,
        InitResult::Ignore => otp::InitAck::Ignore,
        InitResult::Error(reason) => otp::InitAck::Error(reason.into()),
    })
}

pub(crate) fn init_ack_with(info: Vec<u8>) -> bool {
    current().context.init_ack(otp::InitAck::StartedWith(Bytes::from(info)))
}

pub(crate) fn hibernate(state: &[u8]) -> Error {
    hibernate_thread(state)
}

pub(crate) fn exit(reason: ExitReason) -> ! {
    end(reason)
}

pub(crate) fn exit_process(pid: Pid, reason: ExitReason) -> Result<(), Error> {
    let context = current().context;
    context.exit_process(pid.into(), reason.into());
    block_on(context.checkpoint());
    Ok(())
}

pub(crate) fn link(pid: Pid) -> Result<(), Error> {
    current().context.link(pid.into()).map_err(|error| match error {
        otp::LinkError::NoProc => Error::NoProc,
        otp::LinkError::Limit(limit) => Error::Limit(limit.into()),
    })
}

pub(crate) fn unlink(pid: Pid) {
    current().context.unlink(pid.into());
}

pub(crate) fn monitor(object: Destination, options: &MonitorOptions) -> Result<MonitorRef, Error> {
    let options = otp::MonitorOptions {
        alias: options.alias.map(|alias| match alias {
            MonitorAlias::ExplicitUnalias => otp::MonitorAlias::ExplicitUnalias,
            MonitorAlias::Demonitor => otp::MonitorAlias::Demonitor,
            MonitorAlias::ReplyDemonitor => otp::MonitorAlias::ReplyDemonitor,
        }),
        tag: options.tag.clone().map(Bytes::from),
    };
    let monitor = current().context.monitor_with(object.into(), options);
    monitor.map(|reference| MonitorRef(Reference(reference.0))).map_err(|limit| Error::Limit(limit.into()))
}

pub(crate) fn demonitor(monitor: MonitorRef, flush: bool) -> bool {
    current().context.demonitor(otp::Reference(monitor.0.0), flush)
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    current().context.runtime().is_alive(pid.into())
}

pub(crate) fn is_subject_to(pid: Pid) -> bool {
    current().context.is_subject_to(pid.into())
}

pub(crate) fn set_flag(flag: Flag) -> Result<Flag, Error> {
    let previous = current().context.set_flag(flag.into());
    previous.map(Into::into).map_err(|error| Error::BadArgument(error.to_string()))
}

pub(crate) fn info(pid: Pid, items: &[&str]) -> Result<Option<Vec<Term>>, Error> {
    let item = |name: &&str| {
        let unknown = || Error::BadArgument(format!("there is no item {name:?}"));
        otp::InfoItem::from_name(name).ok_or_else(unknown)
    };
    let items = items.iter().map(item).collect::<Result<Vec<_>, _>>()?;
    let runtime = current().context.runtime().clone();
    let values = runtime.process_info_items(pid.into(), &items, otp::MAX_INFO_ENTRIES);
    values.map_err(|too_large| {
        Error::Limit(crate::LimitExceeded {
            which: "info_entries".to_owned(),
            allowed: too_large.allowed as u64,
            requested: too_large.requested as u64,
        })
    })
}

pub(crate) fn set_label(label: Option<&str>) -> Result<(), Error> {
    const MAX_LABEL_BYTES: usize = 255;
    let requested = label.map_or(0, str::len);
    if requested > MAX_LABEL_BYTES {
        let (allowed, requested) = (MAX_LABEL_BYTES as u64, requested as u64);
        return Err(Error::Limit(crate::LimitExceeded {
            which: "label_bytes".to_owned(),
            allowed,
            requested,
        }));
    }
    current().context.set_label(label.map(str::to_owned));
    Ok(())
}

pub(crate) fn send(to: Destination, cast: bool, payload: Vec<u8>) -> Result<(), Error> {
    let kind = if cast { otp::MessageKind::Cast } else { otp::MessageKind::Info };
    Ok(block_on(current().context.send(&to.into(), kind, Bytes::from(payload)))?)
}

pub(crate) fn send_nosuspend(to: Destination, payload: Vec<u8>) -> Result<(), Error> {
    let context = current().context;
    Ok(context.send_nosuspend(&to.into(), otp::MessageKind::Info, Bytes::from(payload))?)
}

pub(crate) fn alias(mode: AliasMode) -> Result<ReplyTo, Error> {
    let alias = current().context.alias(match mode {
        AliasMode::Explicit => otp::AliasMode::Explicit,
        AliasMode::Reply => otp::AliasMode::Reply,
    });
    alias.map(Into::into).map_err(|limit| Error::Limit(limit.into()))
}

pub(crate) fn unalias(alias: Reference) -> bool {
    current().context.unalias(otp::Reference(alias.0))
}

pub(crate) fn send_to_alias(alias: ReplyTo, payload: Vec<u8>) -> Result<(), Error> {
    let context = current().context;
    Ok(block_on(context.send_to_alias(alias.into(), otp::MessageKind::Info, Bytes::from(payload)))?)
}

/// What the process gets, with the blobs that it holds.
fn got(received: Option<otp::Received>) -> Option<Received> {
    let received = received?;
    current().context.blobs_arrive_with(&received);
    Some(received.into())
}

pub(crate) fn receive(timeout: Option<Duration>) -> Option<Received> {
    got(block_on(current().context.receive(timeout)))
}

pub(crate) fn scan(timeout: Option<Duration>) -> Option<Received> {
    let context = current().context;
    context.start_scan(timeout);
    got(block_on(context.scan_next()))
}

pub(crate) fn scan_next() -> Option<Received> {
    got(block_on(current().context.scan_next()))
}

pub(crate) fn take() {
    current().context.take();
}

pub(crate) fn wait_for(reference: Reference, timeout: Option<Duration>) -> Option<Received> {
    let context = current().context;
    got(block_on(context.receive_answer(otp::Reference(reference.0), timeout)))
}

pub(crate) fn wait_for_any(
    references: &[Reference],
    timeout: Option<Duration>,
) -> Result<Option<Received>, Error> {
    let context = current().context;
    let references = references.iter().map(|reference| otp::Reference(reference.0)).collect();
    Ok(got(block_on(context.receive_any_answer(references, timeout))))
}

pub(crate) fn abandon(request: Reference) -> Option<Received> {
    got(current().context.abandon(otp::Reference(request.0)))
}

pub(crate) fn call(
    to: Destination,
    payload: Vec<u8>,
    timeout: Option<Duration>,
) -> Result<Vec<u8>, CallError> {
    let context = current().context;
    let answer = block_on(context.call(&to.into(), Bytes::from(payload), timeout));
    let answer = answer?;
    context.blobs_arrive(&answer);
    Ok(answer.to_vec())
}

pub(crate) fn send_request(to: Destination, payload: Vec<u8>) -> Result<Reference, Error> {
    let context = current().context;
    let sent = block_on(context.send_request(&to.into(), Bytes::from(payload)));
    sent.map(|reference| Reference(reference.0)).map_err(|error| match error {
        otp::CallError::NotSent(error) => error.into(),
        otp::CallError::Limit(limit) => Error::Limit(limit.into()),
        other => Error::BadArgument(other.to_string()),
    })
}

pub(crate) fn reply(to: ReplyTo, payload: Vec<u8>) -> Result<(), Error> {
    Ok(current().context.reply(to.into(), Bytes::from(payload))?)
}

fn instant(context: &otp::Context, due: Due) -> otp::Instant {
    match due {
        Due::After(after) => context.runtime().now().saturating_add(after),
        Due::At(at) => otp::Instant::from_start(at),
    }
}

pub(crate) fn start_timer(due: Due, to: Destination, payload: Vec<u8>) -> Result<TimerRef, Error> {
    let context = current().context;
    let started = context.start_timer_at(instant(&context, due), to.into(), Bytes::from(payload));
    started.map(|reference| TimerRef(Reference(reference.0))).map_err(|limit| Error::Limit(limit.into()))
}

pub(crate) fn send_by_timer(due: Due, to: Destination, payload: Vec<u8>) -> Result<TimerRef, Error> {
    let context = current().context;
    let started = context.send_at(instant(&context, due), to.into(), Bytes::from(payload));
    started.map(|reference| TimerRef(Reference(reference.0))).map_err(|error| match error {
        otp::TimerError::Limit(limit) => Error::Limit(limit.into()),
        otp::TimerError::Full(limit) => Error::Full(limit.into()),
    })
}

pub(crate) fn cancel_timer_async(timer: TimerRef) {
    current().context.cancel_timer_async(otp::Reference(timer.0.0));
}

pub(crate) fn read_timer_async(timer: TimerRef) {
    current().context.read_timer_async(otp::Reference(timer.0.0));
}

pub(crate) fn cancel_timer(timer: TimerRef) -> Option<Duration> {
    current().context.cancel_timer(otp::Reference(timer.0.0))
}

pub(crate) fn read_timer(timer: TimerRef) -> Option<Duration> {
    current().context.read_timer(otp::Reference(timer.0.0))
}

pub(crate) fn monotonic_time() -> Duration {
    current().context.runtime().now().since_start()
}

pub(crate) fn register(name: &str, pid: Pid) -> Result<(), Error> {
    Ok(current().context.register(name, pid.into())?)
}

pub(crate) fn unregister(name: &str) -> Result<(), Error> {
    let released = current().context.unregister(name);
    released.map(drop).ok_or_else(|| Error::BadArgument(format!("nobody is registered as {name:?}")))
}

pub(crate) fn whereis(name: &str) -> Option<Pid> {
    current().context.runtime().whereis(name).map(Into::into)
}

pub(crate) fn registered() -> Result<Vec<String>, Error> {
    Ok(current().context.runtime().registered().into_iter().map(|(name, _)| name).collect())
}

pub(crate) fn processes() -> Result<Vec<Pid>, Error> {
    Ok(current().context.runtime().processes().into_iter().map(Into::into).collect())
}

pub(crate) fn log_max_level() -> log::LevelFilter {
    log::LevelFilter::Info
}

pub(crate) fn log_write(level: log::Level, target: &str, message: &str) {
    eprintln!("{level} {target}: {message}");
}
