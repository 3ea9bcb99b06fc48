struct Counter(u64);

#[regrow_sdk::server]
impl Counter {
    #[init]
    fn new(start: u64) -> Self {
        Counter(start)
    }

    #[call]
    fn count(&self) -> u64 {
        self.0
    }
}

fn client(counter: CounterClient) {
    // A client can't send what a server does not handle.
    let _ = counter.rewind();
    let _: Result<String, _> = counter.count();
}

fn main() {}
