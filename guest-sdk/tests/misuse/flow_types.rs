fn numbers(until: u64) -> impl Iterator<Item = u64> {
    0..until
}

fn shout(text: String) {
    println!("{text}!");
}

fn start() {
    let _ = regrow_sdk::flow!(numbers(3) => shout);
}

fn main() {}
