//! What a process has that waits for long: the host may have put it aside meanwhile.

use std::hint::black_box;
use std::time::Duration;

use regrow_sdk::mailbox;

/// Long enough to be put aside.
const LONG: Duration = Duration::from_millis(15);

/// Everything on the stack, on the heap and in statics is there after each wait; memory that has grown in between, too.
pub fn waits_long(_: ()) {
    let mut blocks = Vec::new();
    for round in 1..=20u64 {
        blocks.push(vec![round as u8; 3_000 * (round as usize % 5)]);
        assert_eq!(deep(round, 40), sum(round, 40), "round {round}");
        for (number, block) in (1..).zip(&blocks) {
            assert!(block.iter().all(|byte| *byte == number), "block {number} in round {round}");
        }
    }
}

/// Waits at the end of a deep recursion, of which each call has something on its stack.
fn deep(seed: u64, depth: u64) -> u64 {
    let kept = black_box([seed.wrapping_mul(depth + 1); 20]);
    let below = if depth == 0 {
        assert!(mailbox::receive(Some(LONG)).is_none());
        0
    } else {
        deep(seed, depth - 1)
    };
    assert!(kept.iter().all(|number| *number == kept[0]));
    below + kept[0]
}

fn sum(seed: u64, depth: u64) -> u64 {
    (0..=depth).map(|depth| seed.wrapping_mul(depth + 1)).sum()
}
