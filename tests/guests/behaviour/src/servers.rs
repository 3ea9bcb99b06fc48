//! GenServer.

use std::time::Duration;

use regrow_sdk::gen_server::{self, CallResult, Caller, Init, Next, ServerRef, StartError};
use regrow_sdk::mailbox::{self, CallError, Received};
use regrow_sdk::process::{self, SpawnOptions, Started};
use regrow_sdk::{Error, ExitReason, GenServer, Pid};
use serde::{Deserialize, Serialize};

use crate::helpers::Word;

/// A server that tells `watcher` what happens to it.
pub struct Ledger {
    watcher: Pid,
    waiting: Option<Caller<i64>>,
    balance: i64,
}

#[derive(Serialize, Deserialize)]
pub enum Open {
    Run(Pid),
    Ignore,
    Stop,
}

#[derive(Serialize, Deserialize)]
pub enum Question {
    Balance,
    /// Is answered when the next cast has come.
    AfterNextCast,
    Close,
    CloseSilently,
    Crash,
}

#[derive(Serialize, Deserialize)]
pub enum Order {
    Add(i64),
    Stop,
}

impl GenServer for Ledger {
    type Argument = Open;
    type Call = Question;
    type Reply = i64;
    type Cast = Order;

    fn init(open: Open) -> Init<Self> {
        match open {
            Open::Run(watcher) => {
                process::trap_exit(true);
                Init::Started(Ledger { watcher, waiting: None, balance: 0 })
            }
            Open::Ignore => Init::Ignore,
            Open::Stop => Init::Stop(ExitReason::error(&"bankrupt")),
        }
    }

    fn handle_call(&mut self, question: Question, from: Caller<i64>) -> CallResult<Self> {
        match question {
            Question::Balance => CallResult::Reply(self.balance),
            Question::AfterNextCast => {
                self.waiting = Some(from);
                CallResult::NoReply
            }
            Question::Close => CallResult::Stop(ExitReason::Shutdown, self.balance),
            Question::CloseSilently => CallResult::StopNoReply(ExitReason::Normal),
            Question::Crash => panic!("the ledger is torn"),
        }
    }

    fn handle_cast(&mut self, order: Order) -> Next<Self> {
        match order {
            Order::Add(amount) => self.balance += amount,
            Order::Stop => return Next::Stop(ExitReason::Normal),
        }
        if let Some(from) = self.waiting.take() {
            from.reply(&self.balance).expect("a small answer");
            from.reply(&-1).expect("the second answer vanishes");
        }
        Next::NoReply
    }

    fn handle_info(&mut self, info: Received) -> Next<Self> {
        if let Received::Message(message) = info {
            mailbox::send(message.from, &"info").expect("the sender is there");
        }
        Next::NoReply
    }

    fn terminate(&mut self, reason: &ExitReason) {
        mailbox::send(self.watcher, &format!("terminate {reason}")).expect("the watcher is there");
    }
}

fn open() -> ServerRef<Ledger> {
    gen_server::start("helper-server", &Open::Run(process::self_pid()), &SpawnOptions::default())
        .expect("a ledger opens")
}

fn heard() -> String {
    mailbox::receive_message(None).expect("a message").decode().expect("text")
}

pub fn gen_server(_: ()) -> Result<(), ExitReason> {
    let ledger = open();
    ledger.cast(&Order::Add(40))?;
    ledger.cast(&Order::Add(2))?;
    assert_eq!(ledger.call(&Question::Balance), Ok(42), "G21: in order");

    // G16: an answer that comes later.
    let pid = ledger.pid().expect("it runs");
    let late = regrow_sdk::request::send(pid, &Question::AfterNextCast)?;
    ledger.cast(&Order::Add(1))?;
    assert!(matches!(mailbox::wait_for(late, None), Some(Received::Reply { .. })));

    // G24: a plain message goes to handle_info.
    mailbox::send(pid, &"hello")?;
    assert_eq!(heard(), "info");

    // What a client does not know how to say harms nobody.
    mailbox::cast(pid, &"gibberish")?;
    let misunderstood = mailbox::call::<_, i64>(pid, &"gibberish", None);
    let Err(CallError::NotUnderstood(why)) = misunderstood else { panic!("{misunderstood:?}") };
    assert!(why.contains("gibberish"), "{why}");
    assert_eq!(ledger.call(&Question::Balance), Ok(43));

    // G17: terminate first, then the answer, then the end.
    let monitor = process::monitor(pid)?;
    assert_eq!(ledger.call(&Question::Close), Ok(43));
    assert_eq!(heard(), "terminate shutdown");
    assert!(matches!(
        mailbox::wait_for(monitor, None),
        Some(Received::Down { reason: ExitReason::Shutdown, .. })
    ));
    assert_eq!(ledger.call(&Question::Balance), Err(CallError::Down(ExitReason::NoProc)));

    // G18: without an answer the caller learns the reason.
    assert_eq!(open().call(&Question::CloseSilently), Err(CallError::Down(ExitReason::Normal)));
    assert_eq!(heard(), "terminate normal");
    let stopped = open();
    stopped.cast(&Order::Stop)?;
    assert_eq!(heard(), "terminate normal");

    // G33: a crash does not run terminate.
    let Err(CallError::Down(ExitReason::Trap(trap))) = open().call(&Question::Crash) else {
        panic!("it crashes")
    };
    assert_eq!(trap.message, "the ledger is torn");
    assert_eq!(mailbox::receive(Some(Duration::ZERO)), None);
    Ok(())
}

pub fn starts(_: ()) -> Result<(), ExitReason> {
    let start = |open: Open| {
        let options = SpawnOptions::default().named("ledger");
        gen_server::start::<Ledger>("helper-server", &open, &options).map(|ledger| ledger.pid())
    };
    assert_eq!(start(Open::Ignore), Err(StartError::Ignore));
    assert_eq!(start(Open::Stop), Err(StartError::Failed(ExitReason::error(&"bankrupt"))));
    // G4: the name is free after a start that failed.
    let ledger = start(Open::Run(process::self_pid())).unwrap().unwrap();
    let again = start(Open::Run(process::self_pid()));
    assert_eq!(again, Err(StartError::Refused(Error::NameTaken(ledger))), "G6");

    let start = |word: Word| {
        // Only the one that never says anything is not waited for.
        let timeout = match word {
            Word::Nothing => Duration::from_millis(20),
            _ => Duration::from_secs(60),
        };
        process::start("helper-init", &word, &SpawnOptions::default(), Some(timeout)).unwrap()
    };
    assert!(matches!(start(Word::Started), Started::Started(_)));
    assert_eq!(start(Word::Ignore), Started::Ignore);
    let oops = ExitReason::error(&"oops");
    assert_eq!(start(Word::Error), Started::Failed(oops.clone()));
    assert_eq!(start(Word::EndFirst), Started::Failed(oops));
    assert_eq!(start(Word::Nothing), Started::Timeout, "G7");
    assert_eq!(mailbox::receive(Some(Duration::ZERO)), None, "starts leave nothing behind");

    // G31, G32: a server that traps exits ends with its parent's reason, in order.
    process::trap_exit(true);
    let linked = gen_server::start_link::<Ledger>(
        "helper-server",
        &Open::Run(process::self_pid()),
        &SpawnOptions::default(),
    )?;
    let pid = linked.pid().expect("it runs");
    process::exit_process(pid, ExitReason::Shutdown)?;
    assert_eq!(heard(), "terminate shutdown");
    assert!(matches!(mailbox::receive(None), Some(Received::Exit { reason: ExitReason::Shutdown, .. })));
    Ok(())
}
