use regrow_sdk::gen_server::Nothing;
use regrow_sdk::state_machine::{Enter, Event, Start, StateMachine, Transition};

struct Door;

impl StateMachine for Door {
    type Argument = ();
    type State = bool;
    type Call = Nothing;
    type Reply = ();
    type Cast = Nothing;
    type Timer = ();

    fn init(_: ()) -> Start<Self> {
        Start::In(true, Door)
    }

    fn handle_event(&mut self, _: &bool, _: Event<Self>) -> Transition<Self> {
        Transition::keep()
    }

    fn state_enter(&mut self, _: &bool, _: &bool) -> Enter<Self> {
        // What enters a state does not leave it, nor postpone what has happened.
        Enter::new().postpone()
    }
}

fn main() {}
