use regrow_sdk::gen_server::Caller;

struct Queue;

#[regrow_sdk::server]
impl Queue {
    #[init]
    fn new() -> Self {
        Queue
    }

    #[call]
    fn pop(&mut self, from: Caller<u64>, count: u64) {
        let _ = (from, count);
    }
}

fn main() {}
