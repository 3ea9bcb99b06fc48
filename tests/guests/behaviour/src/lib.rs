//! Guests that try out, from inside, what a process can do; each entry ends normally if all is as it should be.
//! `tests/integration/behaviour.rs` has a test for every entry.

mod calls;
mod helpers;
mod messages;
mod outside;
mod processes;
mod servers;

use helpers as helper;

regrow_sdk::component! {
    /// DOWN carries each kind of exit reason unchanged.
    "exit-reasons" => process processes::exit_reasons,
    /// Links: EXIT messages, unlink, linking to the dead.
    "links" => process processes::links,
    /// Monitors: by pid and by name, several, demonitor.
    "monitors" => process processes::monitors,
    /// A process that kills itself, links to itself, monitors itself.
    "itself" => process processes::itself,
    /// What may not be spawned, and under which names.
    "spawn-errors" => process processes::spawn_errors,
    /// A supervisor takes no orders from its children.
    "authority" => process processes::authority,
    /// Names: registering, releasing, looking up.
    "names" => process processes::names,
    /// A hundred thousand invented pids reach nobody.
    "invented-pids" => process processes::invented_pids,
    /// Selective receive keeps what it passes over.
    "selective-receive" => process messages::selective_receive,
    /// Timeouts of receive: none, zero, some, absurd.
    "timeouts" => process messages::timeouts,
    /// Timers: order, cancel, read.
    "timers" => process messages::timers,
    /// A full mailbox refuses.
    "full-mailbox" => process messages::full_mailbox,
    /// Payloads of every size come through unchanged.
    "payloads" => process messages::payloads,
    /// Absurd arguments have defined answers.
    "absurd-arguments" => process messages::absurd_arguments,
    /// Calls: answers, timeouts, deaths, late and delegated answers.
    "calls" => process calls::calls,
    /// Requests that are not waited for.
    "requests" => process calls::requests,
    /// GenServer: start, call, cast, info, stop, terminate.
    "gen-server" => process servers::gen_server,
    /// GenServer: starts that fail.
    "gen-server-start" => process servers::starts,
    /// What is printed goes to the log.
    "prints" => process outside::prints,
    /// A folder that may be read, and nothing beside it.
    "files" => process outside::files,
    /// Environment variables that are granted, and no others.
    "environment" => process outside::environment,
    /// Crashes in a function with a name.
    "crashes" => process outside::crashes,

    /// Helper: ends in the way that it is told.
    "helper-end" => process helper::end,
    /// Helper: waits for ever.
    "helper-sleep" => process helper::sleep,
    /// Helper: keeps its messages in its mailbox.
    "helper-hoard" => process helper::hoard,
    /// Helper: sends everything back.
    "helper-echo" => process helper::echo,
    /// Helper: acknowledges its start in the way that it is told.
    "helper-init" => init helper::init,
    /// Helper: a server for the tests of GenServer.
    "helper-server" => server servers::Ledger,
}
