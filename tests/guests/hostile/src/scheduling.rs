//! Attacks by many processes, many relations between them, and many ends.

use std::hint::black_box;
use std::time::Duration;

use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::{ExitReason, Pid, mailbox, names, timer};

/// Children without end, each of which ends at once with a reason, linked and monitored.
pub fn exit_storm(_: ()) {
    process::trap_exit(true);
    let options = SpawnOptions { link: true, monitor: true, ..SpawnOptions::default() };
    loop {
        let _ = process::spawn("exit-storm-child", &(), &options);
        while mailbox::receive(Some(Duration::ZERO)).is_some() {}
    }
}

pub fn exit_storm_child(_: ()) -> Result<(), ExitReason> {
    Err(ExitReason::error("again"))
}

/// Ten thousand links between a thousand processes: the end of one is the end of all.
pub fn link_web(_: ()) -> Result<(), ExitReason> {
    const MEMBERS: usize = 1_000;
    process::trap_exit(true);
    loop {
        let members: Vec<Pid> = (0..MEMBERS)
            .map_while(|_| process::spawn("link-web-member", &(), &SpawnOptions::default()).ok())
            .map(|spawned| spawned.pid)
            .collect();
        for (index, member) in members.iter().enumerate() {
            let others: Vec<Pid> = (1..=10).map(|n| members[(index + n * n) % members.len()]).collect();
            mailbox::send(*member, &others)?;
        }
        let last = *members.last().unwrap_or(&process::self_pid());
        let monitors: Vec<_> = members.iter().filter_map(|member| process::monitor(*member).ok()).collect();
        // When the links are made.
        let _: Result<(), _> = mailbox::call(last, &(), None);
        let _ = process::exit_process(members[0], ExitReason::error("collapse"));
        for monitor in monitors {
            mailbox::wait_for(monitor, None);
        }
    }
}

pub fn link_web_member(_: ()) {
    loop {
        let Some(message) = mailbox::receive_message(None) else { continue };
        if let Some(from) = message.reply_to() {
            let _ = mailbox::reply(from, &());
        } else if let Ok(others) = message.decode::<Vec<Pid>>() {
            for other in others {
                let _ = process::link(other);
            }
        }
    }
}

/// Monitors whoever answers, a hundred thousand times over, and lets go of them all.
pub fn monitor_storm(_: ()) {
    let target = names::whereis("victim").expect("it is registered");
    loop {
        let monitors: Vec<_> = (0..50_000).map_while(|_| process::monitor(target).ok()).collect();
        for monitor in monitors {
            process::demonitor(monitor);
        }
    }
}

/// Children that have children that have children.
pub fn spawn_bomb(_: ()) {
    loop {
        if process::spawn("spawn-bomb", &(), &SpawnOptions::default()).is_err() {
            mailbox::receive(Some(Duration::from_millis(1)));
        }
    }
}

/// As many timers as there may be, all due at once, again and again.
pub fn timer_storm(_: ()) {
    let own = process::self_pid();
    loop {
        while timer::start(Duration::from_millis(1), own, &0u8).is_ok() {}
        while mailbox::receive(Some(Duration::from_millis(2))).is_some() {}
    }
}

/// Crashes as soon as it has started.
pub fn restart_storm(_: ()) {
    black_box(());
    panic!("at once");
}

/// Hibernates with a message in its mailbox, for ever: each time the host has an instance to make.
pub fn hibernate_storm(_: ()) -> Result<(), ExitReason> {
    mailbox::send(process::self_pid(), &())?;
    Err(process::hibernate(&vec![7u8; 10_000]).into())
}

/// Goes on with that.
pub fn hibernate_storm_goes_on(state: Vec<u8>) -> Result<(), ExitReason> {
    Err(process::hibernate(&state).into())
}
