//! Panics become exit reasons, with their message and place.

use alloc::format;
use alloc::string::String;
use core::panic::Location;

/// `file:line:column`
#[cfg_attr(not(target_family = "wasm"), expect(dead_code, reason = "a native panic unwinds instead"))]
fn place(location: &Location<'_>) -> String {
    format!("{}:{}:{}", location.file(), location.line(), location.column())
}

/// Has every panic end the process through the host, which takes the backtrace.
#[cfg(all(feature = "std", target_family = "wasm"))]
pub(crate) fn install() {
    std::panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("(a panic without a message)");
        crate::sys::panic(message, info.location().map(place));
    }));
}

#[cfg(not(all(feature = "std", target_family = "wasm")))]
pub(crate) fn install() {}

/// For the panic handler of a guest without `std`: ends the process with the panic's message and place.
#[cfg(all(not(feature = "std"), target_family = "wasm"))]
pub fn report(info: &core::panic::PanicInfo<'_>) -> ! {
    crate::sys::panic(&format!("{}", info.message()), info.location().map(place))
}

/// What a native panic was about.
#[cfg(not(target_family = "wasm"))]
pub(crate) fn reason(info: &(dyn core::any::Any + Send)) -> crate::ExitReason {
    let text = info.downcast_ref::<&str>().copied();
    let text = text.or_else(|| info.downcast_ref::<String>().map(String::as_str));
    crate::ExitReason::Trap(crate::WasmTrap {
        code: "panic".into(),
        message: text.unwrap_or("(a panic without a message)").into(),
        ..Default::default()
    })
}
