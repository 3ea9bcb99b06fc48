use regrow_sdk::task::Task;

/// Only who has started a task can await it.
fn give_away(task: Task<u64>, to: regrow_sdk::Pid) {
    let _ = regrow_sdk::mailbox::send(to, &task);
}

fn main() {}
