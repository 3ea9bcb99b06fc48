//! Workers that are started when they are needed, by a DynamicSupervisor: a room for each name.

use regrow_sdk::supervisor::{Supervisor, SupervisorError, SupervisorRef};
use regrow_sdk::{ExitReason, mailbox, process, server};

pub struct Room {
    name: String,
    messages: Vec<String>,
}

#[server]
impl Room {
    #[init]
    fn open(name: String) -> Self {
        Room { name, messages: Vec::new() }
    }

    #[call]
    fn post(&mut self, text: String) -> String {
        self.messages.push(text);
        format!("{} has {}", self.name, self.messages.len())
    }
}

/// The room of a name; it is opened if there is none.
fn room(rooms: &SupervisorRef, name: &str) -> Result<RoomClient, SupervisorError> {
    let spec = Room::child(name.to_owned()).named(format!("room {name}")).transient();
    match rooms.start_child(&spec) {
        Ok(_) => {}
        Err(SupervisorError::StartFailed(_) | SupervisorError::AlreadyStarted(_)) => {}
        Err(SupervisorError::Refused(regrow_sdk::Error::NameTaken(_))) => {}
        Err(error) => return Err(error),
    }
    Ok(RoomClient::new(format!("room {name}")))
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let rooms = Supervisor::dynamic().max_children(100).start_link()?;
    assert_eq!(room(&rooms, "tea")?.post("hello".into())?, "tea has 1");
    assert_eq!(room(&rooms, "tea")?.post("again".into())?, "tea has 2");
    assert_eq!(room(&rooms, "garden")?.post("birds".into())?, "garden has 1");
    assert_eq!(rooms.count_children()?.active, 2);

    // One that is closed in order is gone; one that crashes regrows, without what it knew.
    room(&rooms, "garden")?.stop()?;
    let tea = room(&rooms, "tea")?.pid().ok_or(ExitReason::NoProc)?;
    let monitor = process::monitor(tea)?;
    process::exit_process(tea, ExitReason::Kill)?;
    mailbox::wait_for(monitor, None);
    while room(&rooms, "tea")?.pid().is_none_or(|pid| pid == tea) {}
    assert_eq!(room(&rooms, "tea")?.post("who is here?".into())?, "tea has 1");
    assert_eq!(rooms.count_children()?.active, 1);
    log::info!("dynamic workers: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn rooms_open_and_close() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
