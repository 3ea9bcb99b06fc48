//! `regrow:otp/process`

use bytes::Bytes;
use regrow_otp::{
    Flag as OtpFlag, InfoItem, InitAck, LinkError, MAX_INFO_ENTRIES, MonitorOptions, Pid, Reference,
    SpawnOptions, StartOutcome, WhenFull,
};
use regrow_term::encode;

use crate::engine::bindings::regrow::otp::process::{
    Flag, Host, InitResult, MonitorAlias, MonitorOptions as WitMonitorOptions, SpawnOptions as WitOptions,
    Spawned, Started, WhenFull as WitWhenFull,
};
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::host::authority::{check_entries, check_message_bytes, good, grants_len};
use crate::engine::host::convert::{destination_len, exit_reason_from_guest, milliseconds, reason_len};
use crate::engine::instance::Hibernate;
use crate::engine::state::GuestState;
use crate::engine::trap::{Exit, Panic};

/// The longest label, in bytes.
const MAX_LABEL_BYTES: usize = 255;

/// Items of `process_info` that can be asked for at once: each costs the host more than its name.
const MAX_INFO_ITEMS: usize = 64;

/// What an item is charged with beside its answer, as bytes that are moved.
const INFO_ITEM_BYTES: usize = 1 << 10;

type Outcome<T> = wasmtime::Result<Result<T, wit::Error>>;

impl Host for GuestState {
    async fn self_(&mut self) -> wasmtime::Result<wit::Pid> {
        Ok(self.charged(0).await?.pid().into())
    }

    async fn parent(&mut self) -> wasmtime::Result<Option<wit::Pid>> {
        Ok(self.charge(0).await?.identity().parent.map(Into::into))
    }

    async fn spawn(
        &mut self,
        component: Option<String>,
        entry: String,
        argument: Vec<u8>,
        options: WitOptions,
    ) -> Outcome<Spawned> {
        let context = self.charge(argument.len() + spawn_len(&component, &entry, &options)).await?;
        let start = match self.start_guest(component, entry, argument, &options)? {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let spawn = SpawnOptions { link: options.link, monitor: options.monitor, ..Default::default() };
        match start.spawn(&context, spawn) {
            Ok((pid, monitor)) => Ok(Ok(to_spawned(pid, monitor))),
            Err(error) => Ok(Err(self.about_name(options.name.as_deref(), error.into())?)),
        }
    }

    async fn start(
        &mut self,
        component: Option<String>,
        entry: String,
        argument: Vec<u8>,
        options: WitOptions,
        timeout_ms: Option<u64>,
    ) -> Outcome<Started> {
        let context = self.charge(argument.len() + spawn_len(&component, &entry, &options)).await?;
        let start = match self.start_guest(component, entry, argument, &options)? {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        let spawn = SpawnOptions { link: options.link, monitor: options.monitor, ..Default::default() };
        let outcome = context
            .start(spawn, milliseconds(timeout_ms), |context, options| start.spawn(context, options))
            .await;
        let outcome = match outcome {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Err(self.about_name(options.name.as_deref(), error.into())?)),
        };
        Ok(Ok(match outcome {
            StartOutcome::Started { pid, monitor } => Started::Started(to_spawned(pid, monitor)),
            StartOutcome::Ignore => Started::Ignore,
            StartOutcome::Failed(reason) => Started::Failed(reason.into()),
            StartOutcome::Timeout => Started::Timeout,
        }))
    }

    async fn init_ack(&mut self, outcome: InitResult) -> wasmtime::Result<bool> {
        let context = self.charge(0).await?;
        Ok(context.init_ack(match outcome {
            InitResult::Started => InitAck::Started,
            InitResult::Ignore => InitAck::Ignore,
            InitResult::Error(reason) => InitAck::Error(exit_reason_from_guest(reason)),
        }))
    }

    async fn init_ack_with(&mut self, info: Vec<u8>) -> wasmtime::Result<bool> {
        let context = self.charge(info.len()).await?;
        // It is kept for its starter only if that one may be sent so much.
        let fits = info.len() as u64 <= context.limits().message_bytes;
        Ok(context.init_ack(if fits { InitAck::StartedWith(Bytes::from(info)) } else { InitAck::Started }))
    }

    async fn exit(&mut self, reason: wit::ExitReason) -> wasmtime::Result<()> {
        self.charge(reason_len(&reason)).await?;
        Err(wasmtime::Error::new(Exit(exit_reason_from_guest(reason))))
    }

    async fn panic(&mut self, message: String, location: Option<String>) -> wasmtime::Result<()> {
        Err(wasmtime::Error::new(Panic { message, location }))
    }

    async fn exit_process(&mut self, pid: wit::Pid, reason: wit::ExitReason) -> Outcome<()> {
        let context = self.charge(reason_len(&reason)).await?;
        let pid = pid.into();
        if let Err(error) = self.may_signal(pid)? {
            return Ok(Err(error));
        }
        context.exit_process(pid, exit_reason_from_guest(reason));
        context.checkpoint().await;
        Ok(Ok(()))
    }

    async fn link(&mut self, pid: wit::Pid) -> Outcome<()> {
        let context = self.charge(0).await?;
        let pid = pid.into();
        if let Err(error) = self.may_signal(pid)? {
            return Ok(Err(error));
        }
        Ok(context.link(pid).map_err(|error| match error {
            LinkError::NoProc => wit::Error::Noproc,
            LinkError::Limit(limit) => limit.into(),
        }))
    }

    async fn unlink(&mut self, pid: wit::Pid) -> wasmtime::Result<()> {
        let context = self.charge(0).await?;
        context.unlink(pid.into());
        context.checkpoint().await;
        Ok(())
    }

    async fn monitor(&mut self, object: wit::Destination, options: WitMonitorOptions) -> Outcome<u64> {
        let tag_len = options.tag.as_ref().map_or(0, Vec::len);
        let context = self.charge(destination_len(&object) + tag_len).await?;
        let options = MonitorOptions {
            alias: options.alias.map(|alias| match alias {
                MonitorAlias::ExplicitUnalias => regrow_otp::MonitorAlias::ExplicitUnalias,
                MonitorAlias::Demonitor => regrow_otp::MonitorAlias::Demonitor,
                MonitorAlias::ReplyDemonitor => regrow_otp::MonitorAlias::ReplyDemonitor,
            }),
            tag: options.tag.map(Bytes::from),
        };
        let object = good!(self.reachable(object)?);
        let monitor = context.monitor_with(object, options);
        Ok(monitor.map(|reference| reference.0).map_err(Into::into))
    }

    async fn demonitor(&mut self, monitor: u64, flush: bool) -> wasmtime::Result<bool> {
        Ok(self.charge(0).await?.demonitor(Reference(monitor), flush))
    }

    async fn processes(&mut self) -> Outcome<Vec<wit::Pid>> {
        let context = self.charge(0).await?;
        good!(self.may_list("processes")?);
        let processes = context.runtime().processes();
        good!(check_entries(processes.len()));
        self.charge(processes.len() * size_of::<wit::Pid>()).await?;
        Ok(Ok(processes.into_iter().map(Into::into).collect()))
    }

    async fn is_alive(&mut self, pid: wit::Pid) -> wasmtime::Result<bool> {
        let context = self.charge(0).await?;
        Ok(context.runtime().is_alive(pid.into()))
    }

    async fn is_subject_to(&mut self, pid: wit::Pid) -> wasmtime::Result<bool> {
        let context = self.charge(0).await?;
        Ok(context.is_subject_to(pid.into()))
    }

    async fn set_flag(&mut self, flag: Flag) -> Outcome<Flag> {
        let context = self.charge(0).await?;
        let previous = context.set_flag(match flag {
            Flag::TrapExit(trap_exit) => OtpFlag::TrapExit(trap_exit),
            Flag::WhenFull(WitWhenFull::Reject) => OtpFlag::WhenFull(WhenFull::Reject),
            Flag::WhenFull(WitWhenFull::DropNewest) => OtpFlag::WhenFull(WhenFull::DropNewest),
            Flag::WhenFull(WitWhenFull::SuspendSender) => OtpFlag::WhenFull(WhenFull::SuspendSender),
            Flag::MaxMailboxMessages(messages) => OtpFlag::MailboxMessages(messages),
            Flag::MaxMailboxBytes(bytes) => OtpFlag::MailboxBytes(bytes),
        });
        context.checkpoint().await;
        let previous = previous.map_err(|error| wit::Error::BadArgument(error.to_string()));
        Ok(previous.map(|previous| match previous {
            OtpFlag::TrapExit(trap_exit) => Flag::TrapExit(trap_exit),
            OtpFlag::WhenFull(WhenFull::Reject) => Flag::WhenFull(WitWhenFull::Reject),
            OtpFlag::WhenFull(WhenFull::DropNewest) => Flag::WhenFull(WitWhenFull::DropNewest),
            OtpFlag::WhenFull(WhenFull::SuspendSender) => Flag::WhenFull(WitWhenFull::SuspendSender),
            OtpFlag::MailboxMessages(messages) => Flag::MaxMailboxMessages(messages),
            OtpFlag::MailboxBytes(bytes) => Flag::MaxMailboxBytes(bytes),
        }))
    }

    async fn info(&mut self, pid: wit::Pid, items: Vec<String>) -> Outcome<Option<Vec<Vec<u8>>>> {
        let names: usize = items.iter().map(String::len).sum();
        let context = self.charge(names + items.len() * INFO_ITEM_BYTES).await?;
        if items.len() > MAX_INFO_ITEMS {
            let why = format!("{} items, and there are no more than {MAX_INFO_ITEMS} at once", items.len());
            return Ok(Err(wit::Error::BadArgument(why)));
        }
        let mut known = Vec::with_capacity(items.len());
        for name in items {
            let Some(item) = InfoItem::from_name(&name) else {
                let name: String = name.chars().take(MAX_LABEL_BYTES).collect();
                return Ok(Err(wit::Error::BadArgument(format!("there is no item {name:?}"))));
            };
            known.push(item);
        }
        let pid = pid.into();
        if context.may_inspect(pid).is_err() {
            self.denied("info", &pid.to_string());
            let why = "a look inside needs the same component, or to be an ancestor".to_owned();
            return Ok(Err(wit::Error::Denied(why)));
        }
        let values = match context.runtime().process_info_items(pid, &known, MAX_INFO_ENTRIES) {
            Ok(Some(values)) => values,
            Ok(None) => return Ok(Ok(None)),
            Err(too_large) => {
                return Ok(Err(wit::Error::Limit(wit::LimitExceeded {
                    which: "info_entries".to_owned(),
                    allowed: too_large.allowed as u64,
                    requested: too_large.requested as u64,
                })));
            }
        };
        let encoded = values.iter().map(|value| encode(value).unwrap_or_default()).collect::<Vec<_>>();
        self.charge(encoded.iter().map(Vec::len).sum()).await?;
        Ok(Ok(Some(encoded)))
    }

    async fn set_label(&mut self, label: Option<String>) -> Outcome<()> {
        let context = self.charge(label.as_ref().map_or(0, String::len)).await?;
        let bytes = label.as_ref().map_or(0, String::len);
        if bytes > MAX_LABEL_BYTES {
            return Ok(Err(wit::Error::Limit(wit::LimitExceeded {
                which: "label_bytes".to_owned(),
                allowed: MAX_LABEL_BYTES as u64,
                requested: bytes as u64,
            })));
        }
        context.set_label(label);
        Ok(Ok(()))
    }

    async fn hibernate(&mut self, state: Vec<u8>) -> Outcome<()> {
        // Another instance will be made.
        let context = self.charge(state.len() + SPAWN_BYTES).await?;
        good!(check_message_bytes(&context, &state));
        if let Some(open) = self.open_handle() {
            return Ok(Err(wit::Error::Unsupported(format!("a process can't hibernate with {open} open"))));
        }
        Err(wasmtime::Error::new(Hibernate(state.into_boxed_slice())))
    }
}

/// What a spawn is charged with beside what comes with it, as bytes that are moved: the host has a process to make.
pub(super) const SPAWN_BYTES: usize = 256 << 10;

/// Bytes that came with a spawn, beside its argument.
fn spawn_len(component: &Option<String>, entry: &str, options: &WitOptions) -> usize {
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    SPAWN_BYTES + entry.len() + optional(component) + optional(&options.name) + grants_len(&options.grants)
}

fn to_spawned(pid: Pid, monitor: Option<Reference>) -> Spawned {
    Spawned { pid: pid.into(), monitor: monitor.map(|reference| reference.0) }
}
