//! Tasks, from inside.

use std::time::Duration;

use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::process;
use regrow_sdk::task::{self, OnTimeout, Shutdown, Task, TaskError, TaskFunction};
use regrow_sdk::{Error, ExitReason, Pid};
use serde::{Deserialize, Serialize};

const NEVER: Option<Duration> = None;
const AT_ONCE: Option<Duration> = Some(Duration::ZERO);

fn ms(milliseconds: u64) -> Option<Duration> {
    Some(Duration::from_millis(milliseconds))
}

/// What a task does.
#[derive(Clone, Serialize, Deserialize, PartialEq, Debug)]
pub enum Job {
    Square(u64),
    /// Waits for so many milliseconds, and gives that.
    Wait(u64),
    Crash,
    Hang,
    /// Ends normally, without a result.
    Leave,
    /// Traps exits, tells this process so, and hangs.
    Stubborn(Pid),
    CrashWhenTold,
    /// Tells this process that it runs, and hangs.
    Tell(Pid),
}

pub fn work(job: Job) -> u64 {
    match job {
        Job::Square(number) => number * number,
        Job::Wait(wait) => {
            mailbox::receive_match(ms(wait), |_| None::<()>);
            wait
        }
        Job::Crash => panic!("as it was told"),
        Job::CrashWhenTold => {
            mailbox::receive_message(None);
            panic!("as it was told")
        }
        Job::Leave => process::exit(ExitReason::Normal),
        Job::Stubborn(pid) => {
            let _ = process::set_flag(process::Flag::TrapExit(true));
            let _ = mailbox::send(pid, &());
            hang()
        }
        Job::Tell(pid) => {
            let _ = mailbox::send(pid, &process::self_pid());
            hang()
        }
        Job::Hang => hang(),
    }
}

fn hang() -> u64 {
    loop {
        mailbox::receive_match(None, |_| None::<()>);
    }
}

fn start(job: Job) -> Result<Task<u64>, Error> {
    regrow_sdk::task!(work).start(&job)
}

fn start_nolink(job: Job) -> Result<Task<u64>, Error> {
    regrow_sdk::task!(work).start_nolink(&job)
}

fn is_alive(pid: Pid) -> bool {
    process::info(pid).is_ok_and(|info| info.is_some())
}

fn await_end(pid: Pid) -> Result<(), ExitReason> {
    mailbox::wait_for(process::monitor(pid)?, None);
    Ok(())
}

pub fn tasks(_: ()) -> Result<(), ExitReason> {
    assert_eq!(start(Job::Square(12))?.join(NEVER), Ok(144));
    // T4: who is given up goes on, and what comes later vanishes.
    let late = start(Job::Wait(20))?;
    let pid = late.pid();
    assert_eq!(late.join(AT_ONCE), Err(TaskError::Timeout));
    await_end(pid)?;
    assert_eq!(mailbox::receive(AT_ONCE), None);
    // T7: waited for again and again.
    let mut slow = start(Job::Wait(20))?;
    assert_eq!(slow.poll(AT_ONCE), None);
    assert_eq!(slow.poll(NEVER), Some(Ok(20)));
    assert_eq!(slow.poll(AT_ONCE), None);
    // T11
    assert_eq!(slow.shutdown(Shutdown::BrutalKill), Some(Err(TaskError::Exit(ExitReason::NoProc))));
    // T21: the failure of one that is not linked is its result.
    let crash = start_nolink(Job::Crash)?.join(NEVER);
    assert!(
        matches!(&crash, Err(TaskError::Exit(ExitReason::Trap(trap))) if trap.message.contains("as it was told"))
    );
    assert_eq!(start_nolink(Job::Leave)?.join(NEVER), Err(TaskError::Exit(ExitReason::Normal)));
    // T9, T10: shutting down.
    assert_eq!(start(Job::Hang)?.shutdown(Shutdown::Timeout(Duration::from_secs(5))), None);
    assert_eq!(start(Job::Hang)?.shutdown(Shutdown::BrutalKill), None);
    let told = start(Job::Tell(process::self_pid()))?;
    mailbox::receive_message(None);
    assert_eq!(told.shutdown(Shutdown::BrutalKill), None);
    let stubborn = start(Job::Stubborn(process::self_pid()))?;
    mailbox::receive_message(None);
    let killed = Some(Err(TaskError::Exit(ExitReason::Killed)));
    assert_eq!(stubborn.shutdown(Shutdown::Timeout(Duration::from_millis(5))), killed);
    let done = start(Job::Square(3))?;
    await_end(done.pid())?;
    assert_eq!(done.shutdown(Shutdown::BrutalKill), Some(Ok(9)));
    // T12: no failure reaches who has ignored it.
    let ignored = start(Job::CrashWhenTold)?;
    let pid = ignored.pid();
    ignored.ignore();
    mailbox::send(pid, &())?;
    await_end(pid)?;
    // T13
    let pid = regrow_sdk::task!(work).start_and_forget(&Job::Square(5))?;
    await_end(pid)?;
    assert_eq!(mailbox::receive(AT_ONCE), None);
    // A server gets all that comes.
    let mut asked = start(Job::Square(4))?;
    let received = mailbox::receive(None).expect("it comes");
    let other = Received::Timer { reference: timer_reference()?, payload: Vec::new() };
    assert_eq!(asked.check(other.clone()), Err(other));
    assert_eq!(asked.check(received), Ok(Ok(16)));
    // No such entry.
    let nobody: TaskFunction<u64, u64> = TaskFunction::of_entry("nobody", |number| number);
    assert!(matches!(nobody.start(&1), Err(Error::BadArgument(_))));
    Ok(())
}

fn timer_reference() -> Result<regrow_sdk::Reference, ExitReason> {
    let timer = regrow_sdk::timer::start(Duration::from_secs(3600), process::self_pid(), &())?;
    regrow_sdk::timer::cancel(timer);
    Ok(timer.into())
}

pub fn many(_: ()) -> Result<(), ExitReason> {
    // T6: in the order in which they were started, whatever comes first.
    let tasks = [300, 1, 100].map(|wait| start(Job::Wait(wait)));
    let tasks: Vec<Task<u64>> = tasks.into_iter().collect::<Result<_, _>>()?;
    assert_eq!(task::join_all(tasks, NEVER), Ok(vec![300, 1, 100]));
    let tasks = vec![start_nolink(Job::Hang)?, start_nolink(Job::Crash)?];
    let hanging = tasks[0].pid();
    assert!(matches!(task::join_all(tasks, NEVER), Err(TaskError::Exit(_))));
    assert!(is_alive(hanging));
    process::exit_process(hanging, ExitReason::Kill)?;
    // T8
    let tasks = vec![start(Job::Wait(1))?, start(Job::Hang)?];
    let mut polled = task::yield_all(tasks, ms(1_000));
    assert_eq!(polled[0].1, Some(Ok(1)));
    let (hanging, result) = polled.remove(1);
    assert_eq!(result, None);
    assert_eq!(hanging.shutdown(Shutdown::BrutalKill), None);

    let work = regrow_sdk::task!(work);
    let squares = work.stream((0..20).map(Job::Square)).max_concurrency(3);
    let squares: Vec<u64> = squares.collect::<Result<_, _>>()?;
    assert_eq!(squares, (0..20).map(|n| n * n).collect::<Vec<u64>>());
    // T15: nothing is started before it is asked for, and no more than are allowed.
    let mut started = 0;
    {
        let jobs = (0..100).map(Job::Square).inspect(|_| started += 1);
        let mut lazy = work.stream(jobs).max_concurrency(2).unordered();
        assert!(matches!(lazy.next(), Some(Ok(0 | 1))));
    }
    assert_eq!(started, 2);
    // T16: as they come.
    let waits = || [600, 1, 300].into_iter().map(Job::Wait);
    let unordered: Vec<u64> = work.stream(waits()).unordered().collect::<Result<_, _>>()?;
    assert_eq!(unordered, [1, 300, 600]);
    assert_eq!(work.stream(waits()).collect::<Result<Vec<_>, _>>()?, [600, 1, 300]);
    // T17: too long.
    let jobs = || [Job::Wait(1), Job::Hang, Job::Wait(2)].into_iter();
    let ended: Vec<_> = work.stream(jobs()).max_concurrency(1).timeout(ms(1_000), OnTimeout::End).collect();
    assert_eq!(ended, [Ok(1), Err(TaskError::Timeout)]);
    let killed: Vec<_> = work.stream(jobs()).timeout(ms(1_000), OnTimeout::KillTask).collect();
    assert_eq!(killed, [Ok(1), Err(TaskError::Timeout), Ok(2)]);
    // T18: failures of those that are not linked.
    let jobs = [Job::Square(2), Job::Crash, Job::Square(3)];
    let mixed: Vec<_> = work.stream(jobs).nolink().collect();
    assert!(matches!(mixed.as_slice(), [Ok(4), Err(TaskError::Exit(_)), Ok(9)]), "{mixed:?}");
    // T19: who stops early leaves nobody behind, and no messages.
    let own = process::self_pid();
    let mut early = work.stream([Job::Square(1), Job::Tell(own), Job::Tell(own)]);
    assert_eq!(early.next(), Some(Ok(1)));
    let told: Vec<Pid> = (0..2)
        .map(|_| mailbox::receive_message(None).expect("it tells").decode())
        .collect::<Result<_, _>>()?;
    drop(early);
    for pid in told {
        await_end(pid)?;
    }
    assert_eq!(mailbox::receive(AT_ONCE), None);
    // The link of one that has given its result goes with its end, which comes soon.
    while process::info(own)?.is_some_and(|info| info.links.len() > 1) {
        mailbox::receive_match(ms(1), |_| None::<()>);
    }
    Ok(())
}

/// A task that crashes takes along who is linked to it (rule T3).
pub fn linked(_: ()) -> Result<(), ExitReason> {
    start(Job::Crash)?.join(NEVER)?;
    Ok(())
}
