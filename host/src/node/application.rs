//! An application that can be started: its manifest read, its components compiled, loaded and checked.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::build::{BuildError, build_guests};
use crate::engine::{Component, Contents, Engine, EngineKind, Grants, GuestLimits, LoadError, Program};
use crate::manifest::{self, ChildStart, Diagnostic, Located, Manifest, Source};
use crate::node::folders::Folders;
use crate::node::tree;

/// An application that can be started.
pub struct Application {
    manifest: Manifest,
    components: Loaded,
    /// What each component may reach, in the manifest's order.
    grants: Vec<Arc<Grants>>,
    engine: Engine,
}

/// Why an application can't be started.
#[derive(Debug)]
pub enum ApplicationError {
    /// Something is wrong with what the manifest names; everything that is.
    Invalid(Source, Vec<Diagnostic>),
    /// A guest could not be compiled.
    Build(BuildError),
}

impl fmt::Display for ApplicationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(source, errors) => {
                let rendered: Vec<String> = errors.iter().map(|error| error.render(source, false)).collect();
                f.write_str(&rendered.join("\n\n"))
            }
            Self::Build(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ApplicationError {}

impl Application {
    /// Compiles what has changed among the manifest's components, loads them, and checks the tree against
    /// what they offer. `say` tells how far that is.
    ///
    /// # Errors
    /// [`ApplicationError`]
    pub async fn load(
        manifest: Manifest,
        engine: &Engine,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Self, ApplicationError> {
        let (components, errors) = load_components(&manifest, engine, say).await?;
        if errors.is_empty() {
            let folders = Folders::of(&manifest);
            let grants = manifest.components.iter().map(|spec| tree::grants(&spec.grants, &folders));
            // They have been checked.
            let grants = grants.map(|(grants, _)| Arc::new(grants)).collect();
            return Ok(Self { manifest, components, grants, engine: engine.clone() });
        }
        Err(ApplicationError::Invalid(manifest.source, Diagnostic::sorted(errors)))
    }

    /// Looks for more errors in what a manifest names that is wrong itself; all of them together.
    ///
    /// # Errors
    /// [`ApplicationError::Build`]
    pub async fn check_draft(
        draft: &Manifest,
        known: Vec<Diagnostic>,
        engine: &Engine,
        say: &(dyn Fn(&str) + Sync),
    ) -> Result<Vec<Diagnostic>, ApplicationError> {
        let (_, more) = load_components(draft, engine, say).await?;
        Ok(Diagnostic::sorted(known.into_iter().chain(more).collect()))
    }

    /// The application's name.
    pub fn name(&self) -> &str {
        &self.manifest.name.value
    }

    /// Its components, each with its file and that file's size in bytes.
    pub fn components(&self) -> impl Iterator<Item = (&Component, &PathBuf, u64)> {
        self.components.iter().map(|(component, file, size)| (&**component, file, *size))
    }

    /// What each component may reach, and what it imports without a grant for it: a hint, since the standard libraries of
    /// most languages import much that a program never uses.
    pub fn reach(&self) -> impl Iterator<Item = (&str, &Grants, Vec<&'static str>)> {
        self.components.iter().zip(&self.grants).map(|((component, ..), grants)| {
            (&**component.name(), &**grants, ungranted(&component.imports(), grants))
        })
    }

    /// How many supervisors, the root included, and how many workers its tree has.
    pub fn count_children(&self) -> (usize, usize) {
        fn count(supervisor: &manifest::Supervisor) -> (usize, usize) {
            supervisor.children.iter().fold((1, 0), |(supervisors, workers), child| match &child.start {
                ChildStart::Supervisor(nested) => {
                    let (more_supervisors, more_workers) = count(nested);
                    (supervisors + more_supervisors, workers + more_workers)
                }
                ChildStart::Worker { .. } | ChildStart::Service(_) => (supervisors, workers + 1),
            })
        }
        count(&self.manifest.supervisor)
    }

    /// The manifest that it was loaded from.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What its processes can run.
    pub(super) fn contents(&self) -> Contents {
        let parts = self.components.iter().zip(&self.manifest.components).zip(&self.grants);
        let programs = parts.map(|(((component, ..), spec), grants)| Program {
            component: component.clone(),
            grants: grants.clone(),
            limits: tree::limits(&GuestLimits::default(), &spec.limits),
        });
        let names = self.manifest.supervisor.names().into_iter().map(|name| name.value).collect();
        Contents::new(programs.collect(), self.manifest.slice_reductions, names)
    }
}

/// The interfaces that a component imports in vain.
fn ungranted(imports: &[String], grants: &Grants) -> Vec<&'static str> {
    let network = |patterns: &[_]| !patterns.is_empty();
    let (tcp, udp) = (network(&grants.tcp), network(&grants.udp));
    let interfaces = [
        ("wasi:filesystem/types", !grants.dirs.is_empty()),
        ("wasi:cli/environment", !grants.env.is_empty() || !grants.args.is_empty()),
        ("wasi:cli/stdin", grants.stdio),
        ("wasi:clocks/wall-clock", grants.clocks),
        ("wasi:random/random", grants.random),
        ("wasi:sockets/tcp", tcp),
        ("wasi:sockets/udp", udp),
        ("wasi:sockets/ip-name-lookup", tcp || udp || !grants.dns.is_empty()),
        ("regrow:otp/names", !grants.register.is_empty() || !grants.lookup.is_empty()),
        ("regrow:otp/supervisor", !grants.start_children.is_empty() || !grants.supervise.is_empty()),
    ];
    let imported = |name: &str| imports.iter().any(|import| import == name);
    interfaces
        .into_iter()
        .filter(|(name, granted)| !granted && imported(name))
        .map(|(name, _)| name)
        .collect()
}

type Loaded = Vec<(Arc<Component>, PathBuf, u64)>;

/// Compiles and loads the components, and checks the tree against them.
async fn load_components(
    manifest: &Manifest,
    engine: &Engine,
    say: &(dyn Fn(&str) + Sync),
) -> Result<(Loaded, Vec<Diagnostic>), ApplicationError> {
    let mut errors = check_folders(manifest);
    let files = build(manifest, &mut errors, say)?;
    let mut components = Vec::new();
    for (loaded, file) in
        load_all(engine, manifest, &files).await.into_iter().zip(files.into_iter().flatten())
    {
        match loaded {
            Ok((component, size)) => components.push((Arc::new(component), file, size)),
            Err(error) => errors.push(error),
        }
    }
    check_entries(&manifest.supervisor, &components, &mut errors);
    check_grants(manifest, &mut errors);
    Ok((components, errors))
}

/// The wasm file of each component, in order; none where an error says why.
fn build(
    manifest: &Manifest,
    errors: &mut Vec<Diagnostic>,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Vec<Option<PathBuf>>, ApplicationError> {
    let paths: Vec<_> =
        manifest.components.iter().map(|spec| manifest.source.folder().join(&spec.path.value)).collect();
    let sources: Vec<_> = paths.iter().filter(|path| path.join("Cargo.toml").is_file()).cloned().collect();
    let built = match build_guests(&sources, say) {
        Ok(built) => built,
        Err(BuildError::NotACrate(folder, why)) => {
            errors.extend(crate_error(manifest, &paths, &folder, why));
            return Ok(vec![None; paths.len()]);
        }
        Err(BuildError::NoComponent(folder)) => {
            let why = BuildError::NoComponent(folder.clone()).to_string();
            errors.extend(crate_error(manifest, &paths, &folder, why));
            return Ok(vec![None; paths.len()]);
        }
        Err(error) => return Err(ApplicationError::Build(error)),
    };
    let mut built = sources.iter().zip(built);
    let files = manifest.components.iter().zip(paths).map(|(spec, path)| {
        if path.join("Cargo.toml").is_file() {
            return built.next().map(|(_, file)| file);
        }
        if path.is_file() {
            return Some(path);
        }
        let label = if path.is_dir() { "a folder without Cargo.toml" } else { "not found" };
        errors.push(
            Diagnostic::new(
                spec.path.span.clone(),
                format!("component {:?} is not there", spec.name.value),
                label,
            )
            .help("name a .wasm file or the folder of a guest's crate, relative to the manifest"),
        );
        None
    });
    Ok(files.collect())
}

/// What is wrong with the crate in `folder`, at the components that name it.
fn crate_error(manifest: &Manifest, paths: &[PathBuf], folder: &Path, why: String) -> Vec<Diagnostic> {
    let named = manifest.components.iter().zip(paths).filter(|(_, path)| *path == folder);
    let error = |(spec, _): (&manifest::Component, &PathBuf)| {
        let message = format!("component {:?} can't be compiled", spec.name.value);
        Diagnostic::new(spec.path.span.clone(), message, why.clone())
    };
    named.map(error).collect()
}

/// Loads the components that have a file, side by side; the results in their order.
async fn load_all(
    engine: &Engine,
    manifest: &Manifest,
    files: &[Option<PathBuf>],
) -> Vec<Result<(Component, u64), Diagnostic>> {
    let with_file =
        manifest.components.iter().zip(files).filter_map(|(spec, file)| Some((spec, file.as_ref()?)));
    let loading = with_file.map(|(spec, file)| {
        let (engine, of, file) = (engine.clone(), spec.clone(), file.clone());
        (spec, tokio::spawn(async move { load(&engine, &of, &file).await }))
    });
    let mut loaded = Vec::new();
    for (spec, task) in loading.collect::<Vec<_>>() {
        let wrong = |error: tokio::task::JoinError| {
            let message = format!("component {:?} can't be used", spec.name.value);
            Diagnostic::new(spec.path.span.clone(), message, format!("loading it failed: {error}"))
        };
        loaded.push(task.await.unwrap_or_else(|error| Err(wrong(error))));
    }
    loaded
}

async fn load(
    engine: &Engine,
    spec: &manifest::Component,
    file: &PathBuf,
) -> Result<(Component, u64), Diagnostic> {
    let wrong = |label: String| {
        let message = format!("component {:?} can't be used", spec.name.value);
        Diagnostic::new(spec.path.span.clone(), message, label)
    };
    let bytes = std::fs::read(file).map_err(|error| wrong(format!("it can't be read: {error}")))?;
    let kind = if spec.for_speed { EngineKind::Speed } else { EngineKind::Density };
    let component =
        engine.load(spec.name.value.as_str(), kind, &bytes).await.map_err(|error| match error {
            LoadError::WrongWorld(_) => wrong(error.to_string())
                .help("a guest exports `run` and `describe`: use the macro `component!` of regrow-sdk"),
            error => wrong(error.to_string()),
        })?;
    Ok((component, bytes.len() as u64))
}

fn check_folders(manifest: &Manifest) -> Vec<Diagnostic> {
    let dirs = manifest.components.iter().flat_map(|component| &component.grants.dirs);
    let missing = dirs.filter(|dir| !manifest.source.folder().join(&dir.host.value).is_dir());
    let error = |dir: &manifest::Dir| {
        Diagnostic::new(dir.host.span.clone(), "a granted folder is not there", "no such folder")
            .help("create it, or correct the path; it is relative to the manifest")
    };
    missing.map(error).collect()
}

/// Patterns must be some, and a child may have no more than its component.
fn check_grants(manifest: &Manifest, errors: &mut Vec<Diagnostic>) {
    let folders = Folders::of(manifest);
    for component in &manifest.components {
        errors.extend(tree::grants(&component.grants, &folders).1);
    }
    check_children_grants(manifest, &folders, &manifest.supervisor, errors);
}

fn check_children_grants(
    manifest: &Manifest,
    folders: &Folders,
    supervisor: &manifest::Supervisor,
    errors: &mut Vec<Diagnostic>,
) {
    for child in &supervisor.children {
        match &child.start {
            ChildStart::Supervisor(nested) => check_children_grants(manifest, folders, nested, errors),
            ChildStart::Worker { component, grants: Some(spec), .. } => {
                let (wanted, wrong) = tree::grants(spec, folders);
                errors.extend(wrong);
                let of_component =
                    manifest.component(&component.value).map(|of| tree::grants(&of.grants, folders).0);
                if let Some(lacking) = of_component.and_then(|granted| granted.lacks(&wanted)) {
                    let message =
                        format!("a child can't have more grants than component {:?}", component.value);
                    errors.push(
                        Diagnostic::new(
                            child.id.span.clone(),
                            message,
                            format!("the component has not: {lacking}"),
                        )
                        .help("grant it to the component, too, or leave it out here"),
                    );
                }
            }
            ChildStart::Worker { grants: None, .. } | ChildStart::Service(_) => {}
        }
    }
}

fn check_entries(
    supervisor: &manifest::Supervisor,
    components: &[(Arc<Component>, PathBuf, u64)],
    errors: &mut Vec<Diagnostic>,
) {
    for child in &supervisor.children {
        match &child.start {
            ChildStart::Supervisor(nested) => check_entries(nested, components, errors),
            ChildStart::Worker { component, entry, .. } => {
                let loaded = components.iter().find(|(loaded, ..)| **loaded.name() == *component.value);
                errors.extend(loaded.and_then(|(loaded, ..)| missing_entry(loaded, entry)));
            }
            ChildStart::Service(_) => {}
        }
    }
}

fn missing_entry(component: &Component, entry: &Located<String>) -> Option<Diagnostic> {
    if component.entry(&entry.value).is_some() {
        return None;
    }
    let names: Vec<&str> = component.entries().iter().map(|entry| entry.name.as_str()).collect();
    let message = format!("component {:?} has no entry {:?}", &**component.name(), entry.value);
    Some(
        Diagnostic::new(entry.span.clone(), message, "no such entry")
            .help(format!("it has: {}", names.join(", "))),
    )
}
