//! The `regrow` program: a thin shell around the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    regrow::cli::main()
}
