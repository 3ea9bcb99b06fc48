//! Guests that mean harm, and a victim that answers calls beside them.

mod cpu;
mod handles;
mod memory;
mod outside;
mod scheduling;

use regrow_sdk::{ExitReason, mailbox};

fn endless_wait(_: ()) {
    loop {
        mailbox::receive(None);
    }
}

/// Answers every call with what it was asked.
fn victim(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        if let Some(from) = message.reply_to() {
            let number: u64 = message.decode()?;
            mailbox::reply(from, &number)?;
        }
    }
}

regrow_sdk::component! {
    /// A loop without end.
    "endless-loop" => process cpu::endless_loop,
    /// A loop of host calls without end.
    "endless-calls" => process cpu::endless_calls,
    /// A loop of calls of WASI without end.
    "endless-wasi" => process cpu::endless_wasi,
    /// A loop of host calls that copy much.
    "long-names" => process cpu::long_names,
    /// Recursion without end.
    "recursion" => process cpu::recursion,
    /// Host calls at every depth of the stack.
    "deep-calls" => process cpu::deep_calls,
    /// What takes parsers long.
    "parser-bombs" => process cpu::parser_bombs,
    /// Questions about a process with many monitors, without end.
    "info-storm" => process cpu::info_storm,
    /// Waits for very many answers, without end.
    "reference-storm" => process cpu::reference_storm,
    /// Memory without end.
    "memory-bomb" => process memory::memory_bomb,
    /// Memory without end, a little in each of many processes.
    "memory-drip" => process memory::memory_drip,
    /// Tiny messages that nobody reads.
    "tiny-messages" => process memory::tiny_messages,
    /// Timers that outlive their creators, without end.
    "timer-bomb" => process memory::timer_bomb,
    /// One of its children.
    "timer-bomb-child" => process memory::timer_bomb_child,
    /// Open files without end.
    "handle-bomb" => process memory::handle_bomb,
    /// Specifications of children with large arguments, without end.
    "spec-hoard" => process memory::spec_hoard,
    /// One of them.
    "spec-hoard-child" => process memory::spec_hoard_child,
    /// Specifications, in one instance after the other.
    "spec-hoard-twice" => process memory::spec_hoard_twice, resume memory::spec_hoard_more,
    /// Datagrams without end.
    "datagram-flood" => process memory::datagram_flood,
    /// Lines of the log without end.
    "log-flood" => process memory::log_flood,
    /// Children that end at once, without end.
    "exit-storm" => process scheduling::exit_storm,
    /// One of them.
    "exit-storm-child" => process scheduling::exit_storm_child,
    /// Ten thousand links that collapse.
    "link-web" => process scheduling::link_web,
    /// A process among them.
    "link-web-member" => process scheduling::link_web_member,
    /// Monitors of one process without end.
    "monitor-storm" => process scheduling::monitor_storm,
    /// Processes without end.
    "spawn-bomb" => process scheduling::spawn_bomb,
    /// Timers that are due at once.
    "timer-storm" => process scheduling::timer_storm,
    /// Instances that are given back and asked for again, without end.
    "hibernate-storm" => process scheduling::hibernate_storm, resume scheduling::hibernate_storm_goes_on,
    /// A crash at each start.
    "restart-storm" => process scheduling::restart_storm,
    /// References that nobody has given it.
    "invented-references" => process handles::invented_references,
    /// References that are used twice.
    "used-twice" => process handles::used_twice,
    /// Ways out of a folder, without end.
    "escapes" => process outside::escapes,
    /// Addresses without a grant, without end.
    "scan" => process outside::scan,
    /// Processes that nobody has given it, without end.
    "invented-pids" => process handles::invented_pids,
    /// Waits for ever.
    "endless-wait" => process endless_wait,
    /// Answers calls.
    "victim" => process victim,
}
