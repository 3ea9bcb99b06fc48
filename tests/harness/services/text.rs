//! Terms, as scenarios write them.

use regrow_term::{Term, encode};

/// The term that a text stands for, encoded.
///
/// # Panics
/// If it is none.
pub(super) fn encoded(text: &str) -> Vec<u8> {
    encode(&term(text)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub(super) fn term(text: &str) -> Term {
    let (term, rest) = parse(text);
    assert!(rest.is_empty(), "{rest:?} stands behind the term of {text:?}");
    term
}

/// A term, and what stands behind it.
fn parse(text: &str) -> (Term, &str) {
    if let Some(inside) = text.strip_prefix("<<\"") {
        let (word, rest) = inside.split_once("\">>").unwrap_or_else(|| panic!("no text: {text:?}"));
        return (Term::from(word), rest);
    }
    if let Some(mut inside) = text.strip_prefix('[') {
        let mut items = Vec::new();
        loop {
            if let Some(rest) = inside.strip_prefix(']') {
                return (Term::List(items), rest);
            }
            let (item, rest) = parse(inside.strip_prefix(',').unwrap_or(inside));
            items.push(item);
            inside = rest;
        }
    }
    let end = text.find([',', ']']).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let integer = number.parse::<i64>().map(Term::from);
    let term = integer.or_else(|_| number.parse::<f64>().map(Term::from));
    (term.unwrap_or_else(|_| panic!("no term: {text:?}")), rest)
}

pub(super) fn show(term: &Term) -> String {
    match term {
        Term::Text(text) => format!("<<\"{text}\">>"),
        Term::Float(number) => format!("{number:.1}"),
        Term::List(items) => shown(items),
        Term::Bool(known) => known.to_string(),
        other => other.to_string(),
    }
}

pub(super) fn shown(terms: &[Term]) -> String {
    format!("[{}]", terms.iter().map(show).collect::<Vec<_>>().join(","))
}

/// Where there is no order: sorted by their text.
pub(super) fn sorted(mut texts: Vec<String>) -> String {
    texts.sort();
    format!("[{}]", texts.join(","))
}
