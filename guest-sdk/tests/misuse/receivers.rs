struct Counter;

#[regrow_sdk::server]
impl Counter {
    #[init]
    fn new() -> Self {
        Counter
    }

    #[call]
    fn count() -> u64 {
        1
    }
}

struct Other;

#[regrow_sdk::server]
impl Other {
    #[init]
    fn new(&self) -> Self {
        Other
    }
}

struct Consumed;

#[regrow_sdk::server]
impl Consumed {
    #[init]
    fn new() -> Self {
        Consumed
    }

    #[call]
    fn consume(self) -> u64 {
        1
    }
}

fn main() {}
