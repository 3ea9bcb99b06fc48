//! What callbacks of a machine say.

use alloc::vec::Vec;
use core::time::Duration;

use crate::exit_reason::ExitReason;
use crate::gen_server::Caller;
use crate::state_machine::StateMachine;

/// How `init` went.
pub enum Start<M: StateMachine> {
    /// The machine runs, in this state.
    In(M::State, M),
    /// There is nothing to do.
    Ignore,
    /// It can't run.
    Stop(ExitReason),
}

/// Which state is next.
pub(super) enum To<S> {
    Keep,
    Repeat,
    Change(S),
    Stop(ExitReason),
}

/// How long something is waited for; none ends the wait.
pub(super) type Wait = Option<Duration>;

/// What is done on the way, in the order in which it was said. Of several that say the same, the last one counts (rule M4).
pub(super) enum Action<M: StateMachine> {
    Reply(Caller<M::Reply>, M::Reply),
    StateTimeout(Wait),
    EventTimeout(Duration),
    Timer(M::Timer, Wait),
}

/// Which state is next, and what is done on the way.
pub struct Transition<M: StateMachine> {
    pub(super) to: To<M::State>,
    pub(super) actions: Vec<Action<M>>,
    pub(super) postpone: bool,
    pub(super) next_events: Vec<M::Cast>,
}

/// What is done when a state begins. It can't lead to another state (rule M9).
pub struct Enter<M: StateMachine> {
    pub(super) actions: Vec<Action<M>>,
    pub(super) stop: Option<ExitReason>,
}

macro_rules! actions {
    () => {
        /// Answers a call: this one, or an earlier one (rule M16).
        #[must_use]
        pub fn reply(mut self, to: Caller<M::Reply>, answer: M::Reply) -> Self {
            self.actions.push(Action::Reply(to, answer));
            self
        }

        /// [`Event::StateTimeout`](super::Event::StateTimeout) comes when the state has lasted so long. It is cancelled when the state
        /// changes; one that is set with a change is that of the new state (rule M11).
        #[must_use]
        pub fn state_timeout(mut self, after: Duration) -> Self {
            self.actions.push(Action::StateTimeout(Some(after)));
            self
        }

        /// The state lasts as long as it likes (rule M15).
        #[must_use]
        pub fn cancel_state_timeout(mut self) -> Self {
            self.actions.push(Action::StateTimeout(None));
            self
        }

        /// [`Event::EventTimeout`](super::Event::EventTimeout) comes if nothing happens for so long. Any event cancels it (rule M12).
        #[must_use]
        pub fn event_timeout(mut self, after: Duration) -> Self {
            self.actions.push(Action::EventTimeout(after));
            self
        }

        /// [`Event::Timeout`](super::Event::Timeout) with this name comes after a time, whatever happens meanwhile. One of the same name
        /// begins anew (rule M13).
        #[must_use]
        pub fn timer(mut self, name: M::Timer, after: Duration) -> Self {
            self.actions.push(Action::Timer(name, Some(after)));
            self
        }

        /// A timer does not run out (rule M15).
        #[must_use]
        pub fn cancel_timer(mut self, name: M::Timer) -> Self {
            self.actions.push(Action::Timer(name, None));
            self
        }
    };
}

impl<M: StateMachine> Transition<M> {
    fn with(to: To<M::State>) -> Self {
        Self { to, actions: Vec::new(), postpone: false, next_events: Vec::new() }
    }

    /// The same state goes on (`keep_state`).
    pub fn keep() -> Self {
        Self::with(To::Keep)
    }

    /// The same state begins again (`repeat_state`).
    pub fn repeat() -> Self {
        Self::with(To::Repeat)
    }

    /// This state (`next_state`). If it is equal to the present one, that goes on.
    pub fn to(state: M::State) -> Self {
        Self::with(To::Change(state))
    }

    /// The end. Answers that are given with it are sent first (`stop_and_reply`, rule M17).
    pub fn stop(reason: ExitReason) -> Self {
        Self::with(To::Stop(reason))
    }

    /// This event comes again when the state has changed, before newer ones (rule M7).
    #[must_use]
    pub fn postpone(self) -> Self {
        Self { postpone: true, ..self }
    }

    /// Before everything else that waits, this happens: [`Event::Internal`](super::Event::Internal) (rule M6).
    #[must_use]
    pub fn next_event(mut self, event: M::Cast) -> Self {
        self.next_events.push(event);
        self
    }

    actions!();
}

impl<M: StateMachine> Enter<M> {
    /// Nothing.
    pub fn new() -> Self {
        Self { actions: Vec::new(), stop: None }
    }

    /// The end.
    pub fn stop(reason: ExitReason) -> Self {
        Self { stop: Some(reason), ..Self::new() }
    }

    actions!();
}

impl<M: StateMachine> Default for Enter<M> {
    fn default() -> Self {
        Self::new()
    }
}
