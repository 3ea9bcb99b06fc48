//! Names: one that the node knows, and keys of a registry, wherever a pid could stand.

use regrow_sdk::process::SpawnOptions;
use regrow_sdk::{ExitReason, Registry, names, server};

/// Somebody's basket.
#[derive(Default)]
pub struct Basket(Vec<String>);

#[server]
impl Basket {
    #[init]
    fn empty() -> Self {
        Basket::default()
    }

    #[call]
    fn add(&mut self, item: String) -> usize {
        self.0.push(item);
        self.0.len()
    }
}

pub fn demo(_: ()) -> Result<(), ExitReason> {
    // A name of the node's.
    Basket::start_with(&SpawnOptions::link().named("gallery.basket"))?;
    assert!(names::whereis("gallery.basket").is_some());
    assert_eq!(BasketClient::new("gallery.basket").add("tea".into())?, 1);

    // Keys of a registry: any value can be one, and there can be very many.
    let baskets: Registry<(String, u32), ()> = Registry::start_unique("gallery.baskets")?;
    for customer in 0..10 {
        let key = baskets.via_with(&("shop".into(), customer), &())?;
        Basket::start_with(&SpawnOptions::link().via(key))?;
    }
    let third = BasketClient::new(baskets.via(&("shop".into(), 3))?);
    assert_eq!(third.add("salt".into())?, 1);
    assert_eq!(third.add("rice".into())?, 2);
    assert_eq!(baskets.count()?, 10);
    // Who ends has no key any more.
    third.stop()?;
    assert_eq!(third.pid(), None);
    assert!(third.add("mint".into()).is_err());
    assert_eq!(baskets.count()?, 9);
    log::info!("names: as it should be");
    Ok(())
}

#[cfg(test)]
#[test]
fn names_stand_for_processes() {
    regrow_sdk::testing::run(&crate::COMPONENT, || demo(()));
}
