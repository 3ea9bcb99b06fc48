//! Reading a TOML table key by key: every wrong type, missing key and unknown key becomes a diagnostic, and
//! reading goes on.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use regrow_term::Term;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use crate::manifest::diagnostic::{Diagnostic, Located, Span};

pub(super) type Value<'t> = Spanned<DeValue<'t>>;

/// What reading takes from outside, and what it finds wrong.
pub(super) struct Reading<'e> {
    environment: &'e dyn Fn(&str) -> Option<String>,
    errors: RefCell<Vec<Diagnostic>>,
}

impl<'e> Reading<'e> {
    pub(super) fn new(environment: &'e dyn Fn(&str) -> Option<String>) -> Self {
        Self { environment, errors: RefCell::default() }
    }

    pub(super) fn push(&self, diagnostic: Diagnostic) {
        self.errors.borrow_mut().push(diagnostic);
    }

    /// Text with the environment's variables in place of their names: `${NAME}`, or `${NAME:-default}` where it may be
    /// missing; `$${` is `${` itself.
    pub(super) fn substitute(&self, text: &str, span: &Span) -> String {
        let mut done = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            let (before, from) = rest.split_at(start);
            if let Some(before) = before.strip_suffix('$') {
                done.push_str(before);
                done.push_str("${");
                rest = &from[2..];
                continue;
            }
            done.push_str(before);
            let Some(end) = from.find('}') else {
                self.push(
                    Diagnostic::new(span.clone(), "`${` has no `}`", "the name of a variable ends with it")
                        .help("write `$${` for the characters themselves"),
                );
                return done;
            };
            done.push_str(&self.variable(&from[2..end], span));
            rest = &from[end + 1..];
        }
        done.push_str(rest);
        done
    }

    fn variable(&self, reference: &str, span: &Span) -> String {
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let value = (self.environment)(name).filter(|value| !value.is_empty() || default.is_none());
        value.or(default.map(str::to_owned)).unwrap_or_else(|| {
            self.push(
                Diagnostic::new(
                    span.clone(),
                    format!("the environment has no variable {name:?}"),
                    "used here",
                )
                .help(format!("set it, or give a default: ${{{name}:-…}}")),
            );
            String::new()
        })
    }

    /// All errors, in the order of the text, each once.
    pub(super) fn into_sorted(self) -> Vec<Diagnostic> {
        Diagnostic::sorted(self.errors.into_inner())
    }

    fn wrong_type(&self, value: &Value<'_>, key: &str, expected: &str) {
        let found = value.get_ref().type_str();
        self.push(Diagnostic::new(
            value.span(),
            format!("`{key}` has the wrong type"),
            format!("expected {expected}, found {found}"),
        ));
    }
}

/// A table that is being read.
pub(super) struct Table<'a, 't> {
    table: &'a DeTable<'t>,
    span: Span,
    reading: &'a Reading<'a>,
    known: RefCell<BTreeSet<&'static str>>,
}

impl<'a, 't> Table<'a, 't> {
    pub(super) fn new(table: &'a DeTable<'t>, span: Span, reading: &'a Reading<'a>) -> Self {
        Self { table, span, reading, known: RefCell::default() }
    }

    /// `value` as a table.
    pub(super) fn of(value: &'a Value<'t>, key: &str, reading: &'a Reading<'a>) -> Option<Self> {
        match value.get_ref().as_table() {
            Some(table) => Some(Self::new(table, value.span(), reading)),
            None => {
                reading.wrong_type(value, key, "a table");
                None
            }
        }
    }

    /// The value under `key`, which is known from now on.
    pub(super) fn get(&self, key: &'static str) -> Option<&'a Value<'t>> {
        self.known.borrow_mut().insert(key);
        self.table.get(key)
    }

    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    pub(super) fn missing(&self, key: &str, what: &str) {
        // The span of a table written as [header] is its header; of an inline one, all of it.
        self.reading.push(Diagnostic::new(
            self.span(),
            format!("`{key}` is missing"),
            format!("this needs `{key}`: {what}"),
        ));
    }

    pub(super) fn string(&self, key: &'static str) -> Option<Located<String>> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.reading.wrong_type(value, key, "a string");
        }
        Some(Located { value: self.reading.substitute(text?, &value.span()), span: value.span() })
    }

    pub(super) fn required_string(&self, key: &'static str, what: &str) -> Option<Located<String>> {
        if self.table.get(key).is_none() {
            self.known.borrow_mut().insert(key);
            self.missing(key, what);
        }
        self.string(key).filter(|text| {
            let empty = text.value.is_empty();
            if empty {
                self.reading.push(Diagnostic::new(
                    text.span.clone(),
                    format!("`{key}` is empty"),
                    format!("expected {what}"),
                ));
            }
            !empty
        })
    }

    pub(super) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.reading.wrong_type(value, key, "true or false");
        }
        boolean
    }

    /// The text of a string that has variables in it: it may stand for a number.
    fn variables(&self, value: &Value<'_>) -> Option<String> {
        let text = value.get_ref().as_str().filter(|text| text.contains("${"))?;
        Some(self.reading.substitute(text, &value.span()))
    }

    /// A number, whole or not.
    pub(super) fn float(&self, key: &'static str) -> Option<f64> {
        let value = self.get(key)?;
        let text = match value.get_ref() {
            DeValue::Float(float) => Some(float.as_str().replace('_', "")),
            DeValue::Integer(integer) if integer.radix() == 10 => Some(integer.as_str().replace('_', "")),
            _ => self.variables(value),
        };
        let number = text.and_then(|text| text.parse().ok());
        if number.is_none() {
            self.reading.wrong_type(value, key, "a number");
        }
        number
    }

    /// A whole number from `min` on.
    pub(super) fn integer(&self, key: &'static str, min: u64) -> Option<u64> {
        let value = self.get(key)?;
        let (digits, radix) = match (value.get_ref().as_integer(), self.variables(value)) {
            (Some(integer), _) => (integer.as_str().replace('_', ""), integer.radix()),
            (None, Some(text)) => (text.replace('_', ""), 10),
            (None, None) => {
                self.reading.wrong_type(value, key, "a whole number");
                return None;
            }
        };
        let parsed = i128::from_str_radix(&digits, radix).ok();
        let number = parsed.and_then(|number| u64::try_from(number).ok()).filter(|number| *number >= min);
        if number.is_none() {
            self.reading.push(Diagnostic::new(
                value.span(),
                format!("`{key}` is out of range"),
                format!("expected a whole number from {min} to {}", u64::MAX),
            ));
        }
        number
    }

    /// A number of bytes within `range`, as a whole number or as text with a unit (`"64 MiB"`).
    pub(super) fn bytes(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let value = self.get(key)?;
        let bytes = match value.get_ref().as_str() {
            None => self.integer(key, 0)?,
            Some(text) => match parse_bytes(&self.reading.substitute(text, &value.span())) {
                Some(bytes) => bytes,
                None => {
                    self.reading.push(Diagnostic::new(
                        value.span(),
                        format!("`{key}` is no number of bytes"),
                        "expected a number, or text as \"64 MiB\" (B, KiB, MiB, GiB)",
                    ));
                    return None;
                }
            },
        };
        if !range.contains(&bytes) {
            self.reading.push(Diagnostic::new(
                value.span(),
                format!("`{key}` is out of range"),
                format!("expected from {} to {} bytes", range.start(), range.end()),
            ));
            return None;
        }
        Some(bytes)
    }

    /// Milliseconds, or `"infinity"` as none.
    pub(super) fn timeout(&self, key: &'static str) -> Option<Option<Duration>> {
        let value = self.get(key)?;
        match value.get_ref().as_str() {
            Some("infinity") => Some(None),
            Some(text) if text.contains("${") => {
                self.integer(key, 0).map(|ms| Some(Duration::from_millis(ms)))
            }
            Some(_) => {
                self.reading.wrong_type(value, key, "milliseconds or \"infinity\"");
                None
            }
            None => self.integer(key, 0).map(|ms| Some(Duration::from_millis(ms))),
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let text = self.string(key)?;
        let found = words.iter().find(|(word, _)| *word == text.value).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            self.reading.push(Diagnostic::new(
                text.span,
                format!("`{key}` can't be {:?}", text.value),
                format!("expected one of: {}", names.join(", ")),
            ));
        }
        found
    }

    pub(super) fn list(&self, key: &'static str) -> &'a [Value<'t>] {
        let Some(value) = self.get(key) else { return &[] };
        match value.get_ref().as_array() {
            Some(list) => list,
            None => {
                self.reading.wrong_type(value, key, "a list");
                &[]
            }
        }
    }

    pub(super) fn strings(&self, key: &'static str) -> Vec<Located<String>> {
        let items = self.list(key).iter().filter_map(|item| {
            let text = item.get_ref().as_str();
            if text.is_none() {
                self.reading.wrong_type(item, key, "a list of strings");
            }
            Some(Located { value: self.reading.substitute(text?, &item.span()), span: item.span() })
        });
        items.collect()
    }

    /// The table under `key`.
    pub(super) fn table(&self, key: &'static str) -> Option<Table<'a, 't>> {
        Table::of(self.get(key)?, key, self.reading)
    }

    /// Every key and value, whatever the keys are.
    pub(super) fn entries(&self) -> impl Iterator<Item = (Located<String>, &'a Value<'t>)> {
        self.table
            .iter()
            .map(|(key, value)| (Located { value: key.get_ref().to_string(), span: key.span() }, value))
    }

    /// Reports the keys that nobody asked for.
    pub(super) fn finish(self) {
        let known = self.known.into_inner();
        for (key, _) in self.table.iter().filter(|(key, _)| !known.contains(key.get_ref().as_ref())) {
            let name = key.get_ref();
            let mut error =
                Diagnostic::new(key.span(), format!("unknown key `{name}`"), "this is not understood here");
            let closest = known.iter().min_by_key(|candidate| distance(candidate, name));
            error = match closest.filter(|candidate| distance(candidate, name) <= 2) {
                Some(candidate) => error.help(format!("did you mean `{candidate}`?")),
                None => {
                    let names: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                    error.help(format!("known keys: {}", names.join(", ")))
                }
            };
            self.reading.push(error);
        }
    }
}

/// A TOML value as a term. Dates become text; integers beyond 64 bits are errors.
pub(super) fn to_term(value: &Value<'_>, errors: &Reading<'_>) -> Term {
    match value.get_ref() {
        DeValue::String(text) => Term::Text(errors.substitute(text, &value.span())),
        DeValue::Integer(integer) => {
            let digits = integer.as_str().replace('_', "");
            let number = i128::from_str_radix(&digits, integer.radix()).ok();
            let fits = |number: &i128| i64::try_from(*number).is_ok() || u64::try_from(*number).is_ok();
            number.filter(fits).map(Term::Integer).unwrap_or_else(|| {
                errors.push(Diagnostic::new(
                    value.span(),
                    "this number is out of range",
                    format!("expected a whole number from {} to {}", i64::MIN, u64::MAX),
                ));
                Term::Null
            })
        }
        DeValue::Float(float) => Term::Float(float.as_str().replace('_', "").parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(boolean) => Term::Bool(*boolean),
        DeValue::Datetime(datetime) => Term::Text(datetime.to_string()),
        DeValue::Array(items) => Term::List(items.iter().map(|item| to_term(item, errors)).collect()),
        DeValue::Table(table) => {
            let pair = |(key, value): (&Spanned<DeString<'_>>, &Value<'_>)| {
                (Term::text(key.get_ref()), to_term(value, errors))
            };
            Term::Map(table.iter().map(pair).collect())
        }
    }
}

fn parse_bytes(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let number: u64 = text[..digits].replace('_', "").parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// How many letters must be changed, added or left out (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
