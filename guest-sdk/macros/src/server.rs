//! The requests, and the server that serves them.

use proc_macro2::TokenStream;
use syn::Type;
use syn::ext::IdentExt;

use crate::expand::{Described, Kind};
use crate::method::{Method, Role};

pub(crate) fn expand(described: &Described) -> TokenStream {
    let name = &described.name;
    let private = generate!(::regrow_sdk::__private);
    let (call_type, call_enum) = requests(described, Role::Call);
    let (cast_type, cast_enum) = requests(described, Role::Cast);
    let argument = argument(described);
    let init = init(described);
    let calls = described.with(Role::Call).map(|method| {
        let (requests, variant, function) = (described.requests(Role::Call), method.variant(), &method.name);
        let fields: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
        let served = if method.caller.is_some() {
            generate! {{
                let next = #private::IntoNext::into_next(self.#function(#(#fields,)* from.of()));
                ::regrow_sdk::gen_server::CallResult::NoReply.then(next)
            }}
        } else {
            generate!(#private::IntoCallResult::into_call_result(self.#function(#(#fields),*)))
        };
        // The caller comes where the method has it: its place is fixed to the last.
        let conditions = &method.conditions;
        generate!(#(#conditions)* #requests::#variant { #(#fields),* } => #served,)
    });
    let casts = described.with(Role::Cast).map(|method| {
        let (requests, variant, function) = (described.requests(Role::Cast), method.variant(), &method.name);
        let fields: Vec<_> = method.arguments.iter().map(|(name, _)| name).collect();
        let conditions = &method.conditions;
        generate! {
            #(#conditions)*
            #requests::#variant { #(#fields),* } =>
                #private::IntoNext::into_next(self.#function(#(#fields),*)),
        }
    });
    let others = others(described);
    generate! {
        #call_enum
        #cast_enum

        #[automatically_derived]
        impl ::regrow_sdk::gen_server::GenServer for #name {
            type Argument = #argument;
            type Call = #call_type;
            type Reply = #private::AnyReply;
            type Cast = #cast_type;

            #init

            fn handle_call(
                &mut self,
                request: Self::Call,
                from: ::regrow_sdk::gen_server::Caller<Self::Reply>,
            ) -> ::regrow_sdk::gen_server::CallResult<Self> {
                let _ = &from;
                match request { #(#calls)* }
            }

            fn handle_cast(&mut self, request: Self::Cast) -> ::regrow_sdk::gen_server::Next<Self> {
                match request { #(#casts)* }
            }

            #others
        }
    }
}

/// The type of the requests of a kind, and its definition.
fn requests(described: &Described, role: Role) -> (TokenStream, TokenStream) {
    let private = generate!(::regrow_sdk::__private);
    if described.with(role).next().is_none() {
        return (generate!(::regrow_sdk::gen_server::Nothing), TokenStream::new());
    }
    let requests = described.requests(role);
    let variants = described.with(role).map(|method| {
        let (variant, on_the_wire) = (method.variant(), method.name.unraw().to_string());
        let fields = method.arguments.iter().map(|(name, of)| generate!(#name: #of));
        let fields = (!method.arguments.is_empty()).then(|| generate!({ #(#fields),* }));
        let conditions = &method.conditions;
        generate!(#(#conditions)* #[serde(rename = #on_the_wire)] #variant #fields)
    });
    let documentation = format!(
        "The requests of [`{}`] that are {}.",
        described.name,
        match role {
            Role::Call => "answered",
            _ => "not answered",
        }
    );
    let path = "::regrow_sdk::__private::serde";
    let definition = generate! {
        #[doc = #documentation]
        #[doc(hidden)]
        #[allow(missing_docs, unreachable_pub, private_interfaces, clippy::large_enum_variant)]
        #[derive(#private::serde::Serialize, #private::serde::Deserialize)]
        #[serde(crate = #path)]
        pub enum #requests { #(#variants),* }
    };
    (generate!(#requests), definition)
}

/// What the server is started with.
fn argument(described: &Described) -> TokenStream {
    let Some(init) = described.with(Role::Init).next() else { return generate!(Self) };
    match init.arguments.as_slice() {
        [(_, single)] => generate!(#single),
        several => {
            let types = several.iter().map(|(_, of)| of);
            generate!((#(#types,)*))
        }
    }
}

fn init(described: &Described) -> TokenStream {
    let private = generate!(::regrow_sdk::__private);
    let made = match described.with(Role::Init).next() {
        None => generate!(argument),
        Some(Method { name, arguments, .. }) => {
            let names: Vec<_> = arguments.iter().map(|(name, _)| name).collect();
            match names.as_slice() {
                [_] => generate!(Self::#name(argument)),
                _ => generate! {{
                    let (#(#names,)*) = argument;
                    Self::#name(#(#names),*)
                }},
            }
        }
    };
    let ignored = (described.kind == Kind::Server).then(|| generate!(let _ = &argument;));
    generate! {
        fn init(argument: Self::Argument) -> ::regrow_sdk::gen_server::Init<Self> {
            #ignored
            #private::IntoInit::into_init(#made)
        }
    }
}

/// The callbacks beside calls and casts.
fn others(described: &Described) -> TokenStream {
    let private = generate!(::regrow_sdk::__private);
    let next = generate!(::regrow_sdk::gen_server::Next<Self>);
    let received = generate!(::regrow_sdk::mailbox::Received);
    let mut all = TokenStream::new();
    let infos: Vec<&Method> = described.with(Role::Info).collect();
    if !infos.is_empty() {
        let is_any = |method: &&&Method| is_received(&method.arguments[0].1);
        let typed = infos.iter().filter(|method| !is_any(method)).map(|method| {
            let (function, of) = (&method.name, &method.arguments[0].1);
            generate! {
                if let ::core::option::Option::Some(message) = #private::plain_message::<#of>(&info) {
                    return #private::IntoNext::into_next(self.#function(message));
                }
            }
        });
        let rest = infos.iter().find(is_any).map_or_else(
            || generate!(#private::unexpected(&info)),
            |method| {
                let function = &method.name;
                generate!(#private::IntoNext::into_next(self.#function(info)))
            },
        );
        all.extend(generate! {
            fn handle_info(&mut self, info: #received) -> #next {
                #(#typed)*
                #rest
            }
        });
    }
    if let Some(Method { name, .. }) = described.with(Role::Timeout).next() {
        all.extend(generate! {
            fn handle_timeout(&mut self) -> #next {
                #private::IntoNext::into_next(self.#name())
            }
        });
    }
    if let Some(Method { name, .. }) = described.with(Role::Terminate).next() {
        all.extend(generate! {
            fn terminate(&mut self, reason: &::regrow_sdk::ExitReason) {
                self.#name(reason)
            }
        });
    }
    if let Some(Method { name, .. }) = described.with(Role::Status).next() {
        all.extend(generate! {
            fn format_status(&self) -> ::core::option::Option<::regrow_sdk::Term> {
                #private::status(&self.#name())
            }
        });
    } else if described.kind == Kind::Agent {
        all.extend(generate! {
            fn format_status(&self) -> ::core::option::Option<::regrow_sdk::Term> {
                #private::status(self)
            }
        });
    }
    all
}

fn is_received(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.segments.last().is_some_and(|last| last.ident == "Received"))
}
