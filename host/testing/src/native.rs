//! Native processes beside the guests of a node.

use std::sync::mpsc;

use regrow_otp::{Context, Event, ExitReason, Pid, Runtime, SpawnOptions};

use crate::HANG;
use crate::events::Events;
use crate::log::SharedLog;

/// Runs `body` as a native process; what it returns.
///
/// # Panics
/// If it can't be spawned, or ends before it returns.
pub fn run_native<T, F, B>(runtime: &Runtime, options: SpawnOptions, body: F) -> T
where
    T: Send + 'static,
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = T> + Send + 'static,
{
    let (pid, result) = start_native(runtime, options, body);
    let result = result.recv().unwrap_or_else(|error| panic!("{error}"));
    // It has returned, and is about to end: its name may be taken again when this returns.
    while runtime.process_info(pid).is_some() {
        std::thread::yield_now();
    }
    result
}

pub(crate) fn start_native<T, F, B>(
    runtime: &Runtime,
    options: SpawnOptions,
    body: F,
) -> (Pid, mpsc::Receiver<T>)
where
    T: Send + 'static,
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = T> + Send + 'static,
{
    let (done, result) = mpsc::channel();
    let spawned = runtime.spawn(options, |context| async move {
        let _ = done.send(body(context).await);
        ExitReason::Normal
    });
    (spawned.unwrap_or_else(|error| panic!("{error}")), result)
}

/// What a native process will return.
pub struct Pending<T> {
    pub(crate) pid: Pid,
    pub(crate) result: mpsc::Receiver<T>,
    pub(crate) events: Events,
    /// How many events there were before it.
    pub(crate) known: usize,
    pub(crate) log: SharedLog,
}

impl<T> Pending<T> {
    /// Waits for it, and until the process that returns it is no more.
    pub fn wait(self) -> T {
        let result = self.result.recv_timeout(HANG);
        let ended = self.events.wait_after(self.known, |event| match event {
            Event::Exited(ended) if ended.pid == self.pid => Some(()),
            _ => None,
        });
        match (result, ended) {
            (Ok(result), Some(())) => result,
            _ => panic!("no result; the log:\n{}", self.log.text()),
        }
    }
}
