//! A pool whose workers take turns: the server hands the request on, and the worker answers the caller.

use regrow_sdk::gen_server::{Caller, Init};
use regrow_sdk::process::SpawnOptions;
use regrow_sdk::supervisor::{ChildSpec, ChildState, Supervisor, SupervisorRef};
use regrow_sdk::{ExitReason, Pid, mailbox, process, server};
use serde::{Deserialize, Serialize};

/// Who is to be answered, and about what.
#[derive(Serialize, Deserialize)]
struct Job {
    number: u64,
    from: Caller<(Pid, u64)>,
}

pub fn squarer(_: ()) -> Result<(), ExitReason> {
    loop {
        let Some(message) = mailbox::receive_message(None) else { return Ok(()) };
        let Job { number, from } = message.decode()?;
        from.reply(&(process::self_pid(), number * number))?;
    }
}

pub struct RoundRobin {
    workers: SupervisorRef,
    next: usize,
}

#[server]
impl RoundRobin {
    #[init]
    fn with_workers(count: usize) -> Init<Self> {
        let tree = (0..count)
            .fold(Supervisor::new().intensity(10, std::time::Duration::from_secs(1)), |tree, n| {
                tree.child(ChildSpec::worker(format!("worker {n}"), "squarer"))
            });
        match tree.start_link() {
            Ok(workers) => Init::Started(RoundRobin { workers, next: 0 }),
            Err(error) => Init::Stop(error.into()),
        }
    }

    /// Whoever is next answers. If he dies before that, the caller's call times out: nobody does the job twice.
    #[call]
    fn square(&mut self, number: u64, from: Caller<(Pid, u64)>) {
        let running: Vec<Pid> = self.workers.which_children().map_or_else(
            |_| Vec::new(),
            |children| {
                children
                    .iter()
                    .filter_map(|child| match child.state {
                        ChildState::Running(pid) => Some(pid),
                        _ => None,
                    })
                    .collect()
            },
        );
        let Some(worker) = running.get(self.next % running.len().max(1)) else { return };
        self.next += 1;
        if let Err(error) = mailbox::send(*worker, &Job { number, from }) {
            log::warn!("a job was not handed on: {error}");
        }
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let pool = RoundRobin::start_with(3, &SpawnOptions::link())?;
    let answers: Result<Vec<(Pid, u64)>, _> = (1..=6).map(|number| pool.square(number)).collect();
    let answers = answers?;
    assert_eq!(answers.iter().map(|(_, square)| *square).collect::<Vec<_>>(), [1, 4, 9, 16, 25, 36]);
    let workers: Vec<Pid> = answers.iter().map(|(worker, _)| *worker).collect();
    assert_eq!(workers[..3], workers[3..], "they take turns");
    assert_ne!(workers[0], workers[1]);
    // One that is killed regrows.
    process::exit_process(workers[0], ExitReason::Kill)?;
    for number in 0..6 {
        let answered = pool.clone().with_timeout(Some(std::time::Duration::from_secs(2))).square(number);
        assert!(answered.is_ok_and(|(worker, _)| worker != workers[0]) || number == 0);
    }
    log::info!("round robin: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn workers_take_turns() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
