//! A counter: the GenServer that everybody writes first.

use regrow_sdk::{ExitReason, server};

pub struct Counter {
    count: i64,
}

#[server]
impl Counter {
    #[init]
    fn new(start: i64) -> Self {
        Counter { count: start }
    }

    #[call]
    fn value(&self) -> i64 {
        self.count
    }

    #[call]
    fn increment(&mut self, by: i64) -> i64 {
        self.count += by;
        self.count
    }

    #[cast]
    fn reset(&mut self) {
        self.count = 0;
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let counter = Counter::start_link(40)?;
    assert_eq!(counter.increment(2)?, 42);
    counter.reset()?;
    assert_eq!(counter.value()?, 0);
    counter.stop()?;
    log::info!("counter: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn it_counts() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
