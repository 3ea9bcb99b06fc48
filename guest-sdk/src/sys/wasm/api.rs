//! The functions that the SDK is built on.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use crate::mailbox::{AliasMode, CallError, Received};
use crate::process::{
    Flag, Grants, InitResult, MonitorAlias, MonitorOptions, SpawnOptions, Spawned, Started,
};
use crate::sys::wasm::bindings::regrow::otp::{log as host_log, mailbox, names, process, timer};
use crate::sys::whole_milliseconds;
use crate::timer::Due;
use crate::{Destination, Error, ExitReason, MonitorRef, Pid, Reference, ReplyTo, Term, TimerRef};

fn milliseconds(timeout: Option<Duration>) -> Option<u64> {
    timeout.map(whole_milliseconds)
}

pub(crate) fn self_pid() -> Pid {
    process::self_().into()
}

pub(crate) fn parent() -> Option<Pid> {
    process::parent().map(Into::into)
}

fn wit_options(options: &SpawnOptions) -> process::SpawnOptions {
    process::SpawnOptions {
        link: options.link,
        monitor: options.monitor,
        name: options.name.clone(),
        via: options.via.as_ref().map(Into::into),
        max_memory_bytes: options.max_memory_bytes,
        max_mailbox_messages: options.max_mailbox_messages,
        max_mailbox_bytes: options.max_mailbox_bytes,
        max_children: options.max_children,
        max_reductions: options.max_reductions,
        grants: options.grants.clone().map(wit_grants),
    }
}

fn wit_grants(grants: Grants) -> process::Grants {
    let dirs = grants.dirs.into_iter().map(|(path, write)| process::DirGrant { path, write });
    process::Grants {
        dirs: dirs.collect(),
        env: grants.env,
        args: grants.args,
        stdio: grants.stdio,
        clocks: grants.clocks,
        random: grants.random,
        tcp: grants.tcp,
        udp: grants.udp,
        dns: grants.dns,
        spawn: grants.spawn,
        register: grants.register,
        lookup: grants.lookup,
        tables: grants.tables,
        groups: grants.groups,
        registries: grants.registries,
        list_processes: grants.list_processes,
        supervise: grants.supervise,
        start_children: grants.start_children,
        signal: grants.signal,
    }
}

pub(crate) fn processes() -> Result<Vec<Pid>, Error> {
    Ok(process::processes()?.into_iter().map(Into::into).collect())
}

pub(crate) fn registered() -> Result<Vec<String>, Error> {
    Ok(names::registered()?)
}

fn spawned(spawned: process::Spawned) -> Spawned {
    Spawned {
        pid: spawned.pid.into(),
        monitor: spawned.monitor.map(|reference| MonitorRef(Reference(reference))),
    }
}

pub(crate) fn spawn(entry: &str, argument: Vec<u8>, options: &SpawnOptions) -> Result<Spawned, Error> {
    let component = options.component.as_deref();
    Ok(spawned(process::spawn(component, entry, &argument, &wit_options(options))?))
}

pub(crate) fn start(
    entry: &str,
    argument: Vec<u8>,
    options: &SpawnOptions,
    timeout: Option<Duration>,
) -> Result<Started, Error> {
    let component = options.component.as_deref();
    let timeout = milliseconds(timeout);
    Ok(match process::start(component, entry, &argument, &wit_options(options), timeout)? {
        process::Started::Started(process) => Started::Started(spawned(process)),
        process::Started::Ignore => Started::Ignore,
        process::Started::Failed(reason) => Started::Failed(reason.into()),
        process::Started::Timeout => Started::Timeout,
    })
}

pub(crate) fn init_ack(outcome: InitResult) -> bool {
    process::init_ack(&match outcome {
        InitResult::Started => process::InitResult::Started,
        InitResult::Ignore => process::InitResult::Ignore,
        InitResult::Error(reason) => process::InitResult::Error(reason.into()),
    })
}

pub(crate) fn init_ack_with(info: Vec<u8>) -> bool {
    process::init_ack_with(&info)
}

pub(crate) fn hibernate(state: &[u8]) -> Error {
    match process::hibernate(state) {
        Err(error) => error.into(),
        Ok(()) => Error::Unsupported("hibernation returned".into()),
    }
}

pub(crate) fn exit(reason: ExitReason) -> ! {
    process::exit(&reason.into());
    unreachable!("`exit` does not return")
}

pub(crate) fn panic(message: &str, location: Option<String>) -> ! {
    process::panic(message, location.as_deref());
    // The host never returns from `panic`; a call that did would have to end the instance all the same.
    core::arch::wasm32::unreachable()
}

pub(crate) fn exit_process(pid: Pid, reason: ExitReason) -> Result<(), Error> {
    Ok(process::exit_process(pid.into(), &reason.into())?)
}

pub(crate) fn link(pid: Pid) -> Result<(), Error> {
    Ok(process::link(pid.into())?)
}

pub(crate) fn unlink(pid: Pid) {
    process::unlink(pid.into());
}

pub(crate) fn monitor(object: Destination, options: &MonitorOptions) -> Result<MonitorRef, Error> {
    let options = process::MonitorOptions {
        alias: options.alias.map(|alias| match alias {
            MonitorAlias::ExplicitUnalias => process::MonitorAlias::ExplicitUnalias,
            MonitorAlias::Demonitor => process::MonitorAlias::Demonitor,
            MonitorAlias::ReplyDemonitor => process::MonitorAlias::ReplyDemonitor,
        }),
        tag: options.tag.clone(),
    };
    Ok(MonitorRef(Reference(process::monitor(&object.into(), &options)?)))
}

pub(crate) fn demonitor(monitor: MonitorRef, flush: bool) -> bool {
    process::demonitor(monitor.0.0, flush)
}

pub(crate) fn is_alive(pid: Pid) -> bool {
    process::is_alive(pid.into())
}

pub(crate) fn is_subject_to(pid: Pid) -> bool {
    process::is_subject_to(pid.into())
}

pub(crate) fn set_flag(flag: Flag) -> Result<Flag, Error> {
    Ok(process::set_flag(flag.into())?.into())
}

pub(crate) fn info(pid: Pid, items: &[&str]) -> Result<Option<Vec<Term>>, Error> {
    let items: Vec<String> = items.iter().map(|item| (*item).into()).collect();
    let Some(values) = process::info(pid.into(), &items)? else { return Ok(None) };
    let values = values.iter().map(|value| regrow_term::decode(value)).collect::<Result<Vec<Term>, _>>();
    values.map(Some).map_err(|error| Error::Unsupported(error.to_string()))
}

pub(crate) fn set_label(label: Option<&str>) -> Result<(), Error> {
    Ok(process::set_label(label)?)
}

pub(crate) fn send(to: Destination, cast: bool, payload: Vec<u8>) -> Result<(), Error> {
    let kind = if cast { mailbox::SendKind::Cast } else { mailbox::SendKind::Info };
    Ok(mailbox::send(&to.into(), kind, &payload)?)
}

pub(crate) fn send_nosuspend(to: Destination, payload: Vec<u8>) -> Result<(), Error> {
    Ok(mailbox::send_nosuspend(&to.into(), mailbox::SendKind::Info, &payload)?)
}

pub(crate) fn alias(mode: AliasMode) -> Result<ReplyTo, Error> {
    let alias = mailbox::alias(match mode {
        AliasMode::Explicit => mailbox::AliasMode::Explicit,
        AliasMode::Reply => mailbox::AliasMode::Reply,
    });
    Ok(alias?.into())
}

pub(crate) fn unalias(alias: Reference) -> bool {
    mailbox::unalias(alias.0)
}

pub(crate) fn send_to_alias(alias: ReplyTo, payload: Vec<u8>) -> Result<(), Error> {
    Ok(mailbox::send_to_alias(alias.into(), mailbox::SendKind::Info, &payload)?)
}

pub(crate) fn receive(timeout: Option<Duration>) -> Option<Received> {
    mailbox::receive(milliseconds(timeout)).map(Into::into)
}

pub(crate) fn scan(timeout: Option<Duration>) -> Option<Received> {
    mailbox::scan(milliseconds(timeout)).map(Into::into)
}

pub(crate) fn scan_next() -> Option<Received> {
    mailbox::scan_next().map(Into::into)
}

pub(crate) fn take() {
    mailbox::take();
}

pub(crate) fn wait_for(reference: Reference, timeout: Option<Duration>) -> Option<Received> {
    mailbox::wait_for(reference.0, milliseconds(timeout)).map(Into::into)
}

pub(crate) fn wait_for_any(
    references: &[Reference],
    timeout: Option<Duration>,
) -> Result<Option<Received>, Error> {
    let references: Vec<u64> = references.iter().map(|reference| reference.0).collect();
    Ok(mailbox::wait_for_any(&references, milliseconds(timeout))?.map(Into::into))
}

pub(crate) fn abandon(request: Reference) -> Option<Received> {
    mailbox::abandon(request.0).map(Into::into)
}

pub(crate) fn call(
    to: Destination,
    payload: Vec<u8>,
    timeout: Option<Duration>,
) -> Result<Vec<u8>, CallError> {
    mailbox::call(&to.into(), &payload, milliseconds(timeout)).map_err(|error| match error {
        mailbox::CallError::Timeout => CallError::Timeout,
        mailbox::CallError::Down(reason) => CallError::Down(reason.into()),
        mailbox::CallError::CallingSelf => CallError::CallingSelf,
        mailbox::CallError::Refused(error) => CallError::Refused(error.into()),
    })
}

pub(crate) fn send_request(to: Destination, payload: Vec<u8>) -> Result<Reference, Error> {
    Ok(Reference(mailbox::send_request(&to.into(), &payload)?))
}

pub(crate) fn reply(to: ReplyTo, payload: Vec<u8>) -> Result<(), Error> {
    Ok(mailbox::reply(to.into(), &payload)?)
}

fn wit_due(due: Due) -> timer::Due {
    match due {
        Due::After(after) => timer::Due::AfterMs(whole_milliseconds(after)),
        Due::At(at) => timer::Due::AtMs(whole_milliseconds(at)),
    }
}

pub(crate) fn start_timer(due: Due, to: Destination, payload: Vec<u8>) -> Result<TimerRef, Error> {
    Ok(TimerRef(Reference(timer::start(wit_due(due), &to.into(), &payload)?)))
}

pub(crate) fn send_by_timer(due: Due, to: Destination, payload: Vec<u8>) -> Result<TimerRef, Error> {
    Ok(TimerRef(Reference(timer::send(wit_due(due), &to.into(), &payload)?)))
}

pub(crate) fn cancel_timer_async(timer: TimerRef) {
    timer::cancel_async(timer.0.0);
}

pub(crate) fn read_timer_async(timer: TimerRef) {
    timer::read_async(timer.0.0);
}

pub(crate) fn cancel_timer(timer: TimerRef) -> Option<Duration> {
    timer::cancel(timer.0.0).map(Duration::from_millis)
}

pub(crate) fn read_timer(timer: TimerRef) -> Option<Duration> {
    timer::read(timer.0.0).map(Duration::from_millis)
}

pub(crate) fn monotonic_time() -> Duration {
    Duration::from_millis(timer::monotonic_time_ms())
}

pub(crate) fn register(name: &str, pid: Pid) -> Result<(), Error> {
    Ok(names::register(name, pid.into())?)
}

pub(crate) fn unregister(name: &str) -> Result<(), Error> {
    Ok(names::unregister(name)?)
}

pub(crate) fn whereis(name: &str) -> Option<Pid> {
    names::whereis(name).map(Into::into)
}

pub(crate) fn log_max_level() -> log::LevelFilter {
    match host_log::max_level() {
        host_log::Level::Error => log::LevelFilter::Error,
        host_log::Level::Warning => log::LevelFilter::Warn,
        host_log::Level::Info => log::LevelFilter::Info,
        host_log::Level::Debug => log::LevelFilter::Debug,
        host_log::Level::Trace => log::LevelFilter::Trace,
    }
}

pub(crate) fn log_write(level: log::Level, target: &str, message: &str) {
    let level = match level {
        log::Level::Error => host_log::Level::Error,
        log::Level::Warn => host_log::Level::Warning,
        log::Level::Info => host_log::Level::Info,
        log::Level::Debug => host_log::Level::Debug,
        log::Level::Trace => host_log::Level::Trace,
    };
    host_log::write(level, target, &message.to_string());
}
