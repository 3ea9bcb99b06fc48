//! The client: a method for each request.

use proc_macro2::TokenStream;
use quote::format_ident;

use crate::expand::{Described, Kind};
use crate::method::{Method, Role};

pub(crate) fn expand(described: &Described) -> TokenStream {
    let Described { name, client, .. } = described;
    let path = "::regrow_sdk::__private::serde";
    let private = generate!(::regrow_sdk::__private);
    let calls = described.with(Role::Call).map(|method| call(described, method));
    let casts = described.with(Role::Cast).map(|method| cast(described, method));
    let starts = starts(described);
    let documentation = format!("A running [`{name}`], for its clients. It can be sent to other processes.");
    generate! {
        #[doc = #documentation]
        #[allow(unreachable_pub)]
        #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
        #[serde(crate = #path, transparent)]
        pub struct #client(::regrow_sdk::gen_server::ServerRef<#name>);

        #[automatically_derived]
        #[allow(dead_code, unreachable_pub, private_interfaces)]
        impl #client {
            /// The server that is, or is registered as, `to`.
            pub fn new(to: impl ::core::convert::Into<::regrow_sdk::Destination>) -> Self {
                Self(::regrow_sdk::gen_server::ServerRef::new(to))
            }

            /// This client, whose calls wait up to `timeout`; none is for ever.
            #[must_use]
            pub fn with_timeout(self, timeout: ::core::option::Option<::core::time::Duration>) -> Self {
                Self(self.0.with_timeout(timeout))
            }

            /// The server, for what all servers can do.
            pub fn server(&self) -> &::regrow_sdk::gen_server::ServerRef<#name> {
                &self.0
            }

            /// The server's process at this moment, if there is one.
            pub fn pid(&self) -> ::core::option::Option<::regrow_sdk::Pid> {
                self.0.pid()
            }

            /// Has the server clean up and end normally, and waits until it has.
            ///
            /// # Errors
            /// [`ControlError`](::regrow_sdk::gen_server::ControlError)
            pub fn stop(&self) -> ::core::result::Result<(), ::regrow_sdk::gen_server::ControlError> {
                self.0.stop()
            }

            #(#calls)*
            #(#casts)*
        }

        #[automatically_derived]
        impl ::core::clone::Clone for #client {
            fn clone(&self) -> Self {
                Self(self.0.clone())
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #client {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Debug::fmt(&self.0, f)
            }
        }

        #[automatically_derived]
        impl ::core::convert::From<::regrow_sdk::gen_server::ServerRef<#name>> for #client {
            fn from(server: ::regrow_sdk::gen_server::ServerRef<#name>) -> Self {
                Self(server)
            }
        }

        #starts
    }
}

fn call(described: &Described, method: &Method) -> TokenStream {
    let Method { name, documentation, conditions, .. } = method;
    let (requests, variant, answer) = (described.requests(Role::Call), method.variant(), method.answer());
    let (names, parameters) = parameters(method);
    let send = format_ident!("send_{}", name);
    let of_send = format!("As `{name}`, and does not wait for the answer.");
    generate! {
        #(#conditions)*
        #(#documentation)*
        ///
        /// # Errors
        /// [`CallError`](::regrow_sdk::mailbox::CallError)
        pub fn #name(&self, #(#parameters),*) -> ::core::result::Result<#answer, ::regrow_sdk::mailbox::CallError> {
            self.0.call_for(&#requests::#variant { #(#names),* })
        }

        #(#conditions)*
        #[doc = #of_send]
        ///
        /// # Errors
        /// [`Error`](::regrow_sdk::Error)
        pub fn #send(
            &self, #(#parameters),*
        ) -> ::core::result::Result<::regrow_sdk::gen_server::Response<#answer>, ::regrow_sdk::Error> {
            self.0.send_request_for(&#requests::#variant { #(#names),* })
        }
    }
}

fn cast(described: &Described, method: &Method) -> TokenStream {
    let Method { name, documentation, conditions, .. } = method;
    let (requests, variant) = (described.requests(Role::Cast), method.variant());
    let (names, parameters) = parameters(method);
    generate! {
        #(#conditions)*
        #(#documentation)*
        ///
        /// # Errors
        /// [`Error`](::regrow_sdk::Error)
        pub fn #name(&self, #(#parameters),*) -> ::core::result::Result<(), ::regrow_sdk::Error> {
            self.0.cast(&#requests::#variant { #(#names),* })
        }
    }
}

fn parameters(method: &Method) -> (Vec<TokenStream>, Vec<TokenStream>) {
    let names = method.arguments.iter().map(|(name, _)| generate!(#name));
    let parameters = method.arguments.iter().map(|(name, of)| generate!(#name: #of));
    (names.collect(), parameters.collect())
}

/// How it is started.
fn starts(described: &Described) -> TokenStream {
    let Described { name, client, entry, kind, .. } = described;
    let (parameters, given) = match described.with(Role::Init).next() {
        None => (vec![generate!(self)], generate!(self)),
        Some(init) => {
            let (names, parameters) = parameters(init);
            match names.as_slice() {
                [single] => (parameters, generate!(#single)),
                _ => (parameters, generate!((#(#names,)*))),
            }
        }
    };
    let what = if *kind == Kind::Agent { "agent that begins with this value" } else { "server" };
    let doc_link = format!("Starts the {what}, linked to this process, and waits until it runs.");
    let doc_child = format!("The {what} as a permanent child of a supervisor, called `{}`.", entry.value());
    let doc_with = format!("Starts the {what} as `options` say: not linked unless they say so.");
    let error = generate!(::regrow_sdk::gen_server::StartError);
    generate! {
        #[automatically_derived]
        #[allow(dead_code, unreachable_pub, private_interfaces)]
        impl #name {
            /// The name of the component's entry that runs it.
            pub const ENTRY: &'static str = #entry;

            #[doc = #doc_link]
            ///
            /// # Errors
            /// [`StartError`](::regrow_sdk::gen_server::StartError)
            pub fn start_link(#(#parameters),*) -> ::core::result::Result<#client, #error> {
                let options = ::regrow_sdk::process::SpawnOptions::default();
                ::regrow_sdk::gen_server::start_link(#entry, &#given, &options).map(#client)
            }

            #[doc = #doc_child]
            pub fn child(#(#parameters),*) -> ::regrow_sdk::supervisor::ChildSpec {
                ::regrow_sdk::supervisor::ChildSpec::worker(#entry, #entry).argument(&#given)
            }

            #[doc = #doc_with]
            ///
            /// # Errors
            /// [`StartError`](::regrow_sdk::gen_server::StartError)
            pub fn start_with(
                #(#parameters,)* options: &::regrow_sdk::process::SpawnOptions,
            ) -> ::core::result::Result<#client, #error> {
                ::regrow_sdk::gen_server::start(#entry, &#given, options).map(#client)
            }
        }
    }
}
