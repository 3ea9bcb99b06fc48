//! What a guest may: what it has grants for, and what it hands on of them.

use std::sync::Arc;

use bytes::Bytes;
use regrow_otp::{Context, Destination, MAX_INFO_ENTRIES, Pid};

use crate::engine::bindings::regrow::otp::process::{self, SpawnOptions as WitOptions};
use crate::engine::bindings::regrow::otp::types as wit;
use crate::engine::grants::{DirGrant, Grants, NamePattern, NetPattern};
use crate::engine::host::convert::destination;
use crate::engine::start::{Argument, NamedBy, StartGuest};
use crate::engine::state::GuestState;

type Outcome<T> = wasmtime::Result<Result<T, wit::Error>>;

/// Takes what is good out of an outcome; what is not is the guest's answer.
macro_rules! good {
    ($outcome:expr) => {
        match $outcome {
            Ok(value) => value,
            Err(error) => return Ok(Err(error.into())),
        }
    };
}
pub(super) use good;

impl GuestState {
    /// What is to be spawned, if the guest may.
    pub(super) fn start_guest(
        &self,
        component: Option<String>,
        entry: String,
        argument: Vec<u8>,
        options: &WitOptions,
    ) -> Outcome<StartGuest> {
        let owner = self.owner()?;
        good!(check_message_bytes(&owner.context, &argument));
        let own = owner.program.component.name();
        if let Some(other) = component.as_deref().filter(|component| *component != &**own)
            && !owner.grants.spawn.iter().any(|granted| granted == other)
        {
            self.denied("spawn", other);
            return Ok(Err(wit::Error::Denied(format!("spawn: {other:?} is not among the grants"))));
        }
        let via = good!(self.named_by(options.via.as_ref())?);
        let mut start = match self.granted_start(component, entry, argument, options.name.clone())? {
            Ok(start) => start,
            Err(error) => return Ok(Err(error)),
        };
        if let Some(wanted) = &options.grants {
            match handed_on(wanted, &owner.grants) {
                // They are a part of this process's own, and so of its component's.
                Ok(handed_on) if Arc::ptr_eq(&start.grants, &owner.grants) => {
                    start.grants = Arc::new(handed_on)
                }
                Ok(handed_on) => start.grants = Arc::new(start.grants.intersection(&handed_on)),
                Err(error) => {
                    if let wit::Error::Denied(what) = &error {
                        self.denied("grants", what);
                    }
                    return Ok(Err(error));
                }
            }
        }
        let mut limits = start.limits;
        let tighten = |limit: &mut u64, wanted: Option<u64>| *limit = wanted.unwrap_or(*limit).min(*limit);
        tighten(&mut limits.memory_bytes, options.max_memory_bytes);
        tighten(&mut limits.process.mailbox_messages, options.max_mailbox_messages);
        tighten(&mut limits.process.mailbox_bytes, options.max_mailbox_bytes);
        tighten(&mut limits.process.children, options.max_children);
        tighten(&mut limits.process.reductions, options.max_reductions);
        Ok(Ok(StartGuest { limits, via, ..start }))
    }

    /// The key under which a process is to be registered before it runs, if the guest may.
    pub(super) fn named_by(&self, via: Option<&wit::ViaRegistration>) -> Outcome<Option<NamedBy>> {
        let Some(wit::ViaRegistration { name, value }) = via else { return Ok(Ok(None)) };
        good!(self.may_name_by(name)?);
        let context = &self.owner()?.context;
        good!(check_message_bytes(context, value));
        let value = context.carrying(Bytes::copy_from_slice(value));
        Ok(Ok(Some(Box::new((Arc::new(name.clone().into()), value)))))
    }

    /// How an entry is started that the guest has been found to have a grant for.
    pub(super) fn granted_start(
        &self,
        component: Option<String>,
        entry: String,
        argument: Vec<u8>,
        name: Option<String>,
    ) -> Outcome<StartGuest> {
        let owner = self.owner()?;
        let own = owner.program.component.name();
        let component: Arc<str> = component.map_or_else(|| own.clone(), Arc::from);
        if let Some(Err(error)) = name.as_deref().map(|name| self.may_register(name)).transpose()? {
            return Ok(Err(error));
        }
        let Some(program) = owner.catalog.get(&component) else {
            return Ok(Err(wit::Error::BadArgument(format!("there is no component {component:?}"))));
        };
        if program.component.entry(&entry).is_none() {
            return Ok(Err(wit::Error::BadArgument(format!("{component:?} has no entry {entry:?}"))));
        }
        // A newer version of the own component may have been granted less.
        let (limits, grants) = if Arc::ptr_eq(&program, &owner.program) {
            (owner.limits(), owner.grants.clone())
        } else {
            let limits = program.limits.tightened_as(&owner.limits(), &owner.program.limits);
            (limits, Arc::new(program.grants.intersection(&owner.grants)))
        };
        Ok(Ok(StartGuest {
            catalog: owner.catalog.clone(),
            program,
            entry: entry.into(),
            argument: Argument::Encoded(owner.context.carrying(Bytes::from(argument))),
            name,
            via: None,
            limits,
            grants,
            budget: None,
            kept: None,
        }))
    }

    /// Whether the guest may exit, kill or link that process.
    pub(super) fn may_signal(&self, pid: Pid) -> Outcome<()> {
        let owner = self.owner()?;
        match owner.context.may_signal(pid) {
            Err(_) if owner.grants.signal && !owner.context.is_supervisor(pid) => Ok(Ok(())),
            Err(error) => {
                self.denied("signal", &pid.to_string());
                Ok(Err(error.into()))
            }
            Ok(()) => Ok(Ok(())),
        }
    }

    /// Whether the guest may register a process under that name.
    pub(super) fn may_register(&self, name: &str) -> Outcome<()> {
        let owner = self.owner()?;
        let why = if !owner.grants.may_register(name) {
            format!("register: {name:?} is not among the grants")
        } else if owner.catalog.is_reserved(name) {
            format!("the name {name:?} belongs to a child in the manifest")
        } else {
            return Ok(Ok(()));
        };
        self.denied("register", name);
        Ok(Err(wit::Error::Denied(why)))
    }

    /// Whether the guest may find whoever has that name.
    pub(super) fn may_look_up(&self, name: &str) -> Outcome<()> {
        if self.owner()?.grants.may_look_up(name) {
            return Ok(Ok(()));
        }
        self.denied("lookup", name);
        Ok(Err(wit::Error::Denied(format!("lookup: {name:?} is not among the grants"))))
    }

    /// Where something goes, if the guest may send it there: a pid needs no grant.
    pub(super) fn reachable(&self, to: wit::Destination) -> Outcome<Destination> {
        if let wit::Destination::Name(name) = &to
            && let Err(error) = self.may_look_up(name)?
        {
            return Ok(Err(error));
        }
        if let wit::Destination::Via(via) = &to
            && let Err(error) = self.may_name_by(via)?
        {
            return Ok(Err(error));
        }
        Ok(Ok(destination(to)))
    }

    /// Whether the guest may use a key of that registry as a name.
    fn may_name_by(&self, via: &wit::Via) -> Outcome<()> {
        if self.owner()?.grants.may_use_registry(&via.registry) {
            return Ok(Ok(()));
        }
        self.denied("registries", &via.registry);
        Ok(Err(wit::Error::Denied(format!("registries: {:?} is not among the grants", via.registry))))
    }

    /// An error about a name, without the pid of who has it if the guest may not look that up.
    pub(super) fn about_name(&self, name: Option<&str>, error: wit::Error) -> wasmtime::Result<wit::Error> {
        let may_know =
            name.map_or(Ok(true), |name| Ok::<_, wasmtime::Error>(self.owner()?.grants.may_look_up(name)))?;
        Ok(match error {
            wit::Error::NameTaken(_) if !may_know => {
                wit::Error::Denied("register: the name belongs to another process".to_owned())
            }
            error => error,
        })
    }

    /// Whether the guest may list what there is on the node.
    pub(super) fn may_list(&self, what: &str) -> Outcome<()> {
        if self.owner()?.grants.list_processes {
            return Ok(Ok(()));
        }
        self.denied("list_processes", what);
        Ok(Err(wit::Error::Denied("list_processes is not among the grants".to_owned())))
    }
}

/// Refuses what has more bytes than a message of the process's may have.
pub(super) fn check_message_bytes(process: &Context, bytes: &[u8]) -> Result<(), wit::Error> {
    let (allowed, requested) = (process.limits().message_bytes, bytes.len() as u64);
    if requested <= allowed {
        return Ok(());
    }
    let which = "message_bytes".to_owned();
    Err(wit::Error::Limit(wit::LimitExceeded { which, allowed, requested }))
}

/// Refuses a list that is longer than one may be.
pub(super) fn check_entries(entries: usize) -> Result<(), wit::Error> {
    if entries <= MAX_INFO_ENTRIES {
        return Ok(());
    }
    let (allowed, requested) = (MAX_INFO_ENTRIES as u64, entries as u64);
    Err(wit::Error::Limit(wit::LimitExceeded { which: "info_entries".to_owned(), allowed, requested }))
}

/// Bytes that came with the grants that are handed on.
pub(super) fn grants_len(grants: &Option<process::Grants>) -> usize {
    let Some(grants) = grants else { return 0 };
    let texts: usize = texts(grants).map(|text| text.len() + GRANT_BYTES).sum();
    texts + grants.dirs.iter().map(|dir| dir.path.len() + GRANT_BYTES).sum::<usize>()
}

/// Those of them that are texts.
fn texts(grants: &process::Grants) -> impl Iterator<Item = &String> {
    let lists = [
        &grants.env,
        &grants.tcp,
        &grants.udp,
        &grants.dns,
        &grants.spawn,
        &grants.register,
        &grants.lookup,
        &grants.tables,
        &grants.groups,
        &grants.registries,
        &grants.supervise,
        &grants.start_children,
    ];
    lists.into_iter().flatten()
}

fn count(grants: &process::Grants) -> usize {
    texts(grants).count() + grants.dirs.len()
}

/// What an entry of a list of grants is charged with beside its bytes.
const GRANT_BYTES: usize = 256;

/// Entries that lists of grants may have together.
const MAX_GRANTS: usize = 64;

/// The grants that a process hands on, of its `own`; what is wrong about them.
pub(super) fn handed_on(wanted: &process::Grants, own: &Grants) -> Result<Grants, wit::Error> {
    fn parsed<T>(texts: &[String], parse: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, wit::Error> {
        let wrong = |text: &String, why| wit::Error::BadArgument(format!("{text:?} is no pattern: {why}"));
        texts.iter().map(|text| parse(text).map_err(|why| wrong(text, why))).collect()
    }
    if count(wanted) > MAX_GRANTS {
        return Err(wit::Error::BadArgument(format!("there are no more than {MAX_GRANTS} grants at once")));
    }
    let lacks = |what: String| wit::Error::Denied(format!("grants: this process has not: {what}"));
    let dirs = wanted.dirs.iter().map(|dir| {
        let of_own = own.dirs.iter().find(|own| own.guest == dir.path);
        let of_own = of_own.ok_or_else(|| lacks(format!("dirs {}", dir.path)))?;
        Ok(DirGrant { write: dir.write, ..of_own.clone() })
    });
    let env = wanted.env.iter().map(|name| {
        let of_own = own.env.iter().find(|(own, _)| own == name);
        of_own.cloned().ok_or_else(|| lacks(format!("env {name}")))
    });
    let grants = Grants {
        dirs: dirs.collect::<Result<_, wit::Error>>()?,
        env: env.collect::<Result<_, wit::Error>>()?,
        args: if wanted.args { own.args.clone() } else { Vec::new() },
        stdio: wanted.stdio,
        clocks: wanted.clocks,
        random: wanted.random,
        tcp: parsed(&wanted.tcp, NetPattern::parse)?,
        udp: parsed(&wanted.udp, NetPattern::parse)?,
        dns: parsed(&wanted.dns, NamePattern::parse_host)?,
        spawn: wanted.spawn.clone(),
        register: parsed(&wanted.register, NamePattern::parse)?,
        lookup: parsed(&wanted.lookup, NamePattern::parse)?,
        tables: parsed(&wanted.tables, NamePattern::parse)?,
        groups: parsed(&wanted.groups, NamePattern::parse)?,
        registries: parsed(&wanted.registries, NamePattern::parse)?,
        list_processes: wanted.list_processes,
        supervise: wanted.supervise.clone(),
        start_children: wanted.start_children.clone(),
        signal: wanted.signal,
    };
    match own.lacks(&grants) {
        Some(what) => Err(lacks(what)),
        None => Ok(grants),
    }
}
