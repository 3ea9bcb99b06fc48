//! The folders that a manifest grants, opened so that no guest can have another in their place.

use std::fs::File;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::manifest::Manifest;

/// Where granted folders are found.
pub(super) struct Folders {
    base: PathBuf,
    /// What guests may write to: what is in there may be a link that one of them has made.
    writable: Vec<PathBuf>,
}

impl Folders {
    pub(super) fn of(manifest: &Manifest) -> Self {
        let base = manifest.source.folder();
        let base = base.canonicalize().unwrap_or_else(|_| base.to_owned());
        let dirs = manifest.components.iter().flat_map(|component| &component.grants.dirs);
        let writable = dirs.filter(|dir| dir.write).map(|dir| plain(&base.join(&dir.host.value)));
        Self { writable: writable.collect(), base }
    }

    /// A folder: its path, by which one is known to be within another, and the folder itself if it is there. Within one that
    /// guests may write to, no link is followed that leads out of that.
    pub(super) fn open(&self, host: &str) -> (PathBuf, Option<Arc<File>>) {
        let path = plain(&self.base.join(host));
        let around = self.writable.iter().filter(|writable| path.starts_with(writable) && path != **writable);
        let opened = match around.min_by_key(|writable| writable.as_os_str().len()) {
            Some(writable) => path.strip_prefix(writable).ok().and_then(|within| {
                let outer = writable.canonicalize().ok()?;
                let folder =
                    Dir::open_ambient_dir(&outer, ambient_authority()).ok()?.open_dir(within).ok()?;
                Some((outer.join(within), folder.into_std_file()))
            }),
            None => path.canonicalize().ok().and_then(|path| Some((path.clone(), File::open(path).ok()?))),
        };
        match opened {
            Some((path, folder)) => (path, Some(Arc::new(folder))),
            None => (path, None),
        }
    }
}

/// A path without `.` and `..`, whatever they lead to.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                plain.pop();
            }
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::manifest::Source;

    /// A guest that may write to `data` has put a link in place of a folder there that others are granted.
    #[test]
    fn a_link_that_a_guest_has_made_is_not_followed_out() {
        let outside = tempfile::tempdir().unwrap();
        let root = outside.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("app/data/tenant")).unwrap();
        std::fs::create_dir(root.join("secret")).unwrap();
        let text = "[application]\nname = \"a\"\n[components.c]\npath = \"c.wasm\"\ngrants.dirs = [{ host = \"./data\", guest = \"/d\", access = \"read-write\" }]\n[supervisor]\n";
        let source = Source { path: root.join("app/regrow.toml"), text: text.to_owned() };
        let folders = Folders::of(&Manifest::parse(source).unwrap());
        let (path, folder) = folders.open("data/../data/tenant");
        assert_eq!(path, root.join("app/data/tenant"));
        assert!(folder.is_some());
        std::fs::rename(root.join("app/data/tenant"), root.join("app/data/x")).unwrap();
        symlink("../../secret", root.join("app/data/tenant")).unwrap();
        let (path, folder) = folders.open("data/tenant");
        assert_eq!((path, folder.is_some()), (root.join("app/data/tenant"), false));
        // An operator's own links, where no guest writes, are followed.
        symlink(root.join("secret"), root.join("app/link")).unwrap();
        assert_eq!(folders.open("link").0, root.join("secret"));
    }
}
