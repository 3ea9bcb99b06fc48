//! Tasks under a supervisor (rules T21 to T25), in virtual time.

use std::time::Duration;

use regrow_sdk::mailbox;
use regrow_sdk::process::{self, Flag};
use regrow_sdk::supervisor::{Supervisor, SupervisorError};
use regrow_sdk::task::{self, TaskError, TaskSupervisor};
use regrow_sdk::{ExitReason, Pid, testing};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
enum Job {
    Double(u64),
    Hang,
    Fail,
    /// Tells this process that it begins, and fails.
    TellAndFail(Pid),
}

fn work(job: Job) -> u64 {
    match job {
        Job::Double(number) => 2 * number,
        Job::Hang => {
            mailbox::receive_match(None, |_| None::<()>);
            0
        }
        Job::Fail => panic!("as it was told"),
        Job::TellAndFail(pid) => {
            mailbox::send(pid, &"begun").unwrap();
            panic!("as it was told")
        }
    }
}

regrow_sdk::component! {
    "work" => task work,
}

fn check(body: impl FnOnce() -> Result<(), ExitReason> + Clone + Send + 'static) {
    testing::for_seeds(0..10, &COMPONENT, body);
}

#[test]
fn t21_linked_tasks_take_their_owner_along_and_others_do_not() {
    check(|| {
        let (tasks, work) = (TaskSupervisor::start_link()?, regrow_sdk::task!(work));
        assert_eq!(tasks.start(work, &Job::Double(4))?.join(task::TIMEOUT), Ok(8));
        let failed = tasks.start_nolink(work, &Job::Fail)?.join(task::TIMEOUT);
        assert!(matches!(failed, Err(TaskError::Exit(ExitReason::Trap(_)))), "{failed:?}");
        process::set_flag(Flag::TrapExit(true))?;
        let linked = tasks.start(work, &Job::Fail)?;
        let failed = linked.join(task::TIMEOUT);
        assert!(matches!(failed, Err(TaskError::Exit(ExitReason::Trap(_)))), "{failed:?}");
        assert!(matches!(mailbox::receive(Some(Duration::ZERO)), Some(mailbox::Received::Exit { .. })));
        Ok(())
    });
}

#[test]
fn t22_tasks_end_with_their_supervisor_and_not_with_their_owner() {
    check(|| {
        let (tasks, work) = (TaskSupervisor::start_link()?, regrow_sdk::task!(work));
        let own = tasks.clone();
        let owner = testing::spawn(move || {
            own.start_child(work, &Job::Hang)?;
            Ok(())
        });
        let monitor = process::monitor(owner)?;
        mailbox::wait_for(monitor, None);
        let [hanging] = tasks.children()?[..] else { panic!("one task") };
        assert!(process::is_alive(hanging));
        process::unlink(tasks.supervisor().pid().unwrap());
        testing::crash(tasks.supervisor().pid().unwrap(), ExitReason::Kill);
        let monitor = process::monitor(hanging)?;
        mailbox::wait_for(monitor, None);
        Ok(())
    });
}

#[test]
fn t23_children_are_temporary_unless_they_are_to_run_again() {
    check(|| {
        let (tasks, work) = (TaskSupervisor::start_link()?, regrow_sdk::task!(work));
        let job = Job::TellAndFail(process::self_pid());
        let begun = || mailbox::receive_message(Some(Duration::from_secs(1))).is_some();
        tasks.start_child(work, &job)?;
        assert!(begun() && !begun());
        assert!(tasks.children()?.is_empty());
        // Three restarts in five seconds; then the supervisor gives up.
        process::set_flag(Flag::TrapExit(true))?;
        tasks.start_child_with(work, &job, |spec| spec.transient())?;
        assert_eq!((0..10).filter(|_| begun()).count(), 4);
        Ok(())
    });
}

#[test]
fn t24_a_supervisor_has_so_many_tasks_at_most() {
    check(|| {
        let supervisor = Supervisor::dynamic().max_children(1).named("tasks").start_link()?;
        let (tasks, work) = (TaskSupervisor::new("tasks"), regrow_sdk::task!(work));
        let first = tasks.start_child(work, &Job::Hang)?;
        let refused = tasks.start_nolink(work, &Job::Double(1)).map(|task| task.pid());
        assert_eq!(refused, Err(SupervisorError::MaxChildren(1)));
        tasks.terminate_child(first)?;
        assert_eq!(tasks.start(work, &Job::Double(1))?.join(task::TIMEOUT), Ok(2));
        assert_eq!(tasks.supervisor().pid(), supervisor.pid());
        Ok(())
    });
}
