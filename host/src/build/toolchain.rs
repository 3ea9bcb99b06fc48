//! Finding the standard library of the wasm target, or having rustup add it.
//!
//! `CARGO` and `RUSTC` name other programs than those on the path; `REGROW_WASM_SYSROOT` names a Rust sysroot
//! that has the target, for tool chains that rustup does not manage.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build::TARGET;

/// The programs that compile guests.
#[derive(Clone, Debug)]
pub struct Toolchain {
    pub(super) cargo: OsString,
    rustc: OsString,
    pub(super) sysroot: Option<PathBuf>,
}

/// Why guests can't be compiled on this machine.
#[derive(Debug)]
pub enum ToolchainError {
    /// A program can't be run.
    Program(OsString, io::Error),
    /// The target is missing, and rustup could not add it; why.
    Target(String),
}

impl fmt::Display for ToolchainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Program(program, error) => write!(
                f,
                "`{}` can't be run ({error}): install Rust, or name the program in CARGO or RUSTC",
                program.display()
            ),
            Self::Target(why) => write!(
                f,
                "Rust's standard library for {TARGET} is missing and can't be added ({why}): run `rustup target add {TARGET}` when online, or install your distribution's package (Debian: libstd-rust-dev-wasm32, with the same suite's rustc), or set REGROW_WASM_SYSROOT to a sysroot that has it, or name .wasm files in the manifest"
            ),
        }
    }
}

impl std::error::Error for ToolchainError {}

impl Toolchain {
    /// The tool chain that the environment names.
    pub fn from_env() -> Self {
        let program = |variable, default: &str| env::var_os(variable).unwrap_or_else(|| default.into());
        Self {
            cargo: program("CARGO", "cargo"),
            rustc: program("RUSTC", "rustc"),
            sysroot: env::var_os("REGROW_WASM_SYSROOT").map(PathBuf::from),
        }
    }

    /// Makes sure that the target is there for crates in `folder`; asks rustup for it once if it is not, and
    /// says so through `say`. Safe when several start at once: the others wait and find it there.
    ///
    /// # Errors
    /// [`ToolchainError`]
    pub fn ensure_target(&self, folder: &Path, say: &(dyn Fn(&str) + Sync)) -> Result<(), ToolchainError> {
        if self.has_target(folder)? {
            return Ok(());
        }
        if self.sysroot.is_some() {
            let why = "the sysroot that REGROW_WASM_SYSROOT names does not have it";
            return Err(ToolchainError::Target(why.to_owned()));
        }
        let lock = lock_file();
        if let Some(lock) = &lock
            && lock.try_lock().is_err()
        {
            say("waiting for another regrow that sets up the tool chain");
            // Where locks don't work (some network file systems), rustup's own care is what is left.
            let _ = lock.lock();
        }
        if self.has_target(folder)? {
            return Ok(());
        }
        say(&format!(
            "asking rustup to add {TARGET}, once: Rust's standard library for guests (about 20 MB)"
        ));
        add_target(folder, say)?;
        if self.has_target(folder)? {
            say(&format!("{TARGET} is ready"));
            return Ok(());
        }
        Err(ToolchainError::Target("rustup added it to another tool chain than rustc's".to_owned()))
    }

    fn has_target(&self, folder: &Path) -> Result<bool, ToolchainError> {
        let mut rustc = Command::new(&self.rustc);
        rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(folder);
        if let Some(sysroot) = &self.sysroot {
            rustc.arg("--sysroot").arg(sysroot);
        }
        let output = rustc.output().map_err(|error| ToolchainError::Program(self.rustc.clone(), error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let library = Path::new(text.trim());
        let is_std = |name: OsString| name.to_string_lossy().starts_with("libstd-");
        let files = fs::read_dir(library).into_iter().flatten().flatten();
        Ok(output.status.success() && files.map(|file| file.file_name()).any(is_std))
    }
}

/// Where several processes of one user meet.
fn lock_file() -> Option<File> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let folder = cargo_home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo")))?;
    let path = folder.join(".regrow-toolchain-lock");
    File::options().create(true).truncate(false).write(true).open(path).ok()
}

fn add_target(folder: &Path, say: &(dyn Fn(&str) + Sync)) -> Result<(), ToolchainError> {
    let failed = |why: String| ToolchainError::Target(why);
    let mut rustup = Command::new("rustup")
        .args(["target", "add", TARGET])
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("rustup can't be run: {error}")))?;
    let mut last_error = None;
    let lines = rustup.stderr.take().map(BufReader::new).into_iter().flat_map(|stderr| stderr.lines());
    for line in lines.map_while(Result::ok) {
        match line.strip_prefix("info: ") {
            Some(progress) => say(&format!("rustup: {progress}")),
            None => {
                if let Some(error) = line.strip_prefix("error: ") {
                    last_error.get_or_insert_with(|| error.trim().to_owned());
                }
            }
        }
    }
    let status = rustup.wait().map_err(|error| failed(error.to_string()))?;
    if status.success() {
        return Ok(());
    }
    Err(failed(last_error.map_or_else(|| format!("rustup: {status}"), |error| format!("rustup: {error}"))))
}
