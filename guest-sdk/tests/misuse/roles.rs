struct Server;

#[regrow_sdk::server]
impl Server {
    #[init]
    fn new() -> Self {
        Server
    }

    #[call]
    #[cast]
    fn both(&self) {}
}

struct Timer;

#[regrow_sdk::server]
impl Timer {
    #[init]
    fn new() -> Self {
        Timer
    }

    #[timeout]
    fn late(&mut self, by: u64) {
        let _ = by;
    }
}

#[regrow_sdk::server]
impl Clone for Server {
    fn clone(&self) -> Self {
        Server
    }
}

#[regrow_sdk::server]
struct NoBlock;

#[derive(serde::Serialize, serde::Deserialize)]
struct List;

#[regrow_sdk::agent]
impl List {
    #[info]
    fn what(&mut self, word: String) {
        let _ = word;
    }
}

fn main() {}
