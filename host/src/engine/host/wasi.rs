//! WASI's functions whose refusals must be seen, or whose work must be charged: they are defined over those of
//! `wasmtime-wasi`, and call them.

use std::net::IpAddr;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::cli::WasiCliView as _;
use wasmtime_wasi::clocks::WasiClocksView as _;
use wasmtime_wasi::filesystem::WasiFilesystemView as _;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::cli::environment;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self as files, Descriptor, DescriptorFlags, DescriptorType, HostDescriptor as _, OpenFlags, PathFlags,
};
use wasmtime_wasi::p2::bindings::io::poll as io_poll;
use wasmtime_wasi::p2::bindings::random::{insecure, random};
use wasmtime_wasi::p2::bindings::sockets::network::{
    ErrorCode as SocketErrorCode, IpAddress, IpAddressFamily,
};
use wasmtime_wasi::p2::bindings::sockets::{
    ip_name_lookup, network, tcp, tcp_create_socket, udp, udp_create_socket,
};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use crate::engine::grants::MAX_RANDOM_BYTES;
use crate::engine::state::GuestState;

type Store<'a> = StoreContextMut<'a, GuestState>;
type FileResult<T> = Result<T, files::ErrorCode>;
type SocketResult<T> = Result<T, SocketErrorCode>;

/// Defines these functions in a linker that has WASI's already and lets them be shadowed.
pub(in crate::engine) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    add_files(linker)?;
    add_sockets(linker)?;
    add_random(linker)?;
    add_clocks(linker)?;
    add_poll(linker)?;
    let mut environment = linker.instance("wasi:cli/environment@0.2.12")?;
    environment.func_wrap_async("get-environment", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            let variables = environment::Host::get_environment(&mut store.data_mut().cli())?;
            let bytes = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
            store.data_mut().charge_wasi(bytes).await;
            Ok((variables,))
        })
    })?;
    environment.func_wrap_async("get-arguments", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            let arguments = environment::Host::get_arguments(&mut store.data_mut().cli())?;
            store.data_mut().charge_wasi(arguments.iter().map(String::len).sum()).await;
            Ok((arguments,))
        })
    })
}

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

    fn socket_result<T>(
        &mut self,
        result: wasmtime_wasi::p2::SocketResult<T>,
    ) -> wasmtime::Result<SocketResult<T>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(error) => network::Host::convert_error_code(&mut self.sockets(), error).map(Err),
        }
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

fn add_files(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
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

fn add_sockets(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    linker.instance("wasi:sockets/tcp-create-socket@0.2.12")?.func_wrap_async(
        "create-tcp-socket",
        |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_wasi(0).await;
                if state.grants().tcp.is_empty() || !state.has_handles() {
                    state.denied("tcp", "a socket");
                    return Ok((Err::<Resource<tcp::TcpSocket>, _>(SocketErrorCode::AccessDenied),));
                }
                let socket = tcp_create_socket::Host::create_tcp_socket(&mut state.sockets(), family);
                Ok((state.socket_result(socket)?,))
            })
        },
    )?;
    linker.instance("wasi:sockets/udp-create-socket@0.2.12")?.func_wrap_async(
        "create-udp-socket",
        |mut store: Store<'_>, (family,): (IpAddressFamily,)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_wasi(0).await;
                if state.grants().udp.is_empty() || !state.has_handles() {
                    state.denied("udp", "a socket");
                    return Ok((Err::<Resource<udp::UdpSocket>, _>(SocketErrorCode::AccessDenied),));
                }
                let socket = udp_create_socket::Host::create_udp_socket(&mut state.sockets(), family).await;
                Ok((state.socket_result(socket)?,))
            })
        },
    )?;
    let mut lookup = linker.instance("wasi:sockets/ip-name-lookup@0.2.12")?;
    lookup.func_wrap_async(
        "resolve-addresses",
        |mut store: Store<'_>, (network, name): (Resource<network::Network>, String)| {
            Box::new(async move {
                let state = store.data_mut();
                state.charge_wasi(name.len()).await;
                if !state.may_resolve(&name) {
                    state.denied("dns", &name);
                    return Ok((Err(SocketErrorCode::AccessDenied),));
                }
                if !state.may_look_up_now() {
                    return Ok((Err(SocketErrorCode::TemporaryResolverFailure),));
                }
                let stream =
                    ip_name_lookup::Host::resolve_addresses(&mut state.sockets(), network, name.clone());
                let stream = state.socket_result(stream)?;
                if let Ok(stream) = &stream {
                    state.resolving(stream.rep(), name);
                }
                Ok((stream,))
            })
        },
    )?;
    lookup.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: Store<'_>, (stream,): (Resource<ip_name_lookup::ResolveAddressStream>,)| {
            let (state, rep) = (store.data_mut(), stream.rep());
            let next =
                ip_name_lookup::HostResolveAddressStream::resolve_next_address(&mut state.sockets(), stream);
            let next: SocketResult<Option<IpAddress>> = state.socket_result(next)?;
            if let Ok(Some(address)) = &next {
                state.resolved(rep, ip_address(*address));
            }
            Ok((next,))
        },
    )
}

fn ip_address(address: IpAddress) -> IpAddr {
    match address {
        IpAddress::Ipv4((a, b, c, d)) => IpAddr::from([a, b, c, d]),
        IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => IpAddr::from([a, b, c, d, e, f, g, h]),
    }
}

fn add_random(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut secure = linker.instance("wasi:random/random@0.2.12")?;
    secure.func_wrap_async("get-random-bytes", |mut store: Store<'_>, (len,): (u64,)| {
        Box::new(async move {
            let state = store.data_mut();
            state.check_random()?;
            state.charge_random(len).await;
            Ok((random::Host::get_random_bytes(&mut state.ctx().ctx.random(), len)?,))
        })
    })?;
    secure.func_wrap_async("get-random-u64", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            let state = store.data_mut();
            state.check_random()?;
            state.charge_random(8).await;
            Ok((random::Host::get_random_u64(&mut state.ctx().ctx.random())?,))
        })
    })?;
    let mut insecure = linker.instance("wasi:random/insecure@0.2.12")?;
    insecure.func_wrap_async("get-insecure-random-bytes", |mut store: Store<'_>, (len,): (u64,)| {
        Box::new(async move {
            let state = store.data_mut();
            state.charge_random(len).await;
            Ok((insecure::Host::get_insecure_random_bytes(&mut state.ctx().ctx.random(), len)?,))
        })
    })
}

impl GuestState {
    /// There is no error that it could return: the guest traps.
    fn check_random(&mut self) -> wasmtime::Result<()> {
        if self.grants().random || self.pid().is_none() {
            return Ok(());
        }
        self.denied("random", "secure random numbers");
        Err(wasmtime::format_err!("denied: `random` is not among the grants"))
    }

    /// A random byte takes as long as many that are copied.
    async fn charge_random(&mut self, len: u64) {
        const PRICE: u64 = 8;
        let bytes = len.min(MAX_RANDOM_BYTES).saturating_mul(PRICE);
        self.charge_wasi(usize::try_from(bytes).unwrap_or(usize::MAX)).await;
    }
}

/// Pollables that one call may wait for.
const MAX_POLLED: usize = 1_024;

/// What each of them is charged with, as bytes that are moved.
const POLLED_BYTES: usize = 256;

/// A list may name one pollable a million times: each costs the host a look.
fn add_poll(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    linker.instance("wasi:io/poll@0.2.12")?.func_wrap_async(
        "poll",
        |mut store: Store<'_>, (pollables,): (Vec<Resource<DynPollable>>,)| {
            Box::new(async move {
                if pollables.len() > MAX_POLLED {
                    return Err(wasmtime::format_err!("`poll` waits for {MAX_POLLED} pollables at most"));
                }
                store.data_mut().charge_wasi(pollables.len() * POLLED_BYTES).await;
                Ok((io_poll::Host::poll(store.data_mut().ctx().table, pollables).await?,))
            })
        },
    )
}

fn add_clocks(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut monotonic = linker.instance("wasi:clocks/monotonic-clock@0.2.12")?;
    monotonic.func_wrap_async("now", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            store.data_mut().charge_wasi(0).await;
            Ok((monotonic_clock::Host::now(&mut store.data_mut().clocks())?,))
        })
    })?;
    let mut wall = linker.instance("wasi:clocks/wall-clock@0.2.12")?;
    wall.func_wrap_async("now", |mut store: Store<'_>, (): ()| {
        Box::new(async move {
            store.data_mut().charge_wasi(0).await;
            Ok((wall_clock::Host::now(&mut store.data_mut().clocks())?,))
        })
    })
}
