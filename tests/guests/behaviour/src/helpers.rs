//! Processes that the others need.

use std::sync::atomic::{AtomicU64, Ordering};

use regrow_sdk::process::{self, InitResult};
use regrow_sdk::{ExitReason, Term, mailbox};
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
