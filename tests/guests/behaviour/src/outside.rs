//! What a guest sees of the world outside.

use std::fs;

use regrow_sdk::ExitReason;

pub fn prints(_: ()) {
    println!("printed to the standard output");
    eprintln!("printed to the standard error");
    log::warn!("written to the log");
}

/// The folder has `readable.txt`, and beside it, outside, there is `secret.txt`.
pub fn files(folder: String) -> Result<(), ExitReason> {
    let text = fs::read_to_string(format!("{folder}/readable.txt"))?;
    assert_eq!(text, "readable");
    for outside in [
        format!("{folder}/../secret.txt"),
        "/secret.txt".into(),
        "/etc/passwd".into(),
        format!("{folder}/link"),
    ] {
        assert!(fs::read(&outside).is_err(), "{outside} is out of reach");
    }
    assert!(fs::write(format!("{folder}/new.txt"), "x").is_err(), "the folder is read-only");
    assert!(fs::remove_file(format!("{folder}/readable.txt")).is_err());
    Ok(())
}

pub fn environment(_: ()) {
    assert_eq!(std::env::var("GRANTED").as_deref(), Ok("yes"));
    assert_eq!(std::env::vars().count(), 1, "nothing but what is granted");
    assert_eq!(std::env::args().count(), 0);
}

pub fn crashes(what: String) {
    inner_function_with_a_name(&what);
}

#[inline(never)]
fn inner_function_with_a_name(what: &str) {
    panic!("crashed on {what}");
}
