//! What `#[server]` makes of less usual types, names and conditions.

use regrow_sdk::{server, testing};
use serde::{Deserialize, Serialize};

/// As many crates have one: what is generated must not take it for `core`'s.
#[expect(dead_code, reason = "it is there to be in the way")]
type Result<T> = std::result::Result<T, String>;

#[expect(dead_code, reason = "it is there to be in the way")]
type Option<T> = std::option::Option<(T, T)>;

/// A place in a list that knows its neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Place {
    number: u64,
    around: Vec<Place>,
}

#[server]
impl Place {
    #[init]
    fn at(place: Self) -> Self {
        place
    }

    #[call]
    fn joined(&mut self, other: Vec<Self>) -> std::result::Result<Self, Vec<Self>> {
        self.around.extend(other);
        if self.around.is_empty() { Err(Vec::new()) } else { Ok(self.clone()) }
    }

    #[cfg(not(test))]
    #[call]
    fn of_another_build(&self) -> NoSuchType {
        NoSuchType
    }

    #[cfg(test)]
    #[cast]
    fn r#move(&mut self, by: u64) {
        self.number += by;
    }
}

regrow_sdk::component! {
    "place" => server Place,
}

#[test]
fn types_may_name_themselves_and_methods_may_be_there_under_a_condition() {
    testing::run(&COMPONENT, || {
        let place = |number| Place { number, around: Vec::new() };
        let client = Place::start_link(place(1))?;
        assert_eq!(client.joined(Vec::new())?, Err(Vec::new()));
        client.r#move(4)?;
        let joined = client.joined(vec![place(2)])?.unwrap();
        assert_eq!((joined.number, joined.around), (5, vec![place(2)]));
        Ok(())
    });
}
