//! A sharded server: a PartitionSupervisor with a counter of words for each partition, and a key that decides which.

use std::collections::BTreeMap;
use std::time::Duration;

use regrow_sdk::patterns::sleep;
use regrow_sdk::supervisor::{self, ChildSpec, Supervisor, SupervisorError};
use regrow_sdk::{ExitReason, Pid, process, server};

/// Counts the words of its partition.
#[derive(Default)]
pub struct Shard {
    words: BTreeMap<String, u64>,
}

#[server]
impl Shard {
    /// Its argument is a list: the number of the partition is the last of it.
    #[init]
    fn new(_partition: Vec<u32>) -> Self {
        Shard::default()
    }

    #[cast]
    fn count(&mut self, word: String) {
        *self.words.entry(word).or_default() += 1;
    }

    #[call]
    fn counted(&self, word: String) -> u64 {
        self.words.get(&word).copied().unwrap_or_default()
    }

    #[call]
    fn words(&self) -> usize {
        self.words.len()
    }
}

const SHARDS: u32 = 4;

/// Whose word it is.
fn shard_of(word: &str) -> Result<ShardClient, SupervisorError> {
    supervisor::partition("gallery.shards", word).map(ShardClient::new)
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let child = ChildSpec::worker("shard", "shard").argument(&Vec::<u32>::new());
    let shards = Supervisor::partitioned("gallery.shards", SHARDS, child).start_link()?;
    for word in "the quick brown fox jumps over the lazy dog and the cat".split(' ') {
        shard_of(word)?.count(word.to_owned())?;
    }
    assert_eq!(shard_of("the")?.counted("the".to_owned())?, 3);
    let all: Result<Vec<ShardClient>, _> = (0..SHARDS)
        .map(|number| supervisor::partition("gallery.shards", &number).map(ShardClient::new))
        .collect();
    let words: Result<Vec<usize>, _> = all?.iter().map(|shard| shard.words()).collect();
    let words = words?;
    assert_eq!(words.iter().sum::<usize>(), 10);
    assert!(words.iter().all(|count| *count < 10), "{words:?}");

    // One shard crashes: the others have their words still.
    let crashed: Pid = shard_of("the")?.pid().ok_or(ExitReason::NoProc)?;
    process::exit_process(crashed, ExitReason::Kill)?;
    while shard_of("the").map_or(true, |shard| shard.pid() == Some(crashed)) {
        sleep(Duration::from_millis(1));
    }
    assert_eq!(shard_of("the")?.counted("the".to_owned())?, 0);
    assert_eq!(shards.count_children()?.active, u64::from(SHARDS));
    let lost = words.iter().sum::<usize>() - {
        let left: Result<Vec<usize>, ExitReason> = (0..SHARDS)
            .map(|number| Ok(ShardClient::new(supervisor::partition("gallery.shards", &number)?).words()?))
            .collect();
        left?.iter().sum::<usize>()
    };
    assert!(lost > 0 && lost < 10, "one shard's words");
    log::info!("sharded: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn each_word_has_its_shard() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
