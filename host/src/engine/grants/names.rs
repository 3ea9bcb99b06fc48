//! Patterns of names.

use std::fmt;

/// A name, or all that begin in the same way: `tenant-a/*`, `*`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NamePattern(String);

impl NamePattern {
    /// The pattern that `text` stands for.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fixed = text.strip_suffix('*').unwrap_or(text);
        if text.is_empty() || fixed.contains('*') {
            return Err("expected a name, or the beginning of names with a `*` behind it".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// As [`NamePattern::parse`], for names of the network: their beginnings are anybody's, so that only whole names and `*` are
    /// patterns.
    ///
    /// # Errors
    /// Why it is none.
    pub fn parse_host(text: &str) -> Result<Self, String> {
        if text.len() > 1 && text.ends_with('*') {
            return Err("expected a name of the network, or `*` for every name".to_owned());
        }
        Self::parse(text)
    }

    /// Whether the name is one of those.
    pub fn matches(&self, name: &str) -> bool {
        match self.0.strip_suffix('*') {
            Some(beginning) => name.starts_with(beginning),
            None => name == self.0,
        }
    }

    /// Whether every name of `other` is one of these.
    pub fn covers(&self, other: &Self) -> bool {
        match (self.0.strip_suffix('*'), other.0.strip_suffix('*')) {
            (Some(own), Some(others)) => others.starts_with(own),
            (Some(_), None) => self.matches(&other.0),
            (None, _) => self.0 == other.0,
        }
    }

    /// The names that are of both.
    pub(super) fn intersection(&self, other: &Self) -> Option<Self> {
        if self.covers(other) { Some(other.clone()) } else { other.covers(self).then(|| self.clone()) }
    }
}

impl fmt::Display for NamePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> NamePattern {
        NamePattern::parse(text).unwrap()
    }

    #[test]
    fn a_pattern_is_a_name_or_a_beginning() {
        assert!(pattern("db").matches("db") && !pattern("db").matches("db2"));
        assert!(pattern("db*").matches("db") && pattern("db*").matches("db2") && pattern("*").matches(""));
        assert!(!pattern("db/*").matches("db"));
        for wrong in ["", "a*b", "**", "*a"] {
            assert!(NamePattern::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_of_both_is_covered_by_both() {
        let all = ["*", "a*", "ab*", "ab", "abc", "b*", "b"].map(pattern);
        for (one, other) in all.iter().flat_map(|one| all.iter().map(move |other| (one, other))) {
            let both = one.intersection(other);
            for name in ["", "a", "ab", "abc", "abcd", "b", "bc", "c"] {
                let of_both = both.as_ref().is_some_and(|both| both.matches(name));
                assert_eq!(of_both, one.matches(name) && other.matches(name), "{one} {other} {name:?}");
                if one.covers(other) && other.matches(name) {
                    assert!(one.matches(name), "{one} covers {other}, but for {name:?}");
                }
            }
        }
    }
}
