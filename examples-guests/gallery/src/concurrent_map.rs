//! A map over many URLs, ten at most at a time, in their order. One that hangs or crashes does not keep the others.

use std::time::Duration;

use regrow_sdk::patterns::sleep;
use regrow_sdk::task::{OnTimeout, TaskError};
use regrow_sdk::{ExitReason, mailbox, process, server, task};

/// Knows how many fetch at the same time.
#[derive(Default)]
pub struct Gauge {
    now: usize,
    most: usize,
}

#[server]
impl Gauge {
    #[init]
    fn new() -> Self {
        Gauge::default()
    }

    #[call]
    fn enter(&mut self) {
        self.now += 1;
        self.most = self.most.max(self.now);
    }

    #[call]
    fn leave(&mut self) {
        self.now -= 1;
    }

    #[call]
    fn most(&self) -> usize {
        self.most
    }
}

/// Stands for a download.
pub fn fetch(url: String) -> usize {
    let gauge = GaugeClient::new("gauge");
    gauge.enter().expect("the gauge is there");
    if url.ends_with("hangs") {
        mailbox::receive_match(None, |_| None::<()>);
    }
    assert!(!url.ends_with("crashes"), "nobody answers");
    sleep(Duration::from_millis(5));
    gauge.leave().expect("the gauge is there");
    url.len()
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let gauge = Gauge::start_with(&process::SpawnOptions::link().named("gauge"))?;
    let urls = (0..40).map(|number| format!("https://example.org/{number}"));
    let sizes: Result<Vec<usize>, _> = task!(fetch).stream(urls.clone()).max_concurrency(10).collect();
    assert_eq!(sizes?, urls.clone().map(|url| url.len()).collect::<Vec<_>>());
    assert!(gauge.most()? <= 10);

    // A crash of a task is a result if this process traps exits; one that hangs is given up.
    process::trap_exit(true);
    let some =
        ["https://a.org", "https://b.org/crashes", "https://c.org/hangs", "https://d.org"].map(str::to_owned);
    let results: Vec<Result<usize, TaskError>> = task!(fetch)
        .stream(some)
        .max_concurrency(10)
        .timeout(Some(Duration::from_secs(2)), OnTimeout::KillTask)
        .collect();
    assert_eq!((&results[0], &results[3]), (&Ok(13), &Ok(13)));
    assert!(matches!(results[1], Err(TaskError::Exit(ExitReason::Trap(_)))));
    assert_eq!(results[2], Err(TaskError::Timeout));
    log::info!("concurrent map: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn ten_at_a_time_in_order() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
