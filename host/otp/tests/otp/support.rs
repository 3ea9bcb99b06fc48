//! What the tests share: running a scenario under many seeds, and short words for common steps.

use std::fmt::Display;
use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use regrow_otp::testing::{EventLog, first_panic};
use regrow_otp::{
    Context, Destination, ExitReason, MessageKind, Pid, Received, Reference, Simulator, SpawnOptions,
};

/// How many orders of events a scenario is tried in.
pub(crate) const SEEDS: u64 = 30;

/// What a scenario observes, in order.
#[derive(Clone, Default)]
pub(crate) struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub(crate) fn note(&self, what: impl Display) {
        self.0.lock().unwrap().push(what.to_string());
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs a scenario to its end under many seeds and checks that it observes `expected` every time, and that
/// nothing is left behind.
pub(crate) fn check<F, B>(expected: &[&str], scenario: F)
where
    F: Fn(Context, Trace) -> B + Copy + Send + 'static,
    B: Future<Output = ()> + Send + 'static,
{
    for seed in 0..SEEDS {
        let trace = Trace::default();
        let log = EventLog::default();
        let mut simulator = Simulator::new(seed, Box::new(log.clone()));
        let body = {
            let trace = trace.clone();
            move |context| async move {
                scenario(context, trace).await;
                ExitReason::Normal
            }
        };
        simulator.runtime().spawn(SpawnOptions::default(), body).unwrap();
        simulator.run();
        // But for those that a scenario is about.
        let panic = first_panic(&log.events()).filter(|panic| !panic.contains("bug"));
        assert_eq!(panic, None, "with seed {seed}");
        assert_eq!(trace.lines(), expected, "with seed {seed}");
        assert_eq!(simulator.runtime().process_count(), 0, "processes are left, with seed {seed}");
    }
}

/// Spawns a process that does `body`.
pub(crate) fn child<F, B>(context: &Context, options: SpawnOptions, body: F) -> Pid
where
    F: FnOnce(Context) -> B + Send + 'static,
    B: Future<Output = ExitReason> + Send + 'static,
{
    context.spawn(options, body).unwrap().0
}

/// Spawns a process that waits until it is told to end.
pub(crate) fn sleeper(context: &Context, options: SpawnOptions) -> Pid {
    child(context, options, |context| async move {
        loop {
            context.receive(None).await;
        }
    })
}

pub(crate) fn linked() -> SpawnOptions {
    SpawnOptions { link: true, ..SpawnOptions::default() }
}

pub(crate) fn trapping() -> SpawnOptions {
    SpawnOptions { trap_exit: true, ..SpawnOptions::default() }
}

pub(crate) fn send(context: &Context, to: impl Into<Destination>, text: &str) {
    context.send_nosuspend(&to.into(), MessageKind::Info, Bytes::from(text.to_owned())).unwrap();
}

/// A received message in a line, with `pid` for every process.
pub(crate) fn show(received: Option<Received>) -> String {
    match received {
        None => "timeout".to_owned(),
        Some(Received::Message(message)) => String::from_utf8_lossy(&message.payload).into_owned(),
        Some(Received::Exit { reason, .. }) => format!("EXIT {reason}"),
        Some(Received::Down { object: Destination::Pid(_), reason, .. }) => format!("DOWN {reason}"),
        Some(Received::Down { object: Destination::Name(name), reason, .. }) => {
            format!("DOWN {name} {reason}")
        }
        Some(Received::Down { object: Destination::Via(via), reason, .. }) => format!("DOWN {via} {reason}"),
        Some(Received::Timer { payload, .. }) => format!("timer {}", String::from_utf8_lossy(&payload)),
        Some(Received::Reply { payload, .. }) => format!("reply {}", String::from_utf8_lossy(&payload)),
        Some(Received::System(system)) => system.kind.name().to_owned(),
    }
}

/// Receives the next message and shows it.
pub(crate) async fn next(context: &Context) -> String {
    show(context.receive(None).await)
}

/// What has arrived, looked at without waiting.
pub(crate) async fn poll(context: &Context) -> String {
    show(context.receive(Some(Duration::ZERO)).await)
}

/// Waits for the DOWN of a monitor.
pub(crate) async fn down(context: &Context, monitor: Reference) -> String {
    show(context.receive_answer(monitor, None).await)
}

/// Lets virtual time pass, so that everybody else has done what there is to do.
pub(crate) async fn settle(context: &Context) {
    let never = context.new_reference();
    context.receive_answer(never, Some(Duration::from_millis(1))).await;
}

pub(crate) fn oops() -> ExitReason {
    ExitReason::error("oops")
}
