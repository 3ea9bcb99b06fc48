//! What users have for tests on a node: `regrow_testing`.

use regrow_otp::ExitReason;
use regrow_term::Term;
use regrow_testing::TestNode;
use regrow_tests::Guest;

fn node() -> TestNode {
    let text = format!(
        r#"
        [application]
        name = "app"
        [components.behaviour]
        path = {:?}
        [supervisor]
        intensity = 5
        [[supervisor.children]]
        id = "tally"
        component = "behaviour"
        entry = "tally"
        name = "tally"
        args = 40
        "#,
        Guest::Behaviour.file(),
    );
    TestNode::start_text("test.toml", text).unwrap_or_else(|error| panic!("{error}"))
}

fn take(number: i64) -> Term {
    let arguments = Term::Map(vec![(Term::from("number"), Term::from(number))]);
    Term::Map(vec![(Term::from("take"), arguments)])
}

#[test]
fn a_test_asks_looks_and_has_children_crash() {
    let node = node();
    let old = node.await_name("tally");
    assert_eq!(node.call("tally", &take(-2)), Ok(42));
    assert_eq!(node.state("tally"), Ok(Some(Term::from(42i64))));
    let new = node.kill("tally");
    assert_ne!(new, old);
    assert_eq!(node.await_down(old), ExitReason::Killed);
    assert_eq!(node.state("tally"), Ok(Some(Term::from(40i64))), "as at its start");
    assert_ne!(node.crash("tally", ExitReason::error("oops")), new);
    assert_eq!(node.call("tally", "sum"), Ok(40));
    assert!(node.log().contains("error(\"oops\")"), "{}", node.log());
}

#[test]
fn what_is_asked_wrongly_is_an_error_and_no_more() {
    let node = node();
    node.await_name("tally");
    let misunderstood = node.call::<_, i64>("tally", "product").unwrap_err();
    assert!(misunderstood.contains("did not understand the request"), "{misunderstood}");
    let other_type = node.call::<_, String>("tally", "sum");
    assert!(other_type.is_err(), "{other_type:?}");
    assert!(node.call::<_, i64>("nobody", "sum").is_err());
    assert_eq!(node.state("nobody"), Err("nobody is \"nobody\"".to_owned()));
    assert!(node.send("nobody", "hello").is_err());
    node.send("tally", "hello").unwrap();
    assert_eq!(node.call("tally", "sum"), Ok(40));
    let wrong = TestNode::start_text("test.toml", "[application]\nname = 3").err().unwrap();
    assert!(wrong.contains("test.toml:2"), "{wrong}");
    assert!(TestNode::start("/nowhere/regrow.toml").err().unwrap().contains("/nowhere/regrow.toml"));
}
