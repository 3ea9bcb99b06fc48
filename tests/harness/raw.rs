//! Components of hand-written core wasm in the right world: what no compiler would make.

use std::path::Path;
use std::sync::OnceLock;

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldId, WorldItem};

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

/// A function of the world, as core wasm imports it.
#[derive(Clone, Debug)]
pub struct Import {
    /// The interface, as `regrow:otp/log@0.1.0`.
    pub interface: String,
    /// The function.
    pub name: String,
    /// The types of its parameters: `i32`, `i64` or `f64`.
    pub params: Vec<&'static str>,
    /// The type of its result, if it has one.
    pub result: Option<&'static str>,
}

/// Every function that a guest may import of the world.
pub fn imports() -> Vec<Import> {
    let (resolve, world) = world();
    let of_type = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => "i64",
        WasmType::F32 => "f32",
        WasmType::F64 => "f64",
        WasmType::I32 | WasmType::Pointer | WasmType::Length => "i32",
    };
    let interfaces = resolve.worlds[*world].imports.values().filter_map(|item| match item {
        WorldItem::Interface { id, .. } => Some(*id),
        _ => None,
    });
    let functions = interfaces.flat_map(|id| {
        let interface = resolve.id_of(id).unwrap_or_default();
        resolve.interfaces[id].functions.values().map(move |function| (interface.clone(), function))
    });
    let import = |(interface, function): (String, &wit_parser::Function)| {
        let signature = resolve.wasm_signature(AbiVariant::GuestImport, function);
        Import {
            interface,
            name: function.name.clone(),
            params: signature.params.iter().map(of_type).collect(),
            result: signature.results.first().map(of_type),
        }
    };
    functions.map(import).collect()
}

/// Where a module differs from the frame.
#[derive(Default)]
pub struct Module<'a> {
    /// What it imports and has beside the frame.
    pub fields: &'a str,
    /// What `run` does; its result is an address. The result at 128 is that all is well.
    pub run: &'a str,
    /// What the allocator does first.
    pub realloc: &'a str,
    /// What `describe` does first.
    pub describe: &'a str,
}

impl Module<'_> {
    /// The component.
    ///
    /// # Panics
    /// If it is no module of that world.
    pub fn component(&self) -> Vec<u8> {
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
