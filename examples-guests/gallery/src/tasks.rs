//! Tasks: fired and forgotten, awaited, and supervised.

use std::time::Duration;

use regrow_sdk::task::{TaskError, TaskSupervisor};
use regrow_sdk::{ExitReason, Pid, mailbox, process, task};

pub fn word_count(text: String) -> usize {
    text.split_whitespace().count()
}

pub fn report(to: Pid) {
    mailbox::send(to, &"done").expect("whoever asked is there");
}

pub fn divide((by, number): (u64, u64)) -> u64 {
    number.checked_div(by).expect("nothing is divided by zero")
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    // Fire and forget: nobody waits, nobody is told.
    task!(report).start_and_forget(&process::self_pid())?;
    let message = mailbox::receive_message(None).ok_or(ExitReason::NoProc)?;
    assert_eq!(message.decode::<String>()?, "done");

    // Awaited: linked, so that a crash of either is the other's.
    let counting = task!(word_count).start(&"let it crash it regrows".to_owned())?;
    assert_eq!(counting.join(task::TIMEOUT)?, 5);

    // Several, all of them within a second.
    let texts = ["one", "one two", "one two three"].map(str::to_owned);
    let all: Result<Vec<_>, _> = texts.iter().map(|text| task!(word_count).start(text)).collect();
    assert_eq!(task::join_all(all?, Some(Duration::from_secs(1)))?, [1, 2, 3]);

    // Supervised: a crash is an answer, and nothing else ends.
    let tasks = TaskSupervisor::start_link()?;
    let crashed = tasks.start_nolink(task!(divide), &(0, 1))?.join(task::TIMEOUT);
    assert!(matches!(crashed, Err(TaskError::Exit(ExitReason::Trap(_)))));
    assert_eq!(tasks.start_nolink(task!(divide), &(2, 84))?.join(task::TIMEOUT)?, 42);
    log::info!("tasks: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn tasks_are_forgotten_awaited_and_supervised() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
