//! Processes that the others need.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use regrow_sdk::mailbox::Received;
use regrow_sdk::process::{self, Flag, InitResult, WhenFull};
use regrow_sdk::{ExitReason, Pid, ReplyTo, Term, mailbox};
use serde::{Deserialize, Serialize};

/// How `helper-end` ends.
#[derive(Serialize, Deserialize)]
pub enum Ending {
    Return,
    Error,
    Shutdown,
    ShutdownWith,
    Other,
    Panic,
    Kill,
    Unreachable,
    OutOfBounds,
    StackOverflow,
    Memory,
}

/// Waits for a message first, so that whoever needs to can make links and monitors.
#[inline(never)]
pub fn end(how: Ending) -> Result<(), ExitReason> {
    mailbox::receive(None);
    match how {
        Ending::Return => Ok(()),
        Ending::Error => Err(ExitReason::error(&("code", 7))),
        Ending::Shutdown => process::exit(ExitReason::Shutdown),
        Ending::ShutdownWith => process::exit(ExitReason::ShutdownWith(Term::from("done"))),
        Ending::Other => process::exit(ExitReason::other(&[1, 2, 3])),
        Ending::Panic => panic!("on purpose"),
        Ending::Kill => process::exit(ExitReason::Kill),
        Ending::Unreachable => std::process::abort(),
        Ending::OutOfBounds => {
            // Safe Rust can't do this: a guest in another language can.
            let wild = std::hint::black_box(0xffff_0000_usize) as *const u8;
            let byte = unsafe { wild.read_volatile() };
            Err(ExitReason::error(&byte))
        }
        Ending::StackOverflow => Err(ExitReason::error(&recurse(1))),
        Ending::Memory => {
            let mut hoard: Vec<Vec<u8>> = Vec::new();
            loop {
                hoard.push(vec![1; 1 << 20]);
            }
        }
    }
}

/// Nothing of a call is in memory, so that the stack of the engine ends before that of the language.
fn recurse(depth: u64) -> u64 {
    static CALLS: AtomicU64 = AtomicU64::new(0);
    if CALLS.fetch_add(depth, Ordering::Relaxed) == u64::MAX {
        return 0;
    }
    recurse(depth | 1).rotate_left(1) ^ depth
}

pub fn sleep(_: ()) {
    loop {
        mailbox::receive(None);
    }
}

/// Looks at what arrives and leaves it where it is.
pub fn hoard(_: ()) {
    mailbox::receive_match(None, |_| None::<()>);
}

pub fn echo(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        let value: Term = message.decode()?;
        match message.reply_to() {
            Some(from) => mailbox::reply(from, &value)?,
            None => mailbox::send(message.from, &value)?,
        }
    }
}

/// Answers a call when it is told to by a plain message, which it answers then.
pub fn slow_echo(_: ()) -> Result<(), ExitReason> {
    let call = |received: Received| match received {
        Received::Message(message) => message.reply_to().map(|from| (from, message)),
        _ => None,
    };
    let go = |received: Received| match received {
        Received::Message(message) if message.reply_to().is_none() => Some(message.from),
        _ => None,
    };
    loop {
        let Some((from, message)) = mailbox::receive_match(None, call) else { continue };
        let Some(teller) = mailbox::receive_match(None, go) else { continue };
        mailbox::reply(from, &message.decode::<Term>()?)?;
        mailbox::send(teller, &"answered")?;
    }
}

pub fn bad_string(_: ()) {
    // Safe Rust can't do this: a guest in another language can.
    let bad = unsafe { std::str::from_utf8_unchecked(std::hint::black_box(&[0xff, 0xfe])) };
    regrow_sdk::names::whereis(bad);
}

pub fn reply_twice(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(from) = mailbox::receive_message(None).and_then(|message| message.reply_to()) else {
            continue;
        };
        mailbox::reply(from, &1)?;
        mailbox::reply(from, &2)?;
    }
}

pub fn thrice(alias: ReplyTo) -> Result<(), ExitReason> {
    (1..=3u32).try_for_each(|number| Ok(mailbox::send_to_alias(alias, &number)?))
}

/// Answers a call with the numbers that it got before.
pub fn slow_reader(_: ()) -> Result<(), ExitReason> {
    process::set_flag(Flag::WhenFull(WhenFull::SuspendSender))?;
    process::set_flag(Flag::MaxMailboxMessages(2))?;
    process::parent().map_or(Ok(()), |parent| mailbox::send(parent, &"ready"))?;
    let mut numbers: Vec<u32> = Vec::new();
    loop {
        // Its senders have run ahead by then.
        mailbox::wait_for(process::monitor(process::self_pid())?, Some(Duration::from_millis(1)));
        let Some(message) = mailbox::receive_message(None) else { continue };
        match message.reply_to() {
            Some(from) => mailbox::reply(from, &numbers)?,
            None => numbers.push(message.decode()?),
        }
    }
}

pub fn full(_: ()) -> Result<(), ExitReason> {
    process::set_flag(Flag::WhenFull(WhenFull::SuspendSender))?;
    process::set_flag(Flag::MaxMailboxMessages(3))?;
    process::parent().map_or(Ok(()), |parent| mailbox::send(parent, &"ready"))?;
    mailbox::receive_match(None, |_| None::<()>);
    Ok(())
}

pub fn flood(to: Pid) -> Result<(), ExitReason> {
    loop {
        mailbox::send(to, &0u8)?;
    }
}

pub fn caller(other: String) -> Result<(), ExitReason> {
    mailbox::receive_message(None);
    mailbox::call::<_, ()>(other, &(), None)?;
    Ok(())
}

/// What `helper-init` says of its start.
#[derive(Serialize, Deserialize)]
pub enum Word {
    Started,
    Ignore,
    Error,
    Nothing,
    EndFirst,
}

pub fn init(word: Word) -> Result<(), ExitReason> {
    let oops = ExitReason::error(&"oops");
    let said = match word {
        Word::Started => process::init_ack(InitResult::Started),
        Word::Ignore => {
            process::init_ack(InitResult::Ignore);
            return Ok(());
        }
        Word::Error => {
            process::init_ack(InitResult::Error(oops.clone()));
            return Ok(());
        }
        Word::Nothing => true,
        Word::EndFirst => return Err(oops),
    };
    assert!(said, "somebody waits for the first word");
    loop {
        mailbox::receive(None);
    }
}

/// Answers every call with the list that it was started with.
pub fn twice(arguments: Vec<Term>) {
    while let Some(message) = mailbox::receive_message(None) {
        if let Some(from) = message.reply_to() {
            mailbox::reply(from, &arguments).ok();
        }
    }
}

/// Has something to say when it has started.
pub fn informs(_: ()) {
    process::init_ack_with("ready").ok();
    sleep(());
}
