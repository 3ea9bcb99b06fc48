//! A server that goes on with what another version of it has kept (`code_change`).

use regrow_sdk::gen_server::{CallResult, Caller, GenServer, Hibernate, Init, Nothing, ServerRef};
use regrow_sdk::mailbox::{self, Received};
use regrow_sdk::{ExitReason, Term, encode, process, testing};
use serde::{Deserialize, Serialize};

/// Once it only counted; now it knows who is counted.
#[derive(Clone, Serialize, Deserialize)]
struct Count {
    count: u64,
    of: String,
}

impl GenServer for Count {
    type Argument = ();
    type Call = ();
    type Reply = (u64, String);
    type Cast = Nothing;

    fn init(_: ()) -> Init<Self> {
        Init::Started(Count { count: 0, of: "new".into() })
    }

    fn handle_call(&mut self, _: (), _: Caller<(u64, String)>) -> CallResult<Self> {
        self.count += 1;
        CallResult::Reply((self.count, self.of.clone())).hibernate()
    }
}

impl Hibernate for Count {
    type State = Count;

    fn save(&self) -> Count {
        self.clone()
    }

    fn restore(state: Count) -> Self {
        state
    }

    fn code_change(old: Term) -> Result<Count, ExitReason> {
        let count: u64 = old.to_value()?;
        Ok(Count { count, of: "the old version".into() })
    }
}

regrow_sdk::component! {
    "count" => hibernating Count,
}

/// Goes on with what has been kept.
fn resumed(state: Vec<u8>) -> ServerRef<Count> {
    let resume = COMPONENT.entries[0].resume.unwrap();
    ServerRef::new(testing::spawn(move || resume(&state)))
}

#[test]
fn what_another_version_has_kept_is_changed_and_nonsense_is_refused() {
    testing::run(&COMPONENT, || {
        let own = resumed(encode(&Count { count: 6, of: "this one".into() })?);
        assert_eq!(own.call(&())?, (7, "this one".to_owned()));
        let old = resumed(encode(&41u64)?);
        assert_eq!(old.call(&())?, (42, "the old version".to_owned()));
        assert!(process::is_alive(old.pid().unwrap()));
        let nonsense = resumed(encode("nonsense")?);
        let monitor = process::monitor(nonsense.pid().unwrap())?;
        let Some(Received::Down { reason, .. }) = mailbox::wait_for(monitor, None) else { panic!("no end") };
        assert!(matches!(reason, ExitReason::Error(_)), "{reason}");
        Ok(())
    });
}
