//! What a process of a scenario can do.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where something is sent: a process of the scenario, or `@name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Target {
    /// A process.
    Process(String),
    /// A registered name.
    Name(String),
}

impl Target {
    fn parse(word: &str) -> Self {
        match word.strip_prefix('@') {
            Some(name) => Self::Name(name.to_owned()),
            None => Self::Process(word.to_owned()),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Process(process) => f.write_str(process),
            Self::Name(name) => write!(f, "@{name}"),
        }
    }
}

/// What a receive takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pattern {
    /// Anything.
    Any,
    /// Any plain message.
    Message,
    /// A plain message with this text.
    Text(String),
    /// An EXIT.
    Exit,
    /// The DOWN of a monitor.
    Down(String),
    /// A timer.
    Timer,
    /// A call. Its caller can be answered with `reply` from now on.
    Call,
}

impl Pattern {
    fn parse(word: &str) -> Result<Self, String> {
        Ok(match word.split_once('=') {
            Some(("msg", text)) => Self::Text(text.to_owned()),
            Some(("down", monitor)) => Self::Down(monitor.to_owned()),
            None if word == "any" => Self::Any,
            None if word == "msg" => Self::Message,
            None if word == "exit" => Self::Exit,
            None if word == "timer" => Self::Timer,
            None if word == "call" => Self::Call,
            _ => return Err(format!("{word:?} is no pattern")),
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Message => f.write_str("msg"),
            Self::Text(text) => write!(f, "msg={text}"),
            Self::Exit => f.write_str("exit"),
            Self::Down(monitor) => write!(f, "down={monitor}"),
            Self::Timer => f.write_str("timer"),
            Self::Call => f.write_str("call"),
        }
    }
}

/// What a monitor's reference is beside a monitor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MonitorMode {
    /// Nothing.
    Plain,
    /// It brings a tag, the label of the monitor.
    Tagged,
    /// `{alias, explicit_unalias}`
    ExplicitUnalias,
    /// `{alias, demonitor}`
    Demonitor,
    /// `{alias, reply_demonitor}`
    ReplyDemonitor,
}

const MONITOR_MODES: [(&str, MonitorMode); 4] = [
    ("tagged", MonitorMode::Tagged),
    ("explicit_unalias", MonitorMode::ExplicitUnalias),
    ("demonitor", MonitorMode::Demonitor),
    ("reply_demonitor", MonitorMode::ReplyDemonitor),
];

/// An item of `process_info/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Item {
    /// How many messages wait.
    MessageQueueLen,
    /// Linked processes.
    Links,
    /// Monitored processes and names.
    Monitors,
    /// Who monitors it, once for each monitor.
    MonitoredBy,
    /// Its name.
    RegisteredName,
    /// Whether it traps exits.
    TrapExit,
}

const ITEMS: [(&str, Item); 6] = [
    ("message_queue_len", Item::MessageQueueLen),
    ("links", Item::Links),
    ("monitors", Item::Monitors),
    ("monitored_by", Item::MonitoredBy),
    ("registered_name", Item::RegisteredName),
    ("trap_exit", Item::TrapExit),
];

macro_rules! ops {
    ($($(#[$doc:meta])* $name:literal => $op:ident $({ $($field:ident: $kind:ident),+ })?,)+) => {
        /// What a process does. Where nothing is said of a result, there is none.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Op {
            $($(#[$doc])* $op $({ $(#[allow(missing_docs)] $field: ops!(@type $kind)),+ })?,)+
        }

        impl Op {
            /// The operation that some words stand for.
            pub(crate) fn from_words(words: &[&str]) -> Result<Self, String> {
                let (name, rest) = words.split_first().ok_or("a step without an operation")?;
                #[allow(unused_mut)]
                let mut rest = rest;
                let op = match *name {
                    $($name => Self::$op $({ $($field: ops!(@parse $kind, rest)),+ })?,)+
                    other => return Err(format!("there is no operation {other:?}")),
                };
                if !rest.is_empty() {
                    return Err(format!("{:?} is too much", rest.join(" ")));
                }
                Ok(op)
            }
        }

        impl fmt::Display for Op {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$op $({ $($field),+ })? => {
                        f.write_str($name)?;
                        $($(ops!(@show $kind, f, $field);)+)?
                        Ok(())
                    })+
                }
            }
        }
    };
    (@type word) => { String };
    (@type target) => { Target };
    (@type pattern) => { Pattern };
    (@type number) => { u64 };
    (@type flag) => { bool };
    (@type mode) => { MonitorMode };
    (@type item) => { Item };
    (@type timeout) => { Option<u64> };
    (@parse word, $rest:ident) => { next(&mut $rest)?.to_owned() };
    (@parse target, $rest:ident) => { Target::parse(next(&mut $rest)?) };
    (@parse pattern, $rest:ident) => { Pattern::parse(next(&mut $rest)?)? };
    (@parse number, $rest:ident) => { number(next(&mut $rest)?)? };
    (@parse flag, $rest:ident) => { flag(next(&mut $rest)?)? };
    (@parse mode, $rest:ident) => { optional(&mut $rest, &MONITOR_MODES)?.unwrap_or(MonitorMode::Plain) };
    (@parse item, $rest:ident) => { optional(&mut $rest, &ITEMS)?.ok_or("an item is missing")? };
    (@parse timeout, $rest:ident) => {
        match next(&mut $rest) { Ok(word) => Some(number(word)?), Err(_) => None }
    };
    (@show mode, $f:ident, $field:ident) => { show_known($f, &MONITOR_MODES, $field)? };
    (@show item, $f:ident, $field:ident) => { show_known($f, &ITEMS, $field)? };
    (@show timeout, $f:ident, $field:ident) => {
        if let Some(ms) = $field { write!($f, " {ms}")? }
    };
    (@show $kind:ident, $f:ident, $field:ident) => { write!($f, " {}", $field)? };
}

ops! {
    /// `spawn/1`
    "spawn" => Spawn { process: word },
    /// `spawn_link/1`
    "spawn_link" => SpawnLink { process: word },
    /// `spawn_monitor/1`
    "spawn_monitor" => SpawnMonitor { process: word, monitor: word },
    /// Spawns a process, linked and monitored, that exits at once with a reason.
    "spawn_exit" => SpawnExit { process: word, monitor: word, reason: word },
    /// `process_flag(trap_exit, _)`; the previous value.
    "trap_exit" => TrapExit { on: flag },
    /// `link/1`: `true` or `noproc`.
    "link" => Link { process: word },
    /// `unlink/1`: `true`.
    "unlink" => Unlink { process: word },
    /// `monitor/3`. The monitor is known by a label, to this process.
    "monitor" => Monitor { target: target, monitor: word, mode: mode },
    /// `demonitor(_, [info])`: whether it was active.
    "demonitor" => Demonitor { monitor: word },
    /// `demonitor(_, [flush, info])`: whether it was active.
    "demonitor_flush" => DemonitorFlush { monitor: word },
    /// `exit/1`
    "exit" => Exit { reason: word },
    /// The end of the process's function.
    "return" => Return,
    /// `exit/2`: `true`.
    "exit2" => Exit2 { process: word, reason: word },
    /// `!`: `ok`, or `badarg` for a name that nobody has.
    "send" => Send { target: target, text: word },
    /// `receive … after 0`: what was received, or `timeout`.
    "receive" => Receive { pattern: pattern },
    /// `receive`: what was received, when it is.
    "wait" => Wait { pattern: pattern },
    /// `receive … after`: what was received, or `timeout`, when it is.
    "wait_after" => WaitAfter { ms: number, pattern: pattern },
    /// `register/2`: `true` or `badarg`.
    "register" => Register { name: word, process: word },
    /// `unregister/1`: `true` or `badarg`.
    "unregister" => Unregister { name: word },
    /// `whereis/1`: a process or `undefined`.
    "whereis" => Whereis { name: word },
    /// `start_timer/3`. The timer is known by a label, to this process.
    "start_timer" => StartTimer { timer: word, ms: number, target: target, text: word },
    /// `send_after/3`
    "send_after" => SendAfter { timer: word, ms: number, target: target, text: word },
    /// `cancel_timer/1`: `left` or `false`.
    "cancel" => Cancel { timer: word },
    /// `read_timer/1`: `left` or `false`.
    "read" => Read { timer: word },
    /// `alias/0`. The alias is known by a label, to everybody.
    "alias" => Alias { alias: word },
    /// `alias([reply])`
    "alias_reply" => AliasReply { alias: word },
    /// `unalias/1` of an alias or a monitor: whether it was active.
    "unalias" => Unalias { alias: word },
    /// A message to an alias, or to a monitor that is one: `ok`.
    "send_alias" => SendAlias { alias: word, text: word },
    /// `is_process_alive/1`
    "is_alive" => IsAlive { process: word },
    /// `process_info/2`: the value, or `undefined`.
    "info" => Info { process: word, item: item },
    /// `gen:call/4`, with or without a timeout: `reply`, `down`, `timeout` or `calling_self`, when it is over.
    "call" => Call { target: target, text: word, ms: timeout },
    /// `gen:reply/2` to the call that was received last: `ok`.
    "reply" => Reply { text: word },
}

impl Op {
    /// Whether the process may have to wait: it does nothing else until it has a result.
    pub fn may_block(&self) -> bool {
        matches!(self, Self::Wait { .. } | Self::WaitAfter { .. } | Self::Call { .. })
    }

    /// The process that this brings to life.
    pub fn spawned(&self) -> Option<&str> {
        match self {
            Self::Spawn { process }
            | Self::SpawnLink { process }
            | Self::SpawnMonitor { process, .. }
            | Self::SpawnExit { process, .. } => Some(process),
            _ => None,
        }
    }
}

fn next<'a>(rest: &mut &[&'a str]) -> Result<&'a str, String> {
    let (first, others) = rest.split_first().ok_or("something is missing at the end")?;
    *rest = others;
    Ok(first)
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

fn flag(word: &str) -> Result<bool, String> {
    word.parse().map_err(|_| format!("{word:?} is neither true nor false"))
}

fn optional<T: Copy>(rest: &mut &[&str], known: &[(&str, T)]) -> Result<Option<T>, String> {
    let Ok(word) = next(rest) else { return Ok(None) };
    let found = known.iter().find(|(name, _)| *name == word);
    found.map(|(_, value)| Some(*value)).ok_or_else(|| format!("{word:?} is not known here"))
}

fn show_known<T: PartialEq>(f: &mut fmt::Formatter<'_>, known: &[(&str, T)], value: &T) -> fmt::Result {
    match known.iter().find(|(_, other)| other == value) {
        Some((name, _)) => write!(f, " {name}"),
        None => Ok(()),
    }
}
