//! A producer, a step and a slow consumer: nobody makes more than is wanted.

use std::time::Duration;

use regrow_sdk::patterns::sleep;
use regrow_sdk::{ExitReason, flow, mailbox, names, process};

/// All numbers, and how far it has come.
pub fn all_numbers(until: u64) -> impl Iterator<Item = u64> {
    (1..=until).inspect(|number| mailbox::send("gallery.made", number).unwrap_or(()))
}

pub fn doubled(number: u64) -> u64 {
    2 * number
}

/// Takes its time.
pub fn slowly(number: u64) {
    sleep(Duration::from_micros(500));
    mailbox::send("gallery.made", &("taken", number)).unwrap_or(());
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    names::register("gallery.made", process::self_pid())?;
    // Four at a time between two stages: no more than a dozen are on their way, however slow the last one is.
    let flow = flow!(all_numbers(100), max_demand 4 => doubled => slowly)?;
    let (mut made, mut taken, mut sum) = (0_u64, 0_u64, 0);
    while taken < 100 {
        let message = mailbox::receive_message(None).ok_or(ExitReason::NoProc)?;
        match message.decode::<(String, u64)>() {
            Ok((_, number)) => (taken, sum) = (taken + 1, sum + number),
            Err(_) => made = message.decode()?,
        }
        assert!(made <= taken + 12, "{made} were made, and {taken} taken");
    }
    assert_eq!(sum, 10_100);
    flow.join(Some(Duration::from_secs(5)))?;
    names::unregister("gallery.made")?;
    log::info!("back pressure: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn nobody_makes_more_than_is_wanted() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
