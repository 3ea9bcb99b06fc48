//! Misuse that does not compile, and what is said about it.

#[test]
fn what_makes_no_sense_does_not_compile_and_says_why() {
    trybuild::TestCases::new().compile_fail("tests/misuse/*.rs");
}
