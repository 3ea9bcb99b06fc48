//! Errors and crashes: what callers can do something about is an answer; what nobody has thought of is a crash, and its supervisor's
//! affair.

use regrow_sdk::mailbox::CallError;
use regrow_sdk::process::SpawnOptions;
use regrow_sdk::supervisor::Supervisor;
use regrow_sdk::{ExitReason, server};
use serde::{Deserialize, Serialize};

pub struct Account {
    balance: u64,
}

/// What callers know how to deal with.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub enum Refused {
    NotEnough { balance: u64 },
    Nothing,
}

#[server]
impl Account {
    #[init]
    fn open(balance: u64) -> Result<Self, ExitReason> {
        // Who can't begin says so to whoever starts him.
        if balance > 1_000_000 { Err(ExitReason::error("too rich")) } else { Ok(Account { balance }) }
    }

    #[call]
    fn withdraw(&mut self, amount: u64) -> Result<u64, Refused> {
        if amount == 0 {
            return Err(Refused::Nothing);
        }
        let rest = self.balance.checked_sub(amount).ok_or(Refused::NotEnough { balance: self.balance })?;
        self.balance = rest;
        Ok(rest)
    }

    /// An account of which this is asked is broken: it does not try to go on.
    #[call]
    fn audit(&self, expected: u64) -> bool {
        assert_eq!(self.balance, expected, "the books are wrong");
        true
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let tree = Supervisor::new().child(Account::child(100).named("gallery.account")).start_link()?;
    let account = AccountClient::new("gallery.account");
    assert_eq!(account.withdraw(30)?, Ok(70));
    // Errors are answers: the account is as it was.
    assert_eq!(account.withdraw(100)?, Err(Refused::NotEnough { balance: 70 }));
    assert_eq!(account.withdraw(0)?, Err(Refused::Nothing));
    assert_eq!(account.audit(70), Ok(true));

    // A crash: the caller learns of it at once, and the account begins anew, as it was at its start.
    let Err(CallError::Down(ExitReason::Trap(trap))) = account.audit(71) else { panic!("it crashes") };
    assert!(trap.message.contains("the books are wrong"));
    while tree.count_children()?.active == 0 || account.pid().is_none() {}
    assert_eq!(account.withdraw(0)?, Err(Refused::Nothing));
    assert_eq!(account.audit(100), Ok(true));

    // An error at the start.
    let refused = Account::start_with(2_000_000, &SpawnOptions::default()).map(|account| account.pid());
    assert_eq!(refused.map_err(ExitReason::from), Err(ExitReason::error("too rich")));
    log::info!("errors: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn errors_are_answers_and_crashes_are_not() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
