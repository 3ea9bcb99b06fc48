//! Streams and pollables: most of them cost little, but no guest pays for that little unless it is charged.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::bindings::io::{poll as io_poll, streams};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable, StreamResult};

use crate::engine::host::wasi::{Store, charged};
use crate::engine::state::GuestState;

/// Pollables that one call may wait for.
const MAX_POLLED: usize = 1_024;

/// What each of them is charged with, as bytes that are moved.
const POLLED_BYTES: usize = 256;

type Input = Resource<DynInputStream>;
type Output = Resource<DynOutputStream>;

/// The most that a call reads or writes of a stream.
const MAX_MOVED: usize = 64 << 10;

fn bounded(len: u64) -> usize {
    usize::try_from(len).map_or(MAX_MOVED, |len| len.min(MAX_MOVED))
}

macro_rules! table {
    ($state:ident) => {
        $state.ctx().table
    };
}

pub(super) fn add_to_linker(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    add_poll(linker)?;
    let mut io = linker.instance("wasi:io/streams@0.2.12")?;
    charged! { io, table, stream_result, 0;
        "[method]input-stream.skip": streams::HostInputStream::skip, (stream: Input, len: u64) moves bounded(len);
        "[method]output-stream.check-write": streams::HostOutputStream::check_write, (stream: Output);
        "[method]output-stream.write": streams::HostOutputStream::write, (stream: Output, bytes: Vec<u8>)
            moves bytes.len();
        "[method]output-stream.write-zeroes": streams::HostOutputStream::write_zeroes, (stream: Output, len: u64)
            moves bounded(len);
        "[method]output-stream.flush": streams::HostOutputStream::flush, (stream: Output);
        "[method]output-stream.splice": streams::HostOutputStream::splice, (stream: Output, from: Input, len: u64)
            moves bounded(len);
    }
    charged! { io, table, unfailing, 0;
        "[method]input-stream.subscribe": streams::HostInputStream::subscribe, (stream: Input);
        "[method]output-stream.subscribe": streams::HostOutputStream::subscribe, (stream: Output);
    }
    // What is asked for is often much more than what is there.
    io.func_wrap_async("[method]input-stream.read", |mut store: Store<'_>, (stream, len): (Input, u64)| {
        Box::new(async move {
            let state = store.data_mut();
            let read = streams::HostInputStream::read(state.ctx().table, stream, len);
            state.charge_moved(read.as_ref().map_or(0, Vec::len)).await;
            Ok((state.stream_result(read)?,))
        })
    })
}

impl GuestState {
    fn stream_result<T>(
        &mut self,
        result: StreamResult<T>,
    ) -> wasmtime::Result<Result<T, streams::StreamError>> {
        match result {
            Ok(value) => Ok(Ok(value)),
            Err(error) => streams::Host::convert_stream_error(self.ctx().table, error).map(Err),
        }
    }

    fn unfailing<T>(&mut self, result: wasmtime::Result<T>) -> wasmtime::Result<T> {
        result
    }
}

/// A list may name one pollable a million times: each costs the host a look.
fn add_poll(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    let mut poll = linker.instance("wasi:io/poll@0.2.12")?;
    poll.func_wrap_async("poll", |mut store: Store<'_>, (pollables,): (Vec<Resource<DynPollable>>,)| {
        Box::new(async move {
            if pollables.len() > MAX_POLLED {
                return Err(wasmtime::format_err!("`poll` waits for {MAX_POLLED} pollables at most"));
            }
            store.data_mut().charge_moved(pollables.len() * POLLED_BYTES).await;
            Ok((io_poll::Host::poll(store.data_mut().ctx().table, pollables).await?,))
        })
    })?;
    poll.func_wrap_async(
        "[method]pollable.ready",
        |mut store: Store<'_>, (pollable,): (Resource<DynPollable>,)| {
            Box::new(async move {
                store.data_mut().charge_moved(0).await;
                Ok((io_poll::HostPollable::ready(store.data_mut().ctx().table, pollable).await?,))
            })
        },
    )
}
