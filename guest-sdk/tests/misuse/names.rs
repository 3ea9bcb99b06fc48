struct Counter;

#[regrow_sdk::server]
impl Counter {
    #[init]
    fn zero() -> Self {
        Counter
    }

    #[cast]
    fn stop(&mut self) {}
}

struct Twice;

#[regrow_sdk::server]
impl Twice {
    #[init]
    fn zero() -> Self {
        Twice
    }

    #[call]
    fn report(&mut self) {}

    #[cast]
    fn send_report(&mut self) {}
}

struct Started;

#[regrow_sdk::server]
impl Started {
    #[init]
    fn start_link() -> Self {
        Started
    }
}

struct Conditional;

#[regrow_sdk::server]
impl Conditional {
    #[cfg(debug_assertions)]
    #[init]
    fn zero() -> Self {
        Conditional
    }
}

fn main() {}
