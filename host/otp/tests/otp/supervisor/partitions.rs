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
