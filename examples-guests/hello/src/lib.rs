//! The smallest guest: greets whoever it is told to greet.

use regrow_sdk::ExitReason;

fn hello(name: String) -> Result<(), ExitReason> {
    log::info!("Hello, {name}! I am {}.", regrow_sdk::process::self_pid());
    Ok(())
}

regrow_sdk::component! {
    /// Greets, and ends.
    "hello" => process hello,
}
