use regrow_sdk::gen_server::Caller;

fn answer(from: Caller<u64>) {
    let _ = from.reply(&"a text");
}

fn main() {}
