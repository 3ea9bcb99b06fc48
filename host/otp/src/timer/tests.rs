//! A wheel against an ordered map.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::wheel::{Key, Wheel};
use crate::clock::Instant;

#[derive(Clone, Debug)]
enum Step {
    Insert(Duration),
    Remove(prop::sample::Index),
    /// Time goes on.
    Pass(Duration),
    /// Time goes on to the moment that the wheel names.
    PassToNext,
}

/// Of all magnitudes, and often the same.
fn spans() -> impl Strategy<Value = Duration> {
    prop_oneof![
        (0_u32..64, 0_u64..4).prop_map(|(bits, more)| Duration::from_nanos((1 << bits) + more)),
        (0_u64..5_000).prop_map(Duration::from_micros),
        Just(Duration::from_secs(5)),
        Just(Duration::MAX),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => spans().prop_map(Step::Insert),
        1 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => spans().prop_filter("it ends", |span| *span < Duration::MAX).prop_map(Step::Pass),
        2 => Just(Step::PassToNext),
    ]
}

/// A wheel and what ought to be in it, at a moment.
#[derive(Default)]
struct Both {
    wheel: Wheel<usize>,
    model: BTreeMap<(Instant, usize), Key>,
    gone: Vec<Key>,
    now: Instant,
}

impl Both {
    fn insert(&mut self, due: Instant, number: usize) {
        let key = self.wheel.insert(due, number);
        self.model.insert((due, number), key);
        assert_eq!(self.wheel.due(key), Some(due));
    }

    fn remove(&mut self, at: prop::sample::Index) {
        let Some(((due, number), key)) = at.get_if_any(&self.model) else { return };
        assert_eq!(self.wheel.remove(key), Some((due, number)));
        self.model.remove(&(due, number));
        self.gone.push(key);
    }

    /// All that is due comes, in order, and nothing else.
    fn pop_all(&mut self) {
        while self.wheel.next().is_some_and(|next| next <= self.now) {
            let Some(number) = self.wheel.pop_due(self.now) else { continue };
            let ((due, expected), key) = self.model.pop_first().expect("the wheel has what was put in");
            assert_eq!(number, expected);
            assert!(due <= self.now);
            self.gone.push(key);
        }
    }

    fn check(&self) {
        assert_eq!(self.wheel.len(), self.model.len());
        let first = self.model.first_key_value().map(|((due, _), _)| *due);
        assert!(first.is_none_or(|due| due > self.now), "something is due");
        assert_eq!(self.wheel.next().is_some(), first.is_some());
        assert!(self.wheel.next() <= first, "nothing may come later than it is due");
        assert!(self.gone.iter().all(|key| self.wheel.due(*key).is_none()));
    }
}

trait IfAny {
    fn get_if_any(self, model: &BTreeMap<(Instant, usize), Key>) -> Option<((Instant, usize), Key)>;
}

impl IfAny for prop::sample::Index {
    fn get_if_any(self, model: &BTreeMap<(Instant, usize), Key>) -> Option<((Instant, usize), Key)> {
        let at = (!model.is_empty()).then(|| self.index(model.len()))?;
        model.iter().nth(at).map(|(of, key)| (*of, *key))
    }
}

proptest! {
    #[test]
    fn p56_p62_a_wheel_hands_out_what_an_ordered_map_does_in_the_same_order(
        steps in prop::collection::vec(steps(), 1..200),
    ) {
        let mut both = Both::default();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert(after) => both.insert(both.now.saturating_add(after), number),
                Step::Remove(at) => both.remove(at),
                Step::Pass(span) => both.now = both.now.saturating_add(span),
                Step::PassToNext => both.now = both.now.max(both.wheel.next().unwrap_or_default()),
            }
            both.pop_all();
            both.check();
        }
    }
}

/// More than go down a level at once, stopped on their way or not: still all of them come, in order.
#[test]
fn p56_entries_beyond_what_moves_at_once_come_in_order() {
    let mut both = Both::default();
    let second = Duration::from_secs(1);
    (0..5_000).for_each(|number| both.insert(Instant::from_start(second * 60), number));
    (5_000..6_000).for_each(|number| both.insert(Instant::from_start(second * 59), number));
    both.now = Instant::from_start(second * 61);
    assert_eq!(both.wheel.pop_due(both.now), None, "some are still on their way down");
    let keys: Vec<_> = both.model.iter().map(|(of, key)| (*of, *key)).collect();
    for (of, key) in keys.into_iter().step_by(3) {
        assert_eq!(both.wheel.remove(key), Some(of));
        both.model.remove(&of);
    }
    both.pop_all();
    both.check();
    assert_eq!(both.wheel.len(), 0);
}
