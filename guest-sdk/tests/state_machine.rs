//! StateMachine (rules M1 to M21), in virtual time.

use std::time::Duration;

use regrow_sdk::gen_server::{Caller, ControlError, StartError};
use regrow_sdk::mailbox::{self, CallError};
use regrow_sdk::process::{self, SpawnOptions};
use regrow_sdk::state_machine::{self, Enter, Event, MachineRef, Start, StateMachine, Transition};
use regrow_sdk::{ExitReason, Pid, Term, testing};
use serde::{Deserialize, Serialize};

/// A machine that does what it is told and says what happens.
struct Told {
    owner: Pid,
    kept: Option<Caller<String>>,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum S {
    A,
    B,
    C,
    /// Says `entered` and then tries things.
    Busy,
    /// Where nobody may go.
    Forbidden,
}

#[derive(Clone, Serialize, Deserialize)]
enum Do {
    Go(S),
    Repeat,
    Postpone,
    Insert(Vec<u32>),
    Event(u32),
    Timers(Vec<(Kind, u64)>),
    Cancel(Kind),
    Stop,
}

#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
enum Kind {
    State,
    Event,
    Named(u8),
}

#[derive(Serialize, Deserialize)]
enum Ask {
    State,
    Later,
    StopAndReply,
}

fn with(transition: Transition<Told>, timers: Vec<(Kind, u64)>) -> Transition<Told> {
    timers.into_iter().fold(transition, |transition, (kind, ms)| {
        let after = Duration::from_millis(ms);
        match kind {
            Kind::State => transition.state_timeout(after),
            Kind::Event => transition.event_timeout(after),
            Kind::Named(name) => transition.timer(name, after),
        }
    })
}

impl Told {
    fn say(&self, state: S, what: &str) {
        mailbox::send(self.owner, &format!("{state:?} {what}")).unwrap();
    }
}

impl StateMachine for Told {
    type Argument = Option<Pid>;
    type State = S;
    type Call = Ask;
    type Reply = String;
    type Cast = Do;
    type Timer = u8;

    fn init(owner: Option<Pid>) -> Start<Self> {
        match owner {
            Some(owner) => {
                process::trap_exit(true);
                Start::In(S::A, Told { owner, kept: None })
            }
            None => Start::Stop(ExitReason::error("nobody")),
        }
    }

    fn handle_event(&mut self, state: &S, event: Event<Self>) -> Transition<Self> {
        match event {
            Event::Cast(Do::Go(to)) => Transition::to(to),
            Event::Cast(Do::Repeat) => Transition::repeat(),
            Event::Cast(Do::Postpone) => {
                if *state == S::C {
                    self.say(*state, "postponed");
                    return Transition::keep();
                }
                Transition::keep().postpone()
            }
            Event::Cast(Do::Insert(numbers)) => {
                numbers.into_iter().fold(Transition::keep(), |all, number| all.next_event(Do::Event(number)))
            }
            Event::Cast(Do::Event(number)) => {
                self.say(*state, &format!("cast {number}"));
                Transition::keep()
            }
            Event::Internal(Do::Event(number)) => {
                self.say(*state, &format!("internal {number}"));
                Transition::keep()
            }
            Event::Cast(Do::Timers(timers)) => with(Transition::keep(), timers),
            Event::Cast(Do::Cancel(Kind::Named(name))) => Transition::keep().cancel_timer(name),
            Event::Cast(Do::Cancel(_)) => Transition::keep().cancel_state_timeout(),
            Event::Cast(Do::Stop) => Transition::stop(ExitReason::Shutdown),
            Event::Internal(_) => panic!("that is not inserted"),
            Event::Call(Ask::State, from) => Transition::keep().reply(from, format!("{state:?}")),
            Event::Call(Ask::Later, from) => {
                self.kept = Some(from);
                Transition::to(S::B)
            }
            Event::Call(Ask::StopAndReply, from) => {
                Transition::stop(ExitReason::Normal).reply(from, "last".to_owned())
            }
            Event::StateTimeout => {
                self.say(*state, "state timeout");
                Transition::keep()
            }
            Event::EventTimeout => {
                self.say(*state, "event timeout");
                Transition::keep()
            }
            Event::Timeout(name) => {
                self.say(*state, &format!("timer {name}"));
                Transition::keep()
            }
            Event::Info(info) => {
                self.say(*state, info.kind());
                match self.kept.take() {
                    Some(from) => Transition::keep().reply(from, "at last".to_owned()),
                    None => Transition::keep(),
                }
            }
        }
    }

    fn state_enter(&mut self, old: &S, state: &S) -> Enter<Self> {
        self.say(*state, &format!("after {old:?}"));
        match state {
            S::Busy => Enter::new().state_timeout(Duration::ZERO).timer(9, Duration::from_millis(3)),
            _ => Enter::new(),
        }
    }

    fn may_change(_: &S, to: &S) -> bool {
        *to != S::Forbidden
    }

    fn terminate(&mut self, state: &S, reason: &ExitReason) {
        self.say(*state, &format!("terminate {reason}"));
    }
}

regrow_sdk::component! {
    "told" => machine Told,
}

fn start() -> MachineRef<Told> {
    state_machine::start("told", &Some(process::self_pid()), &SpawnOptions::default()).unwrap()
}

/// What it says until everything is quiet for a second.
fn said() -> Vec<String> {
    std::iter::from_fn(|| mailbox::receive_message(Some(Duration::from_secs(1))))
        .map(|message| message.decode().unwrap())
        .collect()
}

fn all(machine: &MachineRef<Told>, steps: &[Do]) -> Vec<String> {
    steps.iter().for_each(|step| machine.cast(step).unwrap());
    said()
}

fn check(body: impl FnOnce() -> Result<(), ExitReason> + Clone + Send + 'static) {
    testing::for_seeds(0..10, &COMPONENT, body);
}

#[test]
fn m1_m8_m10_states_begin_at_the_start_at_changes_and_when_they_are_repeated() {
    check(|| {
        let machine = start();
        assert_eq!(said(), ["A after A"]);
        let steps = [Do::Go(S::B), Do::Go(S::B), Do::Repeat, Do::Go(S::A)];
        assert_eq!(all(&machine, &steps), ["B after A", "B after B", "A after B"]);
        assert_eq!(machine.get_state()?, Some(Term::from("A")), "M21");
        let refused = state_machine::start::<Told>("told", &None, &SpawnOptions::default());
        assert_eq!(
            refused.map(|machine| machine.pid()),
            Err(StartError::Failed(ExitReason::error("nobody")))
        );
        Ok(())
    });
}

#[test]
fn m5_m6_m7_postponed_and_inserted_events_have_their_order() {
    check(|| {
        let machine = start();
        said();
        let steps = [Do::Postpone, Do::Postpone, Do::Event(1), Do::Go(S::B), Do::Go(S::C), Do::Event(2)];
        let expected = ["A cast 1", "B after A", "C after B", "C postponed", "C postponed", "C cast 2"];
        assert_eq!(all(&machine, &steps), expected);
        let steps = [Do::Insert(vec![7, 8]), Do::Event(3)];
        assert_eq!(all(&machine, &steps), ["C internal 7", "C internal 8", "C cast 3"]);
        Ok(())
    });
}

#[test]
fn m11_a_change_ends_the_state_timeout_and_what_it_sets_is_the_new_states() {
    check(|| {
        let machine = start();
        said();
        let steps = [Do::Timers(vec![(Kind::State, 10)]), Do::Go(S::B)];
        assert_eq!(all(&machine, &steps), ["B after A"]);
        assert_eq!(
            all(&machine, &[Do::Timers(vec![(Kind::State, 10)]), Do::Event(1)]),
            ["B cast 1", "B state timeout"]
        );
        // M4: the last one counts.
        machine.cast(&Do::Timers(vec![(Kind::State, 5_000), (Kind::State, 10)]))?;
        assert_eq!(said(), ["B state timeout"]);
        assert_eq!(all(&machine, &[Do::Timers(vec![(Kind::State, 10)]), Do::Cancel(Kind::State)]), [""; 0]);
        // M14: at once, but after what the queue has; a timer of the entered state stays.
        assert_eq!(all(&machine, &[Do::Go(S::Busy)]), ["Busy after B", "Busy state timeout", "Busy timer 9"]);
        Ok(())
    });
}

#[test]
fn m12_m14_any_event_ends_the_event_timeout_and_those_of_nothing_have_an_order() {
    check(|| {
        let machine = start();
        said();
        assert_eq!(all(&machine, &[Do::Timers(vec![(Kind::Event, 10)])]), ["A event timeout"]);
        assert_eq!(all(&machine, &[Do::Timers(vec![(Kind::Event, 10)]), Do::Event(1)]), ["A cast 1"]);
        // What is not understood is none: nobody can hold a timeout up with it.
        machine.cast(&Do::Timers(vec![(Kind::Event, 10)]))?;
        let answer = mailbox::call::<_, ()>(machine.pid().unwrap(), &(1, "what?"), None);
        assert!(answer.is_err(), "{answer:?}");
        assert_eq!(said(), ["A event timeout"]);
        // M14: those of nothing come in the order in which they are asked for.
        let named = (Kind::Named(1), 0);
        let steps = [Do::Timers(vec![named, (Kind::State, 0)]), Do::Timers(vec![(Kind::State, 0), named])];
        assert_eq!(all(&machine, &steps), ["A timer 1", "A state timeout", "A state timeout", "A timer 1"]);
        // A state timeout of nothing is an event, too.
        let steps = [Do::Timers(vec![(Kind::Event, 0), (Kind::State, 0)])];
        assert_eq!(all(&machine, &steps), ["A state timeout"]);
        Ok(())
    });
}

#[test]
fn m13_m15_timers_have_names_and_outlast_changes() {
    check(|| {
        let machine = start();
        said();
        let steps =
            [Do::Timers(vec![(Kind::Named(1), 10), (Kind::Named(2), 20)]), Do::Go(S::B), Do::Event(1)];
        assert_eq!(all(&machine, &steps), ["B after A", "B cast 1", "B timer 1", "B timer 2"]);
        // One of the same name begins anew.
        let steps = [Do::Timers(vec![(Kind::Named(1), 10)]), Do::Timers(vec![(Kind::Named(1), 500)])];
        assert_eq!(all(&machine, &steps), ["B timer 1"]);
        let steps =
            [Do::Timers(vec![(Kind::Named(1), 10)]), Do::Cancel(Kind::Named(1)), Do::Cancel(Kind::Named(7))];
        assert_eq!(all(&machine, &steps), [""; 0]);
        // A timer that is none of the machine's.
        regrow_sdk::timer::start(Duration::ZERO, machine.pid().unwrap(), &1)?;
        assert_eq!(said(), ["B timer"]);
        Ok(())
    });
}

#[test]
fn m16_m17_m19_answers_come_from_any_state_and_before_the_end() {
    check(|| {
        let machine = start();
        assert_eq!(machine.call(&Ask::State)?, "A");
        let later = machine.send_request(&Ask::Later)?;
        assert_eq!(machine.call(&Ask::State)?, "B");
        mailbox::send(machine.pid().unwrap(), &"anything")?;
        assert_eq!(later.receive(None), Ok("at last".to_owned()));
        // What it does not understand ends nothing.
        let other: Result<String, _> = mailbox::call(machine.pid().unwrap(), &"State?", None);
        assert!(matches!(other, Err(CallError::NotUnderstood(_))), "{other:?}");
        assert_eq!(machine.call(&Ask::StopAndReply)?, "last");
        assert_eq!(machine.call(&Ask::State), Err(CallError::Down(ExitReason::NoProc)));
        said();
        let machine = start();
        machine.stop_with(ExitReason::error("enough"), None)?;
        assert_eq!(said(), ["A after A", "A terminate error(\"enough\")"]);
        assert_eq!(machine.stop(), Err(ControlError::Exit(ExitReason::NoProc)));
        let machine = start();
        machine.cast(&Do::Stop)?;
        assert_eq!(said(), ["A after A", "A terminate shutdown"]);
        Ok(())
    });
}

#[test]
fn m18_a_change_that_there_is_not_ends_the_machine_and_names_both_states() {
    check(|| {
        let machine = start();
        let monitor = process::monitor(machine.pid().unwrap())?;
        machine.cast(&Do::Go(S::Forbidden))?;
        let Some(mailbox::Received::Down { reason, .. }) = mailbox::wait_for(monitor, None) else {
            panic!("no end")
        };
        assert_eq!(reason, ExitReason::error("no transition from A to Forbidden"));
        Ok(())
    });
}

#[test]
fn m19_the_end_of_the_parent_is_the_machines() {
    check(|| {
        process::trap_exit(true);
        let parent = process::self_pid();
        let machine: MachineRef<Told> =
            state_machine::start_link("told", &Some(parent), &SpawnOptions::default()).unwrap();
        process::exit_process(machine.pid().unwrap(), ExitReason::Shutdown)?;
        assert_eq!(said(), ["A after A", "A terminate shutdown"]);
        Ok(())
    });
}
