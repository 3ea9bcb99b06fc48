//! Where compiled components are kept, so that the next start is quick. They are machine code that is run as it is, so
//! nobody but the owner may be able to write there; without such a folder components are compiled at every start.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use wasmtime::{Cache, CacheConfig};

/// The user's folder for compiled components.
fn folder() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("regrow"))
}

/// The cache in the user's folder. Entries are found by the hash of a component and of the compiler's version and settings.
/// None if there is no folder, or one that others can write to.
pub(super) fn open() -> Option<Cache> {
    open_at(&folder()?)
}

fn open_at(folder: &Path) -> Option<Cache> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder).ok()?;
    let metadata = fs::symlink_metadata(folder).ok()?;
    let own = fs::metadata("/proc/self").ok()?.uid();
    if !metadata.is_dir() || metadata.uid() != own || metadata.mode() & 0o022 != 0 {
        return None;
    }
    if !fs::canonicalize(folder).ok()?.ancestors().skip(1).all(|above| keeps_its_entries(above, own)) {
        return None;
    }
    let mut config = CacheConfig::new();
    config.with_directory(folder);
    Cache::new(config).ok()
}

/// Whether nobody but `own` and the superuser can put another entry of that name into a folder.
fn keeps_its_entries(folder: &Path, own: u32) -> bool {
    const STICKY: u32 = 0o1000;
    fs::metadata(folder).is_ok_and(|metadata| {
        let nobody_else_writes = metadata.mode() & 0o022 == 0 || metadata.mode() & STICKY != 0;
        nobody_else_writes && [0, own].contains(&metadata.uid())
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_that_others_can_write_to_is_no_cache() {
        let outside = tempfile::tempdir().unwrap();
        let folder = outside.path().join("caches/regrow");
        assert!(open_at(&folder).is_some());
        assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700);
        for mode in [0o777, 0o770, 0o702] {
            fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
            assert!(open_at(&folder).is_none(), "{mode:o}");
        }
        let link = outside.path().join("link");
        std::os::unix::fs::symlink(&folder, &link).unwrap();
        assert!(open_at(&link).is_none(), "nor is a link to one");
        assert!(open_at(Path::new("/proc/regrow")).is_none());
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert!(open_at(&folder).is_none(), "whoever can write above can put another folder there");
        fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o1777)).unwrap();
        assert!(open_at(&folder).is_some(), "but not where entries are their owners'");
    }
}
