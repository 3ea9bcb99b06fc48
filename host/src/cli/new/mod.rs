//! `regrow new`

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Failure, print};

#[derive(Args)]
pub(super) struct NewArgs {
    /// The folder of the project, whose last part is its name
    path: PathBuf,
    /// The folder `guest-sdk` to use; that of the sources of this program, unless said otherwise
    #[arg(long)]
    sdk: Option<PathBuf>,
}

/// The files of a project: where they go, and what is in them.
const FILES: [(&str, &str); 9] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.txt")),
    (".cargo/config.toml", include_str!("template/cargo-config.toml.txt")),
    (".gitignore", include_str!("template/gitignore.txt")),
    ("README.md", include_str!("template/README.md.txt")),
    ("regrow.toml", include_str!("template/regrow.toml.txt")),
    ("src/lib.rs", include_str!("template/lib.rs.txt")),
    ("node-tests/Cargo.toml", include_str!("template/node-tests.toml.txt")),
    ("node-tests/src/lib.rs", include_str!("template/node-tests-lib.rs.txt")),
    ("node-tests/tests/node.rs", include_str!("template/node.rs.txt")),
];

pub(super) fn new(args: &NewArgs) -> Result<(), Failure> {
    let refused = |why: String| Failure::Application(why);
    let path = &args.path;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    check_name(name).map_err(|why| refused(format!("{name:?} is no name for a project: {why}")))?;
    let sdk = find_sdk(args.sdk.as_deref()).map_err(refused)?;
    match fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => {}
        Ok(false) => return Err(refused(format!("{}: there is something in it already", path.display()))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(format!("{}: {error}", path.display()))),
    }
    for (file, template) in FILES {
        let target = path.join(file);
        let host = sdk.with_file_name("host");
        let text = template
            .replace("{{name}}", name)
            .replace("{{crate}}", &name.replace('-', "_"))
            .replace("{{sdk}}", &quoted(&sdk))
            .replace("{{testing}}", &quoted(&host.join("testing")));
        let written =
            fs::create_dir_all(target.parent().unwrap_or(path)).and_then(|()| fs::write(&target, text));
        written.map_err(|error| refused(format!("{}: {error}", target.display())))?;
    }
    print(&format!(
        "{name}: a server, a client, their tree and their tests. In {}:\n\
         \x20 cargo test                off wasm, in virtual time\n\
         \x20 regrow run                on a node\n\
         \x20 cargo test -p {name}-node-tests    on a node, within a test: compiles the host first, which takes minutes",
        path.display()
    ))
}

/// As it stands in a string of TOML.
fn quoted(path: &Path) -> String {
    path.display().to_string().replace('\\', "\\\\").replace('"', "\\\"")
}

/// The SDK's folder, made absolute.
fn find_sdk(given: Option<&Path>) -> Result<PathBuf, String> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../guest-sdk");
    let folder = given.unwrap_or(&own);
    let is_it = |folder: &PathBuf| folder.join("src/gen_server").is_dir();
    folder.canonicalize().ok().filter(is_it).ok_or_else(|| {
        let hint = "say where the sources of Regrow have it: --sdk FOLDER";
        format!("{} is not the folder of regrow-sdk; {hint}", folder.display())
    })
}

/// Whether Cargo and manifests take the name.
fn check_name(name: &str) -> Result<(), &'static str> {
    let mut letters = name.chars();
    if !letters.next().is_some_and(|first| first.is_ascii_lowercase()) {
        return Err("it begins with a small letter");
    }
    if !letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-_".contains(letter))
    {
        return Err("it has small letters, digits, `-` and `_`");
    }
    if name.len() > 64 {
        return Err("it is longer than 64 letters");
    }
    if ["test", "core", "std", "alloc", "regrow", "regrow-sdk", "serde", "log"].contains(&name) {
        return Err("another crate is called so");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates() {
        for good in ["greeter", "my-app", "a1_b"] {
            assert_eq!(check_name(good), Ok(()));
        }
        for bad in ["", "Greeter", "1a", "-x", "a b", "a/b", "ä", "test", &"x".repeat(65)] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
