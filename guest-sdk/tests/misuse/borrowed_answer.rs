struct Greeter;

#[regrow_sdk::server]
impl Greeter {
    #[init]
    fn new() -> Self {
        Greeter
    }

    #[call]
    fn greeting(&self) -> &'static str {
        "Hello"
    }
}

fn main() {}
