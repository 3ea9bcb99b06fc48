struct Clock;

#[regrow_sdk::server]
impl Clock {
    #[init]
    fn new() -> Self {
        Clock
    }

    #[call]
    async fn time(&self) -> u64 {
        1
    }
}

fn main() {}
