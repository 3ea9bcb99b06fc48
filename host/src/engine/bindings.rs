//! The only place that reads `wit/`: the host's side of the package `regrow:otp`.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "guest",
    imports: { default: async | trappable },
    exports: { default: async },
});
