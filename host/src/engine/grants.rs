//! What a component may reach outside its own memory. Nothing unless granted.

use std::fmt;
use std::path::PathBuf;

use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder};

use crate::engine::stdio::GuestOutput;

/// Random bytes that one call may ask for: making them holds up a worker.
const MAX_RANDOM_BYTES: u64 = 64 << 10;

/// What a component may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grants {
    /// Folders.
    pub dirs: Vec<DirGrant>,
    /// Environment variables, with their values.
    pub env: Vec<(String, String)>,
    /// The host's standard output and error. Without it, what the guest prints goes to the log.
    pub stdio: bool,
    /// Components, beside its own, whose processes it may spawn.
    pub spawn: Vec<String>,
    /// Names of supervisors that it may manage, beside those that descend from its processes.
    pub supervise: Vec<String>,
    /// What it may start as children of supervisors: components, or entries of theirs as `component.entry`.
    pub start_children: Vec<String>,
    /// Whether it may exit, kill and link processes that are no relatives of its own.
    pub signal: bool,
}

/// A folder that a component sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirGrant {
    /// The folder on the host.
    pub host: PathBuf,
    /// Where the guest sees it.
    pub guest: String,
    /// Whether the guest may change what is in it.
    pub write: bool,
}

/// What is granted, without the values of environment variables.
impl fmt::Display for Grants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dirs = self.dirs.iter().map(|dir| {
            let access = if dir.write { "read-write" } else { "read" };
            format!("{} as {} ({access})", dir.host.display(), dir.guest)
        });
        let lists = [
            ("dirs", dirs.collect()),
            ("env", self.env.iter().map(|(name, _)| name.clone()).collect()),
            ("spawn", self.spawn.clone()),
            ("supervise", self.supervise.clone()),
            ("start_children", self.start_children.clone()),
        ];
        let words = [("stdio", self.stdio), ("signal", self.signal)];
        let lists = lists.into_iter().filter(|(_, list): &(_, Vec<String>)| !list.is_empty());
        let lists = lists.map(|(name, list)| format!("{name}: {}", list.join(", ")));
        let words = words.into_iter().filter(|(_, granted)| *granted).map(|(name, _)| name.to_owned());
        let granted: Vec<String> = lists.chain(words).collect();
        f.write_str(if granted.is_empty() { "none" } else { "" })?;
        f.write_str(&granted.join("; "))
    }
}

impl Grants {
    /// Whether an entry may be started as a child of a supervisor.
    pub(super) fn may_start_child(&self, component: &str, entry: &str) -> bool {
        self.start_children.iter().any(|granted| match granted.split_once('.') {
            Some((granted, of_it)) => granted == component && of_it == entry,
            None => granted == component,
        })
    }

    /// The WASI context of a process with these grants.
    pub(super) fn wasi(&self, output: &GuestOutput) -> wasmtime::Result<WasiCtx> {
        let mut builder = WasiCtxBuilder::new();
        builder.envs(&self.env).allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
        builder.max_random_size(MAX_RANDOM_BYTES);
        if self.stdio {
            builder.inherit_stdout().inherit_stderr();
        } else {
            builder.stdout(output.stdout()).stderr(output.stderr());
        }
        for dir in &self.dirs {
            let perms = if dir.write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            builder.preopened_dir(&dir.host, &dir.guest, perms)?;
        }
        Ok(builder.build())
    }
}
