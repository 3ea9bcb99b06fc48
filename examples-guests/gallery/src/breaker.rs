//! A circuit breaker around a service that is down: it is left alone until it may be up again.

use std::time::Duration;

use regrow_sdk::patterns::circuit_breaker::{CircuitBreaker, Error, Options, State};
use regrow_sdk::patterns::sleep;
use regrow_sdk::{ExitReason, server};

/// A service that can be down, and counts what it is asked.
#[derive(Default)]
pub struct Weather {
    is_down: bool,
    asked: u32,
}

#[server]
impl Weather {
    #[init]
    fn new() -> Self {
        Weather::default()
    }

    #[call]
    fn forecast(&mut self) -> Result<String, String> {
        self.asked += 1;
        if self.is_down { Err("no satellite".to_owned()) } else { Ok("sunny".to_owned()) }
    }

    #[call]
    fn asked(&self) -> u32 {
        self.asked
    }

    #[cast]
    fn set_down(&mut self, is_down: bool) {
        self.is_down = is_down;
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let weather = Weather::start_link()?;
    let options = Options { failures: 3, reset_after: Duration::from_millis(500), successes: 1 };
    let breaker = CircuitBreaker::start_link(options)?;
    let forecast = || breaker.run(|| weather.forecast().map_err(|error| error.to_string())?);
    assert_eq!(forecast(), Ok("sunny".to_owned()));

    weather.set_down(true)?;
    for _ in 0..3 {
        assert_eq!(forecast(), Err(Error::Failed("no satellite".to_owned())));
    }
    // Open: it is not even asked.
    assert_eq!(breaker.state()?, State::Open);
    for _ in 0..100 {
        assert_eq!(forecast(), Err(Error::Open));
    }
    assert_eq!(weather.asked()?, 4);

    // Half open: one may try, and fails; so it is open again.
    sleep(Duration::from_millis(600));
    assert_eq!(forecast(), Err(Error::Failed("no satellite".to_owned())));
    assert_eq!(forecast(), Err(Error::Open));

    weather.set_down(false)?;
    sleep(Duration::from_millis(600));
    assert_eq!(forecast(), Ok("sunny".to_owned()));
    assert_eq!(breaker.state()?, State::Closed);
    log::info!("breaker: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn what_is_down_is_left_alone() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
