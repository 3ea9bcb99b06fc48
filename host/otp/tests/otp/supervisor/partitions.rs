//! PartitionSupervisors (rules PS1 to PS4).

use super::*;

fn partitioned(seed: u64, count: usize) -> Tree {
    Tree::start_spec(seed, |trace| {
        let child = |partition: usize| {
            let name = format!("p{partition}");
            ChildSpec::worker("child", scripted(trace, &name, &[Script::Run]))
        };
        SupervisorSpec::partitioned("app", "parts".into(), flags(Strategy::OneForOne, 5), count, child)
            .unwrap()
    })
}

fn of(tree: &Tree, key: impl Into<Term>) -> Result<Option<Pid>, ManagementError> {
    tree.simulator.runtime().partition("parts", &key.into())
}

#[test]
fn ps1_ps2_every_key_has_its_partition() {
    for_seeds(|seed| {
        let mut tree = partitioned(seed, 3);
        assert_eq!(tree.which(), ["2:running", "1:running", "0:running"]);
        assert_eq!(of(&tree, 7i64), Ok(tree.pid("p1")));
        assert_eq!(of(&tree, -7i64), Ok(tree.pid("p1")), "the remainder of its absolute value");
        let hashed = format!("p{}", partition_hash(&Term::from("joe")) % 3);
        assert_eq!(of(&tree, "joe"), Ok(tree.pid(&hashed)));
        let old = tree.pid("p1");
        tree.end("p1", oops());
        assert_ne!(of(&tree, 1i64), Ok(old), "after a restart it is the new one");
        assert_eq!(of(&tree, 1i64), Ok(tree.pid("p1")));
    });
}

/// Keys go to the same partition in every version.
#[test]
fn ps2_the_hash_is_stable() {
    assert_eq!(partition_hash(&Term::from("")), 0xaf63_dd4c_8601_ee3f);
    assert_eq!(partition_hash(&Term::from("joe")), 0xe070_1a91_00cc_5360);
}

#[test]
fn ps4_partitions_are_resized_and_nobody_is_found_in_none() {
    for_seeds(|seed| {
        let mut tree = partitioned(seed, 4);
        let resize = |tree: &mut Tree, to| {
            tree.ask(move |context, root| async move { supervisors::resize(&context, &root, to).await })
        };
        let p0 = tree.pid("p0");
        assert_eq!(resize(&mut tree, 5), Err(ManagementError::NoPartitions(4)));
        assert_eq!(resize(&mut tree, 2), Ok(4));
        assert_eq!(tree.which(), ["3:stopped", "2:stopped", "1:running", "0:running"]);
        assert_eq!(of(&tree, 3i64), Ok(tree.pid("p1")));
        assert_eq!(resize(&mut tree, 0), Ok(2));
        assert_eq!(of(&tree, 3i64), Err(ManagementError::NoPartitions(0)));
        assert_eq!(resize(&mut tree, 4), Ok(0));
        assert_eq!(of(&tree, 3i64), Ok(tree.pid("p3")));
        assert_ne!(tree.pid("p0"), p0);
        tree.simulator.runtime().exit(tree.root, ExitReason::Shutdown);
        tree.run_for(1);
        assert_eq!(of(&tree, 3i64), Err(ManagementError::NoProc));
    });
}

#[test]
fn ps2_other_supervisors_have_no_partitions() {
    let tree = Tree::start_spec(1, |trace| {
        SupervisorSpec::new("app", Some("parts".into()), SupFlags::default(), three(trace)).unwrap()
    });
    assert_eq!(of(&tree, 1i64), Err(ManagementError::NoPartitions(0)));
}

fn resize(tree: &mut Tree, to: usize) -> Result<usize, ManagementError> {
    tree.ask(move |context, root| async move { supervisors::resize(&context, &root, to).await })
}

#[test]
fn ps4_a_partition_that_is_not_used_any_more_is_not_restarted() {
    for_seeds(|seed| {
        let spec = |trace: &Trace| {
            let child = |partition: usize| {
                let name = format!("p{partition}");
                let spec = ChildSpec::worker("child", scripted(trace, &name, &[Script::Run]));
                spec.backoff(Backoff::constant(Duration::from_secs(1)))
            };
            SupervisorSpec::partitioned("app", "parts".into(), SupFlags::default(), 3, child).unwrap()
        };
        let mut tree = Tree::start_spec(seed, spec);
        tree.end("p2", oops());
        assert_eq!(resize(&mut tree, 2), Ok(3));
        tree.run_for(5_000);
        assert_eq!(tree.which(), ["2:stopped", "1:running", "0:running"]);
    });
}

#[test]
fn ps4_a_resize_that_fails_leaves_what_was() {
    for_seeds(|seed| {
        let mut tree = Tree::start_spec(seed, |trace| {
            let child = |partition: usize| {
                let name = format!("p{partition}");
                let scripts =
                    if partition == 2 { [Script::Run, Script::Fail] } else { [Script::Run, Script::Run] };
                ChildSpec::worker("child", scripted(trace, &name, &scripts))
            };
            SupervisorSpec::partitioned("app", "parts".into(), SupFlags::default(), 3, child).unwrap()
        });
        assert_eq!(resize(&mut tree, 1), Ok(3));
        assert_eq!(resize(&mut tree, 3), Err(ManagementError::StartFailed(oops())));
        assert_eq!(tree.which(), ["2:stopped", "1:stopped", "0:running"]);
        assert_eq!(of(&tree, 1i64), Ok(tree.pid("p0")));
    });
}

/// The same partitions in another specification, as `apply` gives it: those in use stay in use.
#[test]
fn ps4_another_specification_does_not_undo_a_resize() {
    for_seeds(|seed| {
        let mut tree = partitioned(seed, 4);
        assert_eq!(resize(&mut tree, 2), Ok(4));
        let trace = tree.trace.clone();
        let configured = tree.ask(move |context, root| async move {
            let child = |partition: usize| {
                ChildSpec::worker("child", scripted(&trace, &format!("p{partition}"), &[Script::Run]))
            };
            let flags = flags(Strategy::OneForOne, 7);
            let spec = SupervisorSpec::partitioned("app", "parts".into(), flags, 4, child).unwrap();
            supervisors::configure(&context, &root, spec).await
        });
        assert_eq!(configured, Ok(()));
        assert_eq!(of(&tree, 3i64), Ok(tree.pid("p1")));
        assert_eq!(resize(&mut tree, 4), Ok(2));
        assert_eq!(of(&tree, 3i64), Ok(tree.pid("p3")));
    });
}

#[test]
fn a_partition_can_not_be_deleted() {
    let mut tree = partitioned(1, 2);
    assert_eq!(tree.terminate("1"), Ok(()));
    assert_eq!(tree.delete("1"), Err(ManagementError::NoPartitions(2)));
}

/// Whoever looks for a partition finds one that has acknowledged its start.
#[test]
fn ps2_a_partition_that_is_starting_is_not_found() {
    for_seeds(|seed| {
        let mut tree = Tree::start_spec(seed, |trace| {
            let child = |partition: usize| {
                let name = format!("p{partition}");
                ChildSpec::worker("child", scripted(trace, &name, &[Script::Run, Script::Hang]))
            };
            SupervisorSpec::partitioned("app", "parts".into(), SupFlags::default(), 2, child).unwrap()
        });
        tree.end("p1", oops());
        assert!(tree.pid("p1").is_some());
        assert_eq!(of(&tree, 1i64), Ok(None));
        assert_eq!(of(&tree, 0i64), Ok(tree.pid("p0")));
    });
}
