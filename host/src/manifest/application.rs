//! The manifest as a whole.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use regrow_otp::check_name;
use toml::de::DeTable;

use crate::manifest::child::{Child, ChildStart};
use crate::manifest::component::{Component, read_component};
use crate::manifest::diagnostic::{Diagnostic, Located, Source};
use crate::manifest::reader::{Reading, Table};
use crate::manifest::service::check_services;
use crate::manifest::supervisor::{Supervisor, read_supervisor};

/// What a guest may do in a turn unless the manifest says otherwise: some microseconds.
const DEFAULT_SLICE_REDUCTIONS: u64 = 20_000;

/// From where turns cost more than what is done in them, to where one holds up the others for long.
const SLICE_REDUCTIONS: RangeInclusive<u64> = 1_000..=100_000_000;

/// A manifest, as larger ones are no manifests.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// An application: its components and its supervision tree.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// The application's name: the root of every path in its tree.
    pub name: Located<String>,
    /// Reductions that a guest uses before the others have a turn.
    pub slice_reductions: u64,
    /// Its components, by name.
    pub components: Vec<Component>,
    /// The root of its tree.
    pub supervisor: Supervisor,
    /// Where it was read from.
    pub source: Source,
}

/// Why there is no manifest.
#[derive(Debug)]
pub enum ManifestError {
    /// The file can't be read.
    Unreadable(PathBuf, io::Error),
    /// It is wrong.
    Invalid {
        /// The manifest's text.
        source: Source,
        /// Everything that is wrong with it.
        errors: Vec<Diagnostic>,
        /// What could be understood, to look for more errors in what it names. Never to be started.
        draft: Option<Box<Manifest>>,
    },
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "{} can't be read: {error}", path.display()),
            Self::Invalid { source, errors, .. } => {
                let rendered: Vec<String> = errors.iter().map(|error| error.render(source, false)).collect();
                f.write_str(&rendered.join("\n\n"))
            }
        }
    }
}

impl std::error::Error for ManifestError {}

impl Manifest {
    /// Reads a manifest. A folder stands for the `regrow.toml` in it.
    ///
    /// # Errors
    /// [`ManifestError`]
    pub fn read(path: &Path) -> Result<Self, ManifestError> {
        let path = if path.is_dir() { path.join("regrow.toml") } else { path.to_owned() };
        let unreadable = |error| ManifestError::Unreadable(path.clone(), error);
        let size = fs::metadata(&path).map_err(unreadable)?.len();
        if size > MAX_MANIFEST_BYTES {
            return Err(unreadable(io::Error::other(format!("it has {size} bytes"))));
        }
        let text = fs::read_to_string(&path).map_err(unreadable)?;
        Self::parse(Source { path, text })
    }

    /// Reads a manifest from text. `${NAME}` in strings, and in numbers written as strings, stands for a variable of this
    /// process's environment.
    ///
    /// # Errors
    /// [`ManifestError::Invalid`], with every error that the text alone shows.
    pub fn parse(source: Source) -> Result<Self, ManifestError> {
        Self::parse_with(source, &|name| std::env::var(name).ok())
    }

    /// As [`Manifest::parse`], with an environment of its own.
    ///
    /// # Errors
    /// [`ManifestError::Invalid`], with every error that the text alone shows.
    pub fn parse_with(
        source: Source,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ManifestError> {
        let errors = Reading::new(environment);
        let (root, syntax) = DeTable::parse_recoverable(&source.text);
        if !syntax.is_empty() {
            // What could be read of such a text says little about what was meant.
            let errors = syntax.iter().map(|error| {
                Diagnostic::new(error.span().unwrap_or(0..0), "this is not TOML", error.message())
            });
            let errors = Diagnostic::sorted(errors.collect());
            drop((root, syntax));
            return Err(ManifestError::Invalid { source, errors, draft: None });
        }
        let table = Table::new(root.get_ref(), 0..0, &errors);
        let mut slice_reductions = DEFAULT_SLICE_REDUCTIONS;
        let name = match table.table("application") {
            Some(application) => {
                let name = application.required_string("name", "the application's name");
                slice_reductions = read_slice(&application).unwrap_or(slice_reductions);
                application.finish();
                name
            }
            None => {
                if table.get("application").is_none() {
                    table.missing("[application]", "a table with the application's `name`");
                }
                None
            }
        };
        let components = read_components(&table);
        let supervisor = table.table("supervisor").map(|table| read_supervisor(table, 0));
        if table.get("supervisor").is_none() {
            table.missing("[supervisor]", "the root of the supervision tree");
        }
        table.finish();
        if let Some(supervisor) = &supervisor {
            check_references(&components, supervisor, &errors);
            check_names(supervisor, &errors);
            check_services(supervisor.services().into_iter(), &errors);
        }
        let errors = errors.into_sorted();
        drop(root);
        let draft = name.zip(supervisor).map(|(name, supervisor)| {
            let components = components.components;
            Self { name, slice_reductions, components, supervisor, source: source.clone() }
        });
        match draft {
            Some(manifest) if errors.is_empty() => Ok(manifest),
            draft => Err(ManifestError::Invalid { source, errors, draft: draft.map(Box::new) }),
        }
    }

    /// The component of that name.
    pub fn component(&self, name: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.name.value == name)
    }
}

fn read_slice(application: &Table<'_, '_>) -> Option<u64> {
    let slice = application.integer("slice_reductions", *SLICE_REDUCTIONS.start())?;
    if let Some(value) = application.get("slice_reductions").filter(|_| !SLICE_REDUCTIONS.contains(&slice)) {
        let (least, most) = (SLICE_REDUCTIONS.start(), SLICE_REDUCTIONS.end());
        let label = format!("expected a whole number from {least} to {most}");
        application.reading().push(Diagnostic::new(
            value.span(),
            "`slice_reductions` is out of range",
            label,
        ));
    }
    Some(slice)
}

/// The components. One that is wrong keeps its name, so that using it is not an error too.
fn read_components(table: &Table<'_, '_>) -> Components {
    let Some(components) = table.table("components") else { return Components::default() };
    let mut read = Components::default();
    for (name, value) in components.entries() {
        read.names.insert(name.value.clone());
        read.components.extend(
            Table::of(value, &name.value.clone(), table.reading())
                .and_then(|table| read_component(name, table)),
        );
    }
    read
}

#[derive(Default)]
struct Components {
    names: HashSet<String>,
    components: Vec<Component>,
}

impl Components {
    fn missing(&self, name: &Located<String>) -> Option<Diagnostic> {
        if self.names.contains(&name.value) {
            return None;
        }
        let mut names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        names.sort_unstable();
        let help = if names.is_empty() {
            format!("declare it: [components.{}]", name.value)
        } else {
            format!("there are: {}", names.join(", "))
        };
        let message = format!("there is no component {:?}", name.value);
        Some(Diagnostic::new(name.span.clone(), message, "not among [components]").help(help))
    }
}

fn check_references(components: &Components, supervisor: &Supervisor, errors: &Reading<'_>) {
    let names = supervisor.supervisor_names();
    for component in &components.components {
        let grants = &component.grants;
        let started = grants.start_children.iter().map(|what| Located {
            value: what.value.split('.').next().unwrap_or_default().to_owned(),
            span: what.span.clone(),
        });
        let missing = grants.spawn.iter().cloned().chain(started);
        missing.filter_map(|name| components.missing(&name)).for_each(|error| errors.push(error));
        for name in grants.supervise.iter().filter(|name| !names.contains(&name.value)) {
            let message = format!("no supervisor has the name {:?}", name.value);
            let help = match names.len() {
                0 => "give one a `name`".to_owned(),
                _ => format!("there are: {}", names.join(", ")),
            };
            errors.push(Diagnostic::new(name.span.clone(), message, "named here").help(help));
        }
    }
    for_each_child(supervisor, &mut |child| {
        if let ChildStart::Worker { component, .. } = &child.start
            && let Some(error) = components.missing(component)
        {
            errors.push(error);
        }
    });
}

/// Registered names: well-formed, and each only once in the whole tree.
fn check_names(supervisor: &Supervisor, errors: &Reading<'_>) {
    let mut seen = HashSet::new();
    for name in supervisor.names() {
        if let Err(error) = check_name(&name.value) {
            let message = format!("{:?} is no name for a process", name.value);
            errors.push(Diagnostic::new(name.span.clone(), message, error.to_string()));
        }
        if !seen.insert(name.value.clone()) {
            let message = format!("the name {:?} is given twice", name.value);
            errors.push(Diagnostic::new(name.span.clone(), message, "the second time"));
        }
    }
}

fn for_each_child(supervisor: &Supervisor, visit: &mut impl FnMut(&Child)) {
    for child in &supervisor.children {
        visit(child);
        if let ChildStart::Supervisor(nested) = &child.start {
            for_each_child(nested, visit);
        }
    }
}
