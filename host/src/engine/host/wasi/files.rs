//! Files: refusals are events, and what could hold up the host is not opened.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self as files, Descriptor, DescriptorFlags, DescriptorType, HostDescriptor as _, OpenFlags, PathFlags,
};

use crate::engine::descriptors;
use crate::engine::host::wasi::Store;
use crate::engine::state::GuestState;

type FileResult<T> = Result<T, files::ErrorCode>;

impl GuestState {
    /// Makes a refused access known.
    fn file_result<T>(
        &mut self,
        path: &str,
        result: wasmtime_wasi::p2::FsResult<T>,
    ) -> wasmtime::Result<FileResult<T>> {
        let error = match result {
            Ok(value) => return Ok(Ok(value)),
            Err(error) => files::Host::convert_error_code(&mut self.filesystem(), error)?,
        };
        if matches!(error, files::ErrorCode::NotPermitted | files::ErrorCode::ReadOnly) {
            self.denied("dirs", path);
        }
        Ok(Err(error))
    }

    /// Whether opening it could hold up the host: reading from a pipe waits for somebody to write into it.
    async fn is_special(&mut self, fd: u32, flags: PathFlags, path: &str) -> bool {
        let stat = self.filesystem().stat_at(Resource::new_borrow(fd), flags, path.to_owned()).await;
        stat.is_ok_and(|stat| {
            !matches!(
                stat.type_,
                DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink
            )
        })
    }
}

/// A function that changes something at one path.
macro_rules! file_function {
    ($instance:ident, $name:literal, $function:ident) => {
        $instance.func_wrap_async(
            $name,
            |mut store: Store<'_>, (fd, path): (Resource<Descriptor>, String)| {
                Box::new(async move {
                    let result = store.data_mut().filesystem().$function(fd, path.clone()).await;
                    Ok((store.data_mut().file_result(&path, result)?,))
                })
            },
        )?
    };
}

pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut types = linker.instance("wasi:filesystem/types@0.2.12")?;
    types.func_wrap_async(
        "[method]descriptor.open-at",
        |mut store: Store<'_>,
         (fd, path_flags, path, open_flags, flags): (
            Resource<Descriptor>,
            PathFlags,
            String,
            OpenFlags,
            DescriptorFlags,
        )| {
            Box::new(async move {
                let state = store.data_mut();
                if state.is_special(fd.rep(), path_flags, &path).await {
                    state.denied("dirs", &path);
                    return Ok((Err(files::ErrorCode::NotPermitted),));
                }
                if !descriptors::are_left() {
                    state.denied("handles", "the host has no descriptors left");
                    return Ok((Err(files::ErrorCode::InsufficientMemory),));
                }
                let opened =
                    state.filesystem().open_at(fd, path_flags, path.clone(), open_flags, flags).await;
                Ok((state.file_result(&path, opened)?,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.stat-at",
        |mut store: Store<'_>, (fd, flags, path): (Resource<Descriptor>, PathFlags, String)| {
            Box::new(async move {
                let result = store.data_mut().filesystem().stat_at(fd, flags, path.clone()).await;
                Ok((store.data_mut().file_result(&path, result)?,))
            })
        },
    )?;
    file_function!(types, "[method]descriptor.readlink-at", readlink_at);
    file_function!(types, "[method]descriptor.create-directory-at", create_directory_at);
    file_function!(types, "[method]descriptor.remove-directory-at", remove_directory_at);
    file_function!(types, "[method]descriptor.unlink-file-at", unlink_file_at);
    types.func_wrap_async(
        "[method]descriptor.rename-at",
        |mut store: Store<'_>,
         (fd, old, new_fd, new): (Resource<Descriptor>, String, Resource<Descriptor>, String)| {
            Box::new(async move {
                let result = store.data_mut().filesystem().rename_at(fd, old.clone(), new_fd, new).await;
                Ok((store.data_mut().file_result(&old, result)?,))
            })
        },
    )?;
    types.func_wrap_async(
        "[method]descriptor.symlink-at",
        |mut store: Store<'_>, (fd, old, new): (Resource<Descriptor>, String, String)| {
            Box::new(async move {
                let result = store.data_mut().filesystem().symlink_at(fd, old.clone(), new).await;
                Ok((store.data_mut().file_result(&old, result)?,))
            })
        },
    )
}
