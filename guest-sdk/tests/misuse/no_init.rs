struct Counter;

#[regrow_sdk::server]
impl Counter {
    #[call]
    fn count(&self) -> u64 {
        1
    }
}

fn main() {}
