//! Starting a process and waiting for word of its start (`proc_lib:start/5`).

use std::time::Duration;

use crate::exit_reason::ExitReason;
use crate::pid::{Pid, Reference};
use crate::process::{Context, SpawnError, SpawnOptions, Waiting};
use crate::received::{InitAck, Received, SystemKind, SystemMessage};

/// What a process that can't run has left to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// How a start went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartOutcome {
    /// It runs.
    Started {
        /// The process.
        pid: Pid,
        /// Its monitor, if the options asked for one.
        monitor: Option<Reference>,
    },
    /// It had nothing to do and has ended.
    Ignore,
    /// It could not run, and has ended.
    Failed(ExitReason),
    /// It did not say in time, and was killed (rule G7).
    Timeout,
}

impl Context {
    /// Spawns a process with the options that it is handed, and waits until it has acknowledged its start or
    /// ended. A start that failed is reported only when the process is gone and its name is free (rule G4),
    /// and leaves neither EXIT nor DOWN behind (rules G5, G8).
    ///
    /// # Errors
    /// [`SpawnError`]
    pub async fn start(
        &self,
        options: SpawnOptions,
        timeout: Option<Duration>,
        spawn: impl FnOnce(&Self, SpawnOptions) -> Result<(Pid, Option<Reference>), SpawnError>,
    ) -> Result<StartOutcome, SpawnError> {
        let (link, keep_monitor) = (options.link, options.monitor);
        let ack = self.new_reference();
        let (pid, monitor) = spawn(self, SpawnOptions { monitor: true, init_ack: Some(ack), ..options })?;
        let monitor = monitor.unwrap_or(ack);
        let outcome = match self.first_word(ack, monitor, timeout).await {
            Some(Received::System(SystemMessage { kind: SystemKind::InitAck(word), .. })) => match word {
                InitAck::Started | InitAck::StartedWith(_) => {
                    if !keep_monitor {
                        self.demonitor(monitor, true);
                    }
                    let monitor = keep_monitor.then_some(monitor);
                    return Ok(StartOutcome::Started { pid, monitor });
                }
                InitAck::Ignore => StartOutcome::Ignore,
                InitAck::Error(reason) => StartOutcome::Failed(reason),
            },
            Some(Received::Down { reason, .. }) => {
                self.forget_link(pid, link);
                return Ok(StartOutcome::Failed(reason));
            }
            _ => {
                self.unlink(pid);
                self.exit_process(pid, ExitReason::Kill);
                StartOutcome::Timeout
            }
        };
        // It ends by itself now; one that does not is helped along.
        if self.receive_answer(monitor, Some(GRACE)).await.is_none() {
            self.exit_process(pid, ExitReason::Kill);
            self.receive_answer(monitor, None).await;
        }
        self.forget_link(pid, link);
        self.abandon(ack);
        // A linked starter that does not trap exits dies with a child that failed (rule G5).
        self.checkpoint().await;
        Ok(outcome)
    }

    async fn first_word(
        &self,
        ack: Reference,
        monitor: Reference,
        timeout: Option<Duration>,
    ) -> Option<Received> {
        let waiting = Waiting::Start { deadline: self.deadline(timeout) };
        self.wait_for_any(waiting, vec![ack, monitor]).await
    }

    fn forget_link(&self, pid: Pid, linked: bool) {
        if linked {
            self.unlink(pid);
            self.discard(|received| matches!(received, Received::Exit { from, .. } if *from == pid));
        }
    }
}
