//! Components of hand-written core wasm in the right world: what no compiler would make.

use std::path::Path;
use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::{Resolve, WorldId};

fn world() -> &'static (Resolve, WorldId) {
    static WORLD: OnceLock<(Resolve, WorldId)> = OnceLock::new();
    WORLD.get_or_init(|| {
        let mut resolve = Resolve::default();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
        let (package, _) = resolve.push_dir(&folder).unwrap();
        let world = resolve.select_world(&[package], Some("guest")).unwrap();
        (resolve, world)
    })
}

/// What every core module needs: memory, an allocator that only goes forward, and `describe` with the one entry `attack`.
const FRAME: &str = r#"
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func $realloc (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (local $at i32)
        REALLOC
        (local.set $at (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
        (global.set $next (i32.add (local.get $at) (local.get 3)))
        (local.get $at))
    ;; One entry: its name at 64, no documentation, no acknowledgement.
    (data (i32.const 64) "attack")
    (data (i32.const 16) "\20\00\00\00\01\00\00\00")
    (data (i32.const 32) "\40\00\00\00\06\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
    (func (export "describe") (result i32) DESCRIBE (i32.const 16))
"#;

/// Where a module differs from the frame.
#[derive(Default)]
pub(crate) struct Module<'a> {
    /// What it imports and has beside the frame.
    pub(crate) fields: &'a str,
    /// What `run` does; its result is an address. The result at 128 is that all is well.
    pub(crate) run: &'a str,
    /// What the allocator does first.
    pub(crate) realloc: &'a str,
    /// What `describe` does first.
    pub(crate) describe: &'a str,
}

impl Module<'_> {
    /// The component.
    pub(crate) fn component(&self) -> Vec<u8> {
        let frame = FRAME.replace("REALLOC", self.realloc).replace("DESCRIBE", self.describe);
        let run = if self.run.is_empty() { "(i32.const 128)" } else { self.run };
        let text = format!(
            r#"(module {} {frame}
            (func (export "run") (param $case i32) (param i32 i32 i32 i32) (result i32) (local $n i32) {run}))"#,
            self.fields
        );
        let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let (resolve, world) = world();
        embed_component_metadata(&mut module, resolve, *world, StringEncoding::UTF8).unwrap();
        let mut encoder = ComponentEncoder::default();
        encoder.validate(true).module(&module).unwrap();
        encoder.encode().unwrap()
    }
}
