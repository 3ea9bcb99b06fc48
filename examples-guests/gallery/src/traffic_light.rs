//! A state machine with a timeout in each state.

use std::time::Duration;

use regrow_sdk::patterns::sleep;
use regrow_sdk::process::SpawnOptions;
use regrow_sdk::state_machine::{self, Enter, Event, MachineRef, Start, StateMachine, Transition};
use regrow_sdk::{ExitReason, gen_server::Nothing};
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Light {
    Red,
    Green,
    Amber,
}

/// How long each light lasts.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct TrafficLight {
    red: Duration,
    green: Duration,
    amber: Duration,
}

impl StateMachine for TrafficLight {
    type Argument = TrafficLight;
    type State = Light;
    type Call = ();
    type Reply = Light;
    type Cast = Nothing;
    type Timer = ();

    fn init(durations: TrafficLight) -> Start<Self> {
        Start::In(Light::Red, durations)
    }

    fn state_enter(&mut self, _: &Light, light: &Light) -> Enter<Self> {
        Enter::new().state_timeout(match light {
            Light::Red => self.red,
            Light::Green => self.green,
            Light::Amber => self.amber,
        })
    }

    fn handle_event(&mut self, light: &Light, event: Event<Self>) -> Transition<Self> {
        match (light, event) {
            (_, Event::Call((), from)) => Transition::keep().reply(from, *light),
            (Light::Red, Event::StateTimeout) => Transition::to(Light::Green),
            (Light::Green, Event::StateTimeout) => Transition::to(Light::Amber),
            (Light::Amber, Event::StateTimeout) => Transition::to(Light::Red),
            _ => Transition::keep(),
        }
    }

    /// No light is left out.
    fn may_change(from: &Light, to: &Light) -> bool {
        matches!(
            (from, to),
            (Light::Red, Light::Green) | (Light::Green, Light::Amber) | (Light::Amber, Light::Red)
        )
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let ms = Duration::from_millis;
    let durations = TrafficLight { red: ms(20), green: ms(20), amber: ms(10_000) };
    let options = SpawnOptions::default();
    let light: MachineRef<TrafficLight> = state_machine::start_link("traffic-light", &durations, &options)?;
    assert_eq!(light.call(&())?, Light::Red);
    while light.call(&())? != Light::Amber {
        sleep(ms(1));
    }
    light.stop()?;
    log::info!("traffic light: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn the_lights_follow_each_other() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
