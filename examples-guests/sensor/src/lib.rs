//! A guest that uses a function of the program which embeds the node.

use regrow_sdk::gen_server::{CallResult, Init};
use regrow_sdk::{GenServer, ReplyTo};

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "sensor" });
}

use bindings::example::sensors::thermometer;

/// Says how warm it is, and crashes where no thermometer would hold.
struct Sensor;

impl GenServer for Sensor {
    type Argument = ();
    type Call = ();
    type Reply = i32;
    type Cast = ();

    fn init(_: ()) -> Init<Self> {
        Init::Started(Sensor)
    }

    fn handle_call(&mut self, _: (), _: ReplyTo) -> CallResult<i32> {
        let degrees = thermometer::read();
        assert!(degrees < 1000, "the thermometer has melted");
        CallResult::Reply(degrees)
    }
}

regrow_sdk::component! {
    /// Says how warm it is.
    "sensor" => server Sensor,
}
