//! Compiling guests with cargo, which knows what has changed.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::build::TARGET;
use crate::build::toolchain::{Toolchain, ToolchainError};

/// Why a guest was not compiled.
#[derive(Debug)]
pub enum BuildError {
    /// The tool chain is not complete.
    Toolchain(ToolchainError),
    /// The folder is no crate; what cargo says.
    NotACrate(PathBuf, String),
    /// The crate's code has errors. Cargo has shown them.
    Compile(Vec<PathBuf>),
    /// The crate makes no wasm file.
    NoComponent(PathBuf),
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toolchain(error) => write!(f, "{error}"),
            Self::NotACrate(folder, why) => write!(f, "{} is no crate: {why}", folder.display()),
            Self::Compile(folders) => {
                let names: Vec<String> = folders.iter().map(|folder| folder.display().to_string()).collect();
                write!(f, "{} did not compile: see above", names.join(", "))
            }
            Self::NoComponent(folder) => write!(
                f,
                "{} makes no component: its Cargo.toml needs `[lib]` with `crate-type = [\"cdylib\"]`",
                folder.display()
            ),
        }
    }
}

impl std::error::Error for BuildError {}

impl From<ToolchainError> for BuildError {
    fn from(error: ToolchainError) -> Self {
        Self::Toolchain(error)
    }
}

/// Compiles the crates in `folders` for wasm where their sources have changed; the wasm file of each, in the
/// same order. Cargo shows its progress on standard error; `say` tells the rest.
///
/// # Errors
/// [`BuildError`]
pub fn build_guests(folders: &[PathBuf], say: &(dyn Fn(&str) + Sync)) -> Result<Vec<PathBuf>, BuildError> {
    let toolchain = Toolchain::from_env();
    let mut workspaces: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for folder in folders {
        let workspace = toolchain.workspace_of(folder)?;
        let members = workspaces.entry(workspace).or_default();
        if !members.contains(folder) {
            members.push(folder.clone());
        }
    }
    let mut built = BTreeMap::new();
    for (workspace, members) in workspaces {
        toolchain.ensure_target(parent(&workspace), say)?;
        built.extend(toolchain.build_workspace(&workspace, members)?);
    }
    let find = |folder: &PathBuf| {
        built.get(folder).cloned().flatten().ok_or_else(|| BuildError::NoComponent(folder.clone()))
    };
    folders.iter().map(find).collect()
}

impl Toolchain {
    /// Cargo, run where the guest is: what configures the tool chain for that folder counts.
    fn cargo(&self, folder: &Path) -> Command {
        let mut cargo = Command::new(&self.cargo);
        cargo.current_dir(folder);
        // Flags for the host's code are not meant for guests.
        cargo.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS").stdin(Stdio::null());
        cargo.env_remove("CARGO_BUILD_TARGET").env_remove("CARGO_BUILD_RUSTFLAGS");
        if let Some(sysroot) = &self.sysroot {
            let flag = format!("--sysroot={}", sysroot.display());
            cargo.env("CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS", flag);
        }
        cargo
    }

    fn program_error(&self, error: io::Error) -> BuildError {
        ToolchainError::Program(self.cargo.clone(), error).into()
    }

    /// The manifest of the workspace that the crate in `folder` belongs to.
    fn workspace_of(&self, folder: &Path) -> Result<PathBuf, BuildError> {
        let manifest = folder.join("Cargo.toml").canonicalize();
        let manifest =
            manifest.map_err(|error| BuildError::NotACrate(folder.to_owned(), error.to_string()))?;
        let output = self
            .cargo(folder)
            .args(["locate-project", "--workspace", "--message-format", "plain", "--manifest-path"])
            .arg(manifest)
            .output()
            .map_err(|error| self.program_error(error))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(BuildError::NotACrate(folder.to_owned(), why));
        }
        Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// The wasm file of each member, if it has one.
    fn build_workspace(
        &self,
        workspace: &Path,
        members: Vec<PathBuf>,
    ) -> Result<BTreeMap<PathBuf, Option<PathBuf>>, BuildError> {
        let packages = self.packages(workspace, &members)?;
        let mut ids: BTreeMap<PathBuf, String> = BTreeMap::new();
        for member in &members {
            let manifest = member.join("Cargo.toml").canonicalize().unwrap_or_default();
            let Some(id) = packages.get(&manifest) else {
                let why = "cargo does not know it".to_owned();
                return Err(BuildError::NotACrate(member.clone(), why));
            };
            ids.insert(member.clone(), id.clone());
        }
        let mut cargo = self.cargo(parent(workspace));
        cargo.args(["build", "--release", "--target", TARGET, "--manifest-path"]).arg(workspace);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        for id in ids.values() {
            cargo.args(["--package", id]);
        }
        let output = cargo.stderr(Stdio::inherit()).output().map_err(|error| self.program_error(error))?;
        if !output.status.success() {
            return Err(BuildError::Compile(members));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let messages: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Ok(ids.into_iter().map(|(member, id)| (member, artifact(&messages, &id))).collect())
    }

    /// The ids of a workspace's packages, by their manifests.
    fn packages(
        &self,
        workspace: &Path,
        members: &[PathBuf],
    ) -> Result<BTreeMap<PathBuf, String>, BuildError> {
        let output = self
            .cargo(parent(workspace))
            .args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"])
            .arg(workspace)
            .output()
            .map_err(|error| self.program_error(error))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            let member = members.first().map_or_else(|| parent(workspace).to_owned(), PathBuf::clone);
            return Err(BuildError::NotACrate(member, why));
        }
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        let packages = metadata["packages"].as_array().cloned().unwrap_or_default();
        let ids = packages.iter().filter_map(|package| {
            let manifest = Path::new(package["manifest_path"].as_str()?).canonicalize().ok()?;
            Some((manifest, package["id"].as_str()?.to_owned()))
        });
        Ok(ids.collect())
    }
}

/// The folder of a manifest.
fn parent(manifest: &Path) -> &Path {
    manifest.parent().unwrap_or(Path::new("."))
}

fn artifact(messages: &[Value], id: &str) -> Option<PathBuf> {
    let of_package = |message: &&Value| {
        message["reason"] == "compiler-artifact" && message["package_id"].as_str() == Some(id)
    };
    let files = messages.iter().filter(of_package).filter_map(|message| message["filenames"].as_array());
    let names = files.flatten().filter_map(Value::as_str);
    names.filter(|name| name.ends_with(".wasm")).map(PathBuf::from).next_back()
}
