//! `[components.NAME]`: where a component comes from, what it may reach and use.

use std::ops::RangeInclusive;

use regrow_otp::WhenFull;

use crate::manifest::diagnostic::{Diagnostic, Located};
use crate::manifest::reader::Table;

/// From one wasm page to the 4 GiB that 32-bit addresses reach.
const MEMORY_BYTES: RangeInclusive<u64> = 65_536..=4 << 30;

/// The largest that a message may be allowed to be.
const MAX_MESSAGE_BYTES: u64 = 1 << 30;

/// A component of the application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What the manifest calls it.
    pub name: Located<String>,
    /// A `.wasm` file, or the folder of a crate; relative to the manifest.
    pub path: Located<String>,
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
    /// The terminal.
    pub stdio: bool,
    /// Other components whose processes it may spawn.
    pub spawn: Vec<Located<String>>,
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
}

pub(super) fn read_component(name: Located<String>, table: Table<'_, '_>) -> Option<Component> {
    let path = table.required_string("path", "a .wasm file or the folder of a guest's crate");
    let grants = table.table("grants").map(read_grants).unwrap_or_default();
    let limits = table.table("limits").map(read_limits).unwrap_or_default();
    table.finish();
    Some(Component { name, path: path?, grants, limits })
}

fn read_grants(table: Table<'_, '_>) -> Grants {
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
    let grants = Grants {
        dirs,
        env,
        stdio: table.boolean("stdio").unwrap_or(false),
        spawn: table.strings("spawn"),
        supervise: table.strings("supervise"),
        start_children: table.strings("start_children"),
        signal: table.boolean("signal").unwrap_or(false),
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
    };
    table.finish();
    limits
}
