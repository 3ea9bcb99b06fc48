//! From an `impl` block to a server, its requests and its client.

use std::collections::BTreeSet;

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Error, Ident, ImplItem, ImplItemConst, ImplItemFn, ItemImpl, LitStr, Result, Signature, Token, Type,
};

use crate::method::{Method, Role};
use crate::{client, server};

/// What a server's type gets beside its own.
const OF_SERVERS: [&str; 4] = ["ENTRY", "start_link", "start_with", "child"];

/// What a client has beside a method for each request.
const OF_CLIENTS: [&str; 5] = ["new", "with_timeout", "server", "pid", "stop"];

/// Which attribute.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Server,
    Agent,
}

/// What the attribute is given: `entry = "name", client = Name`.
#[derive(Default)]
struct Options {
    entry: Option<LitStr>,
    client: Option<Ident>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let name: Ident = input.parse()?;
            input.parse::<Token![=]>()?;
            match name.to_string().as_str() {
                "entry" => options.entry = Some(input.parse()?),
                "client" => options.client = Some(input.parse()?),
                _ => return Err(Error::new(name.span(), "expected `entry = \"name\"` or `client = Name`")),
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

/// A server, as its `impl` block describes it.
pub(crate) struct Described {
    pub(crate) kind: Kind,
    pub(crate) name: Ident,
    /// Under which name the component has it as an entry.
    pub(crate) entry: LitStr,
    pub(crate) client: Ident,
    pub(crate) methods: Vec<Method>,
}

impl Described {
    pub(crate) fn with(&self, role: Role) -> impl Iterator<Item = &Method> {
        self.methods.iter().filter(move |method| method.role == role)
    }

    /// The enum of its requests of a kind.
    pub(crate) fn requests(&self, role: Role) -> Ident {
        let suffix = if role == Role::Call { "Call" } else { "Cast" };
        Ident::new(&format!("{}{suffix}", self.name), self.name.span())
    }

    fn at_most_one(&self, role: Role) -> Result<Option<&Method>> {
        let mut all = self.with(role);
        let first = all.next();
        match all.next() {
            Some(second) => {
                let text = format!("there is another `#[{}]` already", role.name());
                Err(Error::new(second.name.span(), text))
            }
            None => Ok(first),
        }
    }

    fn check(&self) -> Result<()> {
        for role in [Role::Timeout, Role::Terminate, Role::Status] {
            self.at_most_one(role)?;
        }
        if self.at_most_one(Role::Init)?.is_none() && self.kind == Kind::Server {
            let text = "a server needs a function that makes it: mark it with `#[init]`";
            return Err(Error::new(self.name.span(), text));
        }
        self.check_clients_methods()
    }

    fn check_clients_methods(&self) -> Result<()> {
        let mut methods: BTreeSet<String> = OF_CLIENTS.iter().map(|name| (*name).to_owned()).collect();
        methods.extend(self.with(Role::Call).map(|method| format!("send_{}", method.name.unraw())));
        for method in self.with(Role::Call).chain(self.with(Role::Cast)) {
            let name = method.name.unraw().to_string();
            if methods.contains(&name) {
                let text = format!("the client has a `{name}` of its own: give this one another name");
                return Err(Error::new(method.name.span(), text));
            }
        }
        Ok(())
    }
}

pub(crate) fn attribute(kind: Kind, arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block: ItemImpl = match syn::parse2(item.clone()) {
        Ok(block) => block,
        Err(_) => {
            let text = "this attribute is for an `impl` block: `impl Name { … }`";
            return Error::new_spanned(&item, text).into_compile_error();
        }
    };
    expand(kind, arguments, block.clone()).unwrap_or_else(|error| {
        let error = error.into_compile_error();
        // The methods are there all the same: one error is enough.
        let block = without_roles(kind, block);
        quote!(#error #block)
    })
}

fn without_roles(kind: Kind, mut block: ItemImpl) -> ItemImpl {
    for item in &mut block.items {
        if let ImplItem::Fn(function) = item {
            let _ = Method::of(kind, function);
        }
    }
    block
}

fn expand(kind: Kind, arguments: TokenStream, mut block: ItemImpl) -> Result<TokenStream> {
    let options: Options = syn::parse2(arguments)?;
    if let Some((_, of_trait, _)) = &block.trait_ {
        return Err(Error::new(
            of_trait.span(),
            "this attribute is for the type's own methods, not for a trait's",
        ));
    }
    let name = match &*block.self_ty {
        Type::Path(path) if path.qself.is_none() && block.generics.params.is_empty() => {
            path.path.get_ident().cloned()
        }
        _ => None,
    };
    let name = name.ok_or_else(|| {
        Error::new(block.self_ty.span(), "the type is named here, without a path and without generics")
    })?;
    let mut methods = Vec::new();
    for item in &mut block.items {
        let (ImplItem::Fn(ImplItemFn { sig: Signature { ident, .. }, .. })
        | ImplItem::Const(ImplItemConst { ident, .. })) = &item
        else {
            continue;
        };
        if OF_SERVERS.iter().any(|name| ident == name) {
            let text = format!("this attribute makes a `{ident}` of its own: give this one another name");
            return Err(Error::new(ident.span(), text));
        }
        if let ImplItem::Fn(function) = item
            && let Some(method) = Method::of(kind, function)?
        {
            methods.push(method.of_type(&name)?);
        }
    }
    let entry = options.entry.unwrap_or_else(|| LitStr::new(&kebab_case(&name.to_string()), name.span()));
    let client = options.client.unwrap_or_else(|| Ident::new(&format!("{name}Client"), name.span()));
    let described = Described { kind, name, entry, client, methods };
    described.check()?;
    let (server, client) = (server::expand(&described), client::expand(&described));
    Ok(quote! { #block #server #client })
}

fn kebab_case(camel: &str) -> String {
    let mut kebab = String::new();
    for letter in camel.chars() {
        if letter.is_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.extend(letter.to_lowercase());
    }
    kebab
}
