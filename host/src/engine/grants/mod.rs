//! What a component may reach outside its own memory. Nothing unless granted, and what is granted only shrinks on its way
//! from the manifest to a child and from a process to those that it spawns.

mod address;
mod names;
mod net;
mod wasi;

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

pub use names::NamePattern;
pub use net::NetPattern;
pub(super) use net::Network;
pub(super) use wasi::{MAX_RANDOM_BYTES, Wasi};

/// What a component, or one of its processes, may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<DirGrant>,
    /// Environment variables, with their values.
    pub env: Vec<(String, String)>,
    /// Command-line arguments.
    pub args: Vec<String>,
    /// The host's standard input, output and error. Without it, what the guest prints goes to the log.
    pub stdio: bool,
    /// The time of day, and monotonic time by the nanosecond. Without it, there is the time since the node's start, by the
    /// millisecond.
    pub clocks: bool,
    /// Random numbers that nobody can predict. Without it, asking for one traps, and seeds are the host's choice.
    pub random: bool,
    /// Where it may connect to by TCP.
    pub tcp: Vec<NetPattern>,
    /// Where it may send UDP datagrams to, and receive them from.
    pub udp: Vec<NetPattern>,
    /// Names that it may look up, beside those in `tcp` and `udp`.
    pub dns: Vec<NamePattern>,
    /// Components, beside its own, whose processes it may spawn.
    pub spawn: Vec<String>,
    /// Names that it may register processes under.
    pub register: Vec<NamePattern>,
    /// Names that it may look up, send to, call, monitor and start timers for.
    pub lookup: Vec<NamePattern>,
    /// Names of tables that it may make and find.
    pub tables: Vec<NamePattern>,
    /// Names of scopes whose process groups it may use.
    pub groups: Vec<NamePattern>,
    /// Names of registries that it may start and use, also to name processes by their keys.
    pub registries: Vec<NamePattern>,
    /// Whether it may list the processes and names of the node.
    pub list_processes: bool,
    /// Names of supervisors that it may manage, beside those that descend from its processes.
    pub supervise: Vec<String>,
    /// What it may start as children of supervisors: components, or entries of theirs as `component.entry`.
    pub start_children: Vec<String>,
    /// Whether it may exit, kill and link processes that are no relatives of its own.
    pub signal: bool,
}

/// A folder that a component sees.
#[derive(Clone, Debug)]
pub struct DirGrant {
    /// The folder on the host.
    pub host: PathBuf,
    /// Where the guest sees it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub write: bool,
    /// The folder itself, opened once: whoever may write to a folder around it could put another in its place.
    pub folder: Option<Arc<File>>,
}

impl PartialEq for DirGrant {
    fn eq(&self, other: &Self) -> bool {
        (&self.host, &self.guest, self.write) == (&other.host, &other.guest, other.write)
    }
}

impl Eq for DirGrant {}

impl DirGrant {
    /// Whether `other` is this folder or one in it, with no more access.
    fn covers(&self, other: &Self) -> bool {
        other.host.starts_with(&self.host) && (self.write || !other.write)
    }
}

/// Whether what was written as `component` or `component.entry` grants that entry.
fn names_entry(granted: &str, component: &str, entry: &str) -> bool {
    match granted.split_once('.') {
        Some((granted, of_it)) => granted == component && of_it == entry,
        None => granted == component,
    }
}

/// What both lists have.
fn common<T: PartialEq + Clone>(own: &[T], other: &[T]) -> Vec<T> {
    own.iter().filter(|one| other.contains(one)).cloned().collect()
}

/// What is in both of two lists of patterns.
fn intersections<T: PartialEq>(own: &[T], other: &[T], both: impl Fn(&T, &T) -> Option<T>) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    for pattern in
        own.iter().flat_map(|one| other.iter().filter_map(|other| both(one, other)).collect::<Vec<_>>())
    {
        if !all.contains(&pattern) {
            all.push(pattern);
        }
    }
    all
}

/// Entries of one component are within all of them.
fn both_entries(one: &str, other: &str) -> Option<String> {
    let within = |whole: &str, part: &str| {
        whole == part || part.split_once('.').is_some_and(|(component, _)| component == whole)
    };
    if within(one, other) { Some(other.to_owned()) } else { within(other, one).then(|| one.to_owned()) }
}

impl Grants {
    /// Whether an entry may be started as a child of a supervisor.
    pub(super) fn may_start_child(&self, component: &str, entry: &str) -> bool {
        self.start_children.iter().any(|granted| names_entry(granted, component, entry))
    }

    /// Whether a process may be registered under a name.
    pub(super) fn may_register(&self, name: &str) -> bool {
        self.register.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether the process that has a name may be found by it.
    pub(super) fn may_look_up(&self, name: &str) -> bool {
        self.lookup.iter().any(|pattern| pattern.matches(name))
    }

    /// Whether a registry may be started or used.
    pub(super) fn may_use_registry(&self, name: &str) -> bool {
        self.registries.iter().any(|pattern| pattern.matches(name))
    }

    /// What both grant. Of folders, variables and arguments it is those of `self`.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        let dirs = self.dirs.iter().filter_map(|dir| {
            let readable = DirGrant { write: false, ..dir.clone() };
            let kept = if other.dirs.iter().any(|other| other.covers(dir)) { dir } else { &readable };
            other.dirs.iter().any(|other| other.covers(kept)).then(|| kept.clone())
        });
        Self {
            dirs: dirs.collect(),
            env: common(&self.env, &other.env),
            args: if self.args == other.args { self.args.clone() } else { Vec::new() },
            stdio: self.stdio && other.stdio,
            clocks: self.clocks && other.clocks,
            random: self.random && other.random,
            tcp: intersections(&self.tcp, &other.tcp, NetPattern::intersection),
            udp: intersections(&self.udp, &other.udp, NetPattern::intersection),
            dns: intersections(&self.dns, &other.dns, NamePattern::intersection),
            spawn: common(&self.spawn, &other.spawn),
            register: intersections(&self.register, &other.register, NamePattern::intersection),
            lookup: intersections(&self.lookup, &other.lookup, NamePattern::intersection),
            tables: intersections(&self.tables, &other.tables, NamePattern::intersection),
            groups: intersections(&self.groups, &other.groups, NamePattern::intersection),
            registries: intersections(&self.registries, &other.registries, NamePattern::intersection),
            list_processes: self.list_processes && other.list_processes,
            supervise: common(&self.supervise, &other.supervise),
            start_children: intersections(&self.start_children, &other.start_children, |one, other| {
                both_entries(one, other)
            }),
            signal: self.signal && other.signal,
        }
    }

    /// The first grant of `wanted` that these do not include, as people write it.
    pub fn lacks(&self, wanted: &Self) -> Option<String> {
        fn first<T: fmt::Display>(
            name: &str,
            own: &[T],
            wanted: &[T],
            covers: impl Fn(&T, &T) -> bool,
        ) -> Option<String> {
            let lacking = wanted.iter().find(|wanted| !own.iter().any(|own| covers(own, wanted)));
            lacking.map(|lacking| format!("{name} {lacking}"))
        }
        let flag = |name: &str, own: bool, wanted: bool| (wanted && !own).then(|| name.to_owned());
        let same = |one: &String, other: &String| one == other;
        let dir = wanted.dirs.iter().find(|wanted| !self.dirs.iter().any(|own| own.covers(wanted)));
        dir.map(|dir| format!("dirs {}", dir.guest))
            .or_else(|| {
                let variable = wanted.env.iter().find(|variable| !self.env.contains(variable));
                variable.map(|(name, _)| format!("env {name}"))
            })
            .or_else(|| (!wanted.args.is_empty() && wanted.args != self.args).then(|| "args".to_owned()))
            .or_else(|| flag("stdio", self.stdio, wanted.stdio))
            .or_else(|| flag("clocks", self.clocks, wanted.clocks))
            .or_else(|| flag("random", self.random, wanted.random))
            .or_else(|| first("tcp", &self.tcp, &wanted.tcp, NetPattern::covers))
            .or_else(|| first("udp", &self.udp, &wanted.udp, NetPattern::covers))
            .or_else(|| first("dns", &self.dns, &wanted.dns, NamePattern::covers))
            .or_else(|| first("spawn", &self.spawn, &wanted.spawn, same))
            .or_else(|| first("register", &self.register, &wanted.register, NamePattern::covers))
            .or_else(|| first("lookup", &self.lookup, &wanted.lookup, NamePattern::covers))
            .or_else(|| first("tables", &self.tables, &wanted.tables, NamePattern::covers))
            .or_else(|| first("groups", &self.groups, &wanted.groups, NamePattern::covers))
            .or_else(|| first("registries", &self.registries, &wanted.registries, NamePattern::covers))
            .or_else(|| flag("list_processes", self.list_processes, wanted.list_processes))
            .or_else(|| first("supervise", &self.supervise, &wanted.supervise, same))
            .or_else(|| {
                let covers =
                    |own: &String, wanted: &String| both_entries(own, wanted).as_ref() == Some(wanted);
                first("start_children", &self.start_children, &wanted.start_children, covers)
            })
            .or_else(|| flag("signal", self.signal, wanted.signal))
    }
}

/// What is granted, without the values of environment variables.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn shown<T: fmt::Display>(list: &[T]) -> Vec<String> {
            list.iter().map(ToString::to_string).collect()
        }
        let dirs = self.dirs.iter().map(|dir| {
            let access = if dir.write { "read-write" } else { "read" };
            format!("{} as {} ({access})", dir.host.display(), dir.guest)
        });
        let lists: [(&str, Vec<String>); 14] = [
            ("dirs", dirs.collect()),
            ("env", self.env.iter().map(|(name, _)| name.clone()).collect()),
            ("args", self.args.clone()),
            ("tcp", shown(&self.tcp)),
            ("udp", shown(&self.udp)),
            ("dns", shown(&self.dns)),
            ("spawn", self.spawn.clone()),
            ("register", shown(&self.register)),
            ("lookup", shown(&self.lookup)),
            ("tables", shown(&self.tables)),
            ("groups", shown(&self.groups)),
            ("registries", shown(&self.registries)),
            ("supervise", self.supervise.clone()),
            ("start_children", self.start_children.clone()),
        ];
        let flags = [
            ("stdio", self.stdio),
            ("clocks", self.clocks),
            ("random", self.random),
            ("list_processes", self.list_processes),
            ("signal", self.signal),
        ];
        let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
        let lists = lists.map(|(name, list)| format!("{name}: {}", list.join(", ")));
        let flags = flags.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name.to_owned());
        let granted: Vec<String> = lists.chain(flags).collect();
        f.write_str(if granted.is_empty() { "none" } else { "" })?;
        f.write_str(&granted.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir(host: &str, write: bool) -> DirGrant {
        DirGrant { host: host.into(), guest: format!("/{host}"), write, folder: None }
    }

    fn everything() -> Grants {
        let name = |text| NamePattern::parse(text).unwrap();
        let net = |text| NetPattern::parse(text).unwrap();
        Grants {
            dirs: vec![dir("data", true)],
            env: vec![("A".into(), "1".into())],
            args: vec!["x".into()],
            stdio: true,
            clocks: true,
            random: true,
            tcp: vec![net("10.0.0.0/8:*")],
            udp: vec![net("*:53")],
            dns: vec![name("*")],
            spawn: vec!["b".into()],
            register: vec![name("a/*")],
            lookup: vec![name("*")],
            tables: vec![name("t*")],
            groups: vec![name("g*")],
            registries: vec![name("r*")],
            list_processes: true,
            supervise: vec!["pool".into()],
            start_children: vec!["b".into()],
            signal: true,
        }
    }

    #[test]
    fn nothing_and_everything_share_nothing() {
        assert_eq!(everything().intersection(&Grants::default()), Grants::default());
        assert_eq!(Grants::default().intersection(&everything()), Grants::default());
        assert_eq!(everything().intersection(&everything()), everything());
        assert_eq!(everything().lacks(&everything()), None);
        assert_eq!(Grants::default().to_string(), "none");
    }

    /// Each grant for itself: without it, that one is what is lacking, and what both have is covered by both.
    #[test]
    fn each_grant_counts() {
        type Take = fn(&mut Grants);
        let without: [(&str, Take); 19] = [
            ("dirs /data", |grants| grants.dirs.clear()),
            ("env A", |grants| grants.env.clear()),
            ("args", |grants| grants.args.clear()),
            ("stdio", |grants| grants.stdio = false),
            ("clocks", |grants| grants.clocks = false),
            ("random", |grants| grants.random = false),
            ("tcp 10.0.0.0/8:*", |grants| grants.tcp.clear()),
            ("udp *:53", |grants| grants.udp.clear()),
            ("dns *", |grants| grants.dns.clear()),
            ("spawn b", |grants| grants.spawn.clear()),
            ("register a/*", |grants| grants.register.clear()),
            ("lookup *", |grants| grants.lookup.clear()),
            ("tables t*", |grants| grants.tables.clear()),
            ("groups g*", |grants| grants.groups.clear()),
            ("registries r*", |grants| grants.registries.clear()),
            ("list_processes", |grants| grants.list_processes = false),
            ("supervise pool", |grants| grants.supervise.clear()),
            ("start_children b", |grants| grants.start_children.clear()),
            ("signal", |grants| grants.signal = false),
        ];
        for (lacking, take) in without {
            let mut fewer = everything();
            take(&mut fewer);
            assert_eq!(fewer.lacks(&everything()).as_deref(), Some(lacking));
            assert_eq!(everything().lacks(&fewer), None, "{lacking}");
            assert_eq!(everything().intersection(&fewer), fewer, "{lacking}");
        }
    }

    #[test]
    fn folders_shrink_to_what_is_within_and_to_reading() {
        let of = |dirs: &[DirGrant]| Grants { dirs: dirs.to_vec(), ..Grants::default() };
        let wide = of(&[dir("data", false), dir("data/out", true)]);
        let kept =
            of(&[dir("data/in", true), dir("data/out/a", true), dir("other", false)]).intersection(&wide);
        assert_eq!(kept.dirs, [dir("data/in", false), dir("data/out/a", true)]);
        assert_eq!(of(&[dir("dat", false)]).intersection(&wide).dirs, [], "not by its letters");
        assert_eq!(of(&[dir("data", true)]).lacks(&wide), None);
    }

    #[test]
    fn an_entry_is_within_its_component() {
        let of = |granted: &str| Grants { start_children: vec![granted.to_owned()], ..Grants::default() };
        assert_eq!(of("b").intersection(&of("b.main")), of("b.main"));
        assert_eq!(of("b.main").intersection(&of("b")), of("b.main"));
        assert_eq!(of("b.main").intersection(&of("b.other")), Grants::default());
        assert!(of("b").may_start_child("b", "main") && !of("b.main").may_start_child("b", "other"));
    }
}
