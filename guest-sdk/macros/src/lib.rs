//! The attributes of `regrow-sdk`, where they are documented.

/// Tokens whose local variables are nobody else's, whatever the methods call their arguments.
macro_rules! generate {
    ($($tokens:tt)*) => {
        quote::quote_spanned!(proc_macro2::Span::mixed_site()=> $($tokens)*)
    };
}

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
