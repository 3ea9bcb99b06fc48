//! What a server's timeout outlasts (rules G26, G27), in virtual time.

use std::time::Duration;

use regrow_sdk::gen_server::{self, CallResult, Caller, GenServer, Init, Next, ServerRef};
use regrow_sdk::mailbox::{self, CallError};
use regrow_sdk::patterns::sleep;
use regrow_sdk::{Pid, process, testing, timer};

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Says when its timeout of five seconds has run out.
struct Waits {
    owner: Pid,
}

impl GenServer for Waits {
    type Argument = Pid;
    type Call = ();
    type Reply = ();
    type Cast = ();

    fn init(owner: Pid) -> Init<Self> {
        Init::Then(Self { owner }, Next::Timeout(seconds(5)))
    }

    fn handle_call(&mut self, (): (), _: Caller<()>) -> CallResult<Self> {
        CallResult::Reply(())
    }

    fn handle_timeout(&mut self) -> Next<Self> {
        mailbox::send(self.owner, "late").expect("its owner lives");
        Next::NoReply
    }
}

regrow_sdk::component! {
    "waits" => server Waits,
}

/// How long the timeout took if `happens` after three seconds; none if it never ran out.
fn ran_out_after(happens: impl Fn(&ServerRef<Waits>)) -> Option<Duration> {
    let begun = timer::monotonic_time();
    let server = gen_server::start_link("waits", &process::self_pid(), &Default::default()).unwrap();
    sleep(seconds(3));
    happens(&server);
    let late = mailbox::receive_message(Some(seconds(60))).map(|_| timer::monotonic_time() - begun);
    server.stop().unwrap();
    late
}

#[test]
fn g26_g27_only_what_a_server_understands_ends_or_renews_its_timeout() {
    testing::for_seeds(0..10, &COMPONENT, || {
        assert_eq!(ran_out_after(|_| {}), Some(seconds(5)));
        assert_eq!(ran_out_after(|server| server.call(&()).unwrap()), None, "G26: any message ends it");
        let looked_into = |server: &ServerRef<Waits>| drop(server.get_state().unwrap());
        assert_eq!(ran_out_after(looked_into), Some(seconds(8)), "G27: it begins anew");
        let misunderstood = |server: &ServerRef<Waits>| {
            let answer = mailbox::call::<_, ()>(server.pid().unwrap(), "what?", None);
            assert!(matches!(answer, Err(CallError::NotUnderstood(_))), "{answer:?}");
        };
        assert_eq!(ran_out_after(misunderstood), Some(seconds(5)), "nobody can hold it up");
        Ok(())
    });
}
