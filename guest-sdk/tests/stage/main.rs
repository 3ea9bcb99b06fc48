//! Stages (rules D1 to D32), in virtual time.

mod demand;
mod dispatchers;
mod flows;
mod subscriptions;
mod support;

use crate::support::*;

regrow_sdk::component! {
    "numbers" => stage Numbers,
    "taker" => stage Taker,
    "twice" => stage Twice,
    "sleepy" => stage Sleepy,
    "words" => stage Words,
    "jobs" => consumer_supervisor Jobs,
    "job" => process job,
    "refuses" => init refuses,
    "naturals" => source naturals,
    "few" => source few,
    "square" => map square,
    "tell" => each tell,
}
