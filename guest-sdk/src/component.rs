use alloc::string::String;
use alloc::vec::Vec;

use regrow_term::decode;
use serde::de::DeserializeOwned;

use crate::exit_reason::ExitReason;
use crate::gen_server::{self, GenServer, Hibernate};
use crate::process::{self, InitResult};
use crate::stage::{self, Stage};
use crate::state_machine::{self, StateMachine};

/// A component: its entries. Made by [`component!`](crate::component!).
pub struct Component {
    /// What its processes can run.
    pub entries: &'static [Entry],
}

/// One thing that a component's processes can run.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// What it is for.
    pub documentation: &'static [&'static str],
    /// Runs it on an encoded argument.
    pub run: Body,
    /// Goes on with an encoded state, after [`process::hibernate`]; none if it does not hibernate.
    pub resume: Option<Body>,
}

/// What a process runs, on encoded bytes.
pub type Body = fn(&[u8]) -> Result<(), ExitReason>;

/// What an entry may return: nothing, or a result whose error is the exit reason.
pub trait EntryResult {
    /// The result of the process.
    ///
    /// # Errors
    /// The reason, if the process did not end normally.
    fn into_result(self) -> Result<(), ExitReason>;
}

impl EntryResult for () {
    fn into_result(self) -> Result<(), ExitReason> {
        Ok(())
    }
}

impl<E: Into<ExitReason>> EntryResult for Result<(), E> {
    fn into_result(self) -> Result<(), ExitReason> {
        self.map_err(Into::into)
    }
}

impl Component {
    /// Runs an entry, as the body of this process.
    pub(crate) fn run(&self, entry: &str, argument: &[u8]) -> Result<(), ExitReason> {
        install();
        (self.entry(entry)?.run)(argument)
    }

    /// Goes on with an entry that has hibernated, as the body of this process.
    pub(crate) fn resume(&self, entry: &str, state: &[u8]) -> Result<(), ExitReason> {
        install();
        match self.entry(entry)?.resume {
            Some(resume) => resume(state),
            None => Err(ExitReason::Error(alloc::format!("the entry {entry:?} can't be resumed").into())),
        }
    }

    fn entry(&self, name: &str) -> Result<&Entry, ExitReason> {
        let known = self.entries.iter().find(|known| known.name == name);
        known.ok_or_else(|| ExitReason::Error(alloc::format!("no entry {name:?}").into()))
    }
}

fn install() {
    crate::panic::install();
    crate::logging::install();
}

impl Entry {
    /// The documentation as one line.
    pub fn documentation(&self) -> String {
        let lines: Vec<&str> = self.documentation.iter().map(|line| line.trim()).collect();
        lines.join(" ")
    }
}

/// Runs a function as a process: it counts as started when its argument is understood.
#[doc(hidden)]
pub fn run_process<A: DeserializeOwned, R: EntryResult>(
    function: fn(A) -> R,
    argument: &[u8],
) -> Result<(), ExitReason> {
    let argument = understand(argument)?;
    process::init_ack(InitResult::Started);
    function(argument).into_result()
}

/// Runs a function that acknowledges its start itself.
#[doc(hidden)]
pub fn run_init<A: DeserializeOwned, R: EntryResult>(
    function: fn(A) -> R,
    argument: &[u8],
) -> Result<(), ExitReason> {
    function(understand(argument)?).into_result()
}

/// Runs a task's function: it counts as started when its argument is understood.
#[doc(hidden)]
pub fn run_task<A: DeserializeOwned, R: serde::Serialize>(
    function: fn(A) -> R,
    argument: &[u8],
) -> Result<(), ExitReason> {
    crate::task::run(function, argument)
}

/// Runs a GenServer: it counts as started when its `init` has returned.
#[doc(hidden)]
pub fn run_server<S: GenServer>(argument: &[u8]) -> Result<(), ExitReason> {
    gen_server::run::<S>(understand(argument)?)
}

/// Runs a StateMachine: it counts as started when its `init` has returned.
#[doc(hidden)]
pub fn run_machine<M: StateMachine>(argument: &[u8]) -> Result<(), ExitReason> {
    state_machine::run::<M>(understand(argument)?)
}

/// Runs a stage: it counts as started when its `init` has returned.
#[doc(hidden)]
pub fn run_stage<S: Stage>(argument: &[u8]) -> Result<(), ExitReason> {
    stage::run::<S>(understand(argument)?)
}

/// Runs a function as the source of a flow.
#[doc(hidden)]
pub fn run_source<A: DeserializeOwned, I: Iterator>(
    function: fn(A) -> I,
    argument: &[u8],
) -> Result<(), ExitReason>
where
    I::Item: serde::Serialize + Clone,
{
    stage::run_source(function, argument)
}

/// Runs a function on each event of a flow, for what comes of it.
#[doc(hidden)]
pub fn run_map<E: DeserializeOwned, R: serde::Serialize + Clone>(
    function: fn(E) -> R,
    _: &[u8],
) -> Result<(), ExitReason> {
    stage::run_map(function)
}

/// Runs a function on each event of a flow.
#[doc(hidden)]
pub fn run_each<E: DeserializeOwned>(function: fn(E), _: &[u8]) -> Result<(), ExitReason> {
    stage::run_each(function)
}

/// Goes on with a function whose process has hibernated.
#[doc(hidden)]
pub fn resume_process<S: DeserializeOwned, R: EntryResult>(
    function: fn(S) -> R,
    state: &[u8],
) -> Result<(), ExitReason> {
    let state = decode(state).map_err(|error| {
        ExitReason::Error(alloc::format!("the state does not fit the entry: {error}").into())
    })?;
    function(state).into_result()
}

/// Runs a GenServer that hibernates.
#[doc(hidden)]
pub fn run_hibernating<S: Hibernate>(argument: &[u8]) -> Result<(), ExitReason> {
    gen_server::run_hibernating::<S>(understand(argument)?)
}

/// Goes on with a GenServer that has hibernated.
#[doc(hidden)]
pub fn resume_server<S: Hibernate>(state: &[u8]) -> Result<(), ExitReason> {
    gen_server::resume::<S>(state)
}

pub(crate) fn understand<A: DeserializeOwned>(argument: &[u8]) -> Result<A, ExitReason> {
    decode(argument).map_err(|error| {
        ExitReason::Error(alloc::format!("the argument does not fit the entry: {error}").into())
    })
}

/// Makes a crate a component with named entries, and defines `COMPONENT` for tests.
///
/// Each entry is one of
/// - `"name" => process function`: runs `fn(A)` or `fn(A) -> Result<(), E>`, with a deserialized argument;
/// - `"name" => init function`: the same, for a function that calls [`process::init_ack`] itself;
/// - `"name" => process function, resume other`: the same, for a process that hibernates: `other` gets its state;
/// - `"name" => task function`: the same, for a [task](mod@crate::task), whose result is awaited;
/// - `"name" => server Type`: runs a [`GenServer`];
/// - `"name" => agent Type`: runs an [agent](macro@crate::agent);
/// - `"name" => machine Type`: runs a [`StateMachine`];
/// - `"name" => stage Type`: runs a [`Stage`]; `consumer_supervisor Type`: a
///   [`ConsumerSupervisor`](crate::stage::ConsumerSupervisor);
/// - `"name" => source function`, `map function`, `each function`: stages of a [flow](macro@crate::flow);
/// - `"name" => hibernating Type`: runs a [`GenServer`] that hibernates ([`Hibernate`]).
///
/// A doc comment before an entry says what it is for.
///
/// ```
/// use regrow_sdk::mailbox;
///
/// fn echo(_: ()) {
///     while let Some(message) = mailbox::receive_message(None) {
///         mailbox::send(message.from, &message.payload).ok();
///     }
/// }
///
/// regrow_sdk::component! {
///     /// Sends back what it gets.
///     "echo" => process echo,
/// }
/// # fn main() {
/// assert_eq!(COMPONENT.entries[0].documentation(), "Sends back what it gets.");
/// # }
/// ```
#[macro_export]
macro_rules! component {
    ($($(#[doc = $doc:literal])* $name:literal => $kind:ident $target:path $(, resume $resume:path)?),+ $(,)?) => {
        /// What this crate is as a component.
        pub static COMPONENT: $crate::Component = $crate::Component {
            entries: &[$($crate::Entry {
                name: $name,
                documentation: &[$($doc),*],
                run: $crate::__entry!($kind $target),
                resume: $crate::__resume!($kind $target $(, $resume)?),
            }),+],
        };
        $crate::__export!();
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __entry {
    (process $function:path) => {
        |argument| $crate::sys::run_process($function, argument)
    };
    (init $function:path) => {
        |argument| $crate::sys::run_init($function, argument)
    };
    (task $function:path) => {
        |argument| $crate::sys::run_task($function, argument)
    };
    (server $server:path) => {
        $crate::sys::run_server::<$server>
    };
    (agent $agent:path) => {
        $crate::sys::run_server::<$agent>
    };
    (stage $stage:path) => {
        $crate::sys::run_stage::<$stage>
    };
    (consumer_supervisor $of:path) => {
        $crate::sys::run_stage::<$crate::stage::ConsumerSupervisor<$of>>
    };
    (source $function:path) => {
        |argument| $crate::sys::run_source($function, argument)
    };
    (map $function:path) => {
        |argument| $crate::sys::run_map($function, argument)
    };
    (each $function:path) => {
        |argument| $crate::sys::run_each($function, argument)
    };
    (machine $machine:path) => {
        $crate::sys::run_machine::<$machine>
    };
    (hibernating $server:path) => {
        $crate::sys::run_hibernating::<$server>
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __resume {
    (hibernating $server:path) => {
        Some($crate::sys::resume_server::<$server>)
    };
    ($kind:ident $target:path, $resume:path) => {
        Some(|state| $crate::sys::resume_process($resume, state))
    };
    ($kind:ident $target:path) => {
        None
    };
}

#[cfg(target_family = "wasm")]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    () => {
        const _: () = {
            struct Exported;
            impl $crate::sys::Guest for Exported {
                fn run(start: $crate::sys::StartArgument) -> Result<(), $crate::sys::WitExitReason> {
                    $crate::sys::run(&COMPONENT, start)
                }
                fn describe() -> $crate::sys::Entries {
                    $crate::sys::describe(&COMPONENT)
                }
            }
    $crate::sys::export!(Exported with_types_in $crate::sys::bindings);
        };
    };
}

#[cfg(not(target_family = "wasm"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __export {
    () => {};
}
