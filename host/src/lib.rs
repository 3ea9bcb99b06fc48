pub mod engine;
pub mod observe;
