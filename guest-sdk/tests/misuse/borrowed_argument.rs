struct Greeter;

#[regrow_sdk::server]
impl Greeter {
    #[init]
    fn new() -> Self {
        Greeter
    }

    #[call]
    fn greet(&self, name: &str) -> String {
        format!("Hello, {name}")
    }
}

fn main() {}
