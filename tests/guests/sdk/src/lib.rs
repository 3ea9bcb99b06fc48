//! What behaviours cost, measured by guests: each beside the same without it. `tests/bench/beam/sdk.erl` has the same programs.

use std::time::{Duration, Instant};

use regrow_sdk::gen_server::{self, CallResult, Caller, GenServer, Init, Nothing, ServerRef};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::state_machine::{self, Event, MachineRef, Start, StateMachine, Transition};
use regrow_sdk::{ExitReason, Pid, agent, flow, mailbox, server, task};
use serde::{Deserialize, Serialize};

type Time = Result<Duration, ExitReason>;

/// A server without any behaviour: receives, and replies.
fn bare(_: ()) -> Result<(), ExitReason> {
    let mut count = 0_u64;
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let by: u64 = message.decode()?;
        count += by;
        if let Some(from) = message.reply_to() {
            mailbox::reply(from, &count)?;
        }
    }
}

/// The same, as a GenServer that names its messages itself.
struct ByHand(u64);

impl GenServer for ByHand {
    type Argument = ();
    type Call = u64;
    type Reply = u64;
    type Cast = Nothing;

    fn init(_: ()) -> Init<Self> {
        Init::Started(ByHand(0))
    }

    fn handle_call(&mut self, by: u64, _: Caller<u64>) -> CallResult<Self> {
        self.0 += by;
        CallResult::Reply(self.0)
    }
}

/// The same, from its methods.
struct Derived(u64);

#[server]
impl Derived {
    #[init]
    fn new() -> Self {
        Derived(0)
    }

    #[call]
    fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
}

/// The same, as an agent.
#[derive(Serialize, Deserialize)]
struct Held(u64);

#[agent]
impl Held {
    pub fn add(&mut self, by: u64) -> u64 {
        self.0 += by;
        self.0
    }
}

/// The same, as a machine with one state.
struct Machine(u64);

impl StateMachine for Machine {
    type Argument = ();
    type State = ();
    type Call = u64;
    type Reply = u64;
    type Cast = Nothing;
    type Timer = ();

    fn init(_: ()) -> Start<Self> {
        Start::In((), Machine(0))
    }

    fn handle_event(&mut self, _: &(), event: Event<Self>) -> Transition<Self> {
        match event {
            Event::Call(by, from) => {
                self.0 += by;
                Transition::keep().reply(from, self.0)
            }
            _ => Transition::keep(),
        }
    }
}

fn end(pid: Option<Pid>) -> Result<(), ExitReason> {
    let pid = pid.ok_or(ExitReason::NoProc)?;
    process::unlink(pid);
    Ok(process::exit_process(pid, ExitReason::Kill)?)
}

/// So many calls.
fn calls(count: u32, pid: Option<Pid>, mut call: impl FnMut() -> Result<u64, mailbox::CallError>) -> Time {
    let start = Instant::now();
    for _ in 0..count {
        call()?;
    }
    let time = start.elapsed();
    end(pid)?;
    Ok(time)
}

fn numbers(count: u64) -> impl Iterator<Item = u64> {
    0..count
}

fn half(number: u64) -> u64 {
    number / 2
}

fn ignore(_: u64) {}

fn short(number: u64) -> u64 {
    number + 1
}

fn program(name: &str, count: u32) -> Time {
    let options = SpawnOptions::default();
    match name {
        "bare call" => {
            let pid = process::spawn("bare", &(), &SpawnOptions::link())?.pid;
            calls(count, Some(pid), || mailbox::call(pid, &1_u64, None))
        }
        "gen_server" => {
            let server: ServerRef<ByHand> = gen_server::start_link("by-hand", &(), &options)?;
            calls(count, server.pid(), || server.call(&1))
        }
        "derived" => {
            let server = Derived::start_link()?;
            calls(count, server.pid(), || server.add(1))
        }
        "agent" => {
            let agent = Held(0).start_link()?;
            calls(count, agent.pid(), || agent.add(1))
        }
        "machine" => {
            let machine: MachineRef<Machine> = state_machine::start_link("machine", &(), &options)?;
            calls(count, machine.pid(), || machine.call(&1))
        }
        "flow" => {
            let start = Instant::now();
            flow!(numbers(u64::from(count)) => half => ignore)?.join(None)?;
            Ok(start.elapsed())
        }
        "async_stream" => {
            let start = Instant::now();
            let results = task!(short).stream(0..u64::from(count)).max_concurrency(8);
            let sum: Result<u64, _> = results.sum();
            assert_eq!(sum?, u64::from(count) * (u64::from(count) + 1) / 2);
            Ok(start.elapsed())
        }
        other => Err(ExitReason::error(&format!("there is no program {other:?}"))),
    }
}

/// Serves calls, each a program and how much of it to do, with the time that it took, in microseconds.
fn bench(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let Some(from) = message.reply_to() else { continue };
        let (name, count): (String, u32) = message.decode()?;
        mailbox::reply(from, &(program(&name, count)?.as_secs_f64() * 1e6))?;
    }
}

regrow_sdk::component! {
    /// Measures.
    "bench" => process bench,
    "bare" => process bare,
    "by-hand" => server ByHand,
    "derived" => server Derived,
    "held" => agent Held,
    "machine" => machine Machine,
    "numbers" => source numbers,
    "half" => map half,
    "ignore" => each ignore,
    "short" => task short,
}
