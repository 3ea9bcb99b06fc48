//! The methods of an `impl` block, and what each of them is for.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;
use syn::{Attribute, Error, FnArg, Ident, ImplItemFn, Pat, PathArguments, Result, ReturnType, Type};

use crate::expand::Kind;

/// What a method is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Init,
    Call,
    Cast,
    Info,
    Timeout,
    Terminate,
    Status,
}

impl Role {
    const ALL: [(&str, Self); 7] = [
        ("init", Self::Init),
        ("call", Self::Call),
        ("cast", Self::Cast),
        ("info", Self::Info),
        ("timeout", Self::Timeout),
        ("terminate", Self::Terminate),
        ("status", Self::Status),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, role)| *role == self).map_or("", |(name, _)| name)
    }
}

/// A method with a role.
pub(crate) struct Method {
    pub(crate) role: Role,
    pub(crate) name: Ident,
    pub(crate) documentation: Vec<Attribute>,
    /// Its `#[cfg(…)]`, which is its request's, too.
    pub(crate) conditions: Vec<Attribute>,
    /// What requests carry: names and types, without the caller.
    pub(crate) arguments: Vec<(Ident, Type)>,
    /// The answer's type, if the method gets the caller and answers by itself.
    pub(crate) caller: Option<Type>,
    pub(crate) returns: ReturnType,
}

impl Method {
    /// What a method is for, without the attributes that said so; none, if it is nobody's business.
    pub(crate) fn of(kind: Kind, item: &mut ImplItemFn) -> Result<Option<Self>> {
        let Some(role) = role(kind, item)? else { return Ok(None) };
        let signature = &item.sig;
        let complain = |span: Span, text: &str| Err(Error::new(span, text));
        if let Some(token) = signature.asyncness {
            return complain(token.span(), "a process waits by itself: its functions are not `async`");
        }
        if !signature.generics.params.is_empty() {
            return complain(
                signature.generics.span(),
                "what is sent has a type of its own: no generics here",
            );
        }
        let has_receiver = signature.receiver().is_some();
        match role {
            Role::Init if has_receiver => {
                return complain(signature.inputs.span(), "`#[init]` makes the server: it has no `self`");
            }
            Role::Init => {}
            _ if !has_receiver => {
                return complain(signature.ident.span(), "this needs `&self` or `&mut self`");
            }
            _ => {}
        }
        if let Some(receiver) = signature.receiver().filter(|receiver| receiver.reference.is_none()) {
            return complain(receiver.span(), "the server stays: take `&self` or `&mut self`");
        }
        let mut arguments = Vec::new();
        let mut caller = None;
        for input in &signature.inputs {
            let FnArg::Typed(input) = input else { continue };
            if caller.is_some() {
                return complain(input.span(), "the caller is the last argument");
            }
            let name = match &*input.pat {
                Pat::Ident(name) => name.ident.clone(),
                // What clients never see needs no name.
                _ if matches!(role, Role::Info | Role::Terminate) => {
                    Ident::new("received", Span::mixed_site())
                }
                other => {
                    return complain(other.span(), "give this argument a name: clients use it, too");
                }
            };
            if role == Role::Call && last_segment(&input.ty).is_some_and(|segment| segment.ident == "Caller")
            {
                caller = Some(argument_of(&input.ty, 0).ok_or_else(|| {
                    Error::new(input.ty.span(), "say what the caller waits for: `Caller<Answer>`")
                })?);
                continue;
            }
            if matches!(role, Role::Init | Role::Call | Role::Cast)
                && let Type::Reference(reference) = &*input.ty
            {
                return complain(
                    reference.span(),
                    "requests are data: take it by value (`String` for `&str`)",
                );
            }
            arguments.push((name, (*input.ty).clone()));
        }
        check_arguments(role, &arguments, signature.inputs.span())?;
        let attributes = |named: &'static str| {
            item.attrs.iter().filter(move |attribute| attribute.path().is_ident(named)).cloned()
        };
        let conditions: Vec<_> = attributes("cfg").collect();
        if let Some(condition) = conditions.first().filter(|_| !matches!(role, Role::Call | Role::Cast)) {
            return complain(condition.span(), "only calls and casts are there under a condition");
        }
        let method = Self {
            role,
            name: signature.ident.clone(),
            documentation: attributes("doc").collect(),
            conditions,
            arguments,
            caller,
            returns: signature.output.clone(),
        };
        match method.answer() {
            Type::Reference(answer) if role == Role::Call => {
                complain(answer.span(), "an answer is data: return it by value (`String` for `&str`)")
            }
            _ => Ok(Some(method)),
        }
    }

    /// This method, whose signature says what `Self` is: its types are used elsewhere, too.
    pub(crate) fn of_type(mut self, name: &Ident) -> Result<Self> {
        for (_, of) in &mut self.arguments {
            *of = syn::parse2(without_self(of.to_token_stream(), name))?;
        }
        self.caller =
            self.caller.map(|of| syn::parse2(without_self(of.to_token_stream(), name))).transpose()?;
        self.returns = syn::parse2(without_self(self.returns.to_token_stream(), name))?;
        Ok(self)
    }

    /// The type of the answer to a call.
    pub(crate) fn answer(&self) -> Type {
        if let Some(answer) = &self.caller {
            return answer.clone();
        }
        match &self.returns {
            ReturnType::Default => syn::parse_quote!(()),
            // `CallResult<Self, Answer>`
            ReturnType::Type(_, returned)
                if last_segment(returned).is_some_and(|segment| segment.ident == "CallResult") =>
            {
                argument_of(returned, 1).unwrap_or_else(|| syn::parse_quote!(()))
            }
            ReturnType::Type(_, returned) => (**returned).clone(),
        }
    }

    /// The name of its request.
    pub(crate) fn variant(&self) -> Ident {
        Ident::new(&camel_case(&self.name.to_string()), self.name.span())
    }
}

fn without_self(tokens: TokenStream, name: &Ident) -> TokenStream {
    let replaced = tokens.into_iter().map(|token| match token {
        TokenTree::Ident(ident) if ident == "Self" => {
            TokenTree::Ident(Ident::new(&name.to_string(), ident.span()))
        }
        TokenTree::Group(group) => {
            let mut inside = Group::new(group.delimiter(), without_self(group.stream(), name));
            inside.set_span(group.span());
            TokenTree::Group(inside)
        }
        other => other,
    });
    replaced.collect()
}

fn check_arguments(role: Role, arguments: &[(Ident, Type)], span: Span) -> Result<()> {
    let expected = match role {
        Role::Init | Role::Call | Role::Cast => return Ok(()),
        Role::Info | Role::Terminate => 1,
        Role::Timeout | Role::Status => 0,
    };
    if arguments.len() == expected {
        return Ok(());
    }
    let what = match role {
        Role::Info => "one argument: a type that is sent as a plain message, or `Received`",
        Role::Terminate => "one argument: `&ExitReason`",
        _ => "no argument but `self`",
    };
    Err(Error::new(span, format!("`#[{}]` takes {what}", role.name())))
}

fn role(kind: Kind, item: &mut ImplItemFn) -> Result<Option<Role>> {
    let mut found: Option<Role> = None;
    let mut problem = None;
    item.attrs.retain(|attribute| {
        let named = Role::ALL.iter().find(|(name, _)| attribute.path().is_ident(name));
        let Some((name, role)) = named else { return true };
        if attribute.meta.require_path_only().is_err() {
            problem = Some(Error::new(attribute.span(), format!("`#[{name}]` has no arguments")));
        }
        if found.replace(*role).is_some() {
            problem = Some(Error::new(attribute.span(), "a method is for one thing"));
        }
        false
    });
    if let Some(problem) = problem {
        return Err(problem);
    }
    let is_public = matches!(item.vis, syn::Visibility::Public(_));
    Ok(match (kind, found) {
        (Kind::Server, role) => role,
        (Kind::Agent, Some(Role::Cast)) => found,
        (Kind::Agent, Some(role)) => {
            let text = format!("an agent's methods are its requests: `#[{}]` is for a `server`", role.name());
            return Err(Error::new(item.sig.ident.span(), text));
        }
        (Kind::Agent, None) => (is_public && item.sig.receiver().is_some()).then_some(Role::Call),
    })
}

fn last_segment(of: &Type) -> Option<&syn::PathSegment> {
    match of {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// A generic argument of a type, by its place.
fn argument_of(of: &Type, place: usize) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = &last_segment(of)?.arguments else { return None };
    match arguments.args.iter().nth(place)? {
        syn::GenericArgument::Type(argument) => Some(argument.clone()),
        _ => None,
    }
}

fn camel_case(snake: &str) -> String {
    let words = snake.trim_start_matches("r#").split('_').filter(|word| !word.is_empty());
    let capital = |word: &str| -> String {
        let mut letters = word.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
    };
    words.map(capital).collect()
}
