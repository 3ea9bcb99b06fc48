//! A map that takes little while it has few entries: most processes have one link, and there are very many processes.

use std::collections::BTreeMap;

/// Entries that are kept in a list.
const FEW: usize = 8;

/// A map in the order of its keys.
pub(crate) struct SmallMap<K, V>(Inner<K, V>);

enum Inner<K, V> {
    /// In the order of their keys.
    Few(Vec<(K, V)>),
    Many(BTreeMap<K, V>),
}

impl<K, V> Default for SmallMap<K, V> {
    fn default() -> Self {
        Self(Inner::Few(Vec::new()))
    }
}

impl<K: Ord, V> SmallMap<K, V> {
    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Inner::Few(few) => few.len(),
            Inner::Many(many) => many.len(),
        }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        match &self.0 {
            Inner::Few(few) => few.binary_search_by(|(of, _)| of.cmp(key)).ok().map(|index| &few[index].1),
            Inner::Many(many) => many.get(key),
        }
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        match &mut self.0 {
            Inner::Few(few) => {
                let index = few.binary_search_by(|(of, _)| of.cmp(key)).ok()?;
                Some(&mut few[index].1)
            }
            Inner::Many(many) => many.get_mut(key),
        }
    }

    /// Puts a value in place of what was there.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let few = match &mut self.0 {
            Inner::Many(many) => return many.insert(key, value),
            Inner::Few(few) => few,
        };
        match few.binary_search_by(|(of, _)| of.cmp(&key)) {
            Ok(index) => Some(std::mem::replace(&mut few[index].1, value)),
            Err(index) if few.len() < FEW => {
                if few.is_empty() {
                    few.reserve_exact(1);
                }
                few.insert(index, (key, value));
                None
            }
            Err(_) => {
                let mut many: BTreeMap<K, V> = std::mem::take(few).into_iter().collect();
                many.insert(key, value);
                self.0 = Inner::Many(many);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        match &mut self.0 {
            Inner::Few(few) => {
                let index = few.binary_search_by(|(of, _)| of.cmp(key)).ok()?;
                Some(few.remove(index).1)
            }
            Inner::Many(many) => many.remove(key),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let (few, many) = match &self.0 {
            Inner::Few(few) => (Some(few), None),
            Inner::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().map(|(key, value)| (key, value));
        few.chain(many.into_iter().flatten())
    }

    /// The entries from a key on.
    pub(crate) fn from<'a>(&'a self, key: &K) -> impl Iterator<Item = (&'a K, &'a V)> + use<'a, K, V> {
        let (few, many) = match &self.0 {
            Inner::Few(few) => (Some(&few[few.partition_point(|(of, _)| of < key)..]), None),
            Inner::Many(many) => (None, Some(many.range(key..))),
        };
        let few = few.into_iter().flatten().map(|(key, value)| (key, value));
        few.chain(many.into_iter().flatten())
    }

    /// Takes no more than it needs, for as long as it stays as it is.
    pub(crate) fn shrink(&mut self) {
        if let Inner::Many(many) = &mut self.0
            && many.len() <= FEW
        {
            self.0 = Inner::Few(std::mem::take(many).into_iter().collect());
        }
        if let Inner::Few(few) = &mut self.0 {
            few.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{RandomSource, SplitMix64};

    #[test]
    fn it_is_a_map_however_many_there_are() {
        for seed in 0..50 {
            let mut random = SplitMix64::new(seed);
            let (mut map, mut model) = (SmallMap::default(), BTreeMap::new());
            let keys = 1 + random.next_u64() % 30;
            for value in 0..300 {
                let key = random.next_u64() % keys;
                match random.next_u64() % 5 {
                    0 | 1 => assert_eq!(map.insert(key, value), model.insert(key, value)),
                    2 | 3 => assert_eq!(map.remove(&key), model.remove(&key)),
                    _ => map.shrink(),
                }
                assert_eq!(map.get(&key), model.get(&key));
                assert_eq!(map.get_mut(&key), model.get_mut(&key));
                assert_eq!(map.len(), model.len());
                assert!(map.iter().eq(model.iter()));
                assert!(map.from(&key).eq(model.range(key..)));
            }
        }
    }
}
