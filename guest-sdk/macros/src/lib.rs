//! The attributes of `regrow-sdk`, where they are documented.

mod client;
mod expand;
mod method;
mod server;

use proc_macro::TokenStream;

/// See `regrow_sdk::server`.
#[proc_macro_attribute]
pub fn server(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(expand::Kind::Server, arguments.into(), item.into()).into()
}

/// See `regrow_sdk::agent`.
#[proc_macro_attribute]
pub fn agent(arguments: TokenStream, item: TokenStream) -> TokenStream {
    expand::attribute(expand::Kind::Agent, arguments.into(), item.into()).into()
}
