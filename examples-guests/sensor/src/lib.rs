//! A guest that uses a function of the program which embeds the node.

use regrow_sdk::server;

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "sensor" });
}

use bindings::example::sensors::thermometer;

/// Says how warm it is, and crashes where no thermometer would hold.
struct Sensor;

#[server]
impl Sensor {
    #[init]
    fn new() -> Self {
        Sensor
    }

    #[call]
    fn degrees(&self) -> i32 {
        let degrees = thermometer::read();
        assert!(degrees < 1000, "the thermometer has melted");
        degrees
    }
}

regrow_sdk::component! {
    /// Says how warm it is.
    "sensor" => server Sensor,
}
