//! The guests of the tests, compiled once by the same code as `regrow build`.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// A guest of the tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Guest {
    /// Tries out what a process can do.
    Behaviour,
    /// Means harm.
    Hostile,
    /// Plays any process of a scenario.
    Interpreter,
}

impl Guest {
    const ALL: [Self; 3] = [Self::Behaviour, Self::Hostile, Self::Interpreter];

    fn folder(self) -> PathBuf {
        guest_folder(match self {
            Self::Behaviour => "behaviour",
            Self::Hostile => "hostile",
            Self::Interpreter => "interpreter",
        })
    }

    /// The wasm file, compiled if need be.
    pub fn file(self) -> &'static Path {
        let index = Self::ALL.iter().position(|guest| *guest == self).unwrap_or(0);
        &guests()[index]
    }
}

/// The folder of a test guest.
pub fn guest_folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("guests").join(name)
}

/// The wasm files of all test guests.
pub fn guests() -> &'static [PathBuf] {
    static FILES: OnceLock<Vec<PathBuf>> = OnceLock::new();
    FILES.get_or_init(|| {
        let folders: Vec<PathBuf> = Guest::ALL.iter().map(|guest| guest.folder()).collect();
        let say = |text: &str| eprintln!("guests of the tests: {text}");
        regrow::build::build_guests(&folders, &say).unwrap_or_else(|error| panic!("{error}"))
    })
}
