//! `[components.NAME]`: where a component comes from, what it may reach and use.

use std::ops::RangeInclusive;

use regrow_otp::{Budget, DEFAULT_SHARE, MAX_SHARE, WhenFull};

use crate::manifest::diagnostic::{Diagnostic, Located};
use crate::manifest::reader::Table;

/// From one wasm page to the 4 GiB that 32-bit addresses reach.
const MEMORY_BYTES: RangeInclusive<u64> = 65_536..=4 << 30;

/// A guest's standard library takes a few for itself.
const MIN_HANDLES: u64 = 8;

/// The largest that a message may be allowed to be.
const MAX_MESSAGE_BYTES: u64 = 1 << 30;

/// A component of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What the manifest calls it.
    pub name: Located<String>,
    /// A `.wasm` file, or the folder of a crate; relative to the manifest.
    pub path: Located<String>,
    /// Whether it runs on the engine for speed, rather than on that for density.
    pub for_speed: bool,
    /// What its processes may reach.
    pub grants: Grants,
    /// What each of its processes may use.
    pub limits: Limits,
}

/// What a component may reach. Nothing unless granted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<Dir>,
    /// Environment variables, with their values.
    pub env: Vec<(String, String)>,
    /// Command-line arguments.
    pub args: Vec<String>,
    /// The terminal.
    pub stdio: bool,
    /// The time of day, and time by the nanosecond.
    pub clocks: bool,
    /// Secure random numbers.
    pub random: bool,
    /// Where it may connect to.
    pub tcp: Vec<Located<String>>,
    /// Where it may send datagrams to.
    pub udp: Vec<Located<String>>,
    /// Names that it may look up.
    pub dns: Vec<Located<String>>,
    /// Other components whose processes it may spawn.
    pub spawn: Vec<Located<String>>,
    /// Names that it may register.
    pub register: Vec<Located<String>>,
    /// Names that it may find processes by.
    pub lookup: Vec<Located<String>>,
    /// Tables that it may make and find.
    pub tables: Vec<Located<String>>,
    /// Names of scopes whose process groups it may use.
    pub groups: Vec<Located<String>>,
    /// Names of registries that it may start and use.
    pub registries: Vec<Located<String>>,
    /// The list of the node's processes.
    pub list_processes: bool,
    /// Names of supervisors that it may manage.
    pub supervise: Vec<Located<String>>,
    /// What it may start as children of supervisors: `component`, or `component.entry`.
    pub start_children: Vec<Located<String>>,
    /// Exit signals and links to strangers.
    pub signal: bool,
}

/// A folder that a component sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dir {
    /// The folder on the host; relative to the manifest.
    pub host: Located<String>,
    /// Where the guest sees it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub write: bool,
}

/// Limits; none is the default, or what the component has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory.
    pub memory_bytes: Option<u64>,
    /// Messages in the mailbox.
    pub mailbox_messages: Option<u64>,
    /// Bytes in the mailbox.
    pub mailbox_bytes: Option<u64>,
    /// What becomes of messages that find no room in the mailbox.
    pub when_full: Option<WhenFull>,
    /// Bytes of one message that is sent.
    pub message_bytes: Option<u64>,
    /// Links.
    pub links: Option<u64>,
    /// Monitors and pending calls.
    pub monitors: Option<u64>,
    /// Running timers.
    pub timers: Option<u64>,
    /// Live processes that a process has spawned.
    pub children: Option<u64>,
    /// Reductions in a process's life.
    pub reductions: Option<u64>,
    /// Open files, sockets and other handles.
    pub handles: Option<u64>,
    /// Lines logged in a second.
    pub log_lines_per_second: Option<u64>,
    /// Bytes that a process keeps in the host.
    pub kept_bytes: Option<u64>,
}

pub(super) fn read_component(name: Located<String>, table: Table<'_, '_>) -> Option<Component> {
    let path = table.required_string("path", "a .wasm file or the folder of a guest's crate");
    let grants = table.table("grants").map(read_grants).unwrap_or_default();
    let limits = table.table("limits").map(read_limits).unwrap_or_default();
    let for_speed = table.word("engine", &[("density", false), ("speed", true)]).unwrap_or(false);
    table.finish();
    Some(Component { name, path: path?, for_speed, grants, limits })
}

pub(super) fn read_grants(table: Table<'_, '_>) -> Grants {
    let dirs = table.list("dirs").iter();
    let dirs = dirs.filter_map(|value| read_dir(Table::of(value, "dirs", table.reading())?)).collect();
    let mut env = Vec::new();
    if let Some(variables) = table.table("env") {
        for (key, value) in variables.entries() {
            match value.get_ref().as_str() {
                Some(text) => env.push((key.value, table.reading().substitute(text, &value.span()))),
                None => table.reading().push(Diagnostic::new(
                    value.span(),
                    format!("`{}` has the wrong type", key.value),
                    format!("expected a string, found {}", value.get_ref().type_str()),
                )),
            }
        }
    }
    let flag = |key| table.boolean(key).unwrap_or(false);
    let grants = Grants {
        dirs,
        env,
        args: table.strings("args").into_iter().map(|argument| argument.value).collect(),
        stdio: flag("stdio"),
        clocks: flag("clocks"),
        random: flag("random"),
        tcp: table.strings("tcp"),
        udp: table.strings("udp"),
        dns: table.strings("dns"),
        spawn: table.strings("spawn"),
        register: table.strings("register"),
        lookup: table.strings("lookup"),
        tables: table.strings("tables"),
        groups: table.strings("groups"),
        registries: table.strings("registries"),
        list_processes: flag("list_processes"),
        supervise: table.strings("supervise"),
        start_children: table.strings("start_children"),
        signal: flag("signal"),
    };
    table.finish();
    grants
}

fn read_dir(table: Table<'_, '_>) -> Option<Dir> {
    let host = table.required_string("host", "a folder on this machine");
    let guest = table.required_string("guest", "the path under which the guest sees it");
    let write = table.word("access", &[("read", false), ("read-write", true)]).unwrap_or(false);
    table.finish();
    Some(Dir { host: host?, guest: guest?.value, write })
}

pub(super) fn read_limits(table: Table<'_, '_>) -> Limits {
    let limits = Limits {
        memory_bytes: table.bytes("memory_bytes", MEMORY_BYTES),
        mailbox_messages: table.integer("mailbox_messages", 1),
        mailbox_bytes: table.bytes("mailbox_bytes", 1..=u64::MAX),
        when_full: table.word("when_full", &WhenFull::ALL),
        message_bytes: table.bytes("message_bytes", 1..=MAX_MESSAGE_BYTES),
        links: table.integer("links", 0),
        monitors: table.integer("monitors", 0),
        timers: table.integer("timers", 0),
        children: table.integer("children", 0),
        reductions: table.integer("reductions", 1),
        handles: table.integer("handles", MIN_HANDLES),
        log_lines_per_second: table.integer("log_lines_per_second", 0),
        kept_bytes: table.bytes("kept_bytes", 0..=u64::MAX),
    };
    table.finish();
    limits
}

/// `budget = { share = 200, processes = 100, … }`
pub(super) fn read_budget(table: Table<'_, '_>) -> Budget {
    let share = table.integer("share", 1);
    if let Some(value) = table.get("share").filter(|_| share.is_some_and(|share| share > MAX_SHARE.into())) {
        table.reading().push(Diagnostic::new(
            value.span(),
            "`share` is out of range",
            format!("expected a whole number from 1 to {MAX_SHARE}"),
        ));
    }
    let budget = Budget {
        share: share.map_or(DEFAULT_SHARE, |share| u32::try_from(share).unwrap_or(MAX_SHARE)),
        processes: table.integer("processes", 1),
        memory_bytes: table.bytes("memory_bytes", 65_536..=u64::MAX),
        reductions: table.integer("reductions", 1),
        mailbox_messages: table.integer("mailbox_messages", 1),
        mailbox_bytes: table.bytes("mailbox_bytes", 1..=u64::MAX),
        timers: table.integer("timers", 0),
        handles: table.integer("handles", 0),
        log_lines_per_second: table.integer("log_lines_per_second", 0),
    };
    table.finish();
    budget
}
