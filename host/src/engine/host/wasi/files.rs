//! Files: refusals are events, and what could hold up the host is not opened.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::filesystem::WasiFilesystemView as _;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self as files, Descriptor, DescriptorFlags, DescriptorType, HostDescriptor as _, NewTimestamp, OpenFlags,
    PathFlags,
};

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

/// Functions whose refusals are made known, with the path behind `at`.
macro_rules! file_functions {
    ($instance:ident; $($name:literal: $function:ident($($argument:ident: $type:ty),*) at $path:expr;)+) => {
        $($instance.func_wrap_async($name, |mut store: Store<'_>, ($($argument),*): ($($type),*)| {
            Box::new(async move {
                let path: String = $path;
                let result = store.data_mut().filesystem().$function($($argument),*).await;
                Ok((store.data_mut().file_result(&path, result)?,))
            })
        })?;)+
    };
}

type Fd = Resource<Descriptor>;

/// What a function without a path is refused for.
const NO_PATH: &str = "a file";

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
                if !state.may_take_descriptor() {
                    return Ok((Err(files::ErrorCode::InsufficientMemory),));
                }
                let opened =
                    state.filesystem().open_at(fd, path_flags, path.clone(), open_flags, flags).await;
                Ok((state.file_result(&path, opened)?,))
            })
        },
    )?;
    file_functions! { types;
        "[method]descriptor.stat-at": stat_at(fd: Fd, flags: PathFlags, path: String) at path.clone();
        "[method]descriptor.readlink-at": readlink_at(fd: Fd, path: String) at path.clone();
        "[method]descriptor.create-directory-at": create_directory_at(fd: Fd, path: String) at path.clone();
        "[method]descriptor.remove-directory-at": remove_directory_at(fd: Fd, path: String) at path.clone();
        "[method]descriptor.unlink-file-at": unlink_file_at(fd: Fd, path: String) at path.clone();
        "[method]descriptor.rename-at": rename_at(fd: Fd, path: String, to: Fd, new: String) at path.clone();
        "[method]descriptor.symlink-at": symlink_at(fd: Fd, path: String, new: String) at path.clone();
        "[method]descriptor.link-at": link_at(fd: Fd, flags: PathFlags, path: String, to: Fd, new: String)
            at path.clone();
        "[method]descriptor.set-times-at":
            set_times_at(fd: Fd, flags: PathFlags, path: String, accessed: NewTimestamp, modified: NewTimestamp)
            at path.clone();
        "[method]descriptor.set-times": set_times(fd: Fd, accessed: NewTimestamp, modified: NewTimestamp)
            at NO_PATH.to_owned();
        "[method]descriptor.set-size": set_size(fd: Fd, size: u64) at NO_PATH.to_owned();
        "[method]descriptor.write": write(fd: Fd, bytes: Vec<u8>, offset: u64) at NO_PATH.to_owned();
    }
    types.func_wrap(
        "[method]descriptor.write-via-stream",
        |mut store: Store<'_>, (fd, offset): (Fd, u64)| {
            let result = store.data_mut().filesystem().write_via_stream(fd, offset);
            Ok((store.data_mut().file_result(NO_PATH, result)?,))
        },
    )?;
    types.func_wrap("[method]descriptor.append-via-stream", |mut store: Store<'_>, (fd,): (Fd,)| {
        let result = store.data_mut().filesystem().append_via_stream(fd);
        Ok((store.data_mut().file_result(NO_PATH, result)?,))
    })
}
