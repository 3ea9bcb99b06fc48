//! Process groups, from inside.

use regrow_sdk::group::{Change, Group, GroupError, GroupMonitor, Scope};
use regrow_sdk::mailbox;
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::sys::bindings::regrow::otp::group as raw;
use regrow_sdk::{ExitReason, Pid, encode, names};

type Name = (String, u32);

fn room(number: u32) -> Group {
    Group::new("chat", &("room", number))
}

fn next(monitor: &GroupMonitor) -> Change<Name> {
    let received = mailbox::wait_for(monitor.reference(), None).expect("a change");
    Change::of(&received).expect("a change")
}

fn name(number: u32) -> Name {
    ("room".to_owned(), number)
}

fn ended(pid: Pid) -> Result<(), ExitReason> {
    let monitor = process::monitor(pid)?;
    process::exit_process(pid, ExitReason::Kill)?;
    mailbox::wait_for(monitor, None);
    Ok(())
}

pub fn groups(_: ()) -> Result<(), ExitReason> {
    let own = process::self_pid();
    assert_eq!(room(1).join(), Err(GroupError::NoScope));
    let chat = Scope::start("chat")?;
    assert_eq!(Scope::start("chat"), Err(GroupError::ScopeTaken(own)));
    Scope::start("other")?;
    room(1).join()?;
    room(1).join()?;
    assert_eq!(room(1).members()?, [own, own]);
    assert_eq!((room(2).members()?, Group::new("other", &("room", 1)).members()?), (vec![], vec![]));
    assert_eq!(chat.groups::<Name>()?, [name(1)]);
    let (of_one, members) = room(1).monitor()?;
    assert_eq!(members, [own, own]);
    let (of_all, all) = chat.monitor::<Name>()?;
    assert_eq!(all, [(name(1), vec![own, own])]);
    let others = [(); 2].map(|()| process::spawn("helper-hoard", &(), &SpawnOptions::default()));
    let others = [others[0].clone()?.pid, others[1].clone()?.pid];
    room(2).join_all(&others)?;
    room(1).join_all(&[others[0]])?;
    assert_eq!(next(&of_all), Change::Joined(name(2), others.to_vec()));
    assert_eq!(next(&of_all), Change::Joined(name(1), vec![others[0]]));
    assert_eq!(next(&of_one), Change::Joined(name(1), vec![others[0]]));
    // Whoever ends is a member no more before anybody hears of it.
    ended(others[0])?;
    assert_eq!((room(1).members()?, room(2).members()?), (vec![own, own], vec![others[1]]));
    let mut left = [next(&of_all), next(&of_all)];
    left.sort_by_key(|change| matches!(change, Change::Left((_, 2), _)));
    assert_eq!(left, [Change::Left(name(1), vec![others[0]]), Change::Left(name(2), vec![others[0]])]);
    assert_eq!(next(&of_one), Change::Left(name(1), vec![others[0]]));
    assert_eq!(room(1).join_all(&[own, others[0]]), Err(GroupError::NoProc(others[0])));
    assert_eq!(room(1).members()?, [own, own]);
    // What has arrived goes with its monitor.
    room(1).join()?;
    assert!(of_one.clone().demonitor()?);
    assert!(!of_one.clone().demonitor()?);
    assert_eq!(mailbox::wait_for(of_one.reference(), Some(std::time::Duration::ZERO)), None);
    assert_eq!(next(&of_all), Change::Joined(name(1), vec![own]));
    assert!(room(1).leave()? && room(1).leave()? && room(1).leave()? && !room(1).leave()?);
    ended(others[1])?;
    assert!(chat.groups::<Name>()?.is_empty());
    Ok(())
}

pub fn denied(_: ()) -> Result<(), ExitReason> {
    let is_denied = |result: Result<(), GroupError>| matches!(result, Err(GroupError::Denied(_)));
    let own = process::self_pid();
    assert!(is_denied(Scope::start("other").map(drop)));
    assert!(is_denied(Group::new("other", &1).join()));
    assert!(is_denied(Group::new("other", &1).members().map(drop)));
    assert!(is_denied(Group::new("other", &1).monitor().map(drop)));
    assert!(is_denied(Scope::named("other").groups::<u32>().map(drop)));
    assert!(is_denied(Scope::named("other").monitor::<u32>().map(drop)));
    Scope::start("mine/a")?;
    let group = Group::new("mine/a", &1);
    // A stranger is burdened with nothing, and is left where it is.
    let stranger = names::whereis("reserved").expect("the neighbour is there");
    assert!(is_denied(group.join_all(&[own, stranger])));
    assert!(is_denied(group.leave_all(&[stranger]).map(drop)));
    assert!(group.members()?.is_empty());
    // Names that are none.
    for bad in [b"\xff".to_vec(), vec![], encode(&"x".repeat(5000))?, [&[0x81; 5000][..], &[1]].concat()] {
        assert!(matches!(raw::join("mine/a", &bad, &[]), Err(raw::GroupError::BadGroup(_))));
        assert!(matches!(raw::members("mine/a", &bad), Err(raw::GroupError::BadGroup(_))));
        assert!(matches!(raw::monitor("mine/a", &bad), Err(raw::GroupError::BadGroup(_))));
    }
    assert!(matches!(raw::start_scope("mine/\n"), Err(raw::GroupError::BadName)));
    assert!(matches!(raw::demonitor("mine/a", 12345), Ok(false)));
    let invented = raw::Pid { node: 0, slot: 99, incarnation: 0, nonce: 7 };
    assert!(matches!(raw::join("mine/a", &encode(&1)?, &[invented]), Err(raw::GroupError::Noproc(_))));
    // Without end: how often a process may have joined, how many at once, and what it may keep.
    group.join_all(&[own; 1000])?;
    for more in [1, 1_001] {
        let refused = group.join_all(&vec![own; more]);
        assert!(
            matches!(&refused, Err(GroupError::Limit(limit)) if limit.which == "memberships"),
            "{refused:?}"
        );
    }
    assert_eq!(group.members()?.len(), 1000);
    assert!(group.leave_all(&[own; 1000])?);
    let large = "x".repeat(4_000);
    Scope::start("mine/b")?;
    for (scope, which) in [("mine/a", "memberships"), ("mine/b", "kept_bytes")] {
        let refused = (0..20_000).find_map(|number| Group::new(scope, &(number, &large)).join().err());
        assert!(matches!(&refused, Some(GroupError::Limit(limit)) if limit.which == which), "{refused:?}");
    }
    Ok(())
}
