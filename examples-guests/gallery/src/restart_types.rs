//! The three restart types: permanent children always regrow, transient ones when they crash, temporary ones never.

use std::time::Duration;

use regrow_sdk::supervisor::{ChildSpec, Supervisor, SupervisorRef};
use regrow_sdk::{ExitReason, mailbox, names, process};

/// Ends as it is told.
pub fn mortal(_: ()) -> Result<(), ExitReason> {
    let message = mailbox::receive_message(None).ok_or(ExitReason::Normal)?;
    match message.decode::<String>()?.as_str() {
        "finish" => Ok(()),
        reason => Err(ExitReason::error(reason)),
    }
}

fn tree() -> Result<SupervisorRef, ExitReason> {
    let child = |name: &str| ChildSpec::worker(name, "mortal").named(name);
    Ok(Supervisor::new()
        .intensity(10, Duration::from_secs(10))
        .child(child("permanent"))
        .child(child("transient").transient())
        .child(child("temporary").temporary())
        .start_link()?)
}

/// Has the child of a name end; whether there is another one then.
fn regrows(tree: &SupervisorRef, name: &str, how: &str) -> Result<bool, ExitReason> {
    let old = names::whereis(name).ok_or(ExitReason::NoProc)?;
    let monitor = process::monitor(old)?;
    mailbox::send(name, how)?;
    mailbox::wait_for(monitor, None);
    loop {
        // The supervisor answers when it has decided.
        let children = tree.which_children()?;
        let child = children.iter().find(|child| child.id == name);
        match child.map(|child| child.state) {
            Some(regrow_sdk::supervisor::ChildState::Running(pid)) if pid == old => {}
            Some(regrow_sdk::supervisor::ChildState::Running(_)) => return Ok(true),
            _ => return Ok(false),
        }
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    for (name, when_finished, when_crashed) in
        [("permanent", true, true), ("transient", false, true), ("temporary", false, false)]
    {
        let tree = tree()?;
        assert_eq!(regrows(&tree, name, "crash")?, when_crashed, "{name} crashes");
        if when_crashed {
            assert_eq!(regrows(&tree, name, "finish")?, when_finished, "{name} finishes");
        }
        let supervisor = tree.pid().ok_or(ExitReason::NoProc)?;
        let monitor = process::monitor(supervisor)?;
        process::unlink(supervisor);
        process::exit_process(supervisor, ExitReason::Shutdown)?;
        mailbox::wait_for(monitor, None);
    }
    log::info!("restart types: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn each_type_regrows_as_it_should() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
