//! Where control sockets are: in a folder that only the owner can enter.

use std::fmt;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// There is no place for a control socket.
#[derive(Debug)]
pub struct SocketError {
    path: PathBuf,
    why: String,
}

impl SocketError {
    pub(super) fn new(path: &Path, why: impl Into<String>) -> Self {
        Self { path: path.to_owned(), why: why.into() }
    }
}

impl fmt::Display for SocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no control socket at {}: {}; name another place with --socket, or none with --no-control",
            self.path.display(),
            self.why
        )
    }
}

impl std::error::Error for SocketError {}

/// The user that this process runs as.
pub(super) fn own_uid() -> io::Result<u32> {
    Ok(fs::metadata("/proc/self")?.uid())
}

/// The folder of the user's control sockets: below `XDG_RUNTIME_DIR`, or below the folder for temporary files.
fn folder() -> io::Result<PathBuf> {
    match std::env::var_os("XDG_RUNTIME_DIR").filter(|path| Path::new(path).is_absolute()) {
        Some(runtime) => Ok(Path::new(&runtime).join("regrow")),
        None => Ok(std::env::temp_dir().join(format!("regrow-{}", own_uid()?))),
    }
}

/// Where this process's control socket goes, if it runs `application`. Makes the folder.
///
/// # Errors
/// [`SocketError`], also if somebody else has made the folder, or if others can enter it.
pub fn default_path(application: &str) -> Result<PathBuf, SocketError> {
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' || c == '_' { c } else { '_' };
    // The whole path must fit into 108 bytes.
    let name: String = application.chars().map(plain).take(40).collect();
    let folder = folder().map_err(|error| SocketError::new(Path::new("/proc/self"), error.to_string()))?;
    let wrong = |why: String| SocketError::new(&folder, why);
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .map_err(|error| wrong(error.to_string()))?;
    check_folder(&folder).map_err(wrong)?;
    Ok(folder.join(format!("{name}.{}.sock", std::process::id())))
}

/// Nobody else may have put a socket there.
fn check_folder(folder: &Path) -> Result<(), String> {
    let metadata = fs::symlink_metadata(folder).map_err(|error| error.to_string())?;
    let own = own_uid().map_err(|error| error.to_string())?;
    if !metadata.is_dir() || metadata.uid() != own {
        return Err("the folder belongs to somebody else".to_owned());
    }
    if metadata.mode() & 0o077 != 0 {
        return Err("others may enter the folder; chmod 700 it".to_owned());
    }
    Ok(())
}

/// The control sockets of the user's nodes, with the names of their applications. Some may be those of nodes that have
/// died.
pub fn find_sockets() -> Vec<(String, PathBuf)> {
    let folder = folder().ok().filter(|folder| check_folder(folder).is_ok());
    let entries = folder.map(fs::read_dir).into_iter().flatten().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let file = entry.file_name().into_string().ok()?;
        let (name, process) = file.strip_suffix(".sock")?.rsplit_once('.')?;
        process.parse::<u32>().ok()?;
        Some((name.to_owned(), entry.path()))
    });
    let mut sockets: Vec<(String, PathBuf)> = named.collect();
    sockets.sort();
    sockets
}
