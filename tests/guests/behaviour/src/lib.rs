//! Guests that try out, from inside, what a process can do; each entry ends normally if all is as it should be.
//! `tests/integration/behaviour.rs` has a test for every entry.

mod blobs;
mod calls;
mod derived;
mod flows;
mod grants;
mod groups;
mod helpers;
mod hibernation;
mod messages;
mod outside;
mod paging;
mod processes;
mod registries;
mod relations;
mod servers;
mod supervisors;
mod tables;
mod tasks;

use helpers as helper;

use flows::{inflate, naturals, sip};

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
    /// Aliases, and what a monitor can be beside a monitor.
    "aliases" => process relations::aliases,
    /// Flags, and bounds that can only be tightened.
    "flags" => process relations::flags,
    /// What can be asked about a process, and about which.
    "info" => process relations::info,
    /// A full mailbox that has its senders wait.
    "back-pressure" => process relations::back_pressure,
    /// Processes that wait for each other.
    "wait-cycle" => process relations::wait_cycle,
    /// Messages that timers send, and asynchronous answers about timers.
    "delayed-messages" => process relations::delayed_messages,
    /// A million invented pids reach nobody.
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
    /// Calls: answers, timeouts, deaths, absent servers.
    "calls" => process calls::calls,
    /// Requests that are not waited for.
    "requests" => process calls::requests,
    /// GenServer: start, call, cast, info, stop, terminate.
    "gen-server" => process servers::gen_server,
    /// GenServer: starts that fail.
    "gen-server-start" => process servers::starts,
    /// GenServer: servers that are made from their methods.
    "gen-server-derived" => process derived::derived,
    /// Agents.
    "agents" => process derived::agents,
    /// Stages: a slow consumer.
    "slow-consumer" => process flows::slow_consumer,
    /// Static children: start, restart, terminate, delete.
    "supervisor" => process supervisors::static_children,
    /// Children that have something to say when they start, or nothing to do.
    "supervisor-starts" => process supervisors::informs,
    /// Dynamic children, templates, partitions.
    "supervisor-dynamic" => process supervisors::dynamic_children,
    /// Intensity, parking, back-off, automatic shutdown.
    "supervisor-gives-up" => process supervisors::gives_up,
    /// Specifications that make no sense.
    "supervisor-nonsense" => process supervisors::nonsense,
    /// No grants, no supervisors.
    "supervisor-denied" => process supervisors::denied,
    /// Supervisors of the manifest.
    "supervisor-manages" => process supervisors::manages,
    /// What is printed goes to the log.
    "prints" => process outside::prints,
    /// A folder that may be read, and nothing beside it.
    "files" => process outside::files,
    /// Environment variables that are granted, and no others.
    "environment" => process outside::environment,
    /// No grants at all.
    "nothing-granted" => process grants::nothing,
    /// Secure random numbers without a grant.
    "no-randomness" => process grants::no_randomness,
    /// Grants that are handed on.
    "hands-on" => process grants::hands_on,
    /// Grants that the manifest has narrowed for one child.
    "narrowed" => process grants::narrowed,
    /// Addresses and names of the network.
    "network" => process grants::network,
    /// Names that are looked up, faster than one may.
    "lookups" => process grants::lookups,
    /// A name that belongs to somebody else.
    "taken-name" => process grants::taken_name,
    /// Ways out of a folder.
    "escapes" => process grants::escapes,
    /// Memory that grows.
    "memory-grows" => process processes::memory_grows,
    /// Nothing is lost of a process that waits for long, again and again.
    "waits-long" => process paging::waits_long,
    /// Hibernation: what stays, and what wakes.
    "hibernate" => process hibernation::everything_stays,
    /// Hibernation with messages in the mailbox.
    "hibernate-queue" => process hibernation::messages_in_queue,
    /// A process that is killed while it hibernates.
    "hibernate-killed" => process hibernation::killed,
    /// Hibernation that is refused.
    "hibernate-refused" => process hibernation::with_an_open_file,
    /// GenServers that hibernate.
    "hibernate-servers" => process hibernation::servers,
    /// Tables of all kinds, and everything that can be done with rows.
    "tables" => process tables::rows,
    /// Match specifications: selections, counts, deletions, replacements, continuations.
    "table-selections" => process tables::selections,
    /// To whom tables belong, and who may use them.
    "table-owners" => process tables::owners,
    /// What makes no sense for a table.
    "table-nonsense" => process tables::nonsense,
    /// A table that grows beyond its owner's limit.
    "table-limits" => process tables::limits,
    /// Names of tables without a grant.
    "table-denied" => process tables::denied,
    /// Process groups: joining, leaving, watching, dying.
    "groups" => process groups::groups,
    /// Scopes without a grant, and what makes no sense.
    "groups-denied" => process groups::denied,
    /// Registries: keys, values, selections, and what becomes of them at the end of their processes.
    "registry" => process registries::keys,
    /// Keys as names of processes.
    "registry-via" => process registries::via,
    /// Locks on keys.
    "registry-locks" => process registries::locks,
    /// Who listens to registrations.
    "registry-listeners" => process registries::listeners,
    /// What makes no sense for a registry or a topic.
    "registry-nonsense" => process registries::nonsense,
    /// Registries without a grant.
    "registry-denied" => process registries::denied,
    /// Topics: subscribing, broadcasting, patterns.
    "topics" => process registries::topics,
    /// Blobs: who holds them, wherever they go.
    "blobs" => process blobs::blobs,
    /// What makes no sense for a blob.
    "blob-nonsense" => process blobs::nonsense,
    /// Tasks: awaited, given up, shut down.
    "tasks" => process tasks::tasks,
    /// Many tasks: joined, polled, streamed.
    "many-tasks" => process tasks::many,
    /// A task that fails, and who is linked to it.
    "linked-task" => process tasks::linked,
    /// Crashes in a function with a name.
    "crashes" => process outside::crashes,

    /// Helper: hibernates, and says what woke it.
    "helper-sleeper" => process hibernation::sleeper, resume hibernation::sleeper_wakes,
    /// Helper: hibernates while a message waits, so often.
    "helper-restless" => process hibernation::restless, resume hibernation::restless_wakes,
    /// Helper: a server that hibernates.
    "helper-nap" => hibernating hibernation::Nap,
    /// Helper: ends in the way that it is told.
    "helper-end" => process helper::end,
    /// Helper: waits for ever.
    "helper-sleep" => process helper::sleep,
    /// Helper: keeps its messages in its mailbox.
    "helper-hoard" => process helper::hoard,
    /// Helper: sends everything back.
    "helper-echo" => process helper::echo,
    /// Helper: answers calls when it is told to.
    "helper-slow-echo" => process helper::slow_echo,
    /// Helper: hands the host a string that is none.
    "helper-bad-string" => process helper::bad_string,
    /// Helper: answers a call twice.
    "helper-reply-twice" => process helper::reply_twice,
    /// Helper: sends 1, 2 and 3 through an alias.
    "helper-thrice" => process helper::thrice,
    /// Helper: has its senders wait, and reads slowly.
    "helper-slow-reader" => process helper::slow_reader,
    /// Helper: has its senders wait for ever.
    "helper-full" => process helper::full,
    /// Helper: sends without end.
    "helper-flood" => process helper::flood,
    /// Helper: calls another one when it is told to.
    "helper-caller" => process helper::caller,
    /// Helper: acknowledges its start in the way that it is told.
    "helper-init" => init helper::init,
    /// Helper: answers with what it was started with.
    "helper-twice" => process helper::twice,
    /// Helper: has something to say when it has started.
    "helper-informs" => init helper::informs,
    /// Helper: says what it may reach.
    "helper-reach" => process grants::reach,
    /// Helper: uses a table of another process.
    "helper-table-user" => process tables::user,
    /// Helper: makes a table with an heir, and ends when it is told to.
    "helper-table-owner" => process tables::owner,
    /// Helper: the task of all tests.
    "work" => task tasks::work,
    /// Helper: reads a blob.
    "helper-blob-reader" => process blobs::reader,
    /// Helper: is registered under keys.
    "helper-registered" => process registries::registered,
    /// Helper: locks a key.
    "helper-locker" => process registries::locker,
    /// Helper: is subscribed to topics.
    "helper-subscriber" => process registries::subscriber,
    /// Helper: counts its starts in a table of the manifest's.
    "helper-visitor" => process tables::visitor,
    /// Helper: a server for the tests of GenServer.
    "helper-server" => server servers::Ledger,
    /// Helper: a server that is made from its methods.
    "shop" => server derived::Shop,
    /// Helper: an agent.
    "tally" => agent derived::Tally,
    /// Helpers: stages.
    "naturals" => source naturals,
    "inflate" => map inflate,
    "sip" => each sip,
}
