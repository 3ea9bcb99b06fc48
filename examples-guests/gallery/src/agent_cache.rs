//! A cache in an agent: a value with methods, in a process of its own.

use std::collections::BTreeMap;

use regrow_sdk::{ExitReason, agent};
use serde::{Deserialize, Serialize};

#[derive(Default, Serialize, Deserialize)]
pub struct Capitals(BTreeMap<String, String>);

#[agent]
impl Capitals {
    pub fn get(&self, country: String) -> Option<String> {
        self.0.get(&country).cloned()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Gives what was there before.
    pub fn put(&mut self, country: String, capital: String) -> Option<String> {
        self.0.insert(country, capital)
    }

    #[cast]
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    let capitals = Capitals::default().start_link()?;
    assert_eq!(capitals.put("Brazil".into(), "Rio de Janeiro".into())?, None);
    assert_eq!(capitals.put("Brazil".into(), "Brasília".into())?.as_deref(), Some("Rio de Janeiro"));
    assert_eq!(capitals.get("Brazil".into())?.as_deref(), Some("Brasília"));
    assert_eq!(capitals.len()?, 1);
    capitals.clear()?;
    assert_eq!(capitals.get("Brazil".into())?, None);
    log::info!("agent cache: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn it_remembers() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
